"""Loihi's integers: bit widths, quantisation of a LIF network, and its bit-accurate run.

What Lava's `PyLifModelBitAcc` and `PyDenseModelBitAcc` compute is the specification.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numba import int32, njit

from eiphase import network, vectors
from eiphase.lif import LIFParameters
from eiphase.network import Synapses

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
_WRAP = 2**STATE_BITS
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

    @cached_property
    def connections(self) -> list["Connections"]:
        """What each `Dense` holds: presynaptic neurons that follow on each other."""
        if self.inhibitory_weight_exponent is None:
            return [Connections(self.weights, self.weight_exponent, self.weight_bits)]
        n_exc = network.n_excitatory(len(self.weights))
        excitatory = np.maximum(self.weights[:, :n_exc], 0)
        inhibitory = np.minimum(self.weights[:, n_exc:], 0)
        return [
            Connections(excitatory, self.weight_exponent, self.weight_bits),
            Connections(inhibitory, self.inhibitory_weight_exponent, self.weight_bits),
        ]

    @property
    def stored_weights(self) -> np.ndarray:
        """Weights as Loihi holds them, int16, [post, pre]: clipped and truncated."""
        return np.concatenate([c.stored for c in self.connections], axis=1)

    def synaptic_strengths(self) -> np.ndarray:
        """Stored weights times 2 to their exponents, in the unit of `vth`, [post, pre]."""
        return np.concatenate([c.stored * 2.0**c.exponent for c in self.connections], axis=1)

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


@dataclass(frozen=True, eq=False)
class Connections:
    """The weights that one `Dense` holds, [post, some of pre], their exponent and bits.

    Of one sign, stored magnitudes go up to 255; of mixed signs, stored weights from -256 to
    254 in steps of 2.
    """

    weights: np.ndarray
    exponent: int
    bits: int

    @cached_property
    def extremes(self) -> tuple[int, int]:
        """Smallest and largest weight."""
        return int(self.weights.min()), int(self.weights.max())

    @property
    def mixes_signs(self) -> bool:
        low, high = self.extremes
        return low < 0 < high

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest weight that is not clipped."""
        largest = 2**WEIGHT_BITS - 1
        return -largest - self.mixes_signs, largest

    @property
    def dropped_bits(self) -> int:
        """Lowest bits that a stored weight does not have."""
        return WEIGHT_BITS - self.bits + self.mixes_signs

    @cached_property
    def stored(self) -> np.ndarray:
        """As Loihi holds them, int16: clipped, without the lowest bits.

        Rounded towards zero, or down where signs mix.
        """
        dropped = self.dropped_bits
        stored = np.clip(self.weights, *self.limits).astype(np.int16)
        if dropped and not self.mixes_signs:
            stored[stored < 0] += 2**dropped - 1
        stored >>= dropped
        stored <<= dropped
        return stored

    @property
    def coding(self) -> tuple[int, int]:
        """Step and smallest, with which a stored weight is step * code + smallest."""
        smallest = self.limits[0] if self.extremes[0] < 0 else 0
        return 1 + self.mixes_signs, smallest

    @property
    def codes(self) -> np.ndarray:
        """Stored weights as bytes from 0 to 255: see `coding`."""
        step, smallest = self.coding
        codes = self.stored - np.int16(smallest)
        codes >>= step - 1
        return codes.astype(np.uint8)

    @property
    def n_clipped(self) -> int:
        """How many weights are beyond the limits."""
        (low, high), (lowest, highest) = self.extremes, self.limits
        if lowest <= low and high <= highest:
            return 0
        return np.count_nonzero((self.weights < lowest) | (self.weights > highest))

    @property
    def bits_used(self) -> int:
        """How many of its bits the largest stored weight needs."""
        low = int(self.stored.min()) >> self.dropped_bits
        high = int(self.stored.max()) >> self.dropped_bits
        magnitude = ~low if self.mixes_signs else -low
        return max(high.bit_length(), magnitude.bit_length()) + self.mixes_signs


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
    mantissas = factor * weights
    np.rint(mantissas, out=mantissas)
    mantissas /= 2 ** WEIGHT_EXPONENTS[0]
    np.rint(mantissas, out=mantissas)
    return LoihiParameters(
        weights=mantissas.astype(np.int32),
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


def weight_use(integer: LoihiParameters, real: LIFParameters) -> WeightUse:
    """How well integer weights fit the bits that Loihi stores.

    `real` is the network that `integer` stands for: a faithful mapping has strength 1.
    """
    n_connections = np.count_nonzero(integer.weights)
    n_clipped = sum(connections.n_clipped for connections in integer.connections)
    # Input and threshold are both shifted by ALIGNMENT, which cancels.
    with np.errstate(divide="ignore", invalid="ignore"):
        integer_strength = sum(
            2.0**connections.exponent * np.abs(connections.stored).sum()
            for connections in integer.connections
        ) / np.float64(integer.vth)
        strength = integer_strength / (np.abs(real.weights).sum() / real.vth)
    return WeightUse(
        n_clipped / n_connections if n_connections else 0.0,
        min(connections.bits_used for connections in integer.connections),
        strength,
    )


class State(NamedTuple):
    """A network between two steps, in integers; it changes in place."""

    current: np.ndarray  # (neuron,), int32
    voltage: np.ndarray  # (neuron,), int32
    # Sums of stored weights that arrive in the next step, from the neurons of the first
    # `Dense` and from the others, int32, (2, neuron); padded.
    input: np.ndarray

    def copy(self) -> "State":
        return State(*(part.copy() for part in self))


@dataclass(frozen=True, eq=False)
class Simulator:
    """A network with its stored weights in the order in which the kernel reads them."""

    columns: np.ndarray  # codes of the stored weights
    # Of the first `Dense` and of the last, (2, 4): `Connections.coding`, and by how many bits
    # their sums are shifted to the left and to the right.
    decode: np.ndarray
    n_first: int  # neurons of the first `Dense`
    parameters: LoihiParameters

    @classmethod
    def of(cls, parameters: LoihiParameters) -> "Simulator":
        parts = parameters.connections
        columns = vectors.byte_columns_in_rows(np.concatenate([c.codes for c in parts], axis=1))
        decode = [(*c.coding, max(c.exponent, 0), max(-c.exponent, 0)) for c in parts]
        n_first = parts[0].weights.shape[1]
        return cls(columns, np.array([decode[0], decode[-1]], np.int32), n_first, parameters)

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
        padded = vectors.n_blocks(n, "uint8") * vectors.width("uint8")
        return State(np.zeros(n, np.int32), np.zeros(n, np.int32), np.zeros((2, padded), np.int32))

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
            self.decode,
            self.n_first,
            np.int32(2**DECAY_BITS - (p.du + 1)),
            np.int32(2**DECAY_BITS - p.dv),
            np.int32(self.threshold),
            np.int32(p.bias_mantissa << p.bias_exponent),
            vectors.aligned(2, "uint16"),
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
        dense = int(neuron >= self.n_first)
        stored = self.parameters.connections[dense].stored
        state.input[dense, : self.n_neurons] += stored[:, neuron - dense * self.n_first]


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
    columns, decode, n_first,
    keep_u, keep_v, threshold, bias, partial, u, v, a, spikes, steps_done,
):  # fmt: skip
    n_steps, n = spikes.shape
    fired = np.empty(n + 1, np.int64)
    step, smallest, left, right = decode[0]
    last_step, last_smallest, last_left, last_right = decode[1]
    wraps = 0
    clips = 0
    for t in range(n_steps):
        wraps_now = int32(0)
        clips_now = int32(0)
        # All in 32 bits, of which a vector holds twice as many; Numba alone would take 64.
        for i in range(n):
            total = vectors.shifted_32(a[0, i], left, right)
            total += vectors.shifted_32(a[1, i], last_left, last_right)
            decayed = int32(_kept(u[i], keep_u) + int32(total << ALIGNMENT))
            wrapped = int32(decayed - _WRAP * (decayed > STATE_LIMIT))
            wrapped = int32(wrapped + _WRAP * (decayed <= -STATE_LIMIT))
            wraps_now = int32(wraps_now + int32(wrapped != decayed))
            u[i] = wrapped
            # Within 32 bits, too: what wrapped is 2**24 or more away from their ends.
            updated = int32(_kept(v[i], keep_v) + wrapped + bias)
            clipped = min(max(updated, int32(1 - STATE_LIMIT)), int32(STATE_LIMIT - 1))
            clips_now = int32(clips_now + int32(clipped != updated))
            spike = clipped > threshold
            v[i] = int32(0) if spike else clipped
            spikes[t, i] = spike
        wraps += wraps_now
        clips += clips_now
        n_fired = 0
        for i in range(n):  # without a branch, which would often be mispredicted
            fired[n_fired] = i
            n_fired += spikes[t, i]
        middle = np.searchsorted(fired[:n_fired], n_first)
        _add_columns(columns, fired, 0, middle, step, smallest, partial, a[0])
        _add_columns(columns, fired, middle, n_fired, last_step, last_smallest, partial, a[1])
        steps_done[0] += 1
    return wraps, clips


