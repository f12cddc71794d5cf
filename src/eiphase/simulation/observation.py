"""What is measured on one network of a sweep, and where it is kept."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

import numpy as np

from eiphase.backends import BACKENDS, Backend
from eiphase.chaos.damage import Assessment, Followed
from eiphase.chaos.lyapunov import MeanGrowth
from eiphase.flags import ExponentFlag, Fate, Flag, Quality, StepLimited, Stopped
from eiphase.networks.weights import Synapses
from eiphase.numerics.arrays import shared_array
from eiphase.observables import spike_counts, uncertainty
from eiphase.observables.fluctuation import ACTIVE_FRACTION, Fluctuation, fluctuation
from eiphase.observables.spike_counts import Firing, counted
from eiphase.observables.uncertainty import R_HAT_LIMIT, Estimate
from eiphase.simulation import measurement
from eiphase.simulation.backends import Block, Prepared, module
from eiphase.simulation.measurement import (
    FurtherOfSpikes,
    FurtherOfStates,
    OfSpikes,
    OfStates,
    Sampled,
    estimate_of,
)
from eiphase.sweep.schema import Sweep
from eiphase.variables import VARIABLES

STATES = 4  # from which each network is started, where a precision is wanted


class Values:
    """Values of variables for some networks, in arrays that Lava's process shares.

    `arrays` are filled as where nothing was measured; `is_stored` says what was, of each network.
    """

    def __init__(self, n_networks: int, n_lags: int):
        self.arrays: dict[str, np.ndarray] = {}
        for name, variable in VARIABLES.items():
            lags = (n_lags,) if variable.lagged else ()
            self.arrays[name] = shared_array((n_networks, *lags), variable.dtype)
            self.arrays[name][:] = variable.fill
        self.is_stored = {name: shared_array((n_networks,), "?") for name in VARIABLES}

    def store(self, index: int, found: Mapping[str, Any]) -> None:
        """Keep what was found of a network."""
        for name, value in found.items():
            self.arrays[name][index] = value
            self.is_stored[name][index] = True

    def copy(self, index: int, to: int) -> None:
        """Keep of a network what was found of another."""
        self.store(to, self.of(index))

    def of(self, index: int) -> dict[str, Any]:
        """What was found of a network."""
        return {n: array[index] for n, array in self.arrays.items() if self.is_stored[n][index]}


class Observation:
    """Measures what a sweep's config asks for.

    `needed` also finds what another backend's networks are made from.
    `synapses` are needed for `observables.statistics` only.
    """

    def __init__(self, backend: str, sweep: Sweep, synapses: Synapses | None, *, needed: bool):
        self._backend, self._sweep = BACKENDS[backend], sweep
        simulation, n_neurons = sweep.simulation, sweep.network.neurons
        measured = simulation.steps - simulation.burn_in
        step_size = sweep.network.step_size
        options: dict[str, Any] = {"synapses": synapses, "step_size": step_size}
        if self._backend.may_rest:
            options["refractory_steps"] = sweep.network.refractory_steps
        of = OfSpikes if self._backend.spiking else OfStates
        self._activity = of(n_neurons, simulation, sweep.observables, **options)
        self._given = module(backend).Given(simulation.steps, n_neurons) if needed else None
        self._growth: MeanGrowth | None = None
        self._damages: dict[str, Assessment] = {}
        if sweep.observables.chaos:
            self._growth = MeanGrowth(measured) if self._backend.has_exponent else None
            self._damages = {
                cause: Assessment(measured, n_neurons) for cause in self._backend.perturbations
            }
        self._counts: dict[str, int] = {}
        self._diverged = False

    @classmethod
    def of(cls, prepared: Prepared, backend: str, sweep: Sweep) -> Self:
        """Everything that the sweep asks for of a network that is about to start."""
        synapses = prepared.synapses if sweep.observables.statistics else None
        return cls(backend, sweep, synapses, needed=sweep.is_needed(backend))

    def add(self, steps: slice, block: Block) -> None:
        self._activity.add(block.activity)
        if self._given:
            self._given.add(steps, block)
        measured = slice(max(0, self._sweep.simulation.burn_in - steps.start), None)
        if self._growth:
            assert block.log_growth is not None
            self._growth.add(block.log_growth[measured])
        for cause, assessment in self._damages.items():
            assessment.add(block.damages[cause], block.activity[measured])
        for name, count in block.counts.items():
            self._counts[name] = self._counts.get(name, 0) + count
        self._diverged = block.diverged

    def found(self) -> dict[str, Any]:
        """Results after the last step: values of some of `variables.VARIABLES`."""
        if self._diverged:
            return self._counts | broken(self._backend, self._sweep)
        found: dict[str, Any] = dict(self._counts)
        if self._given:
            found |= self._given.found()
        if self._growth:
            found |= measurement.of_growth(self._growth, self._sweep.network.step_size)
        for cause, assessment in self._damages.items():
            found |= measurement.of_damage(cause, assessment)
        return found | self._activity.found()


class OneState:
    """What one network does from one initial state, from one step of its run to another.

    Numbers are measured anew whenever the run has doubled, so in its second half; exponents of
    spiking networks and damages from where perturbations are released in it. Where `max_steps` cuts
    the last doubling short, c(lag) and rates go on, and the others are those of that last part
    alone.
    """

    sampled: Sampled
    firing: Firing

    def __init__(self, backend: str, sweep: Sweep, synapses: Synapses | None, *, given: bool):
        self._backend, self._sweep, self._synapses = BACKENDS[backend], sweep, synapses
        s, n = sweep.simulation, sweep.network.neurons
        self.counts: dict[str, int] = {}
        self.n_steps, self.diverged = 0, False
        self.growth: MeanGrowth | None = None
        self.given = module(backend).Given(s.first_steps, n) if given else None
        self.damages: dict[str, Assessment] = {}
        self._release = s.burn_in
        self._past = np.zeros((sweep.observables.boxcar, n), np.uint8)
        self.measure_anew(s.first_steps - s.burn_in)
        self.begin(s.burn_in, s.first_steps)
        if sweep.observables.chaos:
            self.follow(Followed(0, s.burn_in, s.first_steps))

    def measure_anew(self, n_steps: int) -> None:
        """Forget c(lag) and rates of the steps before; `n_steps` are to come before a look."""
        simulation, n = self._sweep.simulation, self._sweep.network.neurons
        self.sampled = Sampled(n_steps, n, simulation, counted=self._backend.spiking)
        self.firing = Firing(n)
        self._exact = None
        if self._backend.spiking:  # regular firing must not beat with the sampling
            self._exact = spike_counts.Autocovariance(
                n, window=self._sweep.observables.boxcar, max_lag=simulation.max_lag
            )
        self._c: np.ndarray | None = None  # until further steps come

    def begin(self, start: int, stop: int) -> None:
        """Measure further numbers from one step to another."""
        observables, step_size = self._sweep.observables, self._sweep.network.step_size
        self.further: FurtherOfStates | FurtherOfSpikes | None = None
        if self._synapses and self._backend.spiking:
            self.further = FurtherOfSpikes(
                stop - start, observables.boxcar, self._synapses, step_size
            )
        elif self._synapses:
            self.further = FurtherOfStates(stop - start, self._synapses, step_size)

    def follow(self, followed: Followed) -> None:
        """Measure from their release on what becomes of perturbations."""
        self._release, n_steps = followed.release, followed.stop - followed.release
        if self._backend.has_exponent:
            self.growth = MeanGrowth(n_steps)
        n = self._sweep.network.neurons
        self.damages = {cause: Assessment(n_steps, n) for cause in self._backend.perturbations}

    def add(self, block: Block) -> None:
        first, burn_in = self.n_steps, self._sweep.simulation.burn_in
        self.n_steps += len(block.activity)
        self._c = None
        measured = slice(max(0, burn_in - first), None)
        activity = block.activity[measured]
        if self._backend.spiking:
            self._add_spikes(block.activity, measured)
        else:
            self.sampled.add(activity)
            if self.further:
                cast(FurtherOfStates, self.further).add(activity)
        if self.given and self.n_steps <= self._sweep.simulation.first_steps:
            self.given.add(slice(first, self.n_steps), block)
        released = slice(max(0, self._release - first), None)
        if self.growth and block.log_growth is not None:
            self.growth.add(block.log_growth[released])
        for cause, damage in block.damages.items():
            self.damages[cause].add(damage, block.activity[released])
        for name, count in block.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        self.diverged = block.diverged

    def _add_spikes(self, spikes: np.ndarray, measured: slice) -> None:
        counts = counted(spikes, self._past)[measured]
        joined = np.concatenate([self._past, spikes])
        before = joined[measured.start : measured.start + len(self._past)]
        self._past = joined[len(spikes) :]
        self.firing.add(spikes[measured])
        if self._exact:
            self._exact.add(spikes[measured], before)
        self.sampled.add(counts)
        if self.further:
            cast(FurtherOfSpikes, self.further).add(spikes[measured], counts)

    def autocovariance(self) -> np.ndarray:
        """c of spikes at all lags, of states at those of samples."""
        if self._c is None:
            exact = self._exact
            self._c = (
                exact.found(self.firing.total) if exact else self.sampled.blocks.autocovariance()
            )
        return self._c

    def fluctuation(self) -> Fluctuation:
        """c(lag) and what follows, from this state; lags and times as `autocovariance` has them."""
        if self.diverged:
            return self._nothing(Flag.BROKEN)
        found = fluctuation(self.autocovariance(), self.sampled.blocks.halves)
        firing = self.firing
        if self._backend.spiking and 1 - firing.silent - firing.always < ACTIVE_FRACTION:
            return found.flagged(Flag.SATURATED)
        return found

    def _nothing(self, flag: Flag) -> Fluctuation:
        lost = np.full(len(self._sweep.lags), np.nan)
        return Fluctuation(lost, np.nan, flag, np.nan, flag, np.nan, np.nan)


class UntilPrecise:
    """Measures a network from several initial states until c(0) and decay time are precise.

    It looks when the first steps are over, and then each time the steps after burn-in have doubled.
    Then it has measured the second half, for the first may still be on its way to what lasts.

    - `PRECISE`, the relative errors of c(0) and decay time are at most the sweep's precision, and
      what is measured, and the run before it, last `uncertainty.LEAST_DECAY_TIMES`;
    - `SETTLED`, no state fluctuates for good, by the flag of each;
    - `LONGEST`, it is as long as it may be; the last look may come before they have doubled.

    Perturbations of spiking networks are followed as long before each look as before the first, or
    from the look before on if that is later.

    c(0), decay time and rate are those of all states that fluctuate, or of all if none does.
    """

    n_states = STATES

    def __init__(self, backend: str, sweep: Sweep, synapses: Synapses | None, *, needed: bool):
        self._backend, self._sweep = BACKENDS[backend], sweep
        self._states = [
            OneState(backend, sweep, synapses, given=needed and number == 0)
            for number in range(STATES)
        ]
        self._refractory_steps = sweep.network.refractory_steps
        s = sweep.simulation
        self._look_at, self._measured_from = s.first_steps, s.burn_in
        self.followed = Followed(0, s.burn_in, s.first_steps) if sweep.observables.chaos else None
        self._stopped = Stopped.LONGEST

    @classmethod
    def of(cls, prepared: Prepared, backend: str, sweep: Sweep) -> Self:
        """Everything that the sweep asks for of a network that is about to start."""
        synapses = prepared.synapses if sweep.observables.statistics else None
        return cls(backend, sweep, synapses, needed=sweep.is_needed(backend))

    def add(self, number: int, block: Block) -> None:
        self._states[number].add(block)

    @property
    def _n_steps(self) -> int:
        return self._states[0].n_steps

    def wants_more(self) -> bool:
        if self._n_steps < self._look_at:
            return True
        if self._is_done():
            return False
        s = self._sweep.simulation
        doubled = -(-(2 * (self._n_steps - s.burn_in) + s.burn_in) // s.block_steps)
        self._look_at = min(doubled, s.max_steps // s.block_steps) * s.block_steps
        if self._look_at <= self._n_steps:
            return False
        self._begin()
        return True

    def _begin(self) -> None:
        """Measure what comes until the next look, anew unless that is less than what is known."""
        to_come = self._look_at - self._n_steps
        anew = to_come >= self._n_steps - self._measured_from
        if anew:
            self._measured_from = self._n_steps
        if self.followed:
            self.followed = self._to_be_followed()
        for state in self._states:
            state.begin(self._n_steps, self._look_at)
            if self.followed:
                state.follow(self.followed)
            if anew:
                state.measure_anew(to_come)

    def _to_be_followed(self) -> Followed:
        """Steps before the next look; rate neurons' vectors run anyway, and are measured in all."""
        s, release = self._sweep.simulation, self._n_steps
        if self._backend.spiking:
            release = max(release, self._look_at - (s.first_steps - s.burn_in))
        return Followed(self._look_at - s.first_steps, release, self._look_at)

    def _is_done(self) -> bool:
        flags = {state.fluctuation().c0_flag for state in self._states}
        if not flags & {Flag.OK, Flag.TRANSIENT}:
            self._stopped = Stopped.SETTLED
        elif flags == {Flag.OK}:
            known = self._estimate(self._states)
            wanted = self._sweep.simulation.precision
            before = self._measured_from / (self._n_steps - self._measured_from)
            n_decay_times = known.n_decay_times * min(1, before)
            is_long = not n_decay_times < uncertainty.LEAST_DECAY_TIMES
            if (
                is_long
                and known.precision() <= cast(float, wanted)
                and not known.r_hat > R_HAT_LIMIT
            ):
                self._stopped = Stopped.PRECISE
        return self._stopped != Stopped.LONGEST

    def found(self) -> dict[str, Any]:
        """Results after the last step: values of some of `variables.VARIABLES`."""
        each = [state.fluctuation() for state in self._states]
        active = [f.c0_flag == Flag.OK for f in each]
        chosen = [s for s, is_active in zip(self._states, active, strict=True) if is_active]
        found: dict[str, Any] = {"n_steps": self._n_steps, "stopped": self._stopped}
        for name in self._states[0].counts:
            found[name] = sum(state.counts[name] for state in self._states)
        if all(state.diverged for state in self._states):
            return found | broken(self._backend, self._sweep)
        if given := self._states[0].given:
            found |= given.found()
        found |= self._activity(each, chosen or self._states)
        found |= self._chaos(chosen or self._states)
        if self._sweep.observables.statistics:
            found |= self._statistics(each)
        return found

    def _estimate(self, states: Sequence["OneState"]) -> Estimate:
        return estimate_of(
            [state.autocovariance() for state in states], [state.sampled for state in states]
        )

    def _activity(self, each: list[Fluctuation], chosen: list["OneState"]) -> dict[str, Any]:
        known = self._estimate(chosen)
        flags = [one.c0_flag for one in each]
        flag = Flag.OK if Flag.OK in flags else flags[0]
        found: dict[str, Any] = {"autocovariance": known.autocovariance, "c0_flag": flag}
        found["fluctuating_states"] = flags.count(Flag.OK)
        found["decay_time_flag"] = known.decay_time_flag if flag == Flag.OK else flag
        found["mean_rate"], found["mean_rate_error"] = known.mean, known.mean_error
        if self._backend.spiking:
            firing = [state.firing for state in chosen]
            found["mean_rate"] = np.mean([one.rate for one in firing])
            found["mean_rate_error"] /= self._sweep.observables.boxcar
            found["silent_fraction"] = np.mean([one.silent for one in firing])
            found["always_firing_fraction"] = np.mean([one.always for one in firing])
            limited = [one.is_step_limited(self._refractory_steps) for one in firing]
            found["step_limited"] = StepLimited(any(limited))
        found["persistence"] = np.mean([one.persistence for one in each])
        found["quality"] = Quality.UNKNOWN
        if flag == Flag.OK:
            found |= {"c0": known.c0, "c0_error": known.c0_error, "r_hat": known.r_hat}
            found["decay_time"] = known.decay_time
            found["decay_time_error"] = known.decay_time_error
            found["centring_bias"] = known.centring_bias
            found["quality"] = uncertainty.quality(known, several=len(chosen) < len(each))
        return found

    def _chaos(self, chosen: list["OneState"]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if not self._sweep.observables.chaos:
            return found
        if self._backend.has_exponent:
            found |= _pooled_growth(
                [state.growth for state in chosen if state.growth],
                self._sweep.network.step_size,
            )
        for cause in self._backend.perturbations:
            outcomes = [measurement.of_damage(cause, state.damages[cause]) for state in chosen]
            found |= _pooled(outcomes)
            found[f"{cause}_damage_trials"] = sum(o[f"{cause}_damage_trials"] for o in outcomes)
            fates = [int(o[f"{cause}_damage_fate"]) for o in outcomes]
            found[f"{cause}_damage_fate"] = _commonest(fates)
        return found

    def _statistics(self, each: list[Fluctuation]) -> dict[str, Any]:
        step = 1
        if not self._backend.spiking:
            step = self._states[0].sampled.step
        parts = []
        none = all(one.c0_flag != Flag.OK for one in each)
        for state, one in zip(self._states, each, strict=True):
            if not none and one.c0_flag != Flag.OK:
                continue
            assert state.further is not None
            parts.append(state.further.found(one))
            parts[-1]["integrated_autocorrelation_time"] *= step
        found = _pooled(parts)
        flags = [int(part["integrated_autocorrelation_time_flag"]) for part in parts]
        found["integrated_autocorrelation_time_flag"] = max(flags)
        if max(flags):
            found["integrated_autocorrelation_time"] = np.nan
        return found


def _commonest(fates: list[int]) -> Fate:
    """The fate of most states, or that nobody knows which."""
    first, *others = Counter(fates).most_common()
    return Fate.UNDECIDED if others and others[0][1] == first[1] else Fate(first[0])


def _pooled(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over states, and the standard errors of those that have one."""
    found = {}
    for name in parts[0]:
        if VARIABLES[name].flags:
            continue
        values = np.array([part[name] for part in parts], float)
        found[name] = values.mean()
        if f"{name}_error" in VARIABLES and len(values) > 1:
            found[f"{name}_error"] = uncertainty.error_from_scatter(values)
    return found


def _pooled_growth(growths: list[MeanGrowth], step_size: float) -> dict[str, Any]:
    """The mean exponent of some states; its error is the larger of those within and between."""
    parts = [measurement.of_growth(growth, step_size) for growth in growths]
    flag = max(part["lyapunov_flag"] for part in parts)
    values = np.array([part["lyapunov_exponent"] for part in parts])
    within = np.sqrt(np.sum([part["lyapunov_error"] ** 2 for part in parts])) / len(parts)
    between = uncertainty.error_from_scatter(values)
    return {
        "lyapunov_exponent": values.mean(),
        "lyapunov_exponent_per_time_constant": values.mean() / step_size,
        "lyapunov_error": max(within, between) if np.isfinite(values).all() else np.nan,
        "lyapunov_flag": flag,
    }


def broken(backend: Backend, sweep: Sweep) -> dict[str, Any]:
    """The flags of a network that cannot be simulated, or has left the finite numbers."""
    found: dict[str, Any] = {"c0_flag": Flag.BROKEN, "decay_time_flag": Flag.BROKEN}
    if sweep.observables.statistics:
        found["integrated_autocorrelation_time_flag"] = Flag.BROKEN
    if sweep.observables.chaos:
        if backend.has_exponent:
            found["lyapunov_flag"] = ExponentFlag.BROKEN
        found |= {f"{cause}_damage_fate": Fate.BROKEN for cause in backend.perturbations}
    return found
