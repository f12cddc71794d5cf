"""Tiles: the blocks of grid points into which a sweep falls, one job each."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eiphase.sweep import provenance


@dataclass(frozen=True)
class Tile:
    """A block of grid points of one backend and one seed: the work of one job."""

    backend: str
    seed: int
    number: int
    points: tuple[tuple[int, int], ...]  # indices (q_factor, g_factor)

    def __str__(self) -> str:
        return f"{self.backend} seed {self.seed} tile {self.number}"


def tile_digest(
    backend: str,
    seed: int,
    parameters: dict[str, dict[str, Any]],
    points: Sequence[tuple[float, float]],
    code: str | None = None,
) -> str:
    """Hash of all that a tile's numbers depend on; `points` are pairs of q_factor and g_factor.

    `code` is that which runs, unless told otherwise.
    """
    code = code or provenance.code_digest(backend)
    everything = json.dumps([backend, seed, parameters, code, points], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()[:16]
