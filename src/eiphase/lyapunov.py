"""The largest Lyapunov exponent, from how a small perturbation grows from step to step."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

BLOCKS = 10  # into which the measured steps are cut, for the error


class ExponentFlag(IntEnum):
    """Why an exponent is, or is not, a number."""

    OK = 0
    VANISHED = 1  # the perturbation became exactly zero: it shrinks faster than can be said
    BROKEN = 2  # activity is not finite, or the mapping gives no network


class Exponent(NamedTuple):
    """A largest Lyapunov exponent."""

    value: float  # 1 / step
    error: float  # 1 / step
    flag: ExponentFlag


def exponent(log_growth: np.ndarray) -> Exponent:
    r"""Mean growth of the logarithm of a perturbation's length, in 1 / step.

    $$\lambda = \frac{1}{T} \sum_t \ln \frac{|\delta(t+1)|}{|\delta(t)|}, \qquad
      \text{error} = \sqrt{\frac{1}{B (B - 1)} \sum_b (\lambda_b - \lambda)^2}$$

    `log_growth`, shape (time,), has the T terms; $\lambda_b$ are the means over B = `BLOCKS`
    equal blocks one after the other. So the error says how far the mean has converged,
    where blocks are longer than the activity's memory; it is too small where they are
    not. NaN for less than two steps a block. A remainder that fills no block counts for the
    value alone.

    A perturbation that vanished or is not finite gives NaN and a flag.

    Sources: Benettin, Galgani, Giorgilli & Strelcyn, Meccanica 15, 9 and 21 (1980); for the error,
    the method of batch means.
    """
    if np.isneginf(log_growth).any():
        return Exponent(np.nan, np.nan, ExponentFlag.VANISHED)
    if not np.isfinite(log_growth).all():
        return Exponent(np.nan, np.nan, ExponentFlag.BROKEN)
    length = len(log_growth) // BLOCKS
    error = np.nan
    if length >= 2:
        means = log_growth[: length * BLOCKS].reshape(BLOCKS, length).mean(axis=1)
        error = float(means.std(ddof=1) / np.sqrt(BLOCKS))
    return Exponent(float(log_growth.mean()), error, ExponentFlag.OK)
