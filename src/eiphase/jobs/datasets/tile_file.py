"""Files of tiles: what one job leaves for gathering, and for later jobs to take over."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from eiphase.backends import BACKENDS
from eiphase.errors import Damaged, DatasetError
from eiphase.sweep import provenance
from eiphase.sweep.provenance import Origin
from eiphase.sweep.schema import Sweep
from eiphase.sweep.tiles import Tile, tile_digest
from eiphase.system import seal
from eiphase.variables import AXES, VARIABLES, ancillary

_NAME = re.compile(r"(?:tile-\d+|refined)-([0-9a-f]{16})\.nc")


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
    values: Mapping[str, np.ndarray]  # of `variables.VARIABLES`, along `points`
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
    digest: str | None = None,
) -> None:
    """Write what a tile's networks gave: each variable along `point`, some along `lag` too.

    `origins` are those of the values; this code and machine unless some are given. `digest` is
    what the file is named by; that of the tile unless one is given. The file's seal notes it,
    beside what `known` looks for.
    """
    networks = list(sweep.networks(tile))
    points = [(n.q_factor, n.g_factor) for n in networks]
    parameters = sweep.parameters(tile.backend)
    digest = digest or tile_digest(tile.backend, tile.seed, parameters, points)
    note = {"digest": digest, "inputs": _inputs(sweep, tile), "points": points}
    with seal.sealed(path, note) as partial, netCDF4.Dataset(partial, "w") as file:
        file.backend, file.seed = tile.backend, tile.seed
        file.parameters = json.dumps(parameters)
        file.title = f"Tile of a sweep: {tile.backend}, seed {tile.seed}, number {tile.number}"
        file.summary = "What some networks of a sweep gave; `eiphase gather` makes maps of tiles."
        file.setncatts(provenance.attributes(tile.backend))
        file.origins = json.dumps(sorted(origins or [provenance.origin()]))
        file.createDimension("point", len(tile.points))
        file.createDimension("lag", len(sweep.lags))

        for name in ("q_factor", "g_factor"):
            file.createVariable(name, "f8", ("point",)).setncatts(AXES[name])
        for name in values:
            dims = ("point", "lag") if VARIABLES[name].lagged else ("point",)
            created = file.createVariable(name, VARIABLES[name].dtype, dims)
            created.setncatts(VARIABLES[name].attributes() | ancillary(name, values))
        # Numbers only now: between them, each new variable would take netCDF twice as long.
        for name in ("q_factor", "g_factor"):
            file[name][:] = [getattr(network, name) for network in networks]
        for name, data in values.items():
            file[name][:] = data


def read(path: Path, sweep: Sweep) -> Contents:
    """Read what `write` wrote.

    Raises `Damaged` if the file is not what was written, or not what its name says, and
    `DatasetError` if its numbers are not those that this sweep and this code would give, or if
    it cannot be read at the moment.
    """
    content, note = seal.content(path)
    if not (isinstance(note, dict) and "digest" in note):
        raise DatasetError(f"{path} is no tile.")
    _check_name(path, note["digest"])
    with netCDF4.Dataset(path, memory=content) as file:
        file.set_auto_mask(False)
        backend, seed = str(file.backend), int(file.seed)
        _check_origin(path, sweep, backend, json.loads(file.parameters), str(file.code_digest))
        points = [(q, g) for q, g in note["points"]]
        values = {name: file[name][:] for name in VARIABLES}
        origins = frozenset((str(c), str(m)) for c, m in json.loads(file.origins))
    return Contents(backend, seed, points, values, origins)


def known(folder: Path, sweep: Sweep, tile: Tile) -> tuple[dict[Point, Values], set[Origin]]:
    """Points of this tile that another tile file in the folder already contains.

    Returns their values by (q_factor, g_factor), and where they were simulated. So a grid that
    was extended, or cut into other tiles, keeps its points. A file is opened only if its seal
    notes such points: of many tiles, few have them.
    """
    wanted = {(n.q_factor, n.g_factor) for n in sweep.networks(tile)}
    inputs = _inputs(sweep, tile)
    found: dict[Point, Values] = {}
    origins: set[Origin] = set()
    for path in sorted(folder.glob("tile-*.nc")):
        try:
            note = seal.note(path)
            if not (note and note["inputs"] == inputs and wanted & set(map(tuple, note["points"]))):
                continue
            contents = read(path, sweep)
        # Damaged, which is for `gather` to say; or something else that has a tile's name.
        except (DatasetError, KeyError, TypeError):
            continue
        new = {p: v for p, v in contents.by_point().items() if p in wanted}
        found |= new
        wanted -= new.keys()
        origins |= contents.origins
    return found, origins


def _inputs(sweep: Sweep, tile: Tile) -> str:
    """Digest of all that the numbers of a tile's points depend on, but for the points."""
    return tile_digest(tile.backend, tile.seed, sweep.parameters(tile.backend), ())


def source(path: Path, sweep: Sweep, tile: Tile) -> dict[Point, Values]:
    """What a tile needs from the tile that its networks are made from, in a file.

    Raises `DatasetError` if that is not one, or lacks points.
    """
    contents = read(path, sweep)
    needed = BACKENDS[tile.backend].takes_from
    if (contents.backend, contents.seed) != (needed, tile.seed):
        raise DatasetError(
            f"{path} is {contents.backend} seed {contents.seed}, but {tile} is made from "
            f"{needed} seed {tile.seed}."
        )
    found = contents.by_point()
    for network in sweep.networks(tile):
        if (network.q_factor, network.g_factor) not in found:
            raise DatasetError(
                f"{path} lacks q_factor {network.q_factor}, g_factor {network.g_factor}, "
                f"which {tile} needs."
            )
    return found


def _check_name(path: Path, digest: str) -> None:
    """The workflow names a tile after its digest; who writes one by hand may name it at will."""
    named = _NAME.fullmatch(path.name)
    if named and named[1] != digest:
        raise Damaged(path, "holds another tile than its name says")


def _check_origin(
    path: Path, sweep: Sweep, backend: str, parameters: dict[str, dict], code: str
) -> None:
    needed = provenance.code_digest(backend)
    if code != needed:
        raise DatasetError(
            f"{path} was simulated by code {code[:12]}, but {needed[:12]} is what runs."
        )
    ours = sweep.parameters(backend)
    for section in ours | parameters:
        our_keys, their_keys = ours.get(section, {}), parameters.get(section, {})
        for key in our_keys | their_keys:
            if their_keys.get(key) != our_keys.get(key):
                raise DatasetError(
                    f"{path} was simulated with {section}.{key} = {their_keys.get(key)}, but the "
                    f"sweep has {our_keys.get(key)}."
                )
