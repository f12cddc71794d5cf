"""The work of one job: a tile's file, from what is known already and from simulations."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from eiphase import provenance, tile_file
from eiphase.simulation import TAKEN_FROM_LIF_FLOAT, simulate_tile
from eiphase.sweep import Sweep, Tile
from eiphase.sweep_progress import SweepProgress
from eiphase.tile_file import Values


def run(
    sweep: Sweep,
    tile: Tile,
    output: Path,
    *,
    ranges: Path | None = None,
) -> None:
    """Write a tile's file.

    Points that other tiles in the same folder have are taken over; they are equal to the
    bit, for a point's numbers depend on no other point. `ranges` is the file of the
    `lif_float` tile, which `lif_bit_accurate` needs. Raises `DatasetError` if `ranges` is not
    that file.
    """
    found, origins = tile_file.known(output.parent, sweep, tile)
    networks = dict(
        zip(((n.q_factor, n.g_factor) for n in sweep.networks(tile)), tile.points, strict=True)
    )
    if found:
        taken = f"{tile}: {len(found)} of {len(networks)} networks are known"
        print(taken, file=sys.stderr, flush=True)
    progress = SweepProgress(sweep, tile, output, known=len(found))
    new = [point for point in networks if point not in found]
    if new:
        source = tile_file.dynamic_ranges(ranges, sweep, tile) if ranges else {}
        names = TAKEN_FROM_LIF_FLOAT if ranges else ()
        simulated = simulate_tile(
            sweep,
            replace(tile, points=tuple(networks[point] for point in new)),
            ranges={name: np.array([source[point][name] for point in new]) for name in names},
            show=progress.show,
        )
        found |= tile_file.by_point(new, simulated)
        origins.add(provenance.origin())
    values = _joined([found[point] for point in networks])
    tile_file.write(output, values, sweep, tile, origins=origins)
    progress.end()


def _joined(points: list[Values]) -> dict[str, np.ndarray]:
    return {name: np.array([point[name] for point in points]) for name in points[0]}
