"""From the activity of one network to its observables, as a config asks for them."""

from functools import partial
from typing import Any

import numpy as np

from eiphase import damage, error_function, lyapunov, statistics
from eiphase import observables as ob
from eiphase.damage import Damage
from eiphase.network import Synapses
from eiphase.observables import Flag
from eiphase.sweep import Observables, Simulation, measured_steps

# Of each time constant, so many steps are looked at where all would be costly. States follow
# their input within a time constant; spikes change from step to step.
STATE_SAMPLES = 4
SPIKE_SAMPLES = 10


def of_states(
    states: np.ndarray, simulation: Simulation, observables: Observables
) -> dict[str, Any]:
    """Observables of rate neurons' states (time, neuron), burn-in included.

    Returns values of some of `dataset.VARIABLES`.
    """
    activity = states[measured_steps(simulation, observables, spiking=False)]
    found = _fluctuation(activity, simulation, observables)
    return {"mean_rate": activity.mean(), **found._asdict()}


def of_spikes(
    spikes: np.ndarray, simulation: Simulation, observables: Observables
) -> dict[str, Any]:
    """Observables of spikes (time, neuron; 0 or 1), burn-in included."""
    measured = measured_steps(simulation, observables, spiking=True)
    counts = ob.boxcar(spikes, observables.boxcar)[measured]
    totals = spikes[measured].sum(axis=0, dtype=np.uint32)
    silent = np.mean(totals == 0)
    always_firing = np.mean(totals == len(counts))
    found = _fluctuation(counts, simulation, observables)
    if 1 - silent - always_firing < ob.ACTIVE_FRACTION:
        found = found.flagged(Flag.SATURATED)
    return {
        "mean_rate": totals.mean() / len(counts),
        "silent_fraction": silent,
        "always_firing_fraction": always_firing,
        **found._asdict(),
    }


def of_growth(log_growth: np.ndarray, step_size: float) -> dict[str, Any]:
    """The largest Lyapunov exponent, from a perturbation's growth in each measured step."""
    found = lyapunov.exponent(log_growth)
    return {
        "lyapunov_exponent": found.value,
        "lyapunov_exponent_per_time_constant": found.value / step_size,
        "lyapunov_error": found.error,
        "lyapunov_flag": found.flag,
    }


def of_damage(cause: str, found: Damage, spikes: np.ndarray) -> dict[str, Any]:
    """What became of a damage by `cause`, spike or bit; `spikes` in the measured steps."""
    outcome = damage.outcome(found, spikes)
    return {
        f"{cause}_damage": outcome.level,
        f"{cause}_damage_state_distance": outcome.state_distance,
        f"{cause}_damage_trials": outcome.trials,
        f"{cause}_damage_fate": outcome.fate,
    }


def _fluctuation(
    activity: np.ndarray, simulation: Simulation, observables: Observables
) -> ob.Fluctuation:
    estimator = ob.AUTOCOVARIANCE[observables.autocovariance]
    if observables.autocovariance == "standard":
        estimator = partial(estimator, unbiased=observables.unbiased)
    return ob.fluctuation(activity, max_lag=simulation.max_lag, autocovariance=estimator)


def statistics_of_states(
    states: np.ndarray,
    found: dict[str, Any],
    synapses: Synapses,
    step_size: float,
    simulation: Simulation,
    observables: Observables,
) -> dict[str, Any]:
    """Further statistics of rate neurons' states (time, neuron), burn-in included.

    `found` is what `of_states` gave. Costly ones look at `STATE_SAMPLES` states of each
    time constant. Returns values of some of `dataset.VARIABLES`.
    """
    activity = states[measured_steps(simulation, observables, spiking=False)]
    stride = _stride(STATE_SAMPLES, step_size)
    samples = np.ascontiguousarray(activity[::stride], float)
    outputs = np.empty_like(samples)
    error_function.erf(samples.ravel(), outputs.ravel())
    with np.errstate(invalid="ignore", over="ignore"):  # of what is not finite
        distances = statistics.fixed_point_distance(
            np.concatenate([activity[:-1:stride], activity[-2:-1]]),
            np.concatenate([activity[1::stride], activity[-1:]]),
            step_size,
        )
        return {
            **_collective(samples, found),
            "fixed_point_distance": distances[-1],
            "least_fixed_point_distance": distances.min(),
            **_activation(outputs, synapses),
        }


def statistics_of_spikes(
    spikes: np.ndarray,
    found: dict[str, Any],
    synapses: Synapses,
    step_size: float,
    simulation: Simulation,
    observables: Observables,
) -> dict[str, Any]:
    """Further statistics of spikes (time, neuron; 0 or 1), burn-in included.

    `found` is what `of_spikes` gave. Counts are those in consecutive windows of
    `observables.boxcar` steps; activations are looked at in `SPIKE_SAMPLES` steps of each
    time constant. Returns values of some of `dataset.VARIABLES`.
    """
    trains = spikes[measured_steps(simulation, observables, spiking=True)]
    window = observables.boxcar
    counts = ob.boxcar(trains, window)[window - 1 :: window]
    variation, fraction = statistics.isi_variation(trains)
    stationary = found["c0_flag"] == Flag.OK
    return {
        **_collective(counts, found),
        "spike_count_correlation": (
            statistics.spike_count_correlation(counts) if stationary else np.nan
        ),
        "fano_factor": statistics.fano_factor(counts),
        "isi_cv": variation,
        "isi_cv_fraction": fraction,
        **_activation(trains[:: _stride(SPIKE_SAMPLES, step_size)], synapses),
    }


def _stride(samples_per_time_constant: int, step_size: float) -> int:
    return max(1, round(1 / (samples_per_time_constant * step_size)))


def _collective(samples: np.ndarray, found: dict[str, Any]) -> dict[str, Any]:
    """What only stationary activity has; NaN otherwise."""
    flag = found["c0_flag"]
    dimension = chi = time = np.nan
    if flag == Flag.OK:
        dimension, chi = statistics.participation_ratio(samples), statistics.synchrony(samples)
        time, flag = statistics.integrated_autocorrelation_time(found["autocovariance"])
    return {
        "participation_ratio": dimension,
        "synchrony": chi,
        "integrated_autocorrelation_time": time,
        "integrated_autocorrelation_time_flag": flag,
    }


def _activation(outputs: np.ndarray, synapses: Synapses) -> dict[str, float]:
    excitatory, inhibitory = statistics.activation(outputs, synapses)
    found = {}
    for name, activation in (
        ("excitatory", excitatory),
        ("inhibitory", inhibitory),
        ("total", excitatory + inhibitory),
    ):
        found[f"{name}_activation_mean"] = activation.mean()
        found[f"{name}_activation_width"] = activation.std()
    return found
