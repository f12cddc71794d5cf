"""Borders that simulations between grid points have narrowed: what gathering derives from these."""

import math
from collections.abc import Mapping

import numpy as np

from eiphase import borders, critical_line
from eiphase.critical_line import Lines, Point
from eiphase.errors import DatasetError
from eiphase.sweep import Sweep

Refinements = Mapping[tuple[str, int], Lines]
"""Of each backend and seed, what was measured near its borders, between points of the grid."""


def check(refinements: Refinements, sweep: Sweep) -> None:
    """Raises `DatasetError` unless there is one of each backend and seed, or none is asked for."""
    asked = sweep.refinement.precision is not None
    needed = {(b, s) for b in sweep.backends for s in sweep.seeds} if asked else set()
    if odd := needed ^ set(refinements):
        backend, seed = min(odd)
        problem = "is missing" if needed else "is there, but the sweep asks for none"
        raise DatasetError(f"The refinement of {backend} seed {seed} {problem}.")


def measured(
    backend: str, values: Mapping[str, np.ndarray], refinements: Refinements, sweep: Sweep
) -> dict[str, np.ndarray]:
    """Where a backend's measure of chaos changes its sign, to the sweep's precision.

    `values` are those of `borders.MEASURED_BY`, shape (q_factor, g_factor, seed). Returns
    `refined_q`, `refined_q_width` and `refined_q_flag`, shape (g_factor, seed), and
    `refined_q_mean`, `refined_q_low` and `refined_q_high`, shape (g_factor,). Raises
    `DatasetError` unless the refinements hold the points that bisection takes, and no others.
    """
    precision = _precision(sweep)
    driver = critical_line.driver(backend, values)
    shape = driver.shape[1:]
    critical_q, width = np.empty(shape), np.empty(shape)
    flags, crossings = np.empty(shape, np.int8), np.empty(shape, np.int8)
    for s, seed in enumerate(sweep.seeds):
        grid = _on_grid(driver[:, :, s], sweep)
        lines = _replayed(grid, refinements[backend, seed], sweep, f"{backend} seed {seed}")
        for g, line in enumerate(lines.values()):
            along = np.array([*line]), np.array([*line.values()])
            found = critical_line.refined(*along, precision=precision)
            critical_q[g, s], width[g, s], flags[g, s] = found
            crossings[g, s] = critical_line.sign_change(*along)[2]
    return {
        "refined_q": critical_q,
        "refined_q_width": width,
        "refined_q_flag": flags,
        **borders.over_seeds("refined_q", critical_q, crossings),
    }


def counts(refinements: Refinements, sweep: Sweep) -> dict[str, int]:
    """Simulations that the sweep rests upon, each counted once, and what a full grid takes."""
    near = {
        (of, seed, q, g)
        for (backend, seed), lines in refinements.items()
        for of in _simulated(backend)
        for g, line in lines.items()
        for q in line
    }
    on_grid = len(sweep.points()) * len(sweep.seeds) * _n_simulated(sweep)
    return {
        "simulations_run": on_grid + len(near),
        "simulations_near_borders": len(near),
        "simulations_of_full_grid": full_grid(sweep),
    }


def full_grid(sweep: Sweep) -> int:
    """Simulations that a grid as fine as the wanted precision would take, over the same range."""
    intervals = (max(sweep.grid.q_factor) - min(sweep.grid.q_factor)) / _precision(sweep)
    n_q = math.ceil(intervals - 1e-9) + 1
    return n_q * len(sweep.grid.g_factor) * len(sweep.seeds) * _n_simulated(sweep)


def _precision(sweep: Sweep) -> float:
    precision = sweep.refinement.precision
    assert precision is not None  # nothing would have been refined
    return precision


def _n_simulated(sweep: Sweep) -> int:
    """Simulations of one seed at a grid point."""
    return len({name for backend in sweep.backends for name in _simulated(backend)})


def _simulated(backend: str) -> list[str]:
    """What is simulated for a backend: integers need what the float network gave."""
    return ["lif_float", backend] if backend == "lif_bit_accurate" else [backend]


def _on_grid(driver: np.ndarray, sweep: Sweep) -> Lines:
    return {
        g_factor: dict(zip(sweep.grid.q_factor, driver[:, g].tolist(), strict=True))
        for g, g_factor in enumerate(sweep.grid.g_factor)
    }


def _replayed(coarse: Lines, stored: Lines, sweep: Sweep, which: str) -> Lines:
    """The bisection once more, from its stored points: these and no others must be there."""

    def measure(points: list[Point]) -> list[float]:
        for q, g in points:
            if q not in stored.get(g, {}):
                raise DatasetError(f"The refinement of {which} lacks q_factor {q}, g_factor {g}.")
        return [stored[g][q] for q, g in points]

    fine = critical_line.refine(coarse, measure, precision=_precision(sweep))
    n_used = sum(len(fine[g]) - len(coarse[g]) for g in fine)
    n_stored = sum(len(line) for line in stored.values())
    if n_used != n_stored:
        raise DatasetError(
            f"The refinement of {which} holds {n_stored} points, but its border needs {n_used}."
        )
    return fine
