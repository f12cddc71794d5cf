"""Every variable of a dataset: its name, unit, dimensions and meaning."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from eiphase.backends import BACKENDS
from eiphase.flags import (
    Crossing,
    ExponentFlag,
    Fate,
    Flag,
    Phase,
    Quality,
    Refined,
    ScaleStatus,
    StepLimited,
    Stopped,
)

if TYPE_CHECKING:
    import xarray as xr


DIMENSIONS = ("backend", "q_factor", "g_factor", "seed")
"""Of each variable; `lag` comes beside for some."""


NOT_APPLICABLE = -1  # of a flag: the variable has no meaning on this backend
NOT_SIMULATED = -2  # of a flag, in a partial phase map: there is no such network as yet


_IN_WORDS = {
    "step": ", in time steps",
    "1 / step": ", per time step",
    "1 / time constant": ", per time constant",
    "spike / step": ", in spikes per time step",
    "threshold": ", in thresholds",
    "threshold / step": ", in thresholds per time step",
}


def labels(long_name: str, units: str = "1", comment: str = "") -> dict[str, str]:
    """Attributes of a number by the CF conventions.

    Their units are those of UDUNITS, which knows no time steps and no thresholds: where a number
    counts these, `long_name` says so and `units` is 1.
    """
    words = _IN_WORDS.get(units)
    found = {
        "long_name": long_name + (words or ""),
        "units": units if words is None else "1",
        "comment": comment,
        "coverage_content_type": "modelResult",
    }
    return {name: text for name, text in found.items() if text}


_COORDINATE = {"coverage_content_type": "coordinate"}
AXES = {
    "backend": {"long_name": "kind of simulation"} | _COORDINATE,
    "q_factor": labels("recurrent gain") | _COORDINATE,
    "g_factor": labels("inhibition relative to excitation") | _COORDINATE,
    "seed": {"long_name": "seed of the Gaussian matrix"} | _COORDINATE,
    "lag": labels("lag", "step") | _COORDINATE,
    "step": labels("step", "step") | _COORDINATE,
}
"""Attributes of coordinates."""


@dataclass(frozen=True)
class Variable:
    """What a variable means; each has the dimensions of a point, `lag` beside if `lagged`."""

    long_name: str
    units: str = "1"
    comment: str = ""
    lagged: bool = False
    flags: type[IntEnum] | None = None
    dimensions: tuple[str, ...] = DIMENSIONS
    needs: tuple[str, ...] = ()
    """What a sweep must have so that it measures this: keys of its config that are set, and
    `Backend.kinds` of at least one of its backends."""

    @property
    def dtype(self) -> str:
        return "i1" if self.flags else "f8"

    @property
    def fill(self) -> float:
        """What stands where nothing was computed or the variable has no meaning."""
        return NOT_APPLICABLE if self.flags else np.nan

    def attributes(self, *, partial: bool = False) -> dict[str, object]:
        """Attributes of a variable; flags of a partial phase map know one value more."""
        found: dict[str, object] = {**labels(self.long_name, self.units, self.comment)}
        if self.flags:
            del found["units"]
            found["coverage_content_type"] = "qualityInformation"
            names = {flag.name.lower(): int(flag) for flag in self.flags}
            names = {"not_applicable": NOT_APPLICABLE} | names
            names = {"not_simulated": NOT_SIMULATED} | names if partial else names
            found["flag_values"] = np.array([*names.values()], "i1")
            found["flag_meanings"] = " ".join(names)
        return found


_ACTIVITY = "Activity is the state of rate neurons, or the spike count of LIF neurons in a window."


_FROM_BLOCKS = "From 20 to 40 blocks of the run, and how they are correlated: `quality` says more."
_FROM_STATES = (
    "Of four Gaussian states, the truth lies within one error in 72 % of cases, within two in 92 %."
)


_PRECISION = "simulation.precision"
_PRECISE = "Needs simulation.precision."


_STATISTICS, _CHAOTIC = "observables.statistics", "observables.chaos"


_SPIKING, _INTEGERS = "spiking", "integers"


_LIF = "Spiking backends only; NaN for rate neurons."


_RATE = "Rate neurons only; NaN for the others."


_OPTIONAL = "Needs observables.statistics."


_STATIONARY = "NaN where c0_flag is not ok, or where nothing varies."


_WINDOWS = "Spikes are counted in consecutive windows."


_RECEIVED = (
    "Rate neurons: weights times erf(r), sampled 4 times in a time constant. LIF neurons: weights "
    "times spikes, in thresholds per step, sampled 10 times in a time constant."
)


_RANGE = "Over all neurons and steps in floating point, if integers are made from it; else NaN."


_LOIHI = "Networks in integers only; NaN for the other backends."


_CHAOS = "Needs observables.chaos."


_LAST = (
    "of the run's last simulation.steps - simulation.burn_in steps, or since the look before if "
    "simulation.max_steps leaves fewer"
)
_LAST_STEPS = f"With simulation.precision: {_LAST}."


_GROWTH = (
    "LIF neurons: of the network in continuous time that the steps approximate, along exact spike "
    f"times, and with simulation.precision {_LAST}; "
    f"not below 0 but for its error. NaN for networks in integers. {_CHAOS}"
)


_LAST_QUARTER = f"Measured in the last quarter of the steps after the perturbation. {_LAST_STEPS}"


_SPIKE = f"Spiking backends only. {_CHAOS}"


_BIT = f"The lowest bit of one neuron's voltage is flipped. Networks in integers only. {_CHAOS}"


_FATE = (
    "healed: network and twin have become equal; spread: their spike trains differ at least half "
    "as much as independent trains; undecided: they differ less, but twice as much as a quarter of "
    f"the run before; confined: they differ less, and no more than before; broken: as for c0. "
    f"{_LAST_STEPS} {_CHAOS}"
)


VARIABLES: dict[str, Variable] = {
    "autocovariance": Variable(
        "autocovariance of single neurons' activity, mean over neurons",
        comment=_ACTIVITY,
        lagged=True,
    ),
    "c0": Variable(
        "autocovariance at lag 0",
        comment=f"{_ACTIVITY} NaN where c0_flag is not ok; autocovariance has the value even so.",
    ),
    "c0_flag": Variable(
        "why c0 is, or is not, a number",
        comment="undefined: the network settles, so that nothing fluctuates in the end; transient: "
        "the variances of the two halves of the run differ more than tenfold; saturated: over 95 % "
        "of the neurons are silent or fire in every step; broken: activity is not finite, or the "
        "mapping gives a threshold, bias or decay of zero.",
        flags=Flag,
    ),
    "c0_error": Variable(
        "standard error of c0",
        comment=f"{_FROM_BLOCKS} NaN where c0 is.",
    ),
    "decay_time": Variable(
        "first lag at which the autocovariance falls to c0 / e",
        units="step",
        comment="Linear between lags. NaN where decay_time_flag is not ok.",
    ),
    "decay_time_flag": Variable(
        "why decay_time is, or is not, a number",
        comment="censored: longer than the largest lag; the others: as for c0.",
        flags=Flag,
    ),
    "decay_time_error": Variable(
        "standard error of decay_time",
        "step",
        f"{_FROM_BLOCKS} NaN where decay_time is, and where c(lag) may within its error not fall "
        "to c0/e within the largest lag; quality is then short or several_states.",
    ),
    "quality": Variable(
        "whether the errors of c0, decay_time and mean_rate can be relied on",
        comment="short: a run of less than 30 decay times; several_states: r_hat is above 1.1, or "
        "some initial states settle and others do not; unknown: there is no c0.",
        flags=Quality,
    ),
    "r_hat": Variable(
        "Gelman and Rubin's R-hat of c0: whether several initial states lead to the same activity",
        comment=f"Near 1 if they do. {_PRECISE}",
        needs=(_PRECISION,),
    ),
    "n_steps": Variable(
        "length of the simulation, burn-in included, of each initial state",
        "step",
        _PRECISE,
        needs=(_PRECISION,),
    ),
    "stopped": Variable(
        "why the simulation ended",
        comment="precise: c0 and decay_time are known to simulation.precision; settled: no initial "
        "state fluctuates for good; longest: it may not be longer, by simulation.max_steps. "
        f"{_PRECISE}",
        flags=Stopped,
        needs=(_PRECISION,),
    ),
    "fluctuating_states": Variable(
        "initial states, of four, from which activity fluctuates for good",
        comment="c0, decay_time, rates and exponents are means over these, or over all if none "
        f"does. If some do, others settle or are still on their way. {_PRECISE}",
        needs=(_PRECISION,),
    ),
    "persistence": Variable(
        "variance over time in the second half of the measured steps, divided by the first half's",
        comment="Near 1: stationary activity.",
    ),
    "centring_bias": Variable(
        "estimated part of c0 lost because the run is short against the decay time",
        comment="c0 is too low by about this part, and the decay time too short.",
    ),
    "mean_rate": Variable(
        "mean over neurons and time of the rate neurons' state, or of spikes per neuron and step"
    ),
    "mean_rate_error": Variable("standard error of mean_rate", comment=_FROM_BLOCKS),
    "silent_fraction": Variable(
        "fraction of neurons that never fire", comment=_LIF, needs=(_SPIKING,)
    ),
    "always_firing_fraction": Variable(
        "fraction of neurons that fire in every step", comment=_LIF, needs=(_SPIKING,)
    ),
    "step_limited": Variable(
        "whether the most active 5 % of the neurons fire in most of the steps in which they may",
        comment="yes: taken together, they fire in more than half of the measured steps in which "
        "they are not refractory. The network is then a map with this step: in time constants, a "
        "shorter step would give other rates. Spiking backends only.",
        flags=StepLimited,
        needs=(_SPIKING,),
    ),
    "participation_ratio": Variable(
        "participation-ratio dimension of activity: (tr C)^2 / tr C^2 of its covariance C",
        comment=f"{_STATIONARY} It is less than the number of samples: 4 in a time constant "
        f"for rate neurons, one in a window for LIF neurons. {_OPTIONAL}",
        needs=(_STATISTICS,),
    ),
    "participation_ratio_error": Variable(
        "standard error of participation_ratio, from the initial states",
        comment=f"{_FROM_STATES} {_PRECISE}",
        needs=(_STATISTICS, _PRECISION),
    ),
    "synchrony": Variable(
        "Golomb's synchrony chi of activity",
        comment="1 if all neurons do the same, 1 / sqrt(N) if they are independent. "
        f"{_STATIONARY} {_OPTIONAL}",
        needs=(_STATISTICS,),
    ),
    "integrated_autocorrelation_time": Variable(
        "1/2 + (sum of the autocovariance over lags from 1 on) / c0, with an automatic window",
        units="step",
        comment=f"NaN where integrated_autocorrelation_time_flag is not ok. {_OPTIONAL}",
        needs=(_STATISTICS,),
    ),
    "integrated_autocorrelation_time_flag": Variable(
        "why integrated_autocorrelation_time is, or is not, a number",
        comment="censored: the window of 5 times its length does not fit into the largest lag; "
        "undefined: as for c0, or the sum is not positive, as for a fast oscillation; the others: "
        f"as for c0. {_OPTIONAL}",
        flags=Flag,
        needs=(_STATISTICS,),
    ),
    "fixed_point_distance": Variable(
        "root mean square over neurons of -r + W erf(r) + b / dr, at the last measured step",
        comment=f"0 at a fixed point. {_RATE} {_OPTIONAL}",
        needs=(_STATISTICS, "states"),
    ),
    "least_fixed_point_distance": Variable(
        "smallest fixed_point_distance during the run",
        comment=f"Sampled 4 times in a time constant. {_RATE} {_OPTIONAL}",
        needs=(_STATISTICS, "states"),
    ),
    "isi_cv": Variable(
        "coefficient of variation of inter-spike intervals, mean over neurons",
        comment="Over neurons with at least 10 intervals; NaN if there are none. "
        f"{_LIF} {_OPTIONAL}",
        needs=(_STATISTICS, _SPIKING),
    ),
    "isi_cv_fraction": Variable(
        "fraction of neurons over which isi_cv is the mean",
        comment=f"{_LIF} {_OPTIONAL}",
        needs=(_STATISTICS, _SPIKING),
    ),
    "fano_factor": Variable(
        "variance of a neuron's spike counts over their mean, averaged over neurons that fire",
        comment=f"{_WINDOWS} NaN if no neuron fires. {_LIF} {_OPTIONAL}",
        needs=(_STATISTICS, _SPIKING),
    ),
    "fano_factor_error": Variable(
        "standard error of fano_factor, from the initial states",
        comment=f"{_FROM_STATES} {_PRECISE}",
        needs=(_STATISTICS, _SPIKING, _PRECISION),
    ),
    "spike_count_correlation": Variable(
        "correlation of spike counts, mean over pairs of neurons",
        comment=f"{_WINDOWS} {_STATIONARY} {_LIF} {_OPTIONAL}",
        needs=(_STATISTICS, _SPIKING),
    ),
    **{
        f"{population}_input_{name}": Variable(
            f"{words} over neurons and time of {what}",
            comment=f"{_RECEIVED} {_OPTIONAL}",
            needs=(_STATISTICS,),
        )
        for population, what in (
            ("excitatory", "the input that neurons receive from excitatory ones"),
            ("inhibitory", "the input that neurons receive from inhibitory ones"),
            ("total", "the input that neurons receive from all"),
        )
        for name, words in (("mean", "mean"), ("width", "standard deviation"))
    },
    "lyapunov_exponent": Variable(
        "largest Lyapunov exponent: mean growth of a small perturbation's logarithm",
        "1 / step",
        _GROWTH,
        needs=(_CHAOTIC, "exponent"),
    ),
    "lyapunov_exponent_per_time_constant": Variable(
        "largest Lyapunov exponent: lyapunov_exponent / step_size",
        "1 / time constant",
        _GROWTH,
        needs=(_CHAOTIC, "exponent"),
    ),
    "lyapunov_error": Variable(
        "standard error of lyapunov_exponent, from correlated blocks of the run",
        "1 / step",
        "With several states: at least their scatter. Too small if a fortieth of the run is "
        "shorter than the decay time, and, of one run, near a border: other runs may reach other "
        "states, and the perturbation takes long to turn into the direction of fastest growth. "
        f"{_CHAOS}",
        needs=(_CHAOTIC, "exponent"),
    ),
    "lyapunov_flag": Variable(
        "why lyapunov_exponent is, or is not, a number",
        comment="vanished: the perturbation became zero; unresolved: a neuron fires twice in a "
        f"step; broken: as for c0. {_CHAOS}",
        flags=ExponentFlag,
        needs=(_CHAOTIC, "exponent"),
    ),
    "spike_damage": Variable(
        "Hamming distance of spike trains after one extra spike; 1 for independent trains",
        comment=f"{_LAST_QUARTER} {_SPIKE}",
        needs=(_CHAOTIC, "damage by a spike"),
    ),
    "spike_damage_error": Variable(
        "standard error of spike_damage, from the initial states",
        comment=f"{_FROM_STATES} {_PRECISE}",
        needs=(_CHAOTIC, "damage by a spike", _PRECISION),
    ),
    "spike_damage_state_distance": Variable(
        "L1 distance of currents and voltages after one extra spike, mean over neurons",
        "threshold",
        f"{_LAST_QUARTER} {_SPIKE}",
        needs=(_CHAOTIC, "damage by a spike"),
    ),
    "spike_damage_trials": Variable(
        "number of extra spikes; each came after the last one had healed",
        comment=f"{_LAST_STEPS} {_SPIKE}",
        needs=(_CHAOTIC, "damage by a spike"),
    ),
    "spike_damage_fate": Variable(
        "what became of an extra spike",
        comment=_FATE,
        flags=Fate,
        needs=(_CHAOTIC, "damage by a spike"),
    ),
    "bit_damage": Variable(
        "Hamming distance of spike trains after a flipped bit; 1 for independent trains",
        comment=f"{_LAST_QUARTER} {_BIT}",
        needs=(_CHAOTIC, "damage by a bit"),
    ),
    "bit_damage_error": Variable(
        "standard error of bit_damage, from the initial states",
        comment=f"{_FROM_STATES} {_PRECISE}",
        needs=(_CHAOTIC, "damage by a bit", _PRECISION),
    ),
    "bit_damage_state_distance": Variable(
        "L1 distance of currents and voltages after a flipped bit, mean over neurons",
        "threshold",
        f"{_LAST_QUARTER} {_BIT}",
        needs=(_CHAOTIC, "damage by a bit"),
    ),
    "bit_damage_trials": Variable(
        "number of flipped bits; each came after the last one had healed",
        comment=f"{_LAST_STEPS} {_BIT}",
        needs=(_CHAOTIC, "damage by a bit"),
    ),
    "bit_damage_fate": Variable(
        "what became of a flipped bit",
        comment=_FATE,
        flags=Fate,
        needs=(_CHAOTIC, "damage by a bit"),
    ),
    "weight_scale": Variable(
        "LIF weights divided by the rate network's weights, before the factor du",
        comment=_LIF,
        needs=("mapped",),
    ),
    "weight_scale_status": Variable(
        "how weight_scale was found",
        comment="unchanged: the solver returned its start, which is not a solution; strongest: "
        "LIF neurons cannot couple as strongly as the rate neurons do.",
        flags=ScaleStatus,
        needs=("mapped",),
    ),
    "predicted_rate": Variable(
        "mean rate that the mapping's theory expects in floating point",
        "spike / step",
        "Mapping corrected only, where it expects a stable network; else NaN. Compare mean_rate.",
        needs=("mapped", "mapping.rate_to_lif = corrected"),
    ),
    "current_low": Variable(
        "0.2 quantile of the current u",
        "threshold",
        _RANGE,
        needs=("source", _INTEGERS),
    ),
    "current_high": Variable(
        "0.8 quantile of the current u",
        "threshold",
        _RANGE,
        needs=("source", _INTEGERS),
    ),
    "voltage_low": Variable(
        "0.2 quantile of the voltage v",
        "threshold",
        _RANGE,
        needs=("source", _INTEGERS),
    ),
    "voltage_high": Variable(
        "0.8 quantile of the voltage v",
        "threshold",
        _RANGE,
        needs=("source", _INTEGERS),
    ),
    "current_minimum": Variable(
        "least current u",
        "threshold",
        _RANGE,
        needs=("source", _INTEGERS),
    ),
    "current_maximum": Variable(
        "largest current u",
        "threshold",
        _RANGE,
        needs=("source", _INTEGERS),
    ),
    "voltage_minimum": Variable(
        "least voltage v",
        "threshold",
        _RANGE,
        needs=("source", _INTEGERS),
    ),
    "integer_threshold": Variable(
        "vth, in units of 2**6 of the integer voltage", comment=_LOIHI, needs=(_INTEGERS,)
    ),
    "integer_du": Variable(
        "decay of the integer current, in units of 2**-12", comment=_LOIHI, needs=(_INTEGERS,)
    ),
    "integer_dv": Variable(
        "decay of the integer voltage, in units of 2**-12", comment=_LOIHI, needs=(_INTEGERS,)
    ),
    "bias_mantissa": Variable("mantissa of the integer bias", comment=_LOIHI, needs=(_INTEGERS,)),
    "bias_exponent": Variable("exponent of the integer bias", comment=_LOIHI, needs=(_INTEGERS,)),
    "weight_exponent": Variable(
        "exponent of the integer weights", comment=_LOIHI, needs=(_INTEGERS,)
    ),
    "inhibitory_weight_exponent": Variable(
        "exponent of the integer weights of inhibitory neurons", comment=_LOIHI, needs=(_INTEGERS,)
    ),
    "clipped_weight_fraction": Variable(
        "fraction of non-zero weights beyond the range, clipped", comment=_LOIHI, needs=(_INTEGERS,)
    ),
    "weight_bits": Variable(
        "bits that the largest stored weight needs, sign included; at most mapping.weight_bits",
        "bit",
        _LOIHI,
        needs=(_INTEGERS,),
    ),
    "weight_strength": Variable(
        "sum of weights divided by the threshold, relative to floating point",
        comment="1 if the mapping is faithful. " + _LOIHI,
        needs=(_INTEGERS,),
    ),
    "current_wraps": Variable(
        "how often a current left its 24 bits and wrapped, over neurons and all steps",
        comment=_LOIHI,
        needs=(_INTEGERS,),
    ),
    "voltage_clips": Variable(
        "how often a voltage was clipped to its 24 bits, over neurons and all steps",
        comment=_LOIHI,
        needs=(_INTEGERS,),
    ),
}


_CRITICAL = "Needs observables.chaos."


_REFINED = "Needs refinement.precision."


_PHASES = (
    "broken, silent and saturated come first, in this order. fixed_point: fluctuations of rate "
    "neurons vanish or decay, and the Lyapunov exponent is negative beyond two errors, or spike "
    "counts of LIF neurons do not fluctuate, and one spike's effect heals or stays confined; "
    "oscillation: rate neurons fluctuate and repeat themselves (c(lag) falls below zero and "
    "returns to 80 % of c0), and the Lyapunov exponent is not positive beyond two errors; chaos: "
    "rate or LIF neurons fluctuate steadily, the Lyapunov exponent is positive beyond two errors, "
    "and among LIF neurons one spike's effect spreads, too, and step_limited is no; sensitive: one "
    "spike's effect spreads among LIF neurons whose activity is not transient, but the "
    "Lyapunov exponent is not positive beyond two errors, or is unknown, as in integers, or "
    "step_limited is yes, or spike counts do not fluctuate; regular: "
    "one spike's effect heals or stays confined among LIF neurons, and spike counts fluctuate as "
    "those of regular firing (c0 is at most 1/4, or c(lag) falls below zero and returns to 80 % "
    "of c0), with an isi_cv, where measured, of at most 0.5; irregular: one spike's effect heals "
    "or stays confined among LIF neurons, and spike counts fluctuate more than those of regular "
    "firing, or isi_cv is above 0.5; saturated: over 95 % of the neurons never fire or fire in "
    "every step; silent: over 95 % of the neurons never fire; broken: activity is not finite, or "
    "in integers the mapping gives no network, a current wrapped, or weights beside the threshold "
    "are off by over 20 %; undecided: none of the others holds."
)


DERIVED: dict[str, Variable] = {
    "phase": Variable(
        "what the network does in the long run",
        comment=f"{_PHASES} Without observables.chaos the exponent is unknown, and rate neurons "
        "that do not fluctuate are fixed_point. All rules stand in docs/chaos.md, Phases and "
        "borders.",
        flags=Phase,
    ),
    "phase_commonest": Variable(
        "phase of most seeds",
        comment="If two phases or more have equally many seeds, undecided.",
        flags=Phase,
        dimensions=("backend", "q_factor", "g_factor"),
    ),
    "phase_agreement": Variable(
        "fraction of the seeds that are in the commonest phase",
        comment="In each of them, if several have equally many seeds.",
        dimensions=("backend", "q_factor", "g_factor"),
    ),
    "measured_critical_q": Variable(
        "q_factor where the measure of sensitivity changes sign, between grid points linearly",
        comment="Rate neurons: where lyapunov_exponent does. measured_critical_q_to says from "
        "where on it is positive beyond its error, as in chaos. Spiking neurons: "
        "where spike_damage minus 0.5 does. Above that border of sensitivity one spike's effect "
        "spreads; it is not the onset of chaos. If the measure changes sign several times, this is "
        f"the lowest rise. Points that are saturated, silent or broken are left out. {_CRITICAL}",
        dimensions=("backend", "g_factor", "seed"),
        needs=(_CHAOTIC,),
    ),
    "measured_critical_q_from": Variable(
        "largest q_factor below measured_critical_q whose measure has its sign beyond two errors",
        comment="Of the simulated points; without an error, as for spike_damage in runs of a fixed "
        f"length, beyond zero. NaN if there is no such point, or no border. {_CRITICAL}",
        dimensions=("backend", "g_factor", "seed"),
        needs=(_CHAOTIC,),
    ),
    "measured_critical_q_to": Variable(
        "smallest q_factor above measured_critical_q whose measure has its sign beyond two errors",
        comment=f"As for measured_critical_q_from. {_CRITICAL}",
        dimensions=("backend", "g_factor", "seed"),
        needs=(_CHAOTIC,),
    ),
    "measured_critical_q_flag": Variable(
        "why measured_critical_q is, or is not, a number",
        comment="rise, fall: one change of sign, of that kind; several: more than one; positive, "
        f"negative: everywhere in the range; unknown: fewer than two points. {_CRITICAL}",
        flags=Crossing,
        dimensions=("backend", "g_factor", "seed"),
        needs=(_CHAOTIC,),
    ),
    "measured_critical_q_mean": Variable(
        "mean of measured_critical_q over seeds",
        comment="Over seeds where sensitivity begins; if there are none, over seeds where it ends.",
        dimensions=("backend", "g_factor"),
        needs=(_CHAOTIC,),
    ),
    "measured_critical_q_low": Variable(
        "lower end of the 95 % confidence interval of measured_critical_q_mean",
        comment="Student's t over seeds, and at most the mean of measured_critical_q_from: seeds "
        "whose borders lie between the same two points are no surer than these are close. NaN if "
        "fewer than two have a measured_critical_q, or if one of these lacks that end.",
        dimensions=("backend", "g_factor"),
        needs=(_CHAOTIC,),
    ),
    "measured_critical_q_high": Variable(
        "upper end of the 95 % confidence interval of measured_critical_q_mean",
        comment="As for measured_critical_q_low, and at least the mean of measured_critical_q_to.",
        dimensions=("backend", "g_factor"),
        needs=(_CHAOTIC,),
    ),
    "refined_q": Variable(
        "measured_critical_q by further simulations between grid points, to refinement.precision",
        comment="Bisects the change of sign that measured_critical_q stands for; "
        f"measured_critical_q_flag says which. NaN where refined_q_flag is not reached. {_REFINED}",
        dimensions=("backend", "g_factor", "seed"),
        needs=("refinement.precision",),
    ),
    "refined_q_width": Variable(
        "distance of the two simulated q_factor between which refined_q was interpolated",
        comment=f"At most refinement.precision, unless refined_q_flag is stopped. {_REFINED}",
        dimensions=("backend", "g_factor", "seed"),
        needs=("refinement.precision",),
    ),
    "refined_q_flag": Variable(
        "why refined_q is, or is not, a number",
        comment="no_change: measured_critical_q has no number either; stopped: a network that "
        f"bisection needed is saturated, silent or broken. {_REFINED}",
        flags=Refined,
        dimensions=("backend", "g_factor", "seed"),
        needs=("refinement.precision",),
    ),
    "refined_q_mean": Variable(
        "mean of refined_q over seeds",
        comment="Over the same seeds as measured_critical_q_mean, if refined_q has a number. "
        f"{_REFINED}",
        dimensions=("backend", "g_factor"),
        needs=("refinement.precision",),
    ),
    "refined_q_low": Variable(
        "lower end of the 95 % confidence interval of refined_q_mean",
        comment="Student's t over seeds, and at most the mean of refined_q less refined_q_width. "
        "NaN if fewer than two have a refined_q.",
        dimensions=("backend", "g_factor"),
        needs=("refinement.precision",),
    ),
    "refined_q_high": Variable(
        "upper end of the 95 % confidence interval of refined_q_mean",
        comment="As for refined_q_low, and at least the mean of refined_q plus refined_q_width.",
        dimensions=("backend", "g_factor"),
        needs=("refinement.precision",),
    ),
    "effective_coupling": Variable(
        "radius R of the disc of eigenvalues of the network's effective couplings",
        comment="In mean-field theory the working point loses stability at 1. Rate neurons: around "
        "their fixed point. LIF neurons, also in integers: with weight_scale, as floats; the "
        "mapping corrected makes it that of the rate network. By mapping.effective_coupling.",
    ),
    "theory_critical_q": Variable(
        "q_factor at which the rate network's fixed point loses stability in mean-field theory",
        comment="For the ensemble, by meanfield.ensemble_critical_q. NaN beyond the range.",
        dimensions=("g_factor",),
        needs=("theory",),
    ),
    "theory_lyapunov_exponent": Variable(
        "largest Lyapunov exponent of rate neurons in mean-field theory",
        "1 / time constant",
        "For the ensemble, in steps of step_size, by exponent.lyapunov_exponent. NaN where theory "
        "has no chaotic state, as below theory_critical_q. Networks of some hundred neurons are "
        "less chaotic.",
        dimensions=("q_factor", "g_factor"),
        needs=("theory",),
    ),
    "network_critical_q": Variable(
        "q_factor where the fixed point of this seed's rate network, continued, is lost for good",
        comment="From the spectrum of its Jacobian, by fixed_point.network_critical_q. NaN beyond "
        "the range, where the fixed point cannot be followed to its loss, and for more than 500 "
        f"neurons. {_CRITICAL}",
        dimensions=("g_factor", "seed"),
        needs=(_CHAOTIC, "theory"),
    ),
}
"""What gathering derives from `VARIABLES`."""


# What else says whether c(0) and decay time are to be trusted.
_TRUSTED_BY = (
    "quality", "centring_bias", "stopped", "r_hat", "fluctuating_states", "step_limited"
)  # fmt: skip
_OF_EXPONENTS = ("lyapunov_flag", "fluctuating_states", "step_limited")
_ANCILLARY = {
    "lyapunov_exponent": ("lyapunov_error", *_OF_EXPONENTS),
    "lyapunov_exponent_per_time_constant": _OF_EXPONENTS,
    "mean_rate": ("mean_rate_error", *_TRUSTED_BY),
    "measured_critical_q": (
        "measured_critical_q_flag",
        "measured_critical_q_from",
        "measured_critical_q_to",
    ),
    "spike_damage": ("spike_damage_error", "spike_damage_fate"),
    "bit_damage": ("bit_damage_error", "bit_damage_fate"),
    "c0": ("c0_flag", "c0_error", *_TRUSTED_BY),
    "decay_time": ("decay_time_flag", "decay_time_error", *_TRUSTED_BY),
    "weight_scale": ("weight_scale_status",),
}


def ancillary(name: str, present: Collection[str]) -> dict[str, str]:
    """CF's attribute that names a variable's error and flags, of those that are present."""
    usual = (f"{name}_flag", f"{name}_error")
    found = [other for other in _ANCILLARY.get(name, usual) if other in present]
    return {"ancillary_variables": " ".join(found)} if found else {}


FORMER_NAMES = {
    **{
        f"measured_critical_q{part}": f"critical_q{part}"
        for part in ("", "_flag", "_mean", "_low", "_high")
    },
    **{
        f"{population}_input_{part}": f"{population}_activation_{part}"
        for population in ("excitatory", "inhibitory", "total")
        for part in ("mean", "width")
    },
}
"""What variables were called up to version 0.1."""


ADDED = (
    "step_limited",
    "effective_coupling",
    "theory_lyapunov_exponent",
    "c0_error",
    "decay_time_error",
    "mean_rate_error",
    "quality",
    "measured_critical_q_from",
    "measured_critical_q_to",
    "fluctuating_states",
)
"""What phase maps of before lack, which open even so."""


def lack_of(name: str, dataset: "xr.Dataset") -> str:
    """Why a dataset without this variable is no phase map, for an error message."""
    former = FORMER_NAMES.get(name)
    if former is None or former not in dataset:
        return f"it has no {name}"
    return (
        f"it was made by an older version of eiphase, which called {name} {former}; "
        "run snakemake with the config of its sweep to make it anew"
    )


def measured(backends: Collection[str], config: object) -> dict[str, Variable]:
    """The variables that a sweep measures or derives, of these backends.

    `config` is the sweep's, in sections; of what it does not say, nothing counts as set.
    """
    every = (VARIABLES | DERIVED).items()
    return {name: v for name, v in every if all(_is_met(n, backends, config) for n in v.needs)}


def _is_met(need: str, backends: Collection[str], config: object) -> bool:
    if "." not in need:
        return any(need in BACKENDS[name].kinds for name in backends if name in BACKENDS)
    path, _, wanted = need.partition(" = ")
    value = config
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value == wanted if wanted else bool(value)


def measured_in(phase_map: "xr.Dataset") -> dict[str, Variable]:
    """What `measured` gives for the sweep of a phase map, or of a selection from one.

    Without what was added since the phase map was made.
    """
    backends = phase_map.coords.get("backend", np.array([]))
    try:
        config = json.loads(phase_map.attrs["sweep_config"])
    except (KeyError, TypeError, ValueError, RecursionError):  # lost, or never was one
        config = {}
    found = measured(np.atleast_1d(backends).tolist(), config)
    return {name: v for name, v in found.items() if name in phase_map or name not in ADDED}
