"""How an infinitely small perturbation grows along the trajectory of rate neurons."""

from dataclasses import dataclass

import numpy as np

from eiphase.networks import rate
from eiphase.numerics import erf, simd
from eiphase.numerics.jit import njit

SEED = 0  # of the direction in which the perturbation starts


def log_growth(batch: rate.Batch, states: np.ndarray) -> np.ndarray:
    r"""Growth of a tangent vector in each step, $\ln (|\delta(t+1)| / |\delta(t)|)$.

    The tangent of the map that `rate.run` iterates, along its `states`, from r = 0:

    $$\delta_i(t+1) = (1 - dr)\, \delta_i(t) + dr \sum_j W_{ij}\, \frac{2}{\sqrt\pi}
      e^{-r_j(t)^2}\, \delta_j(t)$$

    with the Euclidean length set back to 1 after each step. The vector starts in a random
    direction and turns into that of fastest growth; give it a burn-in before its growth is
    averaged by `lyapunov.exponent` [1]. It then tells a stable fixed point (below 0), a
    limit cycle (0) and chaos (above 0) apart [2], within the error, and of the attractor that
    the network has found by then.

    `states` has shape (network, time, neuron), and so does the result without `neuron`. A
    network's numbers do not depend on the others in the batch. `Tangents` does the same in blocks
    of steps. The cost is that of the
    trajectory once more: one product with the same matrix and one exponential a neuron.

    [1] Benettin, Galgani, Giorgilli & Strelcyn, Meccanica 15, 9 and 21 (1980).
    [2] Sompolinsky, Crisanti & Sommers, Phys. Rev. Lett. 61, 259 (1988).
    """
    return Tangents.of(batch).log_growth(states)


def direction(n_neurons: int) -> np.ndarray:
    """The direction in which every tangent vector starts, of length 1."""
    start = np.random.RandomState(SEED).standard_normal(n_neurons)
    return start / np.sqrt(np.square(start).sum())


@dataclass(frozen=True, eq=False)
class Tangents:
    """Tangent vectors of rate networks between two steps, beside the networks' states."""

    batch: rate.Batch
    matrix: rate.SparseMatrix
    tangents: list[np.ndarray]  # (neuron, LANES) of each group of networks; they change in place
    states: list[np.ndarray]  # the networks', likewise

    @classmethod
    def of(cls, batch: rate.Batch) -> "Tangents":
        """Tangents at r = 0, all in the same direction."""
        n_neurons, n_groups = len(batch.half), -(-len(batch.networks) // rate.LANES)
        start = direction(n_neurons)
        found, states = ([simd.aligned(n_neurons) for _ in range(n_groups)] for _ in range(2))
        for tangent in found:
            tangent[:] = start[:, None]
        return cls(batch, rate.sparse(batch.half), found, states)

    def log_growth(self, states: np.ndarray) -> np.ndarray:
        """Growth in the next steps, (network, time), along the networks' `states` after them."""
        n_neurons = len(self.batch.half)
        found = np.empty(states.shape[:2])
        for group, (tangent, r) in enumerate(zip(self.tangents, self.states, strict=True)):
            lanes = slice(group * rate.LANES, (group + 1) * rate.LANES)
            _log_growth(
                *self.matrix,
                *self.batch.recurrence(lanes),
                states[lanes],
                tangent,
                r,
                simd.aligned(n_neurons),
                found[lanes],
            )
        return found


@njit(cache=True)
def _log_growth(
    ends, columns, values, n_exc, gain_exc, gain_inh, step_size, states, tangent, r, driving, found
):
    n_lanes, n_steps, n = states.shape
    squares = np.empty(n_lanes)
    for t in range(n_steps):
        # The slope at the state before this step, which the trajectory holds as the last one.
        erf.erf_slope(r.ravel(), driving.ravel())
        for i in range(n):
            gain = gain_exc if i < n_exc else gain_inh
            for k in range(n_lanes):
                driving[i, k] *= gain[k] * tangent[i, k]
                tangent[i, k] *= 1 - step_size[k]
        rate.add_product(
            ends, columns, values, driving, tangent
        )  # W times the vector, as in `rate`
        squares[:] = 0.0
        for i in range(n):
            for k in range(n_lanes):
                squares[k] += tangent[i, k] * tangent[i, k]
                r[i, k] = states[k, t, i]
        length = np.sqrt(squares)
        for i in range(n):
            for k in range(n_lanes):
                tangent[i, k] /= length[k]  # else it would overflow in chaos, or vanish
        found[:, t] = np.log(length)
