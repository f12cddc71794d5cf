"""Loihi's integers: bit widths, what they make of weights, and the bit-accurate run of a network.

What Lava's `PyLifModelBitAcc` and `PyDenseModelBitAcc` compute is the specification.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from eiphase.networks import weights as network
from eiphase.networks.weights import Synapses
from eiphase.numerics.arrays import aligned_empty, columns_of, matrix_of
from eiphase.numerics.jit import int32, njit, uint16

# Widths in bits, from the docstrings and code of Lava's bit-accurate models.
STATE_BITS = 24  # current and voltage, signed
DECAY_BITS = 12  # du and dv, unsigned
THRESHOLD_BITS = 17  # unsigned
BIAS_MANTISSA_BITS = 13  # signed
LARGEST_BIAS_EXPONENT = 7  # 3 bits, unsigned
WEIGHT_BITS = 8  # signed when a network mixes signs
SMALLEST_WEIGHT_EXPONENT = -8  # 4 bits, signed
ALIGNMENT = 6  # left shift of threshold and of synaptic input
STATE_LIMIT = 2 ** (STATE_BITS - 1)
_WRAP = 2**STATE_BITS
SUMMED_BYTES = (2**16 - 1) // (2**8 - 1)  # so many bytes surely add up within 16 bits


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
    - `refractory_steps`: after a spike, the voltage stays at 0 for so many steps.
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
    refractory_steps: int = 0

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
    def _truncated(self) -> "_Truncated":
        weights = self.weights
        if weights.dtype != np.int32:
            weights = np.clip(weights, *self.limits).astype(np.int32)
        columns = columns_of(weights)
        stored = aligned_empty(columns.shape, "int16")
        codes = aligned_empty(columns.shape, "uint8")
        magnitude, n_nonzero = _truncate(
            columns, *self.limits, self.dropped_bits, self.mixes_signs, *self.coding, stored, codes
        )
        m = len(weights)
        return _Truncated(matrix_of(stored, m), matrix_of(codes, m), int(magnitude), int(n_nonzero))

    @property
    def stored(self) -> np.ndarray:
        """Weights as Loihi holds them, int16: clipped, without the lowest bits.

        Rounded towards zero, or down where signs mix.
        """
        return self._truncated.stored

    @property
    def magnitude(self) -> int:
        """The sum of the stored weights' magnitudes."""
        return self._truncated.magnitude

    @property
    def n_nonzero(self) -> int:
        """How many weights are not 0, before bits are dropped."""
        return self._truncated.n_nonzero

    @property
    def coding(self) -> tuple[int, int]:
        """Step and smallest, with which a stored weight is step * code + smallest."""
        smallest = self.limits[0] if self.extremes[0] < 0 else 0
        return 1 + self.mixes_signs, smallest

    @property
    def codes(self) -> np.ndarray:
        """Stored weights as bytes from 0 to 255: see `coding`."""
        return self._truncated.codes

    @property
    def n_clipped(self) -> int:
        """How many weights are beyond the limits."""
        (low, high), (lowest, highest) = self.extremes, self.limits
        if lowest <= low and high <= highest:
            return 0
        return int(np.count_nonzero((self.weights < lowest) | (self.weights > highest)))

    @property
    def bits_used(self) -> int:
        """How many of its bits the largest stored weight needs."""
        (low, high), (lowest, highest) = self.extremes, self.limits
        low, high = max(min(low, 0), lowest), min(max(high, 0), highest)
        dropped = self.dropped_bits
        # Where signs mix, in two's complement: -2**k needs no more bits than 2**k - 1.
        negative = ~(low >> dropped) if self.mixes_signs else -low >> dropped
        positive = high >> dropped
        return max(positive.bit_length(), negative.bit_length()) + self.mixes_signs


class _Truncated(NamedTuple):
    """What one pass over the weights finds: see `Connections`."""

    stored: np.ndarray
    codes: np.ndarray
    magnitude: int
    n_nonzero: int


