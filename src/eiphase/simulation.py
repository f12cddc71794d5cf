"""Simulates through Lava: a tile of a sweep, reduced to its observables."""

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, Protocol

import numpy as np

from eiphase import loihi, mapping, network, rate
from eiphase import observables as ob
from eiphase.dataset import VARIABLES
from eiphase.lif import LIFParameters, Recording
from eiphase.loihi import DynamicRange, IntegerRecording, LoihiParameters
from eiphase.memory import shared_array
from eiphase.network import Network
from eiphase.observables import Flag
from eiphase.processes.network_tile import NetworkTile
from eiphase.sweep import Sweep, Tile


def simulate_tile(
    sweep: Sweep, tile: Tile, *, ranges: Mapping[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Run all networks of a tile through Lava and measure them.

    `ranges` are the variables of the `lif_float` tile of the same seed and number: an
    `lif_bit_accurate` tile takes its dynamic ranges from them. Returns the variables of
    `dataset.VARIABLES` along the tile's points. Progress goes to standard error.
    """
    work = _Work(sweep, tile, ranges or {})
    backend = _BACKENDS[tile.backend](work)
    NetworkTile(
        networks=backend.networks(), record=backend.record, n_steps=sweep.simulation.steps
    ).simulate(tile.backend)
    return work.values


class _Work:
    """A tile's networks, and the shared arrays in which the model leaves its results."""

    def __init__(self, sweep: Sweep, tile: Tile, ranges: Mapping[str, np.ndarray]):
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
        self.store(index, weight_scale=scale.value, weight_scale_status=scale.status)
        return parameters

    def measure(self, index: int, activity: np.ndarray, *, saturated: bool = False) -> None:
        """Store the observables of a network's activity, from which burn-in is gone."""
        config = self.sweep.observables
        estimator = ob.AUTOCOVARIANCE[config.autocovariance]
        if config.autocovariance == "standard":
            estimator = partial(estimator, unbiased=config.unbiased)
        max_lag = self.sweep.simulation.max_lag
        found = ob.fluctuation(activity, max_lag=max_lag, autocovariance=estimator)
        if saturated:
            found = found.flagged(Flag.SATURATED)
        self.store(index, **found._asdict())
        self._report()

    def measure_spikes(self, index: int, spikes: np.ndarray) -> None:
        """Store the observables of spike trains, burn-in included."""
        counts = ob.boxcar(spikes, self.sweep.observables.boxcar)
        measured = spikes[self.measured]
        spike_counts = measured.sum(axis=0, dtype=np.uint32)
        silent = np.mean(spike_counts == 0)
        always_firing = np.mean(spike_counts == len(measured))
        self.store(
            index,
            mean_rate=spike_counts.mean() / len(measured),
            silent_fraction=silent,
            always_firing_fraction=always_firing,
        )
        saturated = bool(1 - silent - always_firing < ob.ACTIVE_FRACTION)
        self.measure(index, counts[self.measured], saturated=saturated)

    def broken(self, index: int) -> None:
        """Store that a network cannot be simulated."""
        self.store(index, c0_flag=Flag.BROKEN, decay_time_flag=Flag.BROKEN)
        self._report()

    @property
    def measured(self) -> slice:
        """The steps that are measured; the tutorial's estimator trims both ends."""
        steps, burn_in = self.sweep.simulation.steps, self.sweep.simulation.burn_in
        both_ends = self.sweep.observables.autocovariance == "tutorial"
        return slice(burn_in, steps - burn_in if both_ends else steps)

    def _report(self) -> None:
        self._n_done += 1
        n = len(self.networks)
        if self._n_done * 4 // n > (self._n_done - 1) * 4 // n:  # at each quarter
            seconds = time.monotonic() - self._started
            text = f"{self.tile}: {self._n_done} of {n} networks, {seconds:.1f} s"
            print(text, file=sys.stderr, flush=True)


class _Backend(Protocol):
    """What a backend gives to `NetworkTile`."""

    def __init__(self, work: _Work) -> None: ...
    def networks(self) -> Iterator[tuple[Any, Any]]: ...
    def record(self, key: Any, recording: Any) -> None: ...


class _Rate:
    def __init__(self, work: _Work):
        self.work = work

    def networks(self) -> Iterator[tuple[range, rate.Batch]]:
        n = len(self.work.networks)
        simulated = self.work.sweep.simulation.steps
        n_lanes = rate.lanes(self.work.sweep.network.neurons, simulated)
        for first in range(0, n, n_lanes):
            indices = range(first, min(first + n_lanes, n))
            members: list[Network] = [self.work.networks[i] for i in indices]
            yield indices, rate.Batch(self.work.half, members)

    def record(self, key: range, recording: np.ndarray) -> None:
        for index, states in zip(key, recording, strict=True):
            activity = states[self.work.measured]
            self.work.store(index, mean_rate=activity.mean())
            self.work.measure(index, activity)


class _LIFFloat:
    def __init__(self, work: _Work):
        self.work = work

    def networks(self) -> Iterator[tuple[int, LIFParameters]]:
        for index in range(len(self.work.networks)):
            yield index, self.work.lif_network(index)

    def record(self, key: int, recording: Recording) -> None:
        if not np.isfinite(recording.current[-1]).all():  # what diverges, stays so
            self.work.broken(key)
            return
        if "lif_bit_accurate" in self.work.sweep.backends:
            ranges = loihi.dynamic_range(recording.current, recording.voltage)
            self.work.store(key, **asdict(ranges))
        self.work.measure_spikes(key, recording.spikes)


class _LIFBitAccurate:
    def __init__(self, work: _Work):
        self.work = work
        self.quantise = loihi.FLOAT_TO_INTEGER[work.sweep.mapping.float_to_integer]

    def networks(self) -> Iterator[tuple[int, LoihiParameters]]:
        for index in range(len(self.work.networks)):
            names = DynamicRange.__dataclass_fields__
            ranges = DynamicRange(**{name: self.work.ranges[name][index] for name in names})
            lif_network = self.work.lif_network(index)
            if not ranges.is_finite():
                self.work.broken(index)
                continue
            parameters = self.quantise(lif_network, ranges)
            use = loihi.weight_use(parameters, lif_network)
            self.work.store(
                index,
                integer_threshold=parameters.vth,
                integer_du=parameters.du,
                integer_dv=parameters.dv,
                bias_mantissa=parameters.bias_mantissa,
                bias_exponent=parameters.bias_exponent,
                weight_exponent=parameters.weight_exponent,
                clipped_weight_fraction=use.clipped_fraction,
                weight_bits=use.bits,
                weight_strength=use.strength,
            )
            if parameters.is_degenerate():
                self.work.broken(index)
            else:
                yield index, parameters

    def record(self, key: int, recording: IntegerRecording) -> None:
        self.work.store(
            key, current_wraps=recording.current_wraps, voltage_clips=recording.voltage_clips
        )
        self.work.measure_spikes(key, recording.spikes)


_BACKENDS: dict[str, type[_Backend]] = {
    "rate": _Rate,
    "lif_float": _LIFFloat,
    "lif_bit_accurate": _LIFBitAccurate,
}
