"""From the activity of one network, in blocks, to its observables, as a config asks for them."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from eiphase.chaos.damage import Assessment
from eiphase.chaos.lyapunov import MeanGrowth
from eiphase.flags import Flag, Quality, StepLimited
from eiphase.networks.weights import Synapses
from eiphase.numerics import erf
from eiphase.numerics.arrays import blocks
from eiphase.observables import fluctuation as ob
from eiphase.observables import spike_counts, statistics, uncertainty
from eiphase.observables.moments import ActivityMoments
from eiphase.observables.samples import Samples
from eiphase.observables.spike_counts import CountMoments, Firing, counted
from eiphase.observables.uncertainty import Blocks, CountBlocks, Estimate
from eiphase.sweep.schema import (
    SPIKE_SAMPLES,
    STATE_SAMPLES,
    Observables,
    Simulation,
    measured_steps,
    sample_step,
    stride,
)


class Measurement(Protocol):
    """Takes a network's activity, burn-in included, in blocks of steps."""

    def add(self, activity: np.ndarray) -> None:
        """Take in the next steps, (time, neuron)."""

    def found(self) -> dict[str, Any]:
        """Results after the last step: values of some of `variables.VARIABLES`."""


class OfStates:
    """Observables of rate neurons' states.

    With `synapses`, further statistics too; costly ones look at `STATE_SAMPLES` states of
    each time constant.
    """

    def __init__(
        self,
        n_neurons: int,
        simulation: Simulation,
        observables: Observables,
        *,
        synapses: Synapses | None = None,
        step_size: float = np.nan,
    ):
        self._steps = _Steps(measured_steps(simulation, observables, spiking=False))
        n_steps = self._steps.n_measured
        self._fluctuation = _Fluctuation(n_steps, n_neurons, simulation, observables)
        self._sampled = Sampled(n_steps, n_neurons, simulation, counted=False)
        self._further = FurtherOfStates(n_steps, synapses, step_size) if synapses else None

    def add(self, states: np.ndarray) -> None:
        activity = states[self._steps.next(len(states))]
        self._fluctuation.add(activity)
        self._sampled.add(activity)
        if self._further:
            self._further.add(activity)

    def found(self) -> dict[str, Any]:
        fluctuation = self._fluctuation.found()
        found = {"mean_rate": self._fluctuation.mean, **fluctuation._asdict()}
        found |= self._sampled.errors(fluctuation)
        return found | (self._further.found(fluctuation) if self._further else {})


class OfSpikes:
    """Observables of spikes, 0 or 1.

    With `synapses`, further statistics too. Counts are those in consecutive windows of
    `observables.boxcar` steps; what neurons receive is looked at in `SPIKE_SAMPLES` steps of each
    time constant. Neurons rest for `refractory_steps` after a spike.
    """

    def __init__(
        self,
        n_neurons: int,
        simulation: Simulation,
        observables: Observables,
        *,
        synapses: Synapses | None = None,
        step_size: float = np.nan,
        refractory_steps: int = 0,
    ):
        self._steps = _Steps(measured_steps(simulation, observables, spiking=True))
        self._refractory_steps = refractory_steps
        n_steps, window = self._steps.n_measured, observables.boxcar
        self._fluctuation = _FluctuationOfCounts(n_steps, n_neurons, simulation, observables)
        self._sampled = Sampled(n_steps, n_neurons, simulation, counted=True)
        self._firing = Firing(n_neurons)
        self._past = np.zeros((window, n_neurons), np.uint8)
        self._further = FurtherOfSpikes(n_steps, window, synapses, step_size) if synapses else None

    def add(self, spikes: np.ndarray) -> None:
        spikes = np.ascontiguousarray(spikes, np.uint8)
        measured = self._steps.next(len(spikes))
        if measured.start < measured.stop:
            self._measure(spikes[measured], self._before(spikes, measured.start))
        self._past = self._before(spikes, len(spikes)).copy()

    def _before(self, spikes: np.ndarray, step: int) -> np.ndarray:
        """Spikes in the steps before `step` that its window reaches back to."""
        n_past = len(self._past)
        if step >= n_past:
            return spikes[step - n_past : step]
        return np.concatenate([self._past[step:], spikes[:step]])

    def _measure(self, trains: np.ndarray, before: np.ndarray) -> None:
        counts = counted(trains, before)
        self._fluctuation.add(trains, before, counts)
        self._sampled.add(counts)
        self._firing.add(trains)
        if self._further:
            self._further.add(trains, counts)

    def found(self) -> dict[str, Any]:
        firing = self._firing
        fluctuation = self._fluctuation.found(firing)
        if 1 - firing.silent - firing.always < ob.ACTIVE_FRACTION:
            fluctuation = fluctuation.flagged(Flag.SATURATED)
        found = {
            "mean_rate": firing.rate,
            "silent_fraction": firing.silent,
            "always_firing_fraction": firing.always,
            "step_limited": StepLimited(firing.is_step_limited(self._refractory_steps)),
            **fluctuation._asdict(),
        }
        found |= self._sampled.errors(fluctuation)
        found["mean_rate_error"] /= len(self._past)  # of spikes per step
        return found | (self._further.found(fluctuation) if self._further else {})


