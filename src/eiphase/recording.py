"""One network, recorded step by step: for notebooks and the command line."""

from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr
from pydantic import ValidationError
from scipy.special import erf

from eiphase import loihi, mapping, measurement, network, provenance, quantisation, rate, statistics
from eiphase.dataset import VARIABLES
from eiphase.divergence import Divergence
from eiphase.errors import DatasetError
from eiphase.lif import Recording
from eiphase.memory import available_memory, shared_array
from eiphase.network import Network, Synapses
from eiphase.processes.network_tile import NetworkTile
from eiphase.ranges import dynamic_range
from eiphase.simulation import integer_diagnostics, load_kernels, scale_diagnostics
from eiphase.sweep import (
    Mapping,
    Observables,
    Simulation,
    SingleRun,
    SweepError,
    check_counts,
    measured_steps,
    sentence,
)

# What is kept of a simulation on each backend, in the order in which its kernel gives it.
_KEPT: dict[str, tuple[str, ...]] = {
    "rate": ("state",),
    "lif_float": ("spikes", "current", "voltage"),
    "lif_bit_accurate": ("spikes", "current_wraps", "voltage_clips"),
}
_RECORDED: dict[str, dict[str, str]] = {
    "state": {"long_name": "state of rate neurons", "units": "1"},
    "spikes": {"long_name": "1 where a neuron fires, else 0", "units": "1"},
    "current": {"long_name": "current u of LIF neurons", "units": "threshold"},
    "voltage": {"long_name": "voltage v of LIF neurons, after the reset", "units": "threshold"},
}


class NoSuchIntegers(SweepError):
    """A network that the mapping to integers makes nothing of."""


def simulate(
    point: Network,
    backend: str,
    *,
    steps: int,
    rate_to_lif: str = "tutorial",
    float_to_integer: str = "tutorial",
    weight_bits: int = loihi.WEIGHT_BITS,
    perturb_after: int | None = None,
    steps_done: np.ndarray | None = None,
) -> xr.Dataset:
    """Simulate one network through Lava, from rest, and keep everything that it does.

    **Arguments:**

    - `point`: the network.
    - `backend`: `rate`, `lif_float` or `lif_bit_accurate`.
    - `steps`: length of the simulation.
    - `rate_to_lif`, `float_to_integer`, `weight_bits`: mappings, as in a sweep's config.
    - `perturb_after`: a burn-in, in steps, after which twins with a small perturbation run
      beside the network, as with `observables.chaos` in a sweep.
    - `steps_done`: `memory.shared_array((1,), "int64")`, counted up after each step, for
      those who watch. `lif_bit_accurate` takes twice `steps`: its ranges come first.

    **Returns** a dataset with dimensions `time` (in steps) and `neuron`, the coordinate
    `population` (E or I), and

    - `state` of rate neurons, dimensionless;
    - or `spikes`, 0 or 1, and for `lif_float` also `current` and `voltage` in thresholds;
    - how the mappings went, under the names that a phase map has for it;
    - with `perturb_after`: `log_growth` along `time`, of rate neurons and `lif_float`;
      `hamming_distance` and `state_distance` along `time` and `cause` (`spike`, `bit`) and
      `independent_distance` along `cause`, of LIF neurons; the exponents and damages that a
      phase map has. See `tangent`, `perturbation` and `damage`.

    Raises `SweepError`, one sentence, if there is no such network, or no memory for it;
    `NoSuchIntegers` if it is only the integers that cannot be.

    Sources: the networks are those of Lava's tutorial "Excitatory-Inhibitory Neural
    Network with Lava"; LIF neurons are Lava's `LIF` and `Dense`, in floating point and
    bit-accurate; equations in `rate`, `lif`, `loihi` and `mapping`.
    """
    run = _validated(
        point,
        backend,
        steps=steps,
        rate_to_lif=rate_to_lif,
        float_to_integer=float_to_integer,
        weight_bits=weight_bits,
    )
    point, steps = run.point, run.steps
    _check_memory(run)
    divergence = _divergence(run, perturb_after)
    half = _half_gaussian(point)
    found: dict[str, Any] = {}
    if run.backend == "rate":
        batch = rate.Batch(half, [point])
        arrays = _through_lava("rate", batch, steps, point.n_neurons, steps_done, divergence)
    else:
        real, scale = mapping.rate_to_lif(half, point, rate_to_lif)
        arrays = _through_lava(
            "lif_float",
            real,
            steps,
            point.n_neurons,
            steps_done,
            divergence if run.backend == "lif_float" else None,
        )
        ranges = dynamic_range(Recording(**arrays))
        found = scale_diagnostics(scale) | asdict(ranges)
    if run.backend == "lif_bit_accurate":
        if not ranges.is_finite():
            raise NoSuchIntegers("The network diverges in floating point: integers have no range.")
        integers = quantisation.FLOAT_TO_INTEGER[float_to_integer](real, ranges, weight_bits)
        found |= integer_diagnostics(integers, real)
        if integers.is_degenerate():
            raise NoSuchIntegers("The mapping leaves no threshold, bias or decay in integers.")
        arrays = _through_lava(
            "lif_bit_accurate", integers, steps, point.n_neurons, steps_done, divergence
        )
        for name in ("current_wraps", "voltage_clips"):
            found[name] = int(arrays.pop(name)[0])
    diverged = divergence.variables(arrays.get("spikes")) if divergence else {}
    return xr.Dataset(
        {name: (("time", "neuron"), array, _RECORDED[name]) for name, array in arrays.items()}
        | {name: ((), value, VARIABLES[name].attributes()) for name, value in found.items()}
        | diverged,
        coords={
            "time": ("time", np.arange(1, steps + 1), {"long_name": "time", "units": "step"}),
            "neuron": ("neuron", np.arange(point.n_neurons), {"long_name": "neuron"}),
            "population": ("neuron", _population(point.n_neurons), {"long_name": "population"}),
        },
        attrs={
            "title": "One excitatory-inhibitory network",
            "backend": backend,
            **asdict(point),
            "rate_to_lif": rate_to_lif,
            "float_to_integer": float_to_integer,
            "weight_bits": run.weight_bits,
            **provenance.attributes(),
        },
    )


