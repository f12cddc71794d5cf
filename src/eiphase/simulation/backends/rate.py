"""Rate neurons: networks that share a Gaussian matrix advance together."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eiphase.chaos import tangent
from eiphase.chaos.damage import Followed
from eiphase.chaos.tangent import Tangents
from eiphase.networks import rate, weights
from eiphase.networks.weights import Network, Synapses
from eiphase.numerics import simd
from eiphase.simulation.backends import Block, Recorded, Settings

RECORDED = {"state": Recorded("f8", "state of rate neurons", "1")}
BY_DEFAULT = ("state",)
COUNTED = ()
TAKEN = ()


@dataclass(frozen=True)
class _Prepared:
    network: Network
    half: np.ndarray
    found: dict[str, Any] = field(default_factory=dict)
    problem: None = None

    @property
    def synapses(self) -> Synapses:
        return weights.synapses(self.half, self.network)

    @property
    def digest(self) -> None:
        """Nothing: no two points of a grid have the same weights."""


class Simulator:
    """Batches of networks; their trajectories take the same memory, batch after batch."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.together = rate.LANES
        self._memory = np.empty(0)

    def prepare(self, network: Network, source: Mapping[str, Any]) -> _Prepared:
        return _Prepared(network, self.settings.half)

    def start(self, prepared: Sequence[_Prepared]) -> "_Run":
        batch = rate.Batch(self.settings.half, [one.network for one in prepared])
        size = len(prepared) * min(self.settings.block_steps, self.settings.steps)
        size *= len(self.settings.half)
        if len(self._memory) < size:
            # `keep_freed_memory` does not keep arrays as large as this.
            self._memory = np.empty(size)
        return _Run(batch, self._memory, self.settings)

    def lanes(self) -> "_Lanes":
        return _Lanes(self.settings)


class _Lanes:
    """A kernel's lanes, a network each."""

    def __init__(self, settings: Settings):
        n = len(settings.half)
        self._settings = settings
        self._matrix = rate.sparse(settings.half)
        self._memory = np.empty((rate.LANES, settings.block_steps, n))
        self._networks: dict[Hashable, Network] = {}
        # States, tangents and the states that tangents stand at, a column for each lane.
        self._columns = [simd.aligned(n) for _ in range(3)]

    def put(self, key: Hashable, prepared: _Prepared, network: Network, number: int) -> None:
        lane = len(self._networks)
        self._networks[key] = network
        state = weights.initial_rates(network, number)
        direction = tangent.direction(len(state))
        for columns, new in zip(self._columns, (state, direction, state), strict=True):
            columns[:, lane] = new

    def drop(self, key: Hashable) -> None:
        lane = list(self._networks).index(key)
        del self._networks[key]
        for columns in self._columns:
            columns[:, lane:-1] = columns[:, lane + 1 :].copy()

    def follow(self, key: Hashable, followed: Followed) -> None:
        """Change nothing: a tangent vector always runs beside each network."""

    def advance(self, n_steps: int) -> dict[Hashable, Block]:
        states, tangents, before = ([columns] for columns in self._columns)
        batch = rate.Batch(self._settings.half, list(self._networks.values()))
        found = self._memory[: len(self._networks), :n_steps]
        rate.Simulator(batch, self._matrix, states).advance(found, self._settings.steps_done)
        growth: list[Any] = [None] * len(found)
        if self._settings.perturb_after is not None:
            growth = list(Tangents(batch, self._matrix, tangents, before).log_growth(found))
        blocks = (Block({"state": x}, {}, log_growth=g) for x, g in zip(found, growth, strict=True))
        return dict(zip(self._networks, blocks, strict=True))


class _Run:
    def __init__(self, batch: rate.Batch, memory: np.ndarray, settings: Settings):
        self._simulator, self._memory = rate.Simulator.of(batch), memory
        self._steps_done = settings.steps_done
        self._tangents = None if settings.perturb_after is None else Tangents.of(batch)
        self._shape = len(batch.networks), len(batch.half)

    def advance(self, n_steps: int) -> list[Block]:
        n_networks, n_neurons = self._shape
        states = self._memory[: math.prod(self._shape) * n_steps]
        states = states.reshape(n_networks, n_steps, n_neurons)
        self._simulator.advance(states, self._steps_done)
        growth = self._tangents.log_growth(states) if self._tangents else [None] * n_networks
        return [Block({"state": x}, {}, log_growth=g) for x, g in zip(states, growth, strict=True)]
