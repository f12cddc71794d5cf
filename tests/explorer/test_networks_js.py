"""Networks in the page do what eiphase's kernels do."""

from dataclasses import astuple

import numpy as np
import pytest

from eiphase.chaos import damage
from eiphase.flags import ScaleStatus
from eiphase.mapping import float_to_integer, rate_to_lif
from eiphase.mapping.dynamic_range import RangeOfStates
from eiphase.mapping.rate_to_lif import WeightScale
from eiphase.networks import lif, loihi, rate, weights
from eiphase.networks.rate import Batch
from eiphase.networks.weights import Network

N, STEPS = 100, 600


def network(seed, q_factor=5.0, g_factor=4.5, refractory=0.05, n_neurons=N):
    return Network(
        n_neurons=n_neurons, q_factor=q_factor, g_factor=g_factor, seed=seed, refractory=refractory
    )


def lif_network(point, scale):
    half = weights.half_gaussian_of(point)
    return rate_to_lif.lif_parameters(half, point, WeightScale(scale, ScaleStatus.SOLVED))


def cell(point, **more):
    """What the page is given of a network."""
    return {
        "q": point.q_factor, "g": point.g_factor, "stepSize": point.step_size, "bias": point.bias,
        "gain": weights.gain(point.n_neurons, point.q_factor),
        "refractorySteps": point.refractory_steps, **more,
    }  # fmt: skip


def lif_cell(point, scale, **more):
    parameters = lif_network(point, scale)
    return cell(
        point, weightScale=scale, du=parameters.du, dv=parameters.dv, threshold=parameters.vth,
        lifBias=parameters.bias, **more,
    )  # fmt: skip


def ranges_of(recording):
    ranges = RangeOfStates(*recording.current.shape)
    ranges.add(recording.current, recording.voltage)
    return ranges.found()


def integer_network(real, mapping, bits, ranges=None):
    """The network in integers, and what the page is given of it."""
    ranges = ranges or ranges_of(lif.run(real, STEPS))
    integers = float_to_integer.FLOAT_TO_INTEGER[mapping](real, ranges, bits)
    return integers, {
        "vth": integers.vth, "integerDu": integers.du, "integerDv": integers.dv,
        "biasMantissa": integers.bias_mantissa, "biasExponent": integers.bias_exponent,
        "weightExponent": integers.weight_exponent,
        "inhibitoryWeightExponent": integers.inhibitory_weight_exponent,
        "weightBits": bits, "floatToInteger": mapping, "ranges": list(astuple(ranges)[:4]),
    }  # fmt: skip


@pytest.mark.parametrize("refractory", [0.0, 0.05])
@pytest.mark.parametrize(
    ("seed", "q_factor", "scale"), [(1, 3.0, 1.0), (2, 6.0, 0.83), (3, 9.0, 2.5)]
)
def test_lif_neurons_are_those_of_the_kernel_to_the_bit(page, seed, q_factor, scale, refractory):
    point = network(seed, q_factor, refractory=refractory)
    expected = lif.run(lif_network(point, scale), STEPS)
    assert 0.001 < expected.spikes.mean() < 0.5
    page.draw(N, seed)
    spikes = page.activity("lif_float", lif_cell(point, scale), STEPS, with_states=True)
    assert np.array_equal(spikes, expected.spikes)
    assert page.recorded("u", STEPS).tobytes() == expected.current.tobytes()
    assert page.recorded("v", STEPS).tobytes() == expected.voltage.tobytes()


@pytest.mark.parametrize("q_factor", [7.0, 9.5])
def test_the_strongest_coupling_is_that_of_eiphase_to_the_bit(page, q_factor):
    point = network(1, q_factor, g_factor=6.5)
    half = weights.half_gaussian_of(point)
    real, scale = rate_to_lif.rate_to_lif(half, point, "corrected")
    assert scale.status == ScaleStatus.STRONGEST
    page.draw(N, 1)
    given = lif_cell(point, scale.value) | {"isStrongest": True}
    spikes = page.activity("lif_float", given, STEPS, with_states=True)
    assert np.array_equal(spikes, lif.run(real, STEPS).spikes)
    columns = page.array("network.columns", "f8").reshape(N, N)
    assert columns.tobytes() == np.ascontiguousarray(real.weights.T).tobytes()


