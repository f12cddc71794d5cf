r"""Spikes, and their counts in windows of w steps: how many, how they fluctuate, c(lag).

The count of a neuron at step t, $x_i(t) = \sum_{a < w} s_i(t - a)$, sees whole windows only: those
of the first steps of a run reach back into its burn-in. Their autocovariance at lag k needs

$$D(k) = \sum_{t = 0}^{T - k - 1} \sum_i x_i(t)\, x_i(t + k)
  = \sum_{|e| < w} (w - |e|)\, C(|k + e|) - D_{first}(k) - D_{last}(k)$$

with the coincidences $C(d) = \sum_t \sum_i s_i(t)\, s_i(t + d)$ of all spikes that some window
sees. The sum over e also holds windows that are cut off at the ends of the run, and the last two
terms take these away: pairs of counts of which the earlier one is in a window that ends before the
run, or the later one in a window that begins after it.

If the cut windows stayed, c(k) would be too large where neurons fire regularly, by
$\frac{1}{T} \sum_{|e| < w} (w - |e|)\, (|k| - |k + e|)\, \gamma(k + e)$ with the autocovariance
$\gamma$ of spikes: counts in whole windows hardly vary there, and those in parts of a window do.

Spikes are packed into bits, one for each neuron: a step is a row of words, (time, word). An AND
and the processor's instruction for the number of ones in a word tell how many of 64 neurons
fire both at one step and at another. D is a sum of integers, so exact, and the same however the
steps are cut into blocks. It fits into 64 bits while $N T w^2$ is less than $2^{63}$, to which
`sweep.schema.check_counts` sees.
"""

from typing import Self

import numpy as np

from eiphase.numerics.jit import njit
from eiphase.observables.autocovariance import centring

WORD = 64  # bits
MOST_ACTIVE = 0.05  # part of the neurons, which is asked whether the step limits it
_LAGS_AT_ONCE = 4  # as `_add_coincidences` is written: they share the words of the later step


