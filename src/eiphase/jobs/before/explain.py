"""What a sweep will take, before anything starts: some of its networks are simulated to tell."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np

from eiphase.backends import BACKENDS, with_damage, with_theory
from eiphase.jobs import borders
from eiphase.jobs.datasets.derivation import of_theory
from eiphase.lava.run import ONE_AT_A_TIME
from eiphase.numerics.arrays import shared_array
from eiphase.numerics.blas import one_thread
from eiphase.simulation import backends
from eiphase.simulation.backends import Settings
from eiphase.simulation.observation import STATES
from eiphase.simulation.tile import load_kernels, simulate_tile
from eiphase.sweep.progress import until_last
from eiphase.sweep.schema import Sweep
from eiphase.sweep.tiles import Tile
from eiphase.variables import VARIABLES, measured

_SAMPLE = 4  # networks of a backend, if it does not simulate more at once
_STEPS = 1000  # of each at least, and of all together so many:
_STEPS_OF_ALL = 20_000
_NEURONS = 1000  # at most; time grows with their square
_GOLDEN = 0.618034  # whose multiples fill a range evenly, however many there are
# Drawing and writing, in starts of a job: all figures, each page, and each half of the overview.
_FIGURES, _FIGURES_OF_CHAOS, _PAGE, _OVERVIEW = 6.0, 9.0, 2.0, 4.0
_FILE_BYTES, _FIGURE_BYTES = 60_000, 2_000_000  # of a tile without numbers, of all figures
_COMPRESSED = 0.75  # what is left of a phase map's numbers in its file


@dataclass(frozen=True)
class Speed:
    """Processor seconds that networks of a backend take on this machine, those sampled alike.

    `first` is for all of `together` networks, of the whole run or, with precision, up to the first
    look; `further` for each step of one network beyond it, all states taken together. `once` is
    what a job's first networks take beside, whose memory is new.
    """

    together: int
    first: float
    further: float = 0.0
    once: float = 0.0


@dataclass(frozen=True)
class Calibration:
    """What this machine takes, in processor seconds.

    `start` is for a job that does nothing, `theory` for all that gathering takes from theory.
    """

    speeds: Mapping[str, Speed]
    start: float
    theory: float


@dataclass(frozen=True)
class Job:
    """A job of the workflow, and the processor seconds that it may take."""

    kind: str
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What a sweep takes: with precision, if all networks run for `n_steps`."""

    n_steps: int
    simulate: list[Job]
    refine: list[Job]
    finish: list[Job]

    @property
    def jobs(self) -> list[Job]:
        return [*self.simulate, *self.refine, *self.finish]

    @property
    def processor_seconds(self) -> float:
        return sum(job.seconds for job in self.jobs)

    def seconds_of(self, kind: str) -> float:
        return sum(job.seconds for job in self.jobs if job.kind == kind)

    def wall_seconds(self, cores: int) -> float:
        """On so many idle cores: each kind of job waits for the one before."""
        kinds = self.simulate, self.refine, self.finish[:1], self.finish[1:]
        return sum(until_last([job.seconds for job in jobs], cores) for jobs in kinds if jobs)


def simulated(sweep: Sweep) -> list[str]:
    """The backends that are simulated: those asked for, and what they are made from."""
    wanted = [one.name for name in sweep.backends for one in reversed(BACKENDS[name].lineage)]
    return list(dict.fromkeys(wanted))


def n_networks(sweep: Sweep) -> int:
    """Networks of the grid, each on each backend."""
    return len(sweep.points()) * len(sweep.seeds) * len(simulated(sweep))


def result_bytes(sweep: Sweep) -> int:
    """Tiles, which hold every variable, the compressed phase map, and figures."""
    tile = _bytes(sweep, [*VARIABLES])
    known = [name for name in measured(sweep.backends, sweep.model_dump()) if name in VARIABLES]
    in_map = len(sweep.points()) * len(sweep.seeds) * len(sweep.backends)
    numbers = n_networks(sweep) * tile + _COMPRESSED * in_map * _bytes(sweep, known)
    n_files = len(simulated(sweep)) * len(sweep.seeds) * (sweep.tiles + _rounds(sweep))
    return round(numbers) + n_files * _FILE_BYTES + _FIGURE_BYTES


def _bytes(sweep: Sweep, names: Sequence[str]) -> int:
    """What a network's variables take."""
    return sum(
        np.dtype(VARIABLES[name].dtype).itemsize
        * (len(sweep.lags) if VARIABLES[name].lagged else 1)
        for name in names
    )


