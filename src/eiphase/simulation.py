"""Simulates through Lava: a tile of a sweep, reduced to its observables."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from enum import IntEnum
from functools import cache, cached_property
from multiprocessing import get_context
from typing import Any, Protocol, get_args

import numpy as np

from eiphase import mapping, measurement, network, quantisation, rate
from eiphase.columns import columns_of, matrix_of
from eiphase.damage import Assessment
from eiphase.dataset import VARIABLES
from eiphase.flags import ExponentFlag, Fate, Flag, ScaleStatus
from eiphase.lif import LIFParameters, Recording
from eiphase.loihi import IntegerRecording, LoihiParameters
from eiphase.lyapunov import MeanGrowth
from eiphase.mapping import WeightScale
from eiphase.measurement import Measurement, OfSpikes, OfStates
from eiphase.memory import shared_array
from eiphase.network import Network, Synapses
from eiphase.processes.network_tile import NetworkTile
from eiphase.quantisation import DynamicRange
from eiphase.ranges import RangeOfStates, load_counting_kernels
from eiphase.sweep import Backend, Grid, NetworkConfig, Observables, Simulation, Sweep, Tile
from eiphase.sweep import Mapping as MappingConfig
from eiphase.twins import FloatTwins, IntegerTwins

# What a bit-accurate network takes from the simulation of the same network in floating point.
TAKEN_FROM_LIF_FLOAT = (
    *DynamicRange.__dataclass_fields__,
    *("weight_scale", "weight_scale_status", "predicted_rate"),
)


def simulate_tile(
    sweep: Sweep,
    tile: Tile,
    *,
    ranges: Mapping[str, np.ndarray] | None = None,
    show: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, np.ndarray]:
    """Run all networks of a tile through Lava and measure them.

    `ranges` are variables of the `lif_float` tile of the same seed and points, those named in
    `TAKEN_FROM_LIF_FLOAT`: an `lif_bit_accurate` tile needs them. Returns the variables
    of `dataset.VARIABLES` along the tile's points. `show` is told after each network
    how many are done, and of how many; it is called in a process of Lava's.
    """
    load_kernels(tile.backend, sweep.mapping, sweep.observables)
    work = _Work(sweep, tile, ranges or {}, show)
    _process(work).simulate(tile.backend)
    return work.values


@cache
def load_kernels(backend: str, how: MappingConfig, observables: Observables) -> None:
    """Load the compiled kernels of a backend into this process, or compile them.

    Lava's processes are forked from it and have then what it has. Else each would load them
    anew, which takes 0.25 s: as long as to simulate many a network. They are loaded by being
    called: two small networks are simulated here.
    """
    sweep = Sweep(
        network=NetworkConfig(neurons=10),
        # One that settles and one that does not: `mapping.corrected` treats them otherwise.
        grid=Grid(q_factor=(0.5, 4.0), g_factor=(6.0,)),
        seeds=(1,),
        backends=("lif_float", "lif_bit_accurate") if backend != "rate" else ("rate",),
        # Activity enough for `quantiles` to take the way that it takes for large networks.
        simulation=Simulation(
            steps=1000 + 2 * observables.boxcar, burn_in=observables.boxcar, max_lag=10
        ),
        mapping=how,
        observables=observables,
    )
    low, high = -1.0, 1.0
    of_states = DynamicRange(low, high, low, high, low, high, low)
    scale = {"weight_scale": 1.0, "weight_scale_status": ScaleStatus.IDENTITY}
    known = asdict(of_states) | scale | {"predicted_rate": np.nan}
    ranges = {name: np.full(2, value) for name, value in known.items()}
    work = _Work(sweep, sweep.tile(backend, 1, 0), ranges, lambda done, total: None)
    _process(work).simulate_without_lava(backend)
    if backend == "lif_float":
        load_counting_kernels()


def compile_kernels() -> None:
    """Compile what sweeps call, as far as it is not compiled yet; backends side by side."""
    backends = get_args(Backend)
    with ProcessPoolExecutor(len(backends), get_context("fork")) as pool:
        list(pool.map(_compile_kernels, backends))


def _compile_kernels(backend: str) -> None:
    load_kernels(backend, MappingConfig(), Observables())
    everything = Observables(autocovariance="tutorial", statistics=True, chaos=True)
    load_kernels(backend, MappingConfig(rate_to_lif="corrected"), everything)


def scale_diagnostics(scale: WeightScale) -> dict[str, float]:
    """How a network was mapped to LIF neurons: values of some of `dataset.VARIABLES`."""
    return {
        "weight_scale": scale.value,
        "weight_scale_status": int(scale.status),
        "predicted_rate": scale.predicted_rate,
    }


def integer_diagnostics(integer: LoihiParameters, real: LIFParameters) -> dict[str, float]:
    """How a network was mapped to integers: values of some of `dataset.VARIABLES`."""
    use = quantisation.weight_use(integer, real)
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


class _Work:
    """A tile's networks, and the shared arrays in which the model leaves its results."""

    def __init__(
        self,
        sweep: Sweep,
        tile: Tile,
        ranges: Mapping[str, np.ndarray],
        show: Callable[[int, int], None],
    ):
        self._show = show
        self.sweep, self.tile, self.ranges = sweep, tile, ranges
        self.networks = list(sweep.networks(tile))
        self.statistics = sweep.observables.statistics
        gaussian = network.gaussian_matrix(sweep.network.neurons, tile.seed)
        self.half = network.half_gaussian(gaussian)
        self.values = {}
        for name, variable in VARIABLES.items():
            shape: tuple[int, ...] = (len(self.networks),)
            if variable.lagged:
                shape += (sweep.simulation.max_lag + 1,)
            self.values[name] = shared_array(shape, variable.dtype)
            self.values[name][:] = variable.fill
        self._n_done = 0

    def store(self, index: int, **values: Any) -> None:
        for name, value in values.items():
            self.values[name][index] = value

    @cached_property
    def half_in_columns(self) -> np.ndarray:
        """`half`, in the order in which LIF networks read their weights."""
        return matrix_of(columns_of(self.half), len(self.half))

    def lif_network(self, index: int, scale: WeightScale) -> LIFParameters:
        """Map a network from rate to LIF and store how that went."""
        self.store(index, **scale_diagnostics(scale))
        return mapping.lif_parameters(self.half_in_columns, self.networks[index], scale)

    def measurement(
        self, of: type[OfStates] | type[OfSpikes], synapses: Synapses | None
    ) -> Measurement:
        """What is measured on a network's activity."""
        config = self.sweep.network
        return of(
            config.neurons,
            self.sweep.simulation,
            self.sweep.observables,
            synapses=synapses,
            step_size=config.step_size,
        )

    def measurement_of_spikes(self, parameters: LIFParameters | LoihiParameters) -> Measurement:
        return self.measurement(OfSpikes, parameters.synapses if self.statistics else None)

    def measured(self, steps: slice) -> slice:
        """Of a block of steps, those after burn-in, counted from its first."""
        return slice(max(0, self.sweep.simulation.burn_in - steps.start), None)

    def growth(self) -> MeanGrowth:
        simulation = self.sweep.simulation
        return MeanGrowth(simulation.steps - simulation.burn_in)

    def assessment(self) -> Assessment:
        simulation = self.sweep.simulation
        return Assessment(simulation.steps - simulation.burn_in, self.sweep.network.neurons)

    def store_growth(self, index: int, growth: MeanGrowth) -> None:
        self.store(index, **measurement.of_growth(growth, self.sweep.network.step_size))

    def store_activity(self, index: int, activity: Measurement) -> None:
        """The last that is stored of a network."""
        self.store(index, **activity.found())
        self._report()

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
        self._show(self._n_done, len(self.networks))


