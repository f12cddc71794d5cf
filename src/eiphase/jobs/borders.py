"""Where sensitivity begins in a sweep: measured along q_factor, and expected by theory."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from eiphase.backends import BACKENDS
from eiphase.chaos import border
from eiphase.chaos.border import Lines, Point
from eiphase.errors import DatasetError
from eiphase.mapping import effective_coupling
from eiphase.mapping.effective_coupling import HalfMoments
from eiphase.mapping.rate_to_lif import RATE_TO_LIF
from eiphase.networks import weights
from eiphase.sweep.schema import Sweep
from eiphase.theory import chaotic_state, exponent, fixed_point, meanfield
from eiphase.variables import NOT_SIMULATED

MEASURED_BY = (
    "lyapunov_exponent", "lyapunov_error", "spike_damage", "spike_damage_error", "phase"
)  # fmt: skip
"""Variables of points that say where the measured border is, and how sure it is."""


def measured(
    backend: str, q_factor: np.ndarray, values: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Where a backend's measure of sensitivity changes its sign, by seed and over seeds.

    `values` hold the variables of `MEASURED_BY`, shape (q_factor, g_factor, seed). Returns
    `measured_critical_q` and its `_from`, `_to` and `_flag`, shape (g_factor, seed), and its
    `_mean`, `_low` and `_high`, shape (g_factor,).
    """
    driver, error = border.driver(backend, values), border.error(backend, values)
    _, n_g, n_seeds = driver.shape
    found, flags = np.empty((n_g, n_seeds)), np.empty((n_g, n_seeds), np.int8)
    ends = np.empty((2, n_g, n_seeds))
    for g, s in np.ndindex(n_g, n_seeds):
        line = driver[:, g, s]
        found[g, s], flags[g, s] = border.crossing(q_factor, line)
        ends[:, g, s] = border.certain_ends(q_factor, line, error[:, g, s])
    return {
        "measured_critical_q": found,
        "measured_critical_q_from": ends[0],
        "measured_critical_q_to": ends[1],
        "measured_critical_q_flag": flags,
        **over_seeds("measured_critical_q", found, flags, ends),
    }


def measured_in_part(
    backend: str, q_factor: np.ndarray, values: Mapping[str, np.ndarray], simulated: np.ndarray
) -> dict[str, np.ndarray]:
    """What `measured` gives, for lines along q_factor of which all networks are simulated.

    A sign that changes across a gap would place the border anywhere in it.
    """
    whole = simulated.all(axis=0)
    known = {
        name: np.where(whole, array, NOT_SIMULATED if name == "phase" else np.nan)
        for name, array in values.items()
    }
    found = measured(backend, q_factor, known)
    flags = found["measured_critical_q_flag"]
    return found | {"measured_critical_q_flag": np.where(whole, flags, NOT_SIMULATED)}


def over_seeds(
    name: str, values: np.ndarray, flags: np.ndarray, ends: np.ndarray
) -> dict[str, np.ndarray]:
    """Mean over seeds and 95 % interval of borders that mean the same; `flags` say what.

    `values` and `flags` have shape (g_factor, seed), and `ends`, between which values lie,
    (2, g_factor, seed).
    """
    alike = [np.where(border.of_one_kind(of_g), row, np.nan)
             for row, of_g in zip(values, flags, strict=True)]  # fmt: skip
    pairs = zip(alike, ends.swapaxes(0, 1), strict=True)
    found = np.array([border.confidence_interval(*pair) for pair in pairs]).T
    return {f"{name}_{part}": row for part, row in zip(("mean", "low", "high"), found, strict=True)}


def of_ensemble(sweep: Sweep, g_factor: float) -> float:
    """q_factor at which rate networks lose their fixed point in mean-field theory, or NaN."""
    found = meanfield.ensemble_critical_q(
        n_neurons=sweep.network.neurons,
        g_factor=g_factor,
        bias=sweep.network.bias,
        step_size=sweep.network.step_size,
        largest_q=max(sweep.grid.q_factor),
    )
    return found.value


def exponents_of_ensemble(sweep: Sweep, q_factor: Sequence[float], g_factor: float) -> list[float]:
    """Theory's Lyapunov exponents of rate networks, per time constant; NaN where none is chaotic.

    About 20 ms for each q_factor. An exponent does not depend on which others are asked for.
    """
    step_size = sweep.network.step_size
    at_one = meanfield.coupling(
        n_neurons=sweep.network.neurons,
        q_factor=1.0,
        g_factor=g_factor,
        bias=sweep.network.bias,
        step_size=step_size,
    )
    return [
        math.nan if state is None else exponent.lyapunov_exponent(state, step_size=step_size)
        for state in chaotic_state.solve_along(at_one, q_factor)
    ]


