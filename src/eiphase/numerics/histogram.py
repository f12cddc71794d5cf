"""Quantiles of values that come in blocks: exact for short runs, from a histogram for long ones."""

import math

import numpy as np

from eiphase.numerics.jit import njit
from eiphase.numerics.quantiles import Spread, extremes, spread

# Up to so many values are kept, and their quantiles exact.
KEPT_VALUES = 2**21


# Of more, the number in each of so many bins: a quantile is right to a millionth of the range.
BINS = 2**21


_RESOLVED_BITS = 40  # of the largest value; integers of 64 bits count the bins below it


class Quantiles:
    """Quantiles and extremes of `n_values` numbers that come in blocks.

    Up to `KEPT_VALUES` they are those of `quantiles.spread`. Beyond, a histogram is kept
    whose bins are 2**e wide, with the smallest e for which `BINS` of them hold all that
    has come: a quantile is then wrong by one bin at most, less than 1e-6 of the range from
    minimum to maximum (or 1e-12 of the largest magnitude, if that is more). As the range grows,
    bins are joined, which is exact: results do not depend on how values are cut into blocks.
    """

    def __init__(self, n_values: int):
        self._minimum, self._maximum = math.inf, -math.inf
        self._n_values, self._n_done = n_values, 0
        self._kept = np.empty(0)
        self._exponent, self._first = -10_000, 0  # of a bin's width; number of the first bin
        self._counts = np.zeros(0 if n_values <= KEPT_VALUES else BINS, np.int64)

    def add(self, x: np.ndarray) -> None:
        """Add the next values, of any shape. The array is kept, so do not change it."""
        values = x.ravel()
        if len(self._counts):
            low, high = extremes(values)
            self._minimum = float(np.minimum(self._minimum, low))  # NaN stays
            self._maximum = float(np.maximum(self._maximum, high))
            self._count(values)
        elif len(values) == self._n_values:
            self._kept = values
        else:
            if not self._n_done:
                self._kept = np.empty(self._n_values)
            self._kept[self._n_done : self._n_done + len(values)] = values
        self._n_done += len(values)

    def found(self, probabilities: tuple[float, ...]) -> Spread:
        """Extremes, and interpolated quantiles; these are NaN if a value is not finite."""
        if not len(self._counts):
            with np.errstate(invalid="ignore"):  # of what is not finite
                found = spread(self._kept, probabilities)
        else:
            found = Spread(self._minimum, self._maximum, [])
        if not math.isfinite(found.maximum - found.minimum):
            return found._replace(quantiles=[math.nan] * len(probabilities))
        if not len(self._counts):
            return found
        return found._replace(quantiles=[self._counted(p) for p in probabilities])

    def _counted(self, probability: float) -> float:
        """The quantile of what is in the bins."""
        ends = np.cumsum(self._counts)
        position = probability * (self._n_values - 1)
        number = int(np.searchsorted(ends, position, side="right"))
        before = ends[number] - self._counts[number]
        within = min((position - before + 0.5) / self._counts[number], 1.0)
        value = (self._first + number + float(within)) * math.ldexp(1.0, self._exponent)
        return min(max(value, self._minimum), self._maximum)

    def _count(self, values: np.ndarray) -> None:
        low, high = self._minimum, self._maximum
        if not math.isfinite(high - low):
            return
        exponent = max(self._exponent, *_exponents(low, high))
        while (
            math.floor(math.ldexp(high, -exponent)) - math.floor(math.ldexp(low, -exponent)) >= BINS
        ):
            exponent += 1
        first = math.floor(math.ldexp(low, -exponent))
        if (exponent, first) != (self._exponent, self._first):
            self._widen(exponent, first)
        _count(values, math.ldexp(1.0, -exponent), first, self._counts)

    def _widen(self, exponent: int, first: int) -> None:
        """Have bins of this width, the first of this number; join those that there are."""
        if self._n_done:
            halvings = min(exponent - self._exponent, 63)
            self._counts = _joined(self._counts, self._first, halvings, first)
        self._exponent, self._first = exponent, first


def _exponents(low: float, high: float) -> tuple[int, int]:
    """Exponents of the width of a bin: the least that are needed."""
    largest = math.frexp(max(abs(low), abs(high)))[1] - _RESOLVED_BITS
    return largest, math.frexp(high - low)[1] - BINS.bit_length()


@njit(cache=True)
def _joined(counts, first, halvings, new_first):
    found = np.zeros_like(counts)
    for i in range(len(counts)):
        if counts[i]:
            found[((first + i) >> halvings) - new_first] += counts[i]
    return found


@njit(cache=True)
def _count(values, scale, first, counts):
    for x in values:
        counts[np.int64(np.floor(x * scale)) - first] += 1


def load_counting_kernels() -> None:
    """Load, or compile, what only runs of more than `KEPT_VALUES` call, by calling it."""
    counts = _joined(np.ones(1, np.int64), 0, 1, 0)
    _count(np.zeros(1), 1.0, 0, counts)
