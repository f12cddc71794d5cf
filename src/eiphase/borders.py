"""Where chaos begins in a sweep: measured along q_factor, and expected by theory."""

from collections.abc import Mapping

import numpy as np

from eiphase import critical_line, fixed_point, meanfield, network
from eiphase.sweep import Sweep

# Of more neurons the spectra along q_factor take minutes: their time grows as N^3.
LARGEST_SPECTRUM = 500
MEASURED_BY = ("lyapunov_exponent", "spike_damage", "phase")
"""Variables of points that say where the measured border is."""


def measured(
    backend: str, q_factor: np.ndarray, values: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Where a backend's measure of chaos changes its sign, by seed and over seeds.

    `values` are those of `MEASURED_BY`, shape (q_factor, g_factor, seed). Returns `critical_q`
    and `critical_q_flag`, shape (g_factor, seed), and `critical_q_mean`, `critical_q_low` and
    `critical_q_high`, shape (g_factor,).
    """
    driver = critical_line.driver(backend, values)
    _, n_g, n_seeds = driver.shape
    critical_q, flags = np.empty((n_g, n_seeds)), np.empty((n_g, n_seeds), np.int8)
    for g, s in np.ndindex(n_g, n_seeds):
        critical_q[g, s], flags[g, s] = critical_line.crossing(q_factor, driver[:, g, s])
    return {
        "critical_q": critical_q,
        "critical_q_flag": flags,
        **over_seeds("critical_q", critical_q, flags),
    }


def over_seeds(name: str, values: np.ndarray, flags: np.ndarray) -> dict[str, np.ndarray]:
    """Mean over seeds and 95 % interval of borders that mean the same; `flags` say what.

    `values` and `flags` have shape (g_factor, seed).
    """
    alike = [critical_line.of_one_kind(*pair) for pair in zip(values, flags, strict=True)]
    found = np.array([critical_line.confidence_interval(seeds) for seeds in alike]).T
    return {f"{name}_{part}": row for part, row in zip(("mean", "low", "high"), found, strict=True)}


def of_ensemble(sweep: Sweep, g_factor: float) -> float:
    """q_factor at which rate networks lose their fixed point in mean-field theory, or NaN."""
    found = meanfield.critical_q(
        n_neurons=sweep.network.neurons,
        g_factor=g_factor,
        bias=sweep.network.bias,
        step_size=sweep.network.step_size,
        largest_q=max(sweep.grid.q_factor),
    )
    return found.value


def networks(sweep: Sweep) -> list[tuple[float, int]]:
    """g_factor and seed of all rate networks whose own border theory is asked for."""
    wanted = sweep.observables.chaos and "rate" in sweep.backends
    if not wanted or sweep.network.neurons > LARGEST_SPECTRUM:
        return []
    return [(g_factor, seed) for seed in sweep.seeds for g_factor in sweep.grid.g_factor]


def of_network(sweep: Sweep, g_factor: float, seed: int) -> float:
    """q_factor above which one of `networks` settles at no fixed point that is followed, or NaN.

    About a second for 400 neurons.
    """
    gaussian = network.gaussian_matrix(sweep.network.neurons, seed)
    found = fixed_point.critical_q(
        network.half_gaussian(gaussian),
        g_factor=g_factor,
        bias=sweep.network.bias,
        step_size=sweep.network.step_size,
        largest_q=max(sweep.grid.q_factor),
    )
    return found.value
