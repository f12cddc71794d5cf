"""What the page is given of a phase map: texts and settings as JSON, and numbers as bytes."""

import json
import zlib
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.colors import Colormap, to_hex

from eiphase.backends import BACKENDS
from eiphase.errors import DatasetError
from eiphase.explorer import shown
from eiphase.explorer.gaussian import corrections
from eiphase.figures import panels, phases
from eiphase.mapping import rate_to_lif
from eiphase.networks import weights
from eiphase.numerics.erf import node_values
from eiphase.observables.uncertainty import LEAST_DECAY_TIMES
from eiphase.sweep.attributes import sweep_of
from eiphase.sweep.schema import Sweep
from eiphase.variables import DIMENSIONS

# What determines a cell's network, by its name in the page.
DETERMINES = {
    "weightScale": "weight_scale", "vth": "integer_threshold", "integerDu": "integer_du",
    "integerDv": "integer_dv", "biasMantissa": "bias_mantissa", "biasExponent": "bias_exponent",
    "weightExponent": "weight_exponent", "inhibitoryWeightExponent": "inhibitory_weight_exponent",
}  # fmt: skip


@dataclass(frozen=True)
class PageData:
    """A phase map as the page takes it."""

    header: dict[str, Any]
    numbers: bytes

    def json(self) -> str:
        """The header, in a form that no text in it can end a script element with."""
        text = json.dumps(self.header, separators=(",", ":"), allow_nan=False)
        return text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")

    def base64(self) -> str:
        """The numbers, deflated."""
        return b64encode(zlib.compress(self.numbers, 9)).decode()


def page_data(phase_map: xr.Dataset) -> PageData:
    """All that the page shows of a phase map and simulates.

    Raises `DatasetError` if the dataset does not say which sweep it is of.
    """
    sweep, parts = sweep_of(phase_map), list[bytes]()
    phase_map = phase_map.sortby(["q_factor", "g_factor", "seed"])
    erf_values, erf_slopes = node_values()
    header = {
        "title": str(phase_map.attrs.get("title", "")),
        "sweep": str(phase_map.attrs.get("sweep", "")),
        "commit": str(phase_map.attrs.get("commit", "unknown")),
        "backends": [_backend(str(name), phase_map, sweep) for name in phase_map.backend.values],
        "axes": {name: _axis(phase_map[name]) for name in (*DIMENSIONS, "lag")},
        "variables": shown.variables(phase_map),
        "limit": shown.at_limit(phase_map) if "weight_scale_status" in phase_map else None,
        "tie": phases.TIE,
        "describing": shown.DESCRIBING,
        "stops": {"sequential": _stops(panels.FLOW_COLOURS),
                  "diverging": _stops(colormaps[panels.RATIO_COLOURS])},
        "measured": _measured(sweep),
        "command": _command(sweep),
        "network": network_settings(sweep),
        "determines": DETERMINES,
        "gain": np.array([weights.gain(sweep.network.neurons, q)
                          for q in phase_map.q_factor.values.tolist()]),
        "gaussian": [_gaussian(sweep, int(s)) for s in phase_map.seed.values],
        "tables": {"erfValues": erf_values, "erfSlopes": erf_slopes},
    }  # fmt: skip
    return PageData(_packed(header, parts), b"".join(parts))


def _stops(colours: Colormap) -> list[str]:
    """Colours at equal distances, the first for the lowest value."""
    return [to_hex(colours(x)) for x in np.linspace(0, 1, 64)]


def _packed(part: Any, parts: list[bytes]) -> Any:
    """Move arrays to `parts`, each at a multiple of 8 bytes, and leave where they stand instead."""
    if isinstance(part, dict):
        return {str(name): _packed(one, parts) for name, one in part.items()}
    if isinstance(part, list):
        return [_packed(one, parts) for one in part]
    if not isinstance(part, np.ndarray):
        return part
    little = np.ascontiguousarray(part, part.dtype.newbyteorder("<"))
    place = {"dtype": part.dtype.str[1:], "shape": list(part.shape), "offset": sum(map(len, parts))}
    parts.append(little.tobytes() + bytes(-little.nbytes % 8))
    return place


