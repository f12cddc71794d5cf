"""What one simulation costs in a sweep, beside the tutorial's own path.

Times whole tiles of 64 and of 1024 networks (N = 400, 1000 steps) over the range of the demo, and
near the tutorial's critical point, everything in: Lava's start, mapping, simulation,
observables, writing. lif_float finds the ranges of u and v, too, that lif_bit_accurate takes
from it: for them the tutorial's path records u and v there.

In the same run, on the same core, it times the tutorial's path (`tutorial_path`): Lava's models
step by step, recorded by Monitors, read by Var.get, and the autocovariance lag by lag; before the
tiles and after them, of which the shorter counts; of a tile, it is the median. And after each
run of a tile the bare matrix product (`kernels`). Kernels are compiled before. Times are the
processor's, of all of Lava's processes. What else runs on the machine makes them longer, by half
and more, but counts little in ratios of what was timed in turns.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import kernels
import numpy as np
import tutorial_path

from eiphase.jobs.datasets import tile_file
from eiphase.lava.reference.ei_network import EINetwork
from eiphase.mapping import float_to_integer, rate_to_lif
from eiphase.mapping.dynamic_range import dynamic_range
from eiphase.networks import lif
from eiphase.networks import weights as network
from eiphase.networks.weights import Network
from eiphase.simulation.tile import simulate_tile
from eiphase.sweep.schema import Sweep

REPEATS = 3
N_STEPS = 1000
TARGET = {"rate": 1000, "lif_float": 4000, "lif_bit_accurate": 5000}  # times as fast

DEMO = ((1.0, 12.0), (3.0, 6.5))  # ranges of q_factor and g_factor
CRITICAL = ((8.0, 8.3), (4.4, 4.6))
TILES = {
    "demo's range, a tile of 64": (DEMO, 8),
    "demo's range, a tile of 1024": (DEMO, 32),
    "near q_factor 8.16, g_factor 4.5, a tile of 1024": (CRITICAL, 32),
}


def grid_of(ranges: tuple[tuple[float, float], tuple[float, float]], count: int) -> dict:
    return {
        name: {"start": start, "stop": stop, "count": count}
        for name, (start, stop) in zip(("q_factor", "g_factor"), ranges, strict=True)
    }


def sweep_of(grid: dict, *backends: str) -> Sweep:
    return Sweep.model_validate(
        {
            "network": {"neurons": 400},
            "grid": grid,
            "seeds": [1],
            "backends": backends,
            "simulation": {"steps": N_STEPS, "burn_in": 200, "max_lag": 200},
        }
    )


def processor_seconds() -> float:
    """Of this process and of those that it started, as far as they have ended."""
    return sum(os.times()[:4])


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Of a call, and of a bare matrix product for one simulation, timed in turns.

    Medians over a few repeats, after one that compiles and warms up.
    """
    multiply, part = kernels.matrix_product(
        np.random.default_rng(0).random((kernels.N_NEURONS,) * 2)
    )
    work()
    times, products = [], []
    for _ in range(REPEATS):
        start = processor_seconds()
        work()
        times.append(processor_seconds() - start)
        start, n_calls = time.process_time(), 0
        while time.process_time() - start < min(times[-1], 1.0):
            multiply()
            n_calls += 1
        products.append((time.process_time() - start) / n_calls * part)
    return statistics.median(times), statistics.median(products)


def tutorial_seconds() -> dict[str, float]:
    """The tutorial's path for one network near its critical point, on each backend."""
    point = Network(n_neurons=400, q_factor=8.16, g_factor=4.5, seed=1)
    half = network.half_gaussian(network.gaussian_matrix(400, 1))
    weights = network.weights(half, q_factor=point.q_factor, g_factor=point.g_factor)
    lif_network, _ = rate_to_lif.rate_to_lif(half, point, "tutorial")
    recording = lif.run(lif_network, N_STEPS)
    ranges = dynamic_range(recording)
    networks = {
        "rate": EINetwork.rate(weights, step_size=0.01, bias=0.1),
        "lif_float": EINetwork.lif(lif_network),
        "lif_bit_accurate": EINetwork.loihi(float_to_integer.tutorial(lif_network, ranges)),
    }
    taken = {}
    for backend, process in networks.items():
        start = processor_seconds()
        activity = tutorial_path.simulate(process, backend, N_STEPS)
        tutorial_path.measure(activity, backend)
        taken[backend] = processor_seconds() - start
    return taken


def in_sweep(sweep: Sweep, backend: str, folder: Path) -> tuple[float, float]:
    """Of one simulation in a tile of a sweep, which stays in the folder: `seconds`."""
    tile = sweep.tile(backend, 1, 0)
    ranges = None
    if backend == "lif_bit_accurate":
        floats = folder / sweep.tile_path(sweep.tile("lif_float", 1, 0))
        ranges = tile_file.read(floats, sweep).values

    def run() -> None:
        values = simulate_tile(sweep, tile, source=ranges)
        tile_file.write(folder / sweep.tile_path(tile), values, sweep, tile)

    simulation, product = seconds(run)
    return simulation / len(tile.points), product


def cost_of_each(grid: dict) -> dict[str, tuple[float, float]]:
    """Of one simulation on each backend, in a sweep with all three."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sweep = sweep_of(grid, *TARGET)
        return {backend: in_sweep(sweep, backend, folder) for backend in TARGET}


def main() -> None:
    # One core for this process and all that Lava forks from it.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    before = tutorial_seconds()
    costs_of_tiles = {
        title: cost_of_each(grid_of(ranges, count)) for title, (ranges, count) in TILES.items()
    }
    after = tutorial_seconds()
    for title, costs in costs_of_tiles.items():
        print(
            f"{title}\none simulation     in a sweep, ms   products   tutorial, s   ratio   target"
        )
        for backend, (cost, product) in costs.items():
            tutorial = min(before[backend], after[backend])
            print(
                f"{backend:18}{cost * 1e3:15.1f}{cost / product:11.2f}{tutorial:14.1f}"
                f"{tutorial / cost:8.0f}{TARGET[backend]:9d}"
            )
        in_products = sum(cost / product for cost, product in costs.values())
        print(f"all three {sum(c for c, _ in costs.values()) * 1e3:23.1f}{in_products:11.2f}")


if __name__ == "__main__":
    main()
