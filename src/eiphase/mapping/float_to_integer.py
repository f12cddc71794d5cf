"""From a LIF network in floating point to Loihi's integers, and how well they fit."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from eiphase.networks import weights as network
from eiphase.networks.lif import LIFParameters
from eiphase.networks.loihi import (
    ALIGNMENT,
    BIAS_MANTISSA_BITS,
    DECAY_BITS,
    LARGEST_BIAS_EXPONENT,
    SMALLEST_WEIGHT_EXPONENT,
    STATE_BITS,
    THRESHOLD_BITS,
    WEIGHT_BITS,
    LoihiParameters,
)
from eiphase.numerics.arrays import aligned_empty, columns_of, matrix_of
from eiphase.numerics.jit import njit

RANGE_QUANTILES = (0.2, 0.8)  # of u and v, the dynamic range that the tutorial keeps
HEADROOM = 4  # of `full_range` over the extremes of u and v in floating point
BIAS_EXPONENTS = range(3)  # those that the tutorial's mapping considers
WEIGHT_EXPONENTS = range(6, 22)  # as binary places of a weight in the state's units


@dataclass(frozen=True)
class DynamicRange:
    """Ranges of current and voltage in floating point, which integers should resolve and hold.

    `low` and `high` are quantiles, `minimum` and `maximum` extremes. There is no use for the
    largest voltage: the reset keeps it below the threshold.
    """

    current_low: float
    current_high: float
    voltage_low: float
    voltage_high: float
    current_minimum: float
    current_maximum: float
    voltage_minimum: float

    def is_finite(self) -> bool:
        return bool(
            np.isfinite(
                [self.current_low, self.current_high, self.voltage_low, self.voltage_high]
            ).all()
        )


class WeightUse(NamedTuple):
    """How well a network's integer weights fit their bits, and what they are worth."""

    clipped_fraction: float  # of the non-zero weights, beyond the 8-bit range
    bits: int  # that the largest stored weight needs, sign included; of two `Dense`, the fewer
    strength: float  # sum of weights' magnitudes over threshold, in units of the float network's


