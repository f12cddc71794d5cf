"""Damage spreading: what one bit or one spike changes in a spiking network.

For a finite machine this is what a Lyapunov exponent is for a continuous one: a state of
integers has no infinitely small neighbourhood, the nearest state differs by one bit.
"""

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

import numpy as np

# Differences below this are taken for none where numbers are real; integers must be equal.
NEGLIGIBLE = 1e-6  # thresholds, mean over neurons
# Spike trains that differ by this part of what independent ones do, or more.
SPREAD_FROM = 0.5
# Growth from the third to the last quarter of the measured steps that is not over yet.
STILL_GROWING = 2.0


class Fate(IntEnum):
    """What has become of a perturbation at the end of the run."""

    HEALED = 0  # network and twin have become equal, after each trial
    CONFINED = 1  # they differ, but spike trains little, and not more and more
    SPREAD = 2  # spike trains differ about as much as independent ones
    UNDECIDED = 3  # they differ little as yet, but more and more
    BROKEN = 4  # activity is not finite, or the mapping gives no network


class Simulator(Protocol):
    """What `spread` needs of a backend: `lif.Simulator` or `loihi.Simulator`."""

    @property
    def n_neurons(self) -> int: ...
    @property
    def threshold(self) -> float: ...
    def spikes(self, state: Any, n_steps: int) -> np.ndarray: ...
    def fire(self, state: Any, neuron: int) -> None: ...


Perturbation = Callable[[Simulator, Any, int], None]
"""Changes a state at one neuron."""


class Damage(NamedTuple):
    """A perturbed twin beside the network, over the measured steps."""

    spikes: np.ndarray  # of the twin, (time, neuron)
    state_distance: np.ndarray  # (time,), thresholds
    trials: int  # perturbations, each after the one before had healed
    healed: bool  # whether the last one has


class Outcome(NamedTuple):
    """What a damage amounts to at the end of the run."""

    level: float  # 0: the same spikes; 1: as different as independent trains
    state_distance: float  # thresholds
    trials: int
    fate: Fate


def extra_spike(simulator: Simulator, state: Any, neuron: int) -> None:
    """One spike more of one neuron: it is reset, and its column arrives in the next step."""
    simulator.fire(state, neuron)


def flip_lowest_bit(simulator: Simulator, state: Any, neuron: int) -> None:
    """The smallest change that an integer network knows: one voltage's lowest bit."""
    state.voltage[neuron] ^= 1


def spread(
    simulator: Simulator,
    perturb: Perturbation,
    states: Sequence[Any],
    spikes: np.ndarray,
    *,
    negligible: float,
    interval: int,
) -> Damage:
    r"""Perturb a twin of a network and let it run beside it.

    `spikes` (time, neuron) are the network's in the measured steps, `states` its own before
    them and after each `interval` of steps. In trial k neuron k - 1 is perturbed, the first
    time before the first measured step. When twin and network have become equal again, which
    is looked for after each interval, the next trial begins; none begins in the second half,
    so that each has that long to show its fate. The distance of the states is

    $$\frac{1}{N\, v_{th}} \sum_i |u_i' - u_i| + |v_i' - v_i|$$

    at the end of each interval, stored for all its steps. Equal means that it is at most
    `negligible`, and the inputs under way are the same.

    The cost is that of the network once more, less where it heals for good.

    Sources: Derrida & Pomeau, Europhys. Lett. 1, 45 (1986) for damage spreading;
    London, Roth, Beeren, Häusser & Latham, Nature 466, 123 (2010) for one spike more.
    """
    n_steps = len(spikes)
    found = spikes.copy()
    distances = np.zeros(n_steps)
    twin, trials = None, 0
    for steps, before, after in zip(
        intervals(0, n_steps, interval), states[:-1], states[1:], strict=True
    ):
        if twin is None:
            if trials and 2 * steps.start >= n_steps:
                break
            twin = before.copy()
            perturb(simulator, twin, trials % simulator.n_neurons)
            trials += 1
        found[steps] = simulator.spikes(twin, steps.stop - steps.start)
        distance = _distance(twin, after) / simulator.threshold
        distances[steps] = distance
        if distance <= negligible and np.array_equal(twin.input, after.input):
            twin = None
    return Damage(found, distances, trials, twin is None)


def intervals(start: int, stop: int, length: int) -> list[slice]:
    """The steps from start to stop, cut into pieces; the last may be shorter."""
    return [slice(first, min(first + length, stop)) for first in range(start, stop, length)]


def _distance(twin: Any, state: Any) -> float:
    """L1 distance of currents and voltages, mean over neurons."""
    return float(
        np.abs(twin.current - state.current).mean() + np.abs(twin.voltage - state.voltage).mean()
    )


def hamming_distance(spikes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Part of the neurons that fire in one of two networks alone, in each step, (time,)."""
    return np.mean(spikes != others, axis=1)


def independent_distance(spikes: np.ndarray, others: np.ndarray) -> float:
    r"""Hamming distance of independent spike trains (time, neuron) with the same rates.

    $$\frac{1}{N} \sum_i p_i (1 - p_i') + p_i' (1 - p_i), \qquad p_i = \langle s_i \rangle_t$$
    """
    p, p_other = spikes.mean(axis=0), others.mean(axis=0)
    return float(np.mean(p * (1 - p_other) + p_other * (1 - p)))


def level(spikes: np.ndarray, others: np.ndarray) -> float:
    r"""Hamming distance of spike trains (time, neuron) over that of independent trains.

    $$\frac{\sum_i \langle [s_i \ne s_i'] \rangle_t}
      {\sum_i p_i (1 - p_i') + p_i' (1 - p_i)}, \qquad p_i = \langle s_i \rangle_t$$

    with the same rates, neuron by neuron. 0 for equal trains, 1 for trains that have nothing
    but their rates in common; above 1 where neurons avoid each other's spikes.
    """
    different = np.mean(spikes != others)
    return float(different / independent_distance(spikes, others)) if different else 0.0


def outcome(damage: Damage, spikes: np.ndarray) -> Outcome:
    """What has become of a damage, in the last quarter of the measured steps.

    `spikes` are the network's. Its fate is

    - `HEALED` if network and twin are equal, all trials over;
    - `SPREAD` if the level is `SPREAD_FROM` or more;
    - `UNDECIDED` if it is less, and `STILL_GROWING` times that of the quarter before or more;
    - `CONFINED` otherwise.
    """
    n_steps = len(spikes)
    quarter = n_steps // 4
    before, last = slice(n_steps - 2 * quarter, n_steps - quarter), slice(n_steps - quarter, None)
    found, earlier = (level(spikes[part], damage.spikes[part]) for part in (last, before))
    distance = float(damage.state_distance[last].mean())
    if not np.isfinite(distance):
        return Outcome(np.nan, np.nan, damage.trials, Fate.BROKEN)
    if damage.healed:
        fate = Fate.HEALED
    elif found >= SPREAD_FROM:
        fate = Fate.SPREAD
    elif found > 0 and found >= STILL_GROWING * earlier:
        fate = Fate.UNDECIDED
    else:
        fate = Fate.CONFINED
    return Outcome(found, distance, damage.trials, fate)