class IntegerRecording(NamedTuple):
    """What bit-accurate LIF neurons did."""

    spikes: np.ndarray  # (time, neuron), 0 or 1, uint8
    current_wraps: int  # how often, over neurons and steps, u left its 24 bits
    voltage_clips: int  # how often v was clipped to its 24 bits
    current: np.ndarray | None = None  # as in `States`, if they were recorded
    voltage: np.ndarray | None = None


class States(NamedTuple):
    """Current and voltage after each step, the voltage after the reset, (time, neuron), int32."""

    current: np.ndarray
    voltage: np.ndarray

    @classmethod
    def empty(cls, n_steps: int, n_neurons: int) -> "States":
        return cls(*(np.empty((n_steps, n_neurons), np.int32) for _ in range(2)))

    def part(self, steps: slice) -> "States":
        return States(self.current[steps], self.voltage[steps])


class State(NamedTuple):
    """A network between two steps, in integers; it changes in place."""

    current: np.ndarray  # (neuron,), int32
    voltage: np.ndarray  # (neuron,), int32
    # Sums of stored weights that arrive in the next step through each `Dense`, int32,
    # (Dense, neuron); padded.
    input: np.ndarray
    resting: np.ndarray  # (neuron,), int32: steps for which the voltage still stays as it is

    def copy(self) -> "State":
        return State(*(part.copy() for part in self))


