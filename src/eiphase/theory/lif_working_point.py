"""Working points: around which state a network works, and how strongly it couples there."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import dawsn, erfcx

from eiphase.networks import weights as network
from eiphase.numerics.jit import njit

ZETA_HALF = -1.4603545088095868  # the Riemann zeta function at 1/2
MAX_ITERATIONS = 40  # of single neurons' rates
TOLERANCE = 1e-3  # of these rates, in units of their mean
_QUIET = 1e-4  # least noise, in thresholds: less acts the same, but drowns in rounding
_SILENT = 10.0  # standard deviations below threshold, where the rate is below e^-100

# Tables of x -> int_0^x erfcx and of Dawson's integral, for `_passage`.
_STEP = 1 / 32
_GRID = np.arange(0, _SILENT + 2 * _STEP, _STEP)
_ERFCX = erfcx(_GRID)
_DAWSON = dawsn(_GRID)


def _integral_of_erfcx() -> np.ndarray:
    nodes, shares = np.polynomial.legendre.leggauss(8)
    inside = _GRID[:-1, None] + _STEP * (nodes + 1) / 2
    return np.concatenate([[0], np.cumsum(erfcx(inside) @ shares) * _STEP / 2])


_ERFCX_INTEGRAL = _integral_of_erfcx()


@dataclass(frozen=True)
class WeightMoments:
    r"""What mean-field theory knows of a weight matrix, summed over presynaptic neurons.

    With means and variances over the synapses of each population p, and $N_p$ neurons in it:

    - `mean`, `square`: $\sum_p N_p \langle W \rangle_p$ and $\sum_p N_p \langle W^2 \rangle_p$,
    - `variance`: $\sum_p N_p\, \mathrm{var}_p(W)$, `square_variance`: the same of $W^2$,
      `covariance`: of W and $W^2$.
    """

    mean: float
    square: float
    variance: float
    covariance: float
    square_variance: float

    @classmethod
    def of(cls, weights: np.ndarray) -> "WeightMoments":
        """Moments of weights [post, pre], the excitatory columns first."""
        n_exc = network.n_excitatory(len(weights))
        found = np.zeros(5)
        for part in (weights[:, :n_exc], weights[:, n_exc:]):
            squares = part * part  # not by BLAS, whose bits depend on its threads
            w, w2 = part.mean(), squares.mean()
            w3, w4 = (squares * part).mean(), np.square(squares).mean()
            found += part.shape[1] * np.array([w, w2, w2 - w**2, w3 - w * w2, w4 - w2**2])
        return cls(*found.tolist())


class WorkingPoint(NamedTuple):
    """State in which LIF neurons keep each other, if they fire independently."""

    rate: float  # spikes per neuron and step
    mean: float  # of the input, mu, in thresholds
    deviation: float  # standard deviation of the input, sigma, in thresholds
    radius: float  # of the effective couplings: 1 where the network becomes unstable


@dataclass(frozen=True)
class LIFNeuron:
    """A LIF neuron with exponential synaptic current, in steps and thresholds.

    `drive` is the mean input without the network's, bias / dv. After a spike the voltage stays
    at 0 for `refractory_steps`.
    """

    du: float
    dv: float
    drive: float
    refractory_steps: int = 0

    @property
    def time_constant(self) -> float:
        """Time constant of the voltage, in steps; a step keeps 1 - dv of it."""
        return -1 / math.log1p(-self.dv)

    @property
    def shift(self) -> float:
        """Shift of the threshold by the current's decay time, in standard deviations."""
        ratio = math.log1p(-self.dv) / math.log1p(-self.du)  # tau_s / tau_m
        return abs(ZETA_HALF) / math.sqrt(2) * math.sqrt(ratio)

    @property
    def reset_shift(self) -> float:
        """Shift of the reset: `shift`, less by what the current forgets in the refractory steps."""
        return self.shift * (1 - self.du) ** self.refractory_steps

    @property
    def firing_constants(self) -> tuple[float, float, float, int]:
        """What its firing rate depends on beside its input, for compiled functions."""
        return self.time_constant, self.shift, self.reset_shift, self.refractory_steps


