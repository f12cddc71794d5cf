"""How time and memory of one simulation grow with neurons and with steps, as a figure.

Each point is a process of its own that maps, simulates by the kernels and measures what a
sweep would; rate neurons in a full batch, integers with a dynamic range that is given.
Time is the processor's, without imports and compiling; memory is the process's peak less
that of one that simulates next to nothing.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt

from eiphase import lif, loihi, mapping, measurement, network, rate
from eiphase.network import Network
from eiphase.sweep import Observables, Simulation

BACKENDS = ("rate", "lif_float", "lif_bit_accurate")
NEURONS = (100, 316, 1000, 3162, 10_000)
STEPS = (1000, 10_000, 100_000)
USUAL_NEURONS, USUAL_STEPS = 400, 1000
WARM_UP_STEPS = 200
RANGES = loihi.DynamicRange(-0.1, 0.1, -1.0, 1.0, -0.2, 0.2, -2.0)


def simulate(backend: str, n_neurons: int, n_steps: int) -> int:
    """Simulate and measure where rate neurons are chaotic. Returns the number of networks."""
    point = Network(n_neurons=n_neurons, q_factor=8.16, g_factor=4.5, seed=1)
    half = network.half_gaussian(network.gaussian_matrix(n_neurons, point.seed))
    simulation = Simulation(steps=n_steps, burn_in=n_steps // 5, max_lag=min(200, n_steps // 5))
    if backend == "rate":
        batch = rate.Batch(half, [point] * rate.batch_size(n_neurons, n_steps))
        for states in rate.run(batch, n_steps):
            measurement.of_states(states, simulation, Observables())
        return len(batch.networks)
    real, _ = mapping.rate_to_lif(half, point, "identity")
    if backend == "lif_float":
        recording = lif.run(real, n_steps)
        loihi.dynamic_range(recording.current, recording.voltage)
        spikes = recording.spikes
    else:
        spikes = loihi.run(loihi.tutorial(real, RANGES), n_steps).spikes
    measurement.of_spikes(spikes, simulation, Observables())
    return 1


def cost(backend: str, n_neurons: int, n_steps: int) -> tuple[float, float]:
    """Seconds for one network, and bytes at the peak, of a process that starts anew."""
    words = [sys.executable, __file__, "--one", backend, str(n_neurons), str(n_steps)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    seconds = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{backend}, {n_neurons} neurons, {n_steps} steps failed.")
    return float(seconds), usage.ru_maxrss * 1024.0


def one(backend: str, n_neurons: int, n_steps: int) -> None:
    """What `cost` starts: prints the seconds for one network."""
    simulate(backend, 20, WARM_UP_STEPS)
    start = time.process_time()
    n_networks = simulate(backend, n_neurons, n_steps)
    print((time.process_time() - start) / n_networks)


def draw(sizes: Sequence[tuple[int, int]], axes: Sequence[plt.Axes], along: str) -> None:
    """Time and memory per neuron and step, one curve a backend, along neurons or steps."""
    for backend in BACKENDS:
        _, idle = cost(backend, 20, WARM_UP_STEPS)
        times, memories = [], []
        for n_neurons, n_steps in sizes:
            seconds, peak = cost(backend, n_neurons, n_steps)
            times.append(seconds / (n_neurons * n_steps) * 1e9)
            memories.append(max(peak - idle, 0) / (n_neurons * n_steps))
            print(
                f"{backend:18}{n_neurons:8d} neurons{n_steps:8d} steps"
                f"{times[-1]:10.2f} ns{memories[-1]:10.2f} bytes per neuron and step",
                flush=True,
            )
        x = [size[0 if along == "neurons" else 1] for size in sizes]
        axes[0].loglog(x, times, marker="o", label=backend)
        axes[1].loglog(x, memories, marker="o", label=backend)
    axes[0].set(ylabel="time per neuron and step (ns)")
    axes[1].set(ylabel="peak memory per neuron and step (bytes)", xlabel=along)


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
