"""From the activity of one network to its observables, as a config asks for them."""

from functools import partial
from typing import Any

import numpy as np

from eiphase import observables as ob
from eiphase.observables import Flag
from eiphase.sweep import Observables, Simulation, measured_steps


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


def _fluctuation(
    activity: np.ndarray, simulation: Simulation, observables: Observables
) -> ob.Fluctuation:
    estimator = ob.AUTOCOVARIANCE[observables.autocovariance]
    if observables.autocovariance == "standard":
        estimator = partial(estimator, unbiased=observables.unbiased)
    return ob.fluctuation(activity, max_lag=simulation.max_lag, autocovariance=estimator)
