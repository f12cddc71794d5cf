r"""Following a fixed point of one rate network along q_factor, around folds, without a hop.

The fixed points r = q² U erf(r) + b / dr of a network with weights W = q² U lie on curves of
(r, q). Such a branch is followed by its arclength s, in the metric

$$ds^2 = \sum_i \big( d\,\mathrm{erf}(r_i) \big)^2 + dq^2,$$

in which a saturated neuron, which passes nothing on, has no length. A step predicts along
the tangent and corrects by Newton's method, perpendicular to it [1]. Where the branch turns back
in q, at a fold, s goes on: no equation becomes singular there.

Two branches may come close, and Newton's method may end on the other one. A step is therefore
accepted only if it ends where it was predicted (`GUARD`), in a direction near the one that it
started in (`TURN`), and is short (`step`); otherwise it is halved.

[1] Keller, in Applications of Bifurcation Theory (Academic Press, 1977), p. 359.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import erf

from eiphase.theory.gaussian_averages import erf_slope

SATURATED_SLOPE = 1e-12  # erf'(r) below which a neuron passes nothing on
NEWTON_STEPS = 10
TOLERANCE = 1e-10  # of the residual, relative to the largest |r|
GUARD = 0.1  # how far an output may end from its prediction, relative to the largest step of one
TURN = 0.9  # cosine of the angle between the tangents before and after a step, at least
FAR = 0.1  # step of q_factor, relative to q_factor, as a part of the largest step of an output
LEAST = 1e-9  # smallest step of s


@dataclass(frozen=True)
class BranchPoint:
    """A fixed point on a branch and the direction in which the branch goes on.

    - `state`: r, shape (neuron,), at `q_factor`.
    - `state_slope`, `q_slope`: dr/ds and dq/ds.
    """

    state: np.ndarray
    q_factor: float
    state_slope: np.ndarray
    q_slope: float


@dataclass(frozen=True)
class Branch:
    """Fixed points of the networks q² U with the drive b / dr.

    - `unit`: U, weights at q_factor 1, [post, pre].
    - `step`: how far one neuron's output erf(r), or q_factor, may go in a step.
    """

    unit: np.ndarray
    drive: float
    step: float

    def start(self, state: np.ndarray, q_factor: float) -> BranchPoint | None:
        """The branch through a fixed point, in the direction of growing q_factor."""
        return self._point(state, q_factor, np.zeros(len(state)), 1.0)

    def next(self, here: BranchPoint, s: float) -> tuple[BranchPoint, float] | None:
        """The next point, `s` or less further on, and how far it is; None if there is none."""
        s = min(s, self._longest(here))
        while s > LEAST:
            there = self.at(here, s)
            if there is not None and (found := self._accepted(here, *there, s)) is not None:
                return found, s
            s /= 2
        return None

    def at(self, here: BranchPoint, s: float) -> tuple[np.ndarray, float] | None:
        """State and q_factor at a short distance from a point; None if Newton's method fails."""
        state, q = here.state + s * here.state_slope, here.q_factor + s * here.q_slope
        for _ in range(NEWTON_STEPS):
            residual = q**2 * (self.unit @ erf(state)) + self.drive - state
            if np.abs(residual).max() <= TOLERANCE * np.abs(state).max():
                return state, q
            change = self._solve(state, q, here.state_slope, here.q_slope, residual, 0.0)
            if change is None:
                return None
            state, q = state + change[0], q + change[1]
        return None

    def _longest(self, here: BranchPoint) -> float:
        """The largest step of s from a point, by what it changes."""
        of_output = np.abs(erf_slope(here.state) * here.state_slope).max()
        of_q = abs(here.q_slope) / max(1.0, FAR * here.q_factor)
        return self.step / max(of_output, of_q)

    def _accepted(
        self, here: BranchPoint, state: np.ndarray, q: float, s: float
    ) -> BranchPoint | None:
        predicted = erf(here.state + s * here.state_slope)
        output = erf(state)
        if np.abs(output - predicted).max() > GUARD * self.step:
            return None
        if np.abs(output - erf(here.state)).max() > 2 * self.step:
            return None
        there = self._point(state, q, here.state_slope, here.q_slope)
        if there is None:
            return None
        metric = erf_slope(here.state) * erf_slope(state)
        along = np.sum(metric * here.state_slope * there.state_slope)
        return there if along + here.q_slope * there.q_slope >= TURN else None

    def _point(self, state, q, state_slope, q_slope) -> BranchPoint | None:
        """A fixed point with its tangent, on the side of a direction."""
        change = self._solve(state, q, state_slope, q_slope, np.zeros(len(state)), 1.0)
        if change is None:
            return None
        length = np.hypot(np.linalg.norm(erf_slope(state) * change[0]), change[1])
        return BranchPoint(state, q, change[0] / length, change[1] / length)

    def _solve(self, state, q, state_slope, q_slope, residual, distance):
        """(1 - A) dr - dF/dq dq = residual, at a distance along a direction.

        The columns of A of saturated neurons are zero: the other neurons are solved for alone.
        """
        active = active_neurons(state)
        n = len(active)
        slope = erf_slope(state[active])
        columns = q**2 * self.unit[:, active] * slope
        by_q = 2 * q * (self.unit @ erf(state))
        matrix = np.empty((n + 1, n + 1))
        matrix[:n, :n] = np.eye(n) - columns[active]
        matrix[:n, n] = -by_q[active]
        matrix[n, :n] = slope**2 * state_slope[active]
        matrix[n, n] = q_slope
        try:
            change = np.linalg.solve(matrix, np.append(residual[active], distance))
        except np.linalg.LinAlgError:
            return None
        if not np.isfinite(change).all():
            return None
        return residual + by_q * change[n] + columns @ change[:n], float(change[n])


def active_neurons(state: np.ndarray) -> np.ndarray:
    """Indices of the neurons that are not saturated."""
    return np.flatnonzero(erf_slope(state) > SATURATED_SLOPE)
