"""Rate neurons: one step as NumPy writes it, and many networks at once, fast."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eiphase.networks import weights as network
from eiphase.networks.weights import Network
from eiphase.numerics import simd
from eiphase.numerics.erf import erf_of
from eiphase.numerics.jit import njit

# Networks that advance in step: a row of numbers holds one of each.
LANES = simd.WIDTH
# So many columns' factors, a row each, fit into the processor's first cache (26 kB).
COLUMNS_PER_BLOCK = 100


def step(
    state: np.ndarray, weights: np.ndarray, bias: np.ndarray, step_size: np.ndarray
) -> np.ndarray:
    r"""One forward-Euler step of rate neurons.

    $$r(t+1) = (1 - dr)\, r(t) + b + (dr\, W)\, \mathrm{erf}(r(t))$$

    `state`, `bias` (per step, not multiplied by dr) and `step_size` (dr = dt / tau of
    the postsynaptic neuron) have shape (neuron,), `weights` [post, pre]. Equal to the
    bit to the tutorial's rate model on the same BLAS.
    """
    from scipy.special import erf  # takes 0.1 s to import, which kernels do not need

    return (1 - step_size) * state + bias + (step_size[:, None] * weights) @ erf(state)


def batch_size(bytes_each: int, bytes_together: int) -> int:
    """How many networks to advance together: results do not depend on it, but time does.

    As many as fill a row, if memory allows. `bytes_each` is what one takes: a block of its
    trajectory, and what is measured on it.
    """
    return max(1, min(LANES, bytes_together // bytes_each))


@dataclass(frozen=True)
class Batch:
    """Rate networks that share one Gaussian matrix.

    `half` is `weights.half_gaussian(Z)`, [post, pre]; the networks' seeds are not looked at.
    """

    half: np.ndarray
    networks: Sequence[Network]

    def recurrence(self, lanes: slice) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
        """What kernels take of some networks beside their matrix.

        The number of excitatory neurons; and of each network the factor dr (2q)^2 / N of
        excitatory columns, that times g of the inhibitory ones, and dr.
        """
        n_neurons, networks = len(self.half), self.networks[lanes]
        gain = np.array([n.step_size * network.gain(n_neurons, n.q_factor) for n in networks])
        return (
            network.n_excitatory(n_neurons),
            gain,
            gain * [n.g_factor for n in networks],
            np.array([n.step_size for n in networks]),
        )


@dataclass(frozen=True, eq=False)
class Simulator:
    """Rate networks between two steps, with their matrix as the kernel reads it."""

    batch: Batch
    matrix: "SparseMatrix"
    states: list[np.ndarray]  # (neuron, LANES) of each group of networks; they change in place

    @classmethod
    def of(cls, batch: Batch) -> "Simulator":
        """A simulator with all networks at r = 0."""
        n_groups = -(-len(batch.networks) // LANES)
        states = [simd.aligned(len(batch.half)) for _ in range(n_groups)]
        return cls(batch, sparse(batch.half), states)

    def advance(self, states: np.ndarray, steps_done: np.ndarray | None = None) -> None:
        """Advance as many steps as `states` (network, time, neuron) has; each step is stored there.

        `steps_done`, an array of one integer, is counted up after each step.
        """
        n_neurons = len(self.batch.half)
        for group, r in enumerate(self.states):
            lanes = slice(group * LANES, (group + 1) * LANES)
            _run(
                *self.matrix,
                *self.batch.recurrence(lanes),
                np.array([n.bias for n in self.batch.networks[lanes]]),
                r,
                simd.aligned(n_neurons),
                states[lanes],
                np.zeros(1, np.int64) if steps_done is None else steps_done,
            )


def run(batch: Batch, n_steps: int, *, steps_done: np.ndarray | None = None) -> np.ndarray:
    r"""Trajectories of rate networks that share one Gaussian matrix, from r = 0.

    The same equation as `step`. The recurrent input is summed in one fixed order,
    whatever the number of networks, so that a network's trajectory does not depend on
    which others it runs with:

    $$r_i \leftarrow (1 - dr)\, r_i + b + \sum_j M_{ij}\, y_j, \qquad
      y_j = dr \frac{(2q)^2}{N} \mathrm{erf}(r_j) \cdot \begin{cases}
      1 & j \text{ excitatory} \\ g & j \text{ inhibitory} \end{cases}$$

    with j ascending, each product added by a fused multiply-add (see `add_product`)
    and erf by `erf.erf_of`. It differs from `step` by rounding alone, which chaos
    then amplifies.

    Returns the states after each step, shape (network, time, neuron), dimensionless.
    `Simulator` gives the same in blocks of steps, in memory that stays.
    """
    states = np.empty((len(batch.networks), n_steps, len(batch.half)))
    Simulator.of(batch).advance(states, steps_done)
    return states


@njit(cache=True)
def _run(
    ends, columns, values, n_exc, gain_exc, gain_inh, step_size, bias, r, y, states, steps_done
):
    n_lanes, n_steps, n = states.shape
    # Networks lie side by side, as lanes of a row: each weight is loaded once for all of them.
    for t in range(n_steps):
        for i in range(n):
            gain = gain_exc if i < n_exc else gain_inh
            for k in range(n_lanes):
                y[i, k] = gain[k] * erf_of(r[i, k])
                # All but W's part, which the product then adds in place.
                r[i, k] = (1 - step_size[k]) * r[i, k] + bias[k]
        add_product(ends, columns, values, y, r)
        for i in range(n):
            for k in range(n_lanes):
                states[k, t, i] = r[i, k]  # here each network by itself: so it is measured
        steps_done[0] += 1


class SparseMatrix(NamedTuple):
    """A matrix [post, pre] without its zeros, as `add_product` reads it.

    Blocks of columns one after the other; in each, row by row, with columns ascending.
    """

    ends: np.ndarray  # (block, post), where each row of each block ends
    columns: np.ndarray  # (entry,)
    values: np.ndarray  # (entry,)


def sparse(matrix: np.ndarray) -> SparseMatrix:
    """A square matrix without its zeros."""
    return SparseMatrix(*_sparse(matrix, np.count_nonzero(matrix)))


@njit(cache=True)
def _sparse(matrix, n_entries):
    n = len(matrix)
    n_blocks = (n + COLUMNS_PER_BLOCK - 1) // COLUMNS_PER_BLOCK
    ends = np.empty((n_blocks, n), np.int64)
    columns = np.empty(n_entries, np.uint32)
    values = np.empty(n_entries)
    entry = 0
    for block in range(n_blocks):
        first = block * COLUMNS_PER_BLOCK
        for i in range(n):
            for j in range(first, min(first + COLUMNS_PER_BLOCK, n)):
                if matrix[i, j] != 0:
                    columns[entry] = j
                    values[entry] = matrix[i, j]
                    entry += 1
            ends[block, i] = entry
    return ends, columns, values


@njit(cache=True)
def add_product(ends, columns, values, x, total):
    """total += matrix @ x for a `SparseMatrix`; x and total (neuron, LANES), finite.

    Each number of `total` takes its products in ascending order of j, by a fused
    multiply-add (`simd.multiply_add`). So a lane's bits depend neither on the other
    lanes nor on the blocks. Products with zero would change nothing.
    """
    n_blocks, n = ends.shape
    start = 0
    for block in range(n_blocks):  # whose rows of x stay in the processor's cache
        for i in range(n):
            row = simd.load_row(total, i)
            for entry in range(start, ends[block, i]):
                x_j = simd.load_row(x, columns[entry])
                row = simd.multiply_add(values[entry], x_j, row)
            simd.store_row(total, i, row)
            start = ends[block, i]
