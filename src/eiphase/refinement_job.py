"""The work of one job: simulations near the borders of one backend and seed, by bisection."""

from pathlib import Path

import numpy as np

from eiphase import critical_line, tile_file, tile_job
from eiphase.critical_line import Point
from eiphase.dataset import VARIABLES
from eiphase.provenance import Origin
from eiphase.sweep import Sweep, Tile
from eiphase.tile_file import Contents, Values


def run(sweep: Sweep, backend: str, seed: int, output: Path, *, tiles: Path) -> None:
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
        lines = critical_line.lines(backend, contents.points, contents.values)
        return [lines[g][q] for q, g in points]

    critical_line.refine(_of_grid(sweep, backend, seed, tiles), measure, precision=precision)
    _write(output, simulated, sweep, Tile(backend, seed, 0, ()))


def _of_grid(sweep: Sweep, backend: str, seed: int, folder: Path) -> critical_line.Lines:
    """What the sweep's own tiles say of chaos."""
    found: dict[float, dict[float, float]] = {g: {} for g in sweep.grid.g_factor}
    for number in range(sweep.tiles):
        path = folder / sweep.tile_path(sweep.tile(backend, seed, number))
        contents = tile_file.read(path, sweep)
        for g, line in critical_line.lines(backend, contents.points, contents.values).items():
            found[g].update(line)
    return found


def _simulate(sweep: Sweep, tile: Tile, points: list[Point], folder: Path) -> Contents:
    """One round: a tile of points that the sweep's grid does not have."""
    round_sweep, round_tile = _with_points(sweep, tile, points)
    path = folder / round_sweep.tile_path(round_tile)
    ranges = None
    if tile.backend == "lif_bit_accurate":  # takes dynamic ranges and weight scale from there
        floats = Tile("lif_float", tile.seed, tile.number, round_tile.points)
        ranges = folder / round_sweep.tile_path(floats)
        tile_job.run(round_sweep, floats, ranges)
    tile_job.run(round_sweep, round_tile, path, ranges=ranges)
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
    n_lags = sweep.simulation.max_lag + 1
    values = {}
    for name, variable in VARIABLES.items():
        shape = (len(found), n_lags) if variable.lagged else (len(found),)
        values[name] = np.array([v[name] for v in found.values()], variable.dtype).reshape(shape)
    smaller, written = _with_points(sweep, tile, list(found))
    name = sweep.refined_path(tile.backend, tile.seed)
    digest = name.rpartition("-")[2].removesuffix(".nc")
    tile_file.write(output, values, smaller, written, origins=origins, digest=digest)
