"""A plain NumPy loop, one network at a time."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from networks import Networks, Simulate
from scipy.special import erf

STATE_LIMIT = 2**23  # of currents and voltages in Loihi's 24 bits
DECAY_UNIT = 2**12
ALIGNMENT = 6  # left shift of synaptic input


def rate(networks: Networks, n_steps: int, cache: Path) -> Simulate:
    """r ← (1 - dr) r + b + dr W erf(r)."""
    dr, bias = networks.step_size, networks.bias

    def simulate() -> Iterator[np.ndarray]:
        for index in range(len(networks)):
            weights = dr * networks.weights(index)
            states = np.empty((n_steps, networks.n_neurons))
            r = np.zeros(networks.n_neurons)
            for t in range(n_steps):
                r = (1 - dr) * r + bias + weights @ erf(r)
                states[t] = r
            yield states

    return simulate


def lif_float(networks: Networks, n_steps: int, cache: Path) -> Simulate:
    """u ← u (1 - du) + W s;  v ← v (1 - dv) + u + bias;  s = [v > threshold];  v ← 0 where s.

    The rows of Wᵀ of the neurons that fired are added in ascending order, as Lava does.
    """
    du, dv = networks.du, networks.dv

    def simulate() -> Iterator[np.ndarray]:
        for index in range(len(networks)):
            rows = np.ascontiguousarray(networks.lif_weights(index).T)
            spikes = np.empty((n_steps, networks.n_neurons), np.uint8)
            u, v, a = np.zeros((3, networks.n_neurons))
            for t in range(n_steps):
                u = u * (1 - du) + a
                v = v * (1 - dv) + u + networks.lif_bias
                fired = v > networks.threshold
                v[fired] = 0
                a = rows[fired].sum(axis=0)
                spikes[t] = fired
            yield spikes

    return simulate


def lif_bit_accurate(networks: Networks, n_steps: int, cache: Path) -> Simulate:
    """The same in Loihi's integers: u wraps and v is clipped to 24 bits, decays round to 0."""

    def simulate() -> Iterator[np.ndarray]:
        for index in range(len(networks)):
            exponent, keep_u, keep_v, threshold, bias = networks.integers[index]
            rows = np.ascontiguousarray(networks.stored_weights[index].T, np.int64)
            spikes = np.empty((n_steps, networks.n_neurons), np.uint8)
            u, v, a = np.zeros((3, networks.n_neurons), np.int64)
            for t in range(n_steps):
                u = _decayed(u, keep_u) + (a << exponent << ALIGNMENT)
                u[u > STATE_LIMIT] -= 2 * STATE_LIMIT
                u[u <= -STATE_LIMIT] += 2 * STATE_LIMIT
                v = _decayed(v, keep_v) + u + bias
                np.clip(v, 1 - STATE_LIMIT, STATE_LIMIT - 1, out=v)
                fired = v > threshold
                v[fired] = 0
                a = rows[fired].sum(axis=0)
                spikes[t] = fired
            yield spikes

    return simulate


def _decayed(x: np.ndarray, keep: int) -> np.ndarray:
    """x keep / 2**12, rounded towards zero."""
    return np.sign(x) * (np.abs(x) * keep // DECAY_UNIT)
