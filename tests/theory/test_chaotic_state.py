import numpy as np
import pytest
from gaussian_sums import average, average_of_product
from scipy.optimize import brentq, root
from scipy.special import erf

from eiphase.networks import rate, weights
from eiphase.networks.weights import Network
from eiphase.observables import fluctuation
from eiphase.theory import chaotic_state, meanfield
from eiphase.theory.meanfield import Coupling

GAIN_1 = np.pi / 4  # variance K of weights at which r = 0 loses stability: K erf'(0)² = 1


def coupling(**changes):
    values = {"n_neurons": 400, "q_factor": 8.0, "g_factor": 6.5, "bias": 0.1, "step_size": 0.01}
    return meanfield.coupling(**(values | changes))


@pytest.mark.parametrize("gain", [1.02, 1.2, 2.0, 10.0])
def test_variance_of_gaussian_weights_without_bias(gain):
    """Then <erf erf> = 2/π asin(2 x / (1 + 2 Δ0)), and its integral is elementary."""
    k = gain**2 * GAIN_1

    def energy(variance):
        ratio = 2 * variance / (1 + 2 * variance)
        integral = ratio * np.arcsin(ratio) + np.sqrt(1 - ratio**2) - 1
        return k * (2 / np.pi) * (1 + 2 * variance) / 2 * integral - variance**2 / 2

    exact = brentq(energy, 1e-6 + (gain - 1) / 10, 10 * k)
    found = chaotic_state.solve(Coupling(0.0, k, 0.0))
    assert found.variance == pytest.approx(exact, rel=1e-6)
    assert found.c0 == pytest.approx(exact, rel=1e-6)
    assert found.mean == pytest.approx(0, abs=1e-9)


def test_variance_of_signs():
    """erf becomes a sign at strong coupling, and Δ(0) = 2 (1 - 2/π) K."""
    found = chaotic_state.solve(Coupling(0.0, 1e8, 0.0))
    assert found.variance == pytest.approx(2 * (1 - 2 / np.pi) * 1e8, rel=1e-3)


@pytest.mark.parametrize("gain", [0.5, 0.99])
def test_no_chaos_below_gain_1(gain):
    assert chaotic_state.solve(Coupling(0.0, gain**2 * GAIN_1, 0.0)) is None


@pytest.mark.parametrize("g_factor", [3.5, 4.0, 4.5, 6.5])
def test_chaos_begins_where_the_fixed_point_loses_stability(g_factor):
    border = meanfield.ensemble_critical_q(
        n_neurons=400, g_factor=g_factor, bias=0.1, step_size=0.01, largest_q=12.0
    ).value
    assert chaotic_state.solve(coupling(g_factor=g_factor, q_factor=0.995 * border)) is None
    above = chaotic_state.solve(coupling(g_factor=g_factor, q_factor=1.005 * border))
    assert 0 < above.c0 < 0.01 * above.variance


@pytest.mark.parametrize(("q_factor", "g_factor"), [(3.5, 6.5), (5.5, 4.0), (12.0, 4.5)])
def test_solution_is_self_consistent(q_factor, g_factor):
    """µ, Δ(∞), and the equation of motion at a few lags, by sums over Gaussian variables."""
    j = coupling(q_factor=q_factor, g_factor=g_factor)
    found = chaotic_state.solve(j)
    mean_input = j.mean * average(erf, found.mean, found.variance) + j.drive
    assert mean_input == pytest.approx(found.mean, rel=1e-5)
    state = (found.mean, found.variance)
    static = j.variance * average_of_product(erf, *state, found.static_variance)
    assert static == pytest.approx(found.static_variance, rel=1e-5)
    step = 0.05
    for lag in (0.0, 1.0, 4.0):
        c = chaotic_state.autocovariance(found, np.array([lag - step, lag, lag + step]))
        acceleration = (c[0] - 2 * c[1] + c[2]) / step**2
        total = c[1] + found.static_variance
        force = total - j.variance * average_of_product(erf, *state, total)
        assert acceleration == pytest.approx(force, abs=5e-3 * found.c0)


