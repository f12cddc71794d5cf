"""Theory against plain quadrature, eigenvalues and simulation."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import erf, erfcx

from eiphase.networks import weights as network
from eiphase.theory import lif_working_point, meanfield
from eiphase.theory.lif_working_point import LIFNeuron, WeightMoments

NEURON = LIFNeuron(du=0.07, dv=0.01, drive=5.0)


def matrix(q_factor, g_factor, *, n_neurons=400, seed=1):
    half = network.half_gaussian(network.gaussian_matrix(n_neurons, seed))
    return network.weights(half, q_factor=q_factor, g_factor=g_factor)


def siegert(mean, deviation, refractory_steps=0):
    """The formula of the docstring, by adaptive quadrature."""
    tau_m, tau_s = -1 / math.log(0.99), -1 / math.log(0.93)
    k = 1.4603545088095868 / math.sqrt(2) * math.sqrt(tau_s / tau_m)
    ends = -mean / deviation + k * 0.93**refractory_steps, (1 - mean) / deviation + k
    integral, _ = quad(lambda y: erfcx(-y), *ends, epsabs=0, epsrel=1e-10, limit=500)
    return 1 / (refractory_steps + 0.5 + tau_m * math.sqrt(math.pi) * integral)


@given(mean=st.floats(-30, 30), deviation=st.floats(0.05, 30), refractory_steps=st.integers(0, 100))
def test_firing_rate_is_siegerts_formula(mean, deviation, refractory_steps):
    if (1 - mean) / deviation > 9:
        return  # below 1e-37 spikes per step
    expected = siegert(mean, deviation, refractory_steps)
    neuron = replace(NEURON, refractory_steps=refractory_steps)
    assert lif_working_point.firing_rate(neuron, mean, deviation) == pytest.approx(
        expected, rel=1e-5
    )


def test_without_noise_neurons_fire_as_they_do_on_paper():
    """v(n) = 5 (1 - 0.99^n) passes 1 after ln 0.8 / ln 0.99 steps, seen half a step later."""
    interval = math.log(0.8) / math.log(0.99) + 0.5
    rate = lif_working_point.firing_rate(NEURON, 5.0, 0.0)
    assert rate == pytest.approx(1 / interval, rel=1e-4)
    assert lif_working_point.firing_rate(NEURON, 0.9, 0.0) == 0
    assert lif_working_point.firing_rate(NEURON, 1e6, 1.0) == 1
    resting = replace(NEURON, refractory_steps=5)
    rate = lif_working_point.firing_rate(resting, 5.0, 0.0)
    assert rate == pytest.approx(1 / (interval + 5), rel=1e-4)
    assert lif_working_point.firing_rate(resting, 1e6, 1.0) == 1 / 6


@pytest.mark.parametrize(
    ("mean", "deviation", "rest"),
    [(0.5, 1.0, 0), (1.5, 1.0, 0), (0.0, 3.0, 0), (0.0, 3.0, 5), (0.0, 3.0, 20)],
)
def test_firing_rate_is_that_of_neurons_in_noise(mean, deviation, rest):
    """White noise through the current's filter, with the variance per step that sigma means."""
    rng = np.random.default_rng(0)
    u, v, n_spikes, until = np.zeros(2000), np.zeros(2000), 0, np.zeros(2000)
    per_step = deviation * math.sqrt(0.01) * 0.07  # PSPs of du / du: sigma^2 = variance / dv
    for t in range(3000):
        u = 0.93 * u + per_step * rng.normal(size=2000)
        v = np.where(until < t, 0.99 * v + u + 0.01 * mean, v)
        fired = v > 1
        v[fired], until[fired] = 0, t + rest
        n_spikes += fired.sum() if t >= 1000 else 0
    neuron = replace(NEURON, refractory_steps=rest)
    found = lif_working_point.firing_rate(neuron, mean, deviation)
    assert found == pytest.approx(n_spikes / 2000 / 2000, rel=0.08)


def test_moments_are_sums_over_presynaptic_neurons():
    weights = matrix(4.0, 5.0)
    found = WeightMoments.of(weights)
    assert found.mean == pytest.approx(weights.sum(axis=1).mean())
    assert found.square == pytest.approx((weights**2).sum(axis=1).mean())
    covariance = sum(
        part.shape[1] * np.cov(part.ravel(), part.ravel() ** 2, ddof=0)
        for part in (weights[:, :320], weights[:, 320:])
    )
    np.testing.assert_allclose(
        [[found.variance, found.covariance], [found.covariance, found.square_variance]], covariance
    )


