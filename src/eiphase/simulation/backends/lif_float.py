"""LIF neurons in floating point, mapped from a rate network."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from eiphase.chaos import perturbed_run
from eiphase.flags import ScaleStatus
from eiphase.mapping import rate_to_lif
from eiphase.mapping.dynamic_range import RangeOfStates
from eiphase.mapping.float_to_integer import DynamicRange
from eiphase.mapping.rate_to_lif import WeightScale
from eiphase.networks import lif
from eiphase.networks.lif import LIFParameters
from eiphase.networks.weights import Network, Synapses, initial_voltages
from eiphase.numerics.arrays import columns_of, matrix_of
from eiphase.simulation.backends import Block, Recorded, Run, SeparateLanes, Settings, digest

SPIKES = Recorded("u1", "1 where a neuron fires, else 0", "1")
RECORDED = {
    "spikes": SPIKES,
    "current": Recorded("f8", "current u of LIF neurons", "threshold"),
    "voltage": Recorded("f8", "voltage v of LIF neurons, after the reset", "threshold"),
}
BY_DEFAULT = tuple(RECORDED)
COUNTED = ()
TAKEN = ()
SCALE = ("weight_scale", "weight_scale_status", "predicted_rate")


@dataclass(frozen=True)
class _Prepared:
    parameters: LIFParameters
    found: dict[str, Any]
    problem: None = None

    @property
    def synapses(self) -> Synapses:
        return self.parameters.synapses

    @cached_property
    def digest(self) -> bytes | None:
        return digest(self.parameters) if is_strongest(self.found) else None


class Simulator:
    """One network at a time."""

    together = 1

    def __init__(self, settings: Settings):
        self.settings = settings

    @cached_property
    def half_in_columns(self) -> np.ndarray:
        """`half`, in the order in which LIF networks read their weights."""
        return matrix_of(columns_of(self.settings.half), len(self.settings.half))

    def prepare(self, network: Network, source: Mapping[str, Any]) -> _Prepared:
        find_scale = rate_to_lif.RATE_TO_LIF[self.settings.mapping.rate_to_lif]
        scale = find_scale(self.settings.half, network)
        return _Prepared(self.mapped(network, scale), scale_diagnostics(scale))

    def mapped(self, network: Network, scale: WeightScale) -> LIFParameters:
        return rate_to_lif.lif_parameters(self.half_in_columns, network, scale)

    def start(self, prepared: Sequence[_Prepared]) -> "_Run | _PerturbedRun":
        (one,) = prepared
        if self.settings.perturb_after is None:
            return _Run(one.parameters, self.settings)
        return _PerturbedRun(one.parameters, self.settings)

    def lanes(self) -> SeparateLanes:
        return SeparateLanes(self._from_state)

    def _from_state(self, prepared: _Prepared, network: Network, number: int) -> Run:
        run = self.start([prepared])
        run.state.voltage[:] = prepared.parameters.vth * initial_voltages(network, number)
        return run


def is_strongest(found: Mapping[str, Any]) -> bool:
    """Whether a network has the mapping's strongest coupling, as others then have."""
    return bool(found["weight_scale_status"] == ScaleStatus.STRONGEST)


def scale_diagnostics(scale: WeightScale) -> dict[str, Any]:
    """How a network was mapped to LIF neurons, under the names of variables."""
    return dict(zip(SCALE, (scale.value, int(scale.status), scale.predicted_rate), strict=True))


class Given:
    """The dynamic range of currents and voltages, for integers that are to hold them."""

    names = tuple(DynamicRange.__dataclass_fields__)

    def __init__(self, steps: int, n_neurons: int):
        self._ranges = RangeOfStates(steps, n_neurons)

    def add(self, steps: slice, block: Block) -> None:
        """Take in the next block."""
        self._ranges.add(block.recorded["current"], block.recorded["voltage"])

    def found(self) -> dict[str, float]:
        """Results after the last step, by the names of variables."""
        return asdict(self._ranges.found())


class _Run:
    def __init__(self, parameters: LIFParameters, settings: Settings):
        self._simulator = lif.Simulator.of(parameters)
        self.state = self._simulator.at_rest()
        self._steps_done = settings.steps_done
        longest = min(settings.block_steps, settings.steps)
        self._recording = lif.Recording.empty(longest, len(parameters.weights))

    def advance(self, n_steps: int) -> list[Block]:
        recording = lif.Recording(*(array[:n_steps] for array in self._recording))
        self._simulator.advance(self.state, recording, self._steps_done)
        return [Block(recording._asdict(), {}, diverged=_diverged(recording))]


class _PerturbedRun:
    def __init__(self, parameters: LIFParameters, settings: Settings):
        self._network = perturbed_run.FloatNetwork(parameters, settings.followed)
        self.state, self.follow = self._network.state, self._network.follow
        self._steps_done = settings.steps_done
        longest = min(settings.block_steps, settings.steps)
        self._recording = lif.Recording.empty(longest, len(parameters.weights))

    def advance(self, n_steps: int) -> list[Block]:
        recording = lif.Recording(*(array[:n_steps] for array in self._recording))
        found = self._network.advance(recording, self._steps_done)
        return [
            Block(
                recording._asdict(),
                {},
                log_growth=found.log_growth if found else None,
                damages={"spike": found.spike_damage} if found else {},
                diverged=_diverged(recording),
            )
        ]


def _diverged(recording: lif.Recording) -> bool:
    """Whether some current is infinite or undefined at the end: it then stays so."""
    return not np.isfinite(recording.current[-1]).all()