def of_whole(
    measurement: Measurement, activity: np.ndarray, simulation: Simulation
) -> dict[str, Any]:
    """Measure the whole activity, (time, neuron), cut into the blocks that a sweep sees."""
    rows = np.ascontiguousarray(activity)  # a sum's bits depend on the order in memory
    for steps in blocks(0, len(rows), simulation.block_steps):
        measurement.add(rows[steps])
    return measurement.found()


def of_growth(growth: MeanGrowth, step_size: float) -> dict[str, Any]:
    """The largest Lyapunov exponent, from a perturbation's growth in the measured steps."""
    found = growth.exponent()
    return {
        "lyapunov_exponent": found.value,
        "lyapunov_exponent_per_time_constant": found.value / step_size,
        "lyapunov_error": found.error,
        "lyapunov_flag": found.flag,
    }


def of_damage(cause: str, assessment: Assessment) -> dict[str, Any]:
    """What became of a damage by `cause`, spike or bit, in the measured steps."""
    outcome = assessment.outcome()
    return {
        f"{cause}_damage": outcome.level,
        f"{cause}_damage_state_distance": outcome.state_distance,
        f"{cause}_damage_trials": outcome.trials,
        f"{cause}_damage_fate": outcome.fate,
    }


class _Steps:
    """Finds the measured steps in blocks that follow on each other."""

    def __init__(self, measured: slice):
        self._measured, self._n_done = measured, 0
        self.n_measured = measured.stop - measured.start

    def next(self, n_steps: int) -> slice:
        """Which of the next `n_steps` steps are measured."""
        first, self._n_done = self._n_done, self._n_done + n_steps
        start, stop = (
            min(max(edge - first, 0), n_steps)
            for edge in (self._measured.start, self._measured.stop)
        )
        return slice(start, stop)