@pytest.mark.parametrize("rest", [0, 5])
@pytest.mark.parametrize("scale", [0.01, 0.2, 1.0])
def test_lif_working_point_is_self_consistent(scale, rest):
    moments = WeightMoments.of(matrix(1.7, 5.0))
    neuron = replace(NEURON, refractory_steps=rest)
    found = lif_working_point.lif_working_point(neuron, moments, scale)
    assert found.mean == pytest.approx(5 + scale * moments.mean * found.rate * 100)
    assert found.deviation**2 == pytest.approx(scale**2 * moments.square * found.rate * 100)
    assert siegert(found.mean, found.deviation, rest) == pytest.approx(found.rate, rel=1e-5)


@pytest.mark.parametrize("rest", [0, 5])
def test_effective_couplings_are_how_a_rate_answers_to_another(rest):
    """alpha J + beta J^2 is the change of the rate, by differences of the quadrature."""
    weights = matrix(1.7, 5.0)
    moments = WeightMoments.of(weights)
    neuron = replace(NEURON, refractory_steps=rest)
    found = lif_working_point.lif_working_point(neuron, moments, 1.0)
    mu, variance, h = found.mean, found.deviation**2, 1e-4

    def rate(mean, variance):
        return siegert(mean, variance**0.5, rest)

    alpha = 100 * (rate(mu + h, variance) - rate(mu - h, variance)) / (2 * h)
    beta = 100 * (rate(mu, variance + h) - rate(mu, variance - h)) / (2 * h)
    effective = alpha * weights + beta * weights**2
    squared = 320 * effective[:, :320].var() + 80 * effective[:, 320:].var()
    assert abs(beta) > 0.01
    assert found.radius == pytest.approx(math.sqrt(squared), rel=1e-4)


def radius_of_rates(moments, drive):
    coupling = meanfield.Coupling(moments.mean, moments.variance, drive)
    return meanfield.fixed_point(coupling).radius


def test_rate_radius_without_drive_is_that_of_the_weights():
    """All rest at r = 0, where erf' = 2 / sqrt(pi)."""
    moments = WeightMoments.of(matrix(1.9, 4.0))
    assert 0.3 < moments.variance < math.pi / 4
    expected = math.sqrt(moments.variance) * 2 / math.sqrt(math.pi)
    assert radius_of_rates(moments, 1e-9) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("q_factor", "g_factor"), [(4.7, 4.5), (4.2, 5.5)])
def test_rate_radius_holds_the_eigenvalues(q_factor, g_factor):
    """Of the couplings around the fixed point of one large network, which is simulated."""
    weights = matrix(q_factor, g_factor, n_neurons=1000)
    r = np.zeros(1000)
    for _ in range(600):
        r = 0.9 * r + 0.1 * (10 + weights @ erf(r))
    assert np.abs(10 + weights @ erf(r) - r).max() < 1e-3
    slopes = 2 / math.sqrt(math.pi) * np.exp(-(r**2))
    active = slopes > 1e-12  # columns of the others, and their eigenvalues, are zero
    couplings = weights[np.ix_(active, active)] * slopes[active]
    moduli = np.sort(np.abs(np.linalg.eigvals(couplings)))
    found = radius_of_rates(WeightMoments.of(weights), 10.0)
    # Few lie outside of the disc: one that the mean coupling makes, and at its rim.
    assert moduli[-5] == pytest.approx(found, rel=0.15)


def test_rates_of_single_neurons_are_self_consistent():
    weights = matrix(1.5, 5.0)
    spread = math.sqrt(WeightMoments.of(weights).square)
    rate = lif_working_point.population_rate(NEURON, weights, spread, 0.03)
    rates = np.full(400, rate)
    for _ in range(300):
        mu = 5 + weights @ rates * 100
        sigma = spread * math.sqrt(rates.mean() * 100)
        new = np.array([lif_working_point.firing_rate(NEURON, m, sigma) for m in mu])
        rates += 0.2 * (new - rates)
    assert np.std(rates) > 0.2 * rate
    assert rate == pytest.approx(rates.mean(), rel=1e-3)


def test_no_rate_is_expected_where_no_working_point_is_stable():
    weights = matrix(5.0, 5.0)
    spread = math.sqrt(WeightMoments.of(weights).square)
    assert np.isnan(lif_working_point.population_rate(NEURON, weights, spread, 0.02))
