"""What is each backend's own: how a network is made, and how it advances. One file for each."""

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast

import numpy as np

from eiphase.chaos.damage import Damage, Followed
from eiphase.networks.weights import Network, Synapses
from eiphase.sweep.schema import Mapping as MappingConfig
from eiphase.variables import labels


@dataclass(frozen=True)
class Settings:
    """What all networks of one simulation have in common, beside their Gaussian matrix.

    - `half`: `weights.half_gaussian(Z)`, [post, pre].
    - `steps`: length of the simulation; `block_steps` of them at most are in memory.
    - `recorded`: names of the arrays that are wanted of each block; the activity always is.
    - `perturb_after`: burn-in after which perturbed copies run beside each network, or None.
    - `steps_done`: an array of one integer that is counted up after each step.
    """

    half: np.ndarray
    mapping: MappingConfig
    steps: int
    block_steps: int
    recorded: tuple[str, ...] = ()
    perturb_after: int | None = None
    steps_done: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))

    @property
    def followed(self) -> Followed:
        """Steps of each run in which perturbations are followed, until others are asked for."""
        assert self.perturb_after is not None
        return Followed(0, self.perturb_after, self.steps)


class Block(NamedTuple):
    """What one network did in some steps; the next block overwrites its arrays."""

    recorded: Mapping[str, np.ndarray]  # `state` or `spikes`, and more, each (time, neuron)
    counts: Mapping[str, int]  # of events, under the names of variables
    log_growth: np.ndarray | None = None  # of a small perturbation, (time,), in all steps or none
    damages: Mapping[str, Damage] = {}  # by what was perturbed, from its release on
    diverged: bool = False  # whether the network has left the finite numbers

    @property
    def activity(self) -> np.ndarray:
        """State of rate neurons, or spikes, (time, neuron)."""
        return next(iter(self.recorded.values()))


class Recorded(NamedTuple):
    """An array (time, neuron) that a backend can record."""

    dtype: str
    long_name: str
    units: str
    comment: str = ""

    def attributes(self) -> dict[str, str]:
        """Labels of the array in a dataset."""
        return labels(self.long_name, self.units, self.comment)


class Prepared(Protocol):
    """A network as a backend simulates it."""

    @property
    def found(self) -> dict[str, Any]:
        """Diagnostics of the mapping, by the names of variables."""

    @property
    def problem(self) -> str | None:
        """Why there is nothing to simulate, one sentence; None if there is a network."""

    @property
    def synapses(self) -> Synapses: ...

    @property
    def digest(self) -> bytes | None:
        """Equal for networks that are equal to the bit; None where no other is expected to be."""


class Parameters(Protocol):
    """A network as its neurons' file has it: weights and numbers."""

    @property
    def weights(self) -> np.ndarray: ...


def digest(parameters: Parameters) -> bytes:
    """Digest a network: equal for those that are equal to the bit."""
    found = hashlib.sha256(parameters.weights.tobytes())
    others = {name: x for name, x in vars(parameters).items() if isinstance(x, int | float)}
    found.update(repr(others).encode())
    return found.digest()


class Run(Protocol):
    """Networks that advance together, from rest."""

    def advance(self, n_steps: int) -> Sequence[Block]:
        """The next steps, one block for each network."""


class PerturbedRun(Run, Protocol):
    """A run with perturbed copies, as `Settings.perturb_after` wants it."""

    def follow(self, followed: Followed) -> None:
        """See `Lanes.follow`."""


class Lanes(Protocol):
    """Networks that advance together, whatever their age; each from a state of its own."""

    def put(self, key: Hashable, prepared: Any, network: Network, number: int) -> None:
        """Add a network, in its initial state of that number; see `weights.initial_rates`."""

    def drop(self, key: Hashable) -> None:
        """Take a network out."""

    def follow(self, key: Hashable, followed: Followed) -> None:
        """Follow perturbations of a network in other steps; whole blocks, but for the release.

        A backend may follow them in all steps.
        """

    def advance(self, n_steps: int) -> Mapping[Hashable, Block]:
        """The next steps of each."""


class SeparateLanes:
    """Lanes of a backend that simulates one network at a time."""

    def __init__(self, start: Callable[[Any, Network, int], Run]):
        self._start = start
        self._runs: dict[Hashable, Run] = {}

    def put(self, key: Hashable, prepared: Any, network: Network, number: int) -> None:
        self._runs[key] = self._start(prepared, network, number)

    def drop(self, key: Hashable) -> None:
        del self._runs[key]

    def follow(self, key: Hashable, followed: Followed) -> None:
        cast(PerturbedRun, self._runs[key]).follow(followed)

    def advance(self, n_steps: int) -> dict[Hashable, Block]:
        return {key: run.advance(n_steps)[0] for key, run in self._runs.items()}


class Simulator(Protocol):
    """A backend with its settings."""

    together: int
    """How many networks advance best together: numbers do not depend on it, but time does."""

    def __init__(self, settings: Settings) -> None: ...

    def prepare(self, network: Network, source: Mapping[str, Any]) -> Prepared:
        """Map a network; `source` has the variables of the one that it is made from, if any."""

    def start(self, prepared: Sequence[Any]) -> Run:
        """Set some networks to rest, at most `together`."""

    def lanes(self) -> Lanes:
        """No networks as yet."""


class Given(Protocol):
    """An observer that finds what another backend's networks are made from."""

    names: Sequence[str]
    """Of the variables that it finds."""

    def __init__(self, steps: int, n_neurons: int) -> None: ...

    def add(self, steps: slice, block: Block) -> None:
        """Take in the next block, of these steps of the simulation."""

    def found(self) -> dict[str, float]:
        """Results after the last step, by the names of variables."""


class BackendModule(Protocol):
    """What a backend's file holds."""

    RECORDED: Mapping[str, Recorded]
    """What its blocks can hold; the first is the activity."""
    BY_DEFAULT: Sequence[str]
    """What a recording holds unless told otherwise."""
    COUNTED: Sequence[str]
    """Names of the events that its blocks count."""
    TAKEN: Sequence[str]
    """Variables of the network that this one is made from, which `prepare` needs."""
    Simulator: type[Simulator]
    Given: type[Given]
    """Only of a backend that others are made from."""


def module(backend: str) -> BackendModule:
    """The file of a backend."""
    return cast(BackendModule, import_module(f"{__name__}.{backend}"))
