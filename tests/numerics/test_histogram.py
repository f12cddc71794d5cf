"""Quantiles in blocks: NumPy's where values are kept, within the stated error beyond."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiphase.mapping import dynamic_range
from eiphase.mapping.float_to_integer import DynamicRange
from eiphase.networks.lif import Recording
from eiphase.numerics import histogram
from eiphase.numerics.histogram import Quantiles

PROBABILITIES = (0.0, 0.2, 0.5, 0.8, 1.0)


def found(values, cuts):
    quantiles = Quantiles(len(values))
    for block in np.split(values, cuts):
        if len(block):
            quantiles.add(block)
    spread = quantiles.found(PROBABILITIES)
    assert (spread.minimum, spread.maximum) == (values.min(), values.max())
    return spread.quantiles


@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_kept_values_have_numpys_quantiles_to_the_bit(seed, data):
    n = data.draw(st.integers(1, 300))
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=4)))
    values = np.random.default_rng(seed).normal(size=n)
    assert found(values, cuts) == np.quantile(values, PROBABILITIES).tolist()


def distributions():
    rng = np.random.default_rng(0)
    slowly_wider = rng.normal(size=30_000) * np.logspace(-6, 3, 30_000)
    yield "normal", rng.normal(size=30_000)
    yield "far from zero", 1e6 + rng.normal(size=30_000)
    yield "wider and wider", slowly_wider
    yield "narrower", slowly_wider[::-1].copy()
    yield "most at one value", np.where(rng.random(30_000) < 0.9, 0.0, rng.normal(size=30_000))
    yield "drifting", rng.normal(size=30_000) + np.linspace(-500, 20, 30_000)
    yield "all the same", np.full(30_000, -3.25)


@pytest.mark.parametrize(("name", "values"), list(distributions()))
def test_beyond_they_are_right_to_a_millionth_of_the_range(monkeypatch, name, values):
    monkeypatch.setattr(histogram, "KEPT_VALUES", 1000)
    exact = np.quantile(values, PROBABILITIES, method="lower")
    above = np.quantile(values, PROBABILITIES, method="higher")
    error = max(1e-6 * np.ptp(values), 1e-12 * np.abs(values).max())
    in_blocks = np.array(found(values, [1, 2, 500, 7000, 7001, 25_000]))
    assert (in_blocks >= exact - error).all()
    assert (in_blocks <= above + error).all()
    assert np.array_equal(in_blocks, found(values, []))  # however the values are cut


def test_memory_ends_at_the_histogram():
    def size(n_values):
        quantiles = Quantiles(n_values)
        quantiles.add(np.linspace(0, 1, 1000))
        return quantiles._kept.nbytes + quantiles._counts.nbytes

    assert size(2000) == 16_000
    assert size(10**7) == size(10**12) == 8 * histogram.BINS


@pytest.mark.parametrize("kept", [10, 10**6])
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_what_is_not_finite_has_no_quantiles(monkeypatch, kept, poison):
    monkeypatch.setattr(histogram, "KEPT_VALUES", kept)
    quantiles = Quantiles(300)
    values = np.arange(300.0)
    values[120] = poison
    for block in np.split(values, 3):
        quantiles.add(block)
    assert np.isnan(quantiles.found((0.2, 0.8)).quantiles).all()


def test_the_range_of_a_recording_is_that_of_its_current_and_voltage():
    rng = np.random.default_rng(0)
    recording = Recording(np.zeros((40, 6), np.uint8), *rng.normal(size=(2, 40, 6)))
    in_blocks = dynamic_range.RangeOfStates(40, 6)
    for steps in (slice(0, 11), slice(11, 40)):
        in_blocks.add(recording.current[steps], recording.voltage[steps])
    u, v = recording.current, recording.voltage
    expected = DynamicRange(
        *np.quantile(u, (0.2, 0.8)),
        *np.quantile(v, (0.2, 0.8)),
        current_minimum=u.min(),
        current_maximum=u.max(),
        voltage_minimum=v.min(),
    )
    assert in_blocks.found() == expected == dynamic_range.dynamic_range(recording)
