r"""Dynamic mean-field theory of the rate network: its fixed point and its border.

Weights are mean plus fluctuation. Of a half-Gaussian, max(Z, 0), the mean is m = 1 / √(2π) and
the variance v = 1/2 - 1 / (2π). Every neuron receives from the same columns, so all are alike:
a neuron's state is Gaussian, with the population's mean µ and variance s, and [1-3]

$$\mu = \bar J\, \langle \mathrm{erf}\, r \rangle + \frac{b}{dr}, \qquad
  s = K\, \langle \mathrm{erf}^2 r \rangle, \qquad
  \bar J = \frac{(2q)^2}{N} (N_E - g N_I)\, m, \qquad
  K = \frac{(2q)^4}{N^2} (N_E + g^2 N_I)\, v.$$

At fixed q, K falls as 1 / N: N is a parameter of this theory, which drops what is smaller by
1 / √N at fixed J̄ and K. One such thing is not always small: the sum over columns of mean weight
times output differs from J̄ ⟨erf r⟩, from network to network, by about √(K Var(erf r) m² / v).
Strong inhibition, J̄ << -1, cancels it; near g = N_E / N_I nothing does.

[1] Sompolinsky, Crisanti & Sommers, Phys. Rev. Lett. 61, 259 (1988): no mean, no drive.
[2] Kadmon & Sompolinsky, Phys. Rev. X 5, 041030 (2015); Harish & Hansel, PLoS Comput. Biol. 11,
e1004266 (2015): populations and their means.
[3] Mastrogiuseppe & Ostojic, PLoS Comput. Biol. 13, e1005498 (2017): excitation and inhibition by
columns, as here.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from scipy.optimize import brentq

from eiphase.networks import weights
from eiphase.theory import gaussian_averages

HALF_GAUSSIAN_MEAN = 1 / np.sqrt(2 * np.pi)
HALF_GAUSSIAN_VARIANCE = 1 / 2 - 1 / (2 * np.pi)
PATH_STEP = 0.02  # of q_factor, relative to the largest, where a border is looked for


class Border(IntEnum):
    """How the mean-field fixed point loses stability as q_factor grows."""

    NONE = 0  # it is stable up to the largest q_factor looked at
    BULK = 1  # the radius of the bulk of eigenvalues reaches 1: chaos
    MEAN = 2  # an outlier does: the mean activity grows, oscillates or overshoots


@dataclass(frozen=True)
class Coupling:
    """All that mean-field theory knows of an ensemble of networks.

    - `mean`: J̄, sum of the mean weights of a row.
    - `variance`: K, sum of the variances of the weights of a row.
    - `drive`: b / dr, the state of a neuron without recurrent input.
    """

    mean: float
    variance: float
    drive: float


@dataclass(frozen=True)
class EnsembleFixedPoint:
    """The self-consistent fixed point, and the eigenvalues of W diag(erf'(r)) around it.

    - `mean`, `variance`: µ and s of r over neurons; the variance is that of quenched disorder.
    - `radius`: of the disc that holds the bulk of the eigenvalues.
    - `outliers`: the two that the population's mean adds; they count where they are outside.
    """

    mean: float
    variance: float
    radius: float
    outliers: tuple[complex, complex]

    def multiplier(self, step_size: float) -> float:
        """Largest growth in a time step, |1 - dr + dr λ|; the fixed point is stable below 1."""
        outside = [abs(1 - step_size + step_size * x) for x in self.outliers]
        return max(1 - step_size + step_size * self.radius, *outside)


@dataclass(frozen=True)
class EnsembleCriticalQ:
    """q_factor at which the mean-field fixed point loses stability; NaN if none is found."""

    value: float
    border: Border


def coupling(
    *, n_neurons: int, q_factor: float, g_factor: float, bias: float, step_size: float
) -> Coupling:
    """J̄, K and b / dr of `network.Network`'s weights; `bias` is per step."""
    n_exc = weights.n_excitatory(n_neurons)
    n_inh = n_neurons - n_exc
    gain = weights.gain(n_neurons, q_factor)
    return Coupling(
        mean=gain * (n_exc - g_factor * n_inh) * HALF_GAUSSIAN_MEAN,
        variance=gain**2 * (n_exc + g_factor**2 * n_inh) * HALF_GAUSSIAN_VARIANCE,
        drive=bias / step_size,
    )


def fixed_point(coupling: Coupling) -> EnsembleFixedPoint:
    """The solution µ, s of the self-consistency equations that grows out of uncoupled neurons.

    Without drive it is r = 0. Otherwise, for each µ the second equation gives s; with that s, the
    first has one solution, on the side of b / dr to which J̄ pulls.
    """
    drive, reach = coupling.drive, abs(coupling.mean)
    if drive == 0:
        return _at(coupling, 0.0, 0.0)
    edge = 1e-9 * (1 + abs(drive) + reach)  # |⟨erf⟩| is at most 1, and rounded
    low, high = drive - reach - edge, drive + reach + edge
    if coupling.mean > 0:  # what excites moves away from zero, and never back across the drive
        low, high = (drive, high) if drive > 0 else (low, drive)
    mean = brentq(
        lambda mean: _pull(coupling, mean, _variance(coupling, mean)) - mean,
        low,
        high,
        xtol=1e-4 * edge,
    )
    return _at(coupling, float(mean), _variance(coupling, mean))


def _pull(coupling: Coupling, mean: float, variance: float) -> float:
    """Right-hand side of the first equation."""
    return coupling.mean * gaussian_averages.mean_output(mean, variance) + coupling.drive


def _variance(coupling: Coupling, mean: float) -> float:
    """The solution s of the second equation at some µ, between 0 and K.

    ⟨erf²⟩ rises with s and bends down, so that there is one solution above 0, or none but 0.
    """

    def excess(variance: float) -> float:
        square = gaussian_averages.output_product(mean, variance, variance)
        return float(coupling.variance * square - variance)

    least = 1e-12 * coupling.variance
    if coupling.variance == 0 or excess(least) <= 0:
        return 0.0
    return float(brentq(excess, least, coupling.variance, xtol=least, rtol=1e-14))


def scaled(coupling: Coupling, strength: float) -> Coupling:
    """Weights times strength²: q_factor times strength."""
    return Coupling(coupling.mean * strength**2, coupling.variance * strength**4, coupling.drive)


def _at(coupling: Coupling, mean: float, variance: float) -> EnsembleFixedPoint:
    radius = np.sqrt(coupling.variance * gaussian_averages.squared_slope(mean, variance))
    return EnsembleFixedPoint(mean, variance, float(radius), _outliers(coupling, mean, variance))


def _outliers(coupling: Coupling, mean: float, variance: float) -> tuple[complex, complex]:
    r"""Eigenvalues of W diag(erf'(r)) that belong to perturbations which all neurons share.

    Let x be a perturbation of r with mean m, and c its covariance with r. The same
    weights make both, so that they depend on each other: with φ = erf,

    $$\lambda \begin{pmatrix} m \\ c \end{pmatrix} = \begin{pmatrix}
      \bar J \langle \varphi' \rangle & \bar J \langle \varphi'' \rangle \\
      K \langle \varphi \varphi' \rangle &
      K \langle \varphi'^2 + \varphi \varphi'' \rangle \end{pmatrix}
      \begin{pmatrix} m \\ c \end{pmatrix}.$$

    λ = 1 is where two solutions of the self-consistency equations meet. Neurons that are all in
    the same state have no c.
    """
    j, k = coupling.mean, coupling.variance
    at = (mean, variance)
    if variance == 0:
        return complex(j * gaussian_averages.mean_slope(*at)), 0j
    spread = gaussian_averages.squared_slope(*at) + gaussian_averages.output_curvature(*at)
    matrix = [
        [j * gaussian_averages.mean_slope(*at), j * gaussian_averages.mean_curvature(*at)],
        [k * gaussian_averages.output_slope(*at), k * spread],
    ]
    first, second = np.linalg.eigvals(matrix)
    return complex(first), complex(second)


def ensemble_critical_q(
    *, n_neurons: int, g_factor: float, bias: float, step_size: float, largest_q: float
) -> EnsembleCriticalQ:
    r"""q_factor at which the fixed point that grows out of q_factor = 0 loses stability.

    Either the bulk of eigenvalues, a disc of radius [1]

    $$R = \sqrt{K \langle \mathrm{erf}'^2 r \rangle},$$

    reaches 1, or an outlier does: |1 - dr + dr λ| = 1. A disc loses stability in the map and in
    the flow at the same R.

    [1] Rajan & Abbott, Phys. Rev. Lett. 97, 188104 (2006): the radius of matrices whose columns
    have different variances. Their means, unless each row's sum is fixed, scatter some
    eigenvalues of single networks outside of it; theory does not see those.
    """
    at_largest = coupling(
        n_neurons=n_neurons, q_factor=largest_q, g_factor=g_factor, bias=bias, step_size=step_size
    )

    def margin(strength: float) -> float:
        return fixed_point(scaled(at_largest, strength)).multiplier(step_size) - 1

    stable = 0.0
    for strength in np.linspace(0, 1, round(1 / PATH_STEP) + 1)[1:]:
        if margin(strength) >= 0:
            value = brentq(margin, stable, strength)
            at_border = fixed_point(scaled(at_largest, strength))
            border = Border.BULK if at_border.radius >= 1 else Border.MEAN
            return EnsembleCriticalQ(largest_q * value, border)
        stable = strength
    return EnsembleCriticalQ(np.nan, Border.NONE)