def lengths(sweep: Sweep) -> tuple[int, int, int]:
    """Steps of a network: at least, as expected, and at most.

    Nobody knows before how long a network takes to be precise. The expectation is the geometric
    mean of the shortest and the longest run.
    """
    s = sweep.simulation
    if s.precision is None:
        return s.steps, s.steps, s.steps
    return s.first_steps, round(math.sqrt(s.first_steps * s.max_steps)), s.max_steps


def calibrated(sweep: Sweep) -> Calibration:
    """The speed of each backend, from some networks of the sweep, spread over its grid.

    A fresh process loads beside them what a job loads, and tells what that and theory took.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
        start_and_theory = fresh.submit(_start_and_theory, sweep)
        _load(sweep)
        return Calibration(_speeds(sweep), *start_and_theory.result())


def _start_and_theory(sweep: Sweep) -> tuple[float, float]:
    """Processor seconds until this process has loaded what a job needs, and of theory."""
    _load(sweep)
    return time.process_time(), _theory_seconds(sweep)


def _load(sweep: Sweep) -> None:
    for name in simulated(sweep):
        load_kernels(name, sweep.mapping, sweep.observables)


def plan(sweep: Sweep, calibration: Calibration, n_steps: int) -> Plan:
    """The jobs of a sweep, if its networks run for so many steps."""
    speeds, start = calibration.speeds, calibration.start
    simulate = [
        Job(f"simulate, {name}", start + _seconds(sweep, speeds[name], n, n_steps))
        for name in simulated(sweep)
        for n in _points_of_tiles(sweep)
        for _ in sweep.seeds
    ]
    refine = [
        Job("refine", start + _rounds(sweep) * _seconds(sweep, speeds[one.name], n_g, n_steps))
        for name in sweep.backends
        for one in BACKENDS[name].lineage[:1]
        for n_g in [len(sweep.grid.g_factor)]
        for _ in sweep.seeds
    ]
    chaos = sweep.observables.chaos
    finish = [
        Job("gather", start + calibration.theory),
        Job("draw", start * (_FIGURES_OF_CHAOS if chaos else _FIGURES)),
        *[Job("write pages", start * _PAGE)] * 2,
    ]
    if chaos and with_damage(sweep.backends):
        finish += [Job("overview", start * _OVERVIEW)] * 2  # with the divergence that it shows
    return Plan(n_steps, simulate, refine if _rounds(sweep) else [], finish)


def _points_of_tiles(sweep: Sweep) -> Iterator[int]:
    for number in range(sweep.tiles):
        yield len(sweep.tile(sweep.backends[0], sweep.seeds[0], number).points)


def _rounds(sweep: Sweep) -> int:
    """Bisections of each border, if every g_factor has one."""
    precision, q = sweep.refinement.precision, sorted(sweep.grid.q_factor)
    if precision is None or len(q) < 2:
        return 0
    step = float(np.median(np.diff(q)))
    return max(0, math.ceil(math.log2(step / precision)))


def _seconds(sweep: Sweep, speed: Speed, n: int, n_steps: int) -> float:
    """What so many networks of one job take."""
    further = max(0, n_steps - lengths(sweep)[0])
    each = _groups(n, speed.together) * speed.first
    return speed.once + each + n * further * speed.further


def _groups(n: int, together: int) -> float:
    """How many whole groups take as long; half of a group's time does not depend on its size."""
    whole, rest = divmod(n, together)
    return whole + (0.5 + 0.5 * rest / together if rest else 0.0)


def _speeds(sweep: Sweep) -> dict[str, Speed]:
    found, known = dict[str, Speed](), dict[str, _Sampled]()
    for name in simulated(sweep):
        together = _together(sweep, name)
        n = _sample_size(sweep, together)
        short = _shortened(sweep, n)
        known[name] = sample = _sampled(short, name, n, known)
        larger = (sweep.network.neurons / short.network.neurons) ** 2
        longer = larger * lengths(sweep)[0] / lengths(short)[0]
        n = len(sample.points)
        if sweep.simulation.precision is None:
            each, once = sample.of_groups(together)
            found[name] = Speed(together, each * longer, once=once * larger)
            continue
        calm = sample
        if BACKENDS[name].spiking and sweep.observables.chaos:  # followed in the first steps alone
            observables = short.observables.model_copy(update={"chaos": False})
            calm = _sampled(short.model_copy(update={"observables": observables}), name, n, known)
        further = calm.seconds[-1] * larger / n / lengths(short)[0]
        found[name] = Speed(1, sample.seconds[-1] * longer / n, further)
    return found


