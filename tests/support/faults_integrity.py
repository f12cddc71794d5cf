"""Files that are damaged, replaced, locked or something else: what is said, and what is kept.

Each row of `ROWS` sets a fault in motion in a folder, checks what comes of it, and returns what
the command line said.
"""

import contextlib
import errno
import fcntl
import io
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import netCDF4
import numpy as np
import warm
import xarray as xr
import yaml
from tiny_sweep import SWEEP, VALID, copy_gathered, copy_tiles, write_tiles

from eiphase.cli import commands
from eiphase.errors import Damaged
from eiphase.jobs.datasets import netcdf, tile_file
from eiphase.sweep.schema import Sweep
from eiphase.system import seal, unsealed

_SECTOR = 512
_FLIPS = 200


def _command(*arguments: str | Path) -> tuple[int, str]:
    """Exit code and message of a command, run in this process and the jobs that it forks."""
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as error,
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(error),
    ):
        code = commands.main([str(argument) for argument in arguments])
        error.seek(0)
        lines = [line for line in error.read().splitlines() if line.startswith("eiphase: ")]
    return code, " ".join(lines).removeprefix("eiphase: ")


def _gather(folder: Path, tiles: list[Path]) -> tuple[int, str]:
    (folder / "tiny.yaml").write_text(yaml.safe_dump(VALID))
    return _command("gather", folder / "tiny.yaml", folder / "phase_map.nc", *tiles)


def _phase_map(folder: Path) -> Path:
    copy_gathered(folder)
    return folder / "phase_map.nc"


