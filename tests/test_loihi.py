from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from lava.utils.weightutils import clip_weights, determine_sign_mode, truncate_weights

from eiphase import lif, loihi, mapping
from eiphase.loihi import LoihiParameters


@pytest.fixture(scope="module")
def critical(tutorial):
    """The tutorial's critical network in Loihi's integers, and its dynamic range."""
    network = tutorial["critical"]
    parameters, _ = mapping.rate_to_lif(network.half, network.point, "tutorial")
    recording = lif.run(parameters, 1000)
    ranges = loihi.dynamic_range(recording.current, recording.voltage)
    return loihi.tutorial(parameters, ranges), ranges


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


@given(low=st.integers(-600, 300), width=st.integers(0, 900), seed=st.integers(0, 1000))
def test_stored_weights_are_lavas(low, width, seed):
    weights = np.random.default_rng(seed).integers(low, low + width, (7, 7), endpoint=True)
    mode = determine_sign_mode(weights)
    expected = truncate_weights(clip_weights(weights, mode, num_bits=8), mode, num_weight_bits=8)
    assert np.array_equal(loihi.stored_weights(weights), expected)


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
    assert loihi.weight_use(np.array([weights])) == (clipped_fraction, bits)


@given(
    values=hnp.arrays(
        float,
        st.integers(1, 3000),
        elements=st.one_of(st.floats(-10, 10), st.sampled_from([0.0, 1.0])),
    ),
    probability=st.floats(0, 1),
)
def test_quantiles_are_numpys(values, probability):
    assert loihi.quantiles(values, (probability,)) == [np.quantile(values, probability)]


def test_quantiles_of_many_values_are_numpys():
    rng = np.random.default_rng(0)
    periodic = np.sin(np.arange(200_000) * 2 * np.pi / 97)  # in step with the sparse sample
    for values in (rng.normal(size=(500, 400)), np.round(rng.normal(size=200_000), 1), periodic):
        assert loihi.quantiles(values, (0.2, 0.8)) == np.quantile(values, (0.2, 0.8)).tolist()


def test_quantiles_of_what_is_not_finite_are_not():
    values = np.zeros(10_000)
    values[7] = np.nan
    assert np.isnan(loihi.quantiles(values, (0.2, 0.8))).all()


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


def test_counts_voltages_that_clip():
    """Held far below threshold by inhibition, v comes to its lower limit and stays there."""
    inhibition = np.array([[0, 0], [-256, 0]])
    parameters = lone_pair(weights=inhibition, bias_mantissa=130, weight_exponent=5, du=2047)
    recording = loihi.run(parameters, 100)
    assert recording.voltage_clips > 0
    assert recording.spikes[1:, 1].sum() == 0
    assert loihi.run(lone_pair(), 20).voltage_clips == 0
