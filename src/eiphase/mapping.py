"""From rate neurons to LIF neurons: which weights give a similar network."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from scipy.optimize import fsolve
from scipy.special import erf, zetac

from eiphase import network
from eiphase.lif import LIFParameters
from eiphase.network import Network

VTH = 1.0  # the unit of voltage
CURRENT_SPEED = 7  # the current decays seven times as fast as the voltage [1]
RELATIVE_BIAS = 5  # bias in units of the input that just reaches threshold [1]
# [1] the tutorial's rate-to-LIF conversion, after Grytskyy et al. (2013).


class ScaleStatus(IntEnum):
    """How the weight scale of a rate-to-LIF mapping came about."""

    SOLVED = 0  # the mapping's equation holds
    UNCHANGED = 1  # the solver gave its start back, which does not solve the equation
    NOT_SOLVED = 2  # the solver stopped somewhere that does not solve the equation
    NOT_POSITIVE = 3  # the solver's result is not positive: the weights stay as they are
    IDENTITY = 4  # no equation: weights stay as they are by choice


@dataclass(frozen=True)
class WeightScale:
    """LIF weights are `value` times the rate network's (times du)."""

    value: float
    status: ScaleStatus


def identity(weights: np.ndarray, *, g_factor: float, step_size: float) -> WeightScale:
    """Scale 1: the rate network's own weights."""
    return WeightScale(1.0, ScaleStatus.IDENTITY)


def tutorial(weights: np.ndarray, *, g_factor: float, step_size: float) -> WeightScale:
    r"""The tutorial's weight scale, slips and all, to the bit.

    Finds the mean excitatory weight w of the LIF network from that of the rate network,
    m, by solving $m = \alpha(w) w + \beta(w) w^2$, where

    $$A = \sqrt\pi (0.01 \mu\, dv)^2, \quad
      \alpha = \frac{A}{s} (f(y_{th}) - f(y_r)), \quad
      \beta = \frac{A}{2 s^2} \Big( f(y_{th}) \frac{v_{th} - \mu}{s} + f(y_r) \frac{\mu}{s} \Big),$$
    $$y_{th} = \frac{v_{th} - \mu}{s} + k, \quad y_r = -\frac{\mu}{s} + k, \quad
      k = \frac{|\zeta(1/2) - 1|}{2} \sqrt{\frac{2\, dv}{du}},$$
    $$f(y) = e^{y^2} (1 + \mathrm{erf}\, y), \quad
      \mu = N_E (1 - \gamma g)\, w \nu + \mu_0, \quad s = N_E (1 + \gamma g^2)\, w^2 \nu, \quad
      \nu = \frac{\mu_0 - v_{th}}{\gamma g - 1}, \quad \mu_0 = 5 v_{th}, \quad \gamma = N_E / N_I.$$

    In the papers γ is $N_I / N_E$, s is a variance and not a standard deviation, and k
    has ζ(1/2). The solver often returns its start; the status says when. Use it to
    compare with the tutorial.

    **Arguments:**

    - `weights`: of the rate network, [post, pre].
    - `g_factor`: with γ g > 1, else the mapping is not defined.

    Source: Grytskyy et al., Front. Comput. Neurosci. 7, 131 (2013); Brunel, J. Comput.
    Neurosci. 8, 183 (2000).
    """
    n = len(weights)
    n_exc = network.n_excitatory(n)
    gamma = n_exc / (n - n_exc)
    du, dv = CURRENT_SPEED * step_size, step_size
    bias = lif_bias(step_size) / dv
    firing_rate = (bias - VTH) / (gamma * g_factor - 1)
    mean_weight = np.mean(weights[:, :n_exc])
    threshold_shift = np.sqrt(2) * np.abs(zetac(0.5)) * np.sqrt(dv / du) / 2

    # The order of the operations below is the tutorial's: another changes last bits. So
    # would `x**2` for a scalar x, where NumPy rounds otherwise than for an array.
    def f(y):
        return np.exp(y * y) * (1 + erf(y))

    def residual(weight):
        w = weight[0]
        mu = n_exc * (1 - gamma * g_factor) * w * firing_rate + bias
        s = n_exc * (1 + gamma * g_factor**2) * (w * w) * firing_rate
        above = f((VTH - mu) / s + threshold_shift)
        below = f(-mu / s + threshold_shift)
        root = mu * dv * 0.01
        amplitude = np.sqrt(np.pi) * (root * root)
        alpha = amplitude * (1 / s) * (above - below)
        beta = amplitude * (1 / (2 * (s * s))) * (above * (VTH - mu) / s - below * -mu / s)
        return mean_weight - alpha * w - beta * (w * w)

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        solution = fsolve(residual, mean_weight)
        remaining = np.abs(residual(solution))

    scale = float(solution[0] / mean_weight)
    if not np.isfinite(scale):
        return WeightScale(1.0, ScaleStatus.NOT_SOLVED)
    if scale <= 0:
        return WeightScale(1.0, ScaleStatus.NOT_POSITIVE)
    if remaining <= 1e-6 * mean_weight:
        return WeightScale(scale, ScaleStatus.SOLVED)
    status = ScaleStatus.UNCHANGED if scale == 1.0 else ScaleStatus.NOT_SOLVED
    return WeightScale(scale, status)


RATE_TO_LIF: dict[str, Callable[..., WeightScale]] = {
    "tutorial": tutorial,
    "identity": identity,
}


def lif_bias(step_size: float) -> float:
    """Input per step that drives a lone neuron towards `RELATIVE_BIAS` thresholds.

    As in the tutorial it does not depend on the bias of the rate neurons, as long as
    that is the same for all.
    """
    return RELATIVE_BIAS * VTH * step_size


def lif_parameters(weights: np.ndarray, *, scale: WeightScale, step_size: float) -> LIFParameters:
    """The LIF network: dv = dr, du = 7 dr, weights = scale W du."""
    du = CURRENT_SPEED * step_size
    lif_weights = scale.value * weights
    lif_weights *= du
    return LIFParameters(
        weights=lif_weights,
        du=du,
        dv=step_size,
        vth=VTH,
        bias=lif_bias(step_size),
    )


def rate_to_lif(
    half: np.ndarray, point: Network, mapping: str
) -> tuple[LIFParameters, WeightScale]:
    """The LIF network that `mapping`, a key of `RATE_TO_LIF`, gives for a rate network."""
    w = network.weights(half, q_factor=point.q_factor, g_factor=point.g_factor)
    scale = RATE_TO_LIF[mapping](w, g_factor=point.g_factor, step_size=point.step_size)
    return lif_parameters(w, scale=scale, step_size=point.step_size), scale
