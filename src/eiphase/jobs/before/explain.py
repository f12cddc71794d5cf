"""What a sweep will take, before anything starts: some of its networks are simulated to tell."""

import math
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple, cast

import numpy as np

from eiphase.backends import BACKENDS, with_damage, with_theory
from eiphase.numerics.arrays import blocks, keep_freed_memory
from eiphase.simulation import backends
from eiphase.simulation.backends import Block, Lanes, Prepared, Settings
from eiphase.simulation.in_lavas_process import Work
from eiphase.simulation.observation import STATES
from eiphase.simulation.tile import load_kernels, work_on
from eiphase.sweep.progress import until_last
from eiphase.sweep.schema import Sweep
from eiphase.sweep.tiles import Tile
from eiphase.variables import VARIABLES, measured

_RUNS = 5  # of networks, or of their states, that are timed at least
_BURN_IN, _STEPS, _STEPS_OF_ALL = 100, 500, 5000  # of each network at least, and of all together
_NEURONS, _GROWTH = 400, 1.6  # at most; power of N with which time grows from 400 to 2000
_MAPPED = 32  # networks at most that are made, or one line of the grid, to see which are equal
_GOLDEN = 0.618034  # whose multiples fill a range evenly, however many there are
_NUMPY = "import numpy, time; print(time.process_time())"
_START = 11.0  # of a job, in those of a Python that imports NumPy
# In starts of a job: theory's exponent at a point, the own border of a network with 400 neurons,
# all figures, each page, and each half of the overview.
_EXPONENT, _OWN_BORDER = 0.01, 1.5
_FIGURES, _FIGURES_OF_CHAOS, _PAGE, _OVERVIEW = 6.0, 9.0, 2.0, 4.0
_FILE_BYTES, _FIGURE_BYTES = 60_000, 2_000_000  # of a tile without numbers, of all figures
_COMPRESSED = 0.75  # what is left of a phase map's numbers in its file


@dataclass(frozen=True)
class Speed:
    """Processor seconds that networks of a backend take on this machine, those sampled alike.

    `first` is for all of `together` networks, of the whole run or, with precision, up to the first
    look; `further` for each step of one network beyond it, all states taken together.
    """

    together: int
    first: float
    further: float = 0.0


@dataclass(frozen=True)
class Calibration:
    """What this machine takes, in processor seconds; `start` is for a job that does nothing.

    `distinct` is the part of a backend's networks that are simulated: of those in a tile that are
    equal to the bit, the first.
    """

    speeds: Mapping[str, Speed]
    start: float
    distinct: Mapping[str, float] = field(default_factory=dict)

    def n_simulated(self, backend: str, n_networks: int) -> int:
        """How many of a tile's networks are simulated."""
        return max(1, round(n_networks * self.distinct.get(backend, 1.0)))


@dataclass(frozen=True)
class Job:
    """A job of the workflow, and the processor seconds that it may take."""

    kind: str
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What a sweep takes: with precision, if all networks run for `n_steps`.

    `spectra` are found beside simulations.
    """

    n_steps: int
    simulate: list[Job]
    spectra: list[Job]
    refine: list[Job]
    finish: list[Job]

    @property
    def jobs(self) -> list[Job]:
        return [*self.simulate, *self.spectra, *self.refine, *self.finish]

    @property
    def processor_seconds(self) -> float:
        return sum(job.seconds for job in self.jobs)

    def seconds_of(self, kind: str) -> float:
        return sum(job.seconds for job in self.jobs if job.kind == kind)

    def wall_seconds(self, cores: int) -> float:
        """On so many idle cores: each kind of job waits for the one before."""
        first = [*self.simulate, *self.spectra]
        kinds = first, self.refine, self.finish[:1], self.finish[1:]
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

    Everything runs in this process, without Lava. What it did before says nothing of the start of
    a job, so another one imports NumPy.
    """
    keep_freed_memory()  # as the process does in which Lava simulates
    for name in simulated(sweep):
        load_kernels(name, sweep.mapping, sweep.observables)
    numpy = subprocess.run([sys.executable, "-P", "-c", _NUMPY], check=True, stdout=subprocess.PIPE)
    return Calibration(_speeds(sweep), _START * float(numpy.stdout), _distinct(sweep))