def firing_rate(neuron: LIFNeuron, mean: float, deviation: float) -> float:
    r"""Spikes per step of a LIF neuron whose input is noise: Siegert's formula.

    $$\frac{1}{\nu} = n_{ref} + \frac12 + \tau_m \sqrt\pi \int_{y_r}^{y_{th}} f(y)\, dy, \quad
      f(y) = e^{y^2} (1 + \mathrm{erf}\, y), \quad
      y_{th} = \frac{1 - \mu}{\sigma} + k, \quad
      y_r = -\frac{\mu}{\sigma} + k (1 - du)^{n_{ref}}, \quad
      k = \frac{|\zeta(1/2)|}{\sqrt 2} \sqrt{\frac{\tau_s}{\tau_m}}$$

    with mean μ and standard deviation σ of the input in thresholds. σ is that of
    Brunel: the voltage without threshold has variance σ²/2. k corrects for the decay time of
    the synaptic current, to first order in its square root: a neuron fires when its current is
    larger than on average, and this excess then lifts the voltage by kσ after the reset, on
    average. Of the excess, $(1 - du)^{n_{ref}}$ is left when the neuron has rested (our own
    addition; the sources have no rest). The half step is what a
    neuron that looks at its threshold once a step takes longer. After $n_{ref}$ refractory steps
    it fires in the next one at the earliest, so $\nu \le 1 / (n_{ref} + 1)$. Source: Brunel,
    J. Comput. Neurosci. 8, 183 (2000); Fourcaud and Brunel, Neural Comput. 14, 2057 (2002).
    """
    return float(_firing(mean, deviation, neuron.firing_constants)[0])


def lif_working_point(neuron: LIFNeuron, moments: WeightMoments, scale: float) -> WorkingPoint:
    r"""The state in which LIF neurons with weights `scale` W (times du) keep each other.

    $$\mu = drive + s\, m\, \nu \tau, \quad \sigma^2 = s^2\, m_2\, \nu \tau, \quad
      \nu = \nu(\mu, \sigma), \quad \tau = 1 / dv$$

    with m and m_2 the first and second moments of W summed over presynaptic neurons, and
    the lowest rate that solves this. A small change of the rate of neuron j changes that
    of neuron i by

    $$w_{ij} = \alpha J_{ij} + \beta J_{ij}^2, \quad J = s W, \quad
      \alpha = \tau \frac{\partial \nu}{\partial \mu}
             = \sqrt\pi \frac{(\nu\tau)^2}{\sigma} (f(y_{th}) - f(y_r)), \quad
      \beta = \tau \frac{\partial \nu}{\partial \sigma^2}
            = \sqrt\pi \frac{(\nu\tau)^2}{2 \sigma^2} \Big( f(y_{th}) \frac{1 - \mu}{\sigma}
              + f(y_r) \frac{\mu}{\sigma} \Big)$$

    and `radius` is $\sqrt{\sum_j \mathrm{var}(w_{ij})}$. The delay of a step changes none of
    these. Source: Brunel (2000); Grytskyy et al., Front. Comput. Neurosci. 7, 131 (2013).
    """
    found = _lif_working_point(
        scale, moments.mean, moments.square, neuron.drive, neuron.dv,
        neuron.firing_constants,
    )  # fmt: skip
    rate, mean, deviation, alpha, beta = found
    a, b = alpha * scale, beta * scale**2
    squared = a * a * moments.variance + 2 * a * b * moments.covariance
    squared += b * b * moments.square_variance
    return WorkingPoint(rate, mean, deviation, math.sqrt(squared))


def population_rate(
    neuron: LIFNeuron, weights: np.ndarray, deviation_per_rate: float, start: float
) -> float:
    r"""Mean rate, in spikes per neuron and step, of LIF neurons with these very weights J.

    Each neuron has its own mean input, $\mu_i = drive + \sum_j J_{ij} \nu_j \tau$, and all
    have the same noise, `deviation_per_rate` times the root of the mean $\nu \tau$.
    Iterates from the rate `start` of all; NaN if that does not settle, as where the
    network has no stable working point.
    """
    return float(
        _population_rate(
            np.ascontiguousarray(weights.T), deviation_per_rate, start, neuron.drive, neuron.dv,
            neuron.firing_constants,
        )
    )  # fmt: skip


