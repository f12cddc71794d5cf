"""Exact quantiles of many numbers, without sorting them."""

from typing import NamedTuple

import numpy as np

from eiphase.numerics import simd
from eiphase.numerics.jit import njit
from eiphase.numerics.simd import ALL, WORD, above, at_least, first_one, ones

SAMPLE = 4096  # numbers that show about where a quantile lies
MARGIN = int(1.5 * np.sqrt(SAMPLE))  # three standard deviations of a rank in it, or more
# Where the sample is taken, as parts of the whole: even, and in step with no period.
PLACES = np.arange(SAMPLE) * (np.sqrt(5) - 1) / 2 % 1
_BINS = 256  # into which the values of a bracket are counted: a few dozen in each
_ROW = simd.width("float64")


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
    pairs, minimum, maximum = _neighbours(values, ranks)
    if np.isnan(minimum):
        return Spread(np.nan, np.nan, [np.nan] * len(probabilities))
    found = []
    for weight, (lower, upper) in zip(positions - ranks, pairs, strict=True):
        # NumPy's linear interpolation, which starts from the nearer of the two values.
        if weight >= 0.5:
            found.append(float(upper - (upper - lower) * (1 - weight)))
        else:
            found.append(float(lower + (upper - lower) * weight))
    return Spread(minimum, maximum, found)


def extremes(x: np.ndarray) -> tuple[float, float]:
    """The smallest and the largest number of x; NaN if x holds one."""
    return float(x.min()), float(x.max())


def _neighbours(values: np.ndarray, ranks: np.ndarray) -> tuple[np.ndarray, float, float]:
    """The values at these ranks and at the next in ascending order, (rank, 2); and the extremes.

    The rank after the last is the last. All NaN if there is one. A sample brackets each rank
    closely; only what lies inside of a bracket is kept, and what comes before is counted. Its
    ends are not kept, either: of spiking neurons' voltages, many are 0. Where a rank falls on
    one, another pass counts how many are equal to it.
    """
    pairs = np.stack([ranks, np.minimum(ranks + 1, values.size - 1)], axis=1)
    if values.size > 2 * SAMPLE:
        low, high = _brackets(values, ranks)
        inside, n_before, n_inside, ends = _within(values, low, high)
        minimum, maximum = float(ends[0].min()), float(ends[1].max())
        n_up_to = n_before + n_inside
        if not ends[2].any() and np.isfinite(maximum - minimum):
            found = np.where(pairs < n_before[:, None], low[:, None], high[:, None])
            for q, pair in enumerate(pairs):
                # A rank outside is that of an end, or else the sample has misled.
                if pair[0] < n_before[q] and pair[0] < np.count_nonzero(values < low[q]):
                    break
                if pair[1] >= n_up_to[q] and pair[1] >= np.count_nonzero(values <= high[q]):
                    break
                known = (n_before[q] <= pair) & (pair < n_up_to[q])
                if known.any():
                    places = pair[known] - n_before[q]
                    numbers = inside[q, : n_inside[q]]
                    few, n_less = _around(numbers, low[q], high[q], *places[[0, -1]])
                    found[q, known] = np.sort(few)[places - n_less]
            else:
                return found, minimum, maximum
    return np.partition(values, pairs.ravel())[pairs], *extremes(values)


def _brackets(values: np.ndarray, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two values for each rank; the value of the rank most likely lies between them."""
    sample = values[(PLACES * values.size).astype(np.int64)]
    middle = ranks * SAMPLE // values.size
    first = np.maximum(middle - MARGIN, 0)
    last = np.minimum(middle + MARGIN, SAMPLE - 1)
    sample.partition(np.concatenate([first, last]))
    return sample[first], sample[last]


@njit(cache=True)
def _within(values, low, high):
    """The values between the ends of each bracket, (bracket, some).

    And how many values are up to low, and how many inside; and three rows of numbers: the least
    of all values is in the first, the greatest in the second, and the third is 0 unless one is
    not finite. Takes 64 values or more, in one pass.
    """
    inside = np.empty((len(low), len(values)))
    n_before, n_inside = np.zeros(len(low), np.int64), np.zeros(len(low), np.int64)
    smallest = largest = simd.load_row(values, 0)
    zero = simd.zero_row(values)
    for first in range(0, len(values), WORD):
        start = min(first, len(values) - WORD)
        new = ALL << np.uint64(first - start)  # the last 64 overlap with those before
        part = values[start:]
        for i in range(WORD // _ROW):
            row = simd.load_row(part, i)
            smallest, largest = simd.lesser(row, smallest), simd.greater(row, largest)
            zero = simd.multiply_add(0.0, row, zero)  # NaN if one is not finite
        for q in range(len(low)):
            above_low = above(part, 0, low[q])
            n_before[q] += ones(new & ~above_low)
            bits = new & above_low & ~at_least(part, 0, high[q])
            n = n_inside[q]
            while bits:
                inside[q, n] = part[first_one(bits)]
                n += 1
                bits &= bits - np.uint64(1)
            n_inside[q] = n
    ends = np.empty((3, _ROW))
    simd.store_row(ends, 0, smallest)
    simd.store_row(ends, 1, largest)
    simd.store_row(ends, 2, zero)
    return inside, n_before, n_inside, ends


@njit(cache=True)
def _around(values, low, high, rank, last_rank):
    """Of values between low and high, a few with these two ranks among them, and how many are less.

    They are counted into bins; those of few bins are returned, in no order.
    """
    scale = _BINS / (high - low) if high - low > _BINS * np.finfo(np.float64).tiny else 0.0
    bins = np.empty(len(values), np.int32)
    for k in range(len(values)):
        bins[k] = min(np.int32((values[k] - low) * scale), np.int32(_BINS - 1))
    counts = np.zeros(_BINS, np.int64)
    for number in bins:
        counts[number] += 1
    first, n_before = 0, 0
    while n_before + counts[first] <= rank:
        n_before += counts[first]
        first += 1
    stop, n_up_to = first, n_before
    while n_up_to <= last_rank:
        n_up_to += counts[stop]
        stop += 1
    found = np.empty(n_up_to - n_before + 1)
    n = 0
    for k in range(len(values)):  # without a branch, which would often be mispredicted
        found[n] = values[k]
        n += (first <= bins[k]) & (bins[k] < stop)
    return found[:n], n_before
