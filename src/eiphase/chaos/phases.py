"""Which phase a simulation is in, decided from its observables by rules in one place."""

from collections.abc import Mapping

import numpy as np

from eiphase.backends import BACKENDS
from eiphase.flags import Fate, Flag, Phase, StepLimited
from eiphase.variables import NOT_SIMULATED

# An exponent counts as positive or negative beyond so many of its standard errors.
SIGNIFICANT = 2.0
# Autocovariance returns to this part of c(0) where activity repeats itself.
RECURRENCE = 0.8
# A neuron that fires at regular intervals has counts n and n + 1, whose variance is at most this.
REGULAR_VARIANCE = 0.25
# Half of the coefficient of variation of intervals at random.
IRREGULAR_FROM = 0.5
# Integer weights worth more or less than this part beside the threshold are another network's.
WEIGHT_STRENGTH_TOLERANCE = 0.2


def classify(backend: str, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """The phase of each point, `Phase` as int8, of one backend.

    `values` are those of `variables.VARIABLES`, along points. The first rule that holds:

    1. `BROKEN`: activity is not finite; or in integers the mapping gave no network, currents
       left their 24 bits, or weights are worth 20 % more or less beside the threshold than
       those of the float network.
    2. `SILENT`: over 95 % of neurons never fire. `SATURATED`: over 95 % never fire or always
       do.
    3. By the backend's measure of sensitivity. The largest Lyapunov exponent λ and its error:
       `CHAOS` if λ is positive beyond two errors and activity is stationary; `FIXED_POINT` if
       it is negative beyond two errors and fluctuations vanish or decay; `OSCILLATION` if
       activity fluctuates, λ is not positive, and activity repeats itself: c(lag) falls below
       zero and returns to 80 % of c(0) within the largest lag.
    4. Damage by an extra spike: `SENSITIVE` if it spreads, unless activity is transient, and
       `CHAOS` if λ, where a backend has one, is positive beyond two errors, too, and the time step
       does not limit rates: λ is that of continuous time, which is then another network. If damage
       heals or stays confined: `FIXED_POINT` if spike counts do not fluctuate; `REGULAR` if
       they do as regular firing makes them: c(0) is at most 1/4, or activity repeats itself;
       `IRREGULAR` if they fluctuate more. Where `isi_cv` was measured, neurons whose intervals
       vary by more than half (a coefficient of 0.5) are `IRREGULAR` too: neurons that seldom fire
       have a small c(0) in any case.
    5. `UNDECIDED` else. Without `observables.chaos` nothing is known of λ and damage: where λ
       would decide, networks without fluctuations are a `FIXED_POINT` all the same. A backend
       without a measure has no phases 3 and 4.
    """
    fluctuation = values["c0_flag"]
    found = np.full(len(fluctuation), Phase.UNDECIDED, np.int8)
    if measure := BACKENDS[backend].measure_of_sensitivity:
        rule = {"lyapunov_exponent": _by_exponent, "spike_damage": _by_damage}[measure]
        for phase, holds in rule(values).items():
            found[holds] = phase
    saturated = fluctuation == Flag.SATURATED
    found[saturated] = Phase.SATURATED
    found[saturated & (values["silent_fraction"] > 0.95)] = Phase.SILENT
    found[_broken(backend, values)] = Phase.BROKEN
    return found


def recurs(autocovariance: np.ndarray) -> np.ndarray:
    """Whether c(lag), shape (point, lag), falls below zero and returns to 80 % of c(0)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = autocovariance / autocovariance[:, :1]
    after = np.logical_or.accumulate(correlation < 0, axis=1)
    return (after & (correlation >= RECURRENCE)).any(axis=1)


def over_seeds(phases: np.ndarray) -> dict[str, np.ndarray]:
    """The commonest phase and its share of the seeds, as variables; seeds are the last axis.

    It is `UNDECIDED` where seeds tie. Seeds that are not simulated do not count.
    """
    commonest, part = agreement(phases, axis=-1)
    commonest[tied(phases, axis=-1)] = Phase.UNDECIDED
    known = (phases != NOT_SIMULATED).any(axis=-1)
    return {
        "phase_commonest": np.where(known, commonest, NOT_SIMULATED).astype(np.int8),
        "phase_agreement": np.where(known, part, np.nan),
    }


def agreement(phases: np.ndarray, *, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """The phase that most seeds have, the smaller one of equals, and the fraction that has it.

    Of seeds that are simulated; without one the fraction is 0.
    """
    counts = _counts(phases, axis)
    n_seeds = np.maximum((phases != NOT_SIMULATED).sum(axis=axis), 1)
    return counts.argmax(axis=0).astype(np.int8), counts.max(axis=0) / n_seeds


def of_most_seeds(phases: np.ndarray, *, axis: int) -> np.ndarray:
    """Whether each phase, along the first axis, has most seeds: several where they tie."""
    counts = _counts(phases, axis)
    most = counts.max(axis=0)
    return (counts == most) & (most > 0)


def tied(phases: np.ndarray, *, axis: int) -> np.ndarray:
    """Whether no phase has more seeds than every other; false without a simulated seed."""
    return of_most_seeds(phases, axis=axis).sum(axis=0) > 1


def _counts(phases: np.ndarray, axis: int) -> np.ndarray:
    """Seeds in each phase, phases first."""
    return np.stack([(phases == phase).sum(axis=axis) for phase in Phase])


_Rule = dict[Phase, np.ndarray]
"""Where each phase is; where two are, the later one wins."""


def _by_exponent(values: Mapping[str, np.ndarray]) -> _Rule:
    """What the Lyapunov exponent says; networks that settle may still be on their way."""
    fluctuates = values["c0_flag"] == Flag.OK
    exponent = values["lyapunov_exponent"]
    margin = SIGNIFICANT * values["lyapunov_error"]
    unknown = np.isnan(exponent)
    quiet = values["c0_flag"] == Flag.UNDEFINED
    on_its_way = values["c0_flag"] == Flag.TRANSIENT
    dies = (exponent < -margin) | (unknown & quiet)
    grows = exponent > margin
    return {
        Phase.OSCILLATION: fluctuates & ~grows & recurs(values["autocovariance"]),
        Phase.FIXED_POINT: dies & (quiet | on_its_way),
        Phase.CHAOS: fluctuates & grows,
    }


def _by_damage(values: Mapping[str, np.ndarray]) -> _Rule:
    """What becomes of an extra spike says, and how spike counts fluctuate."""
    fate, fluctuation = values["spike_damage_fate"], values["c0_flag"]
    grows = values["lyapunov_exponent"] > SIGNIFICANT * values["lyapunov_error"]
    grows &= values["step_limited"] != StepLimited.YES
    stable = np.isin(fate, [Fate.HEALED, Fate.CONFINED])
    fluctuates, quiet = fluctuation == Flag.OK, fluctuation == Flag.UNDEFINED
    regular = (values["c0"] <= REGULAR_VARIANCE) | recurs(values["autocovariance"])
    regular &= ~(values["isi_cv"] > IRREGULAR_FROM)  # NaN where it was not measured
    sensitive = (fate == Fate.SPREAD) & (fluctuates | quiet)
    return {
        Phase.IRREGULAR: stable & fluctuates,
        Phase.REGULAR: stable & fluctuates & regular,
        Phase.FIXED_POINT: stable & quiet,
        Phase.SENSITIVE: sensitive,
        Phase.CHAOS: sensitive & fluctuates & grows,
    }


def _broken(backend: str, values: Mapping[str, np.ndarray]) -> np.ndarray:
    broken = values["c0_flag"] == Flag.BROKEN
    if not BACKENDS[backend].has_integers:
        return broken
    strength = np.abs(values["weight_strength"] - 1) > WEIGHT_STRENGTH_TOLERANCE
    return broken | (values["current_wraps"] > 0) | strength
