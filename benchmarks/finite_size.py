"""Where networks of 100 to 800 rate neurons agree with mean-field theory, in activity up to 1600.

For each size and g_factor, the q_factor at which single networks lose their first fixed point
and at which they cease to settle (`fixed_point.network_critical_q`), beside the theory's. At one
g_factor, c(0) and decay time of simulated networks beside the theory's. Writes
results/finite_size.nc, docs/finite_size.png, and the table of docs/theory.md; takes half an
hour on one core.
"""

from pathlib import Path

import numpy as np
import xarray as xr
from finite_size_figure import plot_finite_size

from eiphase.networks import rate, weights
from eiphase.networks.weights import Network
from eiphase.observables import fluctuation
from eiphase.system.files import beside
from eiphase.theory import chaotic_state, fixed_point, meanfield

G_FACTORS = (4.0, 4.5, 6.5)
SEEDS = {100: 20, 200: 20, 400: 12, 800: 8}  # networks of each size
LARGEST_Q = 15.0
STEP_SIZE, BIAS = 0.01, 0.1

SIMULATED_G = 6.5
SIMULATED_Q = (3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 8.0, 12.0)
SIMULATED_SEEDS = {400: 8, 1600: 2}
# The same drive and, up to 2.5 % in times, the same flow in larger steps: 250 time constants.
COARSE = 5
N_STEPS, BURN_IN, MAX_LAG = 5_000, 1_000, 800
TRAJECTORY_BYTES = 512 * 2**20  # of the networks that advance together

ROOT = Path(__file__).parents[1]


def borders() -> xr.Dataset:
    """Critical q_factor of networks (size, g_factor, seed) and of theory (size, g_factor)."""
    shape = (len(SEEDS), len(G_FACTORS), max(SEEDS.values()))
    names = ("critical_q", "first_loss", "loss", "jumps")
    found = {name: np.full(shape, np.nan) for name in names}
    predicted = np.empty(shape[:2])
    for i, (n, n_seeds) in enumerate(SEEDS.items()):
        for j, g in enumerate(G_FACTORS):
            predicted[i, j] = meanfield.ensemble_critical_q(
                n_neurons=n, g_factor=g, bias=BIAS, step_size=STEP_SIZE, largest_q=LARGEST_Q
            ).value
            for k in range(n_seeds):
                half = weights.half_gaussian(weights.gaussian_matrix(n, k + 1))
                q = fixed_point.network_critical_q(
                    half, g_factor=g, bias=BIAS, step_size=STEP_SIZE, largest_q=LARGEST_Q
                )
                for name, value in zip(
                    names, (q.value, q.first_loss, q.loss, q.jumps), strict=True
                ):
                    found[name][i, j, k] = value
            print(
                row(n, g, predicted[i, j], found["first_loss"][i, j], found["critical_q"][i, j]),
                flush=True,
            )
    dims = ("n_neurons", "g_factor", "seed")
    return xr.Dataset(
        {name: (dims, values) for name, values in found.items()}
        | {"predicted_q": (dims[:2], predicted)},
        {"n_neurons": list(SEEDS), "g_factor": list(G_FACTORS), "seed": range(1, shape[2] + 1)},
    )


def row(n_neurons: int, g_factor: float, predicted: float, first: np.ndarray, last: np.ndarray):
    """A line of the table: medians and quartiles over networks."""

    def spread(values: np.ndarray) -> str:
        low, median, high = np.nanquantile(values, [0.25, 0.5, 0.75])
        return f"{median:.2f} ({low:.2f} to {high:.2f})"

    number = np.isfinite(first).sum()
    return (
        f"| {n_neurons} | {g_factor} | {predicted:.2f} | {spread(first)} | {spread(last)} "
        f"| {number} |"
    )


def activity() -> xr.Dataset:
    """c(0) and decay time, in time constants, of simulations (size, q_factor, run)."""
    shape = (len(SIMULATED_SEEDS), len(SIMULATED_Q), max(SIMULATED_SEEDS.values()))
    c0, decay = np.full(shape, np.nan), np.full(shape, np.nan)
    for i, (n, n_seeds) in enumerate(SIMULATED_SEEDS.items()):
        for k in range(n_seeds):
            half = weights.half_gaussian(weights.gaussian_matrix(n, k + 1))
            points = [
                Network(
                    n_neurons=n, q_factor=q, g_factor=SIMULATED_G, seed=k + 1,
                    step_size=COARSE * STEP_SIZE, bias=COARSE * BIAS,
                )
                for q in SIMULATED_Q
            ]  # fmt: skip
            together = rate.batch_size(8 * n * N_STEPS, TRAJECTORY_BYTES)
            for first in range(0, len(points), together):
                batch = rate.Batch(half, points[first : first + together])
                for j, states in enumerate(rate.run(batch, N_STEPS), start=first):
                    seen = fluctuation.fluctuation_of(
                        states[BURN_IN:],
                        max_lag=MAX_LAG,
                        autocovariance=fluctuation.standard_autocovariance,
                    )
                    c0[i, j, k], decay[i, j, k] = uncentred(seen)
            print(f"simulated N = {n}, seed {k + 1}", flush=True)
    dims = ("simulated_neurons", "q_factor", "run")
    return xr.Dataset(
        {"c0": (dims, c0), "decay_time": (dims, decay)},
        {"simulated_neurons": list(SIMULATED_SEEDS), "q_factor": list(SIMULATED_Q)},
        {"g_factor_simulated": SIMULATED_G},
    )


def uncentred(seen: fluctuation.Fluctuation) -> tuple[float, float]:
    """c(0) and decay time, with what centring on the mean of a run takes put back.

    It is about 4 % of c(0) in 50 decay times.
    """
    if not np.isfinite(seen.c0):
        return np.nan, np.nan
    taken = seen.c0 * seen.centring_bias / (1 - seen.centring_bias)
    steps, _ = fluctuation.decay_time(seen.autocovariance + taken)
    return seen.c0 + taken, steps * COARSE * STEP_SIZE


def predicted_activity() -> xr.Dataset:
    """The theory's c(0) and decay time, in time constants, on a fine axis of q_factor."""
    fine = np.arange(2.5, 12.51, 0.02)
    shape = (len(SIMULATED_SEEDS), fine.size)
    c0, decay = np.full(shape, np.nan), np.full(shape, np.nan)
    for i, n in enumerate(SIMULATED_SEEDS):
        for j, q in enumerate(fine):
            coupling = meanfield.coupling(
                n_neurons=n, q_factor=q, g_factor=SIMULATED_G, bias=BIAS, step_size=STEP_SIZE
            )
            state = chaotic_state.solve(coupling)
            if state is not None:
                c0[i, j], decay[i, j] = state.c0, chaotic_state.decay_time(state)
    dims = ("simulated_neurons", "fine_q")
    return xr.Dataset(
        {"predicted_c0": (dims, c0), "predicted_decay_time": (dims, decay)},
        {"simulated_neurons": list(SIMULATED_SEEDS), "fine_q": fine},
    )


def main() -> None:
    dataset = xr.merge([borders(), predicted_activity(), activity()], combine_attrs="override")
    dataset.attrs["g_factor_simulated"] = SIMULATED_G
    with beside(ROOT / "results/finite_size.nc") as partial:
        dataset.to_netcdf(partial)
    figure = plot_finite_size(dataset)
    with beside(ROOT / "docs/finite_size.png") as partial:
        figure.savefig(partial, format="png", dpi=110)


if __name__ == "__main__":
    main()
