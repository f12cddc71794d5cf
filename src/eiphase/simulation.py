"""Simulates through Lava: a tile of a sweep, reduced to its observables."""

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from enum import IntEnum
from typing import Any, Protocol

import numpy as np

from eiphase import loihi, mapping, measurement, network, rate
from eiphase.damage import Damage, Fate
from eiphase.dataset import VARIABLES
from eiphase.lif import LIFParameters, Recording
from eiphase.loihi import DynamicRange, IntegerRecording, LoihiParameters
from eiphase.lyapunov import ExponentFlag
from eiphase.mapping import WeightScale
from eiphase.memory import shared_array
from eiphase.network import Network
from eiphase.observables import Flag
from eiphase.processes.network_tile import NetworkTile
from eiphase.sweep import Sweep, Tile
from eiphase.twins import FloatTwins, IntegerTwins


def simulate_tile(
    sweep: Sweep,
    tile: Tile,
    *,
    ranges: Mapping[str, np.ndarray] | None = None,
    progress: bool = True,
) -> dict[str, np.ndarray]:
    """Run all networks of a tile through Lava and measure them.

    `ranges` are the variables of the `lif_float` tile of the same seed and number: an
    `lif_bit_accurate` tile takes its dynamic ranges from them. Returns the variables
    of `dataset.VARIABLES` along the tile's points. `progress` goes to standard error.
    """
    work = _Work(sweep, tile, ranges or {}, progress=progress)
    backend = _BACKENDS[tile.backend](work)
    NetworkTile(
        networks=backend.networks(),
        record=backend.record,
        n_steps=sweep.simulation.steps,
        perturb_after=sweep.simulation.burn_in if sweep.observables.chaos else None,
    ).simulate(tile.backend)
    return work.values


def scale_diagnostics(scale: WeightScale) -> dict[str, float]:
    """How a network was mapped to LIF neurons: values of some of `dataset.VARIABLES`."""
    return {
        "weight_scale": scale.value,
        "weight_scale_status": int(scale.status),
        "predicted_rate": scale.predicted_rate,
    }


def integer_diagnostics(integer: LoihiParameters, real: LIFParameters) -> dict[str, float]:
    """How a network was mapped to integers: values of some of `dataset.VARIABLES`."""
    use = loihi.weight_use(integer, real)
    return {
        "integer_threshold": integer.vth,
        "integer_du": integer.du,
        "integer_dv": integer.dv,
        "bias_mantissa": integer.bias_mantissa,
        "bias_exponent": integer.bias_exponent,
        "weight_exponent": integer.weight_exponent,
        "inhibitory_weight_exponent": integer.connections()[-1].exponent,
        "clipped_weight_fraction": use.clipped_fraction,
        "weight_bits": use.bits,
        "weight_strength": use.strength,
    }


class _Work:
    """A tile's networks, and the shared arrays in which the model leaves its results."""

    def __init__(
        self, sweep: Sweep, tile: Tile, ranges: Mapping[str, np.ndarray], *, progress: bool
    ):
        self.progress = progress
        self.sweep, self.tile, self.ranges = sweep, tile, ranges
        self.networks = list(sweep.networks(tile))
        gaussian = network.gaussian_matrix(sweep.network.neurons, tile.seed)
        self.half = network.half_gaussian(gaussian)
        self.values = {}
        for name, variable in VARIABLES.items():
            shape: tuple[int, ...] = (len(self.networks),)
            if variable.lagged:
                shape += (sweep.simulation.max_lag + 1,)
            self.values[name] = shared_array(shape, variable.dtype)
            self.values[name][:] = variable.fill
        self._started = time.monotonic()
        self._n_done = 0

    def store(self, index: int, **values: Any) -> None:
        for name, value in values.items():
            self.values[name][index] = value

    def lif_network(self, index: int) -> LIFParameters:
        """Map a network from rate to LIF and store how that went."""
        method = self.sweep.mapping.rate_to_lif
        parameters, scale = mapping.rate_to_lif(self.half, self.networks[index], method)
        self.store(index, **scale_diagnostics(scale))
        return parameters

    def measure_states(self, index: int, states: np.ndarray) -> None:
        simulation, observables = self.sweep.simulation, self.sweep.observables
        found = measurement.of_states(states, simulation, observables)
        if observables.statistics:
            synapses = network.synapses(self.half, self.networks[index])
            found |= measurement.statistics_of_states(
                states, found, synapses, self.sweep.network.step_size, simulation, observables
            )
        self.store(index, **found)
        self._report()

    def measure_spikes(
        self, index: int, spikes: np.ndarray, parameters: LIFParameters | LoihiParameters
    ) -> None:
        simulation, observables = self.sweep.simulation, self.sweep.observables
        found = measurement.of_spikes(spikes, simulation, observables)
        if observables.statistics:
            synapses, step_size = parameters.synapses, self.sweep.network.step_size
            found |= measurement.statistics_of_spikes(
                spikes, found, synapses, step_size, simulation, observables
            )
        self.store(index, **found)
        self._report()

    def measure_growth(self, index: int, log_growth: np.ndarray) -> None:
        measured = log_growth[self.sweep.simulation.burn_in :]
        self.store(index, **measurement.of_growth(measured, self.sweep.network.step_size))

    def measure_damage(self, index: int, cause: str, damage: Damage, spikes: np.ndarray) -> None:
        measured = spikes[self.sweep.simulation.burn_in :]
        self.store(index, **measurement.of_damage(cause, damage, measured))

    def broken(self, index: int, **of_chaos: IntEnum) -> None:
        """Store that a network cannot be simulated; flags `of_chaos` only if that is asked for."""
        self.store(index, c0_flag=Flag.BROKEN, decay_time_flag=Flag.BROKEN)
        if self.sweep.observables.statistics:
            self.store(index, integrated_autocorrelation_time_flag=Flag.BROKEN)
        if self.sweep.observables.chaos:
            self.store(index, **of_chaos)
        self._report()

    def _report(self) -> None:
        self._n_done += 1
        n = len(self.networks)
        if self.progress and self._n_done * 4 // n > (self._n_done - 1) * 4 // n:  # at each quarter
            seconds = time.monotonic() - self._started
            text = f"{self.tile}: {self._n_done} of {n} networks, {seconds:.1f} s"
            print(text, file=sys.stderr, flush=True)


