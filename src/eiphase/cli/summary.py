"""A phase map in words: how many networks do what."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from eiphase.backends import BACKENDS
from eiphase.flags import Flag, Phase
from eiphase.variables import NOT_SIMULATED

# Of one network, and of several.
_WORDS = {
    "settle": ("settles", "settle"),
    "fluctuate": ("fluctuates", "fluctuate"),
    "transient": ("is not stationary", "are not stationary"),
    "saturated": ("is saturated or silent", "are saturated or silent"),
    "broken": ("is broken (see phase)", "are broken (see phase)"),
    "missing": ("is not simulated", "are not simulated"),
    "chaotic": ("is chaotic", "are chaotic"),
    "sensitive": ("is sensitive to one spike", "are sensitive to one spike"),
}
_BY_MEASURE = {
    "lyapunov_exponent": ("chaotic", (Phase.CHAOS,)),
    "spike_damage": ("sensitive", (Phase.SENSITIVE, Phase.CHAOS)),
}


def in_words(phase_map: xr.Dataset) -> Iterator[str]:
    """A line for each backend: how many of its networks settle, fluctuate and so on.

    Each network counts once: as broken or saturated if its `phase` is, else by `c0_flag`. Where
    the sweep measured chaos, how many are chaotic or, of spiking networks, sensitive by `phase`
    follows. What no network does is left out, but for these: that there is none is worth a word.
    """
    for number, backend in enumerate(phase_map.backend.values):
        one = phase_map.isel(backend=number)
        counts = _counts(one)
        parts = [_counted(n, _WORDS[name]) for name, n in counts.items() if n]
        text = f"{backend}: of {_networks(one.phase.size)} {', '.join(parts)}"
        if measure := _known_measure(one, str(backend)):
            word, phases = _BY_MEASURE[measure]
            text += f"; {_counted(int(one.phase.isin(phases).sum()), _WORDS[word])}"
        yield f"{text}."


def _counts(one: xr.Dataset) -> dict[str, int]:
    phase, fluctuation = one.phase.values, one.c0_flag.transpose(*one.phase.dims).values
    broken, missing = phase == Phase.BROKEN, phase == NOT_SIMULATED
    saturated = np.isin(phase, (Phase.SATURATED, Phase.SILENT))
    rest = ~broken & ~saturated & ~missing
    flags = {"settle": Flag.UNDEFINED, "fluctuate": Flag.OK, "transient": Flag.TRANSIENT}
    counts = {name: int((rest & (fluctuation == flag)).sum()) for name, flag in flags.items()}
    others = {"saturated": saturated, "broken": broken, "missing": missing}
    return counts | {name: int(cells.sum()) for name, cells in others.items()}


def _known_measure(one: xr.Dataset, backend: str) -> str | None:
    """What was measured of a backend's sensitivity, if anything."""
    measure = BACKENDS[backend].measure_of_sensitivity if backend in BACKENDS else None
    if measure is None:  # or a map from elsewhere
        return None
    flag = {"lyapunov_exponent": "lyapunov_flag", "spike_damage": "spike_damage_fate"}[measure]
    return measure if flag in one and bool((one[flag] >= 0).any()) else None


def _counted(n: int, words: tuple[str, str]) -> str:
    return f"{n or 'none'} {words[n != 1]}"


def _networks(n: int) -> str:
    return f"{n} network{'s' if n != 1 else ''}"