@njit(cache=True)
def _add_columns(columns, fired, start, stop, step, smallest, partial, a):
    """a = the sum of the stored weights of the neurons in fired[start:stop]."""
    half = partial.shape[1]
    n_blocks = len(a) // (2 * half)
    n = len(columns) // n_blocks
    a[:] = smallest * (stop - start)
    for block in range(n_blocks):
        for first in range(start, stop, vectors.SUMMED_BYTES):
            last = min(first + vectors.SUMMED_BYTES, stop)
            even, odd = vectors.add_up_bytes(columns, block * n, fired, first, last)
            vectors.store_row(partial, 0, even)
            vectors.store_row(partial, 1, odd)
            for parity in range(2):
                part = a[(2 * block + parity) * half :]  # its own, for the vectors' sake
                for k in range(half):
                    part[k] += step * partial[parity, k]


@njit(cache=True)
def _kept(x, keep):
    """x * keep / 2**12, rounded towards zero, where x is negative too.

    High and low bits of x apart, so that no product needs more than 32.
    """
    high = int32(x >> DECAY_BITS)
    low = int32(x & (2**DECAY_BITS - 1))
    round_up = int32(int32(x >> 31) & (2**DECAY_BITS - 1))  # 0 where x is not negative
    return int32(int32(high * keep) + int32(int32(int32(low * keep) + round_up) >> DECAY_BITS))
