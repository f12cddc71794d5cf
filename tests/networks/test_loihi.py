from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lava.utils.weightutils import clip_weights, determine_sign_mode, truncate_weights

from eiphase.lava.reference import ei_network
from eiphase.lava.reference.ei_network import EINetwork
from eiphase.mapping import float_to_integer
from eiphase.mapping import rate_to_lif as mapping
from eiphase.mapping.dynamic_range import dynamic_range
from eiphase.networks import lif, loihi
from eiphase.networks import weights as network
from eiphase.networks.lif import LIFParameters
from eiphase.networks.loihi import Connections, LoihiParameters


@pytest.fixture(scope="module")
def critical(tutorial):
    """The tutorial's critical network in Loihi's integers, and its dynamic range."""
    network = tutorial["critical"]
    parameters, _ = mapping.rate_to_lif(network.half, network.point, "tutorial")
    recording = lif.run(parameters, 1000)
    ranges = dynamic_range(recording)
    return float_to_integer.tutorial(parameters, ranges), ranges


def test_dynamic_range_is_the_tutorials(tutorial, critical):
    printed = tutorial["critical"].printed
    _, ranges = critical
    assert [ranges.current_low, ranges.current_high] == printed["u_quantiles"].tolist()
    assert [ranges.voltage_low, ranges.voltage_high] == printed["v_quantiles"].tolist()


def test_integers_are_the_tutorials(tutorial, critical):
    printed = tutorial["critical"].printed
    parameters, _ = critical
    assert parameters.vth == printed["fixed_vth"]
    assert parameters.bias_mantissa == printed["fixed_bias_mant"]
    assert parameters.bias_exponent == printed["fixed_bias_exp"]
    assert parameters.weight_exponent == printed["fixed_weight_exp"]
    assert parameters.weights.sum() == printed["fixed_weights_sum"]
    assert np.abs(parameters.weights).max() == printed["fixed_weights_absmax"]


def test_spikes_are_the_tutorials(tutorial, critical):
    parameters, _ = critical
    spikes = loihi.run(parameters, 1000).spikes
    assert np.array_equal(spikes, tutorial["critical"].spikes("lif_fixed"))


@given(
    low=st.integers(-600, 300),
    width=st.integers(0, 900),
    bits=st.integers(1, 8),
    seed=st.integers(0, 1000),
    size=st.sampled_from([7, 16, 64]),
    dtype=st.sampled_from(["int32", "int64"]),
)
def test_stored_weights_are_lavas(low, width, bits, seed, size, dtype):
    rng = np.random.default_rng(seed)
    weights = rng.integers(low, low + width, (size, size), dtype, endpoint=True)
    mode = determine_sign_mode(weights)
    expected = truncate_weights(clip_weights(weights, mode, num_bits=8), mode, num_weight_bits=bits)
    connections = Connections(weights, 0, bits)
    assert np.array_equal(connections.stored, expected)
    step, smallest = connections.coding
    assert np.array_equal(step * connections.codes.astype(int) + smallest, expected)
    assert connections.n_nonzero == np.count_nonzero(weights)
    assert connections.magnitude == np.abs(expected).sum()
    units = expected // 2**connections.dropped_bits
    used = connections.bits_used - connections.mixes_signs
    lowest = -(2 ** np.arange(10)) + (not connections.mixes_signs)  # two's complement or magnitude
    enough = (lowest <= units.min()) & (units.max() < 2 ** np.arange(10))
    assert used == enough.argmax()


@pytest.mark.parametrize(
    ("weights", "clipped_fraction", "bits"),
    [
        ([0, 255], 0.0, 8),  # all excitatory: no sign bit
        ([0, 256, 300, 1], 2 / 3, 8),
        ([-3, 0], 0.0, 2),
        ([-256, 254], 0.0, 8),  # mixed: -128 to 127 in steps of two
        ([-2, 2], 0.0, 2),  # -1 and 1: two's complement needs two bits
        ([-257, 100], 0.5, 8),
        ([-300, 100, 20, 30], 0.25, 8),
        ([0, 0], 0.0, 0),
    ],
)
def test_weight_use(weights, clipped_fraction, bits):
    real = LIFParameters(weights=np.ones((1, 1)), du=0.1, dv=0.1, vth=1.0, bias=1.0)
    use = float_to_integer.weight_use(lone_pair(weights=np.array([weights])), real)
    assert use[:2] == (clipped_fraction, bits)


