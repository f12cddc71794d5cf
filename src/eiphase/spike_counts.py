r"""Spike counts $x_i(t) = \sum_{a < w} s_i(t - a)$ in a window of w steps: what is kept of them.

Counts are integers, and so are all sums of them here: they are exact, and how the steps are
cut into blocks changes no bit. What is subtracted from them is, too: the integer $n_i$
nearest to a neuron's mean count comes off before anything is divided, which leaves

$$y_i = x_i - n_i, \qquad Y_i = \sum_t y_i(t), \qquad |Y_i| \le T / 2$$

and an integer whose mean is y varies by at least |y| (1 - |y|): no digits are lost.
"""

from typing import Protocol, Self

import numpy as np
from numba import njit

from eiphase.coincidences import (
    LaggedSums,
    population,
    products_around,
    products_before,
    weighted_population,
)


def counted(spikes: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Counts x at each step, (time, neuron); `before` are the w steps that precede them."""
    counts = np.empty(spikes.shape, np.uint16)
    _count(spikes, before, counts)
    return counts


@njit(cache=True)
def _count(spikes, before, counts):
    n_steps, n = spikes.shape
    window = len(before)
    x = np.zeros(n, np.uint16)
    for t in range(window):
        for i in range(n):
            x[i] += before[t, i]
    for t in range(n_steps):
        leaving = before[t] if t < window else spikes[t - window]
        for i in range(n):
            x[i] += np.uint16(spikes[t, i]) - np.uint16(leaving[i])
            counts[t, i] = x[i]


class CountMoments:
    """Mean and variance over time of counts: `moments.Moments` of integers."""

    def __init__(self, n_neurons: int):
        self.n_steps, self.squares = 0, 0  # x^2, summed over time and neurons
        self.total = np.zeros(n_neurons, np.int64)  # of each neuron's x over time

    def add(self, counts: np.ndarray) -> None:
        """Take in the next steps, (time, neuron)."""
        if len(counts):
            self.squares += _add_counts(counts, self.total)
            self.n_steps += len(counts)

    def joined(self, other: Self) -> Self:
        """Those of both parts together."""
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
        """Of the counts themselves, over time and neurons."""
        return float(self.squares)


@njit(cache=True)
def _add_counts(counts, total):
    """Each neuron's counts to its total; returns the sum of all squares.

    Sums of 32 bits, of so many steps that they hold them: a vector holds twice as many.
    """
    n_steps, n = counts.shape
    all_squares, largest = 0, max(1, counts.max())
    length = max(1, (2**32 - 1) // largest**2)
    for first in range(0, n_steps, length):
        sums, squares = np.zeros(n, np.uint32), np.zeros(n, np.uint32)
        for t in range(first, min(first + length, n_steps)):
            for i in range(n):
                x = np.uint32(counts[t, i])
                sums[i] += x
                squares[i] += x * x
        for i in range(n):
            total[i] += sums[i]
            all_squares += np.int64(squares[i])
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


class Autocovariance(Protocol):
    """An estimator of c(lag) of counts that takes spikes in blocks of steps."""

    def add(self, rows: np.ndarray) -> None:
        """Take in the next steps, (time, word); the first w - 1 precede the run."""

    def found(self, total: np.ndarray) -> np.ndarray:
        """c at lags 0 to the largest, given each neuron's count summed over time."""


class StandardAutocovariance:
    """`observables.StandardAutocovariance` of counts, from spikes packed into bits."""

    def __init__(self, n_neurons: int, *, window: int, max_lag: int, unbiased: bool = True):
        self._products, self._n_neurons = _Products(n_neurons, window, max_lag), n_neurons
        self._unbiased = unbiased

    def add(self, rows: np.ndarray) -> None:
        self._products.add(rows)

    def found(self, total: np.ndarray) -> np.ndarray:
        r"""From $\sum_t \delta x(t)\, \delta x(t + k)$ of each neuron, which is

        $$\sum_t x(t)\, x(t + k) - \Big(1 + \frac{k}{T}\Big) \frac{X^2}{T}
          + \frac{X}{T} \Big[ \sum_{t < k} x(t) + \sum_{t \ge T - k} x(t) \Big]$$
        """
        n_steps, lags = self._products.n_steps, self._products.lags
        whole, rest = _squared(total, n_steps)
        nearest = (2 * total + n_steps) // (2 * n_steps)
        ends = self._products.ends(total) - 2 * lags * (nearest * total).sum()
        sums = self._products.linear() + lags * (nearest**2).sum() - whole + ends // n_steps
        left = ends % n_steps - (1 + lags / n_steps) * rest
        pairs = n_steps - lags if self._unbiased else n_steps
        return (sums + left / n_steps) / (self._n_neurons * pairs)


class TutorialAutocovariance:
    """`observables.TutorialAutocovariance` of counts, from spikes packed into bits."""

    def __init__(self, n_neurons: int, *, window: int, max_lag: int):
        self._products, self._n_neurons = _Products(n_neurons, window, max_lag), n_neurons
        self._window, self._fired = window, np.empty(0, np.int64)
        self._shared = LaggedSums.of_products(max_lag + 1)

    def add(self, rows: np.ndarray) -> None:
        self._products.add(rows)
        fired = np.concatenate([self._fired, population(rows)])
        self._fired = fired[max(0, len(fired) + 1 - self._window) :]
        self._shared.add(_in_windows(fired, self._window)[:, None])

    def found(self, total: np.ndarray) -> np.ndarray:
        r"""With $P = \sum_i y_i$ and steps modulo T, it is

        $$\frac{1}{N T} \Big[ \sum_t \Big( \sum_i y_i(t)\, y_i(t + k) - \frac{1}{N} P(t)\, P(t + k)
          \Big) - \frac{1}{T} \Big( \sum_i Y_i^2 - \frac{1}{N} \big(\textstyle\sum_i Y_i\big)^2 \Big)
          \Big]$$
        """
        n_steps, n = self._products.n_steps, self._n_neurons
        whole, rest = _squared(total, n_steps)
        single = self._products.circular() - whole
        first, last = self._shared.first.ravel(), self._shared.last.ravel()
        shared = self._shared.sums.copy()
        shared[1:] += np.convolve(first, last[::-1])[: len(first)]
        all_whole, all_rest = _squared(total.sum(keepdims=True), n_steps)
        shared -= all_whole
        return (n * single - shared - (n * rest - all_rest) / n_steps) / (n**2 * n_steps)


class _Products:
    r"""Sums over neurons of lagged products of counts, from coincidences of spikes.

    With nobody firing outside of the w - 1 steps before the run and the run itself, counts
    rise from 0 in these steps and fall to 0 in the w - 1 after it. With C(d) the coincidences,
    summed over time, and P those of the w - 1 steps before and after,

    $$\sum_{t = 0}^{T - k - 1} \sum_i x_i(t)\, x_i(t + k)
      = \sum_{|e| < w} (w - |e|)\, C(|k + e|) - \sum_{\text{pairs with a step outside}} \ldots$$
    """

    def __init__(self, n_neurons: int, window: int, max_lag: int):
        self.lags, self._window = np.arange(max_lag + 1), window
        self._coincidences = LaggedSums.of_coincidences(n_neurons, window + max_lag)

    def add(self, rows: np.ndarray) -> None:
        self._coincidences.add(rows)

    @property
    def n_steps(self) -> int:
        """Of the run."""
        return self._coincidences.n_steps + 1 - self._window

    def linear(self) -> np.ndarray:
        """Of counts x, over all pairs of steps that lie in the run; (lag,)."""
        window, sums = self._window, self._coincidences.sums
        both_signs = np.concatenate([sums[window - 1 : 0 : -1], sums])
        found = _in_windows(_in_windows(both_signs, window), window)
        for rows in (self._coincidences.first, self._coincidences.last[::-1].copy()):
            found -= products_before(rows, window, len(self.lags))
        return found

    def circular(self) -> np.ndarray:
        """The same with the run's end joined to its beginning."""
        first, last = self._coincidences.first, self._coincidences.last
        return self.linear() + products_around(first, last, self._window, len(self.lags))

    def ends(self, weights: np.ndarray) -> np.ndarray:
        """Weighted counts, summed over the first k and the last k steps of the run; (lag,)."""
        first, last = self._coincidences.first, self._coincidences.last
        fired = weighted_population(first, weights) + weighted_population(last, weights)[::-1]
        found = np.zeros_like(self.lags)
        found[1:] = np.cumsum(_in_windows(fired, self._window))
        return found


def _in_windows(values: np.ndarray, window: int) -> np.ndarray:
    """Sums of so many values that follow on each other, of all that do."""
    total = np.concatenate([[0], np.cumsum(values)])
    return total[window:] - total[:-window]
