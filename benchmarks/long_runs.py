"""How far numbers of a phase map are off, against runs 20 times as long.

Draws a random sample of the networks of a phase map that have a c(0), are not flagged and are as
precise as was asked for, of each backend in turn, and simulates each again: after a run like that
of the map, from the same initial states, it measures 20 times as many steps. Prints how many are
off by more than 30 % in c(0) or decay time, with the binomial standard error, also without the
networks in the dotted region of figures; and in how many of them the difference is within one and
two of the errors in the map. The phase map must be of a sweep with `simulation.precision`. Says
what it has found so far after each network.

    python benchmarks/long_runs.py results/demo/phase_map.nc 100

Names of backends behind that leave out the others.
"""

import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from math import hypot
from typing import NamedTuple

import numpy as np
import xarray as xr

from eiphase.backends import BACKENDS
from eiphase.figures import panels
from eiphase.flags import Flag, Quality, ScaleStatus, Stopped
from eiphase.jobs.verify import Point
from eiphase.lava.run import ONE_AT_A_TIME
from eiphase.simulation.backends import module
from eiphase.simulation.tile import simulate_tile
from eiphase.sweep.attributes import sweep_of
from eiphase.sweep.schema import Sweep

TIMES_AS_LONG, OFF = 20, 0.3
TOGETHER = 8  # rate networks: four states of each fill the lanes of their kernel
NAMES = ("c0", "c0_error", "decay_time", "decay_time_error")


class Comparison(NamedTuple):
    """One network in the map and in a long run."""

    point: Point
    dotted: bool
    c0: float  # relative difference, map less long run
    decay_time: float
    c0_in_errors: float
    decay_time_in_errors: float

    @property
    def is_off(self) -> bool:
        # Also where the long run has none: NaN is not less than anything.
        return not (abs(self.c0) <= OFF and abs(self.decay_time) <= OFF)


def unflagged(phase_map: xr.Dataset) -> list[Point]:
    """Networks with a c(0) and a decay time as precise as was asked for, shuffled, each once.

    At the strongest coupling, LIF networks are the same at every q_factor.
    """
    flags = (phase_map.c0_flag, phase_map.decay_time_flag)
    good = (phase_map.quality == Quality.OK) & (flags[0] == Flag.OK) & (flags[1] == Flag.OK)
    good &= phase_map.stopped == Stopped.PRECISE
    listed = good.stack(point=("backend", "q_factor", "g_factor", "seed"))
    points = [Point(*value) for value in listed.point[listed.values].values.tolist()]
    np.random.default_rng(0).shuffle(points)
    strongest = phase_map.weight_scale_status == ScaleStatus.STRONGEST

    def network(point: Point) -> Point:
        """The point, or for one at the strongest coupling what it has in common with others."""
        return replace(point, q_factor=np.inf) if strongest.sel(asdict(point)) else point

    return list({network(point): point for point in points}.values())


def groups(phase_map: xr.Dataset, points: list[Point]) -> Iterator[list[Point]]:
    """The points in turn, of each backend, with others that can be simulated together with each."""

    def alike(point: Point) -> tuple[int, int]:
        return point.seed, int(phase_map.n_steps.sel(asdict(point)))

    waiting = {p.backend: [one for one in points if one.backend == p.backend] for p in points}
    while any(waiting.values()):
        for backend, left in waiting.items():
            size = TOGETHER if BACKENDS[backend].has_theory else 1
            group = [point for point in left if alike(point) == alike(left[0])][:size]
            for point in group:
                left.remove(point)
            if group:
                yield group


