"""What is measured on a network's activity: autocovariance, decay time, rates.

Activity x has shape (time, neuron) and no transient: states of rate neurons, or spike
counts in a causal window (`boxcar`) of spiking ones.
"""

from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from eiphase.flags import Flag
from eiphase.observables.autocovariance import LaggedProducts
from eiphase.observables.moments import ActivityMoments
from eiphase.observables.spike_counts import CountMoments, counted

# Below this fraction of x's root mean square a fluctuation is rounding, not activity.
ROUNDING = 1e-12
# Stationary activity has about the same variance in both halves of a run. It may differ by
# this factor: of runs a few decay times long, one in a hundred or fewer differ by more.
STATIONARY = 10.0
# A network in which fewer neurons than this are neither silent nor firing in every step.
ACTIVE_FRACTION = 0.05

AnyMoments = TypeVar("AnyMoments", ActivityMoments, CountMoments)


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
    before = np.zeros((window, spikes.shape[1]), np.uint8)
    return counted(np.ascontiguousarray(spikes, np.uint8), before).astype(float)


class Autocovariance(Protocol):
    """An estimator of c(lag) that takes activity in blocks of steps."""

    def add(self, x: np.ndarray) -> None:
        """Take in the next steps, (time, neuron)."""

    def found(self) -> np.ndarray:
        """c at lags 0 to the largest, in squared units of x."""


class StandardAutocovariance:
    r"""Autocovariance of single neurons, averaged over the network; linear, not circular.

    $$c(\tau) = \frac{1}{N} \sum_i \frac{1}{T - \tau}
      \sum_{t=0}^{T-\tau-1} \delta x_i(t)\, \delta x_i(t + \tau), \qquad
      \delta x_i = x_i - \langle x_i \rangle_t$$

    Each neuron is centred on its own mean over time, so that differences between
    neurons do not count as activity [1]. `unbiased=False` divides by T at every lag. Either
    way c is too low by the variance of a mean over T steps: see `centring_bias`.

    [1] Sompolinsky, Crisanti & Sommers, Phys. Rev. Lett. 61, 259 (1988).
    """

    def __init__(self, n_neurons: int, *, max_lag: int, unbiased: bool = True):
        self._products, self._unbiased = LaggedProducts(n_neurons, max_lag), unbiased

    def add(self, x: np.ndarray) -> None:
        self._products.add(x)

    def found(self) -> np.ndarray:
        n_steps, lags = self._products.n_steps, np.arange(self._products.max_lag + 1)
        return self._products.linear() / (n_steps - lags if self._unbiased else n_steps)


class TutorialAutocovariance:
    r"""The tutorial's estimator: circular, and centred on the population's mean as well.

    $$c(\tau) = \frac{1}{T N} \sum_t \sum_i y_i(t)\, y_i(t - \tau \bmod T), \qquad
      y_i(t) = \delta x_i(t) - \langle \delta x_j(t) \rangle_j$$

    It joins the end of the run to its beginning, and does not see fluctuations that all
    neurons share. It is even in the lag.
    """

    def __init__(self, n_neurons: int, *, max_lag: int):
        self._products = LaggedProducts(n_neurons, max_lag)

    def add(self, x: np.ndarray) -> None:
        self._products.add(x - x.mean(axis=1, keepdims=True))

    def found(self) -> np.ndarray:
        return self._products.circular() / self._products.n_steps


def standard_autocovariance(x: np.ndarray, *, max_lag: int, unbiased: bool = True) -> np.ndarray:
    """c at lags 0 to `max_lag` of x, (time, neuron), by `StandardAutocovariance`."""
    estimator = StandardAutocovariance(x.shape[1], max_lag=max_lag, unbiased=unbiased)
    estimator.add(x)
    return estimator.found()


def tutorial_autocovariance(x: np.ndarray, *, max_lag: int) -> np.ndarray:
    """c at lags 0 to `max_lag` of x, (time, neuron), by `TutorialAutocovariance`."""
    estimator = TutorialAutocovariance(x.shape[1], max_lag=max_lag)
    estimator.add(x)
    return estimator.found()


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


