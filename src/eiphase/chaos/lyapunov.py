"""The largest Lyapunov exponent, from how a small perturbation grows from step to step."""

from typing import NamedTuple

import numpy as np

from eiphase.flags import ExponentFlag

BLOCKS = 10  # into which the measured steps are cut, for the error


class Exponent(NamedTuple):
    """A largest Lyapunov exponent."""

    value: float  # 1 / step
    error: float  # 1 / step
    flag: ExponentFlag


class MeanGrowth:
    r"""Mean growth of the logarithm of a perturbation's length, in 1 / step.

    $$\lambda = \frac{1}{T} \sum_t \ln \frac{|\delta(t+1)|}{|\delta(t)|}, \qquad
      \text{error} = \sqrt{\frac{1}{B (B - 1)} \sum_b (\lambda_b - \lambda)^2}$$

    The T = `n_steps` terms come in blocks; $\lambda_b$ are the means over B = `BLOCKS`
    equal blocks one after the other. So the error says how far the mean has converged,
    where blocks are longer than the decay time; it is too small where they are
    not. NaN for less than two steps a block. A remainder that fills no block counts for the
    value alone.

    A perturbation that vanished or is not finite gives NaN and a flag.

    Sources: Benettin, Galgani, Giorgilli & Strelcyn, Meccanica 15, 9 and 21 (1980); for the error,
    the method of batch means.
    """

    def __init__(self, n_steps: int):
        self._length = n_steps // BLOCKS
        self._sums = np.zeros(BLOCKS + 1)  # the last one of the remainder
        self._n_steps, self._n_done = n_steps, 0
        self._vanished, self._finite = False, True

    def add(self, log_growth: np.ndarray) -> None:
        """Add the growth in the next steps, (time,)."""
        self._vanished |= bool(np.isneginf(log_growth).any())
        self._finite &= bool(np.isfinite(log_growth).all())
        steps = np.arange(self._n_done, self._n_done + len(log_growth))
        block = np.minimum(steps // max(self._length, 1), BLOCKS)
        self._sums += np.bincount(block, log_growth, minlength=BLOCKS + 1)
        self._n_done += len(log_growth)

    def exponent(self) -> Exponent:
        """The exponent, after the last step."""
        if self._vanished:
            return Exponent(np.nan, np.nan, ExponentFlag.VANISHED)
        if not self._finite:
            return Exponent(np.nan, np.nan, ExponentFlag.BROKEN)
        error = np.nan
        if self._length >= 2:
            means = self._sums[:BLOCKS] / self._length
            error = float(means.std(ddof=1) / np.sqrt(BLOCKS))
        return Exponent(float(self._sums.sum() / self._n_steps), error, ExponentFlag.OK)


def exponent(log_growth: np.ndarray) -> Exponent:
    """The exponent that `MeanGrowth` gives for all steps, (time,), at once."""
    growth = MeanGrowth(len(log_growth))
    growth.add(log_growth)
    return growth.exponent()