@njit(cache=True)
def _passage(y):
    """int_0^y f(x) dx for y < _SILENT, and f(y) itself."""
    x = abs(y)
    if x >= _SILENT:  # asymptotically, erfcx x = (1 - 1 / 2 x^2 + 3 / 4 x^4) / sqrt(pi) x
        p, p0 = 1 / x**2, 1 / _SILENT**2
        total = math.log(x / _SILENT) + (p - p0) / 4 - 3 * (p * p - p0 * p0) / 16
        slope = (1 - p / 2 + 3 * p * p / 4) / (math.sqrt(math.pi) * x)
        return -(_ERFCX_INTEGRAL[int(_SILENT / _STEP)] + total / math.sqrt(math.pi)), slope
    i = int(x / _STEP)
    t = x / _STEP - i
    h, h1 = _ERFCX_INTEGRAL[i], _ERFCX_INTEGRAL[i + 1]
    integral = _hermite(t, h, h1, _ERFCX[i], _ERFCX[i + 1])
    if y < 0:
        return -integral, math.exp(x * x) * math.erfc(x)
    d, d1 = _DAWSON[i], _DAWSON[i + 1]
    dawson = _hermite(t, d, d1, 1 - 2 * _GRID[i] * d, 1 - 2 * _GRID[i + 1] * d1)
    growth = math.exp(x * x)
    return 2 * growth * dawson - integral, growth * (1 + math.erf(x))


@njit(cache=True)
def _hermite(t, f0, f1, slope0, slope1):
    """Cubic with these values and slopes at both ends of a table's interval."""
    a = _STEP * slope0 - (f1 - f0)
    b = (f1 - f0) - _STEP * slope1
    return f0 + t * ((f1 - f0) + (1 - t) * ((1 - t) * a + t * b))


@njit(cache=True)
def _firing(mean, deviation, firing):
    """Rate per step, and its derivatives by the mean and by the squared deviation."""
    time_constant, shift, reset_shift, refractory = firing
    deviation = max(deviation, _QUIET)
    y_th = (1 - mean) / deviation
    y_r = -mean / deviation
    if y_th + shift >= _SILENT:
        return 0.0, 0.0, 0.0
    upper, f_th = _passage(y_th + shift)
    lower, f_r = _passage(y_r + reset_shift)
    root = math.sqrt(math.pi) * time_constant
    interval = root * (upper - lower) + 0.5 + refractory
    if interval <= 1 + refractory:
        return 1 / (1 + refractory), 0.0, 0.0
    by_mean = root * (f_th - f_r) / deviation / interval**2
    by_square = root * (f_th * y_th - f_r * y_r) / (2 * deviation**2) / interval**2
    return 1 / interval, by_mean, by_square


@njit(cache=True)
def _lif_working_point(scale, mean, square, drive, dv, firing):
    """Rate, mu, sigma, alpha and beta: the first crossing from low rates, then bisection."""
    low, high = 0.0, 1e-5
    while high < 1 and _excess(high, scale, mean, square, drive, dv, firing) > 0:
        low, high = high, min(1.0, high * 1.2)
    for _ in range(50):
        middle = (low + high) / 2
        if _excess(middle, scale, mean, square, drive, dv, firing) > 0:
            low = middle
        else:
            high = middle
    rate = (low + high) / 2
    mu = drive + scale * mean * rate / dv
    sigma = scale * math.sqrt(square * rate / dv)
    _, by_mean, by_square = _firing(mu, sigma, firing)
    return rate, mu, sigma, by_mean / dv, by_square / dv


@njit(cache=True)
def _excess(rate, scale, mean, square, drive, dv, firing):
    mu = drive + scale * mean * rate / dv
    sigma = scale * math.sqrt(square * rate / dv)
    return _firing(mu, sigma, firing)[0] - rate


@njit(cache=True)
def _population_rate(outgoing, deviation, start, drive, dv, firing):
    n = len(outgoing)
    mean_outgoing = outgoing.sum(axis=1) / n / dv
    rates = np.full(n, start)
    mu = np.empty(n)
    slope = np.empty(n)
    excess = np.empty(n)
    for _ in range(MAX_ITERATIONS):
        sigma = deviation * math.sqrt(rates.mean() / dv)
        mu[:] = drive
        for j in range(n):
            rate = rates[j] / dv
            for i in range(n):
                mu[i] += outgoing[j, i] * rate
        for i in range(n):
            rate, slope[i], _ = _firing(mu[i], sigma, firing)
            excess[i] = rate - rates[i]
        if np.abs(excess).max() < TOLERANCE * rates.mean():
            return rates.mean()
        # Newton's step for what weights do on average over receivers, a matrix of rank one:
        # that feedback is strong. What is left contracts where the network is stable.
        feedback = (mean_outgoing * excess).sum() / (1 - (mean_outgoing * slope).sum())
        for i in range(n):
            rates[i] = max(rates[i] + excess[i] + slope[i] * feedback, 0.0)
    return np.nan
