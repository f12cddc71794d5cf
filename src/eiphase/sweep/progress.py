"""How far a sweep is: one line over all of its tiles, whichever jobs simulate them."""

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path

from eiphase.backends import BACKENDS
from eiphase.sweep.schema import Sweep
from eiphase.sweep.tiles import Tile

_PAUSE = 5.0  # seconds from one line to the next, but for a tile's last
_TOLD = 1.0  # seconds from one time that a job tells others how far it is to the next
_GONE = 300.0  # seconds; a job that has told nothing for so long does not run any more


class SweepProgress:
    """What one job tells of its tile, beside what others have told.

    `output` is the tile's file, and `known` the number of its networks that need no simulation.
    Jobs tell each other by small files in the folder of tiles. A disk that takes none costs the
    line, never the job. A file outside a sweep's folder has a line of its own.
    """

    def __init__(self, sweep: Sweep, tile: Tile, output: Path, known: int = 0):
        self._sweep, self._tile, self._output, self._known = sweep, tile, output, known
        self._folder = output.parent.parent.parent
        self._of_sweep = tile.number < sweep.tiles and output == self._folder / sweep.tile_path(
            tile
        )
        self._started = self._last = time.monotonic()
        self._state_before = (0, 0.0)

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
            with suppress(OSError):
                self._tell(f"{self._known + told[0]} {told[0]} {told[1]}")
            if done == total or self._is_time():
                print(self._line(), file=sys.stderr, flush=True)
        elif done == total:
            print(f"{self._tile}: simulated {done} networks", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Remove what was told of the tile: its file is there now, and says all."""
        with suppress(OSError):
            self._told(self._tile).unlink(missing_ok=True)

    def _tell(self, state: str) -> None:
        told = self._told(self._tile)
        told.parent.mkdir(parents=True, exist_ok=True)
        told.write_text(state, encoding="utf-8")

    def _is_time(self) -> bool:
        """Whether no job has printed a line just now; this one is about to."""
        printed = self._told(self._tile).with_name("printed")
        with suppress(OSError):
            if _age(printed) < _PAUSE:
                return False
            printed.touch()
        return True

    def _line(self) -> str:
        n_done = n_all = cost_left = speed = 0.0
        for tile in self._tiles():
            n, n_simulated, seconds = self._state(tile)
            cost = BACKENDS[tile.backend].cost
            n_done, n_all = n_done + n, n_all + len(tile.points)
            cost_left += cost * (len(tile.points) - n)
            speed += cost * n_simulated / seconds
        left = f", about {_clock(cost_left / speed)} left" if cost_left and speed else ""
        return f"simulated {n_done:.0f} of {n_all:.0f} networks{left}"

    def _tiles(self) -> Iterator[Tile]:
        """All that are simulated for the sweep."""
        yield from self._sweep.all_tiles()
        sources = {BACKENDS[backend].takes_from for backend in self._sweep.backends}
        for source in filter(None, sources - {*self._sweep.backends}):
            for seed, number in product(self._sweep.seeds, range(self._sweep.tiles)):
                yield self._sweep.tile(source, seed, number)

    def _state(self, tile: Tile) -> tuple[float, float, float]:
        """How many networks are done; how many by a job that runs, and its seconds."""
        # A sweep with another mapping takes some tiles from the sweep that it is made of.
        path = self._sweep.tile_path(tile)
        if any((folder / path).exists() for folder in (self._folder, self._original)):
            return len(tile.points), 0, 1
        with suppress(OSError, ValueError):
            told = self._told(tile)
            n, n_simulated, seconds = map(float, told.read_text(encoding="utf-8").split())
            runs = _age(told) < _GONE
            return min(n, len(tile.points)), n_simulated * runs, max(seconds, 1e-3)
        return 0, 0, 1

    @property
    def _original(self) -> Path:
        """The sweep's own `results/demo/tiles`, for `results/demo/mappings/NAME/tiles`."""
        return self._folder.parent.parent.parent / "tiles"

    def _told(self, tile: Tile) -> Path:
        name = f"{tile.backend}-{tile.seed}-{tile.number}"
        return self._folder / "progress" / name


def _age(path: Path) -> float:
    """Seconds since a file was written."""
    return time.time() - path.stat().st_mtime if path.exists() else float("inf")


def _clock(seconds: float) -> str:
    """Minutes and seconds, `1:20`, or with hours, `2:01:20`."""
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{seconds:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
