"""What the page shows of a phase map: variables with names, values, looks and scales, and lines."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.colors import to_hex

from eiphase.backends import BACKENDS
from eiphase.chaos import phases as classified
from eiphase.figures import panels, phases
from eiphase.figures import phase_map as fluctuations
from eiphase.flags import Crossing, Flag, Phase, ScaleStatus
from eiphase.jobs.datasets.unmeasured import completed
from eiphase.sweep import attributes
from eiphase.sweep.attributes import sweep_of
from eiphase.variables import DERIVED, DIMENSIONS, VARIABLES

# Variables of maps with so many values at most keep all their bits; of others they become float32.
EXACT_VALUES = 1_000_000
# Autocovariances with more values than this are left out.
LARGEST_AUTOCOVARIANCES = 500_000
# As they determine networks, these keep their bits.
_TO_THE_BIT = ("weight_scale", "current_low", "current_high", "voltage_low", "voltage_high")
_EXPONENT = "lyapunov_exponent_per_time_constant"
# What most people want to see comes first; a cell is described by it, and by a little more.
_FIRST = ["phase", *fluctuations.FLUCTUATIONS, _EXPONENT, "spike_damage", "mean_rate"]
DESCRIBING = [*_FIRST, "quality", "step_limited", "weight_scale_status"]
# As printed figures name them; other variables have their own names.
_LABELS = {
    "c0": "c(0)", _EXPONENT: "λ per time constant", "spike_damage": "damage",
    "step_limited": "rates limited by the time step", "weight_scale_status": "weight scale",
}  # fmt: skip
_RATIOS = ("weight_scale", "weight_strength", "effective_coupling")  # ideally 1
# Flags of a colour-blind safe palette (Okabe and Ito), lighter; the first for "ok".
_FLAG_COLOURS = (
    "#e8e8e8", "#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#0072b2", "#d55e00",
)  # fmt: skip
# Cells without a number, in the order in which printed maps choose among seeds.
_LACKS = {
    Flag(flag).name.lower(): {"colour": to_hex(colour), "hatch": hatch}
    for flag, (colour, hatch, _) in fluctuations.FLAGGED.items()
    if flag in set(Flag)
}


def variables(phase_map: xr.Dataset) -> dict[str, Any]:
    """Each variable that can be shown, those first that most people want."""
    phase_map, doubts = _with_error(phase_map), _doubts(phase_map)
    shown = {str(n): v for n, v in phase_map.data_vars.items() if _is_shown(v)}
    exact = sum(v.size for v in shown.values() if "lag" not in v.dims) <= EXACT_VALUES
    found = {}
    for name in sorted(shown, key=[*_FIRST, *shown].index):
        has_bits = name in _TO_THE_BIT or (exact and "lag" not in shown[name].dims)
        found[name] = _variable(shown, name, "f8" if has_bits else "f4")
        doubt = doubts.get("phase" if name.startswith("phase") else name)
        if doubt is not None:
            flags = shown["phase" if name.startswith("phase") else f"{name}_flag"]
            found[name]["doubt"] = _doubt(doubt, flags)
    return found


def _is_shown(variable: xr.DataArray) -> bool:
    if variable.dtype.kind not in "biuf" or set(variable.dims) - {*DIMENSIONS, "lag"}:
        return False
    return "lag" not in variable.dims or variable.size <= LARGEST_AUTOCOVARIANCES


def _with_error(phase_map: xr.Dataset) -> xr.Dataset:
    """With the error of the exponent per time constant, which datasets have per step alone."""
    if _EXPONENT not in phase_map or "lyapunov_error" not in phase_map:
        return phase_map
    exponent, name = phase_map[_EXPONENT], f"{_EXPONENT}_error"
    error = phase_map["lyapunov_error"] / sweep_of(phase_map).network.step_size
    error.attrs = {"long_name": f"standard error of {_EXPONENT}", "units": "1 / time constant"}
    both = f"{name} {exponent.attrs.get('ancillary_variables', '')}"
    exponent = exponent.assign_attrs(ancillary_variables=both)
    return phase_map.assign({_EXPONENT: exponent, name: error})


def _doubts(phase_map: xr.Dataset) -> dict[str, panels.Doubt]:
    """Cells that are in doubt on the printed maps, (backend, q_factor, g_factor), and why."""
    checked = fluctuations.checked(phase_map)
    found = {name: fluctuations.doubt_of(checked, name) for name in fluctuations.FLUCTUATIONS}
    if phases.are_there(phase_map):
        found["phase"] = phases.doubt_of(phases.checked(phase_map))
    return found


def _doubt(doubt: panels.Doubt, flags: xr.DataArray) -> dict[str, Any]:
    """All reasons for doubt, as `text`, and which of `texts` is a cell's own: the first if none."""
    dims, words = DIMENSIONS[:-1], _words(flags)
    of_seeds = flags.transpose(*dims, "seed").values
    reasons = {text: cells.transpose(*dims, ...).values for text, cells in doubt.reasons.items()}
    texts, which = {"": 0}, doubt.cells.transpose(*dims).astype(int)
    for at in zip(*np.nonzero(which.values), strict=True):
        kinds = [words[flag].replace("_", " ") for flag in of_seeds[at].tolist()]
        own = [_reason(text, on[at], kinds) for text, on in reasons.items() if on[at].any()]
        which.values[at] = texts.setdefault("; ".join(own), len(texts))
    return {"text": doubt.text, "texts": [*texts], **values(which, "u4")}