def plan(sweep: Sweep, calibration: Calibration, n_steps: int) -> Plan:
    """The jobs of a sweep, if its networks run for so many steps."""
    speeds, start = calibration.speeds, calibration.start
    simulate = [
        Job(f"simulate, {name}", start + _seconds(sweep, speeds[name], n, n_steps))
        for name in simulated(sweep)
        for of_tile in _points_of_tiles(sweep)
        for n in [calibration.n_simulated(name, of_tile)]
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
        Job("gather", start * (2 + _exponents(sweep))),
        Job("draw", start * (_FIGURES_OF_CHAOS if chaos else _FIGURES)),
        *[Job("write pages", start * _PAGE)] * 2,
    ]
    if chaos and with_damage(sweep.backends):
        finish += [Job("overview", start * _OVERVIEW)] * 2  # with the divergence that it shows
    spectra = [Job("spectra", start * (1 + own)) for own in _own_borders(sweep)]
    return Plan(n_steps, simulate, spectra, refine if _rounds(sweep) else [], finish)


def _points_of_tiles(sweep: Sweep) -> Iterator[int]:
    for number in range(sweep.tiles):
        yield len(sweep.tile(sweep.backends[0], sweep.seeds[0], number).points)


def _exponents(sweep: Sweep) -> float:
    """What theory's exponents take as tiles are gathered, in starts of a job."""
    return _EXPONENT * len(sweep.points()) if with_theory(sweep.backends) else 0.0


def _own_borders(sweep: Sweep) -> list[float]:
    """What the own borders of networks take, those of each seed, in starts of a job."""
    each = _OWN_BORDER * (sweep.network.neurons / 400) ** 1.5
    return [each * len(sweep.grid.g_factor)] * len(sweep.seeds) if sweep.has_spectra else []


def _rounds(sweep: Sweep) -> int:
    """Bisections of each border, if every g_factor has one."""
    precision, q = sweep.refinement.precision, sorted(sweep.grid.q_factor)
    if precision is None or len(q) < 2:
        return 0
    step = float(np.median(np.diff(q)))
    return max(0, math.ceil(math.log2(step / precision)))


def _distinct(sweep: Sweep) -> dict[str, float]:
    """What `Calibration.distinct` has; integers are equal where what they are made from is."""
    sources = {name: BACKENDS[name].lineage[-1].name for name in simulated(sweep)}
    parts = {source: _distinct_of(sweep, source) for source in set(sources.values())}
    return {name: parts[source] for name, source in sources.items()}


