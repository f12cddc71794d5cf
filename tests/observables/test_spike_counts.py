"""Spikes and their counts against definitions: slow loops, fractions, and what is known exactly."""

from fractions import Fraction
from functools import reduce

import numpy as np
import pytest
from counts import autocovariance_of_counts
from hypothesis import given, settings
from hypothesis import strategies as st

from eiphase.observables.moments import ActivityMoments
from eiphase.observables.spike_counts import (
    Autocovariance,
    Coincidences,
    CountMoments,
    Firing,
    counted,
    packed,
)


def spikes_of(seed, n_steps, n_neurons):
    return np.random.default_rng(seed).integers(0, 2, (n_steps, n_neurons), np.uint8)


@st.composite
def runs(draw):
    """Spikes, the window, the largest lag; there are neurons that never and that always fire."""
    window, n_steps = draw(st.integers(1, 12)), draw(st.integers(2, 20))
    n_neurons = draw(st.sampled_from([1, 2, 3, 5]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    probabilities = rng.choice([0.0, 0.2, 0.9, 1.0], n_neurons)
    spikes = rng.random((n_steps, n_neurons)) < probabilities
    return spikes.astype(np.uint8), window, draw(st.integers(1, n_steps - 1))


def counts_of(spikes, window):
    """At each step that has a whole window behind it."""
    n_steps = len(spikes) - window + 1
    return np.array([spikes[t : t + window].sum(axis=0, dtype=int) for t in range(n_steps)])


def found(spikes, window, max_lag, cuts=(), **options):
    n_neurons = spikes.shape[1]
    c = Autocovariance(n_neurons, window=window, max_lag=max_lag, **options)
    firing = Firing(n_neurons)
    for block in np.split(spikes, cuts):
        c.add(block)
        firing.add(block)
    return c.found(firing.total)


def by_definition(spikes, window, max_lag, unbiased):
    """The sums of the module's docstring, term by term and without rounding."""
    n_steps, n_neurons = spikes.shape
    c = [Fraction(0)] * (max_lag + 1)
    for train in spikes.T.tolist():
        y = [s - Fraction(sum(train), n_steps) for s in train]
        for k in range(max_lag + 1):
            for e in range(1 - window, window):
                d = abs(k + e)
                s_of_d = sum(y[t] * y[t + d] for t in range(n_steps - d))
                c[k] += (window - abs(e)) * s_of_d
    pairs = [n_steps - k if unbiased else n_steps for k in range(max_lag + 1)]
    return np.array([float(total / (n * n_neurons)) for total, n in zip(c, pairs, strict=True)])


@settings(max_examples=50)
@given(run=runs(), unbiased=st.booleans())
def test_autocovariance_equals_its_definition(run, unbiased):
    """But for rounding once: windows as long as the run see little of what was added up."""
    rounding = 1e-15 * run[1] ** 2
    expected = by_definition(*run, unbiased)
    np.testing.assert_allclose(found(*run, unbiased=unbiased), expected, rtol=0, atol=rounding)


@given(run=runs())
def test_c0_is_not_negative(run):
    """Only where nobody fluctuates it is 0."""
    spikes, window, max_lag = run
    fluctuates = (spikes != spikes[0]).any()
    c0 = found(spikes, window, max_lag)[0]
    assert c0 > 0 if fluctuates else c0 == 0


@given(run=runs(), data=st.data())
def test_blocks_of_any_length_give_the_same_bits(run, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(run[0])), max_size=5)))
    assert np.array_equal(found(*run, cuts=cuts), found(*run))


@pytest.mark.parametrize("n_neurons", [63, 64, 65, 130, 401])
@pytest.mark.parametrize(("window", "max_lag"), [(1, 299), (25, 60), (300, 40), (400, 299)])
def test_autocovariance_is_that_of_windows_that_see_zeros_outside(n_neurons, window, max_lag):
    """Also where neurons fill more than a word, and where windows are longer than the run."""
    rng = np.random.default_rng(n_neurons)
    rates = rng.random(n_neurons) * (1 + np.sin(np.arange(300) / 30))[:, None] / 2
    spikes = (rng.random(rates.shape) < rates).astype(np.uint8)
    expected = autocovariance_of_counts(spikes, window=window, max_lag=max_lag)
    c = found(spikes, window, max_lag, cuts=[7, 250])
    np.testing.assert_allclose(c, expected, rtol=0, atol=1e-13 * expected[0])


def test_nothing_fluctuates_exactly():
    """Where a sum of products of 25 and 25 would leave rounding."""
    spikes = np.zeros((1000, 7), np.uint8)
    spikes[:, 3:] = 1
    assert np.array_equal(found(spikes, 25, 300), np.zeros(301))


def test_neurons_that_fire_at_random_are_correlated_as_far_as_windows_overlap():
    """c(k) = r (1 - r) (w - k), and 0 from w on, less centring's and the ends' w / T."""
    rng, rate, window, n_steps = np.random.default_rng(0), 0.2, 10, 20_000
    spikes = (rng.random((n_steps, 400)) < rate).astype(np.uint8)
    c = found(spikes, window, 30)
    expected = rate * (1 - rate) * np.maximum(window - np.arange(31), 0)
    lost = expected[0] * 2 * window / n_steps
    # 400 neurons and 2000 windows that do not overlap: c(0) / sqrt(400 * 2000), about.
    np.testing.assert_allclose(c, expected, rtol=0, atol=lost + 5 * expected[0] / np.sqrt(8e5))