def _process(work: _Work) -> NetworkTile:
    simulation, backend = work.sweep.simulation, _BACKENDS[work.tile.backend](work)
    return NetworkTile(
        networks=backend.networks(),
        record=backend.record,
        n_steps=simulation.steps,
        block_steps=simulation.block_steps,
        perturb_after=simulation.burn_in if work.sweep.observables.chaos else None,
    )


class _Backend(Protocol):
    """What a backend gives to `NetworkTile`."""

    def __init__(self, work: _Work) -> None: ...
    def networks(self) -> Iterator[tuple[Any, Any]]: ...
    def record(self, key: Any, steps: slice, recording: Any, perturbed: Any) -> None: ...


class _Rate:
    def __init__(self, work: _Work):
        self.work = work

    def networks(self) -> Iterator[tuple[range, rate.Batch]]:
        sweep, n = self.work.sweep, len(self.work.networks)
        n_together = rate.batch_size(sweep.network_bytes, sweep.batch_bytes)
        for first in range(0, n, n_together):
            indices = range(first, min(first + n_together, n))
            members: list[Network] = [self.work.networks[i] for i in indices]
            half, statistics = self.work.half, self.work.statistics
            synapses = [network.synapses(half, m) if statistics else None for m in members]
            self.activity = {
                index: self.work.measurement(OfStates, s)
                for index, s in zip(indices, synapses, strict=True)
            }
            self.growth = [self.work.growth() for _ in members]
            yield indices, rate.Batch(self.work.half, members)

    def record(
        self, key: range, steps: slice, recording: np.ndarray, perturbed: np.ndarray | None
    ) -> None:
        for lane, index in enumerate(key):
            self.activity[index].add(recording[lane])
            if perturbed is not None:
                self.growth[lane].add(perturbed[lane][self.work.measured(steps)])
            if steps.stop == self.work.sweep.simulation.steps:
                if perturbed is not None:
                    self.work.store_growth(index, self.growth[lane])
                # What it holds is freed for the next: memory that a cache has already.
                self.work.store_activity(index, self.activity.pop(index))


