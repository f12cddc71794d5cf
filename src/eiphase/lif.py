"""Leaky integrate-and-fire neurons in floating point."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit


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


class Recording(NamedTuple):
    """What LIF neurons did: each array (time, neuron), values after each step."""

    spikes: np.ndarray  # 0 or 1, uint8
    current: np.ndarray  # u
    voltage: np.ndarray  # v, after the reset


def run(parameters: LIFParameters, n_steps: int) -> Recording:
    r"""Simulate from u = v = 0, event-driven, equal to the bit to Lava's `LIF` and `Dense`.

    $$u \leftarrow u (1 - du) + a, \quad v \leftarrow v (1 - dv) + u + bias, \quad
      s = [v > v_{th}], \quad v \leftarrow 0 \text{ where } s$$

    and the input of the next step is $a = W s$. Lava's `Dense` adds the columns of
    the neurons that fired in ascending order, and so does this.
    """
    n_neurons = len(parameters.weights)
    recording = Recording(
        np.zeros((n_steps, n_neurons), np.uint8),
        np.empty((n_steps, n_neurons)),
        np.empty((n_steps, n_neurons)),
    )
    _run(
        np.ascontiguousarray(parameters.weights.T),
        float(parameters.du),
        float(parameters.dv),
        float(parameters.vth),
        float(parameters.bias),
        *recording,
    )
    return recording


@njit(cache=True)
def _run(outgoing, du, dv, vth, bias, spikes, current, voltage):
    n_steps, n = spikes.shape
    u = np.zeros(n)
    v = np.zeros(n)
    a = np.zeros(n)
    fired = np.empty(n, np.int64)
    for t in range(n_steps):
        n_fired = 0
        for i in range(n):
            u[i] = u[i] * (1 - du) + a[i]
            v[i] = v[i] * (1 - dv) + u[i] + bias
            current[t, i] = u[i]
        for i in range(n):
            if v[i] > vth:
                v[i] = 0.0
                spikes[t, i] = 1
                fired[n_fired] = i
                n_fired += 1
            voltage[t, i] = v[i]
        a[:] = 0.0
        for k in range(n_fired):
            j = fired[k]
            for i in range(n):
                a[i] += outgoing[j, i]