def _sample_size(sweep: Sweep, together: int) -> int:
    at_once = 2 * together if sweep.simulation.precision is None else together // STATES
    return min(max(_SAMPLE, at_once), min(_points_of_tiles(sweep)))


def _together(sweep: Sweep, backend: str) -> int:
    """How many networks advance as one."""
    settings = Settings(half=np.zeros((1, 1)), mapping=sweep.mapping, steps=1, block_steps=1)
    most = backends.module(backend).Simulator(settings).together
    return max(1, min(most, sweep.batch_bytes // sweep.network_bytes))


def _spread(sweep: Sweep, n: int) -> list[tuple[float, float]]:
    """Some points, evenly along both axes of the grid."""
    q, g = sorted(sweep.grid.q_factor), sorted(sweep.grid.g_factor)
    places = [((i + 0.5) / n, (i + 0.5) * _GOLDEN % 1) for i in range(n)]
    return list(dict.fromkeys((q[int(x * len(q))], g[int(y * len(g))]) for x, y in places))


def _shortened(sweep: Sweep, n: int) -> Sweep:
    """The sweep with fewer neurons, and runs that n networks soon end.

    With precision these are the runs up to the first look. Where many networks advance together
    runs are shorter: what it takes to make a network counts little there.
    """
    s = sweep.simulation
    if s.precision is not None:
        short = s.model_copy(update={"max_steps": s.first_steps})
    else:
        steps = min(s.steps, max(_STEPS, _STEPS_OF_ALL // n, 3 * s.max_lag))
        burn_in = max(s.burn_in * steps // s.steps, sweep.observables.boxcar)
        short = s.model_copy(update={"steps": steps, "burn_in": min(burn_in, s.burn_in)})
    neurons = min(sweep.network.neurons, _NEURONS)
    network = sweep.network.model_copy(update={"neurons": neurons})
    return sweep.model_copy(update={"simulation": short, "network": network})


class _Sampled(NamedTuple):
    """Some networks that were simulated, and the processor seconds when each was done."""

    points: list[tuple[float, float]]
    values: Mapping[str, np.ndarray]
    seconds: np.ndarray

    def of_groups(self, together: int) -> tuple[float, float]:
        """What a group of networks takes, and what the first one takes beside."""
        n = len(self.points)
        if n < 2 * together:
            return float(self.seconds[-1]) / _groups(n, together), 0.0
        first = float(self.seconds[together - 1])
        each = (float(self.seconds[-1]) - first) / _groups(n - together, together)
        return each, max(0.0, first - each)


def _sampled(sweep: Sweep, backend: str, n: int, known: Mapping[str, _Sampled]) -> _Sampled:
    """Simulate so many networks; time is that of the process in which Lava runs them.

    `known` has those that they are made from, if they are made from others.
    """
    takes_from = BACKENDS[backend].takes_from
    points = known[takes_from].points if takes_from else _spread(sweep, n)
    smaller = sweep.at(points).model_copy(update={"tiles": 1})
    q, g = smaller.grid.q_factor, smaller.grid.g_factor
    indices = tuple((q.index(x), g.index(y)) for x, y in points)
    seconds = shared_array((len(points),), "float64")

    def show(done: int, total: int) -> None:
        seconds[done - 1] = time.process_time()

    with ONE_AT_A_TIME:
        values = simulate_tile(
            smaller,
            Tile(backend, sweep.seeds[0], 0, indices),
            source=known[takes_from].values if takes_from else {},
            show=show,
        )
    return _Sampled(points, values, seconds)


def _theory_seconds(sweep: Sweep) -> float:
    """What theory takes as tiles are gathered, from one g_factor, and one network's own border."""
    if not with_theory(sweep.backends):
        return 0.0
    g, q = sweep.grid.g_factor, sweep.grid.q_factor
    with one_thread():
        began = time.process_time()
        of_theory(sweep, q[:: max(1, len(q) // 8)], g[:1])
        n_q = len(q[:: max(1, len(q) // 8)])
        seconds = (time.process_time() - began) * len(g) * len(q) / n_q
        if own := borders.networks(sweep):
            began = time.process_time()
            borders.of_network(sweep, *own[len(own) // 2])
            seconds += (time.process_time() - began) * len(own)
    return seconds
