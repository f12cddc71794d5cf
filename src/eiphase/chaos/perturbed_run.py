"""LIF networks with their twins: the same network, run beside it with a small difference."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from eiphase.chaos import damage
from eiphase.chaos.damage import Damage, Perturbation, Twin
from eiphase.chaos.spiking_tangent import Tangent
from eiphase.networks import lif, loihi
from eiphase.networks.lif import LIFParameters
from eiphase.networks.loihi import IntegerRecording, LoihiParameters
from eiphase.numerics.arrays import blocks

INTERVAL = 10  # steps after which network and twin are compared; it divides a block of steps


class FloatTwins(NamedTuple):
    """What became of perturbations of a LIF network in floating point, in some steps."""

    log_growth: np.ndarray  # (time,), burn-in included: see `spiking_tangent.Tangent`
    spike_damage: Damage  # without burn-in


class IntegerTwins(NamedTuple):
    """What became of perturbations of a bit-accurate network, in some steps without burn-in."""

    spike_damage: Damage
    bit_damage: Damage


class FloatNetwork:
    """A LIF network, with a tangent vector, and a twin that gets a spike after `burn_in`."""

    def __init__(self, parameters: LIFParameters, *, n_steps: int, burn_in: int):
        self._simulator = lif.Simulator.of(parameters)
        self.state = self._simulator.at_rest()
        self._tangent: Tangent | None = None  # from the state in which the first step begins
        self._beside = _Beside(
            self._simulator,
            [damage.extra_spike],
            n_steps=n_steps,
            burn_in=burn_in,
            negligible=damage.NEGLIGIBLE,
        )

    def advance(self, recording: lif.Recording, steps_done: np.ndarray | None = None) -> FloatTwins:
        """Advance as many steps as the recording has, and write what the network does into it."""

        def run(steps: slice) -> None:
            part = lif.Recording(*(array[steps] for array in recording))
            self._simulator.advance(self.state, part, steps_done)

        self._tangent = self._tangent or Tangent.of(self._simulator.parameters, self.state)
        log_growth = self._tangent.log_growth(len(recording.spikes))
        (spike_damage,) = self._beside.advance(self.state, recording.spikes, run)
        return FloatTwins(log_growth, spike_damage)

    def advance_alone(self, recording: lif.Recording, steps_done: np.ndarray | None = None) -> None:
        """Advance as many steps as the recording has, with no twin beside."""
        self._simulator.advance(self.state, recording, steps_done)


class IntegerNetwork:
    """A bit-accurate network, with twins that follow a spike, and a bit, after `burn_in`."""

    def __init__(self, parameters: LoihiParameters, *, n_steps: int, burn_in: int):
        self._simulator = loihi.Simulator.of(parameters)
        self.state = self._simulator.at_rest()
        self._beside = _Beside(
            self._simulator,
            [damage.extra_spike, damage.flip_lowest_bit],
            n_steps=n_steps,
            burn_in=burn_in,
            negligible=0,
        )

    def advance(
        self,
        spikes: np.ndarray,
        steps_done: np.ndarray | None = None,
        states: loihi.States | None = None,
    ) -> tuple[IntegerRecording, IntegerTwins]:
        """Advance as many steps as `spikes` has, and write the network's spikes and states."""
        counts = np.zeros(2, int)

        def run(steps: slice) -> None:
            part = states and states.part(steps)
            counts[:] += self._simulator.advance(self.state, spikes[steps], steps_done, part)

        found = self._beside.advance(self.state, spikes, run)
        recording = IntegerRecording(spikes, *counts.tolist(), *(states or ()))
        return recording, IntegerTwins(*found)

    def advance_alone(
        self,
        spikes: np.ndarray,
        steps_done: np.ndarray | None = None,
        states: loihi.States | None = None,
    ) -> tuple[int, int]:
        """Advance as many steps as `spikes` has, with no twin beside; counts wraps and clips."""
        return self._simulator.advance(self.state, spikes, steps_done, states)


class _Beside:
    """The twins of one network, which run beside it from interval to interval."""

    def __init__(
        self,
        simulator: damage.Simulator,
        perturbations: Sequence[Perturbation],
        *,
        n_steps: int,
        burn_in: int,
        negligible: float,
    ):
        self._twins = [
            Twin(simulator, perturb, n_steps=n_steps - burn_in, negligible=negligible)
            for perturb in perturbations
        ]
        self._burn_in, self._n_done = burn_in, 0

    def advance(self, state: Any, spikes: np.ndarray, run: Callable[[slice], None]) -> list[Damage]:
        """`run` advances the network in `state` by some of the steps that `spikes` takes."""
        first, self._n_done = self._n_done, self._n_done + len(spikes)
        measured = min(max(first, self._burn_in), self._n_done)
        run(slice(0, measured - first))
        twin_spikes = [np.empty_like(spikes[measured - first :]) for _ in self._twins]
        distances = np.zeros((len(self._twins), self._n_done - measured))
        for steps in blocks(measured, self._n_done, INTERVAL):
            before = state.copy()
            here = slice(steps.start - first, steps.stop - first)
            there = slice(steps.start - measured, steps.stop - measured)
            run(here)
            for twin, found, distance in zip(self._twins, twin_spikes, distances, strict=True):
                found[there], distance[there] = twin.follow(before, state, spikes[here])
        return [
            Damage(found, distance, twin.trials, twin.healed)
            for twin, found, distance in zip(self._twins, twin_spikes, distances, strict=True)
        ]


def run_lif(
    parameters: LIFParameters, n_steps: int, *, burn_in: int
) -> tuple[lif.Recording, FloatTwins]:
    """`lif.run`, and what `FloatNetwork` follows, of all steps at once."""
    recording = lif.Recording.empty(n_steps, len(parameters.weights))
    network = FloatNetwork(parameters, n_steps=n_steps, burn_in=burn_in)
    return recording, network.advance(recording)


def run_loihi(
    parameters: LoihiParameters, n_steps: int, *, burn_in: int
) -> tuple[IntegerRecording, IntegerTwins]:
    """`loihi.run`, and what `IntegerNetwork` follows, of all steps at once."""
    spikes = np.empty((n_steps, len(parameters.weights)), np.uint8)
    return IntegerNetwork(parameters, n_steps=n_steps, burn_in=burn_in).advance(spikes)
