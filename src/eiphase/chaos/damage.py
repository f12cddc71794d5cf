"""Damage spreading: what one bit or one spike changes in a spiking network.

For a finite machine this is what a Lyapunov exponent is for a continuous one: a state of
integers has no infinitely small neighbourhood, the nearest state differs by one bit.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from eiphase.flags import Fate

# Differences below this are taken for none where numbers are real; integers must be equal.
NEGLIGIBLE = 1e-6  # thresholds, mean over neurons
# Spike trains that differ by this part of what independent ones do, or more.
SPREAD_FROM = 0.5
# Growth from the third to the last quarter of the measured steps that is not over yet.
STILL_GROWING = 2.0


class Simulator(Protocol):
    """What `Twin` needs of a backend: `lif.Simulator` or `loihi.Simulator`."""

    @property
    def n_neurons(self) -> int: ...
    @property
    def threshold(self) -> float: ...
    def spikes(self, state: Any, n_steps: int) -> np.ndarray: ...
    def fire(self, state: Any, neuron: int) -> None: ...


Perturbation = Callable[[Simulator, Any, int], None]
"""Changes a state at one neuron."""


class Followed(NamedTuple):
    """Steps of a run, counted from its beginning, in which perturbations are followed.

    The tangent vector begins at `start` and turns into its direction until `release`, where twins
    are perturbed and measuring begins. Everything ends at `stop`.
    """

    start: int
    release: int
    stop: int


class Damage(NamedTuple):
    """A perturbed twin beside the network, over some of the measured steps."""

    spikes: np.ndarray  # of the twin, (time, neuron)
    state_distance: np.ndarray  # (time,), thresholds
    trials: int  # perturbations so far, each after the one before had healed
    healed: bool  # whether the last one has


class Outcome(NamedTuple):
    """What a damage amounts to at the end of the run."""

    level: float  # 0: the same spikes; 1: as different as independent trains
    state_distance: float  # thresholds
    trials: int
    fate: Fate


def extra_spike(simulator: Simulator, state: Any, neuron: int) -> None:
    """Let a neuron fire once more: it is reset, and its column arrives in the next step."""
    simulator.fire(state, neuron)


def flip_lowest_bit(simulator: Simulator, state: Any, neuron: int) -> None:
    """The smallest change that an integer network knows: one voltage's lowest bit."""
    state.voltage[neuron] ^= 1


class Twin:
    r"""A twin of a network that is perturbed and runs beside it.

    In trial k neuron k - 1 is perturbed, the first time before the first of `n_steps` measured
    steps. When twin and network have become equal again, which is looked for after each
    interval, the next trial begins; none begins in the second half, so that each has that long
    to show its fate. The distance of the states is

    $$\frac{1}{N\, v_{th}} \sum_i |u_i' - u_i| + |v_i' - v_i|$$

    at the end of each interval. Equal means that it is at most `negligible`, and that the inputs
    under way and the rest of refractory periods are the same.

    The cost is that of the network once more, less where it heals for good.

    Sources: Derrida & Pomeau, Europhys. Lett. 1, 45 (1986) for damage spreading;
    London, Roth, Beeren, Häusser & Latham, Nature 466, 123 (2010) for one spike more.
    """

    def __init__(
        self, simulator: Simulator, perturb: Perturbation, *, n_steps: int, negligible: float
    ):
        self._simulator, self._perturb, self._negligible = simulator, perturb, negligible
        self._n_steps, self._n_done = n_steps, 0
        self._state: Any = None
        self.trials = 0

    @property
    def healed(self) -> bool:
        """Whether twin and network are equal now."""
        return self._state is None

    def follow(self, before: Any, after: Any, spikes: np.ndarray) -> tuple[np.ndarray, float]:
        """Run beside the network for an interval; the twin's spikes, and the distance then.

        `spikes` (time, neuron) are the network's, `before` and `after` its states.
        """
        may_begin = self.trials == 0 or 2 * self._n_done < self._n_steps
        self._n_done += len(spikes)
        if self._state is None:
            if not may_begin:
                return spikes, 0.0
            self._state = before.copy()
            self._perturb(self._simulator, self._state, self.trials % self._simulator.n_neurons)
            self.trials += 1
        twin = self._state
        found = self._simulator.spikes(twin, len(spikes))
        distance = _distance(twin, after) / self._simulator.threshold
        same = np.array_equal(twin.input, after.input)
        if same and distance <= self._negligible and np.array_equal(twin.resting, after.resting):
            self._state = None
        return found, distance


