"""Simulates a tile of a sweep through Lava and reduces each network to its observables."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from itertools import count
from typing import Any, cast

import numpy as np

from eiphase.backends import BACKENDS
from eiphase.lava.tile.process import NetworkTile
from eiphase.networks import weights
from eiphase.numerics.histogram import load_counting_kernels
from eiphase.simulation import backends
from eiphase.simulation.backends import Prepared, Settings
from eiphase.simulation.in_lavas_process import (
    Finder,
    Work,
    simulate_group,
    simulate_until_known,
)
from eiphase.simulation.observation import Observation, UntilPrecise, Values, broken
from eiphase.sweep import schema
from eiphase.sweep.schema import Grid, NetworkConfig, Observables, Simulation, Sweep
from eiphase.sweep.tiles import Tile

Show = Callable[[int, int], None]  # how many networks are done, of how many


def simulate_tile(
    sweep: Sweep,
    tile: Tile,
    *,
    source: Mapping[str, np.ndarray] | None = None,
    show: Show = lambda done, total: None,
) -> dict[str, np.ndarray]:
    """Run all networks of a tile through Lava and measure them.

    `source` has the variables of the tile, of the same seed and points, from which the
    backend's networks are made (`Backend.takes_from`). Returns the variables of
    `variables.VARIABLES` along the tile's points. `show` is told after each network
    how many are done, and of how many; it is called in Lava's process.
    """
    load_kernels(tile.backend, sweep.mapping, sweep.observables)
    work, values = work_on(sweep, tile, source or {}, show)
    simulate = partial(simulate_group, work)
    groups = _groups(work, sweep)
    if sweep.simulation.precision is not None:
        simulate, groups = partial(simulate_until_known, work), [range(len(work.networks))]
    NetworkTile(groups=groups, simulate=simulate, backend=tile.backend).run_to_the_end()
    return values.arrays


def work_on(
    sweep: Sweep,
    tile: Tile,
    source: Mapping[str, np.ndarray],
    show: Show = lambda done, total: None,
) -> tuple[Work, Values]:
    """A tile's networks, and the values that they will have; see `simulate_tile`."""
    networks = list(sweep.networks(tile))
    values = Values(len(networks), len(sweep.lags))
    done, kept = count(1), dict[bytes, int]()  # in Lava's process alone

    of = Observation if sweep.simulation.precision is None else UntilPrecise

    def watch(_: int, prepared: Prepared) -> Sequence[Any]:
        return [of.of(prepared, tile.backend, sweep)]

    def keep(index: int, prepared: Prepared, observers: Sequence[Any]) -> None:
        values.store(index, prepared.found)
        for observation in cast(Sequence[Finder], observers):
            values.store(index, observation.found())
        if not observers:
            values.store(index, broken(BACKENDS[tile.backend], sweep))
        if digest := prepared.digest:
            kept[digest] = index
        show(next(done), len(networks))

    def take_over(index: int, prepared: Prepared) -> bool:
        equal = kept.get(prepared.digest or b"")
        if equal is None:
            return False
        values.copy(equal, to=index)
        values.store(index, prepared.found)
        show(next(done), len(networks))
        return True

    gaussian = weights.gaussian_matrix(sweep.network.neurons, tile.seed)
    settings = Settings(
        half=weights.half_gaussian(gaussian),
        mapping=sweep.mapping,
        steps=sweep.steps_together,
        block_steps=sweep.simulation.block_steps,
        perturb_after=sweep.perturb_after,
    )
    simulator = backends.module(tile.backend).Simulator(settings)
    return Work(simulator, settings, networks, source, watch, keep, take_over), values


def _groups(work: Work, sweep: Sweep) -> list[range]:
    """Indices of the networks that advance together."""
    n = len(work.networks)
    together = max(1, min(work.simulator.together, sweep.batch_bytes // sweep.network_bytes))
    return [range(first, min(first + together, n)) for first in range(0, n, together)]


@cache
def load_kernels(backend: str, mapping: schema.Mapping, observables: Observables) -> None:
    """Load the compiled kernels of a backend into this process, or compile them.

    Lava's process is forked from this one and inherits them. Otherwise each would load them
    anew, which takes 0.25 s: as long as many a network. Kernels are loaded by being called, so
    two small networks are simulated here, without Lava.
    """
    takes_from = BACKENDS[backend].takes_from
    sweep = Sweep(
        network=NetworkConfig(neurons=10),
        # One network that settles and one that does not: `corrected` maps them differently.
        grid=Grid(q_factor=(0.5, 4.0), g_factor=(6.0,)),
        seeds=(1,),
        backends=tuple(BACKENDS),  # all, for what one takes from another is measured, too
        # Enough activity for quantiles to take the way that they take for large networks.
        simulation=Simulation(
            steps=1000 + 2 * observables.boxcar, burn_in=observables.boxcar, max_lag=10
        ),
        mapping=mapping,
        observables=observables,
    )
    source: dict[str, np.ndarray] = {}
    for name in (takes_from, backend) if takes_from else (backend,):
        work, values = work_on(sweep, sweep.tile(name, 1, 0), source)
        for group in _groups(work, sweep):
            simulate_group(work, group)
        source = values.arrays
    load_counting_kernels()
