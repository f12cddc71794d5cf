"""The work of one job: a tile's file, from what is known already and from simulations."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from eiphase.backends import BACKENDS
from eiphase.chaos import border
from eiphase.chaos.border import Point
from eiphase.jobs.datasets import tile_file
from eiphase.jobs.datasets.tile_file import Contents, Values
from eiphase.simulation.backends import module
from eiphase.simulation.tile import load_kernels, simulate_tile
from eiphase.sweep import provenance
from eiphase.sweep.progress import SweepProgress
from eiphase.sweep.provenance import Origin
from eiphase.sweep.schema import Sweep
from eiphase.sweep.tiles import Tile
from eiphase.variables import VARIABLES


def run(
    sweep: Sweep,
    tile: Tile,
    output: Path,
    *,
    source: Path | None = None,
) -> None:
    """Write a tile's file.

    Points that other tiles in the same folder have are taken over; they are equal to the
    bit, for a point's numbers depend on no other point. `source` is the file of the tile that
    this backend's networks are made from (`Backend.takes_from`). Raises `DatasetError` if
    `source` is not that file.
    """
    found, origins = tile_file.known(output.parent, sweep, tile)
    networks = dict(
        zip(((n.q_factor, n.g_factor) for n in sweep.networks(tile)), tile.points, strict=True)
    )
    if found:
        taken = f"{tile}: {len(found)} of {len(networks)} networks are known"
        print(taken, file=sys.stderr, flush=True)
    new = [point for point in networks if point not in found]
    if new:  # before time is taken: to compile kernels says nothing of their speed
        load_kernels(tile.backend, sweep.mapping, sweep.observables)
    progress = SweepProgress(sweep, tile, output, known=len(found))
    if new:
        sources = tile_file.source(source, sweep, tile) if source else {}
        simulated = simulate_tile(
            sweep,
            replace(tile, points=tuple(networks[point] for point in new)),
            source={
                name: np.array([sources[point][name] for point in new])
                for name in (module(tile.backend).TAKEN if source else ())
            },
            show=progress.show,
        )
        found |= tile_file.by_point(new, simulated)
        origins.add(provenance.origin())
    values = _joined([found[point] for point in networks])
    tile_file.write(output, values, sweep, tile, origins=origins)
    progress.end()


def _joined(points: list[Values]) -> dict[str, np.ndarray]:
    return {name: np.array([point[name] for point in points]) for name in points[0]}


def refine(sweep: Sweep, backend: str, seed: int, output: Path, *, tiles: Path) -> None:
    """Narrow the border of each g_factor to the sweep's precision; write all points of that.

    `tiles` is the folder of the sweep's tiles, from whose points it starts. Each round of the
    bisection becomes a tile there too, with one point of each g_factor that is not yet done:
    a job that was killed takes over its rounds, as one with another precision does.
    """
    precision = sweep.refinement.precision
    assert precision is not None
    simulated: list[Contents] = []

    def measure(points: list[Point]) -> list[float]:
        number = sweep.tiles + len(simulated)
        contents = _simulate(sweep, Tile(backend, seed, number, ()), points, tiles)
        simulated.append(contents)
        lines = border.lines(backend, contents.points, contents.values)
        return [lines[g][q] for q, g in points]

    border.refine(_of_grid(sweep, backend, seed, tiles), measure, precision=precision)
    _write(output, simulated, sweep, Tile(backend, seed, 0, ()))


def _of_grid(sweep: Sweep, backend: str, seed: int, folder: Path) -> border.Lines:
    """The measure of sensitivity in the sweep's own tiles."""
    found: dict[float, dict[float, float]] = {g: {} for g in sweep.grid.g_factor}
    for number in range(sweep.tiles):
        path = folder / sweep.tile_path(sweep.tile(backend, seed, number))
        contents = tile_file.read(path, sweep)
        for g, line in border.lines(backend, contents.points, contents.values).items():
            found[g].update(line)
    return found


def _simulate(sweep: Sweep, tile: Tile, points: list[Point], folder: Path) -> Contents:
    """One round: a tile of points that the sweep's grid does not have."""
    round_sweep, round_tile = _with_points(sweep, tile, points)
    path = folder / round_sweep.tile_path(round_tile)
    source = None
    if takes_from := BACKENDS[tile.backend].takes_from:
        source_tile = replace(round_tile, backend=takes_from)
        source = folder / round_sweep.tile_path(source_tile)
        run(round_sweep, source_tile, source)
    run(round_sweep, round_tile, path, source=source)
    return tile_file.read(path, round_sweep)


def _with_points(sweep: Sweep, tile: Tile, points: list[Point]) -> tuple[Sweep, Tile]:
    """The sweep on the grid that holds some points, and a tile of these."""
    smaller = sweep.at(points)
    q_factor, g_factor = smaller.grid.q_factor, smaller.grid.g_factor
    indices = tuple((q_factor.index(q), g_factor.index(g)) for q, g in points)
    return smaller, Tile(tile.backend, tile.seed, tile.number, indices)


def _write(output: Path, simulated: list[Contents], sweep: Sweep, tile: Tile) -> None:
    """All rounds as one file."""
    found: dict[Point, Values] = {}
    origins: set[Origin] = set()
    for contents in simulated:
        found |= contents.by_point()
        origins |= contents.origins
    n_lags = len(sweep.lags)
    values = {}
    for name, variable in VARIABLES.items():
        shape = (len(found), n_lags) if variable.lagged else (len(found),)
        values[name] = np.array([v[name] for v in found.values()], variable.dtype).reshape(shape)
    smaller, written = _with_points(sweep, tile, list(found))
    name = sweep.refined_path(tile.backend, tile.seed)
    digest = name.rpartition("-")[2].removesuffix(".nc")
    tile_file.write(output, values, smaller, written, origins=origins, digest=digest)
