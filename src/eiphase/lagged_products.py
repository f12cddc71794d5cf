"""Sums of lagged products of activity that comes in blocks: what autocovariances are made of."""

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

# So many that what the FFT needs stays in the processor's cache.
NEURONS_PER_FFT = 32


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
        self._reference = np.zeros(n_neurons)
        self._total = np.zeros(n_neurons)  # of y over time
        self._head = self._tail = np.empty((0, n_neurons))  # y in the first and last steps
        self._sums = np.zeros(max_lag + 1)

    def add(self, x: np.ndarray) -> None:
        """Take in the next steps, (time, neuron)."""
        if not len(x):
            return
        n_before = len(self._tail)
        y = np.empty((n_before + len(x), self.n_neurons))
        y[:n_before] = self._tail
        with np.errstate(invalid="ignore", over="ignore"):  # of what is not finite
            if not self.n_steps:
                self._reference = x.mean(axis=0)
            np.subtract(x, self._reference, out=y[n_before:])
        self._sums += self._new_products(y)
        self._total += y[n_before:].sum(axis=0)
        if (missing := self.max_lag - len(self._head)) > 0:
            self._head = np.concatenate([self._head, y[n_before : n_before + missing]])
        self._tail = y[max(0, len(y) - self.max_lag) :].copy()
        self.n_steps += len(x)

    def linear(self) -> np.ndarray:
        """Over all pairs of steps that lie in the run, with each neuron's mean subtracted."""
        mean = self._total / self.n_steps
        ends = np.zeros(self.max_lag + 1)
        ends[1:] = np.cumsum(_weighted(self._head, mean) + _weighted(self._tail[::-1], mean))
        pairs = self.n_steps + np.arange(self.max_lag + 1)
        return self._sums - (pairs * np.square(mean).sum() - ends) / self.n_neurons

    def circular(self) -> np.ndarray:
        """The same with the run's end joined to its beginning."""
        mean = self._total / self.n_steps
        around = self._new_products(np.concatenate([self._tail, self._head]))
        around -= _products(self._head, max_lag=self.max_lag)
        return self._sums + around - self.n_steps * np.square(mean).mean()

    def _new_products(self, y: np.ndarray) -> np.ndarray:
        """Of pairs in y, which begins with the tail, whose later step lies behind the tail."""
        lags = self.max_lag
        return _products(y, max_lag=lags) - _products(self._tail, max_lag=lags)


def _weighted(y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum over neurons at each step; not by BLAS, whose bits depend on its threads."""
    return np.einsum("ti,i->t", y, weights)


def _products(y: np.ndarray, *, max_lag: int) -> np.ndarray:
    """P_k of y, (time, neuron)."""
    n_steps, n_neurons = y.shape
    if not n_steps:
        return np.zeros(max_lag + 1)
    n_fft = next_fast_len(n_steps + max_lag, real=True)
    padded = np.zeros((n_fft, min(NEURONS_PER_FFT, n_neurons)))
    power = np.zeros(n_fft // 2 + 1)
    for first in range(0, n_neurons, NEURONS_PER_FFT):
        part = y[:, first : first + NEURONS_PER_FFT]
        padded[:n_steps, : part.shape[1]] = part
        real_and_imaginary = rfft(padded[:, : part.shape[1]], axis=0).view(float)
        power += np.einsum("fi,fi->f", real_and_imaginary, real_and_imaginary)
    return irfft(power / n_neurons, n=n_fft)[: max_lag + 1]
