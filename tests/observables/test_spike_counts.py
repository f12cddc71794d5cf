"""Autocovariance and moments of spike counts against their definitions, in fractions."""

from fractions import Fraction
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiphase.observables import fluctuation
from eiphase.observables.coincidences import packed
from eiphase.observables.moments import ActivityMoments
from eiphase.observables.spike_counts import (
    CountMoments,
    StandardAutocovariance,
    TutorialAutocovariance,
    counted,
)

BOTH = pytest.mark.parametrize("estimator", [StandardAutocovariance, TutorialAutocovariance])


@st.composite
def runs(draw):
    """Spikes, the window, the largest lag; there are neurons that never and that always fire."""
    window, n_steps = draw(st.integers(1, 8)), draw(st.integers(2, 20))
    n_neurons = draw(st.sampled_from([1, 2, 3, 5]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    probabilities = rng.choice([0.0, 0.2, 0.9, 1.0], n_neurons)
    spikes = rng.random((n_steps + window - 1, n_neurons)) < probabilities
    return spikes.astype(np.uint8), window, draw(st.integers(1, n_steps - 1))


def counts_of(spikes, window):
    """At each step that has a whole window behind it."""
    n_steps = len(spikes) - window + 1
    return np.array([spikes[t : t + window].sum(axis=0, dtype=int) for t in range(n_steps)])


def found(estimator, spikes, window, max_lag, cuts=(), **options):
    c = estimator(spikes.shape[1], window=window, max_lag=max_lag, **options)
    for block in np.split(packed(spikes), cuts):
        c.add(block)
    return c.found(counts_of(spikes, window).sum(axis=0))


def in_fractions(x):
    return np.array([[Fraction(int(count)) for count in row] for row in x])


def standard(x, max_lag, unbiased):
    """The definition, without rounding."""
    n_steps, n_neurons = x.shape
    y = in_fractions(x)
    y = y - y.sum(axis=0) / n_steps
    sums = [np.sum(y[: n_steps - k] * y[k:]) for k in range(max_lag + 1)]
    pairs = [n_steps - k if unbiased else n_steps for k in range(max_lag + 1)]
    return np.array([float(s / (n * n_neurons)) for s, n in zip(sums, pairs, strict=True)])


def tutorial(x, max_lag):
    y = in_fractions(x)
    y = y - y.sum(axis=0) / len(x)
    y = y - y.sum(axis=1, keepdims=True) / x.shape[1]
    return np.array([float(np.sum(y * np.roll(y, k, axis=0)) / x.size) for k in range(max_lag + 1)])


def agree(c, expected):
    """But for rounding once or twice; where nothing fluctuates there is none."""
    np.testing.assert_allclose(c, expected, rtol=0, atol=4e-15 * expected[0])


@given(run=runs(), unbiased=st.booleans())
def test_standard_estimator_equals_its_definition(run, unbiased):
    spikes, window, max_lag = run
    expected = standard(counts_of(spikes, window), max_lag, unbiased)
    agree(found(StandardAutocovariance, *run, unbiased=unbiased), expected)


@given(run=runs())
def test_tutorial_estimator_equals_its_definition(run):
    spikes, window, max_lag = run
    agree(found(TutorialAutocovariance, *run), tutorial(counts_of(spikes, window), max_lag))


@BOTH
@given(run=runs(), data=st.data())
def test_blocks_of_any_length_give_the_same_bits(estimator, run, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(run[0])), max_size=5)))
    assert np.array_equal(found(estimator, *run, cuts=cuts), found(estimator, *run))


@pytest.mark.parametrize("n_neurons", [63, 64, 65, 130, 401])
@pytest.mark.parametrize(("window", "max_lag"), [(1, 299), (25, 60), (300, 40)])
def test_agrees_with_the_estimators_of_any_activity(n_neurons, window, max_lag):
    """Which transform what they are given: also where neurons fill more than a word."""
    rng = np.random.default_rng(n_neurons)
    rates = rng.random(n_neurons) * (1 + np.sin(np.arange(window + 299) / 30))[:, None] / 2
    spikes = (rng.random(rates.shape) < rates).astype(np.uint8)
    x = counts_of(spikes, window)
    for estimator, expected in (
        (StandardAutocovariance, fluctuation.standard_autocovariance(x, max_lag=max_lag)),
        (TutorialAutocovariance, fluctuation.tutorial_autocovariance(x, max_lag=max_lag)),
    ):
        c = found(estimator, spikes, window, max_lag, cuts=[7, 250])
        np.testing.assert_allclose(c, expected, rtol=0, atol=1e-13 * expected[0])


@BOTH
def test_nothing_fluctuates_exactly(estimator):
    """Where a sum of products of 25 and 25 would leave rounding."""
    spikes = np.zeros((1024, 7), np.uint8)
    spikes[:, 3:] = 1
    assert np.array_equal(found(estimator, spikes, 25, 300), np.zeros(301))


def test_what_all_share_is_nothing_to_the_tutorials_estimator():
    shared = np.random.default_rng(0).integers(0, 2, (500, 1), np.uint8).repeat(9, axis=1)
    assert not found(TutorialAutocovariance, shared, 10, 50).any()
    assert found(StandardAutocovariance, shared, 10, 50)[0] > 1


@given(seed=st.integers(0, 2**32 - 1), window=st.integers(1, 30), n_steps=st.integers(1, 60))
def test_counts_see_the_steps_before(seed, window, n_steps):
    spikes = np.random.default_rng(seed).integers(0, 2, (window + n_steps, 3), np.uint8)
    expected = counts_of(spikes[1:], window)
    assert np.array_equal(counted(spikes[window:], spikes[:window]), expected)


def test_counts_may_be_larger_than_a_byte():
    spikes = np.ones((1000, 2), np.uint8)
    assert np.array_equal(counted(spikes[700:], spikes[:700]), np.full((300, 2), 700))


@given(seed=st.integers(0, 2**32 - 1), largest=st.sampled_from([1, 25, 10_000]), data=st.data())
def test_moments_in_blocks_are_those_of_the_whole(seed, largest, data):
    """Counts of 10,000 overflow 32 bits within 43 steps."""
    n_steps = data.draw(st.integers(1, 120))
    cuts = sorted(data.draw(st.lists(st.integers(0, n_steps), max_size=4)))
    x = np.random.default_rng(seed).integers(largest // 2, largest + 1, (n_steps, 3), np.uint16)
    parts = [CountMoments(3) for _ in range(len(cuts) + 1)]
    in_blocks = CountMoments(3)
    for part, block in zip(parts, np.split(x, cuts), strict=True):
        part.add(block)
        in_blocks.add(block)
    joined = reduce(CountMoments.joined, parts)
    y = in_fractions(x)
    variance = float(np.sum((y - y.sum(axis=0) / n_steps) ** 2) / y.size)
    for moments in (joined, in_blocks):
        assert moments.n_steps == n_steps
        assert np.array_equal(moments.total, x.sum(axis=0, dtype=int))
        assert moments.sum_of_squares == np.sum(y * y)
        assert moments.variance == pytest.approx(variance, rel=1e-14)
        np.testing.assert_allclose(
            moments.mean, ActivityMoments.of(x.astype(float)).mean, rtol=1e-14
        )
    assert np.isnan(CountMoments(3).variance)
