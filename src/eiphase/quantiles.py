"""Exact quantiles of many numbers, without sorting them."""

from typing import NamedTuple

import numpy as np

from eiphase.compiled import njit

SAMPLE = 2048  # numbers that show about where a quantile lies
MARGIN = int(1.5 * np.sqrt(SAMPLE))  # three standard deviations of a rank in it, or more
# Where the sample is taken, as parts of the whole: even, and in step with no period.
PLACES = np.arange(SAMPLE) * (np.sqrt(5) - 1) / 2 % 1
_LANES = 64
_BINS = 512  # into which the values of a bracket are counted: a few dozen in each
_CHUNK = 1024  # numbers at a time, so that what the loops hand on stays in the cache


class Spread(NamedTuple):
    """Of many numbers; all NaN if one of them is."""

    minimum: float
    maximum: float
    quantiles: list[float]


def spread(x: np.ndarray, probabilities: tuple[float, ...]) -> Spread:
    """Extremes and, to the bit, `np.quantile(x, probabilities)`; faster than it for large x."""
    values = np.ravel(x)
    positions = np.array(probabilities) * (values.size - 1)
    ranks = positions.astype(np.int64)
    pairs, minimum, maximum = neighbours(values, ranks)
    found = []
    for weight, (lower, upper) in zip(positions - ranks, pairs, strict=True):
        # NumPy's linear interpolation, which starts from the nearer of the two values.
        if weight >= 0.5:
            found.append(float(upper - (upper - lower) * (1 - weight)))
        else:
            found.append(float(lower + (upper - lower) * weight))
    return Spread(minimum, maximum, found)


def extremes(x: np.ndarray) -> tuple[float, float]:
    """The smallest and the largest number of x, in one pass; NaN if x holds one."""
    values = np.ravel(x)
    lanes = _Lanes.empty()
    _extend(values, *lanes)
    return lanes.extremes(values.size)


def neighbours(values: np.ndarray, ranks: np.ndarray) -> tuple[np.ndarray, float, float]:
    """The values at these ranks and at the next in ascending order, (rank, 2); and the extremes.

    The rank after the last is the last. NaN if there is one. A sample brackets each rank
    closely; what lies outside of all brackets is counted and left out.
    """
    after = np.minimum(ranks + 1, values.size - 1)
    if values.size <= 2 * SAMPLE:
        minimum, maximum = extremes(values)
    else:
        low, high = _brackets(values, ranks)
        lanes = _Lanes.empty()
        kept, n_below, n_up_to = _within(values, low, high, *lanes)
        minimum, maximum = lanes.extremes(values.size)
        representative = (n_below <= ranks).all() and (ranks + 1 < n_up_to).all()
        finite = np.isfinite(maximum - minimum)
        if representative and finite and 2 * kept.size < values.size:
            found = np.stack([low, high], axis=1)
            for q in np.flatnonzero(low < high):
                found[q] = _at(kept, low[q], high[q], ranks[q] - n_below[q])
            return found, minimum, maximum
    if np.isnan(minimum):
        return np.full((len(ranks), 2), np.nan), minimum, maximum
    pairs = np.stack([ranks, after], axis=1)
    return np.partition(values, pairs.ravel())[pairs], minimum, maximum


def _brackets(values: np.ndarray, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two values for each rank; the value of the rank most likely lies between them."""
    sample = values[(PLACES * values.size).astype(np.int64)]
    middle = ranks * SAMPLE // values.size
    first = np.maximum(middle - MARGIN, 0)
    last = np.minimum(middle + MARGIN, SAMPLE - 1)
    sample.partition(np.concatenate([first, last]))
    return sample[first], sample[last]


class _Lanes(NamedTuple):
    """Of every `_LANES`-th number, from each of the first on, NaN left out."""

    smallest: np.ndarray
    largest: np.ndarray
    n_numbers: np.ndarray

    @classmethod
    def empty(cls) -> "_Lanes":
        return cls(np.full(_LANES, np.inf), np.full(_LANES, -np.inf), np.zeros(_LANES, np.int64))

    def extremes(self, n_values: int) -> tuple[float, float]:
        if self.n_numbers.sum() < n_values:
            return np.nan, np.nan
        return float(self.smallest.min()), float(self.largest.max())


@njit(cache=True)
def _within(values, low, high, smallest, largest, n_numbers):
    """The values in any bracket [low, high] with low < high.

    And of each bracket, how many values are below low, and how many up to high.
    """
    n_below = np.zeros(len(low), np.int64)
    n_up_to = np.zeros(len(low), np.int64)
    kept = np.empty(len(values) + 1)
    n_kept = 0
    inside = np.empty(_CHUNK, np.uint8)
    for first in range(0, len(values), _CHUNK):
        part = values[first : first + _CHUNK]
        _extend(part, smallest, largest, n_numbers)
        inside[:] = 0
        for q in range(len(low)):
            below, up_to, unknown = 0, 0, low[q] < high[q]
            for k in range(len(part)):
                below += part[k] < low[q]
                up_to += part[k] <= high[q]
                inside[k] |= unknown & (part[k] >= low[q]) & (part[k] <= high[q])
            n_below[q] += below
            n_up_to[q] += up_to
        for k in range(len(part)):  # without a branch, which would often be mispredicted
            kept[n_kept] = part[k]
            n_kept += inside[k]
    return kept[:n_kept], n_below, n_up_to


@njit(cache=True)
def _at(values, low, high, rank):
    """Of the values in a bracket, those at a rank and at the next: only a few bins are sorted."""
    scale = _BINS / (high - low) if high - low > _BINS * np.finfo(np.float64).tiny else 0.0
    bins = np.empty(len(values), np.int32)
    for k in range(len(values)):
        inside = (values[k] >= low) & (values[k] <= high)
        number = min(np.int32((values[k] - low if inside else 0.0) * scale), np.int32(_BINS - 1))
        bins[k] = number if inside else np.int32(_BINS)
    counts = np.zeros(_BINS + 1, np.int64)
    for number in bins:
        counts[number] += 1
    first, n_before = 0, 0
    while n_before + counts[first] <= rank:
        n_before += counts[first]
        first += 1
    stop, n_up_to = first, n_before
    while n_up_to <= rank + 1:
        n_up_to += counts[stop]
        stop += 1
    found = np.empty(n_up_to - n_before + 1)
    n = 0
    for k in range(len(values)):  # without a branch, as above
        found[n] = values[k]
        n += (first <= bins[k]) & (bins[k] < stop)
    found = np.sort(found[:n])
    return found[rank - n_before], found[rank - n_before + 1]


@njit(cache=True)
def _extend(values, smallest, largest, n_numbers):
    """Take more values into `_Lanes`."""
    for first in range(0, len(values), _LANES):
        part = values[first : first + _LANES]
        for k in range(len(part)):  # each compared with its own, so that vectors can do it
            smallest[k] = part[k] if part[k] < smallest[k] else smallest[k]
            largest[k] = part[k] if part[k] > largest[k] else largest[k]
            n_numbers[k] += part[k] == part[k]