def test_weight_strength_is_that_of_the_weights_that_run():
    """Sum of stored weights, shifted, over threshold, against the same of the float network."""
    real = LIFParameters(weights=np.array([[0, -0.5], [1.5, 0]]), du=0, dv=0, vth=2.0, bias=1.0)
    integer = lone_pair(weights=np.array([[0, -100], [300, 0]]), vth=200, weight_exponent=1)
    stored = (100 + 254) * 2
    assert float_to_integer.weight_use(integer, real).strength == pytest.approx(
        stored / 200 / (2.0 / 2.0)
    )


def test_the_tutorials_mapping_doubles_weights_where_its_exponent_is_one():
    """A weak network: the bias sets the exponent, the mantissas do not make up for it."""
    half = network.half_gaussian(network.gaussian_matrix(400, 1))
    point = network.Network(n_neurons=400, q_factor=1.0, g_factor=4.5, seed=1)
    real, _ = mapping.rate_to_lif(half, point, "tutorial")
    recording = lif.run(real, 1000)
    integer = float_to_integer.tutorial(real, dynamic_range(recording))
    assert integer.weight_exponent == 1
    assert float_to_integer.weight_use(integer, real).strength == pytest.approx(2, rel=0.1)


def tutorial_oracle(parameters, ranges):
    """The tutorial's conversion, step by step as its text has it, without any of our words."""
    entries = {
        "vth": (17, 0, 6, [parameters.vth]),
        "u": (24, 1, 0, [ranges.current_low, ranges.current_high]),
        "v": (24, 1, 0, [ranges.voltage_low, ranges.voltage_high]),
        "bias": (13, 1, 2, [parameters.bias]),
        "weights": (8, 1, 21, parameters.weights),
    }
    factor = None
    for bits, signed, shift, values in sorted(
        entries.values(), key=lambda entry: np.abs(entry[3]).max(), reverse=True
    ):
        top = np.abs(values).max()
        room = (2 ** (bits - signed) - (np.max(values) == top)) * 2**shift
        if factor is None or np.abs(factor * np.asarray(values)).max() > room:
            factor = room / top
    bias = factor * parameters.bias
    bias_exponent = max(0, int(np.ceil(np.log2(bias) - 13 + 1)))
    return {
        "vth": int(factor * parameters.vth // 64),
        "bias_mantissa": int(bias // 2**bias_exponent),
        "bias_exponent": bias_exponent,
        "weight_exponent": max(0, int(np.ceil(np.log2(bias) - 8 + 1)) - 6),
        "weights": np.round(np.round(factor * parameters.weights) / 64).astype(int),
    }


@given(
    seed=st.integers(0, 2**32 - 1),
    strength=st.floats(1e-3, 1e2),
    bias=st.floats(0.005, 0.5),
    reach=st.floats(1e-2, 1e4),
)
def test_integers_equal_the_tutorials_conversion_anywhere(seed, strength, bias, reach):
    rng = np.random.default_rng(seed)
    real = LIFParameters(
        weights=strength * rng.normal(size=(6, 6)), du=0.07, dv=0.01, vth=1.0, bias=bias
    )
    ends = [*np.sort(reach * rng.normal(size=2)), *np.sort(rng.normal(size=2))]
    ranges = float_to_integer.DynamicRange(*ends, -5 * reach, 5 * reach, -5)
    found = float_to_integer.tutorial(real, ranges)
    for name, expected in tutorial_oracle(real, ranges).items():
        assert np.array_equal(getattr(found, name), expected), name


def test_the_conversion_reaches_several_weight_exponents():
    """So that the comparison above does not go over one case only."""
    real = LIFParameters(weights=np.array([[-0.1, 0.1]]), du=0.07, dv=0.01, vth=1.0, bias=0.05)
    ranges = [
        float_to_integer.DynamicRange(-reach, reach, -1, 1, -reach, reach, -1) for reach in (1, 1e3)
    ]
    assert {float_to_integer.tutorial(real, r).weight_exponent for r in ranges} == {0, 1}


def quantised(q_factor, *, g_factor=4.5, seed=1, rate_to_lif="identity", bits=8, n_steps=4000):
    """A LIF network, its full-range integers, and the spikes of both."""
    half = network.half_gaussian(network.gaussian_matrix(400, seed))
    point = network.Network(n_neurons=400, q_factor=q_factor, g_factor=g_factor, seed=seed)
    real, _ = mapping.rate_to_lif(half, point, rate_to_lif)
    recording = lif.run(real, n_steps)
    ranges = dynamic_range(recording)
    return real, float_to_integer.full_range(real, ranges, bits), recording


@pytest.mark.parametrize("bits", [4, 6, 8])
@pytest.mark.parametrize("q_factor", [0.5, 1.5, 4.0, 12.0])
def test_full_range_is_the_float_network_within_half_a_unit(q_factor, bits):
    """Each weight, the bias, the threshold and the decays, in units of the float network."""
    real, integer, _ = quantised(q_factor, bits=bits, n_steps=1000)
    e, i = integer.weight_exponent, integer.inhibitory_weight_exponent
    exponents = np.where(np.arange(400) < 320, e, i)
    half_unit = 2.0 ** (8 - bits) * 2.0**exponents / integer.vth / 2
    error = np.abs(integer.synaptic_strengths() / integer.vth - real.weights)
    assert (error <= half_unit * (1 + 1e-9)).all()
    lost = sum((1 - 2.0**x) / 2 for x in (e, i) if x < 0) * 4096 / (integer.du + 1)
    bias = integer.bias_mantissa * 2**integer.bias_exponent / 64 - lost
    assert bias / integer.vth == pytest.approx(
        real.bias, abs=2**integer.bias_exponent / 128 / integer.vth + 1e-12
    )
    assert (integer.du + 1) / 4096 == pytest.approx(real.du, abs=1 / 8192)
    assert integer.dv / 4096 == pytest.approx(real.dv, abs=1 / 8192)
    use = float_to_integer.weight_use(integer, real)
    assert (use.clipped_fraction, use.bits) == (0, bits)


def test_full_range_gives_each_population_its_sign_mode_and_exponent():
    _, integer, _ = quantised(1.5, n_steps=1000)
    excitatory, inhibitory = (c.weights for c in integer.connections)
    assert excitatory.shape == (400, 320)
    assert (excitatory.min(), inhibitory.max()) == (0, 0)
    assert 128 <= excitatory.max() <= 255
    assert -255 <= inhibitory.min() <= -128
    # Inhibition is 4.5 times as strong: two binary places, or three.
    assert integer.inhibitory_weight_exponent - integer.weight_exponent in (2, 3)


@pytest.mark.parametrize("rate_to_lif", ["identity", "corrected", "tutorial"])
@pytest.mark.parametrize("g_factor", [3.0, 4.5, 6.5])
def test_full_range_overflows_nowhere(rate_to_lif, g_factor):
    for q_factor in (0.5, 2.0, 4.0, 6.0, 12.0):
        _, integer, _ = quantised(q_factor, g_factor=g_factor, rate_to_lif=rate_to_lif)
        assert not integer.is_degenerate()
        found = loihi.run(integer, 4000)
        assert (found.current_wraps, found.voltage_clips) == (0, 0)


def test_the_tutorials_mapping_overflows_where_full_range_does_not():
    real, _, recording = quantised(4.0)
    ranges = dynamic_range(recording)
    assert loihi.run(float_to_integer.tutorial(real, ranges), 4000).voltage_clips > 0


@pytest.mark.parametrize("q_factor", [0.5, 1.0, 1.5, 2.0])
def test_full_range_fires_as_the_float_network_does(q_factor):
    """Below the border, where trajectories do not diverge."""
    _, integer, recording = quantised(q_factor)
    expected = recording.spikes[1000:].mean(axis=0)
    found = loihi.run(integer, 4000).spikes[1000:].mean(axis=0)
    assert found.mean() == pytest.approx(expected.mean(), rel=0.02)
    assert np.abs(found - expected).mean() < 0.05 * expected.mean()


def test_full_range_gives_back_what_rounding_down_takes():
    """Above the border exponents are negative: without it neurons would fire half as often."""
    with_it, without, expected = 0.0, 0.0, 0.0
    for seed in (1, 2, 3, 4):
        _, integer, recording = quantised(5.0, g_factor=6.0, seed=seed, rate_to_lif="corrected")
        assert integer.weight_exponent < -3
        bias = round(64 * 0.05 * integer.vth)
        plain = replace(integer, bias_mantissa=bias, bias_exponent=0)
        expected += recording.spikes[1000:].mean()
        with_it += loihi.run(integer, 4000).spikes[1000:].mean()
        without += loihi.run(plain, 4000).spikes[1000:].mean()
    assert with_it == pytest.approx(expected, rel=0.2)
    assert without < 0.75 * expected


@settings(max_examples=8)
@given(
    seed=st.integers(0, 2**32 - 1),
    weight_exponent=st.integers(-8, 9),
    du=st.integers(1, 4095),
    dv=st.integers(1, 4095),
    vth=st.integers(1, 2**17 - 1),
    bias_mantissa=st.integers(1, 4095),
    bias_exponent=st.integers(0, 7),
    weight_bits=st.integers(1, 8),
)
def test_runs_as_lavas_models_with_any_integers(seed, **integers):
    rng = np.random.default_rng(seed)
    parameters = LoihiParameters(weights=rng.integers(-300, 300, (12, 12)), **integers)
    expected = ei_network.simulate(EINetwork.loihi(parameters), "lif_bit_accurate", 60)
    assert np.array_equal(loihi.run(parameters, 60).spikes, expected)


@settings(max_examples=10)
@given(
    seed=st.integers(0, 2**32 - 1),
    weight_exponent=st.integers(-8, 9),
    inhibitory_weight_exponent=st.integers(-8, 9),
    weight_bits=st.integers(1, 8),
    du=st.integers(1, 4095),
    dv=st.integers(1, 4095),
    vth=st.integers(1, 5000),
    bias_exponent=st.integers(0, 7),
)
def test_runs_as_lavas_models_with_a_dense_for_each_population(seed, **integers):
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 300, (15, 15))
    weights[:, 12:] *= -1
    parameters = LoihiParameters(weights=weights, bias_mantissa=4095, **integers)
    expected = ei_network.simulate(EINetwork.loihi(parameters), "lif_bit_accurate", 60)
    assert np.array_equal(loihi.run(parameters, 60).spikes, expected)


@pytest.mark.parametrize("sign", [1, -1])
def test_wraps_and_clips_as_lavas_models_do(sign):
    """Currents beyond 24 bits on either side, voltages at either limit."""
    weights = sign * np.random.default_rng(0).integers(0, 255, (12, 12))
    weights[:, 0] *= -1  # so that signs mix
    parameters = LoihiParameters(
        weights=weights, weight_exponent=8, du=200, dv=1, vth=100,
        bias_mantissa=4095, bias_exponent=3,
    )  # fmt: skip
    recording = loihi.run(parameters, 200)
    assert recording.current_wraps > 0
    assert recording.voltage_clips > 0
    expected = ei_network.simulate(EINetwork.loihi(parameters), "lif_bit_accurate", 200)
    assert np.array_equal(recording.spikes, expected)


@pytest.mark.parametrize("seed", range(3))
def test_currents_far_beyond_24_bits_run_as_in_lavas_models(seed):
    """They wrap by 24 bits once a step, and inputs fill the 32 bits of Lava's channel."""
    parameters = LoihiParameters(
        weights=np.random.default_rng(seed).integers(-255, 255, (40, 40)), weight_exponent=14,
        du=3, dv=1, vth=100, bias_mantissa=4095, bias_exponent=7,
    )  # fmt: skip
    simulator = loihi.Simulator.of(parameters)
    state, spikes = simulator.at_rest(), np.empty((100, 40), np.uint8)
    simulator.advance(state, spikes)
    assert np.abs(state.current.astype(int)).max() > 2**30
    expected = ei_network.simulate(EINetwork.loihi(parameters), "lif_bit_accurate", 100)
    assert np.array_equal(spikes, expected)


@pytest.mark.parametrize("inhibitory_weight_exponent", [None, 2])
def test_one_spike_more_adds_the_neurons_column(inhibitory_weight_exponent):
    weights = np.random.default_rng(0).integers(1, 255, (300, 300))
    weights[:, 240:] *= -1
    parameters = lone_pair(
        weights=weights, inhibitory_weight_exponent=inhibitory_weight_exponent, weight_exponent=1
    )
    for neuron in (0, 239, 240, 299):
        simulator = loihi.Simulator.of(parameters)
        state = simulator.at_rest()
        state.voltage[:] = 5
        simulator.fire(state, neuron)
        dense = int(neuron >= 240 and inhibitory_weight_exponent is not None)
        assert state.input[dense, :300].tolist() == parameters.stored_weights[:, neuron].tolist()
        assert not np.delete(state.input, dense, axis=0).any()
        assert np.flatnonzero(state.voltage != 5).tolist() == [neuron]


@pytest.mark.parametrize("sign", [1, -1])
def test_sums_of_many_large_weights_are_exact(sign):
    """300 neurons fire at once with weights of 256: far more than 16 bits hold."""
    weights = np.full((300, 300), -256)
    weights[:150] *= -1
    weights *= sign
    parameters = LoihiParameters(
        weights=weights, weight_exponent=0, du=4095, dv=4095, vth=10,
        bias_mantissa=641, bias_exponent=0,
    )  # fmt: skip
    expected = ei_network.simulate(EINetwork.loihi(parameters), "lif_bit_accurate", 20)
    assert expected[0].all()
    assert 0 < expected[1:].mean() < 1
    assert np.array_equal(loihi.run(parameters, 20).spikes, expected)


@pytest.mark.parametrize("n_fired", [0, 1, 8, 15, loihi.SUMMED_BYTES])
def test_columns_of_bytes_add_up_within_16_bits(n_fired):
    """As many as surely fit, all of the largest number too."""
    codes = np.random.default_rng(n_fired).integers(0, 256, (n_fired + 3, 300), dtype=np.uint8)
    codes[:, 0] = 255
    fired = np.arange(n_fired + 3)
    total = np.ones(300, np.uint16)
    loihi._add_codes(codes, fired, 2, 2 + n_fired, total)
    assert np.array_equal(total, codes[2 : 2 + n_fired].sum(axis=0, dtype=int))


@given(x=st.integers(-(2**31), 2**31 - 1), left=st.integers(0, 31), right=st.integers(0, 31))
def test_shifts_stay_in_32_bits(x, left, right):
    kept = (x << left) % 2**32
    signed = kept - 2**32 if kept >= 2**31 else kept
    assert loihi._shifted(np.int32(x), np.int32(left), np.int32(right)) == signed >> right


@pytest.mark.parametrize("zero", ["vth", "bias_mantissa", "du", "dv"])
def test_a_network_without_threshold_bias_or_decay_is_degenerate(zero):
    whole = lone_pair(du=3, dv=2)
    assert not whole.is_degenerate()
    assert replace(whole, **{zero: 0}).is_degenerate()


def lone_pair(**changes):
    """Neuron 0 fires in every step and excites neuron 1 with weight 254."""
    quiet = LoihiParameters(
        weights=np.array([[0, -2], [254, 0]]), weight_exponent=0, du=0, dv=0, vth=1,
        bias_mantissa=65, bias_exponent=0,
    )  # fmt: skip
    return replace(quiet, **changes)


def test_counts_currents_that_wrap():
    """254 * 2^(10 + 6) = 2^23 * 1.98 leaves 24 bits and comes back as a negative number."""
    quiet = loihi.run(lone_pair(bias_mantissa=130), 20)
    assert quiet.current_wraps == 0
    assert loihi.run(lone_pair(bias_mantissa=130, weight_exponent=10), 20).current_wraps > 0


def test_counts_each_wrap():
    """One neuron drives itself: 255 * 2^(9 + 6) a step, 2^23 is passed in every second one."""
    weight = 255
    parameters = lone_pair(
        weights=np.array([[weight]]),
        weight_exponent=9,
        bias_mantissa=4095,
        bias_exponent=7,
        du=4095,
    )
    recording = loihi.run(parameters, 10)
    # du = 4095 forgets u at once; each input of 255 * 2^15 < 2^23 alone does not wrap.
    assert recording.current_wraps == 0
    doubled = replace(parameters, weight_exponent=10)
    fired = int(loihi.run(doubled, 10).spikes[:-1].sum())
    assert loihi.run(doubled, 10).current_wraps == fired > 0


def test_wraps_start_beyond_the_upper_and_at_the_lower_limit():
    """u may be 2^23, but not -2^23, as Lava has it: 128 * 2^(10 + 6) = 2^23."""
    limits = {"weight_exponent": 10, "bias_mantissa": 4095, "bias_exponent": 7, "du": 4095}
    upper = lone_pair(weights=np.array([[0, 0], [128, 0]]), **limits)
    assert loihi.run(upper, 10).current_wraps == 0
    above = lone_pair(weights=np.array([[0, 0], [129, 0]]), **limits)
    assert loihi.run(above, 10).current_wraps == loihi.run(above, 9).spikes[:, 0].sum() > 0
    lower = lone_pair(weights=np.array([[0, 0], [-128, 0]]), **limits)
    assert loihi.run(lower, 10).current_wraps == loihi.run(lower, 9).spikes[:, 0].sum() > 0
    below = lone_pair(weights=np.array([[0, 0], [-127, 0]]), **limits)
    assert loihi.run(below, 10).current_wraps == 0
    for parameters in (upper, above, lower, below):
        expected = ei_network.simulate(EINetwork.loihi(parameters), "lif_bit_accurate", 10)
        assert np.array_equal(loihi.run(parameters, 10).spikes, expected)


def test_counts_voltages_that_clip():
    """Held far below threshold by inhibition, v comes to its lower limit and stays there."""
    inhibition = np.array([[0, 0], [-256, 0]])
    parameters = lone_pair(weights=inhibition, bias_mantissa=130, weight_exponent=5, du=2047)
    recording = loihi.run(parameters, 100)
    assert recording.voltage_clips > 0
    assert recording.spikes[1:, 1].sum() == 0
    assert loihi.run(lone_pair(), 20).voltage_clips == 0
