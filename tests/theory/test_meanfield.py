import numpy as np
import pytest
from gaussian_sums import average
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import root
from scipy.special import erf

from eiphase.networks import weights as network
from eiphase.theory import fixed_point, meanfield
from eiphase.theory.meanfield import Border, Coupling

STEEPEST = 2 / np.sqrt(np.pi)  # erf'(0)


def sampled(n_neurons, q_factor, g_factor, seed):
    half = network.half_gaussian(network.gaussian_matrix(n_neurons, seed))
    return network.weights(half, q_factor=q_factor, g_factor=g_factor)


@pytest.mark.parametrize("g_factor", [0.5, 4.0, 7.0])
def test_coupling_is_the_mean_and_variance_of_the_input(g_factor):
    """Of neurons that receive activity which is independent of the weights."""
    n = 500
    activity = np.random.default_rng(0).uniform(-1, 1, n)
    activity *= np.sqrt(1 / np.mean(activity[:400] ** 2))  # the theory takes E and I as alike
    activity[400:] *= np.sqrt(1 / np.mean(activity[400:] ** 2))
    of_theory = meanfield.coupling(
        n_neurons=n, q_factor=3.0, g_factor=g_factor, bias=0.2, step_size=0.05
    )
    weights = [sampled(n, 3.0, g_factor, seed) for seed in range(20)]
    # 10,000 neurons: the variance is known to 1.4 %, the mean to 1 % of the spread.
    variance = np.mean([np.var(w @ activity) for w in weights])
    assert variance == pytest.approx(of_theory.variance, rel=0.05)
    mean = np.mean([w.sum(axis=1) for w in weights])
    assert mean == pytest.approx(of_theory.mean, abs=0.04 * np.sqrt(of_theory.variance))
    assert of_theory.drive == pytest.approx(4.0)


@pytest.mark.parametrize("gain", [0.5, 0.99, 1.0, 3.0])
def test_gaussian_weights_without_bias_have_their_transition_at_gain_1(gain):
    """Gain is the standard deviation of a weight times √N times erf'(0)."""
    found = meanfield.fixed_point(Coupling(0.0, (gain / STEEPEST) ** 2, 0.0))
    assert (found.mean, found.variance) == (0, 0)
    assert found.radius == pytest.approx(gain)
    assert found.multiplier(0.01) == pytest.approx(1 + 0.01 * (gain - 1))


def test_without_bias_inhibition_leaves_the_border_to_the_bulk():
    """(2q)²/N √(320 + 80 g²) std erf'(0) = 1 at r = 0, for N = 400."""
    found = meanfield.ensemble_critical_q(
        n_neurons=400, g_factor=5.0, bias=0.0, step_size=0.01, largest_q=10.0
    )
    deviation = np.sqrt(1 / 2 - 1 / (2 * np.pi))
    q_squared = 400 / (4 * STEEPEST * deviation * np.sqrt(320 + 80 * 25))
    assert found.value == pytest.approx(np.sqrt(q_squared))
    assert found.border == Border.BULK


def test_without_bias_excitation_makes_the_mean_grow():
    """(2q)²/N (320 - 80 g) mean erf'(0) = 1 at r = 0, for N = 400."""
    found = meanfield.ensemble_critical_q(
        n_neurons=400, g_factor=1.0, bias=0.0, step_size=0.01, largest_q=10.0
    )
    q_squared = 400 * np.sqrt(2 * np.pi) / (4 * STEEPEST * (320 - 80))
    assert found.value == pytest.approx(np.sqrt(q_squared))
    assert found.border == Border.MEAN


def test_a_large_step_overshoots():
    """Of very many neurons, J̄ erf'(0) reaches 1 - 2 / dr long before the bulk reaches 1."""
    found = meanfield.ensemble_critical_q(
        n_neurons=1_000_000, g_factor=10.0, bias=0.0, step_size=0.1, largest_q=10.0
    )
    q_squared = 19 * np.sqrt(2 * np.pi) / (4 * STEEPEST * (0.2 * 10 - 0.8))
    assert found.value == pytest.approx(np.sqrt(q_squared))
    assert found.border == Border.MEAN


def test_weak_coupling_has_no_border():
    found = meanfield.ensemble_critical_q(
        n_neurons=400, g_factor=4.5, bias=0.1, step_size=0.01, largest_q=2.0
    )
    assert np.isnan(found.value)
    assert found.border == Border.NONE


