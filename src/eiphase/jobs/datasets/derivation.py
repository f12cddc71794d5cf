"""What follows from the points of a phase map alone, as gathering derives it."""

import numpy as np
import xarray as xr

from eiphase.backends import with_theory
from eiphase.chaos import phases
from eiphase.jobs import borders
from eiphase.jobs.datasets.unmeasured import completed
from eiphase.sweep.schema import Sweep
from eiphase.variables import DERIVED, DIMENSIONS, VARIABLES

FROM_OTHER_POINTS = ("refined_q", "refined_q_width", "refined_q_flag")
"""What rests on simulations between grid points, if the sweep has any."""


def derived(phase_map: xr.Dataset, sweep: Sweep) -> dict[str, np.ndarray]:
    """The derived variables that follow from points of a sweep, in the order of their dimensions.

    Phases and measured borders follow from the phase map's own points, and mean-field theory's
    border from its sweep. Left out are `network_critical_q`, which takes a second each, and of
    refined borders what rests on points that a phase map does not hold; what is over seeds
    follows.
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
            found |= borders.over_seeds("refined_q", refined, found["measured_critical_q_flag"])
        for name, values in found.items():
            expected[name][b] = values
    if sweep.refinement.precision is not None:
        for name in FROM_OTHER_POINTS:
            del expected[name]
    if with_theory(sweep.backends):
        g_factor = phase_map.g_factor.values.tolist()
        expected["theory_critical_q"][:] = [borders.of_ensemble(sweep, g) for g in g_factor]
    return expected


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
