"""What is measured on one network of a sweep, and where it is kept."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from eiphase.backends import BACKENDS, Backend
from eiphase.chaos.damage import Assessment
from eiphase.chaos.lyapunov import MeanGrowth
from eiphase.flags import ExponentFlag, Fate, Flag
from eiphase.networks.weights import Synapses
from eiphase.numerics.arrays import shared_array
from eiphase.simulation import measurement
from eiphase.simulation.backends import Block, Prepared, module
from eiphase.simulation.measurement import OfSpikes, OfStates
from eiphase.sweep.schema import Sweep
from eiphase.variables import VARIABLES


class Values:
    """Values of variables for some networks, in arrays that Lava's process shares.

    `arrays` are filled as where nothing was measured; `is_stored` says what was, of each network.
    """

    def __init__(self, n_networks: int, max_lag: int):
        self.arrays: dict[str, np.ndarray] = {}
        for name, variable in VARIABLES.items():
            lags = (max_lag + 1,) if variable.lagged else ()
            self.arrays[name] = shared_array((n_networks, *lags), variable.dtype)
            self.arrays[name][:] = variable.fill
        self.is_stored = {name: shared_array((n_networks,), "?") for name in VARIABLES}

    def store(self, index: int, found: Mapping[str, Any]) -> None:
        """Keep what was found of a network."""
        for name, value in found.items():
            self.arrays[name][index] = value
            self.is_stored[name][index] = True

    def of(self, index: int) -> dict[str, Any]:
        """What was found of a network."""
        return {n: array[index] for n, array in self.arrays.items() if self.is_stored[n][index]}


class Observation:
    """Measures what a sweep's config asks for.

    `needed` also finds what another backend's networks are made from.
    `synapses` are needed for `observables.statistics` only.
    """

    def __init__(self, backend: str, sweep: Sweep, synapses: Synapses | None, *, needed: bool):
        self._backend, self._sweep = BACKENDS[backend], sweep
        simulation, n_neurons = sweep.simulation, sweep.network.neurons
        measured = simulation.steps - simulation.burn_in
        step_size = sweep.network.step_size
        options: dict[str, Any] = {"synapses": synapses, "step_size": step_size}
        if self._backend.may_rest:
            options["refractory_steps"] = sweep.network.refractory_steps
        of = OfSpikes if self._backend.spiking else OfStates
        self._activity = of(n_neurons, simulation, sweep.observables, **options)
        self._given = module(backend).Given(simulation.steps, n_neurons) if needed else None
        self._growth: MeanGrowth | None = None
        self._damages: dict[str, Assessment] = {}
        if sweep.observables.chaos:
            self._growth = MeanGrowth(measured) if self._backend.has_exponent else None
            self._damages = {
                cause: Assessment(measured, n_neurons) for cause in self._backend.perturbations
            }
        self._counts: dict[str, int] = {}
        self._diverged = False

    @classmethod
    def of(cls, prepared: Prepared, backend: str, sweep: Sweep) -> Self:
        """Everything that the sweep asks for of a network that is about to start."""
        synapses = prepared.synapses if sweep.observables.statistics else None
        return cls(backend, sweep, synapses, needed=sweep.is_needed(backend))

    def add(self, steps: slice, block: Block) -> None:
        self._activity.add(block.activity)
        if self._given:
            self._given.add(steps, block)
        measured = slice(max(0, self._sweep.simulation.burn_in - steps.start), None)
        if self._growth:
            assert block.log_growth is not None
            self._growth.add(block.log_growth[measured])
        for cause, assessment in self._damages.items():
            assessment.add(block.damages[cause], block.activity[measured])
        for name, count in block.counts.items():
            self._counts[name] = self._counts.get(name, 0) + count
        self._diverged = block.diverged

    def found(self) -> dict[str, Any]:
        """Results after the last step: values of some of `variables.VARIABLES`."""
        if self._diverged:
            return self._counts | broken(self._backend, self._sweep)
        found: dict[str, Any] = dict(self._counts)
        if self._given:
            found |= self._given.found()
        if self._growth:
            found |= measurement.of_growth(self._growth, self._sweep.network.step_size)
        for cause, assessment in self._damages.items():
            found |= measurement.of_damage(cause, assessment)
        return found | self._activity.found()


def broken(backend: Backend, sweep: Sweep) -> dict[str, Any]:
    """The flags of a network that cannot be simulated, or has left the finite numbers."""
    found: dict[str, Any] = {"c0_flag": Flag.BROKEN, "decay_time_flag": Flag.BROKEN}
    if sweep.observables.statistics:
        found["integrated_autocorrelation_time_flag"] = Flag.BROKEN
    if sweep.observables.chaos:
        if backend.has_exponent:
            found["lyapunov_flag"] = ExponentFlag.BROKEN
        found |= {f"{cause}_damage_fate": Fate.BROKEN for cause in backend.perturbations}
    return found
