"""How fast two copies of a network part, by how far they are from each other.

For some networks of the demo, copies of each are followed until they are as different as
independent ones. Prints finite-size Lyapunov exponents (see `lyapunov.growth_by_distance`), in
1 / time constant, with standard errors by the jackknife over trials, beside the exponent in the
phase map; and the distance of copies in the last quarter of the time, beside that of states of the
same run at other times. Copies of rate networks differ by 1e-10 at first, and their distance is the
root mean square of r over neurons. Copies of LIF networks in floating point have fired one spike
more, and their distance is that of `damage.Twin`, in thresholds.

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
    "rate": [(4.75, 6.0, 20_000), (5.25, 6.0, 20_000)],
    "lif_float": [(2.75, 6.0, 4_000), (3.25, 5.0, 4_000), (4.25, 5.0, 2_000)],
}
LEVELS = {"rate": 10.0 ** np.arange(-8, 1), "lif_float": 0.008 * 2.0 ** np.arange(10)}
TRIALS, BURN_IN, APART = 16, 2000, 500  # steps between the states from which copies start
SMALLEST, INTERVAL = 1e-10, 10  # of rate neurons; steps between looks at LIF neurons


Distances = tuple[np.ndarray, np.ndarray]
"""Of copies, (trial, time), and of independent states, (trial,)."""


def rate_distances(network: Network, n_steps: int, random: np.random.Generator) -> Distances:
    """Distances of copies that start from states of the same run."""
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
        distances.append(_rms(one - other))
    return np.array(distances).T, _rms(one - np.roll(one, TRIALS // 2, axis=1))


def _rms(x: np.ndarray) -> np.ndarray:
    return np.sqrt(np.square(x).mean(axis=0))


def lif_distances(
    parameters: LIFParameters, n_steps: int, random: np.random.Generator
) -> Distances:
    """Distances of copies with a spike more, at every look."""
    simulator = lif.Simulator.of(parameters)
    state, found, last = simulator.at_rest(), [], []

    def apart(one: lif.State, other: lif.State) -> float:
        far = abs(one.voltage - other.voltage) + abs(one.current - other.current)
        return float(far.mean() / parameters.vth)

    simulator.spikes(state, BURN_IN)
    for _ in range(TRIALS):
        simulator.spikes(state, APART)
        one, other = state.copy(), state.copy()
        simulator.fire(other, int(random.integers(simulator.n_neurons)))
        distances = []
        for _ in range(n_steps // INTERVAL):
            for each in (one, other):
                simulator.spikes(each, INTERVAL)
            distances.append(apart(one, other))
        found.append(distances)
        last.append(one)
    others = np.roll(np.arange(TRIALS), TRIALS // 2)
    return np.array(found), np.array([apart(last[i], last[j]) for i, j in enumerate(others)])


def parameters_of(network: Network, sweep: Sweep) -> LIFParameters:
    half = weights.half_gaussian_of(network)
    settings = Settings(half=half, mapping=sweep.mapping, steps=1, block_steps=1)
    return lif_float.Simulator(settings).prepare(network, {}).parameters


def with_errors(distances: np.ndarray, levels: np.ndarray, dt: float) -> list[str]:
    """Growth between levels, each with its standard error by the jackknife over trials."""
    whole = growth_by_distance(distances, levels) / dt
    without = [growth_by_distance(np.delete(distances, i, 0), levels) for i in range(TRIALS)]
    errors = np.sqrt((TRIALS - 1) * np.var(np.array(without) / dt, axis=0))
    pairs = zip(whole, errors, strict=True)
    texts = [f"{value:.2f} ± {error:.2f}".removesuffix(" ± nan") for value, error in pairs]
    return [text.replace("nan", "") for text in texts]


def report(backend: str, phase_map: xr.Dataset) -> None:
    """A line for each network: exponent in the map, growth between levels, distances at last."""
    sweep, levels = sweep_of(phase_map), LEVELS[backend]
    print("| network | exponent | from " + " | ".join(f"{level:g}" for level in levels) + " |")
    for q_factor, g_factor, n_steps in CELLS[backend]:
        network = next(sweep.at([(q_factor, g_factor)]).networks(sweep.tile(backend, 1, 0)))
        random, dt = np.random.default_rng(0), network.step_size
        if backend == "rate":
            distances, independent = rate_distances(network, n_steps, random)
            looks = 1
        else:
            parameters, looks = parameters_of(network, sweep), INTERVAL
            distances, independent = lif_distances(parameters, n_steps, random)
        cell = phase_map.sel(backend=backend, q_factor=q_factor, g_factor=g_factor, seed=1)
        value, error = cell.lyapunov_exponent / dt, cell.lyapunov_error / dt
        last = np.median(distances[:, -distances.shape[1] // 4 :])
        cells = [
            f"{backend}, q = {q_factor}, g = {g_factor}",
            f"{value:.2f} ± {error:.2f}",
            *with_errors(distances, levels, looks * dt),
            f"{last:.2g}",
            f"{np.median(independent):.2g}",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    phase_map = xr.open_dataset(sys.argv[1])
    for backend in CELLS:
        report(backend, phase_map)


if __name__ == "__main__":
    main()
