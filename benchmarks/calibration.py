"""How often the truth lies within one and two of the errors that eiphase states.

Simulates networks of 400 neurons from 200 random initial states each, measures them in fours and
takes the mean over all for the truth. Prints how many of the fours are flagged, and, for c(0),
decay time and mean of the others, the percentage within one and two standard errors of the truth:
68 and 95 if errors are right.

    python benchmarks/calibration.py
"""

from collections.abc import Iterator
from typing import cast

import numpy as np

from eiphase.backends import BACKENDS
from eiphase.flags import Quality
from eiphase.networks import weights
from eiphase.observables import uncertainty
from eiphase.observables.uncertainty import Estimate
from eiphase.simulation import backends
from eiphase.simulation.backends import Settings
from eiphase.simulation.measurement import estimate_of
from eiphase.simulation.observation import OneState
from eiphase.simulation.tile import simulate_tile
from eiphase.sweep.schema import Sweep

RUNS, BURN_IN = 200, 2000
# q_factor, g_factor, and steps: about 40 decay times, and 15.
CELLS = {
    "rate": [(8.0, 5.0, 14_000), (8.0, 5.0, 6_000), (5.5, 6.0, 14_000)],
    "lif_float": [(4.5, 4.5, 8_000), (6.0, 4.5, 8_000)],
    "lif_bit_accurate": [(4.5, 4.5, 8_000), (6.0, 4.5, 8_000)],
}


def sweep_of(q_factor: float, g_factor: float, steps: int) -> Sweep:
    return Sweep.model_validate(
        {
            "network": {"neurons": 400, "refractory": 0.05},
            "grid": {"q_factor": [q_factor], "g_factor": [g_factor]},
            "seeds": [1],
            "backends": list(CELLS),
            "simulation": {
                "steps": BURN_IN + steps,
                "burn_in": BURN_IN,
                "max_lag": 1000,
                "precision": 0.1,
            },
            "mapping": {"rate_to_lif": "corrected", "float_to_integer": "full_range"},
        }
    )


def source_of(backend: str, sweep: Sweep) -> dict[str, float]:
    """What integers are made from: the ranges of a run in floating point."""
    takes_from = BACKENDS[backend].takes_from
    if takes_from is None:
        return {}
    short = {"simulation": sweep.simulation.model_copy(update={"max_steps": BURN_IN + 20_000})}
    found = simulate_tile(sweep.model_copy(update=short), sweep.tile(takes_from, 1, 0))
    return {name: values[0] for name, values in found.items()}


def runs(backend: str, sweep: Sweep) -> Iterator[OneState]:
    """Each run by itself, after its last step."""
    network = next(sweep.networks(sweep.tile(backend, 1, 0)))
    settings = Settings(
        half=weights.half_gaussian_of(network),
        mapping=sweep.mapping,
        steps=sweep.steps_together,
        block_steps=sweep.simulation.block_steps,
    )
    simulator = backends.module(backend).Simulator(settings)
    prepared = simulator.prepare(network, source_of(backend, sweep))
    together = 32 if simulator.together > 1 else 1
    for first in range(1, RUNS + 1, together):
        lanes = simulator.lanes()
        states = {
            n: OneState(backend, sweep, None, given=False) for n in range(first, first + together)
        }
        for number in states:
            lanes.put(number, prepared, network, number)
        for _ in range(sweep.steps_together // settings.block_steps):
            for key, block in lanes.advance(settings.block_steps).items():
                states[cast(int, key)].add(block)
        yield from states.values()


def report(cell: str, steps: int, estimates: list[Estimate]) -> str:
    """One line on how far estimates lie from their mean."""
    good = [one for one in estimates if uncertainty.quality(one) == Quality.OK]
    line = f"| {cell} | {steps} | {100 - 100 * len(good) // len(estimates)} |"
    for name in ("c0", "decay_time", "mean"):
        truth = np.mean([getattr(one, name) for one in estimates])
        off = [abs(getattr(one, name) - truth) / getattr(one, f"{name}_error") for one in good]
        within = (100 * np.mean(np.array(off) < n) for n in (1, 2))
        line += " {:.0f}, {:.0f} |".format(*within) if good else " |"
    return line


def main() -> None:
    print("| cell | steps | flagged, % | c(0) | decay time | mean |")
    for backend, cells in CELLS.items():
        for q_factor, g_factor, steps in cells:
            sweep = sweep_of(q_factor, g_factor, steps)
            states = list(runs(backend, sweep))
            found = [
                estimate_of(
                    [state.autocovariance() for state in four], [state.sampled for state in four]
                )
                for four in batched(states)
            ]
            print(report(f"{backend}, q = {q_factor}, g = {g_factor}", steps, found), flush=True)


def batched(states: list[OneState]) -> Iterator[list[OneState]]:
    for first in range(0, len(states) - 3, 4):
        yield states[first : first + 4]


if __name__ == "__main__":
    main()
