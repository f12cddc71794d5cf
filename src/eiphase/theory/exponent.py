r"""The largest Lyapunov exponent of rate neurons in dynamic mean-field theory.

In the chaotic state (`chaotic_state`), a small perturbation of one trajectory obeys the network's
linearised equation. Its covariance at two times t and t' grows as exp(λ (t + t')) ψ(t - t'), and
averaging over the weights gives, with time in time constants [1],

$$-\ddot\psi + \big(1 - K F'(\Delta(\tau))\big)\, \psi = E\, \psi, \qquad
  F'(\Delta) = \langle \mathrm{erf}' x\; \mathrm{erf}' y \rangle, \qquad
  \lambda = -1 + \sqrt{1 - E_0}.$$

It is the motion of a quantum particle in a well, and E_0 its lowest energy. The derivative of Δ(τ)
solves the equation with E = 0. It has one node, so that E_0 < 0 and λ > 0: the state is chaotic.

At the border λ vanishes. Without mean or drive it is (R - 1)² / 2 there. With them Δ(∞) > 0, the
well is 3 κ² / cosh²(κτ / 2) deep, where Δ decays as exp(-κτ), and λ = 5 κ² / 8, which grows in
proportion to the distance from the border.

The mean of the weights and the drive act through µ and Δ alone: a perturbation that is as often up
as down changes no mean. So a perturbation that all neurons share, an outlier of
`meanfield.EnsembleFixedPoint`, is not in it.

In the map, a perturbation grows by ρ = exp(λ dr) in a step, and, with a = 1 - dr,

$$-a \rho\, \frac{\delta^2 \psi}{dr^2} - K F'(\Delta)\, \psi
  = -\left( \frac{\rho - a}{dr} \right)^2 \psi.$$

With lags in units of √a, in which Δ is that of the flow, ρ is left before the second derivative.

[1] Sompolinsky, Crisanti & Sommers, Phys. Rev. Lett. 61, 259 (1988); with a mean: Kadmon &
Sompolinsky, Phys. Rev. X 5, 041030 (2015).
"""

import numpy as np
from scipy.linalg import eigh_tridiagonal

from eiphase.theory import chaotic_state, gaussian_averages
from eiphase.theory.chaotic_state import ChaoticState

BEYOND = 1.0  # how far ψ is followed, relative to the lag at which Δ is followed no more
ITERATIONS = 100
TOLERANCE = 1e-9  # an iteration leaves a hundredth, and rounding about 1e-10


def lyapunov_exponent(chaos: ChaoticState, *, step_size: float) -> float:
    """The largest Lyapunov exponent λ, in 1 / time constant.

    `step_size` is dr of the map, up to terms in dr², or 0 for the flow. It describes large
    networks; one of 400 neurons may differ by a tenth.
    """
    lags, potential = well(chaos)
    growth = 0.0  # (ρ - 1) / dr
    for _ in range(ITERATIONS):
        last = growth
        growth = np.sqrt(highest(lags, potential, stiffness=1 + step_size * last)) - 1
        if abs(growth - last) <= TOLERANCE:
            break
    return float(np.log1p(step_size * growth) / step_size if step_size > 0 else growth)


def well(chaos: ChaoticState) -> tuple[np.ndarray, np.ndarray]:
    """Lags from 0, in time constants of the flow, and K F'(Δ) there."""
    lags, c = chaotic_state.curve(chaos)
    further = np.arange(lags[-1], (1 + BEYOND) * lags[-1], lags[-1] - lags[-2])[1:]
    covariance = np.append(c, np.zeros(len(further))) + chaos.static_variance
    covariance = np.minimum(covariance, chaos.variance)  # which rounding may exceed
    product = gaussian_averages.slope_product(chaos.mean, chaos.variance, covariance)
    return np.append(lags, further), chaos.coupling.variance * product


def highest(
    lags: np.ndarray, potential: np.ndarray, *, stiffness: float, odd: bool = False
) -> float:
    r"""The largest eigenvalue of `stiffness` d²/dτ² + `potential`, among even or odd functions.

    By finite volumes between lags, of second order. The function vanishes at the last lag.
    """
    volumes = np.gradient(lags)
    volumes[0] = (lags[1] - lags[0]) / 2
    volumes[1:-1] = (lags[2:] - lags[:-2]) / 2
    flows = stiffness / np.diff(lags)  # from each lag to the next
    lost = np.append(flows, 0.0)
    lost[1:] += flows
    inside = slice(1 if odd else 0, -1)
    root = np.sqrt(volumes)
    diagonal = (potential - lost / volumes)[inside]
    beside = (flows / (root[1:] * root[:-1]))[inside]
    n = len(diagonal)
    of_all = eigh_tridiagonal(
        diagonal, beside[: n - 1], eigvals_only=True, select="i", select_range=(n - 1, n - 1)
    )
    return float(of_all[0])
