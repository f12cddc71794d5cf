"""Checks a phase map: some of its points simulated again, and all that is derived from points.

Also what of it is the time step's: LIF networks are simulated again with half of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from math import hypot, isfinite, sqrt
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from pydantic import ValidationError

from eiphase.backends import BACKENDS, mapped
from eiphase.chaos import phases
from eiphase.errors import DatasetError, NoSuchIntegers
from eiphase.flags import Flag
from eiphase.jobs import borders
from eiphase.jobs.datasets.derivation import derived
from eiphase.jobs.datasets.unmeasured import completed
from eiphase.lava.run import ONE_AT_A_TIME
from eiphase.simulation.backends import module
from eiphase.simulation.observation import Values, broken
from eiphase.simulation.single import simulate_cell
from eiphase.simulation.tile import simulate_tile
from eiphase.sweep.attributes import sweep_of
from eiphase.sweep.load import sentence
from eiphase.sweep.schema import Sweep
from eiphase.variables import DERIVED, DIMENSIONS, VARIABLES

LARGEST_CHANGE = 0.1  # of a number that does not depend on the time step, as a part of it
LARGEST_CHANGE_IN_ERRORS = 3.0
_NO_FLUCTUATION = (Flag.UNDEFINED, Flag.SATURATED, Flag.BROKEN)


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


class Activity(NamedTuple):
    """What a LIF network does, in units that know nothing of the time step."""

    mean_rate: float  # spikes per neuron and time constant
    mean_rate_error: float
    c0: float  # of spike counts in a window of the same duration
    c0_error: float
    c0_flag: int

    @classmethod
    def of(cls, values: Mapping[Any, Any], step_size: float) -> "Activity":
        """From the variables of one point."""
        rate, rate_error = (float(values[n]) / step_size for n in ("mean_rate", "mean_rate_error"))
        c0, c0_error = float(values["c0"]), float(values["c0_error"])
        return cls(rate, rate_error, c0, c0_error, int(values["c0_flag"]))


def comparable(before: Activity, after: Activity) -> bool:
    """Whether errors are known: not of short runs, nor of networks that have no integers."""
    return isfinite(before.mean_rate_error) and isfinite(after.mean_rate_error)


def changes(before: Activity, after: Activity) -> bool:
    """Whether rate or c(0) differ by more than 3 combined errors and 10 %, or only one has a c(0).

    A run that was too short to tell whether it is stationary has no c(0) to compare.
    """
    flags = before.c0_flag, after.c0_flag
    if Flag.OK in flags and any(flag in _NO_FLUCTUATION for flag in flags):
        return True
    return any(
        abs(new - old) > LARGEST_CHANGE * abs(old)
        and abs(new - old) > LARGEST_CHANGE_IN_ERRORS * hypot(old_error, new_error)
        for old, old_error, new, new_error in (
            (before.mean_rate, before.mean_rate_error, after.mean_rate, after.mean_rate_error),
            (before.c0, before.c0_error, after.c0, after.c0_error),
        )
    )


def lif_networks(phase_map: xr.Dataset) -> xr.Dataset:
    """The part of a phase map that is of LIF neurons; raises `DatasetError` if there is none."""
    backends = phase_map.backend.values.tolist()
    if not mapped(backends):
        raise DatasetError(
            f"--step is for LIF neurons, but the phase map has {', '.join(backends)} only."
        )
    return phase_map.sel(backend=mapped(backends))


def with_half_the_step(
    phase_map: xr.Dataset, points: list[Point]
) -> Iterator[tuple[Activity, Activity]]:
    """Each point as it stands in a phase map, and simulated with half the time step.

    Weights and all durations in time constants stay. Raises `DatasetError` if the sweep allows
    no such steps.
    """
    sweep = sweep_of(phase_map)
    halved = halved_step(sweep)
    phase_map = completed(phase_map, VARIABLES)
    for point in points:
        in_map = phase_map.sel(asdict(point))
        found = _with_scale(halved, point, float(in_map.weight_scale))
        yield (
            Activity.of(in_map, sweep.network.step_size),
            Activity.of({name: found[name][0] for name in found}, halved.network.step_size),
        )


def halved_step(sweep: Sweep) -> Sweep:
    """The sweep with half the time step, and what is in steps doubled; numbers of interest only."""
    config = sweep.model_dump(mode="json")
    for name in ("step_size", "bias"):
        config["network"][name] /= 2
    for name in ("steps", "burn_in", "max_lag", "max_steps"):
        config["simulation"][name] *= 2
    config["observables"] |= {"statistics": False, "chaos": False}
    config["observables"]["boxcar"] *= 2
    # The window must be full when the burn-in ends.
    shortest = config["observables"]["boxcar"] - 1
    config["simulation"]["burn_in"] = max(config["simulation"]["burn_in"], shortest)
    config["mapping"]["rate_to_lif"] = "identity"
    config["refinement"] = {}
    try:
        return Sweep.model_validate(config)
    except ValidationError as error:
        raise DatasetError(f"Half the time step is not possible: {sentence(error)}.") from None


def _with_scale(sweep: Sweep, point: Point, scale: float) -> dict[str, np.ndarray]:
    """Simulate a point whose LIF weights are those of rate neurons, times a scale.

    Weights grow with the square of q_factor: a scale is another q_factor.
    """
    alone = sweep.at([(point.q_factor * sqrt(scale), point.g_factor)])
    update = {"seeds": (point.seed,), "backends": (point.backend,), "tiles": 1}
    alone = alone.model_copy(update=update)
    found: dict[str, np.ndarray] = {}
    for one in reversed(BACKENDS[point.backend].lineage):
        with ONE_AT_A_TIME:
            found = simulate_tile(alone, alone.tile(one.name, point.seed, 0), source=found)
    return found
