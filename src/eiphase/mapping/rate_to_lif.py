"""From rate neurons to LIF neurons: which weights give a similar network."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import erf, zetac

from eiphase.flags import ScaleStatus
from eiphase.networks import weights as network
from eiphase.networks.lif import LIFParameters
from eiphase.networks.weights import Network
from eiphase.numerics import arrays
from eiphase.numerics.jit import njit
from eiphase.theory import lif_working_point, meanfield
from eiphase.theory.lif_working_point import LIFNeuron, WeightMoments
from eiphase.theory.meanfield import Coupling

VTH = 1.0  # the unit of voltage
CURRENT_SPEED = 7  # the current decays seven times as fast as the voltage [1]
RELATIVE_BIAS = 5  # bias in units of the input that just reaches threshold [1]
# [1] the tutorial's rate-to-LIF conversion, after Grytskyy et al. (2013).
# Where `corrected` looks for its scale: down from the largest, by this factor each.
_N_SCALES = 9
_SCALE_FACTOR = 1.5


@dataclass(frozen=True)
class WeightScale:
    """LIF weights are `value` times the rate network's (times du).

    `predicted_rate` is what the mapping's theory expects of the LIF network, in spikes per
    neuron and step; NaN if it expects nothing.
    """

    value: float
    status: ScaleStatus
    predicted_rate: float = np.nan


def identity(half: np.ndarray, point: Network) -> WeightScale:
    """Scale 1: the rate network's own weights."""
    return WeightScale(1.0, ScaleStatus.IDENTITY)