def _wrong(content: bytes) -> Iterator[bytes]:
    """A file's bytes with each sector zeroed, some bits flipped, and the end cut off."""
    for start in range(0, len(content), _SECTOR):
        zeroed = content[:start] + bytes(_SECTOR) + content[start + _SECTOR :]
        if zeroed[: len(content)] != content:
            yield zeroed[: len(content)]
    numbers = random.Random(1)
    for _ in range(_FLIPS):
        flipped = bytearray(content)
        flipped[numbers.randrange(len(content))] ^= 1 << numbers.randrange(8)
        yield bytes(flipped)
    for kept in (0, 100, len(content) // 2, len(content) - 1):
        yield content[:kept]


def _all_found(path: Path, read: Callable[[Path], object]) -> str:
    """Try all that `_wrong` makes of a file; returns the last message."""
    content, message = path.read_bytes(), ""
    for wrong in _wrong(content):
        path.write_bytes(wrong)
        try:
            read(path)
        except Damaged as error:
            message = str(error)
        else:
            raise AssertionError(f"{path} was read, though its bytes were wrong")
    return message


def damage_of_a_tile(folder: Path) -> str:
    return _all_found(write_tiles(folder)[0], lambda path: tile_file.read(path, SWEEP))


def damage_of_a_phase_map(folder: Path) -> str:
    return _all_found(_phase_map(folder), netcdf.open_phase_map)


def _zero(path: Path, start: int) -> None:
    content = bytearray(path.read_bytes())
    assert any(content[start : start + _SECTOR])
    content[start : start + _SECTOR] = bytes(_SECTOR)
    path.write_bytes(content)


def damaged_tile_is_gathered(folder: Path) -> str:
    """It is renamed, and so is not there when the workflow looks for it again."""
    tiles = copy_tiles(folder)
    _zero(tiles[1], 20 * _SECTOR)
    code, message = _gather(folder, tiles)
    assert code == 1, message
    assert f"{tiles[1]} is damaged" in message
    assert "Renamed to *.damaged" in message
    assert not tiles[1].exists()
    assert tiles[1].with_name(f"{tiles[1].name}.damaged").exists()
    return message


def damaged_phase_map_is_drawn(folder: Path) -> str:
    path = _phase_map(folder)
    _zero(path, 40 * _SECTOR)
    code, message = _command("show", path)
    assert (code, path.exists()) == (1, True)
    assert "is damaged" in message
    code, message = _command("draw", path, folder / "cut.png")
    assert (code, path.exists()) == (1, False)
    assert "Renamed to *.damaged" in message
    return message


def damaged_map_of_another_name(folder: Path) -> str:
    """It may be the user's own: it stays."""
    path = _phase_map(folder).rename(folder / "mine.nc")
    _zero(path, 40 * _SECTOR)
    code, message = _command("draw", path, folder / "cut.png")
    assert (code, path.exists()) == (1, True)
    assert "is damaged" in message
    return message


def damaged_recording(folder: Path) -> str:
    path = folder / "critical_rate.nc"
    netcdf.write(xr.Dataset({"state": ("step", np.arange(1000.0))}), path)
    _zero(path, path.stat().st_size - _SECTOR)
    code, message = _command(
        "draw-tutorial", "--recordings", path, "--figures", folder / "states.png"
    )
    assert (code, path.exists()) == (1, False)
    assert "Renamed to *.damaged" in message
    return message


def damaged_divergence(folder: Path) -> str:
    phase_map, path = _phase_map(folder), folder / "divergence.nc"
    netcdf.write(xr.Dataset({"damage": ("step", np.arange(1000.0))}), path)
    _zero(path, path.stat().st_size - _SECTOR)
    code, message = _command("draw-overview", phase_map, path, folder / "overview.png")
    assert (code, path.exists(), phase_map.exists()) == (1, False, True)
    assert "Renamed to *.damaged" in message
    return message


def tile_that_somebody_writes(folder: Path) -> str:
    """Whoever has it open for writing has locked it, as HDF5 does: nothing is renamed."""
    tiles = copy_tiles(folder)
    with tiles[1].open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(1000)
        file.write(bytes(5000))
        file.flush()
        code, message = _gather(folder, tiles)
    assert code == 1
    assert "cannot be read at the moment: another process has it open for writing" in message
    assert not list(folder.rglob("*.damaged"))
    return message


def disk_that_refuses(folder: Path) -> str:
    """For a moment, which is waited for; and for longer. No tile is renamed."""
    tiles = copy_tiles(folder)
    real, refused = seal._open_at_once, iter([errno.ESTALE, errno.EIO])

    def refuse(path: str, flags: int) -> int:
        for number in refused:
            raise OSError(number, os.strerror(number))
        return real(path, flags)

    with mock.patch.object(seal, "_open_at_once", refuse):
        assert _gather(folder, tiles) == (0, "")
    for number in (errno.ENOLCK, errno.EIO, errno.EACCES, errno.ESTALE):
        with mock.patch.object(
            seal, "_open_at_once", side_effect=OSError(number, os.strerror(number))
        ):
            code, message = _gather(folder, tiles)
        assert code == 1
        assert f"{tiles[0]} cannot be read" in message
        assert os.strerror(number) in message
    assert not list(folder.rglob("*.damaged"))
    return message


def disk_without_locks(folder: Path) -> str:
    """Here, one that refuses any: another process has locked the file."""
    path = _phase_map(folder)
    shown = {}
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for setting in (None, "TRUE"):
            env = {k: v for k, v in os.environ.items() if k != "HDF5_USE_FILE_LOCKING"}
            if setting:
                env["HDF5_USE_FILE_LOCKING"] = setting
            shown[setting] = subprocess.run(
                [sys.executable, "-m", "eiphase.cli.commands", "show", path],
                capture_output=True, text=True, env=env, check=False,
            )  # fmt: skip
    assert shown[None].returncode == 0, shown[None].stderr
    assert shown["TRUE"].returncode == 1
    assert "HDF5_USE_FILE_LOCKING=FALSE" in shown["TRUE"].stderr
    return shown["TRUE"].stderr.strip()


def _bomb(path: Path) -> None:
    """A small file of 80 TB by its own account."""
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("point", 10**13)
        file.createVariable("point", "f8", ("point",), chunksizes=(10**6,), zlib=True)


def strangers_among_tiles(folder: Path) -> str:
    """A job looks for tiles that it may take over: whatever else lies there costs nothing."""
    tiles = copy_tiles(folder)
    tile = next(SWEEP.all_tiles())
    names = [tiles[0].parent / f"tile-{number}-0123456789abcdef.nc" for number in range(90, 95)]
    os.mkfifo(names[0])
    _bomb(names[1])
    names[2].mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(names[3].parent)  # a socket's path must be short
        server.bind(names[3].name)
        os.chdir(here)
        names[4].touch()
        os.truncate(names[4], 2**40)  # a hole of a terabyte
        assert len(tile_file.known(tiles[0].parent, SWEEP, tile)[0]) == len(tile.points)
        for name in names:
            code, message = _gather(folder, [name])
            assert code == 1
            assert str(name) in message
    return message


def bomb_as_phase_map(folder: Path) -> str:
    path = folder / "phase_map.nc"
    _bomb(path)
    code, message = _command("show", path)
    assert code == 1
    assert f"{path} does not fit" in message
    return message


def rewritten_map_that_hangs(folder: Path) -> str:
    """Who rewrites a map with another program has no seal: then reading is tried by a process."""
    original, path = _phase_map(folder), folder / "mine.nc"
    xr.load_dataset(original).to_netcdf(path)
    assert _command("show", path)[0] == 0
    with (
        mock.patch.object(unsealed, "_PATIENCE", 0.2),
        mock.patch.object(netCDF4, "Dataset", side_effect=lambda _: time.sleep(60)),
    ):
        code, message = _command("show", path)
    assert code == 1
    assert f"{path} is damaged: to read it did not end" in message
    return message


def replaced_refinement(folder: Path) -> str:
    """The refined tile of another precision, under the name of this one."""
    tile, digests = SWEEP.tile("rate", 1, 0), ("0" * 16, "f" * 16)
    paths = [folder / f"refined-{digest}.nc" for digest in digests]
    template = copy_tiles(folder)[0]
    values = tile_file.read(template, SWEEP).values
    for path, digest in zip(paths, digests, strict=True):
        tile_file.write(path, values, SWEEP, tile, digest=digest)
    shutil.copy(paths[1], paths[0])
    tiles = [folder / SWEEP.tile_path(tile) for tile in SWEEP.all_tiles()]
    (folder / "tiny.yaml").write_text(yaml.safe_dump(VALID))
    code, message = _command(
        "gather", folder / "tiny.yaml", folder / "phase_map.nc", *tiles, "--refined", paths[0]
    )
    assert code == 1
    assert f"{paths[0]} holds another tile than its name says. Renamed" in message
    return message


def damaged_ranges(folder: Path) -> str:
    """What an lif_bit_accurate tile needs: its job renames it, for nobody else would."""
    config = VALID | {"backends": ["lif_float", "lif_bit_accurate"]}
    sweep = Sweep.model_validate(config)
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    tiles = write_tiles(folder, sweep)
    ranges = next(path for path in tiles if path.match("lif_float/seed-1/tile-0-*.nc"))
    _zero(ranges, 20 * _SECTOR)
    tile = ("--backend", "lif_bit_accurate", "--seed", 1, "--tile", 0, "--ranges", ranges)
    run = warm.eiphase("simulate-tile", "tiny.yaml", "new.nc", *tile, folder=folder)
    assert run.returncode == 1, run.stderr
    assert "Renamed to *.damaged" in run.stderr
    assert not ranges.exists()
    return run.stderr.strip().splitlines()[-1]


ROWS: list[tuple[str, Callable[[Path], str]]] = [
    ("each sector of a tile zeroed, 200 bits flipped", damage_of_a_tile),
    ("the same of a phase map", damage_of_a_phase_map),
    ("a damaged tile is gathered", damaged_tile_is_gathered),
    ("a damaged tile that others need", damaged_ranges),
    ("another refined tile under this name", replaced_refinement),
    ("a damaged phase map is drawn", damaged_phase_map_is_drawn),
    ("the same, of another name", damaged_map_of_another_name),
    ("a damaged divergence.nc is drawn", damaged_divergence),
    ("a damaged recording is drawn", damaged_recording),
    ("a tile that another process is writing", tile_that_somebody_writes),
    ("a disk that refuses to read, for a moment or longer", disk_that_refuses),
    ("a disk without locks", disk_without_locks),
    ("FIFO, bomb, folder, socket and a terabyte among tiles", strangers_among_tiles),
    ("a bomb as phase map", bomb_as_phase_map),
    ("a phase map without a seal at which HDF5 hangs", rewritten_map_that_hangs),
]
