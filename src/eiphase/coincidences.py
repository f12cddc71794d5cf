"""Spikes packed into bits, and how many neurons fire both at one step and at another.

A step is a row of words of 64 bits, one bit for each neuron: (time, word). To count the
neurons that two steps have in common takes an AND and the processor's instruction for the
number of ones in a word, for 64 neurons at once; sums are integers, so exact.
"""

from collections.abc import Callable
from typing import Self

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

_WORD = 64  # bits
_LAGS_AT_ONCE = 4  # as `_add_coincidences` is written: they share the words of the later step


@intrinsic
def _ones(typing_context, word):
    """How many of a word's bits are 1."""

    def code(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), code


def packed(spikes: np.ndarray) -> np.ndarray:
    """Spikes, 0 or 1, (time, neuron), as bits; those after the last neuron are 0."""
    n_steps, n_neurons = spikes.shape
    n_bytes = -(-n_neurons // 8)
    rows = np.zeros((n_steps, -(-n_neurons // _WORD) * 8), np.uint8)
    rows[:, :n_bytes] = np.packbits(spikes, axis=1, bitorder="little")
    return rows.view("<u8")


@njit(cache=True)
def population(rows):
    """How many neurons fire in each step; (time,)."""
    n_steps, n_words = rows.shape
    found = np.zeros(n_steps, np.int64)
    for t in range(n_steps):
        for word in range(n_words):
            found[t] += _ones(rows[t, word])
    return found


@njit(cache=True)
def weighted_population(rows, weights):
    """The same with a weight, an integer, for each neuron."""
    n_steps, n_words = rows.shape
    padded = np.zeros((n_words, _WORD), np.int64)
    padded.ravel()[: len(weights)] = weights
    found = np.zeros(n_steps, np.int64)
    for t in range(n_steps):
        for word in range(n_words):
            bits, total = rows[t, word], 0
            for j in range(_WORD):
                total += padded[word, j] if (bits >> np.uint64(j)) & np.uint64(1) else 0
            found[t] += total
    return found


class Firing:
    """Of spikes that come in blocks: how many, and of neurons that never or always fire."""

    def __init__(self, n_neurons: int):
        self.n_steps, self._n_spikes, self._n_neurons = 0, 0, n_neurons
        self._ever = np.zeros((1, -(-n_neurons // _WORD)), np.uint64)
        self._always = ~self._ever

    def add(self, rows: np.ndarray) -> None:
        """Take in the next steps, (time, word)."""
        self.n_steps += len(rows)
        self._n_spikes += _add_firing(rows, self._ever[0], self._always[0])

    @property
    def rate(self) -> float:
        """Spikes per neuron and step."""
        return self._n_spikes / (self.n_steps * self._n_neurons)

    @property
    def silent(self) -> float:
        """Fraction of neurons that fire in no step."""
        return float((self._n_neurons - population(self._ever)[0]) / self._n_neurons)

    @property
    def always(self) -> float:
        """Fraction of neurons that fire in every step."""
        return float(population(self._always)[0] / self._n_neurons)


@njit(cache=True)
def _add_firing(rows, ever, always):
    n_steps, n_words = rows.shape
    n_spikes = 0
    for t in range(n_steps):
        for word in range(n_words):
            ever[word] |= rows[t, word]
            always[word] &= rows[t, word]
            n_spikes += _ones(rows[t, word])
    return n_spikes


class LaggedSums:
    r"""$\sum_t \langle a(t), a(t + d) \rangle$ at lags d below `n_lags`, of rows a that come in blocks.

    Only the first and the last `n_lags` - 1 rows stay in memory. Sums of integers: how the
    steps are cut into blocks changes no bit.
    """

    def __init__(self, n_lags: int, add: Callable[..., None], width: int, dtype: str):
        self.n_steps, self._n_lags, self._add = 0, n_lags, add
        n_lags_added = -(-n_lags // _LAGS_AT_ONCE) * _LAGS_AT_ONCE
        self.first = np.empty((0, width), dtype)
        self._last = np.zeros((n_lags_added - 1, width), dtype)  # nothing before the first
        self._sums = np.zeros(n_lags_added, np.int64)

    @classmethod
    def of_coincidences(cls, n_neurons: int, n_lags: int) -> Self:
        r"""$\sum_t \sum_i s_i(t)\, s_i(t + d)$, of `packed` spikes."""
        return cls(n_lags, _add_coincidences, -(-n_neurons // _WORD), "uint64")

    @classmethod
    def of_products(cls, n_lags: int) -> Self:
        r"""$\sum_t a(t)\, a(t + d)$, of a single integer at each step, (time, 1)."""
        return cls(n_lags, _add_products, 1, "int64")

    def add(self, rows: np.ndarray) -> None:
        """Take in the next steps, (time, word)."""
        self.n_steps += len(rows)
        missing = self._n_lags - 1 - len(self.first)
        self.first = np.concatenate([self.first, rows[:missing]])
        steps = np.concatenate([self._last, rows])
        self._add(steps, len(self._last), self._sums)
        self._last = steps[len(rows) :]

    @property
    def last(self) -> np.ndarray:
        """The last `n_lags` - 1 rows."""
        return self._last[len(self._last) + 1 - self._n_lags :]

    @property
    def sums(self) -> np.ndarray:
        """(lag,)"""
        return self._sums[: self._n_lags]


@njit(cache=True)
def _add_coincidences(rows, n_before, sums):
    """Those of pairs of steps of which the later one is not among the first `n_before`.

    A row follows on the other in memory: one loop over the words of all is what the compiler
    makes vector instructions of.
    """
    words, n_words = rows.ravel(), rows.shape[1]
    later = words[n_before * n_words :]
    for d in range(0, len(sums), _LAGS_AT_ONCE):
        start = (n_before - d) * n_words
        by_0, by_1 = words[start:], words[start - n_words :]
        by_2, by_3 = words[start - 2 * n_words :], words[start - 3 * n_words :]
        sum_0 = sum_1 = sum_2 = sum_3 = 0
        for j in range(len(later)):
            sum_0 += _ones(later[j] & by_0[j])
            sum_1 += _ones(later[j] & by_1[j])
            sum_2 += _ones(later[j] & by_2[j])
            sum_3 += _ones(later[j] & by_3[j])
        sums[d] += sum_0
        sums[d + 1] += sum_1
        sums[d + 2] += sum_2
        sums[d + 3] += sum_3


@njit(cache=True)
def _add_products(rows, n_before, sums):
    values = rows.ravel()
    for d in range(len(sums)):
        for t in range(n_before, len(values)):
            sums[d] += values[t] * values[t - d]


@njit(cache=True)
def products_before(rows, window, n_lags):
    r"""$\sum_{j < w - 1} \sum_i x_i(j)\, x_i(j + k)$ of counts x; (lag,).

    $x_i(j)$ counts the spikes in the `window` = w rows that end with row j, before the first of
    which nobody fires.
    """
    words, found = rows.T.copy(), np.zeros(n_lags, np.int64)
    total = np.zeros(len(rows) + 1, np.int64)
    for u in range(window - 1):  # x(j) has the spikes of row u if u <= j < u + w
        _add_up_products(rows[u], words, window, total)
        for k in range(n_lags):
            found[k] += total[window - 1 + k] - total[u + k]
    return found


@njit(cache=True)
def products_around(first, last, window, n_lags):
    r"""$\sum_{m < k} \sum_i x_i(m)\, x_i(T - k + m)$ of counts x in a run of T steps; (lag,).

    `first` are the rows of the first `n_lags` - 1 steps of the run, and of the `window` - 1
    steps before them; `last` as many at its end.
    """
    words, found = last.T.copy(), np.zeros(n_lags, np.int64)
    n = len(last)
    total = np.zeros(n + 1, np.int64)
    for u in range(n):  # x(m) has the spikes of row u if u - w < m <= u
        _add_up_products(first[u], words, window, total)
        start = max(0, u - window + 1)
        for k in range(start + 1, n_lags):
            found[k] += total[n - k + min(u + 1, k)] - total[n - k + start]
    return found


@njit(cache=True)
def _add_up_products(row, words, window, total):
    """total[j] = sum over rows before j of the spikes of `row` times counts x at that row.

    Of these rows, the words are (word, time), so that the innermost loop runs over neighbours.
    """
    n_words, n_steps = words.shape
    common = np.zeros(n_steps, np.int64)
    for word in range(n_words):
        for j in range(n_steps):
            common[j] += _ones(row[word] & words[word, j])
    counted = 0
    for j in range(n_steps):
        counted += common[j] - (common[j - window] if j >= window else 0)
        total[j + 1] = total[j] + counted