def network_settings(sweep: Sweep) -> dict[str, Any]:
    """What all networks of a sweep have in common, under the page's names."""
    point = sweep.network_at(sweep.grid.q_factor[0], sweep.grid.g_factor[0], sweep.seeds[0])
    neuron = rate_to_lif.lif_neuron(point.step_size)
    return {
        "neurons": point.n_neurons, "nExcitatory": weights.n_excitatory(point.n_neurons),
        "stepSize": point.step_size, "bias": point.bias, "refractorySteps": point.refractory_steps,
        "du": neuron.du, "dv": neuron.dv, "threshold": rate_to_lif.VTH,
        "lifBias": rate_to_lif.lif_bias(point.step_size),
        "floatToInteger": sweep.mapping.float_to_integer, "weightBits": sweep.mapping.weight_bits,
    }  # fmt: skip


def _backend(name: str, phase_map: xr.Dataset, sweep: Sweep) -> dict[str, Any]:
    if name not in BACKENDS:
        raise DatasetError(f"The phase map has a backend {name!r:.40}, which is not known.")
    backend = BACKENDS[name]
    keeps_weights = sweep.mapping.rate_to_lif == "identity" and not backend.has_integers
    return {
        "name": name, "title": backend.title, "spiking": backend.spiking,
        "takesFrom": backend.takes_from, "colour": to_hex(panels.BACKEND_COLOURS[name]),
        # Between grid points networks are determined where no mapping changes the weights.
        "runsBetween": not backend.spiking or keeps_weights,
        "lines": shown.lines(phase_map.sel(backend=name), spiking=backend.spiking),
    }  # fmt: skip


def _axis(coordinate: xr.DataArray) -> dict[str, Any]:
    """Values of an axis, where its cells lie, and its name; backends have words instead."""
    name, size = str(coordinate.name), coordinate.size
    if name.endswith("_factor"):
        label = f"{name} ({coordinate.attrs.get('long_name', '')})"
        return {
            "label": label,
            "values": coordinate.values,
            "edges": panels.edges(coordinate.values),
        }
    values = np.arange(size) if name == "backend" else coordinate.values
    return {"label": name, "values": values.astype(float), "edges": np.arange(size + 1) - 0.5}


def _measured(sweep: Sweep) -> dict[str, Any]:
    """How the page measures a run, as the sweep does, and what to say of the dataset's numbers."""
    simulation, observables = sweep.simulation, sweep.observables
    words = (
        f"The dataset's curve is of {simulation.steps} steps." if simulation.precision is None
        else "The dataset's curve is of a longer run, pooled over initial states: expect scatter."
    )  # fmt: skip
    return {
        "estimator": observables.autocovariance, "unbiased": observables.unbiased,
        "boxcar": observables.boxcar, "maxLag": simulation.max_lag, "steps": simulation.steps,
        "dataset": words, "longEnough": LEAST_DECAY_TIMES,
    }  # fmt: skip


def _command(sweep: Sweep) -> str:
    """Options of `eiphase simulate` that all networks of the sweep share."""
    network, mapping, observables = sweep.network, sweep.mapping, sweep.observables
    options = {
        "neurons": network.neurons, "step-size": network.step_size, "bias": network.bias,
        "refractory": network.refractory, "rate-to-lif": mapping.rate_to_lif,
        "float-to-integer": mapping.float_to_integer, "weight-bits": mapping.weight_bits,
        "boxcar": observables.boxcar, "autocovariance": observables.autocovariance,
    }  # fmt: skip
    return " ".join(f"--{name} {value}" for name, value in options.items())


def _gaussian(sweep: Sweep, seed: int) -> dict[str, Any]:
    found = corrections(sweep.network.neurons, seed)
    return {"gaps": found.gaps, "ulps": found.ulps.astype(float)}  # whole, exact up to 2^53