def centring_bias(c: np.ndarray, n_steps: int) -> float:
    r"""Estimate of the part of c(0) that is lost by centring on a mean over so few steps.

    A mean over T steps has itself the variance $\sigma^2 \approx \frac{1}{T} \sum_k c(k)$, and
    what is measured is $c(k) - \sigma^2$ [1]. With the sum up to the last lag K before the
    measured c first ceases to be positive (or the largest),

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


class Halves(Generic[AnyMoments]):
    """How much activity fluctuates in the halves of a run of `n_steps`, and of its second half."""

    def __init__(self, n_steps: int, n_neurons: int, moments: type[AnyMoments]):
        # Moments of parts can be joined, but not cut: so the run is cut at every edge that any
        # half has. Halves that are compared have the same number of steps; of an odd number, the
        # last step belongs to the second half, but is left out of the comparison.
        middle, rest = n_steps // 2, n_steps - n_steps // 2
        self._edges = sorted({0, middle, middle + rest // 2, middle + rest // 2 * 2, 2 * middle})
        self._edges = [*(edge for edge in self._edges if edge < n_steps), n_steps]
        self._nothing: AnyMoments = moments(n_neurons)
        self._parts: list[AnyMoments] = [moments(n_neurons) for _ in self._edges[1:]]
        self._middle, self._rest, self._n_done = middle, rest, 0

    def add(self, x: np.ndarray) -> None:
        """Take in the next steps, (time, neuron)."""
        # Blocks of steps end anywhere: each part takes what of this block lies within its edges.
        for part, (start, stop) in zip(self._parts, pairwise(self._edges), strict=True):
            part.add(x[max(0, start - self._n_done) : max(0, stop - self._n_done)])
        self._n_done += len(x)

    def _between(self, start: int, stop: int) -> AnyMoments:
        parts = zip(self._parts, self._edges, strict=False)
        chosen = [part for part, edge in parts if start <= edge < stop]
        return reduce(lambda a, b: a.joined(b), chosen) if chosen else self._nothing

    @property
    def whole(self) -> AnyMoments:
        """Moments of all steps."""
        return self._between(0, self._edges[-1])

    @property
    def second(self) -> AnyMoments:
        """Moments of the second half, which is longer if the number of steps is odd."""
        return self._between(self._middle, self._edges[-1])

    @property
    def persistence(self) -> float:
        """Variance over time in the second half over that in the first, mean over neurons.

        Near 1 where the activity is stationary, near 0 where it settles to a fixed point.
        NaN if nothing fluctuates in either.
        """
        return self._ratio(0, self._middle)

    @property
    def later_persistence(self) -> float:
        """The persistence within the second half."""
        return self._ratio(self._middle, self._rest // 2)

    def _ratio(self, start: int, length: int) -> float:
        first = self._between(start, start + length).variance
        second = self._between(start + length, start + 2 * length).variance
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.float64(second) / first)


class TwoHalves(Protocol):
    """Moments of a run and of its parts: `Halves`, or `uncertainty.BlockHalves`."""

    @property
    def whole(self) -> ActivityMoments | CountMoments: ...
    @property
    def second(self) -> ActivityMoments | CountMoments: ...
    @property
    def persistence(self) -> float: ...
    @property
    def later_persistence(self) -> float: ...


def fluctuation(c: np.ndarray, halves: TwoHalves) -> Fluctuation:
    """Autocovariance c at lags 0 to the largest, c(0) and decay time with their flags.

    c(0) and decay time are NaN unless the activity is stationary:

    - `UNDEFINED`, the network settles: in the second half there is rounding only (variance
      below 1e-24 of the mean square of x), or the variance falls by more than `STATIONARY`
      from half to half, and at that pace also within the second half.
    - `TRANSIENT`: it falls or rises by more than that from half to half otherwise. Burn-in
      was too short, or the activity comes in rare bursts.

    The autocovariance keeps all of it. A transient that is slow against the run cannot be
    told from activity: near a border, trust longer runs only.
    """
    whole = halves.whole
    n_steps = whole.n_steps
    mean_square = whole.sum_of_squares / (n_steps * len(whole.mean))
    if not np.isfinite(mean_square):
        lost = np.full(len(c), np.nan)
        broken = Fluctuation(lost, np.nan, Flag.OK, np.nan, Flag.OK, np.nan, np.nan)
        return broken.flagged(Flag.BROKEN)
    lasting = halves.persistence
    bias = centring_bias(c, n_steps) if c[0] > 0 else np.nan
    found = Fluctuation(c, float(c[0]), Flag.OK, *decay_time(c), lasting, bias)
    if halves.second.variance <= ROUNDING**2 * mean_square:
        return found.flagged(Flag.UNDEFINED)
    if lasting < 1 / STATIONARY and halves.later_persistence < 1 / np.sqrt(STATIONARY):
        return found.flagged(Flag.UNDEFINED)
    if not 1 / STATIONARY <= lasting <= STATIONARY:
        return found.flagged(Flag.TRANSIENT)
    return found


def fluctuation_of(
    x: np.ndarray, *, max_lag: int, autocovariance: Callable[..., np.ndarray]
) -> Fluctuation:
    """The fluctuation of x, (time, neuron), in one piece."""
    halves = Halves(len(x), x.shape[1], ActivityMoments)
    halves.add(x)
    return fluctuation(autocovariance(x, max_lag=max_lag), halves)
