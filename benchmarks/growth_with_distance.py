"""How fast two copies of a network part, by how far they are from each other.

For some networks of the demo, copies of each are followed until they are as different as
independent ones. Prints finite-size Lyapunov exponents (see `lyapunov.growth_by_distance`), in
1 / time constant, beside the exponent in the phase map. Copies of rate networks differ by 1e-10 at
first, and their distance is the root mean square over neurons. Copies of LIF networks in floating
point have fired one spike more, and their distance is that of `damage.Twin`, in thresholds.

    python benchmarks/growth_with_distance.py results/demo/phase_map.nc
"""

import sys

import numpy as np
import xarray as xr
from scipy.special import erf

from eiphase.chaos.lyapunov import growth_by_distance
from eiphase.networks import lif, weights
from eiphase.networks.lif import LIFParameters
from eiphase.networks.weights import Network
from eiphase.simulation.backends import Settings, lif_float
from eiphase.sweep.attributes import sweep_of
from eiphase.sweep.schema import Sweep

# Of each backend: networks as q_factor, g_factor, and steps for which copies are followed; and the
# distances between which growth is measured.
CELLS = {
    "rate": [(4.75, 6.0, 12_000), (5.25, 6.0, 9_000)],
    "lif_float": [(2.75, 6.0, 4_000), (3.25, 5.0, 4_000), (4.25, 5.0, 2_000)],
}
LEVELS = {"rate": 10.0 ** np.arange(-8, 1), "lif_float": 0.008 * 2.0 ** np.arange(10)}
TRIALS, BURN_IN, APART = 16, 2000, 500  # steps between the states from which copies start
SMALLEST, INTERVAL = 1e-10, 10  # of rate neurons; steps between looks at LIF neurons


def rate_distances(network: Network, n_steps: int, random: np.random.Generator) -> np.ndarray:
    """Distances of copies, (trial, time), which start from states of the same run."""
    w = weights.weights(
        weights.half_gaussian_of(network),
        q_factor=network.q_factor,
        g_factor=network.g_factor,
    )

    def after(r: np.ndarray) -> np.ndarray:
        return (1 - network.step_size) * r + network.step_size * (w @ erf(r)) + network.bias

    r, starts = np.zeros(network.n_neurons), []
    for step in range(BURN_IN + TRIALS * APART):
        r = after(r)
        if step >= BURN_IN and step % APART == 0:
            starts.append(r)
    one = np.array(starts).T
    other = one + SMALLEST * random.standard_normal(one.shape)
    distances = []
    for _ in range(n_steps):
        one, other = after(one), after(other)
        distances.append(np.sqrt(np.square(one - other).mean(axis=0)))
    return np.array(distances).T


def lif_distances(
    parameters: LIFParameters, n_steps: int, random: np.random.Generator
) -> np.ndarray:
    """Distances of copies with a spike more at every look, (trial, time)."""
    simulator = lif.Simulator.of(parameters)
    state, found = simulator.at_rest(), []
    simulator.spikes(state, BURN_IN)
    for _ in range(TRIALS):
        simulator.spikes(state, APART)
        one, other = state.copy(), state.copy()
        simulator.fire(other, int(random.integers(simulator.n_neurons)))
        distances = []
        for _ in range(n_steps // INTERVAL):
            for each in (one, other):
                simulator.spikes(each, INTERVAL)
            apart = abs(one.voltage - other.voltage) + abs(one.current - other.current)
            distances.append(apart.mean() / parameters.vth)
        found.append(distances)
    return np.array(found)


def parameters_of(network: Network, sweep: Sweep) -> LIFParameters:
    half = weights.half_gaussian_of(network)
    settings = Settings(half=half, mapping=sweep.mapping, steps=1, block_steps=1)
    return lif_float.Simulator(settings).prepare(network, {}).parameters


def report(backend: str, phase_map: xr.Dataset) -> None:
    """A line for each network: exponent in the map, growth between levels, distance at last."""
    sweep, levels = sweep_of(phase_map), LEVELS[backend]
    print("| network | exponent | from " + " | ".join(f"{level:g}" for level in levels) + " |")
    for q_factor, g_factor, n_steps in CELLS[backend]:
        network = next(sweep.at([(q_factor, g_factor)]).networks(sweep.tile(backend, 1, 0)))
        random, dt = np.random.default_rng(0), network.step_size
        if backend == "rate":
            distances, looks = rate_distances(network, n_steps, random), 1
        else:
            distances = lif_distances(parameters_of(network, sweep), n_steps, random)
            looks = INTERVAL
        growth = growth_by_distance(distances, levels) / (looks * dt)
        cell = phase_map.sel(backend=backend, q_factor=q_factor, g_factor=g_factor, seed=1)
        value, error = cell.lyapunov_exponent / dt, cell.lyapunov_error / dt
        line = f"| {backend}, q = {q_factor}, g = {g_factor} | {value:.2f} ± {error:.2f} | "
        line += " | ".join("" if np.isnan(x) else f"{x:.2f}" for x in growth)
        print(line, f"| {np.median(distances[:, -distances.shape[1] // 4 :]):.2g} |", flush=True)


def main() -> None:
    phase_map = xr.open_dataset(sys.argv[1])
    for backend in CELLS:
        report(backend, phase_map)


if __name__ == "__main__":
    main()