class _Backend(Protocol):
    """What a backend gives to `NetworkTile`."""

    def __init__(self, work: _Work) -> None: ...
    def networks(self) -> Iterator[tuple[Any, Any]]: ...
    def record(self, key: Any, recording: Any, perturbed: Any) -> None: ...


class _Rate:
    def __init__(self, work: _Work):
        self.work = work

    def networks(self) -> Iterator[tuple[range, rate.Batch]]:
        n = len(self.work.networks)
        simulated = self.work.sweep.simulation.steps
        n_together = rate.batch_size(self.work.sweep.network.neurons, simulated)
        for first in range(0, n, n_together):
            indices = range(first, min(first + n_together, n))
            members: list[Network] = [self.work.networks[i] for i in indices]
            yield indices, rate.Batch(self.work.half, members)

    def record(self, key: range, recording: np.ndarray, perturbed: np.ndarray | None) -> None:
        for lane, index in enumerate(key):
            if perturbed is not None:
                self.work.measure_growth(index, perturbed[lane])
            self.work.measure_states(index, recording[lane])


class _LIFFloat:
    def __init__(self, work: _Work):
        self.work = work

    def networks(self) -> Iterator[tuple[tuple[int, LIFParameters], LIFParameters]]:
        for index in range(len(self.work.networks)):
            parameters = self.work.lif_network(index)
            yield (index, parameters), parameters

    def record(
        self,
        key: tuple[int, LIFParameters],
        recording: Recording,
        perturbed: FloatTwins | None,
    ) -> None:
        index, parameters = key
        if not np.isfinite(recording.current[-1]).all():  # what diverges, stays so
            self.work.broken(
                index, lyapunov_flag=ExponentFlag.BROKEN, spike_damage_fate=Fate.BROKEN
            )
            return
        if "lif_bit_accurate" in self.work.sweep.backends:
            ranges = loihi.dynamic_range(recording.current, recording.voltage)
            self.work.store(index, **asdict(ranges))
        if perturbed is not None:
            self.work.measure_growth(index, perturbed.log_growth)
            self.work.measure_damage(index, "spike", perturbed.spike_damage, recording.spikes)
        self.work.measure_spikes(index, recording.spikes, parameters)


class _LIFBitAccurate:
    def __init__(self, work: _Work):
        self.work = work
        self.quantise = loihi.FLOAT_TO_INTEGER[work.sweep.mapping.float_to_integer]

    def networks(self) -> Iterator[tuple[tuple[int, LoihiParameters], LoihiParameters]]:
        for index in range(len(self.work.networks)):
            names = DynamicRange.__dataclass_fields__
            ranges = DynamicRange(**{name: self.work.ranges[name][index] for name in names})
            lif_network = self.work.lif_network(index)
            if not ranges.is_finite():
                self._broken(index)
                continue
            bits = self.work.sweep.mapping.weight_bits
            parameters = self.quantise(lif_network, ranges, bits)
            self.work.store(index, **integer_diagnostics(parameters, lif_network))
            if parameters.is_degenerate():
                self._broken(index)
            else:
                yield (index, parameters), parameters

    def _broken(self, index: int) -> None:
        self.work.broken(index, spike_damage_fate=Fate.BROKEN, bit_damage_fate=Fate.BROKEN)

    def record(
        self,
        key: tuple[int, LoihiParameters],
        recording: IntegerRecording,
        perturbed: IntegerTwins | None,
    ) -> None:
        index, parameters = key
        self.work.store(
            index, current_wraps=recording.current_wraps, voltage_clips=recording.voltage_clips
        )
        if perturbed is not None:
            self.work.measure_damage(index, "spike", perturbed.spike_damage, recording.spikes)
            self.work.measure_damage(index, "bit", perturbed.bit_damage, recording.spikes)
        self.work.measure_spikes(index, recording.spikes, parameters)


_BACKENDS: dict[str, type[_Backend]] = {
    "rate": _Rate,
    "lif_float": _LIFFloat,
    "lif_bit_accurate": _LIFBitAccurate,
}
