"""What kernels cost beside the bare matrix product that rate neurons need.

The unit is one step's product of the weights with 64 networks' outputs, as BLAS does it
on one core, times the number of steps: all that rate neurons do beside is overhead. All
times are the processor's and taken in turns, so that a busy machine slows all of them; the
fastest counts.
Networks are those of the tutorial's critical point (N = 400, 1000 steps).
"""

import math
import os
import time
from collections.abc import Callable

import numpy as np

from eiphase.mapping import float_to_integer, rate_to_lif
from eiphase.mapping.dynamic_range import dynamic_range
from eiphase.networks import lif, loihi, rate, weights
from eiphase.networks.weights import Network
from eiphase.numerics.arrays import columns_of, keep_freed_memory, matrix_of
from eiphase.simulation import measurement
from eiphase.sweep.schema import Observables, Simulation

N_NEURONS, N_STEPS, N_NETWORKS = 400, 1000, 64
PRODUCT_STEPS, RATE_STEPS = 10, 250  # enough to time them; scaled to N_STEPS
ROUNDS = 30
CRITICAL = Network(
    n_neurons=N_NEURONS, q_factor=math.sqrt(400 / 6), g_factor=4.5, seed=1234, draw=1
)
SIMULATION = Simulation(steps=N_STEPS, burn_in=200, max_lag=200)


Timed = tuple[Callable[[], object], float]  # a call, and what part of it is one network's run


def matrix_product(half: np.ndarray) -> Timed:
    """The unit: weights with the outputs of all networks, as BLAS multiplies them."""
    output = np.random.default_rng(0).random((N_NEURONS, N_NETWORKS))
    product = np.empty_like(output)

    def multiply() -> None:
        for _ in range(PRODUCT_STEPS):
            np.dot(half, output, out=product)

    return multiply, N_STEPS / PRODUCT_STEPS / N_NETWORKS


def work() -> dict[str, Timed]:
    """What is timed."""
    half = weights.half_gaussian(weights.gaussian_matrix(N_NEURONS, CRITICAL.seed, draw=1))
    batch = rate.Batch(half, [CRITICAL] * N_NETWORKS)
    states = rate.run(batch, N_STEPS)
    of_rate = states[0].copy()
    lif_network, _ = rate_to_lif.rate_to_lif(half, CRITICAL, "tutorial")
    recording = lif.run(lif_network, N_STEPS)
    ranges = dynamic_range(recording)
    integers = float_to_integer.tutorial(lif_network, ranges)

    def measure(
        of: type[measurement.OfStates] | type[measurement.OfSpikes], activity: np.ndarray
    ) -> None:
        measured = of(N_NEURONS, SIMULATION, Observables())
        measurement.of_whole(measured, activity, SIMULATION)

    simulator, some_states = rate.Simulator.of(batch), states[:, :RATE_STEPS].copy()
    scale = rate_to_lif.tutorial(half, CRITICAL)
    half_in_columns = matrix_of(columns_of(half), N_NEURONS)
    return {
        "matrix product": matrix_product(half),
        "rate": (
            lambda: simulator.advance(some_states),
            N_STEPS / RATE_STEPS / N_NETWORKS,
        ),
        "lif_float": (lambda: lif.run(lif_network, N_STEPS, reuse=recording), 1),
        "lif_bit_accurate": (lambda: loihi.run(integers, N_STEPS), 1),
        "scale of LIF weights": (lambda: rate_to_lif.tutorial(half, CRITICAL), 1),
        "LIF weights": (lambda: rate_to_lif.lif_parameters(half_in_columns, CRITICAL, scale), 1),
        "range of u and v": (lambda: dynamic_range(recording), 1),
        "mapping to integers": (lambda: float_to_integer.tutorial(lif_network, ranges), 1),
        "use of the bits": (lambda: float_to_integer.weight_use(integers, lif_network), 1),
        "observables of states": (lambda: measure(measurement.OfStates, of_rate), 1),
        "observables of spikes": (lambda: measure(measurement.OfSpikes, recording.spikes), 1),
    }


def times() -> dict[str, float]:
    """Seconds for one network, the fastest of `ROUNDS` rounds, after one that compiles."""
    calls = work()
    fastest = dict.fromkeys(calls, math.inf)
    for call, _ in calls.values():
        call()
    for _ in range(ROUNDS):
        for name, (call, part) in calls.items():
            start = time.process_time()
            call()
            fastest[name] = min(fastest[name], (time.process_time() - start) * part)
    return fastest


def main() -> None:
    keep_freed_memory()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    found = times()
    product = found["matrix product"]
    print(f"one network, N = {N_NEURONS}, {N_STEPS} steps        ms   matrix products")
    for name, seconds in found.items():
        print(f"{name:30}{seconds * 1e3:10.2f}{seconds / product:18.2f}")


if __name__ == "__main__":
    main()
