"""Files of tiles: what one job leaves for gathering, and for later jobs to take over."""

import hashlib
import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from eiphase import provenance
from eiphase.dataset import VARIABLES
from eiphase.errors import DatasetError
from eiphase.files import beside
from eiphase.provenance import Origin
from eiphase.sweep import Sweep, Tile, tile_digest

_NAME = re.compile(r"tile-\d+-([0-9a-f]{16})\.nc")
_REFINED = re.compile(r"refined-[0-9a-f]{16}\.nc")  # its digest is not of its points


class DamagedTile(DatasetError):
    """A file that is not what its own name says; the message is one sentence."""


Point = tuple[float, float]
"""q_factor and g_factor."""
Values = Mapping[str, Any]
"""Of the variables of one point, by name."""


@dataclass(frozen=True)
class Contents:
    """What stands in a tile's file."""

    backend: str
    seed: int
    points: list[Point]
    values: Mapping[str, np.ndarray]  # of `dataset.VARIABLES`, along `points`
    origins: frozenset[Origin]

    def by_point(self) -> dict[Point, Values]:
        return by_point(self.points, self.values)


def by_point(points: Sequence[Point], values: Mapping[str, np.ndarray]) -> dict[Point, Values]:
    """What stands along points, point by point."""
    return {
        point: {name: array[index] for name, array in values.items()}
        for index, point in enumerate(points)
    }


def write(
    path: Path,
    values: Mapping[str, np.ndarray],
    sweep: Sweep,
    tile: Tile,
    *,
    origins: Collection[Origin] = (),
) -> None:
    """Write what a tile's networks gave: each variable along `point`, some along `lag` too.

    `origins` are those of the values; this code and machine unless some are given.
    """
    networks = list(sweep.networks(tile))
    with beside(path) as partial, netCDF4.Dataset(partial, "w") as file:
        file.backend, file.seed = tile.backend, tile.seed
        file.parameters = json.dumps(sweep.parameters(tile.backend))
        file.setncatts(provenance.attributes(tile.backend))
        file.origins = json.dumps(sorted(origins or [provenance.origin()]))
        file.checksum = _checksum(values)
        file.createDimension("point", len(tile.points))
        file.createDimension("lag", sweep.simulation.max_lag + 1)

        for name in ("q_factor", "g_factor"):
            file.createVariable(name, "f8", ("point",))
        for name in values:
            dims = ("point", "lag") if VARIABLES[name].lagged else ("point",)
            file.createVariable(name, VARIABLES[name].dtype, dims)
        # Numbers only now: between them, each new variable would take netCDF twice as long.
        for name in ("q_factor", "g_factor"):
            file[name][:] = [getattr(network, name) for network in networks]
        for name, data in values.items():
            file[name][:] = data


def read(path: Path, sweep: Sweep) -> Contents:
    """Read what `write` wrote.

    Raises `DamagedTile` if the file is not readable or not what its name says, and
    `DatasetError` if its numbers are not those that this sweep and this code would give.
    """
    try:
        with netCDF4.Dataset(path) as file:
            file.set_auto_mask(False)
            backend, seed, code = str(file.backend), int(file.seed), str(file.code_digest)
            parameters = json.loads(file.parameters)
            q_factor, g_factor = file["q_factor"][:].tolist(), file["g_factor"][:].tolist()
            points = list(zip(q_factor, g_factor, strict=True))
            _check_name(path, tile_digest(backend, seed, parameters, points, code))
            _check_origin(path, sweep, backend, parameters, code)
            values = {name: file[name][:] for name in VARIABLES}
            origins = frozenset((str(c), str(m)) for c, m in json.loads(file.origins))
            if _checksum(values) != file.checksum:
                raise DamagedTile(f"{path} is damaged: its checksum is not that of its numbers.")
            return Contents(backend, seed, points, values, origins)
    except DatasetError:
        raise
    except FileNotFoundError:
        raise DatasetError(f"{path} is not there.") from None
    except OSError as error:
        if error.errno is not None and error.errno > 0:  # the system's; netCDF's are negative
            raise DatasetError(f"{path} cannot be read: {error.strerror}.") from None
        raise DamagedTile(f"{path} is damaged, or not a tile.") from None
    # What netCDF4 and JSON raise for files that are something else.
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
        raise DamagedTile(f"{path} is damaged, or not a tile.") from None


def known(folder: Path, sweep: Sweep, tile: Tile) -> tuple[dict[Point, Values], set[Origin]]:
    """Of the points of a tile, q_factor and g_factor, those that some tile in a folder has.

    Beside them, where they come from. By these an old grid's points are taken over where it
    was extended, or cut otherwise.
    """
    wanted = {(n.q_factor, n.g_factor) for n in sweep.networks(tile)}
    found: dict[Point, Values] = {}
    origins: set[Origin] = set()
    for path in sorted(folder.glob("tile-*.nc")):
        try:
            contents = read(path, sweep)
        except DatasetError:
            continue  # of other parameters or code; or damaged, which is for `gather` to say
        if (contents.backend, contents.seed) == (tile.backend, tile.seed):
            new = {p: v for p, v in contents.by_point().items() if p in wanted}
            found |= new
            wanted -= new.keys()
            origins |= contents.origins if new else set()
    return found, origins


def dynamic_ranges(path: Path, sweep: Sweep, tile: Tile) -> dict[Point, Values]:
    """What an `lif_bit_accurate` tile needs from the `lif_float` tile in a file.

    Raises `DatasetError` if that is not one, or lacks points.
    """
    contents = read(path, sweep)
    if (contents.backend, contents.seed) != ("lif_float", tile.seed):
        raise DatasetError(
            f"{path} is {contents.backend} seed {contents.seed}, but {tile} needs the dynamic "
            f"ranges of lif_float seed {tile.seed}."
        )
    found = contents.by_point()
    for network in sweep.networks(tile):
        if (network.q_factor, network.g_factor) not in found:
            raise DatasetError(
                f"{path} lacks q_factor {network.q_factor}, g_factor {network.g_factor}, "
                f"which {tile} needs."
            )
    return found


def set_aside(path: Path) -> bool:
    """Rename a tile that is damaged, so that the workflow simulates it again.

    Only a file that has a name which the workflow gives; returns whether it has.
    """
    named = _NAME.fullmatch(path.name) or _REFINED.fullmatch(path.name)
    if not (named and path.is_file()):
        return False
    os.replace(path, f"{path}.damaged")
    return True


def _checksum(values: Mapping[str, np.ndarray]) -> str:
    """Of all numbers: what a disk has changed since they were written shows."""
    digest = hashlib.sha256()
    for name, variable in VARIABLES.items():
        digest.update(np.asarray(values[name], variable.dtype).tobytes())
    return digest.hexdigest()


def _check_name(path: Path, digest: str) -> None:
    """The workflow names a tile after its digest; who writes one by hand may name it at will."""
    named = _NAME.fullmatch(path.name)
    if named and named[1] != digest:
        raise DamagedTile(f"{path} holds another tile than its name says.")


def _check_origin(
    path: Path, sweep: Sweep, backend: str, parameters: dict[str, dict], code: str
) -> None:
    needed = provenance.code_digest(backend)
    if code != needed:
        raise DatasetError(
            f"{path} was simulated by code {code[:12]}, but {needed[:12]} is what runs."
        )
    for section, keys in sweep.parameters(backend).items():
        for key, value in keys.items():
            theirs = parameters.get(section, {}).get(key)
            if theirs != value:
                raise DatasetError(
                    f"{path} was simulated with {section}.{key} = {theirs}, but the sweep has "
                    f"{value}."
                )
