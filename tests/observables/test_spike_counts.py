"""Spikes and their counts against definitions: slow loops, fractions, and what is known exactly."""

from fractions import Fraction
from functools import reduce
from itertools import pairwise

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
    """Spikes with a window's length before the run, the window, the largest lag.

    There are neurons that never and that always fire.
    """
    window, n_steps = draw(st.integers(1, 12)), draw(st.integers(2, 20))
    n_neurons = draw(st.sampled_from([1, 2, 3, 5]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    probabilities = rng.choice([0.0, 0.2, 0.9, 1.0], n_neurons)
    spikes = rng.random((window + n_steps, n_neurons)) < probabilities
    return spikes.astype(np.uint8), window, draw(st.integers(1, n_steps - 1))


def counts_of(spikes, window):
    """At each step that has a whole window behind it."""
    n_steps = len(spikes) - window + 1
    return np.array([spikes[t : t + window].sum(axis=0, dtype=int) for t in range(n_steps)])


def found(spikes, window, max_lag, cuts=(), **options):
    """c of a run that begins when `window` steps are over."""
    n_neurons = spikes.shape[1]
    c = Autocovariance(n_neurons, window=window, max_lag=max_lag, **options)
    firing = Firing(n_neurons)
    edges = [window, *(window + cut for cut in cuts), len(spikes)]
    for start, stop in pairwise(edges):
        c.add(spikes[start:stop], spikes[start - window : start])
        firing.add(spikes[start:stop])
    return c.found(firing.total)


def by_definition(spikes, window, max_lag, unbiased):
    """Products of counts less their mean, term by term and without rounding."""
    x = counts_of(spikes[1:], window)
    n_steps, n_neurons = x.shape
    c = [Fraction(0)] * (max_lag + 1)
    for counts in x.T.tolist():
        y = [count - Fraction(sum(counts), n_steps) for count in counts]
        for k in range(max_lag + 1):
            c[k] += sum(y[t] * y[t + k] for t in range(n_steps - k))
    pairs = [n_steps - k if unbiased else n_steps for k in range(max_lag + 1)]
    return np.array([float(total / (n * n_neurons)) for total, n in zip(c, pairs, strict=True)])


@settings(max_examples=50)
@given(run=runs(), unbiased=st.booleans())
def test_autocovariance_equals_its_definition(run, unbiased):
    """But for rounding of squared counts, which are as large as windows."""
    rounding = 1e-14 * run[1] ** 2
    expected = by_definition(*run, unbiased)
    np.testing.assert_allclose(found(*run, unbiased=unbiased), expected, rtol=0, atol=rounding)


@given(run=runs())
def test_c0_is_the_variance_of_counts(run):
    """So it is not negative, and only 0 where no count changes."""
    spikes, window, max_lag = run
    counts = counts_of(spikes[1:], window)
    c0 = found(spikes, window, max_lag)[0]
    assert c0 == pytest.approx(counts.var(axis=0).mean(), abs=1e-14 * window**2)
    assert c0 > 0 if (counts != counts[0]).any() else c0 == 0


@given(run=runs(), data=st.data())
def test_blocks_of_any_length_give_the_same_bits(run, data):
    spikes, window, _ = run
    cuts = sorted(data.draw(st.lists(st.integers(0, len(spikes) - window), max_size=5)))
    assert np.array_equal(found(*run, cuts=cuts), found(*run))


@pytest.mark.parametrize("n_neurons", [63, 64, 65, 130, 401])
@pytest.mark.parametrize(("window", "max_lag"), [(1, 299), (25, 60), (300, 40), (400, 299)])
def test_autocovariance_is_that_of_counts(n_neurons, window, max_lag):
    """Also where neurons fill more than a word, and where windows are longer than the run."""
    rng = np.random.default_rng(n_neurons)
    steps = np.arange(window + 300)
    rates = rng.random(n_neurons) * (1 + np.sin(steps / 30))[:, None] / 2
    spikes = (rng.random(rates.shape) < rates).astype(np.uint8)
    expected = autocovariance_of_counts(spikes, first=window, window=window, max_lag=max_lag)
    c = found(spikes, window, max_lag, cuts=[7, 250])
    scale = np.square(counts_of(spikes, window), dtype=float).mean()
    pairs = (300 - np.arange(max_lag + 1)) / 300  # few at large lags
    np.testing.assert_allclose(c * pairs, expected * pairs, rtol=0, atol=1e-13 * scale)


def test_nothing_fluctuates_exactly():
    """Where a sum of products of 25 and 25 would leave rounding."""
    spikes = np.zeros((1000, 7), np.uint8)
    spikes[:, 3:] = 1
    assert np.array_equal(found(spikes, 25, 300), np.zeros(301))


def test_counts_of_as_many_periods_as_windows_hold_do_not_fluctuate():
    """Windows that are cut off at the ends of a run would."""
    spikes = (np.arange(525)[:, None] % 5 == np.arange(5)).astype(np.uint8)
    assert np.array_equal(found(spikes, 25, 60), np.zeros(61))


def test_neurons_that_fire_at_random_are_correlated_as_far_as_windows_overlap():
    """c(k) = r (1 - r) (w - k), and 0 from w on, less centring's w / T."""
    rng, rate, window, n_steps = np.random.default_rng(0), 0.2, 10, 20_000
    spikes = (rng.random((n_steps, 400)) < rate).astype(np.uint8)
    c = found(spikes, window, 30)
    expected = rate * (1 - rate) * np.maximum(window - np.arange(31), 0)
    lost = expected[0] * 2 * window / n_steps
    # 400 neurons and 2000 windows that do not overlap: c(0) / sqrt(400 * 2000), about.
    np.testing.assert_allclose(c, expected, rtol=0, atol=lost + 5 * expected[0] / np.sqrt(8e5))


def renewal_trains(rng, n_steps, n_neurons, *, rest, rate):
    """Trains of neurons that rest after a spike and then fire with a probability in each step.

    They have forgotten their beginning after `FORGOTTEN` steps, which are left out.
    """
    waits = rng.geometric(rate, (n_neurons, (FORGOTTEN + n_steps) // rest)) + rest
    trains = np.zeros((FORGOTTEN + n_steps, n_neurons), np.uint8)
    for neuron, times in enumerate(waits.cumsum(axis=1)):
        trains[times[times < len(trains)], neuron] = 1
    return trains[FORGOTTEN:]


FORGOTTEN = 1000


def covariance_of_renewal_trains(n_lags, *, rest, rate):
    """At lags from 0, by renewal theory: what fires again does so after `rest` steps and a wait."""
    again = np.zeros(n_lags)  # probability of a spike d steps after one
    again[0] = 1
    for d in range(rest + 1, n_lags):
        earlier = np.arange(rest + 1, d + 1)
        again[d] = np.sum(rate * (1 - rate) ** (earlier - rest - 1) * again[d - earlier])
    mean = 1 / (rest + 1 / rate)
    return mean * (again - mean)


@pytest.mark.parametrize("n_steps", [400, 1600])
def test_windows_at_the_ends_of_a_run_do_not_make_regular_firing_vary(n_steps):
    """Known from renewal theory; centring takes the variance of the mean of a run.

    With windows that are cut off at the ends, c(0) would be 8 and 2 % too large.
    """
    rest, rate, window, max_lag, n_neurons = 10, 0.5, 25, 40, 4000
    spikes = renewal_trains(
        np.random.default_rng(3), window + n_steps, n_neurons, rest=rest, rate=rate
    )
    gamma = covariance_of_renewal_trains(n_steps + 2 * window, rest=rest, rate=rate)
    e = np.arange(1 - window, window)
    c = np.array([np.sum((window - abs(e)) * gamma[abs(k + e)]) for k in range(n_steps)])
    lags = np.arange(1, n_steps)
    lost = (c[0] + 2 * np.sum((1 - lags / n_steps) * c[1:])) / n_steps
    expected = c[: max_lag + 1] - lost
    each = [found(part, window, max_lag) for part in np.array_split(spikes, 20, axis=1)]
    error = np.std(each, axis=0, ddof=1) / np.sqrt(20)
    assert error[0] < 0.02 * expected[0]
    assert np.all(abs(np.mean(each, axis=0) - expected) < 4 * error)


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