@pytest.mark.parametrize("n_steps", [1000, 10_000])
def test_c0_is_the_variance_of_counts_within_window_over_steps(n_steps):
    """For neurons that fluctuate together for longer than the window."""
    rng, window = np.random.default_rng(1), 25
    rates = (1 + np.sin(np.arange(n_steps)[:, None] / 15 + rng.random(50) * 7)) / 4
    spikes = (rng.random(rates.shape) < rates).astype(np.uint8)
    variance = counts_of(spikes, window).var(axis=0).mean()
    c0 = found(spikes, window, 50)[0]
    assert c0 == pytest.approx(variance, rel=2 * window / n_steps)
    assert c0 != variance


@pytest.mark.parametrize("n_neurons", [1, 8, 63, 64, 65, 200, 400])
def test_each_neuron_has_its_bit(n_neurons):
    spikes = spikes_of(n_neurons, 9, n_neurons)
    bits = np.unpackbits(packed(spikes).view(np.uint8), axis=1, bitorder="little")
    assert np.array_equal(bits[:, :n_neurons], spikes)
    assert not bits[:, n_neurons:].any()


@given(
    seed=st.integers(0, 2**32 - 1),
    n_neurons=st.sampled_from([3, 64, 130]),
    n_steps=st.integers(1, 40),
    data=st.data(),
)
def test_coincidences_in_blocks_are_those_of_the_whole(seed, n_neurons, n_steps, data):
    n_lags = data.draw(st.integers(1, n_steps))
    cuts = sorted(data.draw(st.lists(st.integers(0, n_steps), max_size=5)))
    spikes = spikes_of(seed, n_steps, n_neurons)
    rows = packed(spikes)
    coincidences = Coincidences(n_neurons, n_lags)
    for block in np.split(rows, cuts):
        coincidences.add(block)
    s = spikes.astype(int)
    expected = [np.sum(s[: n_steps - d] * s[d:]) for d in range(n_lags)]
    assert np.array_equal(coincidences.sums, expected)
    assert np.array_equal(coincidences.first, rows[: n_lags - 1])
    assert np.array_equal(coincidences.last, rows[n_steps + 1 - n_lags :])
    assert coincidences.n_steps == n_steps


def test_only_ends_stay_in_memory():
    coincidences = Coincidences(40, 30)
    for seed in range(20):
        coincidences.add(packed(spikes_of(seed, 1000, 40)))
    kept = (coincidences.first, coincidences.last)
    assert sum(array.nbytes if array.base is None else array.base.nbytes for array in kept) < 20_000


@pytest.mark.parametrize("n_neurons", [5, 64, 70])
def test_firing_counts_spikes_and_neurons(n_neurons):
    """More steps than a byte can count."""
    spikes = spikes_of(1, 600, n_neurons)
    spikes[:, :2], spikes[:, 2], spikes[0, 3], spikes[599, 4] = 0, 1, 1, 1
    spikes[31, 1] = 1
    firing = Firing(n_neurons)
    for block in np.split(spikes, [10, 31]):
        firing.add(block)
    assert firing.n_steps == 600
    assert np.array_equal(firing.total, spikes.sum(axis=0, dtype=int))
    assert firing.rate == spikes.mean()
    assert firing.silent == np.mean(~spikes.any(axis=0)) == 1 / n_neurons
    assert firing.always == np.mean(spikes.all(axis=0)) == 1 / n_neurons


def in_steps_where_it_may(train, rest):
    """How often a neuron fires, and in how many steps it may, one step after the other."""
    may, until = 0, -1
    for step, fires in enumerate(train):
        may += step > until
        until = step + rest if fires else until
    return sum(train), may


@pytest.mark.parametrize(
    ("trains", "rest", "limited"),
    [
        ([[1, 0] * 50, [1, 0] * 50], 0, False),  # in exactly half of the steps
        ([[1, 0] * 50, [1, 1] + [1, 0] * 49], 0, True),  # in one step more
        ([[1] * 100, [0] * 100], 0, False),  # both neurons count, together
        ([[1] * 100, [1] + [0] * 99], 0, True),
        ([[1, 0, 0, 0, 0] * 20] * 2, 4, True),  # at once when its rest is over
        ([[1, 0, 0, 0, 0, 0] * 17] * 2, 4, False),  # in every second step after its rest
        ([[1, 0, 0, 0, 0, 0] * 15, [1, 0, 0, 0, 0] * 18], 4, True),  # one of each
        ([[1, 0, 0, 0, 0] * 20] * 2, 0, False),  # the same trains of neurons without rest
        ([[0] * 100] * 2, 4, False),
    ],
)
def test_the_step_limits_neurons_that_fire_whenever_they_may(trains, rest, limited):
    """Of 40 neurons, the two most active ones decide; one stands before the others, one after."""
    spikes = np.zeros((len(trains[0]), 40), np.uint8)
    spikes[:, 0], spikes[:, 39] = trains
    firing = Firing(40)
    firing.add(spikes)
    assert firing.is_step_limited(rest) == limited
    fired, may = np.sum([in_steps_where_it_may(train, rest) for train in trains], axis=0)
    assert (2 * fired > may) == limited


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
    y = np.array([[Fraction(int(count)) for count in row] for row in x])
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