class _LIFFloat:
    def __init__(self, work: _Work):
        self.work = work
        self.with_ranges = "lif_bit_accurate" in work.sweep.backends

    def networks(self) -> Iterator[tuple[int, LIFParameters]]:
        simulation, n_neurons = self.work.sweep.simulation, self.work.sweep.network.neurons
        find_scale = mapping.RATE_TO_LIF[self.work.sweep.mapping.rate_to_lif]
        for index, point in enumerate(self.work.networks):
            parameters = self.work.lif_network(index, find_scale(self.work.half, point))
            self.activity = self.work.measurement_of_spikes(parameters)
            self.ranges = RangeOfStates(simulation.steps, n_neurons)
            self.growth, self.damage = self.work.growth(), self.work.assessment()
            yield index, parameters

    def record(
        self, key: int, steps: slice, recording: Recording, perturbed: FloatTwins | None
    ) -> None:
        self.activity.add(recording.spikes)
        if self.with_ranges:
            self.ranges.add(recording)
        if perturbed is not None:
            measured = self.work.measured(steps)
            self.growth.add(perturbed.log_growth[measured])
            self.damage.add(perturbed.spike_damage, recording.spikes[measured])
        if steps.stop < self.work.sweep.simulation.steps:
            return
        if not np.isfinite(recording.current[-1]).all():  # what diverges, stays so
            self.work.broken(key, lyapunov_flag=ExponentFlag.BROKEN, spike_damage_fate=Fate.BROKEN)
            return
        if self.with_ranges:
            self.work.store(key, **asdict(self.ranges.found()))
        if perturbed is not None:
            self.work.store_growth(key, self.growth)
            self.work.store(key, **measurement.of_damage("spike", self.damage))
        self.work.store_activity(key, self.activity)


class _LIFBitAccurate:
    def __init__(self, work: _Work):
        self.work = work
        self.quantise = quantisation.FLOAT_TO_INTEGER[work.sweep.mapping.float_to_integer]

    def networks(self) -> Iterator[tuple[int, LoihiParameters]]:
        for index in range(len(self.work.networks)):
            known = {name: self.work.ranges[name][index] for name in TAKEN_FROM_LIF_FLOAT}
            scale = WeightScale(
                known.pop("weight_scale"),
                ScaleStatus(known.pop("weight_scale_status")),
                known.pop("predicted_rate"),
            )
            ranges = DynamicRange(**known)
            lif_network = self.work.lif_network(index, scale)
            if not ranges.is_finite():
                self._broken(index)
                continue
            bits = self.work.sweep.mapping.weight_bits
            parameters = self.quantise(lif_network, ranges, bits)
            self.work.store(index, **integer_diagnostics(parameters, lif_network))
            if parameters.is_degenerate():
                self._broken(index)
                continue
            self.activity = self.work.measurement_of_spikes(parameters)
            self.overflows = {"current_wraps": 0, "voltage_clips": 0}
            self.damage = {cause: self.work.assessment() for cause in ("spike", "bit")}
            yield index, parameters

    def _broken(self, index: int) -> None:
        self.work.broken(index, spike_damage_fate=Fate.BROKEN, bit_damage_fate=Fate.BROKEN)

    def record(
        self, key: int, steps: slice, recording: IntegerRecording, perturbed: IntegerTwins | None
    ) -> None:
        self.activity.add(recording.spikes)
        for name in self.overflows:
            self.overflows[name] += getattr(recording, name)
        if perturbed is not None:
            measured = recording.spikes[self.work.measured(steps)]
            self.damage["spike"].add(perturbed.spike_damage, measured)
            self.damage["bit"].add(perturbed.bit_damage, measured)
        if steps.stop < self.work.sweep.simulation.steps:
            return
        self.work.store(key, **self.overflows)
        if perturbed is not None:
            for cause, damage in self.damage.items():
                self.work.store(key, **measurement.of_damage(cause, damage))
        self.work.store_activity(key, self.activity)


_BACKENDS: dict[str, type[_Backend]] = {
    "rate": _Rate,
    "lif_float": _LIFFloat,
    "lif_bit_accurate": _LIFBitAccurate,
}
