"""One network, recorded step by step: for notebooks and the command line."""

from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr
from pydantic import ValidationError

from eiphase import loihi, mapping, measurement, network, provenance, rate
from eiphase.dataset import VARIABLES
from eiphase.memory import shared_array
from eiphase.network import Network
from eiphase.processes.network_tile import NetworkTile
from eiphase.simulation import integer_diagnostics
from eiphase.sweep import Observables, Simulation, SingleRun, SweepError, sentence

_RECORDED: dict[str, dict[str, str]] = {
    "state": {"long_name": "state of rate neurons", "units": "1"},
    "spikes": {"long_name": "1 where a neuron fires, else 0", "units": "1"},
    "current": {"long_name": "current u of LIF neurons", "units": "threshold"},
    "voltage": {"long_name": "voltage v of LIF neurons, after the reset", "units": "threshold"},
}


def simulate(
    point: Network,
    backend: str,
    *,
    steps: int,
    rate_to_lif: str = "tutorial",
    float_to_integer: str = "tutorial",
) -> xr.Dataset:
    """Simulate one network through Lava, from rest, and keep everything that it does.

    **Arguments:**

    - `point`: the network.
    - `backend`: `rate`, `lif_float` or `lif_bit_accurate`.
    - `steps`: length of the simulation.
    - `rate_to_lif`, `float_to_integer`: mappings, as in a sweep's config.

    **Returns** a dataset with dimensions `time` (in steps) and `neuron`, the coordinate
    `population` (E or I), and

    - `state` of rate neurons, dimensionless;
    - or `spikes`, 0 or 1, and for `lif_float` also `current` and `voltage` in thresholds;
    - how the mappings went, under the names that a phase map has for it.

    Raises `SweepError`, one sentence, if there is no such network.
    """
    run = _validated(point, backend, steps, rate_to_lif, float_to_integer)
    gaussian = network.gaussian_matrix(point.n_neurons, point.seed, draw=point.draw)
    half = network.half_gaussian(gaussian)
    found: dict[str, Any] = {}
    if run.backend == "rate":
        arrays = _through_lava("rate", rate.Batch(half, [point]), steps, point.n_neurons)
    else:
        real, scale = mapping.rate_to_lif(half, point, rate_to_lif)
        arrays = _through_lava("lif_float", real, steps, point.n_neurons)
        ranges = loihi.dynamic_range(arrays["current"], arrays["voltage"])
        found = {"weight_scale": scale.value, "weight_scale_status": int(scale.status)}
        found |= asdict(ranges)
    if run.backend == "lif_bit_accurate":
        if not ranges.is_finite():
            raise SweepError("The network diverges in floating point: integers have no range.")
        integers = loihi.FLOAT_TO_INTEGER[float_to_integer](real, ranges)
        found |= integer_diagnostics(integers, real)
        if integers.is_degenerate():
            raise SweepError("The mapping leaves no threshold, bias or decay in integers.")
        arrays = _through_lava("lif_bit_accurate", integers, steps, point.n_neurons)
        for name in ("current_wraps", "voltage_clips"):
            found[name] = int(arrays.pop(name)[0])
    return xr.Dataset(
        {name: (("time", "neuron"), array, _RECORDED[name]) for name, array in arrays.items()}
        | {name: ((), value, VARIABLES[name].attributes()) for name, value in found.items()},
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
            **provenance.attributes(),
        },
    )


def _validated(
    point: Network, backend: str, steps: int, rate_to_lif: str, float_to_integer: str
) -> SingleRun:
    try:
        return SingleRun.model_validate(
            {
                "network": {
                    "neurons": point.n_neurons,
                    "step_size": point.step_size,
                    "bias": point.bias,
                },
                "grid": {"q_factor": [point.q_factor], "g_factor": [point.g_factor]},
                "seed": point.seed,
                "draw": point.draw,
                "backend": backend,
                "steps": steps,
                "mapping": {"rate_to_lif": rate_to_lif, "float_to_integer": float_to_integer},
            }
        )
    except ValidationError as error:
        raise SweepError(f"{sentence(error)}.") from None


def _population(n_neurons: int) -> np.ndarray:
    return np.where(np.arange(n_neurons) < network.n_excitatory(n_neurons), "E", "I")


