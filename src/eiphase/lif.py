"""Leaky integrate-and-fire neurons in floating point."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from eiphase import vectors
from eiphase.network import Synapses


@dataclass(frozen=True, kw_only=True)
class LIFParameters:
    """A recurrent LIF network, in the units in which the threshold is `vth`.

    **Arguments:**

    - `weights`: [post, pre].
    - `du`, `dv`: decay per step of current and voltage, dt / tau.
    - `vth`: threshold.
    - `bias`: input per step to the voltage.
    """

    weights: np.ndarray
    du: float
    dv: float
    vth: float
    bias: float

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


def run(
    parameters: LIFParameters,
    n_steps: int,
    *,
    reuse: Recording | None = None,
    steps_done: np.ndarray | None = None,
) -> Recording:
    r"""Simulate from u = v = 0, event-driven, equal to the bit to Lava's `LIF` and `Dense`.

    $$u \leftarrow u (1 - du) + a, \quad v \leftarrow v (1 - dv) + u + bias, \quad
      s = [v > v_{th}], \quad v \leftarrow 0 \text{ where } s$$

    and the input of the next step is $a = W s$. Lava's `Dense` adds the columns of
    the neurons that fired in ascending order, and so does this. A recording of the same
    shape to `reuse` is overwritten and returned: fresh memory costs as much as half of
    the simulation. `steps_done`, an array of one integer, is counted up after each step.
    """
    recording = reuse or Recording.empty(n_steps, len(parameters.weights))
    n_neurons = len(parameters.weights)
    _run(
        vectors.columns_in_rows(parameters.weights, "float64"),
        float(parameters.du),
        float(parameters.dv),
        float(parameters.vth),
        float(parameters.bias),
        vectors.aligned(vectors.n_blocks(n_neurons, "float64"), "float64"),
        *recording,
        np.zeros(1, np.int64) if steps_done is None else steps_done,
    )
    return recording


@njit(cache=True)
def _run(columns, du, dv, vth, bias, a, spikes, current, voltage, steps_done):
    n_steps, n = spikes.shape
    u = np.zeros(n)
    v = np.zeros(n)
    a_i = a.ravel()
    fired = np.empty(n + 1, np.int64)
    for t in range(n_steps):
        for i in range(n):
            u[i] = u[i] * (1 - du) + a_i[i]
            integrated = v[i] * (1 - dv) + u[i] + bias
            spike = integrated > vth
            v[i] = 0.0 if spike else integrated
            spikes[t, i] = spike
            current[t, i] = u[i]
            voltage[t, i] = v[i]
        n_fired = 0
        for i in range(n):  # without a branch, which would often be mispredicted
            fired[n_fired] = i
            n_fired += spikes[t, i]
        for block in range(len(a)):
            vectors.store_row(a, block, vectors.add_up(columns, fired[:n_fired], block * n))
        steps_done[0] += 1
