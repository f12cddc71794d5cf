"""What the page is given of a phase map: texts and settings as JSON, and numbers as bytes."""

import json
import zlib
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.colors import Colormap, to_hex

from eiphase.backends import BACKENDS
from eiphase.errors import DatasetError
from eiphase.explorer.gaussian import corrections
from eiphase.figures import panels, phases
from eiphase.figures import phase_map as fluctuations
from eiphase.flags import Flag
from eiphase.mapping import rate_to_lif
from eiphase.networks import weights
from eiphase.numerics.erf import node_values
from eiphase.sweep.attributes import sweep_of
from eiphase.sweep.schema import Sweep
from eiphase.variables import DERIVED, DIMENSIONS, VARIABLES

# Variables of maps with so many values at most keep all their bits; of others they become float32.
EXACT_VALUES = 1_000_000
# Autocovariances with more values than this are left out.
LARGEST_AUTOCOVARIANCES = 500_000
# As they determine networks, these keep their bits.
_TO_THE_BIT = ("weight_scale", "current_low", "current_high", "voltage_low", "voltage_high")
# What determines a cell's network, by its name in the page.
DETERMINES = {
    "weightScale": "weight_scale",
    "vth": "integer_threshold",
    "integerDu": "integer_du",
    "integerDv": "integer_dv",
    "biasMantissa": "bias_mantissa",
    "biasExponent": "bias_exponent",
    "weightExponent": "weight_exponent",
    "inhibitoryWeightExponent": "inhibitory_weight_exponent",
}


@dataclass
class Numbers:
    """Arrays one after the other, each at a multiple of 8 bytes."""

    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, array: np.ndarray, dtype: str) -> dict[str, Any]:
        """Append an array; returns where it stands: `dtype`, `shape` and `offset`."""
        values = np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<"))
        place = {"dtype": dtype, "shape": list(values.shape), "offset": self.size}
        padded = values.tobytes() + bytes(-values.nbytes % 8)
        self.parts.append(padded)
        self.size += len(padded)
        return place


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
    sweep, numbers = sweep_of(phase_map), Numbers()
    values, slopes = node_values()
    header = {
        "title": str(phase_map.attrs.get("title", "")),
        "sweep": str(phase_map.attrs.get("sweep", "")),
        "attributes": {name: str(value) for name, value in phase_map.attrs.items()},
        "config": sweep.model_dump(mode="json"),
        "backends": [_backend(name) for name in phase_map.backend.values.tolist()],
        "axes": {name: _axis(phase_map[name], numbers) for name in (*DIMENSIONS[1:], "lag")},
        "variables": _variables(phase_map, numbers),
        "doubt": _doubt(phase_map, numbers),
        "looks": _looks(),
        "network": network_settings(sweep),
        "determines": DETERMINES,
        "gain": numbers.add(_gains(sweep, phase_map.q_factor.values), "f8"),
        "gaussian": [_gaussian(sweep, int(s), numbers) for s in phase_map.seed.values],
        "tables": {
            "erfValues": numbers.add(values, "f8"), "erfSlopes": numbers.add(slopes, "f8")
        },
    }  # fmt: skip
    return PageData(header, b"".join(numbers.parts))


def network_settings(sweep: Sweep) -> dict[str, Any]:
    """What all networks of a sweep have in common, under the page's names."""
    point = sweep.network_at(sweep.grid.q_factor[0], sweep.grid.g_factor[0], sweep.seeds[0])
    neuron = rate_to_lif.lif_neuron(point.step_size)
    return {
        "neurons": point.n_neurons,
        "nExcitatory": weights.n_excitatory(point.n_neurons),
        "stepSize": point.step_size,
        "bias": point.bias,
        "refractorySteps": point.refractory_steps,
        "du": neuron.du,
        "dv": neuron.dv,
        "threshold": rate_to_lif.VTH,
        "lifBias": rate_to_lif.lif_bias(point.step_size),
        "rateToLif": sweep.mapping.rate_to_lif,
        "floatToInteger": sweep.mapping.float_to_integer,
        "weightBits": sweep.mapping.weight_bits,
    }


def _backend(name: str) -> dict[str, Any]:
    if name not in BACKENDS:
        raise DatasetError(f"The phase map has a backend {name!r:.40}, which is not known.")
    backend = BACKENDS[name]
    return {
        "name": name,
        "title": backend.title,
        "spiking": backend.spiking,
        "hasIntegers": backend.has_integers,
        "takesFrom": backend.takes_from,
        "perturbations": list(backend.perturbations),
    }


def _axis(coordinate: xr.DataArray, numbers: Numbers) -> dict[str, Any]:
    return _labels(coordinate) | {"values": numbers.add(coordinate.values, "f8")}


