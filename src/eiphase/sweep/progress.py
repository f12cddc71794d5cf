"""How far a sweep is: one line over all of its tiles, whichever jobs simulate them."""

import heapq
import os
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import NamedTuple

from eiphase.backends import BACKENDS
from eiphase.sweep.schema import Sweep
from eiphase.sweep.tiles import Tile

_PAUSE = 30.0  # seconds from one line of a log to the next, but for a tile's last
_TOLD = 1.0  # seconds from one time that a job tells others how far it is to the next
_GONE = 300.0  # seconds; a job that has told nothing for so long does not run any more
_START = 3.0  # seconds, roughly, that a job takes to start
_TERMINAL, _STARTED = "EIPHASE_TERMINAL", "EIPHASE_STARTED"


def tell_jobs() -> None:
    """Leave in the environment of all jobs when the sweep began, and the terminal that it has."""
    os.environ[_STARTED] = repr(time.time())
    os.environ.pop(_TERMINAL, None)
    with suppress(OSError, ValueError):  # there is no terminal, or no standard error
        os.environ[_TERMINAL] = f"{platform.node()}:{os.ttyname(sys.stderr.fileno())}"


class _State(NamedTuple):
    """How far a tile is, and what is known of its speed."""

    n_left: float
    n_simulated: float  # by a job that has told of it
    seconds: float  # that these took
    runs: bool


