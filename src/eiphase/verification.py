"""Checks a phase map by simulating some of its points again, each by itself."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from eiphase import phases
from eiphase.dataset import DatasetError
from eiphase.loihi import DynamicRange
from eiphase.simulation import simulate_tile
from eiphase.sweep import Sweep, SweepError, Tile


@dataclass(frozen=True)
class Point:
    """One simulation of a sweep, as it stands in the dataset."""

    backend: str
    q_factor: float
    g_factor: float
    seed: int


def sample(phase_map: xr.Dataset, n_points: int, *, seed: int | None) -> list[Point]:
    """Random points, each at most once, all backends alike as far as they go.

    `seed` is that of the sample; None takes another each time. Raises `DatasetError` if
    there are fewer.
    """
    axes = [phase_map[name].values.tolist() for name in ("q_factor", "g_factor", "seed")]
    backends = phase_map.backend.values.tolist()
    n_each = int(np.prod([len(axis) for axis in axes]))
    if not 1 <= n_points <= n_each * len(backends):
        raise DatasetError(
            f"--points is {n_points}, but the phase map has 1 to {n_each * len(backends)}."
        )
    random = np.random.default_rng(seed)
    order = {backend: random.permutation(n_each).tolist() for backend in backends}
    chosen: list[Point] = []
    while len(chosen) < n_points:
        backend = backends[len(chosen) % len(backends)]
        indices = np.unravel_index(order[backend].pop(), [len(axis) for axis in axes])
        q, g, network_seed = (axis[i] for axis, i in zip(axes, indices, strict=True))
        chosen.append(Point(backend, q, g, network_seed))
    return chosen


def differences(phase_map: xr.Dataset, points: list[Point]) -> Iterator[tuple[Point, list[str]]]:
    """Each point with the names of the variables that a new simulation does not give to the bit.

    Raises `DatasetError` if the dataset does not say which sweep it is of.
    """
    try:
        sweep = Sweep.model_validate_json(phase_map.attrs["sweep_config"])
    except (KeyError, ValueError):
        raise DatasetError(
            "The phase map cannot be verified: its attribute sweep_config is not there, or no "
            "sweep's config."
        ) from None
    for point in points:
        stored = phase_map.sel(
            backend=point.backend,
            q_factor=point.q_factor,
            g_factor=point.g_factor,
            seed=point.seed,
        )
        found = _simulate(sweep, point)
        found["phase"] = phases.classify(point.backend, found)
        yield (
            point,
            [
                name
                for name in found
                if not np.array_equal(stored[name].values, found[name][0], equal_nan=True)
            ],
        )


def _simulate(sweep: Sweep, point: Point) -> dict[str, np.ndarray]:
    tile = _tile_of(sweep, point)
    ranges = None
    if point.backend == "lif_bit_accurate":
        source = Tile("lif_float", tile.seed, tile.number, tile.points)
        values = simulate_tile(sweep, source, progress=False)
        ranges = {name: values[name] for name in DynamicRange.__dataclass_fields__}
    return simulate_tile(sweep, tile, ranges=ranges, progress=False)


def _tile_of(sweep: Sweep, point: Point) -> Tile:
    """A tile that holds nothing else."""
    try:
        q = sweep.grid.q_factor.index(point.q_factor)
        g = sweep.grid.g_factor.index(point.g_factor)
    except ValueError:
        raise SweepError(f"The sweep's config has no {point}.") from None
    return Tile(point.backend, point.seed, 0, ((q, g),))