def _labels(variable: xr.DataArray) -> dict[str, Any]:
    """Texts of a variable, and what its flags mean."""
    attributes = variable.attrs
    found: dict[str, Any] = {
        name: str(attributes.get(name, "")) for name in ("long_name", "units", "comment")
    }
    if known := (VARIABLES | DERIVED).get(str(variable.name)):
        found |= {"long_name": known.long_name, "units": known.units}
    found["ancillary"] = str(attributes.get("ancillary_variables", "")).split()
    if "flag_values" in attributes:
        values = np.atleast_1d(attributes["flag_values"]).tolist()
        found["flags"] = dict(zip(values, str(attributes["flag_meanings"]).split(), strict=False))
    return found


def _variables(phase_map: xr.Dataset, numbers: Numbers) -> dict[str, Any]:
    """Each variable that can be shown, with `dims` in the order of `DIMENSIONS`."""
    shown = {str(n): v for n, v in _with_error(phase_map).data_vars.items() if _is_shown(v)}
    exact = sum(v.size for v in shown.values() if "lag" not in v.dims) <= EXACT_VALUES
    found = {}
    for name, variable in shown.items():
        dims = [one for one in (*DIMENSIONS, "lag") if one in variable.dims]
        to_the_bit = name in _TO_THE_BIT or (exact and "lag" not in dims)
        dtype = "f8" if to_the_bit else "f4"
        if variable.dtype.kind in "iub" and variable.dtype.itemsize == 1:
            dtype = "i1"
        values = numbers.add(variable.transpose(*dims).values, dtype)
        found[name] = _labels(variable) | {"dims": dims, "values": values}
    return found


def _with_error(phase_map: xr.Dataset) -> xr.Dataset:
    """With the error of the exponent per time constant, which datasets have per step alone."""
    name = "lyapunov_exponent_per_time_constant"
    if name not in phase_map or "lyapunov_error" not in phase_map:
        return phase_map
    error = phase_map["lyapunov_error"] / sweep_of(phase_map).network.step_size
    words = {"long_name": f"standard error of {name}", "units": "1 / time constant"}
    ancillary = f"{name}_error {phase_map[name].attrs.get('ancillary_variables', '')}"
    return phase_map.assign({
        name: phase_map[name].assign_attrs(ancillary_variables=ancillary),
        f"{name}_error": error.assign_attrs(words),
    })  # fmt: skip


def _is_shown(variable: xr.DataArray) -> bool:
    if variable.dtype.kind not in "biuf" or set(variable.dims) - {*DIMENSIONS, "lag"}:
        return False
    return "lag" not in variable.dims or variable.size <= LARGEST_AUTOCOVARIANCES


def _doubt(phase_map: xr.Dataset, numbers: Numbers) -> dict[str, Any]:
    """Cells that are in doubt on the printed maps, (backend, q_factor, g_factor), and why."""
    checked = fluctuations.checked(phase_map)
    found = {name: fluctuations.doubt_of(checked, name) for name in fluctuations.FLUCTUATIONS}
    if phases.are_there(phase_map):
        found["phase"] = phases.doubt_of(phases.checked(phase_map))
    dims = list(DIMENSIONS[:3])
    return {
        name: {
            "text": doubt.text,
            "dims": dims,
            "values": numbers.add(doubt.cells.transpose(*dims).values, "i1"),
        }
        for name, doubt in found.items()
    }


def _gains(sweep: Sweep, q_factor: np.ndarray) -> np.ndarray:
    return np.array([weights.gain(sweep.network.neurons, q) for q in q_factor.tolist()])


def _gaussian(sweep: Sweep, seed: int, numbers: Numbers) -> dict[str, Any]:
    found = corrections(sweep.network.neurons, seed)
    return {  # whole numbers, which doubles hold up to 2^53
        "gaps": numbers.add(found.gaps, "u4"), "ulps": numbers.add(found.ulps, "f8")
    }  # fmt: skip


def _looks() -> dict[str, Any]:
    """Colours and words of the printed figures."""
    return {
        "phases": {
            int(phase): {"colour": to_hex(colour), "hatch": hatch, "text": text}
            for phase, (colour, hatch, text) in phases.LOOKS.items()
        },
        "lacks": {
            Flag(flag).name.lower(): {"colour": to_hex(colour), "hatch": hatch}
            for flag, (colour, hatch, _) in fluctuations.FLAGGED.items()
            if flag in set(Flag)
        },
        "backends": {name: to_hex(rgb) for name, rgb in panels.BACKEND_COLOURS.items()},
        "sequential": _stops(panels.FLOW_COLOURS),
        "diverging": _stops(colormaps[panels.RATIO_COLOURS]),
    }


def _stops(colours: Colormap, count: int = 64) -> list[str]:
    """Colours at equal distances, the first for the lowest value."""
    return [to_hex(colours(x)) for x in np.linspace(0, 1, count)]