def counted(spikes: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Counts x at each step, (time, neuron); `before` are the w steps that precede them."""
    counts = np.empty(spikes.shape, np.min_scalar_type(len(before)))
    _count(spikes, before, counts)
    return counts


@njit(cache=True)
def _count(spikes, before, counts):
    n_steps, n = spikes.shape
    window = len(before)
    x = np.zeros(n, counts.dtype)
    for t in range(window):
        for i in range(n):
            x[i] += before[t, i]
    for t in range(n_steps):
        leaving = before[t] if t < window else spikes[t - window]
        for i in range(n):
            x[i] += spikes[t, i] - leaving[i]  # modulo 2^8 or more
            counts[t, i] = x[i]


class CountMoments:
    """Mean and variance over time of counts: `moments.ActivityMoments` of integers."""

    def __init__(self, n_neurons: int):
        self.n_steps, self.squares = 0, 0  # x^2, summed over time and neurons
        self.total = np.zeros(n_neurons, np.int64)  # of each neuron's x over time

    def add(self, counts: np.ndarray) -> None:
        """Take in the next steps, (time, neuron)."""
        if len(counts):
            largest = int(np.iinfo(counts.dtype).max)
            self.squares += int(_add_counts(counts, (2**32 - 1) // largest**2, self.total))
            self.n_steps += len(counts)

    def joined(self, other: Self) -> Self:
        """The moments of both parts together."""
        found = type(self)(len(self.total))
        found.n_steps = self.n_steps + other.n_steps
        found.squares = self.squares + other.squares
        found.total = self.total + other.total
        return found

    @property
    def mean(self) -> np.ndarray:
        return self.total / self.n_steps

    @property
    def variance(self) -> float:
        """Over time, mean over neurons; NaN of no steps."""
        if not self.n_steps:
            return np.nan
        whole, rest = _squared(self.total, self.n_steps)
        return (self.squares - whole - rest / self.n_steps) / (self.n_steps * len(self.total))

    @property
    def sum_of_squares(self) -> float:
        """Sum of squared counts over time and neurons."""
        return float(self.squares)


@njit(cache=True)
def _add_counts(counts, length, total):
    """Each neuron's counts to its total; returns the sum of all squares.

    Sums over `length` steps have 32 bits, so that a vector holds twice as many as of 64.
    """
    n_steps, n = counts.shape
    sums, squares = np.zeros(n, np.uint32), np.zeros(n, np.uint32)
    all_squares = 0
    for first in range(0, n_steps, length):
        for t in range(first, min(first + length, n_steps)):
            for i in range(n):
                x = np.uint32(counts[t, i])
                sums[i] += x
                squares[i] += x * x
        for i in range(n):
            total[i] += sums[i]
            all_squares += squares[i]
            sums[i] = squares[i] = 0
    return all_squares


@njit(cache=True)
def _squared(total, n_steps):
    r"""$\sum_i X_i^2 / T$ as two integers, of which the second is to be divided by T."""
    whole = rest = 0
    for x in total:
        nearest = (2 * x + n_steps) // (2 * n_steps)
        y = x - n_steps * nearest
        whole += nearest * (x + y)
        rest += y * y
    return whole, rest


class Firing:
    """How often each neuron fires, from spikes that come in blocks."""

    def __init__(self, n_neurons: int):
        self.n_steps = 0
        self.total = np.zeros(n_neurons, np.int64)  # spikes of each neuron

    def add(self, spikes: np.ndarray) -> None:
        """Take in the next steps, (time, neuron), 0 or 1."""
        self.n_steps += len(spikes)
        _add_up(spikes, self.total)

    @property
    def rate(self) -> float:
        """Spikes per neuron and step."""
        return int(self.total.sum()) / (self.n_steps * len(self.total))

    @property
    def silent(self) -> float:
        """Fraction of neurons that fire in no step."""
        return np.count_nonzero(self.total == 0) / len(self.total)

    @property
    def always(self) -> float:
        """Fraction of neurons that fire in every step."""
        return np.count_nonzero(self.total == self.n_steps) / len(self.total)

    def is_step_limited(self, refractory_steps: int = 0) -> bool:
        r"""Whether the most active neurons fire in most of the steps in which they may.

        These neurons are `MOST_ACTIVE` of all, by their number of spikes, and at least one.
        Together they have n spikes in T steps each, k neurons; after a spike a neuron
        rests for `refractory_steps` R, so that

        $$n > \frac{1}{2} (k T - R n)$$

        is asked: a rate above $1 / (R + 2)$ per step, of at most $1 / (R + 1)$. Then intervals
        between spikes are one or two steps longer than the rest, and a shorter step would give
        other ones.
        """
        n_most = -(-len(self.total) // round(1 / MOST_ACTIVE))
        spikes = int(np.sort(self.total)[-n_most:].sum())
        return 2 * spikes > n_most * self.n_steps - refractory_steps * spikes


@njit(cache=True)
def _add_up(spikes, total):
    """Add each neuron's spikes to its total; as many as a byte holds are added up in bytes."""
    n_steps, n = spikes.shape
    for first in range(0, n_steps, 255):
        sums = np.zeros(n, np.uint8)
        for t in range(first, min(first + 255, n_steps)):
            for i in range(n):
                sums[i] += spikes[t, i]
        for i in range(n):
            total[i] += sums[i]


def packed(spikes: np.ndarray) -> np.ndarray:
    """Spikes, 0 or 1, (time, neuron), as bits; after the last neuron they are 0."""
    n_steps, n = spikes.shape
    in_bytes = np.zeros((n_steps, -(-n // WORD) * WORD // 8), np.uint8)
    in_bytes[:, : -(-n // 8)] = np.packbits(spikes, axis=1, bitorder="little")
    return in_bytes.view("<u8")


@njit(cache=True)
def ones(word):
    """How many of a word's bits are 1.

    The textbook's way, which adds up neighbouring fields of 1, 2 and 4 bits: the compiler knows
    it, and makes the processor's own instruction of it.
    """
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


class Coincidences:
    r"""$C(d) = \sum_t \sum_i s_i(t)\, s_i(t + d)$ at lags d below `n_lags`, in blocks of steps.

    Only the first and the last `n_lags` - 1 rows stay in memory.
    """

    def __init__(self, n_neurons: int, n_lags: int):
        self.n_steps, self._n_lags = 0, n_lags
        n_lags_added, n_words = -(-n_lags // _LAGS_AT_ONCE) * _LAGS_AT_ONCE, -(-n_neurons // WORD)
        self.first = np.empty((0, n_words), np.uint64)
        self._last = np.zeros((n_lags_added - 1, n_words), np.uint64)  # nothing before the first
        self._sums = np.zeros(n_lags_added, np.int64)

    def add(self, rows: np.ndarray) -> None:
        """Take in the next steps, (time, word)."""
        self.n_steps += len(rows)
        missing = self._n_lags - 1 - len(self.first)
        self.first = np.concatenate([self.first, rows[:missing]])
        steps = np.concatenate([self._last, rows])
        _add_coincidences(steps, len(self._last), self._sums)
        self._last = steps[len(rows) :]

    @property
    def last(self) -> np.ndarray:
        """The last `n_lags` - 1 rows; empty ones before the first step."""
        return self._last[len(self._last) + 1 - self._n_lags :]

    @property
    def sums(self) -> np.ndarray:
        """(lag,)"""
        return self._sums[: self._n_lags]


@njit(cache=True)
def _add_coincidences(rows, n_before, sums):
    """Add up pairs of steps of which the later one is not among the first `n_before`.

    Rows follow on each other in memory: of one loop over all their words the compiler makes
    vector instructions.
    """
    words, n_words = rows.ravel(), rows.shape[1]
    later = words[n_before * n_words :]
    for d in range(0, len(sums), _LAGS_AT_ONCE):
        start = (n_before - d) * n_words
        by_0, by_1 = words[start:], words[start - n_words :]
        by_2, by_3 = words[start - 2 * n_words :], words[start - 3 * n_words :]
        sum_0 = sum_1 = sum_2 = sum_3 = 0
        for j in range(len(later)):
            sum_0 += ones(later[j] & by_0[j])
            sum_1 += ones(later[j] & by_1[j])
            sum_2 += ones(later[j] & by_2[j])
            sum_3 += ones(later[j] & by_3[j])
        sums[d] += sum_0
        sums[d + 1] += sum_1
        sums[d + 2] += sum_2
        sums[d + 3] += sum_3


class Autocovariance:
    """c of counts at lags from 0 to `max_lag`, from spikes that come in blocks.

    It is what `fluctuation.StandardAutocovariance` finds of counts. `unbiased=False` divides by T
    at every lag.
    """

    def __init__(self, n_neurons: int, *, window: int, max_lag: int, unbiased: bool = True):
        self._n_neurons, self._window, self._unbiased = n_neurons, window, unbiased
        self._coincidences = Coincidences(n_neurons, max_lag + window)

    def add(self, spikes: np.ndarray, before: np.ndarray) -> None:
        """Take in the next steps, (time, neuron), 0 or 1; `before` are the w that precede them."""
        if len(spikes) and not self._coincidences.n_steps:
            spikes = np.concatenate([before[1:], spikes])
        self._coincidences.add(packed(spikes))

    def found(self, total: np.ndarray) -> np.ndarray:
        """c at each lag; `total` are the spikes of each neuron in the run."""
        window, n_cut = self._window, self._window - 1
        n_steps = self._coincidences.n_steps - n_cut
        first = self._unpacked(self._coincidences.first)
        last = self._unpacked(self._coincidences.last[::-1])
        sums = _smoothed(self._coincidences.sums, window)
        # Each spike is in `window` windows, of which some are cut off near an end.
        counts_in_run = window * (total + first[:n_cut].sum(axis=0, dtype=int))
        ends = []
        for spikes in (first, last):
            counts = counted(spikes, np.zeros((window, self._n_neurons), np.uint8))
            _take_cut_windows(spikes, counts, n_cut, sums)
            counts_in_run -= counts[:n_cut].sum(axis=0, dtype=int)
            ends.append(counts[n_cut:].astype(float))
        products = sums - centring(counts_in_run / n_steps, ends[0], ends[1][::-1], n_steps)
        pairs = n_steps - np.arange(len(sums)) if self._unbiased else n_steps
        return products / (self._n_neurons * pairs)

    def _unpacked(self, rows: np.ndarray) -> np.ndarray:
        bits = np.unpackbits(rows.view(np.uint8), axis=1, bitorder="little")
        return bits[:, : self._n_neurons]


@njit(cache=True)
def _take_cut_windows(spikes, counts, n_cut, sums):
    """Take from `sums`, by lag, products of the first `n_cut` counts with later ones.

    Spikes are few, and counts are sums of them: so each spike adds up what all counts that see it
    are multiplied by.
    """
    n_steps, n = spikes.shape
    until = np.zeros(n_steps + 1, np.int64)  # sum of a neuron's counts before each step
    for i in range(n):
        if not spikes[:n_cut, i].any():
            continue
        for t in range(n_steps):
            until[t + 1] = until[t] + counts[t, i]
        for t in range(n_cut):
            if spikes[t, i]:
                for lag in range(len(sums)):
                    sums[lag] -= until[n_cut + lag] - until[t + lag]


def _smoothed(sums: np.ndarray, window: int) -> np.ndarray:
    r"""$\sum_{|e| < w} (w - |e|)\, S(|k + e|)$ at all lags k for which S is known."""
    both = np.concatenate([sums[:0:-1], sums])
    smoothed = _in_windows(_in_windows(both, window), window)
    return smoothed[len(smoothed) // 2 :]


def _in_windows(values: np.ndarray, window: int) -> np.ndarray:
    """Sums of so many values that follow on each other, of all that do."""
    total = np.concatenate([[0], np.cumsum(values)])
    return total[window:] - total[:-window]
