"""Sums of lagged products of activity that comes in blocks: what autocovariances are made of."""

import numpy as np
from scipy.fft import fft, ifft, next_fast_len

from eiphase.numerics.jit import njit

# So many, an even number, that what the FFT needs stays in the processor's cache.
NEURONS_PER_FFT = 80
# Products are summed in parts of so many, as `np.einsum` does it.
_PRODUCTS = 8192


class LaggedProducts:
    r"""Mean over neurons of $\sum_t \delta x_i(t)\, \delta x_i(t + k)$, lags k = 0 to `max_lag`.

    Of the blocks that have come, only the first and the last `max_lag` steps stay in memory.
    With y = x less each neuron's mean over the first block, the products of y within a block
    and the `max_lag` steps before it count, less those within these steps, which have counted
    already:

    $$S(k) = \sum_b P_k(\text{tail}_b, \text{block}_b) - P_k(\text{tail}_b), \qquad
      P_k(y) = \frac{1}{N} \sum_i \sum_t y_i(t)\, y_i(t + k)$$

    each by a Fourier transform, with zeros behind that keep the ends from meeting. What
    the first block's mean lacks to that of all T steps, m, is put right at the end:

    $$\sum_t (y(t) - m) (y(t + k) - m) = \sum_t y(t)\, y(t + k) - (T + k) m^2
      + m \sum_{t < k} y(t) + m \sum_{t \ge T - k} y(t)$$

    Rounding is about $10^{-15}$ of lag 0, times how far the first block's mean lies off in
    units of the variance. The bits depend on how the steps are cut into blocks.
    """

    def __init__(self, n_neurons: int, max_lag: int):
        self.n_steps, self.n_neurons, self.max_lag = 0, n_neurons, max_lag
        self.reference = np.zeros(n_neurons)
        self._total = np.zeros(n_neurons)  # of y over time
        self._head = self._tail = np.empty((0, n_neurons))  # y in the first and last steps
        self.sums = np.zeros(max_lag + 1)

    def add(self, x: np.ndarray) -> None:
        """Take in the next steps, (time, neuron)."""
        if not len(x):
            return
        with np.errstate(invalid="ignore", over="ignore"):  # of what is not finite
            if not self.n_steps:
                self.reference = x.mean(axis=0)
            sums, total = self._new_products(x, self.reference)
            if len(self._head) < self.max_lag:
                first = x[: self.max_lag - len(self._head)] - self.reference
                self._head = np.concatenate([self._head, first])
            last = x[max(0, len(x) - self.max_lag) :] - self.reference
        self.sums += sums
        self._total += total
        kept = self._tail[max(0, len(self._tail) + len(last) - self.max_lag) :]
        self._tail = np.concatenate([kept, last]) if len(kept) else last
        self.n_steps += len(x)

    def linear(self) -> np.ndarray:
        """Over all pairs of steps that lie in the run, with each neuron's mean subtracted."""
        mean = self._total / self.n_steps
        return self.sums - centring(mean, self._head, self._tail, self.n_steps) / self.n_neurons

    def circular(self) -> np.ndarray:
        """Products with the run's end joined to its beginning."""
        mean = self._total / self.n_steps
        around, _ = self._new_products(self._head, np.zeros(self.n_neurons))
        around -= _products(self._head, max_lag=self.max_lag)[0]
        return self.sums + around - self.n_steps * np.square(mean).mean()

    def _new_products(self, x: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Products of pairs whose later step is in x, which follows the tail; sums over x."""
        both = _products(self._tail, x, reference, max_lag=self.max_lag)
        before = _products(self._tail, max_lag=self.max_lag)
        return both[0] - before[0], both[1] - before[1]


def _weighted(y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum over neurons at each step; not by BLAS, whose bits depend on its threads."""
    return np.einsum("ti,i->t", y, weights)


def centring(mean: np.ndarray, head: np.ndarray, tail: np.ndarray, n_steps: int) -> np.ndarray:
    """What each neuron's mean over T steps takes from its sums of products, summed over neurons.

    By lag, from 0 to the number of rows of `head` and `tail`: the first and the last steps, (time,
    neuron). See the last equation of `LaggedProducts`.
    """
    ends = np.zeros(len(head) + 1)
    ends[1:] = np.cumsum(_weighted(head, mean) + _weighted(tail[::-1], mean))
    return (n_steps + np.arange(len(head) + 1)) * np.square(mean).sum() - ends


def _products(
    y: np.ndarray,
    x: np.ndarray | None = None,
    reference: np.ndarray | None = None,
    *,
    max_lag: int,
) -> tuple[np.ndarray, np.ndarray]:
    """P_k of y, (time, neuron), followed by x less `reference`; and each neuron's sum over time.

    The Fourier transform takes neurons in pairs, as real and imaginary part: the real part of
    their autocorrelation is the sum of that of both.
    """
    n_before, n_neurons = y.shape
    n_steps = n_before + (0 if x is None else len(x))
    total = np.zeros(n_neurons)
    if not n_steps:
        return np.zeros(max_lag + 1), total
    n_fft = next_fast_len(n_steps + max_lag)
    padded = np.empty((n_fft, NEURONS_PER_FFT))
    power = np.zeros(n_fft)
    for first in range(0, n_neurons, NEURONS_PER_FFT):
        part = slice(first, min(first + NEURONS_PER_FFT, n_neurons))
        n = part.stop - first
        padded[:, n:] = 0
        padded[n_steps:] = 0
        padded[:n_before, :n] = y[:, part]
        if x is not None and reference is not None:
            np.subtract(x[:, part], reference[part], out=padded[n_before:n_steps, :n])
        spectrum = fft(padded.view(complex), axis=0, overwrite_x=True).view(float)
        power += np.einsum("fi,fi->f", spectrum, spectrum)
        total[part] = spectrum[0, :n]
    return ifft(power)[: max_lag + 1].real / n_neurons, total


def products_of_few(rows: np.ndarray, n_before: int, max_lag: int) -> np.ndarray:
    """Sums of products of rows, (time, neuron), with rows `lag` earlier; by lag.

    The later row of a pair is not among the first `n_before`. Each lag by itself: of few rows,
    a Fourier transform would be slower. The bits are those of `np.einsum` where its vectors are two
    numbers wide. It is not BLAS, whose bits depend on its threads.
    """
    sums = np.zeros(max_lag + 1)
    last_first = np.ascontiguousarray(rows[::-1].T)  # so that lags are neighbours in memory
    n_lags = min(max_lag + 1, len(rows))
    together = min(n_before + 1, n_lags)  # all lags that have all pairs
    _add_products(last_first, len(rows) - n_before, 0, sums[:together])
    for lag in range(together, n_lags):
        _add_products(last_first, len(rows) - lag, lag, sums[lag : lag + 1])
    return sums


@njit(cache=True)
def _add_products(last_first, n_later, lag, sums):
    """Products of the last `n_later` rows with those `lag` and more earlier, a sum for each."""
    n_neurons = len(last_first)
    n = n_later * n_neurons
    lanes = np.empty((2, len(sums)))
    for begin in range(0, n, _PRODUCTS):
        end = min(begin + _PRODUCTS, n)
        lanes[:] = 0.0
        for k in range(begin, end):
            in_eights = (k - begin) // 8 * 8 + begin
            # Of eight numbers, the last pair counts first.
            at = in_eights + ((k - begin) ^ 6) % 8 if in_eights + 8 <= end else k
            row, neuron = n_later - 1 - at // n_neurons, at % n_neurons
            later, earlier = last_first[neuron, row], last_first[neuron, row + lag :]
            lane = lanes[(at - begin) % 2]
            for i in range(len(lane)):
                lane[i] += later * earlier[i]
        sums += lanes[0] + lanes[1]