def test_decay_time_is_where_autocovariance_is_an_eth():
    found = chaotic_state.solve(coupling())
    lags = np.array([0.0, chaotic_state.decay_time(found), 1e4])
    c = chaotic_state.autocovariance(found, lags)
    np.testing.assert_allclose(c / found.c0, [1, 1 / np.e, 0], atol=1e-6)


def test_chaos_slows_down_towards_the_border():
    times = [
        chaotic_state.decay_time(chaotic_state.solve(coupling(q_factor=q))) for q in (3.1, 3.3, 4)
    ]
    assert times[0] > 2 * times[1] > 2 * times[2]


def test_times_of_the_map_are_shorter():
    """By √(1 - dr), at dr = 0.2, in the map's own theory without mean or drive.

    Δ(k) is the autocovariance of r(t+1) = (1 - dr) r(t) + dr η(t): input convolved twice with the
    map's answer to a pulse. Solved by Newton-like steps, from another guess than theory's curve.
    """
    dr, k, n = 0.2, 4 * GAIN_1, 200
    pulse = dr * (1 - dr) ** np.arange(n)
    pulses = np.array([pulse[: n - j] @ pulse[j:] for j in range(n)])
    index = np.arange(n)
    kernel = pulses[np.abs(index[:, None] - index)]
    kernel[:, 1:] += pulses[np.minimum(index[:, None] + index[1:], n - 1)]

    def residual(delta):
        return kernel @ (k * 2 / np.pi * np.arcsin(2 * delta / (1 + 2 * delta[0]))) - delta

    flow = chaotic_state.solve(Coupling(0.0, k, 0.0))
    guess = flow.c0 / np.cosh(dr * index / 3) ** 2
    delta = root(residual, guess, tol=1e-12).x
    assert np.abs(residual(delta)).max() < 1e-8
    assert delta[0] == pytest.approx(flow.c0, rel=0.02)
    of_map = dr * np.interp(-delta[0] / np.e, -delta, index)
    ratio = of_map / chaotic_state.decay_time(flow)
    assert ratio == pytest.approx(np.sqrt(1 - dr), rel=5e-3)


def test_simulated_networks_fluctuate_as_predicted():
    """Three networks of 400 neurons, 80 time constants each, in steps of 0.05.

    Runs as short and networks as small keep some of the variance for their means over time.
    """
    found = chaotic_state.solve(coupling(q_factor=10.0))
    simulated = []
    for seed in (1, 2, 3):
        half = weights.half_gaussian(weights.gaussian_matrix(400, seed))
        point = Network(
            n_neurons=400, q_factor=10.0, g_factor=6.5, seed=seed, bias=0.5, step_size=0.05
        )
        states = rate.run(rate.Batch(half, [point]), 2_000)[0, 400:]
        c = fluctuation.standard_autocovariance(states, max_lag=0)
        simulated.append([states.mean(), states.var(), c[0]])
    mean, variance, c0 = np.mean(simulated, axis=0)
    assert variance == pytest.approx(found.variance, rel=0.15)
    assert c0 == pytest.approx(found.c0, rel=0.25)
    assert abs(mean - found.mean) < 0.1 * np.sqrt(found.variance)


def test_states_along_q_are_those_at_each_alone_whatever_the_others():
    at_one = meanfield.coupling(n_neurons=400, q_factor=1.0, g_factor=4.5, bias=0.1, step_size=0.01)
    strengths = [12.0, 4.3, 100.0, 4.4, 6.0]  # the border is at 4.37
    found = chaotic_state.solve_along(at_one, strengths)
    assert [state is None for state in found] == [False, True, False, False, False]
    for strength, state in zip(strengths, found, strict=True):
        assert chaotic_state.solve_along(at_one, [strength]) == [state]
        alone = chaotic_state.solve(meanfield.scaled(at_one, strength))
        if state is not None:
            assert state.coupling == alone.coupling
            assert state.c0 == pytest.approx(alone.c0, rel=1e-9)
            assert state.mean == pytest.approx(alone.mean, rel=1e-9)
