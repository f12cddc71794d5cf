"""Refractory periods: by hand, as Lava's `LIFRefractory` has them, and the same in integers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lava.proc.lif.models import PyLifRefractoryModelFloat

from eiphase.lava.reference import ei_network
from eiphase.lava.reference.ei_network import EINetwork
from eiphase.mapping import float_to_integer, rate_to_lif
from eiphase.mapping.dynamic_range import dynamic_range
from eiphase.networks import lif, loihi
from eiphase.networks import weights as network
from eiphase.networks.lif import LIFParameters
from eiphase.networks.loihi import LoihiParameters
from eiphase.networks.weights import Network


@pytest.mark.parametrize("rest", [0, 1, 2, 5, 40])
def test_a_lone_neuron_fires_so_many_steps_later(rest):
    """v(t) = (b / dv)(1 - (1 - dv)^t) once it has rested."""
    parameters = LIFParameters(
        weights=np.zeros((1, 1)), du=0.07, dv=0.01, vth=1.0, bias=0.05, refractory_steps=rest
    )
    exact = 5 * (1 - 0.99 ** np.arange(1, 401))
    passage = int(np.argmax(exact > 1.0)) + 1
    recording = lif.run(parameters, 400)
    fired = np.flatnonzero(recording.spikes[:, 0]) + 1
    assert fired.tolist() == list(range(passage, 401, passage + rest))
    assert (recording.voltage[passage - 1 : passage + rest, 0] == 0).all()
    np.testing.assert_allclose(recording.voltage[passage + rest, 0], 0.05)


def test_the_current_of_a_resting_neuron_decays_and_receives():
    """Both fire in every third step; neuron 0 gives 1/2 to neuron 1, a step later."""
    weights = np.array([[0.0, 0.0], [0.5, 0.0]])
    parameters = LIFParameters(
        weights=weights, du=0.5, dv=0.5, vth=0.9, bias=1.0, refractory_steps=2
    )
    recording = lif.run(parameters, 7)
    assert recording.spikes[:, 0].tolist() == [1, 0, 0, 1, 0, 0, 1]
    assert recording.spikes[:, 1].tolist() == [1, 0, 0, 1, 0, 0, 1]
    assert recording.current[:, 1].tolist() == [0, 0.5, 0.25, 0.125, 0.5625, 0.28125, 0.140625]


def test_a_neuron_fires_at_most_in_the_first_step_after_its_rest():
    parameters = LIFParameters(
        weights=np.zeros((1, 1)), du=0.5, dv=0.5, vth=1.0, bias=1e6, refractory_steps=3
    )
    assert lif.run(parameters, 9).spikes[:, 0].tolist() == [1, 0, 0, 0, 1, 0, 0, 0, 1]


def ei(q_factor, g_factor, *, refractory, mapping="identity", n=100, step_size=0.01):
    point = Network(
        n_neurons=n, q_factor=q_factor, g_factor=g_factor, seed=1,
        step_size=step_size, refractory=refractory,
    )  # fmt: skip
    found, _ = rate_to_lif.rate_to_lif(network.half_gaussian_of(point), point, mapping)
    return found


CASES = [(1.0, 4.5, 0.05), (4.0, 4.5, 0.05), (6.0, 3.0, 0.01), (6.0, 6.0, 0.2)]


@pytest.mark.parametrize(("q_factor", "g_factor", "refractory"), CASES)
def test_networks_fire_as_lavas_refractory_neurons_do(q_factor, g_factor, refractory):
    """In floating point, Lava's own model; in integers, ours, which is Lava's with its rule."""
    real = ei(q_factor, g_factor, refractory=refractory)
    assert real.refractory_steps == round(100 * refractory)
    recording = lif.run(real, 300)
    expected = ei_network.simulate(EINetwork.lif(real), "lif_float", 300)
    assert recording.spikes.sum() > 300
    assert np.array_equal(recording.spikes, expected)
    ranges = dynamic_range(recording)
    for quantise in float_to_integer.FLOAT_TO_INTEGER.values():
        integers = quantise(real, ranges, 8)
        assert integers.refractory_steps == real.refractory_steps
    integers = float_to_integer.full_range(real, ranges)
    expected = ei_network.simulate(EINetwork.loihi(integers), "lif_bit_accurate", 300)
    assert expected.sum() > 300
    assert np.array_equal(loihi.run(integers, 300).spikes, expected)


@pytest.mark.parametrize(("q_factor", "g_factor", "refractory"), CASES)
def test_voltages_are_lavas_to_the_last_bit(q_factor, g_factor, refractory):
    """Lava's model is called here as its runtime does it, with `Dense` as Lava adds columns."""
    p = ei(q_factor, g_factor, refractory=refractory)
    recording = lif.run(p, 300)
    model = PyLifRefractoryModelFloat({"refractory_period": p.refractory_steps})
    n = len(p.weights)
    model.u, model.v, arriving = np.zeros(n), np.zeros(n), np.zeros(n)
    model.du, model.dv, model.vth, model.bias_mant = p.du, p.dv, p.vth, np.full(n, p.bias)
    model.refractory_period_end = np.zeros(n, int)
    for t in range(300):
        model.time_step = t + 1
        model.subthr_dynamics(arriving)
        spikes = model.spiking_activation()
        model.process_spikes(spikes)
        arriving = p.weights[:, spikes].sum(axis=1)
        assert np.array_equal(recording.current[t], model.u)
        assert np.array_equal(recording.voltage[t], model.v)


