"""Exact quantiles of many numbers, without sorting them."""

import numpy as np
from numba import njit

SAMPLE = 4096  # numbers that show about where a quantile lies
MARGIN = int(1.5 * np.sqrt(SAMPLE))  # three standard deviations of a rank in it, or more
# Where the sample is taken, as parts of the whole: even, and in step with no period.
PLACES = np.arange(SAMPLE) * (np.sqrt(5) - 1) / 2 % 1
_LANES = 64
_CHUNK = 1024  # numbers at a time, so that what the loops hand on stays in the cache


def quantiles(x: np.ndarray, probabilities: tuple[float, ...]) -> list[float]:
    """`np.quantile(x, probabilities)` to the bit, several times as fast for large x.

    NaN if x holds one.
    """
    values = np.ravel(x)
    positions = np.array(probabilities) * (values.size - 1)
    ranks = positions.astype(np.int64)
    found = []
    for weight, (lower, upper) in zip(positions - ranks, neighbours(values, ranks), strict=True):
        # NumPy's linear interpolation, which starts from the nearer of the two values.
        if weight >= 0.5:
            found.append(float(upper - (upper - lower) * (1 - weight)))
        else:
            found.append(float(lower + (upper - lower) * weight))
    return found


def extremes(x: np.ndarray) -> tuple[float, float]:
    """The smallest and the largest number of x, in one pass; NaN if x holds one."""
    values = np.ravel(x)
    low, high, n_numbers = _extremes(values)
    if n_numbers.sum() < values.size:
        return np.nan, np.nan
    return float(low.min()), float(high.max())


def neighbours(values: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """The values at these ranks and at the next in ascending order, shape (rank, 2).

    The rank after the last is the last. NaN if there is one. A sample brackets each rank
    closely; what lies outside of all brackets is counted and left out, again and again.
    """
    after = np.minimum(ranks + 1, values.size - 1)
    if values.size <= 2 * SAMPLE:
        n_numbers = np.count_nonzero(values == values)
    else:
        low, high = _brackets(values, ranks)
        kept, n_below, n_up_to, n_numbers = _within(values, low, high)
        representative = (
            n_numbers == values.size and (n_below <= ranks).all() and (after < n_up_to).all()
        )
        if representative and 2 * kept.size < values.size:
            found = np.stack([low, high], axis=1)
            unknown = low < high
            if unknown.any():
                left_out = n_below - np.count_nonzero(kept < low[:, None], axis=1)
                found[unknown] = neighbours(kept, (ranks - left_out)[unknown])
            return found
    if n_numbers < values.size:
        return np.full((len(ranks), 2), np.nan)
    pairs = np.stack([ranks, after], axis=1)
    return np.partition(values, pairs.ravel())[pairs]


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
    """The values in any bracket [low, high] with low < high.

    And of each bracket, how many values are below low, and how many up to high; and how
    many values are not NaN.
    """
    n_below = np.zeros(len(low), np.int64)
    n_up_to = np.zeros(len(low), np.int64)
    kept = np.empty(len(values) + 1)
    n_kept = 0
    n_numbers = 0
    inside = np.empty(_CHUNK, np.uint8)
    for first in range(0, len(values), _CHUNK):
        part = values[first : first + _CHUNK]
        inside[:] = 0
        numbers = 0
        for k in range(len(part)):
            numbers += part[k] == part[k]
        n_numbers += numbers
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
    return kept[:n_kept], n_below, n_up_to, n_numbers


@njit(cache=True)
def _extremes(values):
    """Of every `_LANES`-th number, from each of the first on: the smallest, the largest, how many.

    NaN left out.
    """
    low = np.full(_LANES, np.inf)
    high = np.full(_LANES, -np.inf)
    n_numbers = np.zeros(_LANES, np.int64)
    for first in range(0, len(values), _LANES):
        part = values[first : first + _LANES]
        for k in range(len(part)):  # each compared with its own, so that vectors can do it
            low[k] = part[k] if part[k] < low[k] else low[k]
            high[k] = part[k] if part[k] > high[k] else high[k]
            n_numbers[k] += part[k] == part[k]
    return low, high, n_numbers
