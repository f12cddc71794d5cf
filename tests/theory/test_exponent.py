import numpy as np
import pytest
from scipy.linalg import eigh_tridiagonal
from scipy.optimize import brentq

from eiphase.chaos import lyapunov, tangent
from eiphase.networks import rate, weights
from eiphase.networks.weights import Network
from eiphase.theory import chaotic_state, exponent, meanfield
from eiphase.theory.meanfield import Coupling

GAIN_1 = np.pi / 4  # variance K of weights at which r = 0 loses stability: K erf'(0)² = 1


def chaos(n_neurons=400, q_factor=8.0, g_factor=4.5):
    return chaotic_state.solve(
        meanfield.coupling(
            n_neurons=n_neurons, q_factor=q_factor, g_factor=g_factor, bias=0.1, step_size=0.01
        )
    )


def without_mean(gain):
    return chaotic_state.solve(Coupling(0.0, gain**2 * GAIN_1, 0.0))


@pytest.mark.parametrize("gain", [1.002, 1.01])
def test_exponent_grows_from_the_border_as_a_square(gain):
    """(R - 1)² / 2, as Sompolinsky, Crisanti and Sommers found, up to terms in (R - 1)³."""
    found = exponent.lyapunov_exponent(without_mean(gain), step_size=0.0)
    assert found == pytest.approx((gain - 1) ** 2 / 2, rel=3 * (gain - 1))


@pytest.mark.parametrize("above", [1.001, 1.002])
def test_exponent_near_the_border_of_the_ensemble(above):
    """5 κ² / 8, where κ is the rate at which the autocovariance decays in the end.

    With F'' > 0, Δ - Δ(∞) is c(0) / cosh²(κτ / 2), and the well has the lowest energy -5 κ² / 4.
    """
    border = meanfield.ensemble_critical_q(
        n_neurons=400, g_factor=4.5, bias=0.1, step_size=0.01, largest_q=12.0
    ).value
    found = chaos(q_factor=above * border)
    lags = np.array([0.6, 0.8]) * chaotic_state.curve(found)[0][-1]
    late = chaotic_state.autocovariance(found, lags)
    kappa = -np.log(late[1] / late[0]) / (lags[1] - lags[0])
    exact = 5 * kappa**2 / 8
    assert exponent.lyapunov_exponent(found, step_size=0.0) == pytest.approx(exact, rel=0.03)
    assert 0 < exact < 0.02


@pytest.mark.parametrize(("q_factor", "value"), [(6.0, 0.637), (8.0, 1.114), (12.0, 1.758)])
def test_exponents_of_another_program(q_factor, value):
    found = exponent.lyapunov_exponent(chaos(q_factor=q_factor), step_size=0.0)
    assert found == pytest.approx(value, abs=1e-3)


@pytest.mark.parametrize("q_factor", [4.6, 8.0, 12.0])
def test_the_slope_of_the_autocovariance_has_energy_zero(q_factor):
    """It solves the equation exactly, and is odd without a further node."""
    lags, potential = exponent.well(chaos(q_factor=q_factor))
    odd = exponent.highest(lags, potential, stiffness=1.0, odd=True)
    assert odd == pytest.approx(1, abs=1e-5)


def test_the_map_is_a_little_less_chaotic_than_the_flow():
    """By the map's own equation, on whole steps, where Δ(k) is the flow's in units of √(1 - dr)."""
    step, of_flow = 0.05, chaos()
    n = 4000
    lags, well = exponent.well(of_flow)
    potential = np.interp(step * np.arange(n) / np.sqrt(1 - step), lags, well)

    def excess(rate):  # largest eigenvalue of a ρ δ² / dr² + K F', minus ((ρ - a) / dr)²
        growth, keeps = np.exp(rate * step), 1 - step
        beside = np.full(n - 1, keeps * growth / step**2)
        beside[0] *= np.sqrt(2)  # even functions
        diagonal = potential - 2 * keeps * growth / step**2
        top = eigh_tridiagonal(
            diagonal, beside, eigvals_only=True, select="i", select_range=(n - 1, n - 1)
        )
        return top[0] - ((growth - keeps) / step) ** 2

    exact = brentq(excess, 0.1, 3)
    found = exponent.lyapunov_exponent(of_flow, step_size=step)
    assert found == pytest.approx(exact, rel=5e-3)
    assert found < 0.98 * exponent.lyapunov_exponent(of_flow, step_size=0.0)


def test_simulated_networks_are_as_chaotic_as_predicted():
    """500 neurons with Gaussian weights, 100 time constants, in steps of 0.05."""
    n, gain, drive, step = 500, 5.0, 0.3, 0.05
    coupling = Coupling(0.0, gain**2 * GAIN_1, drive)
    point = Network(
        n_neurons=n, q_factor=(n * coupling.variance) ** 0.25 / 2, g_factor=1.0, seed=1,
        bias=drive * step, step_size=step,
    )  # fmt: skip
    batch = rate.Batch(weights.gaussian_matrix(n, 1), [point])
    growth = tangent.log_growth(batch, rate.run(batch, 2000))[0]
    found = lyapunov.exponent(growth[400:])
    predicted = exponent.lyapunov_exponent(chaotic_state.solve(coupling), step_size=step)
    assert found.value / step == pytest.approx(predicted, rel=0.15)
