"""Loihi's integers: bit widths, quantisation of a LIF network, and its bit-accurate run.

What Lava's `PyLifModelBitAcc` and `PyDenseModelBitAcc` compute is the specification.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from eiphase import network, vectors
from eiphase.lif import LIFParameters
from eiphase.network import Synapses
from eiphase.quantiles import quantiles

# Widths in bits, from the docstrings and code of Lava's bit-accurate models.
STATE_BITS = 24  # current and voltage, signed
DECAY_BITS = 12  # du and dv, unsigned
THRESHOLD_BITS = 17  # unsigned
BIAS_MANTISSA_BITS = 13  # signed
BIAS_EXPONENTS = range(3)  # those that the tutorial's mapping considers
LARGEST_BIAS_EXPONENT = 7  # 3 bits, unsigned
WEIGHT_BITS = 8  # signed when a network mixes signs
WEIGHT_EXPONENTS = range(6, 22)  # as binary places of a weight in the state's units
SMALLEST_WEIGHT_EXPONENT = -8  # 4 bits, signed
ALIGNMENT = 6  # left shift of threshold and of synaptic input
STATE_LIMIT = 2 ** (STATE_BITS - 1)
SUMMED_IN_16_BITS = (2**15 - 1) // 2**WEIGHT_BITS  # stored weights, whichever they are
RANGE_QUANTILES = (0.2, 0.8)  # of u and v, the dynamic range that the tutorial keeps
HEADROOM = 4  # of `full_range` over the extremes of u and v in floating point


@dataclass(frozen=True, kw_only=True)
class LoihiParameters:
    """A recurrent LIF network in Loihi's integers, as Lava's `LIF` and `Dense` take it.

    **Arguments:**

    - `weights`: [post, pre], before they are clipped and truncated.
    - `weight_exponent`: synaptic input is the sum of weights times 2 to this.
    - `inhibitory_weight_exponent`: the same for inhibitory neurons, where excitatory and
      inhibitory ones have a `Dense` each, with its own sign mode. None: one `Dense` holds
      both, in the sign mode that its weights need.
    - `weight_bits`: that Loihi spends on a weight, in mixed sign mode sign included.
    - `du`, `dv`: decays in units of 2**-12 per step; Lava adds 1 to `du`.
    - `vth`: threshold in units of 2**6 of the voltage.
    - `bias_mantissa`, `bias_exponent`: bias per step, mantissa times 2**exponent.
    """

    weights: np.ndarray
    weight_exponent: int
    du: int
    dv: int
    vth: int
    bias_mantissa: int
    bias_exponent: int
    inhibitory_weight_exponent: int | None = None
    weight_bits: int = WEIGHT_BITS

    def connections(self) -> list["Connections"]:
        """What each `Dense` holds: presynaptic neurons that follow on each other."""
        if self.inhibitory_weight_exponent is None:
            return [Connections(self.weights, self.weight_exponent)]
        n_exc = network.n_excitatory(len(self.weights))
        return [
            Connections(np.maximum(self.weights[:, :n_exc], 0), self.weight_exponent),
            Connections(np.minimum(self.weights[:, n_exc:], 0), self.inhibitory_weight_exponent),
        ]

    def stored_weights(self) -> np.ndarray:
        """Weights as Loihi holds them, int16, [post, pre]: clipped and truncated."""
        parts = [stored_weights(c.weights, self.weight_bits) for c in self.connections()]
        return np.concatenate(parts, axis=1)

    def synaptic_strengths(self) -> np.ndarray:
        """Stored weights times 2 to their exponents, in the unit of `vth`, [post, pre]."""
        exponents = [np.full(c.weights.shape[1], float(c.exponent)) for c in self.connections()]
        return self.stored_weights() * 2.0 ** np.concatenate(exponents)

    def is_degenerate(self) -> bool:
        """Whether threshold, bias or a decay has become zero: no such network is meant."""
        return 0 in (self.vth, self.bias_mantissa, self.du, self.dv)

    @property
    def synapses(self) -> Synapses:
        """In thresholds: the input of a step that one spike gives."""
        gain = 1 / self.vth  # both are shifted by ALIGNMENT, which cancels
        return Synapses(
            matrix=self.synaptic_strengths(), excitatory_gain=gain, inhibitory_gain=gain
        )


class Connections(NamedTuple):
    """The weights that one `Dense` holds, [post, some of pre], and their exponent."""

    weights: np.ndarray
    exponent: int


@dataclass(frozen=True)
class DynamicRange:
    """Of current and voltage in floating point: what the integers should resolve, and hold.

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


