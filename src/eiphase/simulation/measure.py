"""What is measured on the recording of one network, for notebooks and the command line."""

from typing import Any

import numpy as np
import xarray as xr
from pydantic import ValidationError
from scipy.special import erf

from eiphase.backends import BACKENDS
from eiphase.errors import DatasetError, SweepError
from eiphase.networks import weights
from eiphase.networks.weights import Network, Synapses
from eiphase.observables import statistics
from eiphase.simulation import backends, measurement
from eiphase.simulation.backends import Settings
from eiphase.simulation.recording import labelled_values
from eiphase.sweep.load import sentence
from eiphase.sweep.schema import (
    Mapping,
    Observables,
    Simulation,
    check_counts,
    measured_steps,
)
from eiphase.variables import labels


def python_number(value: Any) -> Any:
    """Python's own number for one of NumPy's or xarray's, as a dataset's coordinates are."""
    return value.item() if getattr(value, "shape", None) == () else value


def kind_of(value: Any) -> str:
    """What a value is, for a sentence."""
    return "None" if value is None else f"a {type(value).__name__}"


def checked(recording: xr.Dataset) -> xr.Dataset:
    """A recording or part of one, time first; raises `DatasetError` if it is none."""
    if not isinstance(recording, xr.Dataset):
        raise DatasetError(
            f"A recording must be a dataset from simulate, not {kind_of(recording)}."
        )
    name = "state" if "state" in recording else "spikes"
    if name not in recording:
        raise DatasetError("The dataset is no recording: it has neither state nor spikes.")
    activity = recording[name]
    for dimension in ("step", "neuron"):
        if not activity.sizes.get(dimension):
            raise DatasetError(f"The dataset is no recording: its {name} has no {dimension}.")
    if activity.ndim > 2:
        other = next(d for d in activity.dims if d not in ("step", "neuron"))
        raise DatasetError(f"The dataset has the dimension {other}: select one recording of it.")
    if activity.dtype.kind not in ("iub" if name == "spikes" else "iuf"):
        raise DatasetError(f"The recording's {name} are {activity.dtype}, but must be numbers.")
    if name == "spikes" and not np.isin(activity.values, (0, 1)).all():
        raise DatasetError("The recording's spikes are not all 0 or 1.")
    return recording.transpose("step", "neuron", ...)


def measure(
    recording: xr.Dataset,
    *,
    burn_in: int,
    max_lag: int,
    autocovariance: str = "standard",
    unbiased: bool | None = None,
    boxcar: int = 25,
    statistics: bool = False,
) -> xr.Dataset:
    """Observables of a recording, as a sweep would store them.

    **Arguments**, in steps: `burn_in` is not measured, `max_lag` is the largest lag,
    `boxcar` the window in which spikes are counted. `autocovariance`, `unbiased` and
    `statistics` as in a sweep's config; statistics need a recording of all neurons.

    **Returns** a dataset with `autocovariance` along `lag`, `c0`, `decay_time`, their
    flags, `mean_rate` and so on: see `variables.VARIABLES`.

    Raises `SweepError`, one sentence, if an argument does not fit, and `DatasetError` if
    there is something else than a recording.

    Sources: `fluctuation.standard_autocovariance` defines c(lag), after Sompolinsky,
    Crisanti and Sommers (1988), and `spike_counts` computes that of counts;
    `tutorial_autocovariance` is that of Lava's tutorial, as are the window for spikes and
    c(0)/e for the decay time.
    """
    recording = checked(recording)
    simulation, observables = check_measurement(
        steps=recording.sizes["step"],
        n_neurons=recording.sizes["neuron"],
        spiking="state" not in recording,
        burn_in=burn_in,
        max_lag=max_lag,
        autocovariance=autocovariance,
        unbiased=unbiased,
        boxcar=boxcar,
        statistics=statistics,
    )
    found = _measured(recording, simulation, observables)
    return xr.Dataset(labelled_values(found), attrs=recording.attrs)