def longer(sweep: Sweep, points: list[Point], n_steps: int) -> Sweep:
    """The sweep on the smallest grid with some points, and with one look, at the end."""
    simulation, block = sweep.simulation, sweep.simulation.block_steps
    measured = n_steps - simulation.burn_in
    if n_steps > simulation.first_steps:  # the second half
        measured //= 2
    steps = n_steps + -(-TIMES_AS_LONG * measured // block) * block
    update = {"steps": steps, "max_steps": steps, "burn_in": n_steps}
    observables = sweep.observables.model_copy(update={"chaos": False, "statistics": False})
    return sweep.at([(point.q_factor, point.g_factor) for point in points]).model_copy(
        update={
            "seeds": (points[0].seed,),
            "tiles": 1,
            "observables": observables,
            "simulation": simulation.model_copy(update=update),
        }
    )


def compared(
    phase_map: xr.Dataset, points: list[Point], dotted: xr.DataArray
) -> Iterator[Comparison]:
    """Simulate some networks again, for longer; integers have the map's ranges."""
    first = points[0]
    long = longer(sweep_of(phase_map), points, int(phase_map.n_steps.sel(asdict(first))))
    axes = long.grid.q_factor, long.grid.g_factor
    at = [(axes[0].index(p.q_factor), axes[1].index(p.g_factor)) for p in points]
    takes_from = BACKENDS[first.backend].takes_from or first.backend
    of_source = [phase_map.sel(asdict(p) | {"backend": takes_from}) for p in points]
    source = {
        name: np.array([one[name].values for one in of_source])
        for name in module(first.backend).TAKEN
    }
    tile = replace(long.tile(first.backend, first.seed, 0), points=tuple(at))
    with ONE_AT_A_TIME:
        found = simulate_tile(long, tile, source=source)
    for index, point in enumerate(points):
        cell = {name: getattr(point, name) for name in ("backend", "q_factor", "g_factor")}
        of_long = {name: float(found[name][index]) for name in NAMES}
        yield comparison(phase_map.sel(asdict(point)), of_long, point, bool(dotted.sel(cell)))


def comparison(
    here: xr.Dataset, of_long: dict[str, float], point: Point, dotted: bool
) -> Comparison:
    """A network in the map, and what its long run found."""

    def difference(name: str) -> tuple[float, float]:
        was, true = float(here[name]), of_long[name]
        error = hypot(float(here[f"{name}_error"]), of_long[f"{name}_error"])
        return was / true - 1, abs(was - true) / error

    (c0, c0_errors), (time, time_errors) = difference("c0"), difference("decay_time")
    return Comparison(point, dotted, c0, time, c0_errors, time_errors)


def report(name: str, found: list[Comparison]) -> str:
    """One row of the table: how many are off, and how many within one and two errors."""
    n = len(found)
    part = np.mean([one.is_off for one in found]) if found else np.nan
    line = f"| {name} | {n} | {100 * part:.0f} ± {100 * np.sqrt(part * (1 - part) / max(n, 1)):.0f}"
    for off in ("c0_in_errors", "decay_time_in_errors"):
        within = [100 * np.mean([getattr(one, off) < k for one in found]) for k in (1, 2)]
        line += " | {:.0f}, {:.0f}".format(*within)
    return f"{line} |"


def main() -> None:
    phase_map, n = xr.open_dataset(sys.argv[1]), int(sys.argv[2])
    if backends := sys.argv[3:]:
        phase_map = phase_map.sel(backend=backends)
    seeds_differ = (phase_map.phase != phase_map.phase.isel(seed=0)).any("seed")
    dotted = panels.doubt_of_numbers(phase_map, seeds_differ, "seeds disagree").cells
    whole = xr.open_dataset(sys.argv[1])
    found: list[Comparison] = []
    for group in groups(whole, unflagged(phase_map)):
        for one in compared(whole, group, dotted):
            found.append(one)
            print(one, flush=True)
        if len(found) >= n:
            break
    print("| networks | compared | off by more than 30 %, % | c(0) | decay time |")
    for name in phase_map.backend.values:
        print(report(name, [one for one in found if one.point.backend == name]))
    print(report("all", found))
    print(report("all, without the dotted region", [one for one in found if not one.dotted]))


if __name__ == "__main__":
    main()
