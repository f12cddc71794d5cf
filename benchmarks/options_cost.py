"""What the options `observables.statistics` and `.chaos` add to the cost of a simulation.

Tiles of 16 networks (N = 400, 4000 steps, 1000 of them burn-in) over the range of the demo,
with and without, in turn on the same core: processor time, ratios of the medians.
"""

import os
import statistics

from simulation import processor_seconds

from eiphase.simulation.tile import simulate_tile
from eiphase.sweep.schema import Sweep

REPEATS = 5
SWITCH = (False, True)
OPTIONS = ("statistics", "chaos")


def sweep_of(option: str, switched_on: bool) -> Sweep:
    return Sweep.model_validate(
        {
            "network": {"neurons": 400},
            "grid": {
                "q_factor": {"start": 1.0, "stop": 12.0, "count": 4},
                "g_factor": {"start": 3.0, "stop": 6.5, "count": 4},
            },
            "seeds": [1],
            "backends": ["rate", "lif_float", "lif_bit_accurate"],
            "simulation": {"steps": 4000, "burn_in": 1000, "max_lag": 400},
            "observables": {option: switched_on},
        }
    )


def compare(option: str) -> None:
    sweeps = {on: sweep_of(option, on) for on in SWITCH}
    tiles = {on: sweeps[on].tile("lif_float", 1, 0) for on in SWITCH}
    ranges = {on: simulate_tile(sweeps[on], tiles[on]) for on in SWITCH}
    print(f"{option + ', ms each':18} {'without':>8} {'with':>8} {'ratio':>6}")
    for backend in sweeps[False].backends:
        seconds: dict[bool, list[float]] = {on: [] for on in SWITCH}
        for repeat in range(REPEATS + 1):
            for on in SWITCH:
                tile = sweeps[on].tile(backend, 1, 0)
                start = processor_seconds()
                simulate_tile(sweeps[on], tile, source=ranges[on])
                if repeat:  # the first compiles
                    seconds[on].append((processor_seconds() - start) / len(tile.points))
        without, with_them = (1e3 * statistics.median(seconds[on]) for on in SWITCH)
        print(f"{backend:18} {without:8.1f} {with_them:8.1f} {with_them / without:6.2f}")


def main() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for option in OPTIONS:
        compare(option)


if __name__ == "__main__":
    main()