def _distance(twin: Any, state: Any) -> float:
    """L1 distance of currents and voltages, mean over neurons."""
    d_current = np.subtract(twin.current, state.current, dtype=float)  # integers might wrap
    d_voltage = np.subtract(twin.voltage, state.voltage, dtype=float)
    return float(np.abs(d_current).mean() + np.abs(d_voltage).mean())


def hamming_distance(spikes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Part of the neurons that fire in one of two networks alone, in each step, (time,)."""
    return np.mean(spikes != others, axis=1)


class _Trains:
    """Counts of spikes of a network and of its twin."""

    def __init__(self, n_neurons: int):
        self.n_steps = self.n_different = 0
        self.fired, self.twin_fired = np.zeros((2, n_neurons), np.int64)

    @classmethod
    def of(cls, spikes: np.ndarray, others: np.ndarray) -> Self:
        found = cls(spikes.shape[1])
        found.add(spikes, others)
        return found

    def add(self, spikes: np.ndarray, others: np.ndarray) -> None:
        self.n_steps += len(spikes)
        self.n_different += int(np.count_nonzero(spikes != others))
        self.fired += spikes.sum(axis=0, dtype=np.int64)
        self.twin_fired += others.sum(axis=0, dtype=np.int64)

    def independent_distance(self) -> float:
        p, p_other = self.fired / self.n_steps, self.twin_fired / self.n_steps
        return float(np.mean(p * (1 - p_other) + p_other * (1 - p)))

    def level(self) -> float:
        different = self.n_different / (self.n_steps * len(self.fired))
        return different / self.independent_distance() if different else 0.0


def independent_distance(spikes: np.ndarray, others: np.ndarray) -> float:
    r"""Hamming distance of independent spike trains (time, neuron) with the same rates.

    $$\frac{1}{N} \sum_i p_i (1 - p_i') + p_i' (1 - p_i), \qquad p_i = \langle s_i \rangle_t$$
    """
    return _Trains.of(spikes, others).independent_distance()


def level(spikes: np.ndarray, others: np.ndarray) -> float:
    r"""Hamming distance of spike trains (time, neuron) over that of independent trains.

    $$\frac{\sum_i \langle [s_i \ne s_i'] \rangle_t}
      {\sum_i p_i (1 - p_i') + p_i' (1 - p_i)}, \qquad p_i = \langle s_i \rangle_t$$

    with the same rates, neuron by neuron. 0 for equal trains, 1 for trains that have nothing
    but their rates in common; above 1 where neurons avoid each other's spikes.
    """
    return _Trains.of(spikes, others).level()


class Assessment:
    """What becomes of a damage, which comes in blocks of the `n_steps` measured steps.

    It is judged by the last quarter. Its fate is

    - `HEALED` if network and twin are equal, all trials over;
    - `SPREAD` if the level is `SPREAD_FROM` or more;
    - `UNDECIDED` if it is less, and `STILL_GROWING` times that of the quarter before or more;
    - `CONFINED` otherwise.
    """

    def __init__(self, n_steps: int, n_neurons: int):
        quarter = n_steps // 4
        self._third, self._last = n_steps - 2 * quarter, n_steps - quarter
        self._trains = {first: _Trains(n_neurons) for first in (self._third, self._last)}
        self._distance, self._n_done, self._n_steps = 0.0, 0, n_steps
        self._trials, self._healed = 0, False

    def add(self, damage: Damage, spikes: np.ndarray) -> None:
        """Add the next steps; `spikes` are the network's."""
        first, self._n_done = self._n_done, self._n_done + len(spikes)
        for start, stop in ((self._third, self._last), (self._last, self._n_steps)):
            part = slice(max(0, start - first), max(0, stop - first))
            self._trains[start].add(spikes[part], damage.spikes[part])
        self._distance += float(damage.state_distance[part].sum())
        self._trials, self._healed = damage.trials, damage.healed

    def outcome(self) -> Outcome:
        """Assess the damage, after the last step."""
        distance = self._distance / (self._n_steps - self._last)
        if not np.isfinite(distance):
            return Outcome(np.nan, np.nan, self._trials, Fate.BROKEN)
        earlier, found = (self._trains[start].level() for start in (self._third, self._last))
        if self._healed:
            fate = Fate.HEALED
        elif found >= SPREAD_FROM:
            fate = Fate.SPREAD
        elif found > 0 and found >= STILL_GROWING * earlier:
            fate = Fate.UNDECIDED
        else:
            fate = Fate.CONFINED
        return Outcome(found, distance, self._trials, fate)


def outcome(damage: Damage, spikes: np.ndarray) -> Outcome:
    """Assess a damage over all measured steps; `spikes` are the network's."""
    assessment = Assessment(*spikes.shape)
    assessment.add(damage, spikes)
    return assessment.outcome()