class IntegerRecording(NamedTuple):
    """What bit-accurate LIF neurons did."""

    spikes: np.ndarray  # (time, neuron), 0 or 1, uint8
    current_wraps: int  # how often, over neurons and steps, u left its 24 bits
    voltage_clips: int  # how often v was clipped to its 24 bits


def dynamic_range(current: np.ndarray, voltage: np.ndarray) -> DynamicRange:
    """The 0.2 and 0.8 quantiles of u and v over all neurons and steps, and their extremes."""
    current_low, current_high = quantiles(current, RANGE_QUANTILES)
    voltage_low, voltage_high = quantiles(voltage, RANGE_QUANTILES)
    return DynamicRange(
        current_low,
        current_high,
        voltage_low,
        voltage_high,
        current_minimum=float(current.min()),
        current_maximum=float(current.max()),
        voltage_minimum=float(voltage.min()),
    )


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
    quantities = [  # values, bits for the magnitude, whether signed, largest exponent
        (np.array([parameters.vth]), THRESHOLD_BITS, False, ALIGNMENT),
        (np.array([ranges.current_low, ranges.current_high]), STATE_BITS, True, 0),
        (np.array([ranges.voltage_low, ranges.voltage_high]), STATE_BITS, True, 0),
        (np.array([bias]), BIAS_MANTISSA_BITS, True, BIAS_EXPONENTS[-1]),
        (np.array([weights.min(), weights.max()]), WEIGHT_BITS, True, WEIGHT_EXPONENTS[-1]),
    ]
    quantities.sort(key=lambda quantity: np.abs(quantity[0]).max(), reverse=True)
    factor = np.inf
    for values, bits, signed, exponent in quantities:
        largest = np.abs(values).max()
        representable = 2 ** (bits - signed) - (1 if values.max() == largest else 0)
        representable *= 2**exponent
        if factor * largest > representable:
            factor = representable / largest

    scaled_bias = factor * bias
    bias_exponent = max(0, _exponent(scaled_bias, BIAS_MANTISSA_BITS))
    weight_exponent = max(0, _exponent(scaled_bias, WEIGHT_BITS) - ALIGNMENT)
    return LoihiParameters(
        weights=np.round(np.round(factor * weights) / 2 ** WEIGHT_EXPONENTS[0]).astype(np.int32),
        weight_exponent=weight_exponent,
        du=integer_decay(parameters.du),
        dv=integer_decay(parameters.dv),
        vth=int(factor * parameters.vth // 2**ALIGNMENT),
        bias_mantissa=int(scaled_bias // 2**bias_exponent),
        bias_exponent=bias_exponent,
        weight_bits=weight_bits,
    )


def full_range(
    parameters: LIFParameters, ranges: DynamicRange, weight_bits: int = WEIGHT_BITS
) -> LoihiParameters:
    r"""Integers that use the bits that there are, and overflow nowhere.

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
    overflowed in the run is counted: see `IntegerRecording`.
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
    return int(np.round(decay * 2**DECAY_BITS))


def stored_weights(weights: np.ndarray, bits: int = WEIGHT_BITS) -> np.ndarray:
    """Weights as a `Dense` holds them, int16: clipped, truncated to so many bits of the 8.

    All of one sign: magnitude up to 255, in steps of 2**(8 - bits), rounded towards zero.
    Mixed signs: -256 to 254, in twice these steps, rounded down.
    """
    clipped = _clipped(weights)
    if _mixes_signs(weights):
        dropped = WEIGHT_BITS - bits + 1
        return (clipped >> dropped << dropped).astype(np.int16)
    dropped = WEIGHT_BITS - bits
    return (np.sign(clipped) * (np.abs(clipped) >> dropped << dropped)).astype(np.int16)


def weight_use(integer: LoihiParameters, real: LIFParameters) -> WeightUse:
    """How well integer weights fit the bits that Loihi stores.

    `real` is the network that `integer` stands for: a faithful mapping has strength 1.
    """
    n_connections = np.count_nonzero(integer.weights)
    parts = [connections.weights for connections in integer.connections()]
    n_clipped = sum(np.count_nonzero(_clipped(part) != part) for part in parts)
    # Input and threshold are both shifted by ALIGNMENT, which cancels.
    with np.errstate(divide="ignore", invalid="ignore"):
        integer_strength = np.abs(integer.synaptic_strengths()).sum() / np.float64(integer.vth)
        strength = integer_strength / (np.abs(real.weights).sum() / real.vth)
    return WeightUse(
        n_clipped / n_connections if n_connections else 0.0,
        min(_bits_used(part, integer.weight_bits) for part in parts),
        strength,
    )


def _bits_used(weights: np.ndarray, bits: int) -> int:
    """How many of these bits the largest weight of a `Dense` needs."""
    mixed = _mixes_signs(weights)
    stored = stored_weights(weights, bits) >> (WEIGHT_BITS - bits + mixed)
    low, high = int(stored.min()), int(stored.max())
    return max(high.bit_length(), (~low if mixed else -low).bit_length()) + mixed


def _mixes_signs(weights: np.ndarray) -> bool:
    return bool(weights.min() < 0 < weights.max())


def _clipped(weights: np.ndarray) -> np.ndarray:
    if _mixes_signs(weights):
        return np.clip(weights, -(2**WEIGHT_BITS), 2**WEIGHT_BITS - 1)
    return np.clip(weights, 1 - 2**WEIGHT_BITS, 2**WEIGHT_BITS - 1)


class State(NamedTuple):
    """A network between two steps, in integers; it changes in place."""

    current: np.ndarray  # (neuron,), int64
    voltage: np.ndarray  # (neuron,), int64
    # Sums of stored weights that arrive in the next step, from the neurons of the first
    # `Dense` and from the others, int32, (2, neuron); padded.
    input: np.ndarray

    def copy(self) -> "State":
        return State(*(part.copy() for part in self))


@dataclass(frozen=True, eq=False)
class Simulator:
    """A network with its stored weights in the order in which the kernel reads them."""

    columns: np.ndarray
    n_first: int  # neurons of the first `Dense`
    exponents: tuple[int, int]  # of the weights of the first `Dense`, and of the last
    parameters: LoihiParameters

    @classmethod
    def of(cls, parameters: LoihiParameters) -> "Simulator":
        columns = vectors.columns_in_rows(parameters.stored_weights(), "int16")
        first, last = parameters.connections()[0], parameters.connections()[-1]
        return cls(columns, first.weights.shape[1], (first.exponent, last.exponent), parameters)

    @property
    def n_neurons(self) -> int:
        return len(self.parameters.weights)

    @property
    def threshold(self) -> int:
        """In the voltage's units."""
        return self.parameters.vth << ALIGNMENT

    def at_rest(self) -> State:
        """u = v = 0, and nothing has fired."""
        n = self.n_neurons
        padded = vectors.n_blocks(n, "int16") * vectors.width("int16")
        return State(np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros((2, padded), np.int32))

    def advance(
        self, state: State, spikes: np.ndarray, steps_done: np.ndarray | None = None
    ) -> tuple[int, int]:
        """As many steps as `spikes` (time, neuron) has, from `state`, which becomes that after.

        Returns how often a current wrapped and a voltage was clipped. `steps_done`, an array
        of one integer, is counted up after each step.
        """
        p = self.parameters
        return _run(
            self.columns,
            self.n_first,
            *self.exponents,
            2**DECAY_BITS - (p.du + 1),
            2**DECAY_BITS - p.dv,
            self.threshold,
            p.bias_mantissa << p.bias_exponent,
            vectors.aligned(1, "int16"),
            *state,
            spikes,
            np.zeros(1, np.int64) if steps_done is None else steps_done,
        )

    def spikes(self, state: State, n_steps: int) -> np.ndarray:
        """What fires in the next steps, (time, neuron); `state` becomes that after them."""
        found = np.empty((n_steps, self.n_neurons), np.uint8)
        self.advance(state, found)
        return found

    def fire(self, state: State, neuron: int) -> None:
        """Let a neuron fire once more than it did in the last step."""
        state.voltage[neuron] = 0
        blocks = self.columns.reshape(-1, self.n_neurons, self.columns.shape[1])
        state.input[int(neuron >= self.n_first)] += blocks[:, neuron].ravel()


def run(
    parameters: LoihiParameters, n_steps: int, *, steps_done: np.ndarray | None = None
) -> IntegerRecording:
    r"""Simulate from u = v = 0, event-driven, equal to the bit to Lava's bit-accurate models.

    $$u \leftarrow \mathrm{wrap}_{24}\big( [u (2^{12} - du - 1) / 2^{12}] + 2^6 a \big), \quad
      v \leftarrow \mathrm{clip}_{24}\big( [v (2^{12} - dv) / 2^{12}] + u + bias \big)$$

    $[\cdot]$ rounds towards zero; a spike where $v > 2^6 v_{th}$ sets v to 0, and the input
    of the next step is $a = [2^{w_{exp}} W s]$, or the sum of this over both `Dense`, where
    a negative exponent rounds down. `steps_done`, an array of one integer, is
    counted up after each step.
    """
    spikes = np.empty((n_steps, len(parameters.weights)), np.uint8)
    simulator = Simulator.of(parameters)
    counts = simulator.advance(simulator.at_rest(), spikes, steps_done)
    return IntegerRecording(spikes, *counts)


@njit(cache=True)
def _run(
    columns, n_first, exponent, last_exponent,
    keep_u, keep_v, threshold, bias, partial, u, v, a, spikes, steps_done,
):  # fmt: skip
    n_steps, n = spikes.shape
    fired = np.empty(n + 1, np.int64)
    wraps = 0
    clips = 0
    for t in range(n_steps):
        for i in range(n):
            # Lava's channel and its shift both hold 32 bits.
            total = _shifted(a[0, i], exponent) + _shifted(a[1, i], last_exponent)
            shifted = np.int64(np.int32(total << ALIGNMENT))
            decayed = np.int64(np.int32(_towards_zero(u[i] * keep_u) + shifted))
            wrapped = decayed
            wrapped -= 2 * STATE_LIMIT if decayed > STATE_LIMIT else 0
            wrapped += 2 * STATE_LIMIT if decayed <= -STATE_LIMIT else 0
            wraps += wrapped != decayed
            u[i] = wrapped
            updated = _towards_zero(v[i] * keep_v) + wrapped + bias
            clipped = min(max(updated, 1 - STATE_LIMIT), STATE_LIMIT - 1)
            clips += clipped != updated
            spike = clipped > threshold
            v[i] = 0 if spike else clipped
            spikes[t, i] = spike
        n_fired = 0
        for i in range(n):  # without a branch, which would often be mispredicted
            fired[n_fired] = i
            n_fired += spikes[t, i]
        n_fired_first = np.searchsorted(fired[:n_fired], n_first)
        _add_columns(columns, fired[:n_fired_first], partial, a[0])
        _add_columns(columns, fired[n_fired_first:n_fired], partial, a[1])
        steps_done[0] += 1
    return wraps, clips


@njit(cache=True)
def _add_columns(columns, fired, partial, a):
    """a = the sum of the stored weights of the neurons that fired.

    In 16 bits, which is twice as fast, for as many neurons as surely fit; then in 32.
    """
    width = partial.size
    n = len(columns) * width // len(a)
    a[:] = 0
    for block in range(len(a) // width):
        for first in range(0, len(fired), SUMMED_IN_16_BITS):
            group = fired[first : first + SUMMED_IN_16_BITS]
            vectors.store_row(partial, 0, vectors.add_up(columns, group, block * n))
            for i in range(width):
                a[block * width + i] += partial[0, i]


@njit(cache=True)
def _shifted(x, exponent):
    """x * 2**exponent, rounded down."""
    return np.int64(x) << exponent if exponent > 0 else np.int64(x) >> -exponent


@njit(cache=True)
def _towards_zero(x):
    """x / 2**12, rounded towards zero."""
    return x >> DECAY_BITS if x >= 0 else -(-x >> DECAY_BITS)