def _through_lava(
    backend: str, parameters: Any, steps: int, n_neurons: int
) -> dict[str, np.ndarray]:
    """What one network does on a backend, each array (time, neuron) or a count."""
    names: dict[str, tuple[str, ...]] = {
        "rate": ("state",),
        "lif_float": ("spikes", "current", "voltage"),
        "lif_bit_accurate": ("spikes", "current_wraps", "voltage_clips"),
    }
    arrays = {}
    for name in names[backend]:
        shape = (steps, n_neurons) if name in _RECORDED else (1,)
        arrays[name] = shared_array(shape, "uint8" if name == "spikes" else "float64")

    def record(_: None, recording: Any) -> None:
        for array, values in zip(arrays.values(), recording, strict=True):
            array[:] = values

    tile = NetworkTile(networks=[(None, parameters)], record=record, n_steps=steps)
    tile.simulate(backend)
    return arrays


def measure(
    recording: xr.Dataset,
    *,
    burn_in: int,
    max_lag: int,
    autocovariance: str = "standard",
    unbiased: bool | None = None,
    boxcar: int = 25,
) -> xr.Dataset:
    """Observables of a recording, as a sweep would store them.

    **Arguments**, in steps: `burn_in` is not measured, `max_lag` is the largest lag,
    `boxcar` the window in which spikes are counted. `autocovariance` and `unbiased` as in
    a sweep's config.

    **Returns** a dataset with `autocovariance` along `lag`, `c0`, `decay_time`, their
    flags, `mean_rate` and so on: see `dataset.VARIABLES`.
    """
    options: dict[str, Any] = {"autocovariance": autocovariance, "boxcar": boxcar}
    if unbiased is not None:
        options["unbiased"] = unbiased
    steps = recording.sizes["time"]
    try:
        simulation = Simulation(steps=steps, burn_in=burn_in, max_lag=max_lag)
        observables = Observables.model_validate(options)
        if "state" in recording:
            found = measurement.of_states(recording.state.values, simulation, observables)
        else:
            found = measurement.of_spikes(recording.spikes.values, simulation, observables)
    except ValidationError as error:
        raise SweepError(f"{sentence(error)}.") from None
    except ValueError as error:
        raise SweepError(f"{error}.") from None
    lag = ("lag", np.arange(max_lag + 1), {"long_name": "lag", "units": "step"})
    variables = {}
    for name, value in found.items():
        dims = ("lag",) if VARIABLES[name].lagged else ()
        variables[name] = (dims, value, VARIABLES[name].attributes())
    return xr.Dataset(variables, coords={"lag": lag}, attrs=recording.attrs)


def activation(recording: xr.Dataset) -> xr.Dataset:
    r"""What neurons of a `lif_float` recording receive from spikes, in thresholds per step.

    $$a^E_i(t) = \sum_{j \in E} W_{ij} s_j(t), \qquad a^I_i(t) = \sum_{j \in I} W_{ij} s_j(t)$$

    with the LIF weights, rebuilt from the recording's attributes. Returns `excitatory`,
    `inhibitory` and `total`, each (time, neuron).
    """
    if recording.attrs["backend"] != "lif_float":
        raise SweepError(
            f"backend is {recording.attrs['backend']}, but activation needs lif_float."
        )
    fields = Network.__dataclass_fields__
    point = Network(**{name: recording.attrs[name] for name in fields})
    gaussian = network.gaussian_matrix(point.n_neurons, point.seed, draw=point.draw)
    half = network.half_gaussian(gaussian)
    weights = mapping.rate_to_lif(half, point, recording.attrs["rate_to_lif"])[0].weights
    spikes = recording.spikes.values.astype(float)
    n_exc = network.n_excitatory(point.n_neurons)
    excitatory = spikes[:, :n_exc] @ weights[:, :n_exc].T
    inhibitory = spikes[:, n_exc:] @ weights[:, n_exc:].T
    found = {"excitatory": excitatory, "inhibitory": inhibitory, "total": excitatory + inhibitory}
    attributes = {"units": "threshold / step"}
    return xr.Dataset(
        {
            name: (("time", "neuron"), a, {"long_name": f"{name} activation", **attributes})
            for name, a in found.items()
        },
        coords=recording.coords,
        attrs=recording.attrs,
    )