def _distinct_of(sweep: Sweep, backend: str) -> float:
    """Part of the networks that differ from all before in their tile, in some lines of the grid."""
    n_lines = max(1, _MAPPED // len(sweep.grid.q_factor))
    lines = {g for _, g in _spread(sweep, min(n_lines, len(sweep.grid.g_factor)))}
    found, n = set[tuple[int, object]](), 0
    for number in range(sweep.tiles):
        tile = sweep.tile(backend, sweep.seeds[0], number)
        work, _ = work_on(_smaller(sweep), tile, {})
        for index, network in enumerate(work.networks):
            if network.g_factor in lines:
                found.add((number, work.prepared(index).digest or n))
                n += 1
    return len(found) / n if n else 1.0


def _seconds(sweep: Sweep, speed: Speed, n: int, n_steps: int) -> float:
    """What so many networks of one job take."""
    further = max(0, n_steps - lengths(sweep)[0])
    return _groups(n, speed.together) * speed.first + n * further * speed.further


def _groups(n: int, together: int) -> float:
    """How many whole groups take as long; most of a group's time does not depend on its size."""
    whole, rest = divmod(n, together)
    return whole + (0.75 + 0.25 * rest / together if rest else 0.0)


def _speeds(sweep: Sweep) -> dict[str, Speed]:
    known, found = dict[str, _Timed](), dict[str, Speed]()
    for name in simulated(sweep):
        together = _together(sweep, name)
        n = _sample_size(sweep, together)
        short = _shortened(sweep, n * _states(sweep))
        larger = (sweep.network.neurons / short.network.neurons) ** _GROWTH
        known[name] = timed = _timed(short, name, n, known)
        first = larger * (timed.once + timed.step * lengths(sweep)[0])
        n = len(timed.points)
        if sweep.simulation.precision is None:
            found[name] = Speed(together, first / _groups(n, together))
        else:
            further = timed.alone + _part_followed(sweep) * (timed.step - timed.alone)
            found[name] = Speed(1, first / n, larger * further / n)
    return found


def _part_followed(sweep: Sweep) -> float:
    """Part of the steps beyond the first look, as expected, in which perturbations are followed.

    As many as before the first look are followed before each one, at which the run has doubled.
    """
    first, expected, _ = lengths(sweep)
    burn_in = sweep.simulation.burn_in
    n_looks = math.log2((expected - burn_in) / (first - burn_in))
    return min(1.0, n_looks * first / max(1, expected - first))


def _sample_size(sweep: Sweep, together: int) -> int:
    """Count the networks that advance together, or a few."""
    n_states = _states(sweep)
    n = max(together // n_states, math.ceil(_RUNS / n_states))
    return min(n, min(_points_of_tiles(sweep)))


def _states(sweep: Sweep) -> int:
    """From how many states a network is simulated."""
    return 1 if sweep.simulation.precision is None else STATES


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
    """The sweep with fewer neurons, and short runs, n in all, that are measured early."""
    s, window = sweep.simulation, sweep.observables.boxcar
    burn_in = min(s.burn_in, max(_BURN_IN, window))
    steps = min(s.steps, max(_STEPS, _STEPS_OF_ALL // n, 4 * burn_in))
    max_lag = min(s.max_lag, max(1, (steps - 2 * burn_in) // 2))
    short = s.model_copy(update={"steps": steps, "burn_in": burn_in, "max_lag": max_lag})
    return _smaller(sweep).model_copy(update={"simulation": short, "tiles": 1})


def _smaller(sweep: Sweep) -> Sweep:
    """The sweep with so few neurons that it takes little time."""
    neurons = min(sweep.network.neurons, _NEURONS)
    network = sweep.network.model_copy(update={"neurons": neurons})
    return sweep.model_copy(update={"network": network})


class _Timed(NamedTuple):
    """Some networks that were simulated, and the processor seconds that all of them took.

    `once` is to make them and to reduce what was measured, `step` is for a step, `alone` for one in
    which no perturbation is followed.
    """

    points: list[tuple[float, float]]
    values: Mapping[str, np.ndarray]
    once: float
    step: float
    alone: float


def _timed(sweep: Sweep, backend: str, n: int, known: Mapping[str, _Timed]) -> _Timed:
    """Simulate so many networks; `known` has those that they are made from, if any."""
    source = known.get(BACKENDS[backend].takes_from or "")
    points = source.points if source else _spread(sweep, n)
    work, values = work_on(*_tile(sweep, backend, points), source.values if source else {})
    began = time.process_time()
    running = _Running.of(work, _states(sweep))
    once = time.process_time() - began
    burn_in, end = max(1, sweep.simulation.burn_in), sweep.steps_together
    start = burn_in + (end - burn_in) // 4  # what is measured first takes new memory, too
    running.advance(slice(0, burn_in))
    running.advance(slice(burn_in, start))
    step = running.advance(slice(start, end)) / (end - start)
    began = time.process_time()
    running.keep()
    once += time.process_time() - began
    alone = step
    if sweep.simulation.precision and BACKENDS[backend].spiking:  # beyond the first look
        n_steps = sweep.simulation.block_steps
        alone = running.advance(slice(end, end + n_steps)) / n_steps
    return _Timed(points, values.arrays, once, step, alone)


def _tile(sweep: Sweep, backend: str, points: list[tuple[float, float]]) -> tuple[Sweep, Tile]:
    smaller = sweep.at(points)
    q, g = smaller.grid.q_factor, smaller.grid.g_factor
    indices = tuple((q.index(x), g.index(y)) for x, y in points)
    return smaller, Tile(backend, sweep.seeds[0], 0, indices)


@dataclass(frozen=True)
class _Running:
    """Networks that advance side by side, and are measured; those that cannot be made are not."""

    work: Work
    prepared: list[Prepared]
    observers: dict[int, Any]
    lanes: Lanes
    n_states: int

    @classmethod
    def of(cls, work: Work, n_states: int) -> "_Running":
        """All networks of some work, each from so many states."""
        prepared = [work.prepared(index) for index in range(len(work.networks))]
        ready = {index: one for index, one in enumerate(prepared) if one.problem is None}
        observers = {index: work.watch(index, one)[0] for index, one in ready.items()}
        lanes = work.simulator.lanes()
        for index, number in product(ready, range(n_states)):
            lanes.put((index, number), ready[index], work.networks[index], number)
        return cls(work, prepared, observers, lanes, n_states)

    def advance(self, steps: slice) -> float:
        """Advance all by some steps; gives the processor seconds that it took."""
        began = time.process_time()
        for part in blocks(steps.start, steps.stop, self.work.settings.block_steps):
            found = self.lanes.advance(part.stop - part.start) if self.observers else {}
            for (index, number), block in cast(Mapping[tuple[int, int], Block], found).items():
                self.observers[index].add(number if self.n_states > 1 else part, block)
        return time.process_time() - began

    def keep(self) -> None:
        """Store what was found."""
        for index, one in enumerate(self.prepared):
            observers = [self.observers[index]] if index in self.observers else []
            self.work.keep(index, one, observers)
