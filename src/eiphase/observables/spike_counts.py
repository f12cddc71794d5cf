r"""Spike counts $x_i(t) = \sum_{a < w} s_i(t - a)$ in a window of w steps: what is kept of them.

Counts are integers, and so are all sums of them here: exact, and the same however the steps are
cut into blocks. What is to be divided by the steps T is taken apart first. With a neuron's total
$X_i = \sum_t x_i(t)$, and $n_i$ the integer nearest to its mean,

$$X_i = T n_i + Y_i, \qquad |Y_i| \le T / 2, \qquad
  \frac{X_i^2}{T} = n_i (X_i + Y_i) + \frac{Y_i^2}{T}$$

Only the last term is rounded, and it is no larger than the variance: no digits are lost where
neurons differ by more than they fluctuate.

Sums have 64 bits, enough while $N w^2 T K < 2^{63}$ for a largest lag K (with the tutorial's
estimator, K or N, whichever is more), to which `sweep.check_counts` sees, and while $N T^2 <
2^{65}$ for the sum of $Y_i^2$: of 400 neurons and w = 25, for 10,000 lags in 300 million steps.
"""

from typing import Protocol, Self

import numpy as np

from eiphase.numerics.jit import njit
from eiphase.observables import count_products
from eiphase.observables.coincidences import LaggedSums, population


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


class Autocovariance(Protocol):
    """An estimator of c(lag) of counts that takes spikes in blocks of steps."""

    def add(self, rows: np.ndarray) -> None:
        """Take in the next steps, (time, word); the first w - 1 precede the run."""

    def found(self, total: np.ndarray) -> np.ndarray:
        """c at lags 0 to the largest, given each neuron's count summed over time."""


class StandardAutocovariance:
    """`observables.StandardAutocovariance` of counts."""

    def __init__(self, n_neurons: int, *, window: int, max_lag: int, unbiased: bool = True):
        self._n_neurons, self._window, self._unbiased = n_neurons, window, unbiased
        self._lags = np.arange(max_lag + 1)
        self._coincidences = LaggedSums.of_coincidences(n_neurons, max_lag + window)

    def add(self, rows: np.ndarray) -> None:
        self._coincidences.add(rows)

    def found(self, total: np.ndarray) -> np.ndarray:
        r"""From $\sum_t \delta x(t)\, \delta x(t + k)$ of each neuron, which is

        $$\sum_t x(t)\, x(t + k) - \Big(1 + \frac{k}{T}\Big) \frac{X^2}{T}
          + \frac{X}{T} \Big[ \sum_{t < k} x(t) + \sum_{t \ge T - k} x(t) \Big]$$
        """
        spikes, lags, window = self._coincidences, self._lags, self._window
        n_steps = spikes.n_steps + 1 - window
        whole, rest = _squared(total, n_steps)
        ends = count_products.ends(spikes.first, spikes.last, window, total) - lags * whole
        products = count_products.linear(spikes.sums, spikes.first, spikes.last, window)
        products += ends // n_steps - whole
        left = ends % n_steps - (1 + lags / n_steps) * rest
        pairs = n_steps - lags if self._unbiased else n_steps
        return (products + left / n_steps) / (self._n_neurons * pairs)


class TutorialAutocovariance:
    """`observables.TutorialAutocovariance` of counts."""

    def __init__(self, n_neurons: int, *, window: int, max_lag: int):
        self._n_neurons, self._window = n_neurons, window
        self._coincidences = LaggedSums.of_coincidences(n_neurons, max_lag + window)
        self._fired = np.empty(0, np.int64)
        self._shared = LaggedSums.of_products(max_lag + 1)

    def add(self, rows: np.ndarray) -> None:
        self._coincidences.add(rows)
        fired = np.concatenate([self._fired, population(rows)])
        self._fired = fired[max(0, len(fired) + 1 - self._window) :]
        self._shared.add(_in_windows(fired, self._window)[:, None])

    def found(self, total: np.ndarray) -> np.ndarray:
        r"""With $P = \sum_i x_i$, $P_T = \sum_i X_i$ and steps modulo T, N T c(k) is

        $$\sum_i \Big[ \sum_t x_i(t)\, x_i(t + k) - \frac{X_i^2}{T} \Big]
          - \frac{1}{N} \Big[ \sum_t P(t)\, P(t + k) - \frac{P_T^2}{T} \Big]$$
        """
        spikes, shared, n = self._coincidences, self._shared, self._n_neurons
        n_steps = shared.n_steps
        whole, rest = _squared(total, n_steps)
        products = count_products.linear(spikes.sums, spikes.first, spikes.last, self._window)
        products += count_products.around(spikes.first, spikes.last, self._window) - whole
        shared_whole, shared_rest = _squared(total.sum(keepdims=True), n_steps)
        shared_products = shared.sums - shared_whole
        first, last = shared.first.ravel(), shared.last.ravel()
        shared_products[1:] += np.convolve(first, last[::-1])[: len(first)]
        left = (n * rest - shared_rest) / n_steps
        return (n * products - shared_products - left) / (n**2 * n_steps)


def _in_windows(values: np.ndarray, window: int) -> np.ndarray:
    """Sums of so many values that follow on each other, of all that do."""
    total = np.concatenate([[0], np.cumsum(values)])
    return total[window:] - total[:-window]
