"""What runs in the process that Lava starts: networks are made, advanced, watched and reduced.

Lava forks this process from the one that asked, which goes on and waits. What is to come back is
left in shared arrays: everything else that is changed here is lost at the end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from eiphase.networks.weights import Network
from eiphase.numerics.arrays import blocks
from eiphase.simulation.backends import Block, Prepared, Settings, Simulator


class Observer(Protocol):
    """Takes in what one network does."""

    def add(self, steps: slice, block: Block) -> None:
        """Take in the next block, of these steps of the simulation."""


class Finder(Observer, Protocol):
    """An observer that finds numbers."""

    def found(self) -> dict[str, Any]:
        """After the last step, under the names of variables."""


@dataclass(frozen=True)
class Work:
    """Networks to simulate on one backend, and who watches them.

    - `source`: variables of the simulations that the networks are made from, along the networks.
    - `watch`: gives the observers of a network that is about to start, by its index.
    - `keep`: leaves in shared arrays what they have found. Where nothing can be simulated, see
      `Prepared.problem`, there are no observers.
    """

    simulator: Simulator
    settings: Settings
    networks: Sequence[Network]
    source: Mapping[str, np.ndarray]
    watch: Callable[[int, Prepared], Sequence[Observer]]
    keep: Callable[[int, Prepared, Sequence[Observer]], None]

    def prepared(self, index: int) -> Prepared:
        """A network, mapped to the backend."""
        source = {name: values[index] for name, values in self.source.items()}
        return self.simulator.prepare(self.networks[index], source)


def simulate_group(work: Work, group: Sequence[int]) -> None:
    """Simulate some networks of the work, which advance together from rest to the end."""
    prepared = {index: work.prepared(index) for index in group}
    ready = {index: one for index, one in prepared.items() if one.problem is None}
    observers = {index: work.watch(index, one) for index, one in ready.items()}
    if ready:
        _advance(work, list(ready.values()), list(observers.values()))
    for index, one in prepared.items():
        work.keep(index, one, observers.pop(index, ()))


def _advance(
    work: Work, prepared: Sequence[Prepared], observers: Sequence[Sequence[Observer]]
) -> None:
    run, settings = work.simulator.start(prepared), work.settings
    for steps in blocks(0, settings.steps, settings.block_steps):
        for block, watching in zip(run.advance(steps.stop - steps.start), observers, strict=True):
            for observer in watching:
                observer.add(steps, block)
