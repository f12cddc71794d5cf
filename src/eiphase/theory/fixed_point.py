r"""Fixed points of one rate network, their stability, and the q_factor at which it is lost.

The network of `rate.step`, r(t+1) = (1 - dr) r(t) + dr W erf(r(t)) + b, stands still where

$$r = W\, \mathrm{erf}(r) + b / dr.$$

Per time constant the flow around it has the Jacobian -1 + A, with A = W diag(erf'(r)).
`abscissa` is the largest real part of its eigenvalues. Time goes in steps: an eigenvalue
λ of A grows by the factor 1 - dr + dr λ in each, and `multiplier` is the largest modulus of
those. The fixed point is stable where that is below 1. For a real λ between 1 - 2 / dr and 1
both criteria agree; a complex λ loses stability in the map at a real part of 1 - dr |λ - 1|² / 2,
a little earlier than in the flow.

Neurons beyond |r| = 5.3 are saturated to 1e-12: their columns of A vanish, and eigenvalues
and Newton's steps need the other neurons only. Near the border of this network that is
often a minority, and makes the eigenvalues of 400 neurons a matter of milliseconds.

BLAS has one thread here: two would change last bits, and are no faster for some hundred neurons.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from scipy.special import erf

from eiphase.networks import weights as network
from eiphase.numerics.blas import one_thread
from eiphase.theory.continuation import (
    NEWTON_STEPS,
    TOLERANCE,
    Branch,
    active_neurons,
)
from eiphase.theory.gaussian_averages import erf_slope

STEP = 0.1  # of one neuron's output, or of q_factor, along a branch
BEYOND = 1e-3  # in q_factor, where a network is looked at that has lost its fixed point
# Relaxation: forward Euler in time constants, until the flow is this slow.
RELAXATION_STEP = 0.1
RELAXATION_TIME = 200.0
SLOW = 1e-3


class Loss(IntEnum):
    """How a fixed point loses its stability as q_factor grows."""

    NONE = 0  # it is stable up to the largest q_factor looked at
    REAL = 1  # λ = 1: it meets another fixed point, and both vanish (a fold)
    COMPLEX = 2  # a pair of complex λ: an oscillation grows
    ALTERNATING = 3  # λ < 1 - 2 / dr: states overshoot from step to step
    UNKNOWN = 4  # no step along the branch was accepted any more, and none had lost stability


@dataclass(frozen=True)
class NetworkFixedPoint:
    """A fixed point of a rate network and its stability.

    - `state`: r, shape (neuron,), dimensionless.
    - `abscissa`: of the Jacobian, in 1 / time constant; negative: the flow is stable.
    - `multiplier`: largest growth in one step; below 1: the map is stable.
    - `eigenvalue`: λ of W diag(erf'(r)) that grows by it.
    """

    state: np.ndarray
    abscissa: float
    multiplier: float
    eigenvalue: complex

    @property
    def stable(self) -> bool:
        return self.multiplier < 1


@dataclass(frozen=True)
class Lost:
    """The last stable fixed point of a branch, and how it loses stability.

    - `q_factor`: where; NaN if the loss is `UNKNOWN`.
    - `state`: r, shape (neuron,), dimensionless.
    """

    q_factor: float
    state: np.ndarray
    loss: Loss


@dataclass(frozen=True)
class NetworkCriticalQ:
    """Where a network's fixed point loses stability, as q_factor grows from 0.

    - `value`: the lowest q_factor at which the network settles nowhere; NaN if it does up to the
      largest, or if the loss is `UNKNOWN`. Further up there may again be stable fixed points.
    - `loss`: what happens there.
    - `first_loss`: q_factor at which the fixed point that it comes from, unique at small q_factor,
      ends or turns unstable; NaN if it does not.
    - `jumps`: how often, between the two, the network settled at another stable fixed point.
      Above `first_loss` there may be several: which one a simulation finds depends on its start.
    """

    value: float
    loss: Loss
    first_loss: float
    jumps: int


@one_thread()
def eigenvalues(weights: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Eigenvalues λ of W diag(erf'(r)) that are not zero, and at least one zero."""
    return _eigenvalues(weights, state)


def spectral_abscissa(weights: np.ndarray, state: np.ndarray) -> float:
    """Largest real part of the eigenvalues of -1 + W diag(erf'(r)), in 1 / time constant."""
    return float(eigenvalues(weights, state).real.max() - 1)


@one_thread()
def near(
    weights: np.ndarray, drive: float, *, start: np.ndarray, step_size: float
) -> NetworkFixedPoint | None:
    """The fixed point that Newton's method finds from a state close to it, stable or not.

    `weights` are [post, pre], `drive` is b / dr. None if it does not converge in a few steps.
    """
    state = start
    for _ in range(NEWTON_STEPS):
        residual = weights @ erf(state) + drive - state
        if np.abs(residual).max() <= TOLERANCE * np.abs(state).max():
            return _with_stability(weights, state, step_size)
        # Solve (1 - A) change = residual; the columns of A of saturated neurons are zero.
        active = active_neurons(state)
        columns = weights[:, active] * erf_slope(state[active])
        try:
            change = np.linalg.solve(np.eye(len(active)) - columns[active], residual[active])
        except np.linalg.LinAlgError:
            return None
        state = state + residual + columns @ change
        if not np.isfinite(state).all():
            return None
    return None


@one_thread()
def settled(
    weights: np.ndarray, drive: float, *, step_size: float, start: np.ndarray | None = None
) -> NetworkFixedPoint | None:
    """The stable fixed point at which the network ends from a start: rest, as in simulations.

    It follows the flow until that is slow, then Newton's method. None if after 200 time
    constants there is no stable fixed point near: the network fluctuates, or settles slowly.
    """
    state = np.zeros(len(weights)) if start is None else start
    slow = SLOW
    for _ in range(round(RELAXATION_TIME)):
        for _ in range(round(1 / RELAXATION_STEP)):
            flow = weights @ erf(state) + drive - state
            state = state + RELAXATION_STEP * flow
        fastest, largest = np.abs(flow).max(), np.abs(state).max()
        if fastest <= slow * largest:
            found = near(weights, drive, start=state, step_size=step_size)
            if found and found.stable:
                return found
            slow /= 10  # an unstable one delays the flow: look again if it stays,
        elif fastest > SLOW * largest:
            slow = SLOW  # or when it has moved on
    return None


@one_thread()
def first_loss(
    half: np.ndarray,
    *,
    g_factor: float,
    bias: float,
    step_size: float,
    largest_q: float,
    step: float = STEP,
) -> Lost | None:
    """Where the fixed point that a network has at small q_factor ends or turns unstable.

    Follows it from q_factor = 0, where it is unique, along its branch (`continuation`) to where an
    eigenvalue becomes critical, to within 1e-8 of q_factor. A fold is a loss like any other: where
    the branch turns back, a real eigenvalue λ is 1. None if the largest q_factor comes first.

    `half` is `weights.half_gaussian(Z)`, `bias` per step. `step` is how far the output of one
    neuron, or q_factor, may go at once: half of it gives the same answer. Some hundred fixed
    points: a second for 400 neurons.
    """
    unit = network.weights(half, q_factor=1.0, g_factor=g_factor)
    start = np.full(len(half), bias / step_size)
    return _lost(Branch(unit, bias / step_size, step), start, 0.0, step_size, largest_q)


@one_thread()
def network_critical_q(
    half: np.ndarray, *, g_factor: float, bias: float, step_size: float, largest_q: float
) -> NetworkCriticalQ:
    """q_factor at which one network ceases to settle.

    Follows the fixed point as `first_loss` does. Where it is lost, lets the network relax
    `BEYOND` the loss, from where it was and from rest: if it settles at another stable fixed point,
    that one is followed in turn. Two starts are not all states: where the relaxation itself is
    chaotic for long, rounding may decide whether it finds a stable fixed point.

    Arguments are those of `first_loss`. A few seconds for 400 neurons.
    """
    unit = network.weights(half, q_factor=1.0, g_factor=g_factor)
    drive = bias / step_size
    branch = Branch(unit, drive, STEP)
    state, q = np.full(len(half), drive), 0.0
    first, jumps = np.nan, 0
    while (lost := _lost(branch, state, q, step_size, largest_q)) is not None:
        first = lost.q_factor if np.isnan(first) else first
        if lost.loss == Loss.UNKNOWN:
            return NetworkCriticalQ(np.nan, Loss.UNKNOWN, first, jumps)
        q = lost.q_factor + BEYOND
        found = _settled_from_either(q**2 * unit, drive, lost.state, step_size)
        if found is None:
            return NetworkCriticalQ(lost.q_factor, lost.loss, first, jumps)
        state, jumps = found.state, jumps + 1
    return NetworkCriticalQ(np.nan, Loss.NONE, first, jumps)


def _lost(
    branch: Branch, state: np.ndarray, q: float, step_size: float, largest_q: float
) -> Lost | None:
    """Follow a branch in steps that are halved, down to the least, where they lose stability.

    Where no step is accepted although no unstable point was met, the loss is `UNKNOWN`.
    """
    here, s, growth = branch.start(state, q), branch.step, 2.0
    if here is None:
        return Lost(np.nan, state, Loss.UNKNOWN)
    while here.q_factor < largest_q:
        found = branch.next(here, s)
        if found is None:
            if growth > 1:
                return Lost(np.nan, here.state, Loss.UNKNOWN)
            at_loss = _with_stability(here.q_factor**2 * branch.unit, here.state, step_size)
            return Lost(here.q_factor, here.state, _loss(at_loss.eigenvalue))
        there, s = found
        if _with_stability(there.q_factor**2 * branch.unit, there.state, step_size).stable:
            here, s = there, growth * s
        else:
            s, growth = s / 2, 1.0  # the loss is less than a step away
    return None


def _settled_from_either(weights, drive, state, step_size) -> NetworkFixedPoint | None:
    """Relax from a state, then from rest: near a new oscillation, the flow leaves only slowly."""
    for start in (state, None):
        found = settled(weights, drive, step_size=step_size, start=start)
        if found is not None:
            return found
    return None


def _eigenvalues(weights: np.ndarray, state: np.ndarray) -> np.ndarray:
    """`eigenvalues`, where BLAS has one thread already."""
    active = active_neurons(state)
    block = weights[np.ix_(active, active)] * erf_slope(state[active])
    return np.append(np.linalg.eigvals(block), 0.0)


def _with_stability(weights: np.ndarray, state: np.ndarray, step_size: float) -> NetworkFixedPoint:
    found = _eigenvalues(weights, state)
    multipliers = np.abs(1 - step_size + step_size * found)
    fastest = int(multipliers.argmax())
    abscissa = float(found.real.max() - 1)
    return NetworkFixedPoint(state, abscissa, float(multipliers[fastest]), complex(found[fastest]))


def _loss(eigenvalue: complex) -> Loss:
    if eigenvalue.imag != 0:
        return Loss.COMPLEX
    return Loss.REAL if eigenvalue.real > 0 else Loss.ALTERNATING