@pytest.mark.parametrize("mapping", ["tutorial", "full_range"])
@pytest.mark.parametrize("bits", range(3, 9))
def test_integers_are_those_of_the_kernel(page, mapping, bits):
    for seed, q_factor, refractory in ((bits, 3.0, 0.05), (bits + 10, 7.0, 0.0)):
        point = network(seed, q_factor, refractory=refractory)
        real = lif_network(point, 0.9)
        integers, given = integer_network(real, mapping, bits)
        expected = loihi.run(integers, STEPS)
        assert 0.001 < expected.spikes.mean() < 0.9
        page.draw(N, seed)
        spikes = page.activity("lif_bit_accurate", lif_cell(point, 0.9, **given), STEPS)
        assert np.array_equal(spikes, expected.spikes)
        stored = page.array("network.columns", "i2").reshape(N, N)
        assert np.array_equal(stored, integers.stored_weights.T)
        counts = page.run("state.wraps"), page.run("state.clips")
        assert counts == (expected.current_wraps, expected.voltage_clips)


def test_integers_that_wrap_and_clip_do_as_loihis_do(page):
    """The ranges are those of a network with far weaker weights, which integers then leave."""
    point = network(4, 5.0)
    weak = ranges_of(lif.run(lif_network(point, 0.05), STEPS))
    integers, given = integer_network(lif_network(point, 8.0), "full_range", 8, weak)
    expected = loihi.run(integers, STEPS)
    assert expected.current_wraps
    assert expected.voltage_clips
    page.draw(N, 4)
    spikes = page.activity("lif_bit_accurate", lif_cell(point, 8.0, **given), STEPS)
    assert np.array_equal(spikes, expected.spikes)
    assert page.run("state.wraps") == expected.current_wraps
    assert page.run("state.clips") == expected.voltage_clips


@pytest.mark.parametrize(("seed", "q_factor"), [(1, 0.5), (2, 5.0), (3, 12.0)])
def test_rate_neurons_are_those_of_the_kernel_to_the_bit(page, seed, q_factor):
    point = network(seed, q_factor)
    batch = Batch(weights.half_gaussian_of(point), [point])
    (expected,) = rate.run(batch, 1000)
    page.draw(N, seed)
    states = page.activity("rate", cell(point), 1000)
    assert states.tobytes() == expected.tobytes()


def twins_of_kernel(simulator, neuron, burn_in, after):
    """Spikes of a network after `burn_in`, and of a twin with one spike more."""
    state = simulator.at_rest()
    simulator.spikes(state, burn_in)
    twin = state.copy()
    damage.extra_spike(simulator, twin, neuron)
    return simulator.spikes(state, after), simulator.spikes(twin, after)


def twins_of_page(page, neuron, burn_in, after):
    page.run(
        f"globalThis.states = [atRest(network), atRest(network)];"
        f"for (const one of states)"
        f"  advance(network, one, makeRecording(network, {burn_in}), 0, {burn_in});"
        f"fire(network, states[1], {neuron});"
        f"globalThis.recordings = states.map((one) => {{"
        f"  const recording = makeRecording(network, {after});"
        f"  for (let t = 0; t < {after}; t += 7)"
        f"    advance(network, one, recording, t, Math.min(t + 7, {after}));"
        f"  return recording;"
        f"}}); 0"
    )
    return [page.array(f"recordings[{i}].activity", "u1").reshape(after, -1) for i in range(2)]


@pytest.mark.parametrize("backend", ["lif_float", "lif_bit_accurate"])
@pytest.mark.parametrize("neuron", [0, N - 1])
def test_one_spike_more_does_what_it_does_to_eiphases_twin(page, backend, neuron):
    """A twin of each population, in slices of steps."""
    point = network(6, 6.0)
    real = lif_network(point, 1.0)
    integers, given = integer_network(real, "full_range", 8)
    integer = backend == "lif_bit_accurate"
    simulator = loihi.Simulator.of(integers) if integer else lif.Simulator.of(real)
    expected = twins_of_kernel(simulator, neuron, 200, 300)
    assert not np.array_equal(*expected)
    page.draw(N, 6)
    page.activity(backend, lif_cell(point, 1.0, **given), 1)
    found = twins_of_page(page, neuron, 200, 300)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("bits", [3, 5, 8])
@pytest.mark.parametrize(("low", "high"), [(-300, 0), (0, 300), (-300, 300), (-300, -200)])
def test_weights_of_any_sign_are_stored_as_loihi_stores_them(page, bits, low, high):
    given = np.arange(low, high + 1, dtype=np.int32)
    page.define("given", given.tolist())
    found = page.array(f"Int16Array.from(stored(Float64Array.from(given), {bits}))", "i2")
    expected = loihi.Connections(np.tile(given, (len(given), 1)), 0, bits).stored
    assert np.array_equal(found, expected[0])


def test_halves_are_rounded_to_even_as_numpy_rounds_them(page):
    halves = np.arange(-8, 8) / 2 + np.array([[0], [1e-9], [2.0**28]])
    page.define("given", halves.ravel().tolist())
    assert np.array_equal(
        page.array("Float64Array.from(given, rint)", "f8"), np.rint(halves.ravel())
    )