def _reason(text: str, on: np.ndarray, kinds: list[str]) -> str:
    """A reason for doubt about a cell, with how many seeds have it, or which flags they have."""
    if on.ndim == 0:
        return f"{text}: " + ", ".join(f"{n} {kind}" for kind, n in Counter(kinds).most_common())
    return f"{text} ({on.sum()} of {on.size} seeds)" if on.size > 1 else text


def _variable(shown: Mapping[str, xr.DataArray], name: str, dtype: str) -> dict[str, Any]:
    """Texts and values of a variable, with the looks of its flags or the scale of its numbers."""
    variable = shown[name]
    texts = {one: str(variable.attrs.get(one, "")) for one in ("long_name", "units", "comment")}
    if known := (VARIABLES | DERIVED).get(name):
        texts |= {"long_name": known.long_name, "units": known.units}
    unit = "" if "flag_values" in variable.attrs or texts["units"] == "1" else texts["units"]
    found: dict[str, Any] = texts | {
        "label": _LABELS.get(name, name.replace("_", " ")),
        "heading": texts["long_name"] + (f" ({unit})" if unit else ""),
        "unit": f" {unit.removeprefix('1 ')}" if unit else "",
        "ancillary": str(variable.attrs.get("ancillary_variables", "")).split(),
    }
    if "lag" in variable.dims:
        return found | values(variable, dtype)
    found["isMap"] = {"q_factor", "g_factor"} <= {*variable.dims}
    together = over_seeds(variable) if "seed" in variable.dims else None
    if "flag_values" in variable.attrs:
        return found | {"flags": _flags(shown, name)} | values(variable, "i1", together)
    return found | {"scales": _scales(variable)} | values(variable, dtype, together)


def values(
    variable: xr.DataArray, dtype: str, together: xr.DataArray | None = None
) -> dict[str, Any]:
    """Values with their dimensions in the order of `DIMENSIONS`, after the last seed `together`."""
    dims = [one for one in (*DIMENSIONS, "lag") if one in variable.dims]
    array = variable.transpose(*dims).values
    if together is not None:
        last = together.transpose(*dims[:-1]).values[..., np.newaxis]
        array = np.concatenate([array, last], axis=-1)
    return {"dims": dims, "values": array.astype(dtype)}


def over_seeds(variable: xr.DataArray) -> xr.DataArray:
    """The median over the seeds that have a number; of flags the commonest, as on printed maps."""
    if "flag_values" not in variable.attrs:
        return variable.median("seed")
    words, lacks = _words(variable), [*_LACKS]
    rank = {flag: lacks.index(word) if word in lacks else -1 for flag, word in words.items()}
    flags = sorted(words, key=lambda flag: (rank[flag], flag))
    counts = xr.concat([(variable == flag).sum("seed") for flag in flags], "flag")
    found = xr.DataArray(flags, dims="flag")[counts.argmax("flag")]
    if variable.name != "phase":
        return found
    tied = classified.tied(variable.values, axis=variable.get_axis_num("seed"))
    return found.where(~tied, Phase.UNDECIDED)


def at_limit(phase_map: xr.Dataset) -> dict[str, Any]:
    """Where LIF neurons couple as strongly as they can; last, where those of all seeds do."""
    strongest = phase_map.weight_scale_status == ScaleStatus.STRONGEST
    return values(strongest, "i1", strongest.all("seed"))


def _words(variable: xr.DataArray) -> dict[int, str]:
    """The word of each flag, also of one that the dataset has but does not explain."""
    known = attributes.meanings(variable)
    return known | {n: f"flag_{n}" for n in np.unique(variable).tolist() if n not in known}


def _flags(shown: Mapping[str, xr.DataArray], name: str) -> dict[int, dict[str, Any]]:
    """Word, meaning and look of each flag; `lack` is the look of cells whose number it denies."""
    comment = _comment(shown, "phase" if name == "phase_commonest" else name)
    found: dict[int, dict[str, Any]] = {}
    for flag, word in _words(shown[name]).items():
        text = explained(comment, word)
        if word != "ok" and name != "c0_flag" and "as for c0" in (text or comment):
            text = explained(_comment(shown, "c0_flag"), word) or text
        colour, hatch = ("white" if flag < 0 else _FLAG_COLOURS[flag % 8]), ""
        if name.startswith("phase") and flag in set(Phase):
            colour, hatch, _ = phases.LOOKS[Phase(flag)]
        words = word.replace("_", " ")
        found[flag] = {
            "word": word, "text": f"{words}: {text}" if text else words,
            "colour": to_hex(colour), "hatch": hatch, "lack": _LACKS.get(word),
        }  # fmt: skip
    return found