COUPLINGS = {
    "mean": st.floats(-8, 1),
    "variance": st.floats(0.01, 30),
    "drive": st.floats(-10, 10),
}


@given(**COUPLINGS)
def test_fixed_point_is_self_consistent(mean, variance, drive):
    found = meanfield.fixed_point(Coupling(mean, variance, drive))
    at = (found.mean, found.variance)
    scale = 1 + abs(drive) + abs(mean) + variance
    assert mean * average(erf, *at) + drive == pytest.approx(found.mean, abs=1e-7 * scale)
    square = average(lambda x: erf(x) ** 2, *at)
    assert variance * square == pytest.approx(found.variance, abs=1e-7 * scale)
    slopes = average(lambda x: 4 / np.pi * np.exp(-2 * x**2), *at)
    assert found.radius == pytest.approx(np.sqrt(variance * slopes), abs=1e-7 * scale)


def test_the_fixed_point_of_a_sweep_is_found_everywhere():
    for q in np.linspace(0.1, 12, 12):
        for g in (1.0, 4.0, 6.5, 10.0):
            coupling = meanfield.coupling(
                n_neurons=400, q_factor=q, g_factor=g, bias=0.1, step_size=0.01
            )
            found = meanfield.fixed_point(coupling)
            again = coupling.mean * slow_average(erf, found.mean, found.variance) + coupling.drive
            assert again == pytest.approx(found.mean, abs=1e-7 * (10 + abs(coupling.mean)))


def test_outliers_are_those_of_the_self_consistency_map():
    """Iterating µ, s -> J̄ <erf> + b/dr, K <erf²> has a derivative with the same eigenvalues."""
    coupling = Coupling(-3.0, 9.0, 2.0)
    found = meanfield.fixed_point(coupling)

    def once(mean, variance):
        square = average(lambda x: erf(x) ** 2, mean, variance)
        return np.array([-3.0 * average(erf, mean, variance) + 2.0, 9.0 * square])

    at, small = np.array([found.mean, found.variance]), 1e-5
    derivative = np.column_stack(
        [(once(*(at + d)) - once(*(at - d))) / (2 * small) for d in small * np.eye(2)]
    )
    expected = np.sort_complex(np.linalg.eigvals(derivative))
    np.testing.assert_allclose(np.sort_complex(found.outliers), expected, rtol=1e-6)


def test_sampled_networks_are_as_theory_says():
    """Mean, variance, bulk and outlier at the fixed points of networks below the border.

    A network's mean differs from µ since the mean weights, m, of its columns meet activity that
    is not evenly spread over them: by √(K Var(erf r) m² / v), less by the feedback of the mean.
    """
    n, q, g, n_seeds = 800, 3.0, 6.5, 2
    coupling = meanfield.coupling(n_neurons=n, q_factor=q, g_factor=g, bias=0.1, step_size=0.01)
    predicted = meanfield.fixed_point(coupling)
    seen = []
    for seed in range(n_seeds):
        weights = sampled(n, q, g, seed)
        found = fixed_point.settled(weights, 10.0, step_size=0.01)
        spectrum = fixed_point.eigenvalues(weights, found.state)
        outlier = spectrum[spectrum.real.argmin()]
        radius = np.sort(np.abs(spectrum))[-6]  # behind the outlier and the scattered few
        seen.append([found.state.var(), radius, outlier.real, found.state.mean()])
    outlier = min(x.real for x in predicted.outliers)
    assert outlier < -1.2 * predicted.radius
    *found, mean = np.mean(seen, axis=0)
    np.testing.assert_allclose(found, [predicted.variance, predicted.radius, outlier], rtol=0.15)
    at = (predicted.mean, predicted.variance)
    uneven = average(lambda x: erf(x) ** 2, *at) - average(erf, *at) ** 2
    ratio = 1 / (2 * np.pi) / (1 / 2 - 1 / (2 * np.pi))  # m² / v
    feedback = 1 - coupling.mean * average(lambda x: STEEPEST * np.exp(-(x**2)), *at)
    spread = np.sqrt(coupling.variance * uneven * ratio) / feedback
    assert abs(mean - predicted.mean) < 3 * spread / np.sqrt(n_seeds)
    assert spread < 0.2 * predicted.mean


