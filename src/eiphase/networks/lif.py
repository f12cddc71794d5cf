"""Leaky integrate-and-fire neurons in floating point."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eiphase.networks.weights import Synapses
from eiphase.numerics.arrays import aligned_empty, columns_of
from eiphase.numerics.jit import njit


@dataclass(frozen=True, kw_only=True)
class LIFParameters:
    """A recurrent LIF network, in the units in which the threshold is `vth`.

    **Arguments:**

    - `weights`: [post, pre].
    - `du`, `dv`: decay per step of current and voltage, dt / tau.
    - `vth`: threshold.
    - `bias`: input per step to the voltage.
    - `refractory_steps`: after a spike, the voltage stays at 0 for so many steps.
    """

    weights: np.ndarray
    du: float
    dv: float
    vth: float
    bias: float
    refractory_steps: int = 0

    @property
    def synapses(self) -> Synapses:
        """In thresholds: the input of a step that one spike gives."""
        return Synapses(
            matrix=self.weights, excitatory_gain=1 / self.vth, inhibitory_gain=1 / self.vth
        )


class Recording(NamedTuple):
    """What LIF neurons did: each array (time, neuron), values after each step."""

    spikes: np.ndarray  # 0 or 1, uint8
    current: np.ndarray  # u
    voltage: np.ndarray  # v, after the reset

    @classmethod
    def empty(cls, n_steps: int, n_neurons: int) -> "Recording":
        shape = (n_steps, n_neurons)
        return cls(np.empty(shape, np.uint8), np.empty(shape), np.empty(shape))


class State(NamedTuple):
    """A network between two steps; it changes in place."""

    current: np.ndarray  # (neuron,)
    voltage: np.ndarray  # (neuron,)
    input: np.ndarray  # W s of the last step, which arrives in the next; padded
    resting: np.ndarray  # (neuron,), int32: steps for which the voltage still stays as it is

    def copy(self) -> "State":
        return State(*(part.copy() for part in self))


@dataclass(frozen=True, eq=False)
class Simulator:
    """A network with its weights in the order in which the kernel reads them."""

    columns: np.ndarray  # (pre, post), padded: see `arrays.columns_of`
    parameters: LIFParameters

    @classmethod
    def of(cls, parameters: LIFParameters) -> "Simulator":
        return cls(columns_of(parameters.weights), parameters)

    @property
    def n_neurons(self) -> int:
        return len(self.parameters.weights)

    @property
    def threshold(self) -> float:
        return self.parameters.vth

    def at_rest(self) -> State:
        """u = v = 0, and nothing has fired."""
        n, n_padded = self.columns.shape
        arriving = aligned_empty((1, n_padded), "float64")[0]
        arriving[:] = 0
        return State(np.zeros(n), np.zeros(n), arriving, np.zeros(n, np.int32))

    def advance(
        self, state: State, recording: Recording, steps_done: np.ndarray | None = None
    ) -> None:
        """Advance `state` by as many steps as the recording has, and record them.

        `steps_done`, an array of one integer, is counted up after each step.
        """
        p = self.parameters
        _run(
            self.columns,
            float(p.du),
            float(p.dv),
            float(p.vth),
            float(p.bias),
            np.int32(p.refractory_steps),
            *state,
            *recording,
            np.zeros(1, np.int64) if steps_done is None else steps_done,
        )

    def spikes(self, state: State, n_steps: int) -> np.ndarray:
        """What fires in the next steps, (time, neuron); `state` becomes that after them."""
        recording = Recording.empty(n_steps, self.n_neurons)
        self.advance(state, recording)
        return recording.spikes

    def fire(self, state: State, neuron: int) -> None:
        """Let a neuron fire once more than it did in the last step."""
        state.voltage[neuron] = 0
        state.resting[neuron] = self.parameters.refractory_steps
        state.input[:] += self.columns[neuron]


def run(
    parameters: LIFParameters,
    n_steps: int,
    *,
    reuse: Recording | None = None,
    steps_done: np.ndarray | None = None,
) -> Recording:
    r"""Simulate from u = v = 0, event-driven, equal to the bit to Lava's neurons and `Dense`.

    $$u \leftarrow u (1 - du) + a, \quad v \leftarrow v (1 - dv) + u + bias, \quad
      s = [v > v_{th}], \quad v \leftarrow 0 \text{ where } s$$

    and the input of the next step is $a = W s$. After a spike v stays as it is, at 0, in the
    next `refractory_steps` steps, while u goes on. So a neuron fires in every
    (`refractory_steps` + 1)th step at most. Without refractory steps the neurons are Lava's
    `LIF`, else its `LIFRefractory`, which adds $v (1 - dv) + (u + bias)$ in another order.

    Lava's `Dense` adds the columns of
    the neurons that fired in ascending order, and so does this. A recording of the same
    shape to `reuse` is overwritten and returned: fresh memory costs as much as half of
    the simulation. `steps_done`, an array of one integer, is counted up after each step.
    """
    recording = reuse or Recording.empty(n_steps, len(parameters.weights))
    simulator = Simulator.of(parameters)
    simulator.advance(simulator.at_rest(), recording, steps_done)
    return recording


@njit(cache=True)
def _run(
    columns, du, dv, vth, bias, refractory, u, v, a, resting, spikes, current, voltage, steps_done
):
    n_steps, n = spikes.shape
    fired = np.empty(n + 1, np.int64)
    for t in range(n_steps):
        for i in range(n):
            # In Lava's order of operations: another order would round otherwise, and chaos
            # would make other spikes of it.
            u[i] = u[i] * (1 - du) + a[i]
            integrated = integrate(v[i], u[i], dv, bias, refractory, resting[i])
            spike = integrated > vth
            v[i] = 0.0 if spike else integrated
            if refractory > 0:
                resting[i] = refractory if spike else max(resting[i] - 1, 0)
            spikes[t, i] = spike
            current[t, i] = u[i]
            voltage[t, i] = v[i]
        n_fired = 0
        for i in range(n):  # without a branch, which would often be mispredicted
            fired[n_fired] = i
            n_fired += spikes[t, i]
        _add_up(columns, fired, n_fired, a)  # few neurons fire: cheaper than a product with W
        steps_done[0] += 1


@njit(cache=True)
def integrate(v, u, dv, bias, refractory, resting):
    """The voltage before the reset, in Lava's order of operations; it is held while `resting`."""
    if refractory == 0:
        return v * (1 - dv) + u + bias
    return v if resting > 0 else v * (1 - dv) + (u + bias)


@njit(cache=True)
def _add_up(columns, fired, n_fired, a):
    """a = the sum of the columns of the neurons that fired, one after the other.

    Four at a time, so that `a` is loaded and stored a quarter as often.
    """
    fours = n_fired // 4 * 4
    a[:] = 0
    for k in range(0, fours, 4):
        first, second = columns[fired[k]], columns[fired[k + 1]]
        third, fourth = columns[fired[k + 2]], columns[fired[k + 3]]
        for i in range(len(a)):
            a[i] = a[i] + first[i] + second[i] + third[i] + fourth[i]
    for k in range(fours, n_fired):
        a += columns[fired[k]]
