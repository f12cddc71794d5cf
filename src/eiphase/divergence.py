"""What perturbations of one network do step by step, for its recording."""

from typing import Any

import numpy as np

from eiphase import damage, measurement
from eiphase.damage import Assessment, Damage
from eiphase.dataset import VARIABLES
from eiphase.lyapunov import MeanGrowth
from eiphase.memory import shared_array
from eiphase.network import Network
from eiphase.twins import INTERVAL

_CAUSES = {"rate": [], "lif_float": ["spike"], "lif_bit_accurate": ["spike", "bit"]}
_CURVES: dict[str, dict[str, str]] = {
    "log_growth": {
        "long_name": "growth of a small perturbation's logarithm in each step",
        "units": "1 / step",
    },
    "hamming_distance": {
        "long_name": "part of the neurons that fire in network or perturbed twin alone",
        "units": "1",
    },
    "state_distance": {
        "long_name": "L1 distance of currents and voltages from the perturbed twin's, mean over "
        f"neurons; constant over {INTERVAL} steps, as at their end",
        "units": "threshold",
    },
    "independent_distance": {
        "long_name": "hamming_distance of independent spike trains with the same rates",
        "units": "1",
    },
}


class Divergence:
    """Shared arrays for what a model of `NetworkTile` tells of one network's perturbations."""

    def __init__(self, point: Network, backend: str, *, n_steps: int, burn_in: int):
        self.point, self.burn_in = point, burn_in
        self._growth = None if backend == "lif_bit_accurate" else shared_array((n_steps,), "f8")
        measured = n_steps - burn_in
        self._damages: dict[str, tuple[np.ndarray, ...]] = {  # the fields of `Damage`
            cause: (
                shared_array((measured, point.n_neurons), "u1"),
                shared_array((measured,), "f8"),
                shared_array((1,), "i8"),
                shared_array((1,), "i8"),
            )
            for cause in _CAUSES[backend]
        }

    def keep(self, steps: slice, perturbed: Any) -> None:
        """Called in the model's process, with what it gives to `record` after a block of steps."""
        if self._growth is not None:
            self._growth[steps] = np.ravel(getattr(perturbed, "log_growth", perturbed))
        measured = slice(*(max(0, edge - self.burn_in) for edge in (steps.start, steps.stop)))
        for cause, kept in self._damages.items():
            found = getattr(perturbed, f"{cause}_damage")
            kept[0][measured], kept[1][measured] = found.spikes, found.state_distance
            kept[2][:], kept[3][:] = found.trials, found.healed

    def variables(self, spikes: np.ndarray | None) -> dict[str, tuple]:
        """Curves along `time` and, of damage, `cause`; and what a phase map has of them.

        `spikes` (time, neuron) are the network's, burn-in included; rate neurons have none.
        """
        found: dict[str, Any] = {}
        variables: dict[str, tuple] = {}
        if self._growth is not None:
            variables["log_growth"] = ("time", self._growth, _CURVES["log_growth"])
            growth = MeanGrowth(len(self._growth) - self.burn_in)
            growth.add(self._growth[self.burn_in :])
            found |= measurement.of_growth(growth, self.point.step_size)
        if spikes is not None:
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
                variables[name] = (("cause", "time"), values, _CURVES[name])
            variables["independent_distance"] = (
                "cause", independent, _CURVES["independent_distance"]
            )  # fmt: skip
            variables["cause"] = ("cause", list(self._damages), {"long_name": "what was perturbed"})
        attributes = {name: VARIABLES[name].attributes() for name in found}
        return variables | {name: ((), found[name], attributes[name]) for name in found}
