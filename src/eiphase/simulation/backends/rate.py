"""Rate neurons: networks that share a Gaussian matrix advance together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eiphase.chaos.tangent import Tangents
from eiphase.networks import rate, weights
from eiphase.networks.weights import Network, Synapses
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
