"""Where a quantity changes sign along q_factor: the border between phases, and how sure it is."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.special import stdtrit

from eiphase.backends import BACKENDS
from eiphase.chaos import phases
from eiphase.flags import Crossing, Phase, Refined

CONFIDENCE = 0.95
# Measures of sensitivity, and from where on a network is sensitive. Damage: half of what
# independent spike trains differ by.
_SENSITIVE_FROM = {"lyapunov_exponent": 0.0, "spike_damage": 0.5}


Point = tuple[float, float]
"""q_factor and g_factor."""
Lines = Mapping[float, Mapping[float, float]]
"""Of each g_factor, the values that are known along q_factor."""


def sign_change(
    q_factor: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Crossing]:
    r"""The two points, (lower, upper) q_factor and their values, between which a sign changes.

    They are k and k + 1 for the first k with $v_k < 0 \le v_{k+1}$, or if there is none with
    $v_k \ge 0 > v_{k+1}$. NaN where there is no such change; the flag says why.

    `values` belong to `q_factor`, in any order; NaN are left out, as if those points had
    not been asked for.
    """
    order = np.argsort(q_factor)
    q, v = np.asarray(q_factor, float)[order], np.asarray(values, float)[order]
    defined = np.isfinite(v)
    q, v = q[defined], v[defined]
    nowhere = np.full(2, np.nan)
    if len(v) < 2:
        return nowhere, nowhere, Crossing.UNKNOWN
    positive = v >= 0
    changes = np.flatnonzero(positive[1:] != positive[:-1])
    if len(changes) == 0:
        return nowhere, nowhere, Crossing.POSITIVE if positive[0] else Crossing.NEGATIVE
    rises = changes[positive[changes + 1]]
    k = rises[0] if len(rises) else changes[0]
    ends = slice(k, k + 2)
    if len(changes) > 1:
        return q[ends], v[ends], Crossing.SEVERAL
    return q[ends], v[ends], Crossing.RISE if positive[k + 1] else Crossing.FALL


def crossing(q_factor: np.ndarray, values: np.ndarray) -> tuple[float, Crossing]:
    r"""The q_factor at which values change their sign, linearly interpolated.

    $$q_c = q_k - v_k \frac{q_{k+1} - q_k}{v_{k+1} - v_k}$$

    between the two points that `sign_change` gives.
    """
    q, v, flag = sign_change(q_factor, values)
    return float(q[0] - v[0] * (q[1] - q[0]) / (v[1] - v[0])), flag


def certain_ends(
    q_factor: np.ndarray, values: np.ndarray, errors: np.ndarray
) -> tuple[float, float]:
    r"""The points nearest to a change of sign on both sides whose own sign is certain.

    That is beyond `phases.SIGNIFICANT` standard errors, or without an error whatever the value
    is. NaN on a side where no sign is certain, and without a change of sign.
    """
    (low, high), (before, _), _ = sign_change(q_factor, values)
    q, v = np.asarray(q_factor, float), np.asarray(values, float)
    certain = np.abs(v) > phases.SIGNIFICANT * np.nan_to_num(np.asarray(errors, float))
    like_before = (v < 0) == (before < 0)
    lower, upper = q[certain & like_before & (q <= low)], q[certain & ~like_before & (q >= high)]
    return (
        float(lower.max()) if len(lower) else np.nan,
        float(upper.min()) if len(upper) else np.nan,
    )


def next_q_factor(q_factor: np.ndarray, values: np.ndarray, *, precision: float) -> float:
    """Where to look next to know the border to `precision`: halfway between its two points.

    NaN if there is nowhere to look: they are that close, or there is no border, or the point
    halfway is one of those given, without a value.

    A point halfway never adds a change of sign, whatever its value: which border is
    refined, and the flag of `crossing`, stay as they are.
    """
    (low, high), _, _ = sign_change(q_factor, values)
    middle = (low + high) / 2
    tried = middle in np.asarray(q_factor)
    return middle if high - low > precision and not tried else np.nan


def refine(
    lines: Lines, measure: Callable[[list[Point]], Sequence[float]], *, precision: float
) -> Lines:
    """Bisect all lines at once until each border is known to `precision`.

    `measure` gives the values of points: in each round one of each line that is not yet done.
    Returns the lines with what was measured.

    Cost: ceil(log2(w / precision)) points for a border between points w apart.
    """
    known = {g: dict(line) for g, line in lines.items()}
    while True:
        points = []
        for g, line in known.items():
            at = next_q_factor(np.array([*line]), np.array([*line.values()]), precision=precision)
            if np.isfinite(at):
                points.append((float(at), g))
        if not points:
            return known
        for (q, g), value in zip(points, measure(points), strict=True):
            known[g][q] = float(value)


def refined(
    q_factor: np.ndarray, values: np.ndarray, *, precision: float
) -> tuple[float, float, Refined]:
    """The border on a line that `refine` gave, and how far its two points are from each other.

    The border is NaN unless they are as close as `precision`.
    """
    found, _ = crossing(q_factor, values)
    (low, high), _, _ = sign_change(q_factor, values)
    width = float(high - low)
    if np.isnan(width):
        return np.nan, np.nan, Refined.NO_CHANGE
    return (
        (found, width, Refined.REACHED) if width <= precision else (np.nan, width, Refined.STOPPED)
    )


def confidence_interval(
    values: np.ndarray, ends: np.ndarray | None = None
) -> tuple[float, float, float]:
    r"""Mean over seeds, and the ends of its 95 % interval.

    $\bar x \pm t_{n-1} s / \sqrt n$, Student's t, for n independent seeds. NaN values are
    left out; the interval is NaN with fewer than two, the mean with none. With `ends`,
    (2, seed), between which each value lies, the interval reaches over their means at least:
    borders that were interpolated between the same two grid points agree, however wide that is.
    It is NaN on a side where one of these ends is.
    """
    found = np.asarray(values, float)
    is_known = np.isfinite(found)
    found = found[is_known]
    if len(found) == 0:
        return np.nan, np.nan, np.nan
    mean = float(found.mean())
    if len(found) == 1:
        return mean, np.nan, np.nan
    students_t = stdtrit(len(found) - 1, (1 + CONFIDENCE) / 2)
    half_width = float(students_t * found.std(ddof=1) / np.sqrt(len(found)))
    if ends is None:
        return mean, mean - half_width, mean + half_width
    lower, upper = (side[is_known].mean() for side in ends)
    low, high = np.minimum(mean - half_width, lower), np.maximum(mean + half_width, upper)
    return mean, float(low), float(high)


def of_one_kind(flags: np.ndarray) -> np.ndarray:
    """Seeds whose borders mean the same: where sensitivity begins, or if none has that, ends."""
    begins = np.isin(flags, [Crossing.RISE, Crossing.SEVERAL])
    return begins if begins.any() else flags == Crossing.FALL


def driver(backend: str, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """The quantity whose sign tells where perturbations grow: positive where they do.

    It follows from the backend's `measure_of_sensitivity`: the largest Lyapunov exponent, or the
    damage by an extra spike less one half of what independent trains would differ by. NaN for a
    backend without a measure, and where the `phase` is saturated, silent or broken: without
    activity no border can be measured.
    """
    name = BACKENDS[backend].measure_of_sensitivity
    measure = np.nan if name is None else values[name] - _SENSITIVE_FROM[name]
    meaningless = np.isin(values["phase"], [Phase.SATURATED, Phase.SILENT, Phase.BROKEN])
    return np.where(meaningless, np.nan, measure)


def error(backend: str, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """The standard error of the `driver`; NaN where none is known."""
    name = BACKENDS[backend].measure_of_sensitivity
    of_measure = {"lyapunov_exponent": "lyapunov_error", "spike_damage": "spike_damage_error"}
    nothing = np.full(values["phase"].shape, np.nan)
    return nothing if name is None else values.get(of_measure[name], nothing)


def lines(backend: str, points: Sequence[Point], values: Mapping[str, np.ndarray]) -> Lines:
    """The `driver` at points, line by line; `values` are those of `variables.VARIABLES`."""
    phase = phases.classify(backend, values)
    found: dict[float, dict[float, float]] = {}
    for (q, g), value in zip(points, driver(backend, {**values, "phase": phase}), strict=True):
        found.setdefault(g, {})[q] = float(value)
    return found
