"""Where a quantity changes sign along q_factor: the border between phases, and how sure it is."""

from collections.abc import Mapping
from enum import IntEnum

import numpy as np
from scipy.special import stdtrit

CONFIDENCE = 0.95


class Crossing(IntEnum):
    """What a scan along q_factor says of the border."""

    RISE = 0  # one change, from negative to positive
    FALL = 1  # one change, from positive to negative
    SEVERAL = 2  # more than one; the first rise is given
    POSITIVE = 3  # everywhere: the border, if there is one, lies outside of the range
    NEGATIVE = 4  # everywhere
    UNKNOWN = 5  # fewer than two points are defined


def crossing(q_factor: np.ndarray, values: np.ndarray) -> tuple[float, Crossing]:
    r"""The q_factor at which values change their sign, linearly interpolated.

    $$q_c = q_k - v_k \frac{q_{k+1} - q_k}{v_{k+1} - v_k}$$

    for the first k with $v_k < 0 \le v_{k+1}$, or if there is none with $v_k \ge 0 > v_{k+1}$.

    `values` belong to `q_factor`, in any order; NaN are left out, as if those points had
    not been asked for. NaN where there is no such change; the flag says why.
    """
    order = np.argsort(q_factor)
    q, v = np.asarray(q_factor, float)[order], np.asarray(values, float)[order]
    defined = np.isfinite(v)
    q, v = q[defined], v[defined]
    if len(v) < 2:
        return np.nan, Crossing.UNKNOWN
    positive = v >= 0
    changes = np.flatnonzero(positive[1:] != positive[:-1])
    if len(changes) == 0:
        return np.nan, Crossing.POSITIVE if positive[0] else Crossing.NEGATIVE
    rises = changes[positive[changes + 1]]
    k = rises[0] if len(rises) else changes[0]
    found = q[k] - v[k] * (q[k + 1] - q[k]) / (v[k + 1] - v[k])
    if len(changes) > 1:
        return float(found), Crossing.SEVERAL
    return float(found), Crossing.RISE if positive[k + 1] else Crossing.FALL


def confidence_interval(values: np.ndarray) -> tuple[float, float, float]:
    r"""Mean over seeds, and the ends of its 95 % interval.

    $\bar x \pm t_{n-1} s / \sqrt n$, Student's t, for n independent seeds. NaN values are
    left out; the interval is NaN with fewer than two, the mean with none.
    """
    found = np.asarray(values, float)
    found = found[np.isfinite(found)]
    if len(found) == 0:
        return np.nan, np.nan, np.nan
    mean = float(found.mean())
    if len(found) == 1:
        return mean, np.nan, np.nan
    students_t = stdtrit(len(found) - 1, (1 + CONFIDENCE) / 2)
    half_width = float(students_t * found.std(ddof=1) / np.sqrt(len(found)))
    return mean, mean - half_width, mean + half_width


def of_one_kind(values: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """Borders of seeds that mean the same: where chaos begins, or if none has that, ends."""
    begins = np.isin(flags, [Crossing.RISE, Crossing.SEVERAL])
    return values[begins] if begins.any() else values[flags == Crossing.FALL]


def driver(backend: str, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """The quantity whose sign tells chaos: positive where there is chaos.

    The largest Lyapunov exponent of rate neurons; of spiking neurons the damage by an extra
    spike less one half of what independent spike trains would differ by.
    """
    return values["lyapunov_exponent"] if backend == "rate" else values["spike_damage"] - 0.5
