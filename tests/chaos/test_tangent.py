"""Exponents of rate networks whose exponents are known, or found in another way."""

import math

import numpy as np
import pytest

from eiphase.chaos import lyapunov, tangent
from eiphase.flags import ExponentFlag
from eiphase.networks import rate, weights
from eiphase.networks.weights import Network


def growth_of(half, points, n_steps):
    batch = rate.Batch(half, points)
    states = rate.run(batch, n_steps)
    return states, tangent.log_growth(batch, states)


def weights_of(half, point):
    return weights.weights(half, q_factor=point.q_factor, g_factor=point.g_factor)


def step(state, half, point):
    n = len(half)
    return rate.step(
        state, weights_of(half, point), np.full(n, point.bias), np.full(n, point.step_size)
    )


def test_without_recurrence_the_exponent_is_that_of_the_leak():
    point = Network(n_neurons=7, q_factor=1.0, g_factor=1.0, seed=0, step_size=0.03)
    _, growth = growth_of(np.zeros((7, 7)), [point], 50)
    np.testing.assert_allclose(growth, math.log1p(-0.03), rtol=1e-12)


@pytest.mark.parametrize("q_factor", [1.0, 2.5])
def test_at_a_stable_fixed_point_it_is_the_largest_eigenvalue(q_factor):
    """ln |mu|, mu the eigenvalue of largest modulus of the map's Jacobian matrix.

    The next eigenvalues are so close that the vector takes thousands of steps to turn.
    """
    point = Network(n_neurons=60, q_factor=q_factor, g_factor=5.0, seed=4)
    half = weights.half_gaussian(weights.gaussian_matrix(60, 4))
    states, growth = growth_of(half, [point], 40_000)
    fixed_point = states[0, -1]
    np.testing.assert_allclose(step(fixed_point, half, point), fixed_point, rtol=1e-9)
    slope = np.array([2 / math.sqrt(math.pi) * math.exp(-(r**2)) for r in fixed_point])
    jacobian = 0.99 * np.eye(60) + 0.01 * weights_of(half, point) * slope
    expected = math.log(np.abs(np.linalg.eigvals(jacobian)).max())
    assert expected < 0
    found = lyapunov.exponent(growth[0, 30_000:])
    assert found.value == pytest.approx(expected, abs=1e-5)


@pytest.fixture(scope="module")
def chaotic():
    point = Network(n_neurons=200, q_factor=8.0, g_factor=5.0, seed=3)
    half = weights.half_gaussian(weights.gaussian_matrix(200, 3))
    return half, point, *growth_of(half, [point], 4000)


def twin_growth(start, half, point, states):
    """Growth of a difference of 1e-7 along the states, by `rate.step` alone."""
    difference, found = start, []
    for state in [np.zeros(len(half)), *states[:-1]]:
        difference = difference * (1e-7 / np.linalg.norm(difference))
        difference = step(state + difference, half, point) - step(state, half, point)
        found.append(np.log(np.linalg.norm(difference) / 1e-7))
    return np.array(found)


def test_in_chaos_each_step_is_what_a_nearby_trajectory_does(chaotic):
    half, point, states, growth = chaotic
    start = np.random.RandomState(tangent.SEED).standard_normal(200)
    found = twin_growth(start, half, point, states[0])
    np.testing.assert_allclose(growth[0], found, atol=2e-4)


def test_in_chaos_it_does_not_depend_on_the_direction_at_the_start(chaotic):
    half, point, states, growth = chaotic
    found = twin_growth(np.random.RandomState(9).standard_normal(200), half, point, states[0])
    exponent = lyapunov.exponent(growth[0, 1000:])
    assert exponent.value > 3 * exponent.error > 0
    assert found[1000:].mean() == pytest.approx(exponent.value, abs=exponent.error)


def test_on_a_limit_cycle_it_is_zero():
    """Two neurons that excite themselves and chase each other."""
    half = np.array([[2.0, -2.0], [2.0, 2.0]])
    point = Network(n_neurons=2, q_factor=math.sqrt(0.5), g_factor=1.0, seed=0, bias=0.001)
    assert np.array_equal(weights_of(half, point).round(12), half)
    states, growth = growth_of(half, [point], 20_000)
    assert np.ptp(states[0, -2000:], axis=0).min() > 1  # it does go round
    assert lyapunov.exponent(growth[0, 5000:]).value == pytest.approx(0, abs=2e-5)


def test_an_independent_gaussian_network_turns_chaotic_at_gain_1():
    """Sompolinsky, Crisanti & Sommers (1988); the slope of erf at 0 is part of the gain.

    Below, the exponent is that of the fixed point r = 0, for a bias that is nearly none.
    With 300 neurons it stays close to 0 up to a gain of 1.5 or so.
    """
    n, seed, gains = 300, 3, [0.5, 0.8, 2.0, 3.0]
    gaussian = weights.gaussian_matrix(n, seed)  # as it is: both signs in each column
    points = []
    for gain in gains:
        q_factor = math.sqrt(gain * math.sqrt(math.pi) / 2 * math.sqrt(n)) / 2
        point = Network(n_neurons=n, q_factor=q_factor, g_factor=1.0, seed=seed, bias=1e-4)
        points.append(point)
    _, growth = growth_of(gaussian, points, 9_000)
    found = [lyapunov.exponent(x[3000:]) for x in growth]
    for gain, exponent in zip(gains[:2], found[:2], strict=True):
        modes = 0.99 + 0.01 * gain * np.linalg.eigvals(gaussian / math.sqrt(n))
        assert exponent.value == pytest.approx(math.log(np.abs(modes).max()), rel=0.05)
        assert exponent.value < 0
    assert found[2].value > 2 * found[2].error
    assert found[3].value > 2 * found[3].error


def test_exponents_do_not_depend_on_the_company():
    half = weights.half_gaussian(weights.gaussian_matrix(40, 7))
    points = [
        Network(n_neurons=40, q_factor=q, g_factor=g, seed=7)
        for q, g in np.random.default_rng(0).uniform(1, 10, (rate.LANES + 5, 2))
    ]
    _, together = growth_of(half, points, 60)
    for point, expected in zip(points, together, strict=True):
        assert np.array_equal(growth_of(half, [point], 60)[1][0], expected)


def test_a_trajectory_that_is_not_finite_is_flagged():
    point = Network(n_neurons=5, q_factor=1.0, g_factor=1.0, seed=0)
    batch = rate.Batch(np.ones((5, 5)), [point])
    states = np.full((1, 20, 5), np.nan)
    found = lyapunov.exponent(tangent.log_growth(batch, states)[0])
    assert found.flag == ExponentFlag.BROKEN
