"""How perturbations grow: the largest Lyapunov exponent of small ones, and growth by distance."""

from typing import NamedTuple

import numpy as np

from eiphase.flags import ExponentFlag

BLOCKS = 20  # into which the measured steps are cut, for the error


class Exponent(NamedTuple):
    """A largest Lyapunov exponent."""

    value: float  # 1 / step
    error: float  # 1 / step
    flag: ExponentFlag


class MeanGrowth:
    r"""Mean growth of the logarithm of a perturbation's length, in 1 / step.

    $$\lambda = \frac{1}{T} \sum_t \ln \frac{|\delta(t+1)|}{|\delta(t)|}, \qquad
      \text{error}^2 = \frac{\gamma_0 + 2 \sum_{j=1}^{J} \gamma_j}{B - 2J - 1}$$

    The T = `n_steps` terms come in blocks, and $\gamma_j$ is the autocovariance of the means over
    B = `BLOCKS` equal blocks, up to the last lag J, less than B / 4, before it ceases to be
    positive. So growth may be correlated over some blocks. For Gaussian growth 68 and 95 % of the
    truths lie within one and two errors if its correlation time is half a block or less, a fortieth
    of the run; 62 and 90 % at one block, 61 and 85 % at two. NaN for less than two steps a block. A
    remainder that fills no block counts for the value alone.

    No error from within one run knows of other states that the network might reach, nor of a vector
    that has not yet turned into the direction of fastest growth. Near the border of rate networks,
    where both are common, runs from several initial states scatter by more.

    A perturbation that vanished or is not finite gives NaN and a flag.

    Sources: Benettin, Galgani, Giorgilli & Strelcyn, Meccanica 15, 9 and 21 (1980); for the error,
    Percival, Am. Stat. 47, 274 (1993).
    """

    def __init__(self, n_steps: int):
        self._length = n_steps // BLOCKS
        self._sums = np.zeros(BLOCKS + 1)  # the last one of the remainder
        self._n_steps, self._n_done = n_steps, 0
        self._vanished, self._unresolved, self._finite = False, False, True

    def add(self, log_growth: np.ndarray) -> None:
        """Add the growth in the next steps, (time,)."""
        self._vanished |= bool(np.isneginf(log_growth).any())
        self._unresolved |= bool(np.isposinf(log_growth).any())
        self._finite &= bool(np.isfinite(log_growth).all())
        steps = np.arange(self._n_done, self._n_done + len(log_growth))
        block = np.minimum(steps // max(self._length, 1), BLOCKS)
        self._sums += np.bincount(block, log_growth, minlength=BLOCKS + 1)
        self._n_done += len(log_growth)

    def exponent(self) -> Exponent:
        """The exponent, after the last step."""
        if self._vanished:
            return Exponent(np.nan, np.nan, ExponentFlag.VANISHED)
        if self._unresolved:
            return Exponent(np.nan, np.nan, ExponentFlag.UNRESOLVED)
        if not self._finite:
            return Exponent(np.nan, np.nan, ExponentFlag.BROKEN)
        error = np.nan
        if self._length >= 2:
            error = _error(self._sums[:BLOCKS] / self._length)
        return Exponent(float(self._sums.sum() / self._n_steps), error, ExponentFlag.OK)


def _error(means: np.ndarray) -> float:
    """Standard error of the mean of correlated numbers."""
    n, deviations = len(means), means - means.mean()
    gamma = [np.sum(deviations[j:] * deviations[: n - j]) / (n - j) for j in range(n // 4)]
    n_positive = next((j for j, value in enumerate(gamma) if value <= 0), len(gamma))
    squared = (2 * sum(gamma[:n_positive]) - gamma[0]) / (n - 2 * n_positive + 1)
    return float(np.sqrt(max(squared, 0.0)))


def exponent(log_growth: np.ndarray) -> Exponent:
    """The exponent that `MeanGrowth` gives for all steps, (time,), at once."""
    growth = MeanGrowth(len(log_growth))
    growth.add(log_growth)
    return growth.exponent()


def growth_by_distance(distances: np.ndarray, levels: np.ndarray) -> np.ndarray:
    r"""Finite-size Lyapunov exponents between levels that follow on each other, in 1 / step.

    `distances`, (trial, time), are those of two copies of a network, which are closer than the
    first level at the beginning. With the step $T_n$ at which a trial first reaches level n,

    $$\lambda(\delta_n) = \frac{\sum \ln [\delta(T_{n+1}) / \delta(T_n)]}{\sum (T_{n+1} - T_n)}$$

    over all trials. At small distances it is the largest Lyapunov exponent; it falls where copies
    are about as far from each other as independent ones. NaN for levels that some trial does not
    reach, as the faster ones alone would grow too fast, and for levels that all trials pass in one
    step.

    Source: Aurell, Boffetta, Crisanti, Paladin & Vulpiani, J. Phys. A 30, 1 (1997).
    """
    reached = np.stack([distances >= level for level in levels], axis=-1)  # (trial, time, level)
    first = reached.argmax(axis=1)
    logarithms = np.log(np.take_along_axis(distances, first, axis=1))
    steps = np.diff(first, axis=1).sum(axis=0)
    found = np.full(len(steps), np.nan)
    by_all = np.all(np.any(reached, axis=1), axis=0)
    known = by_all[1:] & (steps > 0)
    found[known] = np.diff(logarithms, axis=1).sum(axis=0)[known] / steps[known]
    return found
