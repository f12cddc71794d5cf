"""Spikes packed into bits, and how many neurons fire both at one step and at another.

A step is a row of words of 64 bits, one bit for each neuron: (time, word). To count the
neurons that two steps have in common takes an AND and the processor's instruction for the
number of ones in a word, for 64 neurons at once; sums are integers, so exact.
"""

from collections.abc import Callable
from typing import Self

import numpy as np

from eiphase.numerics.jit import njit

WORD = 64  # bits
_LAGS_AT_ONCE = 4  # as `_add_coincidences` is written: they share the words of the later step


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


@njit(cache=True)
def population(rows):
    """How many neurons fire in each step; (time,)."""
    n_steps, n_words = rows.shape
    found = np.zeros(n_steps, np.int64)
    for t in range(n_steps):
        for word in range(n_words):
            found[t] += ones(rows[t, word])
    return found


class Firing:
    """Of spikes that come in blocks: how many, and of neurons that never or always fire."""

    def __init__(self, n_neurons: int):
        self.n_steps, self._n_spikes, self._n_neurons = 0, 0, n_neurons
        self._ever = np.zeros(-(-n_neurons // WORD), np.uint64)
        self._always = ~self._ever

    def add(self, rows: np.ndarray) -> None:
        """Take in the next steps, (time, word)."""
        self.n_steps += len(rows)
        self._n_spikes += int(_add_firing(rows, self._ever, self._always))

    @property
    def rate(self) -> float:
        """Spikes per neuron and step."""
        return self._n_spikes / (self.n_steps * self._n_neurons)

    @property
    def silent(self) -> float:
        """Fraction of neurons that fire in no step."""
        return (self._n_neurons - _in_all(self._ever)) / self._n_neurons

    @property
    def always(self) -> float:
        """Fraction of neurons that fire in every step."""
        return _in_all(self._always) / self._n_neurons


def _in_all(words: np.ndarray) -> int:
    """How many bits are 1."""
    return int.from_bytes(words.tobytes(), "little").bit_count()


@njit(cache=True)
def _add_firing(rows, ever, always):
    n_steps, n_words = rows.shape
    n_spikes = 0
    for t in range(n_steps):
        for word in range(n_words):
            ever[word] |= rows[t, word]
            always[word] &= rows[t, word]
            n_spikes += ones(rows[t, word])
    return n_spikes


class LaggedSums:
    r"""Sums over t of what rows t and t + d make, at lags d below `n_lags`, in blocks of steps.

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
        return cls(n_lags, _add_coincidences, -(-n_neurons // WORD), "uint64")

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
            sum_0 += ones(later[j] & by_0[j])
            sum_1 += ones(later[j] & by_1[j])
            sum_2 += ones(later[j] & by_2[j])
            sum_3 += ones(later[j] & by_3[j])
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