def check_measurement(
    *,
    steps: int,
    n_neurons: int,
    spiking: bool,
    burn_in: int,
    max_lag: int,
    unbiased: bool | None = None,
    **options: Any,
) -> tuple[Simulation, Observables]:
    """What `measure` is asked for, of a recording that there may not yet be.

    Raises `SweepError`, one sentence, if an argument does not fit.
    """
    durations = {"steps": steps, "burn_in": burn_in, "max_lag": max_lag}
    if unbiased is not None:
        options["unbiased"] = unbiased
    try:
        simulation = Simulation(**{name: python_number(value) for name, value in durations.items()})
        observables = Observables(**{name: python_number(value) for name, value in options.items()})
        measured_steps(simulation, observables, spiking=spiking)
        if spiking:
            check_counts(n_neurons, simulation, observables)
    except ValidationError as error:
        raise SweepError(f"{sentence(error)}.") from None
    except ValueError as error:  # it names keys of a config, which are arguments here
        text = str(error).replace("simulation.", "").replace("observables.", "")
        raise SweepError(f"{text}.") from None
    return simulation, observables


def _measured(
    recording: xr.Dataset, simulation: Simulation, observables: Observables
) -> dict[str, Any]:
    if observables.statistics:
        recording = _whole(recording)
    rates = "state" in recording
    activity = recording["state" if rates else "spikes"].values
    options: dict[str, Any] = {}
    if not rates and "refractory" in recording.attrs:  # there was none before
        options["refractory_steps"] = round(
            recording.attrs["refractory"] / recording.attrs["step_size"]
        )
    if observables.statistics:
        options |= {"synapses": _synapses(recording), "step_size": recording.attrs["step_size"]}
    of = measurement.OfStates if rates else measurement.OfSpikes
    measured = of(activity.shape[1], simulation, observables, **options)
    return measurement.of_whole(measured, activity, simulation)


def received_input(recording: xr.Dataset) -> xr.Dataset:
    r"""What each neuron receives from excitatory and from inhibitory ones, at each step.

    $$h^E_i(t) = \sum_{j \in E} W_{ij} s_j(t), \qquad h^I_i(t) = \sum_{j \in I} W_{ij} s_j(t)$$

    with W and s as the backend has them: spikes and LIF weights, in thresholds per step
    (for integers: stored weights with their exponent, over vth), or erf(r) and the rate
    network's weights. W is rebuilt from the recording's attributes. Returns `excitatory`,
    `inhibitory` and `total`, each (time, neuron).

    Raises `DatasetError`, one sentence, if the dataset is no recording, has not all
    neurons, has lost the attributes, or has ranges of u or v that are not finite.
    """
    recording = _whole(checked(recording))
    if not BACKENDS[recording.attrs["backend"]].spiking:
        output, unit = erf(recording.state.values), "1"
    else:
        output, unit = recording.spikes.values, "threshold / step"
    excitatory, inhibitory = statistics.received_input(output, _synapses(recording))
    found = {"excitatory": excitatory, "inhibitory": inhibitory, "total": excitatory + inhibitory}
    return xr.Dataset(
        {name: (("step", "neuron"), a, labels(f"{name} input", unit)) for name, a in found.items()},
        coords=recording.coords,
        attrs=recording.attrs,
    )


def _whole(recording: xr.Dataset) -> xr.Dataset:
    """A recording of all neurons, in order; raises `DatasetError` if it is none."""
    recording = recording.assign_attrs({"refractory": 0.0} | recording.attrs)  # once there was none
    for name in (*Network.__dataclass_fields__, "backend", "rate_to_lif", "float_to_integer"):
        if name not in recording.attrs:
            raise DatasetError(f"The recording has lost its attribute {name}.")
    n_neurons = recording.attrs["n_neurons"]
    if recording.sizes["neuron"] != n_neurons:
        raise DatasetError(
            f"The recording has {recording.sizes['neuron']} neurons, but received_input "
            f"needs all {n_neurons}."
        )
    return recording.sortby("neuron")


def _synapses(recording: xr.Dataset) -> Synapses:
    """Synapses of a recording's network on its backend."""
    attributes = {name: python_number(value) for name, value in recording.attrs.items()}
    point = Network(**{name: attributes[name] for name in Network.__dataclass_fields__})
    mapping = Mapping(**{name: attributes[name] for name in Mapping.model_fields})
    settings = Settings(
        half=weights.half_gaussian_of(point), mapping=mapping, steps=1, block_steps=1
    )
    module = backends.module(attributes["backend"])
    if lost := [name for name in module.TAKEN if name not in recording]:
        raise DatasetError(f"The recording has lost its variable {lost[0]}.")
    source = {name: recording[name].item() for name in module.TAKEN}
    prepared = module.Simulator(settings).prepare(point, source)
    if prepared.problem is not None:
        raise DatasetError(f"The recording is of no network. {prepared.problem}")
    return prepared.synapses