def slow_average(function, mean, variance):
    """Over a Gaussian state, by 400,001 nodes: resolves erf where states are far apart, too."""
    z = np.linspace(-10, 10, 400_001)
    density = np.exp(-(z**2) / 2)
    return float((function(mean + np.sqrt(variance) * z) * density).sum() / density.sum())


@pytest.mark.parametrize(
    "coupling",
    [
        Coupling(-3.0, 2.0, 10.0),
        Coupling(-9.0, 30.0, 10.0),
        Coupling(-25.0, 900.0, 10.0),  # states with a standard deviation of about 25
        Coupling(-60.0, 900.0, 10.0),
        Coupling(5.0, 100.0, 10.0),
        Coupling(2.0, 0.5, 0.1),
    ],
)
def test_a_fixed_point_solves_its_equations_by_slow_integrals(coupling):
    """At wide spread too, where 48 Gauss-Hermite nodes are off by a tenth in the mean of erf²."""
    found = meanfield.fixed_point(coupling)
    at = found.mean, found.variance
    mean = coupling.mean * slow_average(erf, *at) + coupling.drive
    variance = coupling.variance * slow_average(lambda x: erf(x) ** 2, *at)
    slopes = slow_average(lambda x: (STEEPEST * np.exp(-(x**2))) ** 2, *at)
    assert found.mean == pytest.approx(mean, rel=1e-6, abs=1e-6)
    assert found.variance == pytest.approx(variance, rel=1e-6, abs=1e-6)
    assert found.radius == pytest.approx(np.sqrt(coupling.variance * slopes), rel=1e-6)


def followed(coupling, solution):
    """The solution µ, s near another one, by Newton steps."""

    def residual(x):
        mean = coupling.mean * average(erf, x[0], abs(x[1])) + coupling.drive - x[0]
        return mean, coupling.variance * average(lambda r: erf(r) ** 2, x[0], abs(x[1])) - x[1]

    return root(residual, solution, tol=1e-12).x


@pytest.mark.parametrize(
    "coupling",
    [
        Coupling(1.0, 0.01, 1e-9),
        Coupling(1.0, 0.01, -1e-9),
        Coupling(1.0, 0.0, 1e-12),
        Coupling(4.0, 0.01, 1e-9),  # the mean grows by itself
        Coupling(-4.0, 30.0, 1e-9),  # states differ by themselves
        Coupling(1.0, 30.0, 1e-300),
    ],
)
def test_the_least_drive_has_a_fixed_point(coupling):
    """On the drive's side, where the smallest step beyond it would find another sign."""
    found = meanfield.fixed_point(coupling)
    assert found.mean * coupling.drive >= 0
    mean = coupling.mean * slow_average(erf, found.mean, found.variance) + coupling.drive
    assert found.mean == pytest.approx(mean, abs=2e-9)


def test_without_drive_all_neurons_are_at_rest():
    found = meanfield.fixed_point(Coupling(3.0, 9.0, 0.0))
    assert (found.mean, found.variance) == (0, 0)
    assert found.radius == pytest.approx(3 * STEEPEST)


@pytest.mark.parametrize("strength", [0.3, 0.7, 1.0])
def test_the_fixed_point_is_the_one_that_grows_out_of_uncoupled_neurons(strength):
    """Followed in small steps of the coupling, from which no solution can hop."""
    coupling = meanfield.scaled(Coupling(-9.0, 30.0, 10.0), strength)
    solution = (coupling.drive, 0.0)
    for part in np.linspace(0, 1, 201)[1:]:
        solution = followed(meanfield.scaled(coupling, part), solution)
    direct = meanfield.fixed_point(coupling)
    assert (direct.mean, direct.variance) == pytest.approx(solution, rel=1e-7)


def test_a_border_is_found_where_the_steps_of_the_path_are_wide():
    """Of 70 in q_factor. At the border, perturbations neither grow nor shrink."""
    settings = {"n_neurons": 7, "g_factor": 1.0, "bias": 2.0, "step_size": 0.037578918067810246}
    found = meanfield.ensemble_critical_q(**settings, largest_q=6814.0)
    at_border = meanfield.fixed_point(meanfield.coupling(**settings, q_factor=found.value))
    assert at_border.multiplier(settings["step_size"]) == pytest.approx(1)