def _validated(point: Network, backend: str, **options: Any) -> SingleRun:
    if not isinstance(point, Network):
        raise SweepError(f"The network must be an eiphase.Network, not {_kind(point)}.")
    values = {"backend": backend, **asdict(point), **options}
    try:
        return SingleRun.model_validate({name: _plain(value) for name, value in values.items()})
    except ValidationError as error:
        raise SweepError(f"{sentence(error)}.") from None


def _divergence(run: SingleRun, perturb_after: Any) -> Divergence | None:
    if perturb_after is None:
        return None
    burn_in = _plain(perturb_after)
    if not (isinstance(burn_in, int) and 0 <= burn_in <= run.steps - 4):
        raise SweepError(
            f"perturb_after is {burn_in!r}, but it must be a number of steps from 0 to "
            f"steps - 4 = {run.steps - 4}."
        )
    return Divergence(run.point, run.backend, n_steps=run.steps, burn_in=burn_in)


def _plain(value: Any) -> Any:
    """Python's own number for one of NumPy's or xarray's, as a dataset's coordinates are."""
    return value.item() if getattr(value, "shape", None) == () else value


def _kind(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _check_memory(run: SingleRun) -> None:
    """Raises `SweepError` if this machine cannot hold the simulation.

    All that is recorded stands twice, where it is computed and where it is kept, and so
    do Z, the weights and what lies between them.
    """
    recorded = _KEPT["rate" if run.backend == "rate" else "lif_float"]
    step = run.n_neurons * sum(np.dtype(_dtype(name)).itemsize for name in recorded)
    needed = 2 * run.steps * step + 4 * 8 * run.n_neurons**2
    available = available_memory()
    if needed > available:
        raise SweepError(
            f"{run.n_neurons} neurons over {run.steps} steps need {needed / 1e9:,.1f} GB of "
            f"memory, but {available / 1e9:,.1f} GB are available."
        )


def _half_gaussian(point: Network) -> np.ndarray:
    gaussian = network.gaussian_matrix(point.n_neurons, point.seed, draw=point.draw)
    return network.half_gaussian(gaussian)


def _population(n_neurons: int) -> np.ndarray:
    return np.where(np.arange(n_neurons) < network.n_excitatory(n_neurons), "E", "I")


def _through_lava(
    backend: str,
    parameters: Any,
    steps: int,
    n_neurons: int,
    steps_done: np.ndarray | None,
    divergence: Divergence | None,
) -> dict[str, np.ndarray]:
    """What one network does on a backend, each array (time, neuron) or a count."""
    load_kernels(backend, Mapping(), Observables(chaos=divergence is not None))
    arrays = {}
    for name in _KEPT[backend]:
        shape = (steps, n_neurons) if name in _RECORDED else (1,)
        arrays[name] = shared_array(shape, _dtype(name))

    def record(_: None, block: slice, recording: Any, perturbed: Any) -> None:
        for array, values in zip(arrays.values(), recording, strict=True):
            if len(array) == steps:
                array[block] = values
            else:
                array += values
        if divergence:
            divergence.keep(block, perturbed)

    tile = NetworkTile(
        networks=[(None, parameters)],
        record=record,
        n_steps=steps,
        perturb_after=divergence.burn_in if divergence else None,
        steps_done=steps_done,
    )
    tile.simulate(backend)
    return arrays


def _dtype(name: str) -> str:
    return "uint8" if name == "spikes" else "float64"


def checked(recording: xr.Dataset) -> xr.Dataset:
    """A recording or part of one, time first; raises `DatasetError` if it is none."""
    if not isinstance(recording, xr.Dataset):
        raise DatasetError(f"A recording must be a dataset from simulate, not {_kind(recording)}.")
    name = "state" if "state" in recording else "spikes"
    if name not in recording:
        raise DatasetError("The dataset is no recording: it has neither state nor spikes.")
    activity = recording[name]
    for dimension in ("time", "neuron"):
        if not activity.sizes.get(dimension):
            raise DatasetError(f"The dataset is no recording: its {name} has no {dimension}.")
    if activity.ndim > 2:
        other = next(d for d in activity.dims if d not in ("time", "neuron"))
        raise DatasetError(f"The dataset has the dimension {other}: select one recording of it.")
    if activity.dtype.kind not in ("iub" if name == "spikes" else "iuf"):
        raise DatasetError(f"The recording's {name} are {activity.dtype}, but must be numbers.")
    if name == "spikes" and not np.isin(activity.values, (0, 1)).all():
        raise DatasetError("The recording's spikes are not all 0 or 1.")
    return recording.transpose("time", "neuron", ...)


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
    flags, `mean_rate` and so on: see `dataset.VARIABLES`.

    Raises `SweepError`, one sentence, if an argument does not fit, and `DatasetError` if
    there is something else than a recording.

    Sources: `observables.standard_autocovariance` defines c(lag), after Sompolinsky,
    Crisanti and Sommers (1988); `tutorial_autocovariance` is that of Lava's tutorial, as
    are the window for spikes and c(0)/e for the decay time.
    """
    recording = checked(recording)
    durations = {"steps": recording.sizes["time"], "burn_in": burn_in, "max_lag": max_lag}
    options: dict[str, Any] = {
        "autocovariance": autocovariance,
        "boxcar": boxcar,
        "statistics": statistics,
    }
    if unbiased is not None:
        options["unbiased"] = unbiased
    try:
        simulation = Simulation(**{name: _plain(value) for name, value in durations.items()})
        observables = Observables(**{name: _plain(value) for name, value in options.items()})
        spiking = "state" not in recording
        measured_steps(simulation, observables, spiking=spiking)
        if spiking:
            check_counts(recording.sizes["neuron"], simulation, observables)
    except ValidationError as error:
        raise SweepError(f"{sentence(error)}.") from None
    except ValueError as error:  # it names keys of a config, which are arguments here
        text = str(error).replace("simulation.", "").replace("observables.", "")
        raise SweepError(f"{text}.") from None
    found = _measured(recording, simulation, observables)
    lag = ("lag", np.arange(simulation.max_lag + 1), {"long_name": "lag", "units": "step"})
    variables = {}
    for name, value in found.items():
        dims = ("lag",) if VARIABLES[name].lagged else ()
        variables[name] = (dims, value, VARIABLES[name].attributes())
    return xr.Dataset(variables, coords={"lag": lag}, attrs=recording.attrs)


def _measured(
    recording: xr.Dataset, simulation: Simulation, observables: Observables
) -> dict[str, Any]:
    if observables.statistics:
        recording = _whole(recording)
    rates = "state" in recording
    activity = recording["state" if rates else "spikes"].values
    options: dict[str, Any] = {}
    if observables.statistics:
        options = {"synapses": _synapses(recording), "step_size": recording.attrs["step_size"]}
    of = measurement.OfStates if rates else measurement.OfSpikes
    measured = of(activity.shape[1], simulation, observables, **options)
    return measurement.of_whole(measured, activity, simulation)


def activation(recording: xr.Dataset) -> xr.Dataset:
    r"""What each neuron receives from excitatory and from inhibitory ones, at each step.

    $$a^E_i(t) = \sum_{j \in E} W_{ij} s_j(t), \qquad a^I_i(t) = \sum_{j \in I} W_{ij} s_j(t)$$

    with W and s as the backend has them: spikes and LIF weights, in thresholds per step
    (for integers: stored weights with their exponent, over vth), or erf(r) and the rate
    network's weights. W is rebuilt from the recording's attributes. Returns `excitatory`,
    `inhibitory` and `total`, each (time, neuron).

    Raises `DatasetError`, one sentence, if the dataset is no recording, has not all
    neurons, has lost the attributes, or has ranges of u or v that are not finite.
    """
    recording = _whole(checked(recording))
    if recording.attrs["backend"] == "rate":
        output, unit = erf(recording.state.values), "1"
    else:
        output, unit = recording.spikes.values, "threshold / step"
    excitatory, inhibitory = statistics.activation(output, _synapses(recording))
    found = {"excitatory": excitatory, "inhibitory": inhibitory, "total": excitatory + inhibitory}
    return xr.Dataset(
        {
            name: (("time", "neuron"), a, {"long_name": f"{name} activation", "units": unit})
            for name, a in found.items()
        },
        coords=recording.coords,
        attrs=recording.attrs,
    )


def _whole(recording: xr.Dataset) -> xr.Dataset:
    """A recording of all neurons, in order; raises `DatasetError` if it is none."""
    for name in (*Network.__dataclass_fields__, "backend", "rate_to_lif", "float_to_integer"):
        if name not in recording.attrs:
            raise DatasetError(f"The recording has lost its attribute {name}.")
    n_neurons = recording.attrs["n_neurons"]
    if recording.sizes["neuron"] != n_neurons:
        raise DatasetError(
            f"The recording has {recording.sizes['neuron']} neurons, but its activation needs "
            f"all {n_neurons} neurons."
        )
    return recording.sortby("neuron")


def _synapses(recording: xr.Dataset) -> Synapses:
    """Of a recording's network on its backend."""
    attributes = recording.attrs
    point = Network(**{name: attributes[name] for name in Network.__dataclass_fields__})
    half = _half_gaussian(point)
    if attributes["backend"] == "rate":
        return network.synapses(half, point)
    real, _ = mapping.rate_to_lif(half, point, attributes["rate_to_lif"])
    if attributes["backend"] == "lif_float":
        return real.synapses
    names = quantisation.DynamicRange.__dataclass_fields__
    if lost := [name for name in names if name not in recording]:
        raise DatasetError(f"The recording has lost its variable {lost[0]}.")
    ranges = quantisation.DynamicRange(**{name: recording[name].item() for name in names})
    if not ranges.is_finite():
        raise DatasetError("The recording's ranges of current or voltage are not finite.")
    quantise = quantisation.FLOAT_TO_INTEGER[attributes["float_to_integer"]]
    return quantise(real, ranges, attributes["weight_bits"]).synapses