def _comment(shown: Mapping[str, xr.DataArray], name: str) -> str:
    return str(shown[name].attrs.get("comment", "")) if name in shown else ""


def explained(comment: str, word: str) -> str | None:
    """From "one: text; two, three: text", the text of a word."""
    pattern = rf"(?:^|[;:,.] ){re.escape(word)}(?:, \w+)*: ([^;:]+?)(?:;|\. |\.?$)"
    found = re.search(pattern, comment)
    return found[1] if found else None


def _scales(variable: xr.DataArray) -> list[dict[str, Any]]:
    """From numbers to colours, for each backend; those whose numbers have one unit share it."""
    if "backend" not in variable.dims:
        return [_scale(variable)]
    kinds = np.array([BACKENDS[name].spiking for name in variable.backend.values.tolist()])
    return [_scale(variable.isel(backend=kinds == kind)) for kind in kinds]


def _scale(variable: xr.DataArray) -> dict[str, Any]:
    """Logarithmic, around a middle, or from zero, as numbers ask for."""
    name, numbers = str(variable.name), variable.values[np.isfinite(variable.values)]
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 1.0)
    is_log, colours = False, "sequential"
    if name in _RATIOS and low > 0:
        high = min(max(high, 1 / low, 1.1), 10.0)
        low, is_log, colours = 1 / high, True, "diverging"
    elif name.endswith("_damage"):
        low, high = 0.0, 1.0
    elif low < 0:
        high, colours = max(-low, high), "diverging"
        low = -high
    elif low > 0 and (name == "c0" or high / low > 30):
        is_log = True
    else:
        low, high = 0.0, high or 1.0
    return {"low": low, "high": high, "log": is_log, "colours": colours}


def lines(one: xr.Dataset, *, spiking: bool) -> list[dict[str, Any]]:
    """Borders and theory over one backend's map: the kind, words and points [g, q] of each line."""
    return [
        {"kind": kind, "text": text, "points": [
            [g, None if np.isnan(q) else q] for g, q in zip(
                line.g_factor.values.tolist(), line.values.tolist(), strict=True)
        ]}
        for kind, text, line in _lines(one, spiking=spiking) if line.notnull().any()
    ]  # fmt: skip


def _lines(one: xr.Dataset, *, spiking: bool) -> Iterator[tuple[str, str, xr.DataArray]]:
    if "measured_critical_q" in one:
        yield from _borders(one, spiking=spiking)
    if "theory_critical_q" in one:
        text = "mean-field theory: where the rate network's fixed point loses stability"
        yield "theory", text, one.theory_critical_q
    if "network_critical_q" in one and not spiking:
        text = "each seed's own matrix: where its rate network's fixed point loses stability"
        yield from (("own", text, own) for own in one.network_critical_q.transpose("seed", ...))


def _bars(one: xr.Dataset) -> xr.DataArray:
    """A line from the lower end of each bar to its upper end, then a gap."""
    low, high = phases.bars(completed(one, ("refined_q", "refined_q_width")))
    sides = panels.edges(np.sort(one.q_factor.values))
    low, high = (end.clip(sides[0], sides[-1]) for end in (low, high))
    ends = [low, high, xr.full_like(low, np.nan)]
    return xr.concat(ends, "end").stack(point=("g_factor", "end"), create_index=False)


def _borders(one: xr.Dataset, *, spiking: bool) -> Iterator[tuple[str, str, xr.DataArray]]:
    seeds = one.measured_critical_q.transpose("seed", ...)
    if "refined_q" in one:
        seeds = one.refined_q.where(np.isfinite(one.refined_q), seeds).transpose("seed", ...)
    elif one.seed.size >= panels.SEEDS_OF_A_BAND and "measured_critical_q_low" in one:
        low, high = one.measured_critical_q_low, one.measured_critical_q_high
        there = low.notnull() & high.notnull()
        both = xr.concat([low[there], high[there][::-1]], "g_factor")
        yield "band", "95 % interval of the mean", both
    if one.seed.size < panels.SEEDS_OF_A_BAND and "measured_critical_q_from" in one:
        yield "bar", phases.OF_BARS, _bars(one)
    if one.seed.size > 1:
        yield from (("seed", "border of each seed", seed) for seed in seeds)
    text = "where the exponent changes sign" if not spiking else (
        "border of sensitivity: above it one spike's effect spreads")  # fmt: skip
    mean, every = seeds.mean("seed"), seeds.notnull().all("seed")
    yield "mean", f"{text}, mean over seeds", mean.where(every)
    yield "ring", "border on some seeds only: their mean", mean.where(~every)
    if "measured_critical_q_flag" in one:
        several = seeds.where(one.measured_critical_q_flag == Crossing.SEVERAL)
        text = "the measure changes sign more than once: its lowest rise"
        yield from (("several", text, seed) for seed in several.transpose("seed", ...))
