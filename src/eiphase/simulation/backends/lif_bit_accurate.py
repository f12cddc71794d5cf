"""LIF neurons in Loihi's integers, made from the ranges of the same network in floating point."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from eiphase.chaos import perturbed_run
from eiphase.flags import ScaleStatus
from eiphase.mapping import float_to_integer
from eiphase.mapping.float_to_integer import DynamicRange
from eiphase.mapping.rate_to_lif import WeightScale
from eiphase.networks import loihi
from eiphase.networks.lif import LIFParameters
from eiphase.networks.loihi import LoihiParameters
from eiphase.networks.weights import Network, Synapses, initial_voltages
from eiphase.simulation.backends import (
    Block,
    Recorded,
    Run,
    SeparateLanes,
    Settings,
    digest,
    lif_float,
)

_UNIT = "in integers, of which the threshold has 64 integer_threshold"
RECORDED = {
    "spikes": lif_float.SPIKES,
    "current": Recorded("i4", "current u of LIF neurons", "1", _UNIT),
    "voltage": Recorded("i4", "voltage v of LIF neurons, after the reset", "1", _UNIT),
}
BY_DEFAULT = ("spikes",)
COUNTED = ("current_wraps", "voltage_clips")
TAKEN = (*lif_float.Given.names, *lif_float.SCALE)


@dataclass(frozen=True)
class _Prepared:
    parameters: LoihiParameters | None
    found: dict[str, Any]
    problem: str | None

    @property
    def synapses(self) -> Synapses:
        assert self.parameters is not None
        return self.parameters.synapses

    @cached_property
    def digest(self) -> bytes | None:
        if self.parameters is None or not lif_float.is_strongest(self.found):
            return None
        return digest(self.parameters)


class Simulator:
    """One network at a time; its LIF network is mapped again, with the scale that was found."""

    together = 1

    def __init__(self, settings: Settings):
        self.settings = settings
        self._floats = lif_float.Simulator(settings)

    def prepare(self, network: Network, source: Mapping[str, Any]) -> _Prepared:
        scale = WeightScale(
            float(source["weight_scale"]),
            ScaleStatus(int(source["weight_scale_status"])),
            float(source["predicted_rate"]),
        )
        found = lif_float.scale_diagnostics(scale)
        names = DynamicRange.__dataclass_fields__
        ranges = DynamicRange(**{name: float(source[name]) for name in names})
        if not ranges.is_finite():
            problem = "The network diverges in floating point: integers have no range."
            return _Prepared(None, found, problem)
        real = self._floats.mapped(network, scale)
        how = self.settings.mapping
        quantise = float_to_integer.FLOAT_TO_INTEGER[how.float_to_integer]
        integers = quantise(real, ranges, how.weight_bits)
        found |= integer_diagnostics(integers, real)
        degenerate = "The mapping leaves no threshold, bias or decay in integers."
        return _Prepared(integers, found, degenerate if integers.is_degenerate() else None)

    def start(self, prepared: Sequence[_Prepared]) -> "_Run | _PerturbedRun":
        (one,) = prepared
        assert one.parameters is not None
        if self.settings.perturb_after is None:
            return _Run(one.parameters, self.settings)
        return _PerturbedRun(one.parameters, self.settings)

    def lanes(self) -> SeparateLanes:
        return SeparateLanes(self._from_state)

    def _from_state(self, prepared: _Prepared, network: Network, number: int) -> Run:
        assert prepared.parameters is not None
        run = self.start([prepared])
        threshold = prepared.parameters.vth << loihi.ALIGNMENT
        run.state.voltage[:] = threshold * initial_voltages(network, number)  # whole numbers
        return run


def integer_diagnostics(integer: LoihiParameters, real: LIFParameters) -> dict[str, Any]:
    """How a network was mapped to integers, under the names of variables."""
    use = float_to_integer.weight_use(integer, real)
    return {
        "integer_threshold": integer.vth,
        "integer_du": integer.du,
        "integer_dv": integer.dv,
        "bias_mantissa": integer.bias_mantissa,
        "bias_exponent": integer.bias_exponent,
        "weight_exponent": integer.weight_exponent,
        "inhibitory_weight_exponent": integer.connections[-1].exponent,
        "clipped_weight_fraction": use.clipped_fraction,
        "weight_bits": use.bits,
        "weight_strength": use.strength,
    }


class _Memory:
    """Arrays for the blocks of one network: its spikes and, if they are wanted, its states."""

    def __init__(self, n_neurons: int, settings: Settings):
        shape = min(settings.block_steps, settings.steps), n_neurons
        self._spikes = np.empty(shape, np.uint8)
        wanted = not {"current", "voltage"}.isdisjoint(settings.recorded)
        self._states = loihi.States.empty(*shape) if wanted else None

    def of(self, n_steps: int) -> tuple[np.ndarray, loihi.States | None]:
        """For a block of so many steps."""
        return self._spikes[:n_steps], self._states and self._states.part(slice(n_steps))


def _recorded(spikes: np.ndarray, states: loihi.States | None) -> dict[str, np.ndarray]:
    return {"spikes": spikes, **(states._asdict() if states else {})}


class _Run:
    def __init__(self, parameters: LoihiParameters, settings: Settings):
        self._simulator = loihi.Simulator.of(parameters)
        self.state = self._simulator.at_rest()
        self._steps_done = settings.steps_done
        self._memory = _Memory(len(parameters.weights), settings)

    def advance(self, n_steps: int) -> list[Block]:
        spikes, states = self._memory.of(n_steps)
        counts = self._simulator.advance(self.state, spikes, self._steps_done, states)
        return [Block(_recorded(spikes, states), _counts(*counts))]


class _PerturbedRun:
    def __init__(self, parameters: LoihiParameters, settings: Settings):
        self._network = perturbed_run.IntegerNetwork(parameters, settings.followed)
        self.state, self.follow = self._network.state, self._network.follow
        self._steps_done = settings.steps_done
        self._memory = _Memory(len(parameters.weights), settings)

    def advance(self, n_steps: int) -> list[Block]:
        spikes, states = self._memory.of(n_steps)
        recording, found = self._network.advance(spikes, self._steps_done, states)
        return [
            Block(
                _recorded(spikes, states),
                _counts(recording.current_wraps, recording.voltage_clips),
                damages={"spike": found.spike_damage, "bit": found.bit_damage} if found else {},
            )
        ]


def _counts(*counts: int) -> dict[str, int]:
    return dict(zip(COUNTED, counts, strict=True))
