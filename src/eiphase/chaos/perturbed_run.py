"""LIF networks with their twins: the same network, run beside it with a small difference."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from eiphase.chaos import damage
from eiphase.chaos.damage import Damage, Followed, Perturbation, Twin
from eiphase.chaos.spiking_tangent import Tangent
from eiphase.networks import lif, loihi
from eiphase.networks.lif import LIFParameters
from eiphase.networks.loihi import IntegerRecording, LoihiParameters
from eiphase.numerics.arrays import blocks

INTERVAL = 10  # steps after which network and twin are compared; it divides a block of steps


class FloatTwins(NamedTuple):
    """What became of perturbations of a LIF network in floating point, in some steps."""

    log_growth: np.ndarray  # (time,), from the start on: see `spiking_tangent.Tangent`
    spike_damage: Damage  # from the release on


class IntegerTwins(NamedTuple):
    """What became of perturbations of a bit-accurate network, from their release on."""

    spike_damage: Damage
    bit_damage: Damage


class FloatNetwork:
    """A LIF network, with a tangent vector, and a twin that gets a spike.

    It starts at rest; a caller may change `state` before the first step.
    """

    def __init__(self, parameters: LIFParameters, followed: Followed):
        self._simulator = lif.Simulator.of(parameters)
        self.state = self._simulator.at_rest()
        self._tangent: Tangent | None = None
        self._beside = _Beside(
            self._simulator, [damage.extra_spike], followed, negligible=damage.NEGLIGIBLE
        )

    def follow(self, followed: Followed) -> None:
        """Follow other steps, in place of those before; a vector that they reach back to goes on.

        They start and stop where `advance` does.
        """
        if self._beside.n_done <= followed.start:
            self._tangent = None
        self._beside.follow(followed)

    def advance(
        self, recording: lif.Recording, steps_done: np.ndarray | None = None
    ) -> FloatTwins | None:
        """Advance as many steps as the recording has, and write what the network does into it.

        None if these steps are not followed.
        """

        def run(steps: slice) -> None:
            part = lif.Recording(*(array[steps] for array in recording))
            self._simulator.advance(self.state, part, steps_done)

        if not self._beside.is_followed:
            self._beside.advance(self.state, recording.spikes, run)
            return None
        self._tangent = self._tangent or Tangent.of(self._simulator.parameters, self.state)
        log_growth = self._tangent.log_growth(len(recording.spikes))
        (spike_damage,) = self._beside.advance(self.state, recording.spikes, run)
        return FloatTwins(log_growth, spike_damage)


class IntegerNetwork:
    """A bit-accurate network, with twins that follow a spike, and a bit; see `FloatNetwork`."""

    def __init__(self, parameters: LoihiParameters, followed: Followed):
        self._simulator = loihi.Simulator.of(parameters)
        self.state = self._simulator.at_rest()
        perturbations = [damage.extra_spike, damage.flip_lowest_bit]
        self._beside = _Beside(self._simulator, perturbations, followed, negligible=0)

    def follow(self, followed: Followed) -> None:
        """Follow other steps, in place of those before."""
        self._beside.follow(followed)

    def advance(
        self,
        spikes: np.ndarray,
        steps_done: np.ndarray | None = None,
        states: loihi.States | None = None,
    ) -> tuple[IntegerRecording, IntegerTwins | None]:
        """Advance as many steps as `spikes` has, and write the network's spikes and states."""
        counts = np.zeros(2, int)

        def run(steps: slice) -> None:
            part = states and states.part(steps)
            counts[:] += self._simulator.advance(self.state, spikes[steps], steps_done, part)

        found = self._beside.advance(self.state, spikes, run)
        recording = IntegerRecording(spikes, *counts.tolist(), *(states or ()))
        return recording, IntegerTwins(*found) if found else None


class _Beside:
    """The twins of one network, which run beside it from interval to interval."""

    def __init__(
        self,
        simulator: damage.Simulator,
        perturbations: Sequence[Perturbation],
        followed: Followed,
        *,
        negligible: float,
    ):
        self._simulator, self._perturbations = simulator, perturbations
        self._negligible, self.n_done = negligible, 0
        self.follow(followed)

    def follow(self, followed: Followed) -> None:
        self._followed, n_steps = followed, followed.stop - followed.release
        self._twins = [
            Twin(self._simulator, perturb, n_steps=n_steps, negligible=self._negligible)
            for perturb in self._perturbations
        ]

    @property
    def is_followed(self) -> bool:
        """Whether perturbations are followed in the next step."""
        return self._followed.start <= self.n_done < self._followed.stop

    def advance(self, state: Any, spikes: np.ndarray, run: Callable[[slice], None]) -> list[Damage]:
        """`run` advances the network in `state` by some of the steps that `spikes` takes.

        Empty if these steps are not followed.
        """
        twins = self._twins if self.is_followed else []
        first, self.n_done = self.n_done, self.n_done + len(spikes)
        if not twins:
            run(slice(0, len(spikes)))
            return []
        measured = min(max(first, self._followed.release), self.n_done)
        run(slice(0, measured - first))
        twin_spikes = [np.empty_like(spikes[measured - first :]) for _ in twins]
        distances = np.zeros((len(twins), self.n_done - measured))
        for steps in blocks(measured, self.n_done, INTERVAL):
            before = state.copy()
            here = slice(steps.start - first, steps.stop - first)
            there = slice(steps.start - measured, steps.stop - measured)
            run(here)
            for twin, found, distance in zip(twins, twin_spikes, distances, strict=True):
                found[there], distance[there] = twin.follow(before, state, spikes[here])
        return [
            Damage(found, distance, twin.trials, twin.healed)
            for twin, found, distance in zip(twins, twin_spikes, distances, strict=True)
        ]


def run_lif(
    parameters: LIFParameters, n_steps: int, *, burn_in: int
) -> tuple[lif.Recording, FloatTwins]:
    """`lif.run`, and what `FloatNetwork` follows, of all steps at once."""
    recording = lif.Recording.empty(n_steps, len(parameters.weights))
    found = FloatNetwork(parameters, Followed(0, burn_in, n_steps)).advance(recording)
    assert found is not None
    return recording, found


def run_loihi(
    parameters: LoihiParameters, n_steps: int, *, burn_in: int
) -> tuple[IntegerRecording, IntegerTwins]:
    """`loihi.run`, and what `IntegerNetwork` follows, of all steps at once."""
    spikes = np.empty((n_steps, len(parameters.weights)), np.uint8)
    network = IntegerNetwork(parameters, Followed(0, burn_in, n_steps))
    recording, found = network.advance(spikes)
    assert found is not None
    return recording, found
