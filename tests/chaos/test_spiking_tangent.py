"""Perturbations of LIF networks against an event-driven reference, and where they are known."""

import heapq

import numpy as np
import pytest
from scipy.optimize import brentq

from eiphase.chaos import lyapunov
from eiphase.chaos.spiking_tangent import Tangent
from eiphase.flags import ExponentFlag
from eiphase.networks import lif
from eiphase.networks.lif import LIFParameters

# In time constants: two neurons that excite and inhibit each other, and themselves.
COUPLING = np.array([[0.3, -2.0], [1.5, -0.4]])
DRIVE, LEAK_OF_CURRENT = 5.0, 7.0


def network(step, *, coupling=COUPLING, rest=0.0):
    return LIFParameters(
        weights=coupling * step, du=LEAK_OF_CURRENT * step, dv=step, vth=1.0, bias=DRIVE * step,
        refractory_steps=round(rest / step),
    )  # fmt: skip


def exact(u, v, until, *, delay, rest):
    """Neurons of continuous time, event by event: u, v, and the times of all spikes."""

    def voltage(i, time):
        slow, fast = np.exp(-time), np.exp(-LEAK_OF_CURRENT * time)
        return DRIVE * (1 - slow) + v[i] * slow + u[i] * (slow - fast) / (LEAK_OF_CURRENT - 1)

    u, v, now, arrivals, spikes = u.copy(), v.copy(), 0.0, [], []
    released = np.zeros(len(u))
    while True:
        events = [until - now, *(t - now for t in released if t > now)]
        events += [arrivals[0][0] - now] if arrivals else []
        ahead, first = min(events), None
        for i in range(len(u)):
            times = np.linspace(0, ahead, 200)
            above = np.flatnonzero(voltage(i, times) > 1) if released[i] <= now else []
            if len(above):
                k = above[0]
                crossing = brentq(lambda t, i=i: voltage(i, t) - 1, times[k - 1], times[k])
                if crossing < ahead:
                    ahead, first = crossing, i
        v = np.array([voltage(i, ahead) if released[i] <= now else 0.0 for i in range(len(u))])
        u = u * np.exp(-LEAK_OF_CURRENT * ahead)
        now += ahead
        released[released <= now] = 0.0
        if first is not None:
            spikes.append(now)
            heapq.heappush(arrivals, (now + delay, first))
            v[first], released[first] = 0.0, now + rest
        while arrivals and arrivals[0][0] <= now:
            u = u + COUPLING[:, heapq.heappop(arrivals)[1]]
        if now >= until:
            return u, v, spikes


@pytest.mark.parametrize("rest", [0.0, 0.05])
def test_a_perturbation_of_two_neurons_is_that_of_exact_spike_times(rest):
    """By finite differences of the reference; the tangent converges to it with the step."""
    u, v, until = np.array([0.5, -0.3]), np.array([0.2, 0.6]), 3.0
    d_u, d_v = np.array([0.3, -0.5]), np.array([1.0, -0.7])
    errors = []
    for step in (0.01, 0.005, 0.0025):
        size = 1e-6
        ends = [
            exact(u + e * d_u, v + e * d_v, until, delay=step, rest=rest) for e in (-size, size)
        ]
        assert len(ends[0][2]) == len(ends[1][2]) > 15
        expected = (np.array(ends[1][:2]) - np.array(ends[0][:2])) / (2 * size)
        parameters = network(step, rest=rest)
        state = lif.Simulator.of(parameters).at_rest()
        tangent = Tangent.of(parameters, state)
        tangent.neurons[:4] = u * step, v, d_u * step, d_v
        growth = tangent.log_growth(round(until / step))
        length = np.exp(growth.sum())
        found = length * tangent.neurons[2:4] / [[step], [1]]
        np.testing.assert_allclose(tangent.neurons[1], (ends[0][1] + ends[1][1]) / 2, atol=1e-4)
        errors.append(np.abs(found - expected).max() / np.abs(expected).max())
    assert errors[0] < 0.01
    assert errors[2] < errors[0] / 3


def test_a_lone_neuron_is_neutral():
    """A shift in time neither grows nor shrinks; a current decays, whatever was there."""
    parameters = LIFParameters(weights=np.zeros((1, 1)), du=0.07, dv=0.01, vth=1.0, bias=0.05)
    growth = Tangent.of(parameters, lif.Simulator.of(parameters).at_rest()).log_growth(40_000)
    found = lyapunov.exponent(growth[1000:])
    assert found.value == pytest.approx(0, abs=1e-5)


def test_silent_neurons_forget_at_the_rate_of_the_slower_leak():
    parameters = LIFParameters(weights=np.zeros((2, 2)), du=0.07, dv=0.01, vth=1.0, bias=0.005)
    growth = Tangent.of(parameters, lif.Simulator.of(parameters).at_rest()).log_growth(3000)
    assert lyapunov.exponent(growth[1000:]).value == pytest.approx(-0.01, abs=1e-6)


def test_blocks_of_steps_give_the_same_bits():
    parameters = network(0.01, rest=0.05)
    state = lif.Simulator.of(parameters).at_rest()
    whole, parts = (Tangent.of(parameters, state) for _ in range(2))
    found = [parts.log_growth(n) for n in (1, 250, 349)]
    assert np.array_equal(whole.log_growth(600), np.concatenate(found))


def test_neurons_that_fire_twice_in_a_step_have_no_exponent():
    parameters = LIFParameters(weights=np.zeros((1, 1)), du=0.07, dv=0.01, vth=1.0, bias=5.0)
    growth = Tangent.of(parameters, lif.Simulator.of(parameters).at_rest()).log_growth(40)
    assert lyapunov.exponent(growth).flag == ExponentFlag.UNRESOLVED
