"""Exact quantiles of many numbers, without sorting them."""

from typing import NamedTuple

import numpy as np

from eiphase.numerics.jit import njit

SAMPLE = 2048  # numbers that show about where a quantile lies
MARGIN = int(1.5 * np.sqrt(SAMPLE))  # three standard deviations of a rank in it, or more
# Where the sample is taken, as parts of the whole: even, and in step with no period.
PLACES = np.arange(SAMPLE) * (np.sqrt(5) - 1) / 2 % 1


class Spread(NamedTuple):
    """Extremes and quantiles of many numbers; all NaN if one of the numbers is."""

    minimum: float
    maximum: float
    quantiles: list[float]


def spread(x: np.ndarray, probabilities: tuple[float, ...]) -> Spread:
    """Extremes and, to the bit, `np.quantile(x, probabilities)`; faster than it for large x."""
    values = np.ravel(x)
    minimum, maximum = extremes(values)
    if np.isnan(minimum):
        return Spread(np.nan, np.nan, [np.nan] * len(probabilities))
    return Spread(minimum, maximum, [_quantile(values, p) for p in probabilities])


def extremes(values: np.ndarray) -> tuple[float, float]:
    """The smallest and the largest of some numbers; NaN if one of them is."""
    return float(values.min()), float(values.max())


def _quantile(values: np.ndarray, probability: float) -> float:
    """NumPy's linear interpolation, which starts from the nearer of the two values."""
    position = probability * (len(values) - 1)
    rank = int(position)
    weight = position - rank
    lower, upper = _at(values, np.array([rank, min(rank + 1, len(values) - 1)]))
    if weight >= 0.5:
        return float(upper - (upper - lower) * (1 - weight))
    return float(lower + (upper - lower) * weight)


def _at(values: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """The values that stand at two neighbouring ranks, or twice at one, in ascending order.

    A sample brackets the ranks closely. Only what lies within the bracket, a fifteenth, is looked
    at again, in the same way. NumPy looks at all values where the sample has misled, and where
    too many values are equal.
    """
    if len(values) > 2 * SAMPLE:
        low, high = _bracket(values, ranks[0])
        within, n_below = _within(values, low, high)
        inside = ranks - n_below
        if inside[0] >= 0 and inside[1] < len(within):
            if low == high:
                return np.array([low, high])
            if len(within) < len(values) / 2:
                return _at(within, inside)
    return np.partition(values, ranks)[ranks]


def _bracket(values: np.ndarray, rank: int) -> tuple[float, float]:
    """Two values; the value of the rank most likely lies between them."""
    sample = values[(PLACES * len(values)).astype(np.int64)]
    middle = rank * SAMPLE // len(values)
    ends = [max(middle - MARGIN, 0), min(middle + MARGIN, SAMPLE - 1)]
    sample.partition(ends)
    low, high = sample[ends]
    return low, high


@njit(cache=True)
def _within(values, low, high):
    """The values from low to high, and how many are below low.

    Both are decided by the rounded distance from the middle, which grows with the value: a value
    that rounding takes across an end is on one side for both. One comparison does for two ends,
    and no branch, which would often be mispredicted, is needed.
    """
    middle, half = (low + high) / 2, (high - low) / 2
    kept = np.empty(len(values) + 1)
    n_kept = 0
    for x in values:
        kept[n_kept] = x
        n_kept += abs(x - middle) <= half
    n_below = 0
    for i in range(len(values)):  # by itself, and so with several numbers an instruction
        n_below += 1 if values[i] - middle < -half else 0
    return kept[:n_kept], n_below
