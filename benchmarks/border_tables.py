"""Prints the tables of docs/chaos.md and docs/mappings.md from phase maps.

Borders are means over seeds (tables of damage and exponents) or medians over seeds (slow
fluctuations), with the standard error of the mean or the range over seeds.

    snakemake --cores 2 --config sweep=config/chaos.yaml
    snakemake precision mappings --cores 2 --config sweep=config/precision.yaml
    python benchmarks/border_tables.py results/chaos/phase_map.nc
    python benchmarks/border_tables.py results/precision/phase_map.nc \\
        results/precision/mappings/*/phase_map.nc
"""

import sys

import numpy as np
import xarray as xr

from eiphase.backends import BACKENDS
from eiphase.figures.mappings import variance_to_mean
from eiphase.figures.panels import config
from eiphase.flags import Phase
from eiphase.observables.uncertainty import error_from_scatter


def row(name: str, cells: list[str]) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"


def with_error(values: np.ndarray) -> str:
    """Mean ± standard error of what seeds have; how many, if not all have a number."""
    known = values[np.isfinite(values)]
    if not len(known):
        return ""
    error = f" ± {error_from_scatter(known):.2f}" if len(known) > 1 else ""
    few = f" ({len(known)} of {len(values)})" if len(known) < len(values) else ""
    return f"{known.mean():.2f}{error}{few}"


def borders_of_sensitivity(phase_map: xr.Dataset) -> None:
    """The table of docs/chaos.md."""
    g_factors = phase_map.g_factor.values
    print(row("g", [f"{g:g}" for g in g_factors]))
    names = ("refined_q", "measured_critical_q")
    for backend in phase_map.backend.values:
        for name in (name for name in names if name in phase_map):
            values = phase_map[name].sel(backend=backend).transpose("g_factor", "seed").values
            print(row(f"{BACKENDS[backend].title}, {name}", [with_error(v) for v in values]))
    print(row("theory", [f"{q:.2f}" for q in phase_map.theory_critical_q.values]))
    network = phase_map.network_critical_q.transpose("g_factor", "seed").values
    print(row("spectra", [with_error(values) for values in network]))


def first_crossing(ratio: xr.DataArray) -> np.ndarray:
    """The lowest q_factor, (g_factor, seed), from which a ratio is above 1; inf if it never is."""
    q, found = ratio.q_factor.values, []
    for log in np.log(ratio.transpose("g_factor", "seed", "q_factor").values).reshape(-1, len(q)):
        above = np.flatnonzero(log > 0)
        i = above[0] if len(above) else -1
        part = -log[i - 1] / (log[i] - log[i - 1]) if i > 0 else 0
        found.append(
            np.inf if i < 0 else -np.inf if i == 0 else q[i - 1] + part * np.diff(q)[i - 1]
        )
    return np.reshape(found, (ratio.sizes["g_factor"], ratio.sizes["seed"]))


def borders_of_fluctuations(maps: list[xr.Dataset]) -> None:
    """Medians over seeds, and ranges, of where variance over mean of counts exceeds 1."""
    print(row("g", [f"{g:g}" for g in maps[0].g_factor.values]))
    for one in maps:
        mapping, ratio = config(one, "mapping"), variance_to_mean(one)
        for backend in one.backend.values:
            if not BACKENDS[backend].spiking:
                continue
            border = first_crossing(ratio.sel(backend=backend))
            cells = [f"{np.median(b):.1f} ({b.min():.1f} to {b.max():.1f})" for b in border]
            print(row(f"{backend} {'-'.join(map(str, mapping.values()))}", cells))


def kept_by_integers(one: xr.Dataset) -> list[str]:
    """A column of the table of bits."""
    real, integer = (one.sel(backend=name) for name in ("lif_float", "lif_bit_accurate"))
    off = abs(integer.measured_critical_q - real.measured_critical_q).values
    n_borders = int(np.isfinite(off).sum())
    side = (integer.spike_damage > 0.5) == (real.spike_damage > 0.5)
    ratio = variance_to_mean(one)
    before, after = ratio.sel(backend="lif_float"), ratio.sel(backend="lif_bit_accurate")
    both = np.isfinite(before) & np.isfinite(after)
    change = np.exp(abs(np.log(after / before))).where(both)
    return [
        f"{np.nanmax(off):.2f} ({n_borders})" if n_borders else "none",
        f"{100 * float((integer.phase == Phase.BROKEN).mean()):.0f} %",
        f"{100 * float(side.where(np.isfinite(integer.spike_damage)).mean()):.1f} %",
        f"{100 * float(((before > 1) == (after > 1)).where(both).mean()):.0f} %",
        f"{float(change.where(before < 1).median()):.2f}-fold",
        f"{float(change.where(before >= 1).median()):.2f}-fold",
    ]


def main() -> None:
    maps = [xr.open_dataset(path) for path in sys.argv[1:]]
    borders_of_sensitivity(maps[0])
    if len(maps) > 1:
        borders_of_fluctuations(maps)
        for one in maps:
            mapping = "-".join(map(str, config(one, "mapping").values()))
            print(row(mapping, kept_by_integers(one)))


if __name__ == "__main__":
    main()
