"""What is kept of one network: its recording, and how perturbations of it develop."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr

from eiphase.backends import BACKENDS
from eiphase.chaos import damage
from eiphase.chaos.damage import Assessment, Damage
from eiphase.chaos.lyapunov import MeanGrowth
from eiphase.chaos.perturbed_run import INTERVAL
from eiphase.networks import weights
from eiphase.networks.weights import Network
from eiphase.numerics.arrays import shared_array
from eiphase.simulation import measurement
from eiphase.simulation.backends import Block, module
from eiphase.sweep import provenance
from eiphase.sweep.schema import SingleRun
from eiphase.variables import AXES, VARIABLES, ancillary, labels

_CURVES: dict[str, dict[str, str]] = {
    "log_growth": labels("growth of a small perturbation's logarithm", "1 / step"),
    "hamming_distance": labels("part of the neurons that fire in network or perturbed twin alone"),
    "state_distance": labels(
        "L1 distance of currents and voltages from the perturbed twin's, mean over neurons; "
        f"constant over {INTERVAL} steps, as at their end",
        "threshold",
    ),
    "independent_distance": labels(
        "hamming_distance of independent spike trains with the same rates"
    ),
}


class Kept:
    """Keeps, in shared arrays, some of what one network does."""

    def __init__(self, backend: str, names: Sequence[str], *, steps: int, n_neurons: int):
        self._module = module(backend)
        self.arrays = {
            name: shared_array((steps, n_neurons), self._module.RECORDED[name].dtype)
            for name in names
        }
        self._counts = {name: shared_array((1,), "i8") for name in self._module.COUNTED}

    @staticmethod
    def bytes_per_step(backend: str, names: Sequence[str]) -> int:
        """Memory that each step of a neuron takes."""
        recorded = module(backend).RECORDED
        return sum(np.dtype(recorded[name].dtype).itemsize for name in names)

    def add(self, steps: slice, block: Block) -> None:
        """Take in the next block, in the model's process."""
        for name, array in self.arrays.items():
            array[steps] = block.recorded[name]
        for name, count in self._counts.items():
            count += block.counts[name]

    def variables(self) -> dict[str, tuple]:
        """Each array with its labels, and how often each event happened."""
        found: dict[str, tuple] = {}
        for name, array in self.arrays.items():
            labels = self._module.RECORDED[name].attributes()
            found[name] = (("step", "neuron"), array, labels)
        return found | labelled_values({name: int(n[0]) for name, n in self._counts.items()})


def labelled_values(found: Mapping[str, Any]) -> dict[str, tuple]:
    """Values of variables, each with its dimensions and labels."""
    variables: dict[str, tuple] = {}
    for name, value in found.items():
        variable = VARIABLES[name]
        labels = variable.attributes() | ancillary(name, found)
        if variable.flags:
            value = np.asarray(value, variable.dtype)  # CF: that of flag_values
        variables[name] = (("lag",) if variable.lagged else (), value, labels)
        if variable.lagged:
            variables["lag"] = ("lag", np.arange(len(value)), AXES["lag"])
    return variables


def labelled(run: SingleRun, variables: dict[str, tuple]) -> xr.Dataset:
    """A recording: variables with their dimensions, coordinates and where it comes from."""
    n = run.n_neurons
    population = np.where(np.arange(n) < weights.n_excitatory(n), "E", "I")
    return xr.Dataset(
        variables,
        coords={
            "step": ("step", np.arange(1, run.steps + 1), AXES["step"]),
            "neuron": ("neuron", np.arange(n), {"long_name": "neuron"}),
            "population": ("neuron", population, {"long_name": "population"}),
        },
        attrs={
            "title": "One excitatory-inhibitory network",
            "summary": "Activity of one simulated network, and what was measured of it.",
            "backend": run.backend,
            **asdict(run.point),
            **run.mapping.model_dump(),
            **provenance.attributes(),
        },
    )


class Divergence:
    """Keeps, in shared arrays, how perturbations of one network develop."""

    def __init__(self, point: Network, backend: str, kept: Kept, *, steps: int, burn_in: int):
        self.point, self.burn_in, self._kept = point, burn_in, kept
        row = BACKENDS[backend]
        self._growth = shared_array((steps,), "f8") if row.has_exponent else None
        measured = steps - burn_in
        self._damages: dict[str, tuple[np.ndarray, ...]] = {  # the fields of `Damage`
            cause: (
                shared_array((measured, point.n_neurons), "u1"),
                shared_array((measured,), "f8"),
                shared_array((1,), "i8"),
                shared_array((1,), "i8"),
            )
            for cause in row.perturbations
        }

    def add(self, steps: slice, block: Block) -> None:
        """Take in the next block, in the model's process."""
        if self._growth is not None:
            self._growth[steps] = block.log_growth
        measured = slice(*(max(0, edge - self.burn_in) for edge in (steps.start, steps.stop)))
        for cause, kept in self._damages.items():
            found = block.damages[cause]
            kept[0][measured], kept[1][measured] = found.spikes, found.state_distance
            kept[2][:], kept[3][:] = found.trials, found.healed

    def variables(self) -> dict[str, tuple]:
        """Curves along `time` and, of damage, `cause`; and what a phase map has of them."""
        spikes = self._kept.arrays.get("spikes")
        found: dict[str, Any] = {}
        variables: dict[str, tuple] = {}
        if self._growth is not None:
            variables["log_growth"] = ("step", self._growth, _CURVES["log_growth"])
            growth = MeanGrowth(len(self._growth) - self.burn_in)
            growth.add(self._growth[self.burn_in :])
            found |= measurement.of_growth(growth, self.point.step_size)
        if spikes is not None and self._damages:
            curves = np.full((2, len(self._damages), len(spikes)), np.nan)
            independent = np.empty(len(self._damages))
            for index, (cause, kept) in enumerate(self._damages.items()):
                twin = Damage(kept[0], kept[1], int(kept[2][0]), bool(kept[3][0]))
                measured = spikes[self.burn_in :]
                curves[0, index, self.burn_in :] = damage.hamming_distance(measured, twin.spikes)
                curves[1, index, self.burn_in :] = twin.state_distance
                independent[index] = damage.independent_distance(measured, twin.spikes)
                assessment = Assessment(*measured.shape)
                assessment.add(twin, measured)
                found |= measurement.of_damage(cause, assessment)
            for name, values in zip(("hamming_distance", "state_distance"), curves, strict=True):
                variables[name] = (("cause", "step"), values, _CURVES[name])
            variables["independent_distance"] = (
                "cause", independent, _CURVES["independent_distance"]
            )  # fmt: skip
            variables["cause"] = ("cause", list(self._damages), {"long_name": "what was perturbed"})
        attributes = {name: VARIABLES[name].attributes() for name in found}
        return variables | {name: ((), found[name], attributes[name]) for name in found}