def networks(sweep: Sweep) -> list[tuple[float, int]]:
    """g_factor and seed of all rate networks whose own border theory is asked for."""
    if not sweep.has_spectra:
        return []
    return [(g_factor, seed) for seed in sweep.seeds for g_factor in sweep.grid.g_factor]


def of_network(sweep: Sweep, g_factor: float, seed: int) -> float:
    """q_factor above which one of `networks` settles at no fixed point that is followed, or NaN.

    A few seconds for 400 neurons.
    """
    gaussian = weights.gaussian_matrix(sweep.network.neurons, seed)
    found = fixed_point.network_critical_q(
        weights.half_gaussian(gaussian),
        g_factor=g_factor,
        bias=sweep.network.bias,
        step_size=sweep.network.step_size,
        largest_q=max(sweep.grid.q_factor),
    )
    return found.value


def in_coupling(sweep: Sweep, backend: str, critical_q: np.ndarray) -> np.ndarray:
    """The effective coupling R of networks at their borders, shape (g_factor, seed) as those.

    R grows too steeply with q_factor to be interpolated between grid points, so a LIF network is
    mapped anew at its border. NaN where there is no border, or theory knows nothing of the backend.
    """
    found = np.full(critical_q.shape, np.nan)
    for s, seed in enumerate(sweep.seeds):
        half = weights.half_gaussian(weights.gaussian_matrix(sweep.network.neurons, seed))
        moments = HalfMoments.of(half)
        for g in np.flatnonzero(np.isfinite(critical_q[:, s])):
            point = sweep.network_at(float(critical_q[g, s]), sweep.grid.g_factor[g], seed)
            if BACKENDS[backend].has_theory:
                found[g, s] = effective_coupling.of_rate(moments, point)
            elif BACKENDS[backend].is_mapped:
                scale = RATE_TO_LIF[sweep.mapping.rate_to_lif](half, point).value
                found[g, s] = effective_coupling.of_lif(moments, point, scale)
    return found


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


def refined_borders(
    backend: str, values: Mapping[str, np.ndarray], refinements: Refinements, sweep: Sweep
) -> dict[str, np.ndarray]:
    """Where a backend's measure of sensitivity changes its sign, to the sweep's precision.

    `values` are those of `borders.MEASURED_BY`, shape (q_factor, g_factor, seed). Returns
    `refined_q`, `refined_q_width` and `refined_q_flag`, shape (g_factor, seed), and
    `refined_q_mean`, `refined_q_low` and `refined_q_high`, shape (g_factor,). Raises
    `DatasetError` unless the refinements hold the points that bisection takes, and no others.
    """
    precision = _precision(sweep)
    driver = border.driver(backend, values)
    shape = driver.shape[1:]
    refined_q, width = np.empty(shape), np.empty(shape)
    flags, crossings = np.empty(shape, np.int8), np.empty(shape, np.int8)
    for s, seed in enumerate(sweep.seeds):
        grid = _on_grid(driver[:, :, s], sweep)
        lines = _replayed(grid, refinements[backend, seed], sweep, f"{backend} seed {seed}")
        for g, line in enumerate(lines.values()):
            along = np.array([*line]), np.array([*line.values()])
            found = border.refined(*along, precision=precision)
            refined_q[g, s], width[g, s], flags[g, s] = found
            crossings[g, s] = border.sign_change(*along)[2]
    return {
        "refined_q": refined_q,
        "refined_q_width": width,
        "refined_q_flag": flags,
        **over_seeds("refined_q", refined_q, crossings, ends_of_refined(refined_q, width)),
    }


def ends_of_refined(refined_q: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Where the two points lie, at most, between which a border was refined; lower ones first."""
    return np.array([refined_q - width, refined_q + width])


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
    """Backends that are simulated for one: integers need the float network."""
    source = BACKENDS[backend].takes_from
    return [source, backend] if source else [backend]


def _on_grid(driver: np.ndarray, sweep: Sweep) -> Lines:
    return {
        g_factor: dict(zip(sweep.grid.q_factor, driver[:, g].tolist(), strict=True))
        for g, g_factor in enumerate(sweep.grid.g_factor)
    }


def _replayed(coarse: Lines, stored: Lines, sweep: Sweep, which: str) -> Lines:
    """Repeat the bisection with its stored points, and check that there are no others."""

    def measure(points: list[Point]) -> list[float]:
        for q, g in points:
            if q not in stored.get(g, {}):
                raise DatasetError(f"The refinement of {which} lacks q_factor {q}, g_factor {g}.")
        return [stored[g][q] for q, g in points]

    fine = border.refine(coarse, measure, precision=_precision(sweep))
    n_used = sum(len(fine[g]) - len(coarse[g]) for g in fine)
    n_stored = sum(len(line) for line in stored.values())
    if n_used != n_stored:
        raise DatasetError(
            f"The refinement of {which} holds {n_stored} points, but its border needs {n_used}."
        )
    return fine
