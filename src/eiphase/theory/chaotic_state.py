r"""The chaotic state of the rate network in dynamic mean-field theory: c(0) and decay time.

A neuron's state is a Gaussian process with mean µ and autocovariance Δ(τ), both over neurons
and time; time is in time constants. With ⟨..⟩ over two Gaussian states of mean µ, variance Δ(0)
and covariance Δ [1],

$$\ddot\Delta = \Delta - K F(\Delta), \qquad
  F(\Delta) = \langle \mathrm{erf}\, x\; \mathrm{erf}\, y \rangle, \qquad
  \mu = \bar J \langle \mathrm{erf}\, x \rangle + b / dr.$$

It is the motion of a particle in a potential. In chaos, Δ starts at rest at Δ(0) and creeps up
to the maximum at Δ(∞), the variance between neurons of their means over time [2]. Its energy does
not change on the way, which gives the two equations beside that for µ:

$$\Delta(\infty) = K F(\Delta(\infty)), \qquad
  \int_{\Delta(\infty)}^{\Delta(0)} (K F(x) - x)\, dx = 0.$$

F is known in closed form (`gaussian_averages.output_product`).

The equation is that of the flow. The map r(t+1) = a r(t) + dr η(t) with a = 1 - dr and a Gaussian
input η of autocovariance K F(Δ) gives, for lags of whole steps,

$$(1 + a^2)\, \Delta(k) - a\, (\Delta(k+1) + \Delta(k-1)) = dr^2 K F(\Delta(k)), \quad
  \text{that is} \quad a\, \frac{\delta^2 \Delta}{dr^2} = \Delta - K F(\Delta),$$

with the second difference δ². So times of the map are shorter by the factor √(1 - dr), up to terms
in dr²: 0.5 % at dr = 0.01, and 10.5 % at dr = 0.2.

Limits: one solution is found and its stability is not examined. Near the border, networks of
some hundred neurons differ among themselves by more than c(0). Oscillations are not of this kind.

[1] Sompolinsky, Crisanti & Sommers, Phys. Rev. Lett. 61, 259 (1988).
[2] Kadmon & Sompolinsky, Phys. Rev. X 5, 041030 (2015); Mastrogiuseppe & Ostojic, PLoS Comput.
Biol. 13, e1005498 (2017): with a mean, and with differences between neurons that stay.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import cumulative_simpson
from scipy.interpolate import PchipInterpolator
from scipy.optimize import root
from scipy.special import erf

from eiphase.theory import gaussian_averages
from eiphase.theory.meanfield import Coupling, scaled

# The solution is followed from strong coupling, where all neurons are saturated.
STRONG = 30.0  # standard deviation of the input there, in widths of erf
SMALLER, SMALLEST = 0.05, 1e-3  # steps of log q_factor from one solution to the next
STARTS = (0.7, 0.9, 0.4, 0.15)  # Δ(0) / K and c(0) / Δ(0) to begin with
VANISHED = 1e-6  # c(0) / Δ(0) below which the solution is the fixed point's
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(60)
_U, _DU = (_NODES + 1) / 2, _WEIGHTS / 2  # on [0, 1]
# Δ on the way from Δ(0) to this fraction of c(0) above Δ(∞), for the curve Δ(τ).
TAIL = 1e-4
CURVE_POINTS = 4001


@dataclass(frozen=True)
class ChaoticState:
    """A self-consistent chaotic state.

    - `mean`, `variance`: µ and Δ(0), over neurons and time.
    - `static_variance`: Δ(∞), variance between neurons of their means over time.
    """

    coupling: Coupling
    mean: float
    variance: float
    static_variance: float

    @property
    def c0(self) -> float:
        """Δ(0) - Δ(∞): the autocovariance at lag 0 of states centred on their means over time."""
        return self.variance - self.static_variance


@dataclass(frozen=True)
class _Followed:
    """The solution at a coupling scaled by a strength, and which way it goes on."""

    log_strength: float
    solution: np.ndarray  # µ, Δ(0) and c(0)
    trend: np.ndarray  # d/d log strength


def solve(coupling: Coupling) -> ChaoticState | None:
    """The chaotic state at a coupling; None if none is found, as below the border.

    It follows the solution from coupling that is strong against the width of erf and the drive
    down to the one asked for.
    """
    return solve_along(coupling, [1.0])[0]


def solve_along(coupling: Coupling, strengths: Sequence[float]) -> list[ChaoticState | None]:
    """What `solve` finds at a coupling scaled by some strengths, as q_factor scales it.

    The solution is followed once. One that is asked for does not depend on which others are.
    """
    found: dict[float, np.ndarray | None] = dict.fromkeys(strengths)
    spread = np.sqrt(coupling.variance)
    if spread > 0:
        strong = np.log(np.sqrt(STRONG * max(1.0, abs(coupling.drive)) / spread))
        found |= {s: _saturated(scaled(coupling, s)) for s in strengths if np.log(s) >= strong}
        for here in _weaker_and_weaker(coupling, strong):
            for strength in strengths:
                weaker = np.log(strength)
                if here.log_strength - SMALLER <= weaker < here.log_strength:
                    there = _follow(coupling, here, weaker)
                    found[strength] = None if there is None else there.solution
            if here.log_strength <= np.log(min(strengths)):
                break
    return [_state(scaled(coupling, s), found[s]) for s in strengths]


def _weaker_and_weaker(coupling: Coupling, strong: float) -> Iterator[_Followed]:
    """The solution in steps of `SMALLER`, from strong coupling to where it vanishes."""
    solution = _saturated(scaled(coupling, np.exp(strong)))
    here = None
    if solution is not None:
        here = _Followed(strong, solution, np.array([0.0, 4.0, 4.0]) * solution)
    while here is not None:
        yield here
        here = _follow(coupling, here, here.log_strength - SMALLER)


def _follow(coupling: Coupling, here: _Followed, log_strength: float) -> _Followed | None:
    """The solution at a weaker coupling, in steps that are halved where it is lost."""
    step = SMALLER
    while here.log_strength > log_strength:
        weaker = max(here.log_strength - step, log_strength)
        change = weaker - here.log_strength
        start = here.solution + change * here.trend
        found = _solve_near(scaled(coupling, np.exp(weaker)), start)
        if found is None:
            step = -change / 2
            if step < SMALLEST:
                return None
            continue
        here = _Followed(weaker, found, (found - here.solution) / change)
        step = min(2 * step, SMALLER)
    return here


def _state(coupling: Coupling, solution: np.ndarray | None) -> ChaoticState | None:
    if solution is None:
        return None
    mean, variance, c0 = map(float, solution)
    return ChaoticState(coupling, mean, variance, variance - c0)


def decay_time(chaos: ChaoticState) -> float:
    """Lag at which the autocovariance falls to c(0)/e, in time constants."""
    lags, c = curve(chaos)
    return float(np.interp(-chaos.c0 / np.e, -c, lags))


def autocovariance(chaos: ChaoticState, lags: np.ndarray) -> np.ndarray:
    """Δ(τ) - Δ(∞) at lags in time constants; 0 where it is below 1e-4 c(0)."""
    times, c = curve(chaos)
    found = PchipInterpolator(times, c, extrapolate=False)(np.abs(lags))
    return np.where(np.abs(lags) > times[-1], 0.0, found)


def _saturated(coupling: Coupling) -> np.ndarray | None:
    """µ, Δ(0) and c(0) at strong coupling, where erf acts as a sign."""
    # erf² = 1: µ in units of √K, from the side of the drive; 0 where the drive alone decides.
    ratio = coupling.mean / np.sqrt(coupling.variance)
    relative = 0.0
    if ratio > 0:
        relative = abs(ratio)
        for _ in range(100):
            relative = ratio * erf(relative / np.sqrt(2))
    mean = np.copysign(relative * np.sqrt(coupling.variance), coupling.drive)
    for variance in STARTS:
        for dynamic in STARTS:
            c0 = dynamic * variance * coupling.variance
            found = _solve_near(coupling, np.array([mean, variance * coupling.variance, c0]))
            if found is not None:
                return found
    return None


def _solve_near(coupling: Coupling, start: np.ndarray) -> np.ndarray | None:
    """µ, Δ(0) and c(0) from a start; None if there is no solution near, or c(0) vanishes."""

    def residual(x):
        mean, variance, c0 = x
        if not (variance > 0 and 0 < c0 < 2 * variance):
            return np.full(3, np.nan)
        static = variance - c0
        mean_input = coupling.mean * gaussian_averages.mean_output(mean, variance) + coupling.drive
        # Over c0, so that the fixed point, c0 = 0, is no solution.
        return np.array([
            mean_input - mean,
            _force(coupling, mean, variance, static) / c0,
            _mean_force(coupling, mean, variance, c0) / c0,
        ])  # fmt: skip

    x = root(residual, start, tol=1e-12).x
    solved = np.abs(residual(x)) <= 1e-8 * np.array([1 + abs(x[0]), 1, 1])
    return x if solved.all() and x[2] > VANISHED * x[1] else None


def _mean_force(coupling: Coupling, mean: float, variance: float, c0: float) -> float:
    """K F(Δ) - Δ, averaged over Δ from Δ(∞) to Δ(0).

    With Δ = Δ(0) - c(0) u², which resolves the steep part of F below Δ(0).
    """
    covariance = variance - c0 * _U**2
    force = _force(coupling, mean, variance, covariance)
    return float(np.sum(_DU * 2 * _U * force))


def _force(coupling: Coupling, mean: float, variance: float, covariance):
    product = gaussian_averages.output_product(mean, variance, covariance)
    return coupling.variance * product - covariance


def curve(chaos: ChaoticState) -> tuple[np.ndarray, np.ndarray]:
    r"""Lags, from 0, in time constants, and the autocovariance there.

    From the energy, $\dot\Delta^2 / 2 = \int_\Delta^{\Delta(0)} (K F(x) - x)\, dx$, and τ by
    integrating $d\Delta / \dot\Delta$, with Δ = Δ(0) - c(0) u² and the tail of u stretched.
    """
    # 1 - u² = exp(-y²): dense in u at both ends, where Δ creeps.
    y = np.linspace(0, np.sqrt(-np.log(TAIL)), CURVE_POINTS)
    fraction = np.exp(-(y**2))
    covariance = chaos.static_variance + chaos.c0 * fraction
    force = _force(chaos.coupling, chaos.mean, chaos.variance, covariance)
    pace = 2 * y * fraction * chaos.c0  # -dΔ/dy
    energy = cumulative_simpson(force * pace, x=y, initial=0)
    # From the nearer end, lest it is a small difference. Beyond the last point, force is linear.
    rest = -force[-1] * chaos.c0 * TAIL / 2
    from_tail = rest + energy - energy[-1]
    energy = np.where(fraction > 0.5, energy, from_tail)
    with np.errstate(invalid="ignore", divide="ignore"):
        slowness = pace / np.sqrt(2 * energy)
    slowness[0] = np.sqrt(2 * chaos.c0 / force[0])  # the limit of both at y = 0
    return cumulative_simpson(slowness, x=y, initial=0), chaos.c0 * fraction