class SweepProgress:
    """What one job tells of its tile, beside what others have told.

    `output` is the tile's file, and `known` the number of its networks that need no simulation.
    Jobs tell each other by small files in the folder of tiles. A disk that takes none costs the
    line, never the job. A file outside a sweep's folder has a line of its own.

    On the terminal of the workflow the line is written over itself, about each second. A log has
    one now and then, and each tile's last.
    """

    def __init__(self, sweep: Sweep, tile: Tile, output: Path, known: int = 0):
        self._sweep, self._tile, self._output, self._known = sweep, tile, output, known
        self._folder = output.parent.parent.parent
        self._of_sweep = tile.number < sweep.tiles and output == self._folder / sweep.tile_path(
            tile
        )
        self._started = self._last = time.monotonic()
        self._state_before = (0, 0.0)
        if self._of_sweep:  # a job that has not done anything yet has a core, too
            self._tell(known, 0, 0.0)

    def show(self, done: int, total: int) -> None:
        """So many networks of the tile are simulated, of those that are not known.

        Networks that advance together end together. The first of them would make the job look
        slow, so what is told is how far it was, and when, one network before.
        """
        now = time.monotonic()
        state = (done, now - self._started)
        told, self._state_before = (state if done == total else self._state_before), state
        if done < total and now - self._last < _TOLD:
            return
        self._last = now
        if not told[0]:
            return
        if self._of_sweep:
            self._tell(self._known + told[0], *told)
            self._print(is_last=done == total)
        elif done == total:
            print(f"{self._tile}: simulated {done} networks", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave how fast the tile was for others to reckon with; the last job clears up."""
        if not self._of_sweep or any(self._state(tile).n_left for tile in self._paths):
            return
        for tile in self._paths:
            with suppress(OSError):
                self._told(tile).unlink(missing_ok=True)

    def _tell(self, n: int, n_simulated: int, seconds: float) -> None:
        told = self._told(self._tile)
        with suppress(OSError):
            told.parent.mkdir(parents=True, exist_ok=True)
            told.write_text(f"{n} {n_simulated} {seconds}", encoding="utf-8")

    def _print(self, *, is_last: bool) -> None:
        terminal = _terminal()
        if terminal and not is_last:
            if self._is_time(_TOLD):
                _write_over(terminal, self._line())
        elif is_last or self._is_time(_PAUSE):
            if terminal:  # to which this line comes, too
                _write_over(terminal, "")
            print(self._line(), file=sys.stderr, flush=True)

    def _is_time(self, pause: float) -> bool:
        """Whether no job has printed a line just now; this one is about to."""
        printed = self._folder / "progress/printed"
        with suppress(OSError):
            if _age(printed) < pause:
                return False
            printed.touch()
        return True

    def _line(self) -> str:
        states = {tile: self._state(tile) for tile in self._paths}
        n_all = sum(len(tile.points) for tile in states)
        n_done = n_all - sum(state.n_left for state in states.values())
        line = f"simulated {n_done:.0f} of {n_all} networks in {_clock(self._elapsed())}"
        left = _seconds_left(states)
        if not left:
            return line
        end = time.strftime("%H:%M", time.localtime(time.time() + left))
        return f"{line}, about {_clock(left)} left, until {end}"

    def _elapsed(self) -> float:
        """Seconds since the sweep began, or this job where nobody has told when that was."""
        with suppress(KeyError, ValueError):
            return max(0.0, time.time() - float(os.environ[_STARTED]))
        return time.monotonic() - self._started

    @cached_property
    def _paths(self) -> dict[Tile, str]:
        """All tiles that are simulated for the sweep, and where, in the order of jobs."""
        return {tile: self._sweep.tile_path(tile) for tile in self._tiles()}

    def _tiles(self) -> Iterator[Tile]:
        yield from self._sweep.all_tiles()
        sources = {BACKENDS[backend].takes_from for backend in self._sweep.backends}
        for source in filter(None, sources - {*self._sweep.backends}):
            for seed, number in product(self._sweep.seeds, range(self._sweep.tiles)):
                yield self._sweep.tile(source, seed, number)

    def _state(self, tile: Tile) -> _State:
        n, n_simulated, seconds, age = 0.0, 0.0, 0.0, float("inf")
        with suppress(OSError, ValueError):
            told = self._told(tile)
            n, n_simulated, seconds = map(float, told.read_text(encoding="utf-8").split())
            age = _age(told)
        # A sweep with another mapping takes some tiles from the sweep that it is made of.
        path = self._paths[tile]
        if any((folder / path).exists() for folder in (self._folder, self._original)):
            return _State(0, n_simulated, seconds, runs=False)
        runs = age < _GONE  # else nothing is left of what it has simulated
        n_left = len(tile.points) - min(n, len(tile.points)) * runs
        return _State(n_left, n_simulated, seconds, runs)

    @property
    def _original(self) -> Path:
        """The sweep's own `results/demo/tiles`, for `results/demo/mappings/NAME/tiles`."""
        return self._folder.parent.parent.parent / "tiles"

    def _told(self, tile: Tile) -> Path:
        """The file that tells of a tile: with its digest, for speeds are those of one config."""
        return self._folder / "progress" / self._paths[tile].replace("/", "-").removesuffix(".nc")


def _seconds_left(states: Mapping[Tile, _State]) -> float:
    """Until the last tile is simulated, by as many jobs at once as run now; 0 if nobody knows.

    Networks of one backend take as long as those that are done. What a backend takes that has none
    follows from the others by `Backend.cost`. Jobs begin in the order of the tiles.
    """
    n_done, seconds = defaultdict[str, float](float), defaultdict[str, float](float)
    for tile, state in states.items():
        n_done[tile.backend] += state.n_simulated
        seconds[tile.backend] += state.seconds
    cost_done = sum(BACKENDS[name].cost * n for name, n in n_done.items())
    if not cost_done:
        return 0.0
    per_cost = sum(seconds.values()) / cost_done
    each = {
        name: seconds[name] / n if n else BACKENDS[name].cost * per_cost
        for name, n in n_done.items()
    }
    in_order = sorted(states.items(), key=lambda item: not item[1].runs)
    n_jobs = max(1, sum(state.runs for state in states.values()))
    jobs = (
        state.n_left * each[tile.backend] + (0.0 if state.runs else _START)
        for tile, state in in_order
        if state.n_left
    )
    return until_last(jobs, n_jobs)


def until_last(jobs: Iterable[float], n_at_once: int) -> float:
    """When the last of some jobs ends, each of which takes the place that is free first."""
    ends = [0.0] * n_at_once
    for seconds in jobs:
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)


def _terminal() -> str | None:
    """The terminal of the workflow, or else of this job's errors, if there is one."""
    host, _, name = os.environ.get(_TERMINAL, "").rpartition(":")
    if name and host == platform.node():
        return name
    with suppress(OSError, ValueError):
        return os.ttyname(sys.stderr.fileno())
    return None


def _write_over(terminal: str, line: str) -> None:
    """Write in place of what stands in the terminal's last line, and leave that to others."""
    with suppress(OSError):
        # Not to become the terminal that controls the job.
        file = os.open(terminal, os.O_WRONLY | os.O_NOCTTY)
        try:
            width = os.get_terminal_size(file).columns or len(line) + 1
            os.write(file, f"\r\x1b[2K{line[: width - 1]}\r".encode())
        finally:
            os.close(file)


def _age(path: Path) -> float:
    """Seconds since a file was written."""
    return time.time() - path.stat().st_mtime if path.exists() else float("inf")


def _clock(seconds: float) -> str:
    """Minutes and seconds, `1:20`, or with hours, `2:01:20`."""
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{seconds:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
