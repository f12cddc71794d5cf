"""How time and memory of one simulation grow with neurons and with steps, as a figure.

Each point is a process of its own that simulates a tile as a sweep does: through Lava, mapping
and observables in, rate neurons in a full batch, integers with a dynamic range that is given.
Time is the processor's, without imports and compiling; memory is that of Lava's process at its
peak, less what it is for a tile that is next to nothing. Small tiles hold several networks, so
that Lava's start is shared as it is in a sweep.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from eiphase.flags import ScaleStatus
from eiphase.mapping.float_to_integer import DynamicRange
from eiphase.mapping.rate_to_lif import WeightScale
from eiphase.networks import rate
from eiphase.simulation.backends.lif_float import scale_diagnostics
from eiphase.simulation.tile import simulate_tile
from eiphase.sweep.schema import Sweep

BACKENDS = ("rate", "lif_float", "lif_bit_accurate")
NEURONS = (100, 316, 1000, 3162, 10_000)
STEPS = (1000, 3162, 10_000, 31_623, 100_000)
USUAL_NEURONS, USUAL_STEPS = 400, 1000
MAX_LAG = 200
LEAST_WORK = 4 * 10**7  # neurons times steps in a tile,
MOST_NETWORKS = 400  # unless it would hold more networks than these
RANGES = DynamicRange(-0.1, 0.1, -1.0, 1.0, -0.2, 0.2, -2.0)


def sweep_of(n_neurons: int, n_steps: int, n_networks: int) -> Sweep:
    """Of networks about where rate neurons are chaotic."""
    return Sweep.model_validate(
        {
            "network": {"neurons": n_neurons},
            "grid": {
                "q_factor": {"start": 8.0, "stop": 8.3, "count": n_networks},
                "g_factor": [4.5],
            },
            "seeds": [1],
            "backends": BACKENDS,
            "simulation": {"steps": n_steps, "burn_in": n_steps // 5, "max_lag": MAX_LAG},
            "mapping": {"rate_to_lif": "identity"},
        }
    )


def simulate(backend: str, n_neurons: int, n_steps: int) -> int:
    """Simulate a tile. Returns the number of networks in it."""
    n_networks = min(MOST_NETWORKS, max(1, LEAST_WORK // (n_neurons * n_steps)))
    if backend == "rate":
        sweep = sweep_of(n_neurons, n_steps, 1)
        n_together = rate.batch_size(sweep.network_bytes, sweep.batch_bytes)
        n_networks = -(-n_networks // n_together) * n_together
    sweep = sweep_of(n_neurons, n_steps, n_networks)
    given = asdict(RANGES) | scale_diagnostics(WeightScale(1.0, ScaleStatus.IDENTITY))
    ranges = {name: np.full(n_networks, value) for name, value in given.items()}
    simulate_tile(sweep, sweep.tile(backend, 1, 0), source=ranges)
    return n_networks


def cost(backend: str, n_neurons: int, n_steps: int) -> tuple[float, float]:
    """Seconds for one network, and bytes at the model's peak, in a process that starts anew."""
    words = [sys.executable, __file__, "--one", backend, str(n_neurons), str(n_steps)]
    run = subprocess.run(words, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    if run.returncode:
        raise SystemExit(f"{backend}, {n_neurons} neurons, {n_steps} steps failed.")
    seconds, peak = map(float, run.stdout.split())
    return seconds, peak


def one(backend: str, n_neurons: int, n_steps: int) -> None:
    """What `cost` starts: prints the seconds for one network, and the bytes at the peak."""
    simulate(backend, 20, USUAL_STEPS)
    start = sum(os.times()[:4])
    n_networks = simulate(backend, n_neurons, n_steps)
    seconds = (sum(os.times()[:4]) - start) / n_networks
    # Of the processes that Lava forks from this one, which itself has held more: the compiler.
    print(seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)


def draw(sizes: Sequence[tuple[int, int]], axes: Sequence[plt.Axes], along: str) -> None:
    """Time per neuron and step, and memory, one curve a backend, along neurons or steps."""
    for backend in BACKENDS:
        cost(backend, 20, USUAL_STEPS)  # compiles
        _, idle = cost(backend, 20, USUAL_STEPS)
        times, memories = [], []
        for n_neurons, n_steps in sizes:
            start = time.monotonic()
            seconds, peak = cost(backend, n_neurons, n_steps)
            times.append(seconds / (n_neurons * n_steps) * 1e9)
            memories.append((peak - idle) / 2**20)
            print(
                f"{backend:18}{n_neurons:8d} neurons{n_steps:8d} steps"
                f"{times[-1]:10.2f} ns per neuron and step{memories[-1]:10.1f} MB, "
                f"{memories[-1] * 2**20 / (n_neurons * n_steps):8.2f} bytes per neuron and step; "
                f"{time.monotonic() - start:.0f} s",
                flush=True,
            )
        x = [size[0 if along == "neurons" else 1] for size in sizes]
        axes[0].loglog(x, times, marker="o", label=backend)
        axes[1].loglog(x, np.maximum(memories, 1), marker="o", label=backend)
    axes[0].set(ylabel="time per neuron and step (ns)")
    axes[1].set(ylabel="peak memory (MB; 1 stands for less)", xlabel=along)
    for axis in (axes[0].yaxis, axes[1].yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figure", type=Path, nargs="?", help="file to draw into")
    parser.add_argument("--largest", type=int, default=NEURONS[-1], help="number of neurons")
    parser.add_argument("--longest", type=int, default=STEPS[-1], help="number of steps")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        backend, n_neurons, n_steps = arguments.one
        one(backend, int(n_neurons), int(n_steps))
        return
    figure, axes = plt.subplots(2, 2, figsize=(9, 7), sharex="col", layout="constrained")
    neurons = [(n, USUAL_STEPS) for n in NEURONS if n <= arguments.largest]
    steps = [(USUAL_NEURONS, n) for n in STEPS if n <= arguments.longest]
    draw(neurons, axes[:, 0], "neurons")
    draw(steps, axes[:, 1], "steps")
    axes[0, 0].set_title(f"{USUAL_STEPS} steps")
    axes[0, 1].set_title(f"{USUAL_NEURONS} neurons")
    axes[0, 0].legend()
    arguments.figure.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(arguments.figure, dpi=150)


if __name__ == "__main__":
    main()