def tutorial(
    parameters: LIFParameters, ranges: DynamicRange, weight_bits: int = WEIGHT_BITS
) -> LoihiParameters:
    """The tutorial's float-to-integer mapping, equal to it in every integer.

    One factor scales threshold, bias, u, v and weights. It is set by the largest of
    them so that it just fits its bits (with its largest exponent), and lowered where
    another would not fit. The weight exponent follows from the bias, not from the
    weights, and the mantissas do not make up for it: weights are often clipped, or use a
    few of their 8 bits only, and where the exponent is 1 they are twice as strong against
    the threshold as those of the float network. See `weight_use`. Integers are those for 8
    weight bits, whatever `weight_bits` is: Loihi drops the others.
    """
    weights, bias = parameters.weights, parameters.bias
    extremes = float(weights.min()), float(weights.max())
    factor = tutorial_factor(ranges, extremes, vth=parameters.vth, bias=bias)
    scaled_bias = factor * bias
    bias_exponent = max(0, _exponent(scaled_bias, BIAS_MANTISSA_BITS))
    weight_exponent = max(0, _exponent(scaled_bias, WEIGHT_BITS) - ALIGNMENT)
    columns = columns_of(weights)
    mantissas = aligned_empty(columns.shape, "int32")
    _round(columns, factor, 2.0 ** -WEIGHT_EXPONENTS[0], mantissas)
    return LoihiParameters(
        weights=matrix_of(mantissas, len(weights)),
        weight_exponent=weight_exponent,
        du=integer_decay(parameters.du),
        dv=integer_decay(parameters.dv),
        vth=int(factor * parameters.vth // 2**ALIGNMENT),
        bias_mantissa=int(scaled_bias // 2**bias_exponent),
        bias_exponent=bias_exponent,
        weight_bits=weight_bits,
        refractory_steps=parameters.refractory_steps,
    )


def tutorial_factor(
    ranges: DynamicRange, extreme_weights: tuple[float, float], *, vth: float, bias: float
) -> float:
    """The factor of `tutorial`; `extreme_weights` are the smallest and the largest."""
    quantities = [  # values, bits for the magnitude, whether signed, largest exponent
        ((vth,), THRESHOLD_BITS, False, ALIGNMENT),
        ((ranges.current_low, ranges.current_high), STATE_BITS, True, 0),
        ((ranges.voltage_low, ranges.voltage_high), STATE_BITS, True, 0),
        ((bias,), BIAS_MANTISSA_BITS, True, BIAS_EXPONENTS[-1]),
        (extreme_weights, WEIGHT_BITS, True, WEIGHT_EXPONENTS[-1]),
    ]
    quantities.sort(key=lambda quantity: max(map(abs, quantity[0])), reverse=True)
    factor = math.inf
    for values, bits, signed, exponent in quantities:
        largest = max(map(abs, values))
        representable = 2 ** (bits - signed) - (1 if max(values) == largest else 0)
        representable *= 2**exponent
        if factor * largest > representable:
            factor = representable / largest
    return factor


@njit(cache=True)
def _round(columns, factor, place, mantissas):
    """Scaled weights, rounded to integers and once more to their lowest binary place."""
    n, n_padded = columns.shape
    for j in range(n):
        for i in range(n_padded):
            mantissas[j, i] = np.int32(np.rint(np.rint(columns[j, i] * factor) * place))


def full_range(
    parameters: LIFParameters, ranges: DynamicRange, weight_bits: int = WEIGHT_BITS
) -> LoihiParameters:
    r"""Integers that use the bits that there are, with room for four times the range of u and v.

    The threshold is as large as 24 bits of u and v allow that hold four times (`HEADROOM`) what u
    and v reach in floating point, before the reset too:

    $$v_{th}^{int} = \Big\lfloor \frac{2^{17} - 1}{4 \max(1, |u|, |v|, v_{th} + u + bias)}
      \Big\rfloor \quad (v_{th} = 1)$$

    All else follows from it, rounded to nearest, with the smallest exponents that hold it:
    $W^{int} 2^{w_{exp}} = v_{th}^{int} W$, separately for excitatory and inhibitory neurons,
    and $2^6 v_{th}^{int} bias$. Each population has its own `Dense`, so that no
    bit goes to the sign, and the largest weight of each needs all `weight_bits`. u
    decays by what Lava makes of `du`, one unit more.

    Where the exponent is negative, as where v goes far below threshold and weights are
    many, Loihi rounds each sum of weights down. That takes $(1 - 2^{w_{exp}}) / 2$ in a step
    on average, and the current adds it up; the bias gives it back. Whether anything
    wrapped in the run is counted: see `IntegerRecording`.
    """
    vth, bias, u_max = parameters.vth, parameters.bias, ranges.current_maximum
    reach = max(
        vth, u_max, -ranges.current_minimum, -ranges.voltage_minimum, vth + max(u_max, 0) + bias
    )
    vth_int = int((2**THRESHOLD_BITS - 1) * vth / (HEADROOM * reach))
    n_exc = network.n_excitatory(len(parameters.weights))
    step = 2 ** (WEIGHT_BITS - weight_bits)
    weights = vth_int / vth * parameters.weights
    exponents = []
    for part in (weights[:, :n_exc], weights[:, n_exc:]):
        largest = float(max(part.max(), -part.min()))
        exponent = _fitting_exponent(largest, 2**WEIGHT_BITS - step, SMALLEST_WEIGHT_EXPONENT)
        part /= 2.0**exponent * step
        exponents.append(exponent)
    du = integer_decay(parameters.du) - 1
    rounded_down = sum((1 - 2.0**exponent) / 2 for exponent in exponents if exponent < 0)
    rounded_down *= 2**DECAY_BITS / (du + 1)
    mantissa, bias_exponent = _bias(2**ALIGNMENT * (vth_int / vth * bias + rounded_down))
    return LoihiParameters(
        weights=step * np.round(weights).astype(np.int32),
        weight_exponent=exponents[0],
        inhibitory_weight_exponent=exponents[1],
        weight_bits=weight_bits,
        refractory_steps=parameters.refractory_steps,
        du=du,
        dv=integer_decay(parameters.dv),
        vth=vth_int,
        bias_mantissa=mantissa,
        bias_exponent=bias_exponent,
    )


def _bias(value: float) -> tuple[int, int]:
    """Mantissa and exponent, rounded to nearest; the largest there is where none is enough."""
    largest = 2 ** (BIAS_MANTISSA_BITS - 1) - 1
    exponent = min(_fitting_exponent(value, largest, 0), LARGEST_BIAS_EXPONENT)
    return min(round(value / 2**exponent), largest), exponent


FLOAT_TO_INTEGER: dict[str, Callable[[LIFParameters, DynamicRange, int], LoihiParameters]] = {
    "tutorial": tutorial,
    "full_range": full_range,
}


def _fitting_exponent(value: float, largest_mantissa: int, smallest: int) -> int:
    """Smallest exponent with which a mantissa, rounded to this largest, holds a value."""
    if value <= 0:
        return 0
    return max(math.ceil(math.log2(value / largest_mantissa)), smallest)


def _exponent(value: float, bits: int) -> int:
    """Smallest exponent with which a signed mantissa of so many bits holds a value."""
    return int(np.ceil(np.log2(value) - bits + 1))


def integer_decay(decay: float) -> int:
    """A decay per step in units of 2**-12, rounded."""
    return round(decay * 2**DECAY_BITS)


def weight_use(integer: LoihiParameters, real: LIFParameters) -> WeightUse:
    """How well integer weights fit the bits that Loihi stores.

    `real` is the network that `integer` stands for: a faithful mapping has strength 1.
    """
    n_connections = sum(connections.n_nonzero for connections in integer.connections)
    n_clipped = sum(connections.n_clipped for connections in integer.connections)
    # Input and threshold are both shifted by ALIGNMENT, which cancels.
    with np.errstate(divide="ignore", invalid="ignore"):
        integer_strength = sum(
            2.0**connections.exponent * connections.magnitude for connections in integer.connections
        ) / np.float64(integer.vth)
        strength = integer_strength / (_magnitude(columns_of(real.weights)) / real.vth)
    return WeightUse(
        n_clipped / n_connections if n_connections else 0.0,
        min(connections.bits_used for connections in integer.connections),
        strength,
    )


@njit(cache=True)
def _magnitude(columns):
    """The sum of all weights' magnitudes."""
    n, n_padded = columns.shape
    totals = np.zeros(n_padded)
    for j in range(n):
        for i in range(n_padded):
            totals[i] += abs(columns[j, i])
    return totals.sum()
