"""Simulates a tile of a sweep through Lava and reduces each network to its observables."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from eiphase.backends import BACKENDS
from eiphase.lava.tile.process import NetworkTile
from eiphase.networks import weights
from eiphase.simulation import backends, kernels
from eiphase.simulation.backends import Prepared, Settings
from eiphase.simulation.observation import Observation, broken, simulate_together, stored
from eiphase.sweep.schema import Sweep
from eiphase.sweep.tiles import Tile


def simulate_tile(
    sweep: Sweep,
    tile: Tile,
    *,
    source: Mapping[str, np.ndarray] | None = None,
    show: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, np.ndarray]:
    """Run all networks of a tile through Lava and measure them.

    `source` has the variables of the tile, of the same seed and points, from which the
    backend's networks are made (`Backend.takes_from`). Returns the variables of
    `variables.VARIABLES` along the tile's points. `show` is told after each network
    how many are done, and of how many; it is called in Lava's process.
    """
    kernels.load(tile.backend, sweep.mapping, sweep.observables)
    work = _Work(sweep, tile, source or {}, show)
    tile_process = NetworkTile(groups=work.groups(), simulate=work.simulate, backend=tile.backend)
    tile_process.run_to_the_end()
    return work.values


def simulate_tile_without_lava(
    sweep: Sweep, tile: Tile, source: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Do the same in the caller's own process."""
    work = _Work(sweep, tile, source, lambda done, total: None)
    for group in work.groups():
        work.simulate(group)
    return work.values


class _Work:
    """A tile's networks, and the shared arrays in which the model leaves its results."""

    def __init__(
        self,
        sweep: Sweep,
        tile: Tile,
        source: Mapping[str, np.ndarray],
        show: Callable[[int, int], None],
    ):
        self._show, self._n_done = show, 0
        self.sweep, self.tile, self.source = sweep, tile, source
        self.networks = list(sweep.networks(tile))
        gaussian = weights.gaussian_matrix(sweep.network.neurons, tile.seed)
        self.settings = Settings(
            half=weights.half_gaussian(gaussian),
            mapping=sweep.mapping,
            steps=sweep.simulation.steps,
            block_steps=sweep.simulation.block_steps,
            perturb_after=sweep.simulation.burn_in if sweep.observables.chaos else None,
        )
        self.simulator = backends.module(tile.backend).Simulator(self.settings)
        self.together = max(
            1, min(self.simulator.together, sweep.batch_bytes // sweep.network_bytes)
        )
        self.needed = sweep.is_needed(tile.backend)
        self.values = stored(len(self.networks), sweep.simulation.max_lag)

    def groups(self) -> list[range]:
        """Indices of the networks that advance together."""
        n, together = len(self.networks), self.together
        return [range(first, min(first + together, n)) for first in range(0, n, together)]

    def simulate(self, group: Sequence[int]) -> None:
        """Simulate some networks and store what is measured: called in Lava's process."""
        prepared = {index: self._prepare(index) for index in group}
        ready = {index: one for index, one in prepared.items() if one.problem is None}
        observations = {index: self._observation(one) for index, one in ready.items()}
        if ready:
            watching = [[one] for one in observations.values()]
            simulate_together(self.simulator, list(ready.values()), watching, self.settings)
        backend = BACKENDS[self.tile.backend]
        for index, one in prepared.items():
            measured = index in observations
            found = observations.pop(index).found() if measured else broken(backend, self.sweep)
            self._store(index, one.found | found)
            self._n_done += 1
            self._show(self._n_done, len(self.networks))

    def _prepare(self, index: int) -> Prepared:
        source = {name: values[index] for name, values in self.source.items()}
        return self.simulator.prepare(self.networks[index], source)

    def _observation(self, prepared: Prepared) -> Observation:
        synapses = prepared.synapses if self.sweep.observables.statistics else None
        return Observation(self.tile.backend, self.sweep, synapses, needed=self.needed)

    def _store(self, index: int, found: Mapping[str, Any]) -> None:
        for name, value in found.items():
            self.values[name][index] = value