def tutorial(half: np.ndarray, point: Network) -> WeightScale:
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

    - `half`: `weights.half_gaussian(Z)`, [post, pre], of the rate network.
    - `point`: that network; with γ g > 1, else the mapping is not defined.

    Source: Grytskyy et al., Front. Comput. Neurosci. 7, 131 (2013); Brunel, J. Comput.
    Neurosci. 8, 183 (2000).
    """
    from scipy.optimize import fsolve  # takes 0.2 s to import, which other jobs do not need

    g_factor, step_size = point.g_factor, point.step_size
    n = len(half)
    n_exc = network.n_excitatory(n)
    gamma = n_exc / (n - n_exc)
    du, dv = CURRENT_SPEED * step_size, step_size
    bias = lif_bias(step_size) / dv
    firing_rate = (bias - VTH) / (gamma * g_factor - 1)
    # Not `network.gain` times a mean: a sum's last bits depend on its numbers and their order.
    mean_weight = np.mean((network.gain(n, point.q_factor) * half)[:, :n_exc])
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


def corrected(half: np.ndarray, point: Network) -> WeightScale:
    r"""The scale with which LIF neurons couple as strongly as the rate neurons do.

    A small change in one neuron's output reaches the others through effective couplings:
    $W_{ij}\, \mathrm{erf}'(r)$ among rate neurons around their fixed point, and
    $w_{ij} = \alpha J_{ij} + \beta J_{ij}^2$ with J = scale W among LIF neurons around
    theirs. Mean couplings cancel in part; what makes the network unstable is their
    spread, the radius R of the disc that holds the eigenvalues. This solves

    $$R_{LIF}(scale) = R_{rate}$$

    for the smallest scale, so that both networks should lose their fixed point at the
    same q and g. Both working points are self-consistent: `meanfield.fixed_point` and
    `lif_working_point.lif_working_point` have the equations. Where the rate network's bias
    saturates its neurons, R is nearly 0 and so are the LIF weights. Up to the scale at
    which a mean synapse alone lifts a neuron from reset to threshold, where Brunel's
    theory of many weak inputs has ended, R_LIF may not come up to R_rate: then the scale
    of the largest R_LIF is taken, with the status `STRONGEST`. It is as much smaller as the rate
    network's weights are larger, so that `lif_parameters` gives one network at every q.

    `predicted_rate` is self-consistent for these very weights, neuron by neuron
    (`lif_working_point.population_rate`); NaN where R_LIF is 1 or more. Costs about as
    much as 300 steps of the simulation.

    Source: Brunel, J. Comput. Neurosci. 8, 183 (2000); Fourcaud and Brunel, Neural
    Comput. 14, 2057 (2002); Grytskyy et al., Front. Comput. Neurosci. 7, 131 (2013).
    """
    weights = network.weights(half, q_factor=point.q_factor, g_factor=point.g_factor)
    moments = WeightMoments.of(weights)
    neuron = lif_neuron(point.step_size, point.refractory_steps)
    drive = point.bias / point.step_size
    wanted = meanfield.fixed_point(Coupling(moments.mean, moments.variance, drive)).radius

    def radius(scale: float) -> float:
        return lif_working_point.lif_working_point(neuron, moments, scale).radius

    n_exc = network.n_excitatory(len(weights))
    strongest_synapse = max(weights[:, :n_exc].mean(), -weights[:, n_exc:].mean())
    scale, status = _first_scale(radius, wanted, largest=VTH / strongest_synapse)
    around = lif_working_point.lif_working_point(neuron, moments, scale)
    rate = np.nan
    if around.radius < 1:
        spread = scale * np.sqrt(moments.square)
        rate = lif_working_point.population_rate(neuron, scale * weights, spread, around.rate)
    return WeightScale(scale, status, rate)


def _first_scale(
    radius: Callable[[float], float], wanted: float, *, largest: float
) -> tuple[float, ScaleStatus]:
    """The smallest scale with the wanted radius, or else that with the largest radius."""
    from scipy.optimize import brentq  # as in `tutorial`

    if wanted == 0:
        return 0.0, ScaleStatus.SOLVED
    scales = largest / _SCALE_FACTOR ** np.arange(_N_SCALES)[::-1]
    radii = np.array([radius(scale) for scale in scales])
    if not (radii >= wanted).any():
        return float(scales[radii.argmax()]), ScaleStatus.STRONGEST
    first = int((radii >= wanted).argmax())
    low = scales[max(0, first - 1)]
    while radius(low) >= wanted:  # weak couplings are nearly proportional to the scale
        low *= min(0.5, wanted / radius(low))
    logarithm = brentq(lambda x: radius(np.exp(x)) - wanted, *np.log([low, scales[first]]))
    return float(np.exp(logarithm)), ScaleStatus.SOLVED


RATE_TO_LIF: dict[str, Callable[[np.ndarray, Network], WeightScale]] = {
    "tutorial": tutorial,
    "corrected": corrected,
    "identity": identity,
}


def lif_bias(step_size: float) -> float:
    """Input per step that drives a lone neuron towards `RELATIVE_BIAS` thresholds.

    As in the tutorial it does not depend on the bias of the rate neurons, as long as
    that is the same for all.
    """
    return RELATIVE_BIAS * VTH * step_size


def lif_neuron(step_size: float, refractory_steps: int = 0) -> LIFNeuron:
    """One neuron of the LIF network, without its synapses."""
    return LIFNeuron(
        du=CURRENT_SPEED * step_size,
        dv=step_size,
        drive=lif_bias(step_size) / step_size,
        refractory_steps=refractory_steps,
    )


def lif_parameters(half: np.ndarray, point: Network, scale: WeightScale) -> LIFParameters:
    """The LIF network of a rate network: dv = dr, du = 7 dr, weights = scale W du.

    At the strongest coupling, gain times scale is rounded to single precision: what theory finds
    at one q_factor and at another differs in its last bits, and chaos would make other spikes of
    it.
    """
    n, du = len(half), CURRENT_SPEED * point.step_size
    gain, factor = network.gain(n, point.q_factor), scale.value
    if scale.status == ScaleStatus.STRONGEST:
        gain, factor = 1.0, float(np.float32(gain * factor))
    of_half = arrays.columns_of(half)  # in the order in which the simulation reads them
    scaled = arrays.aligned_empty(of_half.shape, "float64")
    relative = np.ones(n)
    relative[network.n_excitatory(n) :] = point.g_factor
    _scale(of_half, gain, relative, factor, du, scaled)
    return LIFParameters(
        weights=arrays.matrix_of(scaled, n),
        du=du,
        dv=point.step_size,
        vth=VTH,
        bias=lif_bias(point.step_size),
        refractory_steps=point.refractory_steps,
    )


@njit(cache=True)
def _scale(of_half, gain, relative, scale, du, scaled):
    """`weights.weights`, times two more numbers, in one pass; with the same bits as one by one."""
    n, n_padded = of_half.shape
    for j in range(n):
        for i in range(n_padded):
            scaled[j, i] = of_half[j, i] * gain * relative[j] * scale * du


def rate_to_lif(
    half: np.ndarray, point: Network, mapping: str
) -> tuple[LIFParameters, WeightScale]:
    """The LIF network that `mapping`, a key of `RATE_TO_LIF`, gives for a rate network."""
    scale = RATE_TO_LIF[mapping](half, point)
    return lif_parameters(half, point, scale), scale
