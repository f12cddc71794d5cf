"""What follows from the points of a phase map alone, as gathering derives it."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import xarray as xr

from eiphase.backends import BACKENDS, with_theory
from eiphase.chaos import phases
from eiphase.jobs import borders
from eiphase.jobs.datasets.unmeasured import completed
from eiphase.mapping import effective_coupling
from eiphase.mapping.effective_coupling import HalfMoments
from eiphase.networks import weights
from eiphase.sweep.schema import Sweep
from eiphase.variables import DERIVED, DIMENSIONS, VARIABLES

FROM_OTHER_POINTS = ("refined_q", "refined_q_width", "refined_q_flag")
"""What rests on simulations between grid points, if the sweep has any."""


def derived(phase_map: xr.Dataset, sweep: Sweep) -> dict[str, np.ndarray]:
    """The derived variables that follow from points of a sweep, in the order of their dimensions.

    Phases and measured borders follow from the phase map's own points, mean-field theory's
    border and exponents from its sweep, and effective couplings from that and `weight_scale`. Left
    out are `network_critical_q`, which takes a second each, and of refined borders what rests on
    points that a phase map does not hold; what is over seeds follows.
    """
    phase_map = completed(phase_map, VARIABLES | DERIVED).transpose(*DIMENSIONS, "lag")
    expected = _empty(phase_map)
    for b, backend in enumerate(phase_map.backend.values):
        for s in range(phase_map.sizes["seed"]):
            expected["phase"][b, :, :, s] = _phases(phase_map.isel(backend=b, seed=s), backend)
        found = phases.over_seeds(expected["phase"][b])
        if sweep.observables.chaos:
            found |= _borders(phase_map.isel(backend=b), backend, expected["phase"][b])
        if sweep.refinement.precision is not None:
            refined = phase_map.refined_q[b].values
            ends = borders.ends_of_refined(refined, phase_map.refined_q_width[b].values)
            flags = found["measured_critical_q_flag"]
            found |= borders.over_seeds("refined_q", refined, flags, ends)
        for name, values in found.items():
            expected[name][b] = values
    if sweep.refinement.precision is not None:
        for name in FROM_OTHER_POINTS:
            del expected[name]
    expected["effective_coupling"][:] = effective_couplings(
        sweep, phase_map.indexes, phase_map.weight_scale.values
    )
    if with_theory(sweep.backends):
        axes = phase_map.q_factor.values.tolist(), phase_map.g_factor.values.tolist()
        expected |= of_theory(sweep, *axes)
    return expected


def of_theory(
    sweep: Sweep, q_factor: Sequence[float], g_factor: Sequence[float]
) -> dict[str, np.ndarray]:
    """What mean-field theory says of all rate networks of the sweep, whatever their seed."""
    exponents = [borders.exponents_of_ensemble(sweep, q_factor, g) for g in g_factor]
    return {
        "theory_critical_q": np.array([borders.of_ensemble(sweep, g) for g in g_factor]),
        "theory_lyapunov_exponent": np.array(exponents).T,
    }


def effective_couplings(
    sweep: Sweep, axes: Mapping[str, Iterable], scales: np.ndarray
) -> np.ndarray:
    """R of all networks, shape `DIMENSIONS` as the `weight_scale` of LIF networks.

    `axes` are the values along `DIMENSIONS`. NaN if theory knows nothing of the backend.
    """
    backends, q_factor, g_factor, seeds = (list(axes[name]) for name in DIMENSIONS)
    found = np.full(scales.shape, np.nan)
    for s, seed in enumerate(seeds):
        gaussian = weights.gaussian_matrix(sweep.network.neurons, int(seed))
        half = HalfMoments.of(weights.half_gaussian(gaussian))
        for q, g in np.ndindex(len(q_factor), len(g_factor)):
            point = sweep.network_at(float(q_factor[q]), float(g_factor[g]), int(seed))
            for b, backend in enumerate(backends):
                if BACKENDS[backend].has_theory:
                    found[b, q, g, s] = effective_coupling.of_rate(half, point)
                elif BACKENDS[backend].is_mapped and np.isfinite(scale := scales[b, q, g, s]):
                    found[b, q, g, s] = effective_coupling.of_lif(half, point, float(scale))
    return found


def _empty(phase_map: xr.Dataset) -> dict[str, np.ndarray]:
    return {
        name: np.full([phase_map.sizes[d] for d in v.dimensions], v.fill, v.dtype)
        for name, v in DERIVED.items()
        if name != "network_critical_q"
    }


def _phases(points: xr.Dataset, backend: str) -> np.ndarray:
    """Classify the points of one backend and seed, shape (q_factor, g_factor)."""
    shape = points.sizes["q_factor"], points.sizes["g_factor"]
    values = {name: points[name].values for name in VARIABLES}
    along_points = {name: v.reshape(-1, *v.shape[2:]) for name, v in values.items()}
    return phases.classify(backend, along_points).reshape(shape)


def _borders(one: xr.Dataset, backend: str, phase: np.ndarray) -> dict[str, np.ndarray]:
    points = {name: one[name].values for name in borders.MEASURED_BY if name != "phase"}
    return borders.measured(backend, one.q_factor.values, points | {"phase": phase})
