"""Checks a phase map: some of its points simulated again, and all that is derived from points."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr

from eiphase.backends import BACKENDS
from eiphase.chaos import phases
from eiphase.errors import DatasetError, NoSuchIntegers
from eiphase.jobs import borders
from eiphase.jobs.datasets.derivation import derived
from eiphase.jobs.datasets.unmeasured import completed
from eiphase.simulation.backends import module
from eiphase.simulation.observation import Values, broken
from eiphase.simulation.single import simulate_cell
from eiphase.sweep.attributes import sweep_of
from eiphase.sweep.schema import Sweep
from eiphase.variables import DERIVED, DIMENSIONS, VARIABLES


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

    With them `phase`, and of rate neurons `network_critical_q`. Raises `DatasetError` if the
    dataset does not say which sweep it is of.
    """
    sweep = sweep_of(phase_map)
    phase_map = completed(phase_map, VARIABLES | DERIVED)
    networks = borders.networks(sweep)
    for point in points:
        in_map = phase_map.sel(
            backend=point.backend,
            q_factor=point.q_factor,
            g_factor=point.g_factor,
            seed=point.seed,
        )
        found = _simulated(phase_map, sweep, point)
        found["phase"] = phases.classify(point.backend, found)
        if BACKENDS[point.backend].has_theory and (point.g_factor, point.seed) in networks:
            border = borders.of_network(sweep, point.g_factor, point.seed)
            found["network_critical_q"] = np.array([border])
        yield point, [name for name in found if not _equal(in_map[name], found[name][0])]


def not_derived(phase_map: xr.Dataset) -> list[str]:
    """Names of the derived variables that do not follow, to the bit, from the dataset itself.

    `network_critical_q`, which takes a second each, is left to `differences`.
    """
    expected = derived(phase_map, sweep_of(phase_map))
    found = completed(phase_map, expected).transpose(*DIMENSIONS, "lag")
    return [name for name in expected if not _equal(found[name], expected[name])]


def _equal(stored: xr.DataArray, found: np.ndarray) -> bool:
    return np.array_equal(stored.values, found, equal_nan=True)


def _simulated(phase_map: xr.Dataset, sweep: Sweep, point: Point) -> dict[str, np.ndarray]:
    """Simulate a point again; its variables, as a tile with this point alone holds them."""
    backend = BACKENDS[point.backend]
    found: Mapping[Any, Any]
    try:
        found = simulate_cell(phase_map, **asdict(point), record=[])
    except NoSuchIntegers as error:
        found = error.found | broken(backend, sweep)
    # A cell comes with what its network was made from, which a tile leaves to the other backend.
    taken = module(backend.takes_from).Given.names if backend.takes_from else ()
    values = Values(1, len(sweep.lags))
    values.store(0, {n: found[n] for n in VARIABLES.keys() & found.keys() - set(taken)})
    return values.arrays
