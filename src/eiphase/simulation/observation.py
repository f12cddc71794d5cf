"""The one way through a simulation: block by block, each network watched by observers.

`simulate_together` runs in the process that Lava starts for a tile's model; whatever it leaves for
the process that asked is in shared arrays.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from eiphase.backends import BACKENDS, Backend
from eiphase.chaos.damage import Assessment
from eiphase.chaos.lyapunov import MeanGrowth
from eiphase.flags import ExponentFlag, Fate, Flag
from eiphase.networks.weights import Synapses
from eiphase.numerics.arrays import blocks, shared_array
from eiphase.simulation import measurement
from eiphase.simulation.backends import Block, Prepared, Settings, Simulator, module
from eiphase.simulation.measurement import OfSpikes, OfStates
from eiphase.sweep.schema import Sweep
from eiphase.variables import VARIABLES


class Observer(Protocol):
    """Takes in what one network does."""

    def add(self, steps: slice, block: Block) -> None:
        """Take in the next block, of these steps of the simulation."""


def simulate_together(
    simulator: Simulator,
    prepared: Sequence[Prepared],
    observers: Sequence[Sequence[Observer]],
    settings: Settings,
) -> None:
    """Advance some networks from rest to the end; each has observers of its own."""
    run = simulator.start(prepared)
    for steps in blocks(0, settings.steps, settings.block_steps):
        for block, watching in zip(run.advance(steps.stop - steps.start), observers, strict=True):
            for observer in watching:
                observer.add(steps, block)


def stored(n_networks: int, max_lag: int) -> dict[str, np.ndarray]:
    """Shared arrays for what is found of some networks, filled as where nothing was measured."""
    arrays = {}
    for name, variable in VARIABLES.items():
        lags = (max_lag + 1,) if variable.lagged else ()
        arrays[name] = shared_array((n_networks, *lags), variable.dtype)
        arrays[name][:] = variable.fill
    return arrays


class Observation:
    """Measures what a sweep's config asks for.

    `needed` also finds what another backend's networks are made from.
    `synapses` are needed for `observables.statistics` only.
    """

    def __init__(self, backend: str, sweep: Sweep, synapses: Synapses | None, *, needed: bool):
        self._backend, self._sweep = BACKENDS[backend], sweep
        simulation, n_neurons = sweep.simulation, sweep.network.neurons
        measured = simulation.steps - simulation.burn_in
        of = OfSpikes if self._backend.spiking else OfStates
        self._activity = of(
            n_neurons,
            simulation,
            sweep.observables,
            synapses=synapses,
            step_size=sweep.network.step_size,
        )
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

    def add(self, steps: slice, block: Block) -> None:
        self._activity.add(block.activity)
        if self._given:
            self._given.add(block)
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
