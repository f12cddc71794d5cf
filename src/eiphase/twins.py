"""LIF networks with their twins: the same network, run beside it with a small difference."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from eiphase import damage, lif, loihi, perturbation
from eiphase.damage import Damage
from eiphase.lif import LIFParameters
from eiphase.loihi import IntegerRecording, LoihiParameters

INTERVAL = 10  # steps after which network and twin are compared


class FloatTwins(NamedTuple):
    """What became of perturbations of an LIF network in floating point."""

    log_growth: np.ndarray  # (time,), burn-in included: see `perturbation.log_growth`
    spike_damage: Damage


class IntegerTwins(NamedTuple):
    """What became of perturbations of a bit-accurate LIF network."""

    spike_damage: Damage
    bit_damage: Damage


def run_lif(
    parameters: LIFParameters,
    n_steps: int,
    *,
    burn_in: int,
    reuse: lif.Recording | None = None,
    steps_done: np.ndarray | None = None,
) -> tuple[lif.Recording, FloatTwins]:
    """`lif.run`, and what becomes of a small perturbation, and of a spike after `burn_in`."""
    recording = reuse or lif.Recording.empty(n_steps, len(parameters.weights))
    simulator = lif.Simulator.of(parameters)

    def advance(state: lif.State, steps: slice) -> None:
        part = lif.Recording(*(array[steps] for array in recording))
        simulator.advance(state, part, steps_done)

    states = _states(advance, simulator.at_rest(), n_steps, burn_in)
    spike_damage = damage.spread(
        simulator,
        damage.extra_spike,
        states,
        recording.spikes[burn_in:],
        negligible=damage.NEGLIGIBLE,
        interval=INTERVAL,
    )
    return recording, FloatTwins(perturbation.log_growth(parameters, recording), spike_damage)


def run_loihi(
    parameters: LoihiParameters,
    n_steps: int,
    *,
    burn_in: int,
    steps_done: np.ndarray | None = None,
) -> tuple[IntegerRecording, IntegerTwins]:
    """`loihi.run`, and what becomes of a spike, and of a bit, after `burn_in`."""
    spikes = np.empty((n_steps, len(parameters.weights)), np.uint8)
    simulator = loihi.Simulator.of(parameters)
    counts = np.zeros(2, int)

    def advance(state: loihi.State, steps: slice) -> None:
        counts[:] += simulator.advance(state, spikes[steps], steps_done)

    states = _states(advance, simulator.at_rest(), n_steps, burn_in)
    spike_damage, bit_damage = (
        damage.spread(simulator, perturb, states, spikes[burn_in:], negligible=0, interval=INTERVAL)
        for perturb in (damage.extra_spike, damage.flip_lowest_bit)
    )
    recording = IntegerRecording(spikes, *counts.tolist())
    return recording, IntegerTwins(spike_damage, bit_damage)


def _states(
    advance: Callable[[Any, slice], None], state: Any, n_steps: int, burn_in: int
) -> list[Any]:
    """Run a network to the end; its states after burn-in and after each interval then."""
    advance(state, slice(0, burn_in))
    states = [state.copy()]
    for steps in damage.intervals(burn_in, n_steps, INTERVAL):
        advance(state, steps)
        states.append(state.copy())
    return states
