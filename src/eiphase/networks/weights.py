"""One excitatory-inhibitory network and its random weights."""

from dataclasses import dataclass

import numpy as np

EXCITATORY_FRACTION = 0.8  # of all neurons, as in the tutorial and in cortex


@dataclass(frozen=True, kw_only=True)
class Network:
    """One draw of weights at one grid point: what is simulated, on any backend.

    **Arguments:**

    - `n_neurons`: N, excitatory and inhibitory together; at least 5.
    - `q_factor`: recurrent gain; weights scale with its square.
    - `g_factor`: strength of inhibition relative to excitation.
    - `seed`: of the Gaussian matrix Z. Networks with the same seed, draw and N share Z.
    - `draw`: which of the matrices that the seed's stream gives one after the other.
    - `step_size`: dr = dt / tau, one time step in units of the time constant.
    - `bias`: input per time step to each rate neuron.
    - `refractory`: time constants for which a LIF neuron rests after a spike; a whole number of
      steps.
    """

    n_neurons: int
    q_factor: float
    g_factor: float
    seed: int
    draw: int = 0
    step_size: float = 0.01
    bias: float = 0.1
    refractory: float = 0.0

    @property
    def refractory_steps(self) -> int:
        """Steps for which a LIF neuron rests."""
        return round(self.refractory / self.step_size)


def initial_rates(network: Network, number: int) -> np.ndarray:
    """Rate neurons' states before the first step, (neuron,); `number` 0 is r = 0.

    The others are Gaussian with standard deviation q_factor, and depend on seed and number.
    """
    if number == 0:
        return np.zeros(network.n_neurons)
    stream = np.random.RandomState([network.seed, number])
    return network.q_factor * stream.standard_normal(network.n_neurons)


def initial_voltages(network: Network, number: int) -> np.ndarray:
    """LIF neurons' voltages before the first step, (neuron,), in thresholds; 0 is v = 0.

    Those of the others are uniform up to `number` thresholds, so that few or many neurons fire at
    once, and depend on seed and number.
    """
    if number == 0:
        return np.zeros(network.n_neurons)
    stream = np.random.RandomState([network.seed, number])
    return number * stream.uniform(size=network.n_neurons)


def n_excitatory(n_neurons: int) -> int:
    """Number of excitatory neurons; they come first, the inhibitory ones after."""
    return int(n_neurons * EXCITATORY_FRACTION)


def gaussian_matrix(n_neurons: int, seed: int, *, draw: int = 0) -> np.ndarray:
    """Z, standard normal, shape [post, pre].

    NumPy promises that the stream of `RandomState` never changes, which it does not
    for its newer generators. With seed 1234, draws 0 and 1 are the tutorial's matrices.
    """
    stream = np.random.RandomState(seed)
    for _ in range(draw):
        stream.standard_normal((n_neurons, n_neurons))
    return stream.standard_normal((n_neurons, n_neurons))


def half_gaussian(gaussian: np.ndarray) -> np.ndarray:
    """M at g_factor = 1: max(Z, 0) in excitatory columns, min(Z, 0) in inhibitory ones."""
    n_exc = n_excitatory(len(gaussian))
    half = np.empty_like(gaussian)
    np.maximum(gaussian[:, :n_exc], 0.0, out=half[:, :n_exc])
    np.minimum(gaussian[:, n_exc:], 0.0, out=half[:, n_exc:])
    return half


def half_gaussian_of(network: Network) -> np.ndarray:
    """The random part of a network's weights."""
    return half_gaussian(gaussian_matrix(network.n_neurons, network.seed, draw=network.draw))


def gain(n_neurons: int, q_factor: float) -> float:
    """Factor of Z in the weights, (2 q_factor)^2 / N."""
    return (2 * q_factor) ** 2 / n_neurons


def weights(half: np.ndarray, *, q_factor: float, g_factor: float) -> np.ndarray:
    r"""Recurrent weights of the rate network, shape [post, pre], dimensionless.

    $$W = \frac{(2 q)^2}{N} M, \qquad M_{ij} = \begin{cases}
      \max(Z_{ij}, 0) & j \text{ excitatory} \\
      g \min(Z_{ij}, 0) & j \text{ inhibitory} \end{cases}$$

    `half` is `half_gaussian(Z)`. Equal to the bit to the tutorial's
    `generate_gaussian_weights` for the same Z.
    """
    n_neurons = len(half)
    w = gain(n_neurons, q_factor) * half
    w[:, n_excitatory(n_neurons) :] *= g_factor
    return w


@dataclass(frozen=True, kw_only=True)
class Synapses:
    """Weights as a backend has them, but for one factor for each population's columns.

    **Arguments:**

    - `matrix`: [post, pre].
    - `excitatory_gain`, `inhibitory_gain`: factors of its columns.
    """

    matrix: np.ndarray
    excitatory_gain: float
    inhibitory_gain: float


def synapses(half: np.ndarray, network: Network) -> Synapses:
    """The rate network's synapses, equal to `weights`; `half` is `half_gaussian(Z)`."""
    factor = gain(len(half), network.q_factor)
    return Synapses(matrix=half, excitatory_gain=factor, inhibitory_gain=factor * network.g_factor)