class Sampled:
    """Activity every so many steps, for errors; `n_steps` before the first look at them.

    Of spike counts, if activity is `counted`, moments at every step as well.
    """

    def __init__(self, n_steps: int, n_neurons: int, simulation: Simulation, *, counted: bool):
        self.step = sample_step(simulation)
        length = max(1, n_steps // self.step // uncertainty.BLOCKS)
        self.blocks = Blocks(n_neurons, max_lag=simulation.max_lag // self.step, length=length)
        self.counts = CountBlocks(n_neurons, length=length * self.step) if counted else None
        self._n_done = 0

    def add(self, activity: np.ndarray) -> None:
        """Take in the next measured steps, (time, neuron)."""
        if self.counts:
            self.counts.add(activity)
        samples = activity[-self._n_done % self.step :: self.step]
        self._n_done += len(activity)
        with np.errstate(invalid="ignore", over="ignore"):  # of what is not finite
            self.blocks.add(np.ascontiguousarray(samples, float))

    def errors(self, fluctuation: ob.Fluctuation) -> dict[str, Any]:
        """Standard errors of what was measured on all steps of one run."""
        with np.errstate(invalid="ignore", over="ignore"):
            known = estimate_of([fluctuation.autocovariance], [self])
        found: dict[str, Any] = {"mean_rate_error": known.mean_error, "quality": Quality.UNKNOWN}
        if fluctuation.c0_flag == Flag.OK:
            found |= {"c0_error": known.c0_error, "decay_time_error": known.decay_time_error}
            found["quality"] = uncertainty.quality(known)
        return found


def estimate_of(runs: Sequence[np.ndarray], states: Sequence[Sampled]) -> Estimate:
    """What some runs of one network tell together; `runs` are their autocovariances."""
    return uncertainty.estimate(
        runs,
        [state.blocks for state in states],
        step=states[0].step,
        counts=[state.counts for state in states if state.counts],
    )


class _Fluctuation:
    """Mean, autocovariance and what follows from them."""

    def __init__(
        self, n_steps: int, n_neurons: int, simulation: Simulation, observables: Observables
    ):
        self._halves = ob.Halves(n_steps, n_neurons, ActivityMoments)
        lags = {"max_lag": simulation.max_lag}
        self._autocovariance: ob.Autocovariance
        if observables.autocovariance == "tutorial":
            self._autocovariance = ob.TutorialAutocovariance(n_neurons, **lags)
        else:
            unbiased = observables.unbiased
            self._autocovariance = ob.StandardAutocovariance(n_neurons, unbiased=unbiased, **lags)

    def add(self, activity: np.ndarray) -> None:
        self._halves.add(activity)
        self._autocovariance.add(activity)

    @property
    def mean(self) -> float:
        return float(self._halves.whole.mean.mean())

    def found(self) -> ob.Fluctuation:
        return ob.fluctuation(self._autocovariance.found(), self._halves)


class _FluctuationOfCounts:
    """Autocovariance of spike counts and what follows from it."""

    def __init__(
        self, n_steps: int, n_neurons: int, simulation: Simulation, observables: Observables
    ):
        self._halves = ob.Halves(n_steps, n_neurons, CountMoments)
        self._circular = self._linear = None
        if observables.autocovariance == "tutorial":
            self._circular = ob.TutorialAutocovariance(n_neurons, max_lag=simulation.max_lag)
        else:
            self._linear = spike_counts.Autocovariance(
                n_neurons,
                window=observables.boxcar,
                max_lag=simulation.max_lag,
                unbiased=observables.unbiased,
            )

    def add(self, trains: np.ndarray, before: np.ndarray, counts: np.ndarray) -> None:
        """Take in the next steps: spikes, the ones before, and counts in windows that end there."""
        self._halves.add(counts)
        if self._circular:
            self._circular.add(counts)
        if self._linear:
            self._linear.add(trains, before)

    def found(self, firing: Firing) -> ob.Fluctuation:
        if self._circular:
            return ob.fluctuation(self._circular.found(), self._halves)
        assert self._linear is not None
        return ob.fluctuation(self._linear.found(firing.total), self._halves)


class FurtherOfStates:
    def __init__(self, n_steps: int, synapses: Synapses, step_size: float):
        self._stride, self._step_size = stride(STATE_SAMPLES, step_size), step_size
        n_neurons = len(synapses.matrix)
        self._samples = Samples(-(-n_steps // self._stride), n_neurons)
        self._input = _ReceivedInput(synapses)
        self._n_steps, self._n_done = n_steps, 0
        self._before = np.zeros(n_neurons)  # the state before the next block
        self._distance = self._least_distance = np.inf

    def add(self, activity: np.ndarray) -> None:
        if not len(activity):
            return
        first, self._n_done = self._n_done, self._n_done + len(activity)
        samples = np.ascontiguousarray(activity[-first % self._stride :: self._stride], float)
        outputs = np.empty_like(samples)
        erf.erf(samples.ravel(), outputs.ravel())
        with np.errstate(invalid="ignore", over="ignore"):  # of what is not finite
            self._add_distances(activity, first)
            self._samples.add(samples)
            self._input.add(outputs)
        self._before = activity[-1].copy()

    def _add_distances(self, activity: np.ndarray, first: int) -> None:
        """At every stride-th step, and at the last that has one behind it."""
        states = np.arange(first - 1, self._n_done - 1)
        looked_at = (states % self._stride == 0) | (states == self._n_steps - 2)
        following = np.flatnonzero(looked_at & (states >= 0))
        if not len(following):
            return
        before = activity[following - 1]
        if following[0] == 0:
            before[0] = self._before
        distances = statistics.fixed_point_distance(before, activity[following], self._step_size)
        self._distance = distances[-1]
        self._least_distance = np.minimum(self._least_distance, distances.min())

    def found(self, fluctuation: ob.Fluctuation) -> dict[str, Any]:
        return {
            **_collective(self._samples, fluctuation),
            "fixed_point_distance": self._distance,
            "least_fixed_point_distance": self._least_distance,
            **self._input.found(),
        }


class FurtherOfSpikes:
    def __init__(self, n_steps: int, window: int, synapses: Synapses, step_size: float):
        self._window, self._stride = window, stride(SPIKE_SAMPLES, step_size)
        n_neurons = len(synapses.matrix)
        self._counts = Samples(n_steps // window, n_neurons)
        self._intervals = statistics.Intervals(n_neurons)
        self._input = _ReceivedInput(synapses)
        self._n_done = 0

    def add(self, trains: np.ndarray, counts: np.ndarray) -> None:
        """`counts` are those in the windows that end at each step."""
        first, self._n_done = self._n_done, self._n_done + len(trains)
        in_windows = counts[(self._window - 1 - first) % self._window :: self._window]
        self._counts.add(in_windows.astype(float))
        self._intervals.add(trains)
        self._input.add(trains[-first % self._stride :: self._stride])

    def found(self, fluctuation: ob.Fluctuation) -> dict[str, Any]:
        stationary = fluctuation.c0_flag == Flag.OK
        variation, fraction = statistics.isi_variation(self._intervals)
        return {
            **_collective(self._counts, fluctuation),
            "spike_count_correlation": (
                statistics.spike_count_correlation(self._counts) if stationary else np.nan
            ),
            "fano_factor": statistics.fano_factor(self._counts.moments),
            "isi_cv": variation,
            "isi_cv_fraction": fraction,
            **self._input.found(),
        }


def _collective(samples: Samples, fluctuation: ob.Fluctuation) -> dict[str, Any]:
    """What only stationary activity has; NaN otherwise."""
    flag = fluctuation.c0_flag
    dimension = chi = time = np.nan
    if flag == Flag.OK:
        dimension, chi = statistics.participation_ratio(samples), statistics.synchrony(samples)
        time, flag = statistics.integrated_autocorrelation_time(fluctuation.autocovariance)
    return {
        "participation_ratio": dimension,
        "synchrony": chi,
        "integrated_autocorrelation_time": time,
        "integrated_autocorrelation_time_flag": flag,
    }


class _ReceivedInput:
    """Mean and width, over samples and neurons, of what neurons receive."""

    def __init__(self, synapses: Synapses):
        self._synapses = synapses
        self._parts = {name: ActivityMoments(1) for name in ("excitatory", "inhibitory", "total")}

    def add(self, outputs: np.ndarray) -> None:
        if not len(outputs):
            return
        excitatory, inhibitory = statistics.received_input(outputs, self._synapses)
        found = (excitatory, inhibitory, excitatory + inhibitory)
        for part, values in zip(self._parts.values(), found, strict=True):
            part.add(values.reshape(-1, 1))

    def found(self) -> dict[str, float]:
        found = {}
        for name, part in self._parts.items():
            found[f"{name}_input_mean"] = float(part.mean[0])
            found[f"{name}_input_width"] = float(np.sqrt(part.variance))
        return found
