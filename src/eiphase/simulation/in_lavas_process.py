"""What runs in the process that Lava starts: networks are made, advanced, watched and reduced.

Lava forks this process from the one that asked, which goes on and waits. What is to come back is
left in shared arrays: everything else that is changed here is lost at the end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np

from eiphase.chaos.damage import Followed
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


class Judge(Protocol):
    """Watches one network from several initial states, and says how long."""

    n_states: int
    followed: Followed | None
    """Steps in which perturbations are followed, now that it wants more; None if nowhere."""

    def add(self, number: int, block: Block) -> None:
        """Take in the next block from the state of that number."""

    def wants_more(self) -> bool:
        """Whether to go on; asked when all states have had their block."""

    def found(self) -> dict[str, Any]:
        """In the end, under the names of variables."""


@dataclass(frozen=True)
class Work:
    """Networks to simulate on one backend, and who watches them.

    - `source`: variables of the simulations that the networks are made from, along the networks.
    - `watch`: gives the observers of a network that is about to start, by its index.
    - `keep`: leaves in shared arrays what they have found. Where nothing can be simulated, see
      `Prepared.problem`, there are no observers.
    - `take_over`: whether a network equals one that is already kept; its numbers are then taken
      over.
    """

    simulator: Simulator
    settings: Settings
    networks: Sequence[Network]
    source: Mapping[str, np.ndarray]
    watch: Callable[[int, Prepared], Sequence[Observer] | Sequence[Judge]]
    keep: Callable[[int, Prepared, Sequence[Observer] | Sequence[Judge]], None]
    take_over: Callable[[int, Prepared], bool] = lambda index, prepared: False

    def prepared(self, index: int) -> Prepared:
        """A network, mapped to the backend."""
        source = {name: values[index] for name, values in self.source.items()}
        return self.simulator.prepare(self.networks[index], source)


def simulate_group(work: Work, group: Sequence[int]) -> None:
    """Simulate some networks of the work, which advance together from rest to the end."""
    prepared = {index: work.prepared(index) for index in group}
    prepared = {index: one for index, one in prepared.items() if not work.take_over(index, one)}
    ready = {index: one for index, one in prepared.items() if one.problem is None}
    observers = {
        index: cast(Sequence[Observer], work.watch(index, one)) for index, one in ready.items()
    }
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


def simulate_until_known(work: Work, group: Sequence[int]) -> None:
    """Simulate some networks of the work, each from several states and until its judge is content.

    As many networks advance together as the backend's lanes hold; when one is done, the next takes
    its place. A network's numbers depend neither on the others nor on their number.
    """
    # Networks with the largest q_factor, which mostly run longest, begin: fewer lanes stay empty.
    waiting = sorted(group, key=lambda index: work.networks[index].q_factor)
    judges = dict[int, Judge]()
    prepared: dict[int, Prepared] = {}
    lanes = work.simulator.lanes()
    while waiting or judges:
        while waiting and (not judges or _fits(work, judges)):
            index = waiting.pop()
            prepared[index] = work.prepared(index)
            if work.take_over(index, prepared[index]):
                del prepared[index]
                continue
            if prepared[index].problem is not None:
                work.keep(index, prepared.pop(index), ())
                continue
            (judge,) = cast(Sequence[Judge], work.watch(index, prepared[index]))
            judges[index] = judge
            for number in range(judge.n_states):
                lanes.put((index, number), prepared[index], work.networks[index], number)
        blocks = lanes.advance(work.settings.block_steps) if judges else {}
        for (index, number), block in cast(Mapping[tuple[int, int], Block], blocks).items():
            judges[index].add(number, block)
        for index, judge in list(judges.items()):
            before, wants_more = judge.followed, judge.wants_more()
            for number in range(judge.n_states):
                if not wants_more:
                    lanes.drop((index, number))
                elif judge.followed and judge.followed != before:
                    lanes.follow((index, number), judge.followed)
            if not wants_more:
                work.keep(index, prepared.pop(index), [judges.pop(index)])


def _fits(work: Work, judges: Mapping[int, Judge]) -> bool:
    """Whether there is a place for one more network."""
    n_states = max(judge.n_states for judge in judges.values())
    return (len(judges) + 1) * n_states <= work.simulator.together
