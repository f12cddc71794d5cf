"""Growth of small perturbations of LIF networks, where it is known or found step by step."""

import math

import numpy as np
import pytest

from eiphase.chaos import lyapunov, perturbation
from eiphase.flags import ExponentFlag
from eiphase.networks import lif
from eiphase.networks.lif import LIFParameters

DU, DV = 0.07, 0.01


def growth_of(parameters, n_steps):
    return perturbation.log_growth(parameters, lif.run(parameters, n_steps))


def test_silent_neurons_without_connections_forget_as_their_voltage_leaks():
    """u forgets faster: in the end, ln(1 - dv)."""
    parameters = LIFParameters(weights=np.zeros((9, 9)), du=DU, dv=DV, vth=1.0, bias=0.001)
    growth = growth_of(parameters, 1000)
    np.testing.assert_allclose(growth[500:], math.log1p(-DV), rtol=1e-9)


def test_neurons_that_fire_in_every_step_forget_as_their_current_leaks():
    parameters = LIFParameters(weights=np.zeros((9, 9)), du=DU, dv=DV, vth=1.0, bias=2.0)
    np.testing.assert_allclose(growth_of(parameters, 100)[1:], math.log1p(-DU), rtol=1e-9)


def test_a_perturbation_that_vanishes_is_flagged():
    """du = 1: nothing is left of the current, and the reset leaves nothing of the voltage."""
    parameters = LIFParameters(weights=np.zeros((9, 9)), du=1.0, dv=DV, vth=1.0, bias=2.0)
    found = lyapunov.exponent(growth_of(parameters, 30))
    assert found.flag == ExponentFlag.VANISHED
    assert np.isnan(found.value)


def twin_growth(parameters, n_steps, size):
    """Network and twin as Lava computes them, their whole states set close again each step.

    A twin that is set back rests where the network does.
    """
    n, w = len(parameters.weights), parameters.weights
    state, found, differing = np.zeros((3, n)), [], 0
    resting = np.zeros(n, int)
    start = np.random.RandomState(perturbation.SEED).standard_normal((2, n))
    twin = np.concatenate([start * size / np.linalg.norm(start), np.zeros((1, n))])

    def step(u, v, a):
        u = u * (1 - parameters.du) + a
        v = np.where(resting > 0, v, v * (1 - parameters.dv) + u + parameters.bias)
        spikes = v > parameters.vth
        return np.array([u, np.where(spikes, 0, v), w @ spikes])

    for _ in range(n_steps):
        state, twin = step(*state), step(*twin)
        fired = (state[1] == 0) & (resting == 0)
        resting = np.where(fired, parameters.refractory_steps, np.maximum(resting - 1, 0))
        distance = np.linalg.norm(twin - state)
        differing += np.any((twin[1] == 0) != (state[1] == 0))
        found.append(math.log(distance / size))
        twin = state + (twin - state) * size / distance
    return np.array(found), differing


@pytest.mark.parametrize("refractory_steps", [0, 3])
@pytest.mark.parametrize("size", [1e-5, 1.0])
def test_is_what_a_twin_does(size, refractory_steps, monkeypatch):
    """At 1 threshold one of the two often fires alone: then the difference grows."""
    monkeypatch.setattr(perturbation, "SIZE", size)
    weights = 0.05 * np.random.default_rng(0).normal(size=(30, 30))
    parameters = LIFParameters(
        weights=weights, du=DU, dv=DV, vth=1.0, bias=0.05, refractory_steps=refractory_steps
    )
    expected, differing = twin_growth(parameters, 400, size)
    assert (differing > 100) == (size == 1)
    np.testing.assert_allclose(growth_of(parameters, 400), expected, atol=1e-6)
