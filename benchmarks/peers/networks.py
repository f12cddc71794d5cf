"""The networks that every peer simulates, as plain arrays in one file.

Needs NumPy alone, so that it runs in the peers' environment as in eiphase's own.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

# Simulates all networks. Yields the recording of each, (time, neuron): states after each
# step, or 0 and 1 where a neuron fires; in a sweep that measures them itself, nothing.
Simulate = Callable[[], Iterator[np.ndarray]]


@dataclass(frozen=True, kw_only=True)
class Networks:
    """A grid of excitatory-inhibitory networks of one seed, on all three backends.

    Weights are [post, pre]. Large grids come without integers, which would fill gigabytes.

    **Arguments:**

    - `half`: max(Z, 0) in excitatory columns, min(Z, 0) in inhibitory ones, which come last.
    - `n_excitatory`: number of excitatory neurons.
    - `seed`: of Z.
    - `q_factor`, `g_factor`: (network,), all pairs of some values of each.
    - `step_size`, `bias`: dr and b of the rate neurons.
    - `weight_scale`: of the mapping to LIF neurons, (network,).
    - `du`, `dv`, `threshold`, `lif_bias`: of the LIF neurons, as `eiphase.networks.lif` has them.
    - `stored_weights`: of the bit-accurate LIF neurons, (network, post, pre), int16.
    - `integers`: of each network the binary exponent of its weights, what a step
      leaves of current and voltage in units of 2**-12, threshold and bias in the voltage's
      unit, (network, 5).
    """

    half: np.ndarray
    n_excitatory: int
    seed: int
    q_factor: np.ndarray
    g_factor: np.ndarray
    step_size: float
    bias: float
    weight_scale: np.ndarray
    du: float
    dv: float
    threshold: float
    lif_bias: float
    stored_weights: np.ndarray
    integers: np.ndarray

    def __len__(self) -> int:
        return len(self.q_factor)

    @property
    def n_neurons(self) -> int:
        return len(self.half)

    def save(self, path: Path) -> None:
        np.savez(path, **asdict(self))

    @classmethod
    def load(cls, path: Path) -> "Networks":
        with np.load(path) as file:
            return cls(**{name: file[name][()] for name in file.files})

    def weights(self, index: int) -> np.ndarray:
        """W of a rate network."""
        w = (2 * self.q_factor[index]) ** 2 / self.n_neurons * self.half
        w[:, self.n_excitatory :] *= self.g_factor[index]
        return w

    def lif_weights(self, index: int) -> np.ndarray:
        """W of a LIF network, du included."""
        w = self.weight_scale[index] * self.weights(index)
        w *= self.du
        return w

    def column_gains(self, some: slice) -> np.ndarray:
        """What `half` is multiplied by in some networks' weights, (network, pre)."""
        gain = (2 * self.q_factor[some]) ** 2 / self.n_neurons
        gains = np.repeat(gain[:, None], self.n_neurons, axis=1)
        gains[:, self.n_excitatory :] *= self.g_factor[some][:, None]
        return gains