@settings(max_examples=5)
@given(
    seed=st.integers(0, 2**32 - 1),
    weight_exponent=st.integers(-8, 9),
    du=st.integers(1, 4095),
    dv=st.integers(1, 4095),
    vth=st.integers(1, 5000),
    bias_mantissa=st.integers(1, 4095),
    bias_exponent=st.integers(0, 7),
    refractory_steps=st.integers(1, 12),
)
def test_any_integers_fire_as_in_our_model_for_lava(seed, **integers):
    weights = np.random.default_rng(seed).integers(-300, 300, (12, 12))
    parameters = LoihiParameters(weights=weights, **integers)
    expected = ei_network.simulate(EINetwork.loihi(parameters), "lif_bit_accurate", 60)
    assert np.array_equal(loihi.run(parameters, 60).spikes, expected)


@pytest.mark.parametrize("rest", [0, 1, 4])
def test_integers_rest_as_real_numbers_do_where_both_are_exact(rest):
    """Without leak, and with currents that last a step, all numbers are integers."""
    weights = 2 * np.random.default_rng(0).integers(-100, 90, (30, 30))
    integers = LoihiParameters(
        weights=weights, weight_exponent=0, du=4095, dv=0, vth=700,
        bias_mantissa=3500, bias_exponent=0, refractory_steps=rest,
    )  # fmt: skip
    real = LIFParameters(
        weights=64.0 * weights, du=1.0, dv=0.0, vth=64 * 700.0, bias=3500.0, refractory_steps=rest
    )
    expected = lif.run(real, 400)
    found = loihi.run(integers, 400)
    assert (found.current_wraps, found.voltage_clips) == (0, 0)
    assert expected.spikes.mean() > 0.02
    assert np.array_equal(found.spikes, expected.spikes)
    without = lif.run(replace(real, refractory_steps=0), 400)
    assert np.array_equal(found.spikes, without.spikes) == (rest == 0)


def test_two_integer_neurons_on_paper():
    """Each step adds 20, and a spike of neuron 0 adds 64 to neuron 1 a step later.

    Both fire above 64. Neuron 0 starts at 50 and fires at once, neuron 1 in the second step. The
    second spike of neuron 0 would come in step 7, when 1 has 60: 1 fires in step 8.
    """
    neurons = LoihiParameters(
        weights=np.array([[0, 0], [1, 0]]), weight_exponent=0, du=4095, dv=0, vth=1,
        bias_mantissa=20, bias_exponent=0, refractory_steps=2,
    )  # fmt: skip
    simulator = loihi.Simulator.of(neurons)
    state, states = simulator.at_rest(), loihi.States.empty(11, 2)
    state.voltage[0] = 50
    spikes = np.empty((11, 2), np.uint8)
    simulator.advance(state, spikes, states=states)
    assert states.voltage[:, 0].tolist() == [0, 0, 0, 20, 40, 60, 0, 0, 0, 20, 40]
    assert states.voltage[:, 1].tolist() == [20, 0, 0, 0, 20, 40, 60, 0, 0, 0, 20]
    assert spikes[:, 1].tolist() == [0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0]


@pytest.mark.parametrize("module", [lif, loihi])
def test_what_rests_is_part_of_the_state(module):
    """Blocks of steps give what one run gives, and a spike more makes a neuron rest."""
    parameters = ei(6.0, 4.5, refractory=0.05)
    if module is loihi:
        ranges = dynamic_range(lif.run(parameters, 300))
        parameters = float_to_integer.full_range(parameters, ranges)
    simulator = module.Simulator.of(parameters)
    whole, state = simulator.spikes(simulator.at_rest(), 300), simulator.at_rest()
    parts = [simulator.spikes(state, 7) for _ in range(40)]
    assert np.array_equal(np.concatenate(parts), whole[:280])
    assert state.resting.max() == 5
    copied = state.copy()
    simulator.fire(copied, 3)
    assert copied.resting[3] == 5
    assert not simulator.spikes(copied, 5)[:, 3].any()
    assert np.array_equal(simulator.spikes(state, 20), whole[280:])
