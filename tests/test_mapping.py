import contextlib
import math
from typing import get_args

import numpy as np
import pytest

from eiphase import loihi, mapping, network, observables
from eiphase.mapping import ScaleStatus
from eiphase.network import Network
from eiphase.sweep import Mapping, Observables

# The Riemann zeta function at 1/2, to the digits of a double (OEIS A059750).
ZETA_HALF = -1.4603545088095868


def network_at(q_factor, g_factor=4.5, seed=1):
    half = network.half_gaussian(network.gaussian_matrix(400, seed))
    return half, Network(n_neurons=400, q_factor=q_factor, g_factor=g_factor, seed=seed)


def mismatch(weights, g, w):
    """|m - alpha w - beta w^2| / m, from the equations of the docstring, in plain floats."""
    n_exc, n_inh, dr = 320, 80, 0.01
    m = weights[:, :n_exc].mean()
    gamma, dv, du, vth = n_exc / n_inh, dr, 7 * dr, 1.0
    mu0 = 5 * vth
    nu = (mu0 - vth) / (gamma * g - 1)
    mu = n_exc * (1 - gamma * g) * w * nu + mu0
    s = n_exc * (1 + gamma * g**2) * w**2 * nu
    k = math.sqrt(2 * dv / du) * abs(ZETA_HALF - 1) / 2
    y_th, y_r = (vth - mu) / s + k, -mu / s + k

    def f(y):
        return math.exp(y * y) * (1 + math.erf(y))

    amplitude = math.sqrt(math.pi) * (0.01 * mu * dv) ** 2
    alpha = amplitude / s * (f(y_th) - f(y_r))
    beta = amplitude / (2 * s * s) * (f(y_th) * (vth - mu) / s + f(y_r) * mu / s)
    return abs(m - alpha * w - beta * w * w) / m


@pytest.mark.parametrize("q_factor", [2.25, 3.0, 3.75])
def test_a_solved_scale_solves_the_equation(q_factor):
    half, point = network_at(q_factor)
    weights = network.weights(half, q_factor=q_factor, g_factor=4.5)
    _, scale = mapping.rate_to_lif(half, point, "tutorial")
    assert scale.status == ScaleStatus.SOLVED
    assert mismatch(weights, 4.5, scale.value * weights[:, :320].mean()) < 1e-5


@pytest.mark.parametrize("q_factor", [0.75, 8.0, 12.0])
def test_an_unchanged_start_is_not_convergence(q_factor):
    """The equation does not hold there, or cannot even be evaluated."""
    half, point = network_at(q_factor)
    weights = network.weights(half, q_factor=q_factor, g_factor=4.5)
    _, scale = mapping.rate_to_lif(half, point, "tutorial")
    assert scale == mapping.WeightScale(1.0, ScaleStatus.UNCHANGED)
    with contextlib.suppress(OverflowError):  # where exp(y^2) is beyond a double
        assert mismatch(weights, 4.5, weights[:, :320].mean()) > 0.1


def test_a_stop_that_does_not_solve_the_equation_is_not_convergence():
    """The tutorial's own balanced network: the solver moves by 2 % and gives up."""
    half, point = network_at(1.0, seed=1234)
    weights = network.weights(half, q_factor=1.0, g_factor=4.5)
    _, scale = mapping.rate_to_lif(half, point, "tutorial")
    assert scale.status == ScaleStatus.NOT_SOLVED
    assert scale.value == pytest.approx(0.97889, abs=1e-5)
    assert mismatch(weights, 4.5, scale.value * weights[:, :320].mean()) > 1e-3


@pytest.mark.parametrize(
    ("solution", "status"),
    [(-1.0, ScaleStatus.NOT_POSITIVE), (np.nan, ScaleStatus.NOT_SOLVED)],
)
def test_weights_stay_as_they_are_without_a_positive_solution(monkeypatch, solution, status):
    monkeypatch.setattr(mapping, "fsolve", lambda function, start: np.array([solution]))
    _, scale = mapping.rate_to_lif(*network_at(2.25), "tutorial")
    assert scale == mapping.WeightScale(1.0, status)


def test_where_it_is_solved_lif_weights_hardly_depend_on_q():
    """What makes that part of a tutorial map an artefact: the scale goes nearly as 1 / q^2."""
    low, high = (mapping.rate_to_lif(*network_at(q), "tutorial")[0].weights for q in (2.25, 3.75))
    assert (3.75 / 2.25) ** 2 > 2.7  # so much do the rate network's weights change
    assert high.sum() / low.sum() == pytest.approx(1, abs=0.1)


def test_identity_keeps_the_rate_networks_weights():
    half, point = network_at(2.25)
    parameters, scale = mapping.rate_to_lif(half, point, "identity")
    assert scale == mapping.WeightScale(1.0, ScaleStatus.IDENTITY)
    w = network.weights(half, q_factor=2.25, g_factor=4.5)
    np.testing.assert_allclose(parameters.weights, w * 0.07, rtol=1e-15)


def test_time_constants_and_bias():
    parameters, _ = mapping.rate_to_lif(*network_at(1.0), "identity")
    assert (parameters.dv, parameters.vth) == (0.01, 1.0)
    assert parameters.du == pytest.approx(0.07)
    assert parameters.bias == pytest.approx(0.05)


def test_config_offers_what_there_is():
    fields = Mapping.model_fields
    assert set(get_args(fields["rate_to_lif"].annotation)) == set(mapping.RATE_TO_LIF)
    assert set(get_args(fields["float_to_integer"].annotation)) == set(loihi.FLOAT_TO_INTEGER)
    estimators = get_args(Observables.model_fields["autocovariance"].annotation)
    assert set(estimators) == set(observables.AUTOCOVARIANCE)
