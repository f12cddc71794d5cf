"""What is measured on a network's activity: autocovariance, decay time, rates.

Activity x has shape (time, neuron) and no transient: states of rate neurons, or spike
counts in a causal window (`boxcar`) of spiking ones.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numba import njit
from scipy.fft import irfft, next_fast_len, rfft

# So many that what the FFT needs stays in the processor's cache.
NEURONS_PER_FFT = 64
# Below this fraction of x's root mean square a fluctuation is rounding, not activity.
ROUNDING = 1e-12
# Stationary activity has about the same variance in both halves of a run. It may differ by
# this factor: of runs a few decay times long, one in a hundred or fewer differ by more.
STATIONARY = 10.0
# A network in which fewer neurons than this are neither silent nor firing in every step.
ACTIVE_FRACTION = 0.05


class Flag(IntEnum):
    """Why an observable is, or is not, a number that one can use."""

    OK = 0
    CENSORED = 1  # the autocovariance does not fall below c(0)/e within the largest lag
    UNDEFINED = 2  # nothing fluctuates, or less and less: the network settles
    BROKEN = 3  # activity is not finite, or the mapping gives no network
    TRANSIENT = 4  # activity is not stationary, but does not settle either
    SATURATED = 5  # nearly all neurons are silent or fire in every step


class Fluctuation(NamedTuple):
    """Second-order statistics of one network, with their flags."""

    autocovariance: np.ndarray  # (lag,)
    c0: float
    c0_flag: Flag
    decay_time: float  # steps
    decay_time_flag: Flag
    persistence: float
    centring_bias: float

    def flagged(self, flag: Flag) -> "Fluctuation":
        """Without c(0) and decay time, for a reason."""
        return self._replace(
            c0=np.nan, c0_flag=flag, decay_time=np.nan, decay_time_flag=flag, centring_bias=np.nan
        )


def boxcar(spikes: np.ndarray, window: int) -> np.ndarray:
    """Spike counts in the `window` steps that end at each step, shape (time, neuron).

    The first window - 1 steps see a shorter past.
    """
    return _boxcar(np.asarray(spikes, np.uint8), window)


@njit(cache=True)
def _boxcar(spikes, window):
    n_steps, n = spikes.shape
    counts = np.empty((n_steps, n))
    counts[0] = spikes[0]
    for t in range(1, min(window, n_steps)):
        for i in range(n):
            counts[t, i] = counts[t - 1, i] + spikes[t, i]
    for t in range(window, n_steps):
        for i in range(n):
            change = np.int16(spikes[t, i]) - np.int16(spikes[t - window, i])
            counts[t, i] = counts[t - 1, i] + change
    return counts


def standard_autocovariance(x: np.ndarray, *, max_lag: int, unbiased: bool = True) -> np.ndarray:
    r"""Autocovariance of single neurons, averaged over the network; linear, not circular.

    $$c(\tau) = \frac{1}{N} \sum_i \frac{1}{T - \tau}
      \sum_{t=0}^{T-\tau-1} \delta x_i(t)\, \delta x_i(t + \tau), \qquad
      \delta x_i = x_i - \langle x_i \rangle_t$$

    Each neuron is centred on its own mean over time, so that differences between
    neurons do not count as activity [1]. `unbiased=False` divides by T at every lag. Either
    way c is too low by the variance of a mean over T steps: see `centring_bias`.
    Returns c at lags 0 to `max_lag`, in squared units of x.

    [1] Sompolinsky, Crisanti & Sommers, Phys. Rev. Lett. 61, 259 (1988).
    """
    n_steps = len(x)
    # Zeros behind the data keep the ends from meeting in the FFT.
    sums = _correlation_sums(x, n_fft=next_fast_len(n_steps + max_lag, real=True))
    lags = np.arange(max_lag + 1)
    return sums[: max_lag + 1] / (n_steps - lags if unbiased else n_steps)


def tutorial_autocovariance(x: np.ndarray, *, max_lag: int) -> np.ndarray:
    r"""The tutorial's estimator: circular, and centred on the population's mean as well.

    $$c(\tau) = \frac{1}{T N} \sum_t \sum_i y_i(t)\, y_i(t - \tau \bmod T), \qquad
      y_i(t) = \delta x_i(t) - \langle \delta x_j(t) \rangle_j$$

    It joins the end of the run to its beginning, and does not see fluctuations that all
    neurons share. Returns c at lags 0 to `max_lag`; it is even in the lag.
    """
    shared = (x - x.mean(axis=0)).mean(axis=1, keepdims=True)
    return _correlation_sums(x - shared, n_fft=len(x))[: max_lag + 1] / len(x)


def _correlation_sums(x: np.ndarray, *, n_fft: int) -> np.ndarray:
    """sum over t of y(t) y(t + lag), averaged over neurons, by FFT over n_fft steps.

    y is x less each neuron's mean over time.
    """
    n_steps, n_neurons = x.shape
    mean = x.mean(axis=0)
    centred = np.zeros((n_fft, min(NEURONS_PER_FFT, n_neurons)))
    power = np.zeros(n_fft // 2 + 1)
    for first in range(0, n_neurons, NEURONS_PER_FFT):
        part = slice(first, min(first + NEURONS_PER_FFT, n_neurons))
        y = centred[:, : part.stop - first]
        np.subtract(x[:, part], mean[part], out=y[:n_steps])
        real_and_imaginary = rfft(y, axis=0).view(float)
        power += np.einsum("fi,fi->f", real_and_imaginary, real_and_imaginary)
    return irfft(power / n_neurons, n=n_fft)


def decay_time(c: np.ndarray) -> tuple[float, Flag]:
    """First lag at which c falls to c(0)/e, linear between lags, in steps.

    NaN and `CENSORED` if it does not within the lags given, NaN and `UNDEFINED` if c(0)
    is not positive, NaN and `BROKEN` if c is not finite.
    """
    if not np.isfinite(c).all():
        return np.nan, Flag.BROKEN
    if not c[0] > 0:
        return np.nan, Flag.UNDEFINED
    level = c[0] / np.e
    below = np.flatnonzero(c <= level)
    if not below.size:
        return np.nan, Flag.CENSORED
    after = below[0]
    before = after - 1
    return float(before + (c[before] - level) / (c[before] - c[after])), Flag.OK


def persistence(x: np.ndarray) -> float:
    """Variance over time in the second half of x over that in the first, mean over neurons.

    Near 1 where the activity is stationary, near 0 where it settles to a fixed point.
    NaN if nothing fluctuates in either.
    """
    half = len(x) // 2
    first, second = _variance(x[:half]), _variance(x[half : 2 * half])
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.float64(second) / first)


def centring_bias(c: np.ndarray, n_steps: int) -> float:
    r"""Estimate of the part of c(0) that is lost by centring on a mean over so few steps.

    A mean over T steps has itself the variance $\sigma^2 \approx \frac{1}{T} \sum_k c(k)$, and
    what is measured is $c(k) - \sigma^2$ [1]. With the sum up to the first lag K at which the
    measured c is not positive (or the largest),

    $$\sigma^2 = \frac{c(0) + 2 \sum_{k=1}^K c(k)}{T - 2K - 1}, \qquad
      \text{bias} = \frac{\sigma^2}{c(0) + \sigma^2}.$$

    It is a lower bound where c is still large at the largest lag. 1 if T is less than 2K + 2.

    [1] Percival, Am. Stat. 47, 274 (1993).
    """
    positive = c if (c > 0).all() else c[: np.argmax(c <= 0)]
    left = n_steps - 2 * len(positive) + 1
    if left <= 0:
        return 1.0
    variance = (2 * positive.sum() - c[0]) / left
    return float(variance / (c[0] + variance))


@njit(cache=True)
def _variance(x):
    """Over time, mean over neurons: `x.var(axis=0).mean()`, without temporaries."""
    n_steps, n = x.shape
    mean = np.zeros(n)
    for t in range(n_steps):
        mean += x[t]
    mean /= n_steps
    squares = np.zeros(n)
    for t in range(n_steps):
        for i in range(n):
            squares[i] += (x[t, i] - mean[i]) ** 2
    return squares.sum() / (n_steps * n)


def fluctuation(
    x: np.ndarray, *, max_lag: int, autocovariance: Callable[..., np.ndarray]
) -> Fluctuation:
    """Autocovariance of x by the estimator given, c(0) and decay time with their flags.

    c(0) and decay time are NaN unless the activity is stationary:

    - `UNDEFINED`, the network settles: in the second half there is rounding only (variance
      below 1e-24 of the mean square of x), or the variance falls by more than `STATIONARY`
      from half to half, and at that pace also within the second half.
    - `TRANSIENT`: it falls or rises by more than that from half to half otherwise. Burn-in
      was too short, or the activity comes in rare bursts.

    The autocovariance keeps all of it. A transient that is slow against the run cannot be
    told from activity: near a border, trust longer runs only.
    """
    mean_square = np.einsum("ti,ti->", x, x) / x.size
    if not np.isfinite(mean_square):
        lost = np.full(max_lag + 1, np.nan)
        broken = Fluctuation(lost, np.nan, Flag.OK, np.nan, Flag.OK, np.nan, np.nan)
        return broken.flagged(Flag.BROKEN)
    c = autocovariance(x, max_lag=max_lag)
    lasting = persistence(x)
    bias = centring_bias(c, len(x)) if c[0] > 0 else np.nan
    found = Fluctuation(c, float(c[0]), Flag.OK, *decay_time(c), lasting, bias)
    second_half = x[len(x) // 2 :]
    if _variance(second_half) <= ROUNDING**2 * mean_square:
        return found.flagged(Flag.UNDEFINED)
    if lasting < 1 / STATIONARY and persistence(second_half) < 1 / np.sqrt(STATIONARY):
        return found.flagged(Flag.UNDEFINED)
    if not 1 / STATIONARY <= lasting <= STATIONARY:
        return found.flagged(Flag.TRANSIENT)
    return found


AUTOCOVARIANCE: dict[str, Callable[..., np.ndarray]] = {
    "standard": standard_autocovariance,
    "tutorial": tutorial_autocovariance,
}