@dataclass(frozen=True, eq=False)
class Simulator:
    """A network with its stored weights in the order in which the kernel reads them."""

    columns: np.ndarray  # (pre, post), codes of the stored weights; padded
    # Of each `Dense`, (Dense, 4): `Connections.coding`, and by how many bits its sums are
    # shifted to the left and to the right.
    decode: np.ndarray
    ends: np.ndarray  # (Dense,), where its presynaptic neurons end
    parameters: LoihiParameters

    @classmethod
    def of(cls, parameters: LoihiParameters) -> "Simulator":
        parts = parameters.connections
        columns = columns_of(np.concatenate([c.codes for c in parts], axis=1))
        decode = [(*c.coding, max(c.exponent, 0), max(-c.exponent, 0)) for c in parts]
        ends = np.cumsum([c.weights.shape[1] for c in parts])
        return cls(columns, np.array(decode, np.int32), ends, parameters)

    @property
    def n_neurons(self) -> int:
        return len(self.parameters.weights)

    @property
    def threshold(self) -> int:
        """In the voltage's units."""
        return self.parameters.vth << ALIGNMENT

    def at_rest(self) -> State:
        """u = v = 0, and nothing has fired."""
        at_rest = np.zeros(self.n_neurons, np.int32)
        arriving = np.zeros((len(self.ends), self.columns.shape[1]), np.int32)
        return State(at_rest, at_rest.copy(), arriving, at_rest.copy())

    def advance(
        self,
        state: State,
        spikes: np.ndarray,
        steps_done: np.ndarray | None = None,
        states: States | None = None,
    ) -> tuple[int, int]:
        """Advance `state` by as many steps as `spikes` (time, neuron) has, and record them.

        Returns how often a current wrapped and a voltage was clipped. `steps_done`, an array
        of one integer, is counted up after each step. `states` takes the states after each.
        """
        if states is None:
            return self._advance(state, spikes, steps_done)
        counts = np.zeros(2, int)
        for t in range(len(spikes)):
            counts += self._advance(state, spikes[t : t + 1], steps_done)
            states.current[t], states.voltage[t] = state.current, state.voltage
        current_wraps, voltage_clips = counts.tolist()
        return current_wraps, voltage_clips

    def _advance(
        self, state: State, spikes: np.ndarray, steps_done: np.ndarray | None
    ) -> tuple[int, int]:
        p = self.parameters
        return _run(
            self.columns,
            self.decode,
            self.ends,
            np.int32(2**DECAY_BITS - (p.du + 1)),
            np.int32(2**DECAY_BITS - p.dv),
            np.int32(self.threshold),
            np.int32(p.bias_mantissa << p.bias_exponent),
            np.int32(p.refractory_steps),
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
        state.resting[neuron] = self.parameters.refractory_steps
        dense = int(np.searchsorted(self.ends, neuron, side="right"))
        stored = self.parameters.connections[dense].stored
        first = self.ends[dense] - stored.shape[1]
        state.input[dense, : self.n_neurons] += stored[:, neuron - first]


def run(
    parameters: LoihiParameters, n_steps: int, *, steps_done: np.ndarray | None = None
) -> IntegerRecording:
    r"""Simulate from u = v = 0, event-driven, equal to the bit to Lava's bit-accurate models.

    $$u \leftarrow \mathrm{wrap}_{24}\big( [u (2^{12} - du - 1) / 2^{12}] + 2^6 a \big), \quad
      v \leftarrow \mathrm{clip}_{24}\big( [v (2^{12} - dv) / 2^{12}] + u + bias \big)$$

    $[\cdot]$ rounds towards zero; a spike where $v > 2^6 v_{th}$ sets v to 0, and the input
    of the next step is $a = [2^{w_{exp}} W s]$, or the sum of this over both `Dense`, where
    a negative exponent rounds down. After a spike v stays as it is, at 0, in the next
    `refractory_steps` steps, while u goes on. With refractory steps the neurons are
    `lava.reference.lif_refractory`, without them Lava's `PyLifModelBitAcc`.
    `steps_done`, an array of one integer, is counted up after each step.
    """
    spikes = np.empty((n_steps, len(parameters.weights)), np.uint8)
    simulator = Simulator.of(parameters)
    counts = simulator.advance(simulator.at_rest(), spikes, steps_done)
    return IntegerRecording(spikes, *counts)


@njit(cache=True)
def _truncate(columns, low, high, dropped, down, step, smallest, stored, codes):
    """See `Connections.stored` and `codes`; returns `magnitude` and `n_nonzero`."""
    n, n_padded = columns.shape
    low, high, dropped, smallest = int32(low), int32(high), int32(dropped), int32(smallest)
    up = int32(0 if down else 2**dropped - 1)  # added to what is negative before bits are dropped
    halve = int32(step - 1)
    total = n_nonzero = 0
    for j in range(n):
        part = n_part = int32(0)
        for i in range(n_padded):
            n_part = int32(n_part + int32(columns[j, i] != 0))
            x = min(max(columns[j, i], low), high)
            x = int32(x + (up if x < 0 else int32(0)))
            x = _shifted(_shifted(x, int32(0), dropped), dropped, int32(0))
            part = int32(part + abs(x))
            stored[j, i] = x
            codes[j, i] = _shifted(int32(x - smallest), int32(0), halve)
        total += int(part)
        n_nonzero += int(n_part)
    return total, n_nonzero


@njit(cache=True)
def _run(
    columns, decode, ends, keep_u, keep_v, threshold, bias, refractory, u, v, a, resting, spikes,
    steps_done,
):  # fmt: skip
    n_steps, n = spikes.shape
    total = np.empty(columns.shape[1], np.uint16)
    arrived = np.empty(n, np.int32)
    fired = np.empty(n + 1, np.int64)
    wraps = 0
    clips = 0
    for t in range(n_steps):
        # Each `Dense` rounds its own sum, before both are added: so do E and I here.
        arrived[:] = 0
        for dense in range(len(ends)):
            left, right = decode[dense, 2], decode[dense, 3]
            for i in range(n):
                arrived[i] += _shifted(a[dense, i], left, right)
        wraps += _advance_currents(arrived, keep_u, u)
        # `None` makes a version of its own, which does without what rests.
        if refractory > 0:
            clips += _advance_voltages(u, keep_v, threshold, bias, resting, v, spikes[t])
            _count_down(refractory, spikes[t], resting)
        else:
            clips += _advance_voltages(u, keep_v, threshold, bias, None, v, spikes[t])
        n_fired = 0
        for i in range(n):  # without a branch, which would often be mispredicted
            fired[n_fired] = i
            n_fired += spikes[t, i]
        first = 0
        for dense in range(len(ends)):
            last = np.searchsorted(fired[:n_fired], ends[dense])
            step, smallest = decode[dense, 0], decode[dense, 1]
            _add_columns(columns, fired, first, last, step, smallest, total, a[dense])
            first = last
        steps_done[0] += 1
    return wraps, clips


# All in 32 bits, of which a vector holds twice as many; Numba alone would take 64. Loops are apart
# because of more than five arrays LLVM does not prove that none overlaps, and makes no vectors.


@njit(cache=True)
def _advance_currents(arrived, keep_u, u):
    """Returns how many wrapped."""
    wraps = int32(0)
    for i in range(len(arrived)):
        decayed = int32(_kept(u[i], keep_u) + int32(arrived[i] << ALIGNMENT))
        wrapped = int32(decayed - _WRAP * (decayed > STATE_LIMIT))
        wrapped = int32(wrapped + _WRAP * (decayed <= -STATE_LIMIT))
        wraps = int32(wraps + int32(wrapped != decayed))
        u[i] = wrapped
    return int(wraps)


@njit(cache=True)
def _advance_voltages(u, keep_v, threshold, bias, resting, v, spikes):
    """Returns how many were clipped."""
    clips = int32(0)
    for i in range(len(spikes)):
        # Within 32 bits, too: what wrapped is 2**24 or more away from their ends.
        updated = int32(_kept(v[i], keep_v) + u[i] + bias)
        if resting is not None:
            updated = v[i] if resting[i] > 0 else updated
        clipped = min(max(updated, int32(1 - STATE_LIMIT)), int32(STATE_LIMIT - 1))
        clips = int32(clips + int32(clipped != updated))
        spike = clipped > threshold
        v[i] = int32(0) if spike else clipped
        spikes[i] = spike
    return int(clips)


@njit(cache=True)
def _count_down(refractory, spikes, resting):
    for i in range(len(spikes)):
        resting[i] = refractory if spikes[i] else max(int32(resting[i] - 1), int32(0))


@njit(cache=True)
def _add_columns(columns, fired, start, stop, step, smallest, total, a):
    """a = the sum of the stored weights of the neurons in fired[start:stop].

    Codes add up within 16 bits, of which a vector holds twice as many as of 32, as long as they
    surely fit.
    """
    a[:] = smallest * (stop - start)
    for first in range(start, stop, SUMMED_BYTES):
        last = min(first + SUMMED_BYTES, stop)
        _add_codes(columns, fired, first, last, total)
        for i in range(len(a)):
            a[i] += step * total[i]


@njit(cache=True)
def _add_codes(columns, fired, start, stop, total):
    """total = the sum of the columns of fired[start:stop].

    Eight at a time, so that sums are loaded and stored an eighth as often.
    """
    total[:] = 0
    in_eights = start + (stop - start) // 8 * 8
    for k in range(start, in_eights, 8):
        c_0, c_1 = columns[fired[k]], columns[fired[k + 1]]
        c_2, c_3 = columns[fired[k + 2]], columns[fired[k + 3]]
        c_4, c_5 = columns[fired[k + 4]], columns[fired[k + 5]]
        c_6, c_7 = columns[fired[k + 6]], columns[fired[k + 7]]
        for i in range(len(total)):
            four = uint16(c_0[i]) + uint16(c_1[i]) + uint16(c_2[i]) + uint16(c_3[i])
            total[i] += four + uint16(c_4[i]) + uint16(c_5[i]) + uint16(c_6[i]) + uint16(c_7[i])
    for k in range(in_eights, stop):
        column = columns[fired[k]]
        for i in range(len(total)):
            total[i] += column[i]


@njit(cache=True)
def _shifted(x, left, right):
    """(x << left) >> right in 32 bits, each count below 32: Numba itself would take 64."""
    return int32(int32(x << (left & int32(31))) >> (right & int32(31)))


@njit(cache=True)
def _kept(x, keep):
    """x * keep / 2**12, rounded towards zero, where x is negative too.

    High and low bits of x apart, so that no product needs more than 32.
    """
    high = int32(x >> DECAY_BITS)
    low = int32(x & (2**DECAY_BITS - 1))
    round_up = int32(int32(x >> 31) & (2**DECAY_BITS - 1))  # 0 where x is not negative
    return int32(int32(high * keep) + int32(int32(int32(low * keep) + round_up) >> DECAY_BITS))
