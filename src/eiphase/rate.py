"""Rate neurons: one step as NumPy writes it, and many networks at once, fast."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.special import erf

from eiphase import network
from eiphase.network import Network

# How many networks advance together: more share each load of Z, but their states fall out
# of the cache, and their trajectories must fit into this much memory.
LANES = 16
TRAJECTORY_BYTES = 512 * 2**20


def step(
    state: np.ndarray, weights: np.ndarray, bias: np.ndarray, step_size: np.ndarray
) -> np.ndarray:
    r"""One forward-Euler step of rate neurons.

    $$r(t+1) = (1 - dr)\, r(t) + b + (dr\, W)\, \mathrm{erf}(r(t))$$

    `state`, `bias` (per step, not multiplied by dr) and `step_size` (dr = dt / tau of
    the postsynaptic neuron) have shape (neuron,), `weights` [post, pre]. Equal to the
    bit to the tutorial's rate model on the same BLAS.
    """
    return (1 - step_size) * state + bias + (step_size[:, None] * weights) @ erf(state)


def lanes(n_neurons: int, n_steps: int) -> int:
    """How many networks to advance together; results do not depend on it."""
    return max(1, min(LANES, TRAJECTORY_BYTES // (8 * n_neurons * n_steps)))


@dataclass(frozen=True)
class Batch:
    """Rate networks that share one Gaussian matrix.

    `half` is `network.half_gaussian(Z)`, [post, pre]; the networks' seeds are not looked at.
    """

    half: np.ndarray
    networks: Sequence[Network]


def run(
    batch: Batch,
    n_steps: int,
    *,
    reuse: np.ndarray | None = None,
    steps_done: np.ndarray | None = None,
) -> np.ndarray:
    r"""Trajectories of rate networks that share one Gaussian matrix, from r = 0.

    The same equation as `step`. The recurrent input is summed in one fixed order,
    whatever the number of networks, so that a network's trajectory does not depend on
    which others it runs with:

    $$(1 - dr)\, r_i + b + dr \frac{(2q)^2}{N} \Big( \sum_{j \in E} M_{ij}\,
      \mathrm{erf}(r_j) + g \sum_{j \in I} M_{ij}\, \mathrm{erf}(r_j) \Big)$$

    with j ascending in both sums, each product and each sum rounded. It differs from
    `step` by rounding alone, which chaos then amplifies.

    Returns the states after each step, shape (network, time, neuron), dimensionless. The
    states of an earlier run of as many steps and at least as many networks may be given
    to `reuse`: they are overwritten. `steps_done`, an array of one integer, is counted up
    after each step.
    """
    half, networks = batch.half, batch.networks
    n_neurons = len(half)
    states = np.empty((len(networks), n_steps, n_neurons)) if reuse is None else reuse
    states = states[: len(networks)]
    _run(
        half,
        network.n_excitatory(n_neurons),
        np.array([n.step_size * network.gain(n_neurons, n.q_factor) for n in networks]),
        np.array([n.g_factor for n in networks]),
        np.array([n.step_size for n in networks]),
        np.array([n.bias for n in networks]),
        states,
        np.zeros(1, np.int64) if steps_done is None else steps_done,
    )
    return states


@njit(cache=True)
def _run(half, n_exc, gain, g_factor, step_size, bias, states, steps_done):
    n_lanes, n_steps, n = states.shape
    r = np.zeros((n, n_lanes))
    activation = np.empty((n, n_lanes))
    excitation = np.empty((n, n_lanes))
    inhibition = np.empty((n, n_lanes))
    for t in range(n_steps):
        for i in range(n):
            for k in range(n_lanes):
                activation[i, k] = math.erf(r[i, k])
        _accumulate(half, 0, n_exc, activation, excitation)
        _accumulate(half, n_exc, n, activation, inhibition)
        for i in range(n):
            for k in range(n_lanes):
                recurrent = gain[k] * (excitation[i, k] + g_factor[k] * inhibition[i, k])
                r[i, k] = (1 - step_size[k]) * r[i, k] + bias[k] + recurrent
                states[k, t, i] = r[i, k]
        steps_done[0] += 1


@njit(cache=True)
def _accumulate(half, start, stop, activation, total):
    """total[i] = sum over j in [start, stop), ascending, of half[i, j] * activation[j].

    Eight j at a time, so that `total` is loaded and stored an eighth as often; the
    order of the additions is that of the plain double loop.
    """
    n, n_lanes = activation.shape
    total[:] = 0.0
    unrolled = start + (stop - start) // 8 * 8
    for j in range(start, unrolled, 8):
        for i in range(n):
            m0, m1, m2, m3 = half[i, j], half[i, j + 1], half[i, j + 2], half[i, j + 3]
            m4, m5, m6, m7 = half[i, j + 4], half[i, j + 5], half[i, j + 6], half[i, j + 7]
            for k in range(n_lanes):
                s = total[i, k]
                s += m0 * activation[j, k]
                s += m1 * activation[j + 1, k]
                s += m2 * activation[j + 2, k]
                s += m3 * activation[j + 3, k]
                s += m4 * activation[j + 4, k]
                s += m5 * activation[j + 5, k]
                s += m6 * activation[j + 6, k]
                s += m7 * activation[j + 7, k]
                total[i, k] = s
    for j in range(unrolled, stop):
        for i in range(n):
            for k in range(n_lanes):
                total[i, k] += half[i, j] * activation[j, k]
