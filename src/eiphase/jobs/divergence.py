"""Damage against time at three points of a phase map: below, at and above the border."""

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import xarray as xr

from eiphase.backends import BACKENDS, integers_first, with_damage
from eiphase.errors import DatasetError, NoSuchIntegers
from eiphase.flags import Fate
from eiphase.jobs.datasets.unmeasured import completed
from eiphase.networks.weights import Network
from eiphase.simulation.single import follow_damage
from eiphase.sweep import provenance
from eiphase.sweep.attributes import sweep_of
from eiphase.sweep.schema import Sweep
from eiphase.variables import AXES, VARIABLES, labels

# The points, as q_factor in units of the border's.
PLACES = {"below": 0.75, "at": 1.0, "above": 1.5}
_DIMENSIONS = ("place", "backend", "seed", "cause")
_FLAG = VARIABLES["spike_damage_fate"]

Show = Callable[[int, int], None]  # how many are done, of how many


def cut(phase_map: xr.Dataset) -> tuple[float, float]:
    """A g_factor to look at, and the q_factor of the spiking networks' border there.

    Of those at which most spiking backends have a border, the one in the middle of the map,
    or the smaller of two. The border, refined if the sweep asks for that, is that of integers, if
    they have one, else that of floating point; NaN if there is none at all.
    """
    phase_map = completed(phase_map, ("refined_q_mean", "measured_critical_q_mean")).sortby(
        "g_factor"
    )
    names = integers_first(with_damage(phase_map.backend.values.tolist()))
    best = phase_map.refined_q_mean.fillna(phase_map.measured_critical_q_mean)
    borders = best.sel(backend=names).transpose("backend", "g_factor").values
    n_found = np.isfinite(borders).sum(axis=0)
    from_middle = np.abs(np.arange(len(n_found)) - (len(n_found) - 1) / 2)
    chosen = np.lexsort((from_middle, -n_found))[0]
    found = borders[np.isfinite(borders[:, chosen]), chosen]
    return float(phase_map.g_factor[chosen]), float(found[0]) if len(found) else np.nan


def simulate_across_border(phase_map: xr.Dataset, show: Show = lambda *_: None) -> xr.Dataset:
    """Simulate spiking networks at `PLACES` and follow what one extra spike, or bit, changes.

    On the `cut`, for all seeds and all backends that are perturbed, with all settings of the
    phase map's sweep. `show` is told how many simulations are done, of how many.

    **Returns** a dataset with dimensions `place`, `backend`, `seed`, `cause` (`spike`, `bit`;
    floating point knows no bits) and `time` in steps since burn-in, and

    - `damage`: Hamming distance of the spike trains in windows of the sweep's
      `observables.boxcar` steps, over that of independent trains: see `damage.level`;
    - `fate` of the perturbation at the end of the run, and the number of `trials`.

    The run is the one from rest, of `simulation.steps`. A phase map's fates and trials are those
    of four runs, in their last steps, where the sweep has a `simulation.precision`, and may be
    others.

    There are no places if there is no border. Damage is NaN, and its fate `broken`, where
    the mapping gives no network. Raises `DatasetError` if the dataset does not say which
    sweep it is of, or has no backend to perturb.
    """
    sweep = _sweep_of(phase_map)
    g_factor, border = cut(phase_map)
    places = PLACES if np.isfinite(border) else {}
    q_factor = np.array([part * border for part in places.values()])
    backends = with_damage(sweep.backends)
    window = sweep.observables.boxcar
    n_windows = (sweep.simulation.steps - sweep.simulation.burn_in) // window
    causes = list(dict.fromkeys(cause for b in backends for cause in BACKENDS[b].perturbations))
    shape = (len(places), len(backends), len(sweep.seeds), len(causes))
    curves = np.full((*shape, n_windows), np.nan)
    fates, trials = np.full(shape, _FLAG.fill, _FLAG.dtype), np.full(shape, np.nan)
    runs = list(product(range(len(places)), range(len(backends)), range(len(sweep.seeds))))
    for done, run in enumerate(runs):
        show(done, len(runs))
        q, backend, seed = float(q_factor[run[0]]), backends[run[1]], sweep.seeds[run[2]]
        for cause, *found in _damages(sweep, sweep.network_at(q, g_factor, seed), backend):
            at = (*run, causes.index(cause))
            curves[at], fates[at], trials[at] = found
    show(len(runs), len(runs))
    middles = np.arange(n_windows) * window + (window + 1) / 2
    return xr.Dataset(
        {
            "damage": (
                (*_DIMENSIONS, "step"),
                curves,
                labels("Hamming distance over that of independent trains"),
            ),
            "fate": (_DIMENSIONS, fates, _FLAG.attributes()),
            "trials": (
                _DIMENSIONS,
                trials,
                labels("perturbations, each after the one before had healed"),
            ),
        },
        coords={
            "place": ("place", list(places), {"long_name": "side of the border"}),
            "backend": ("backend", backends, AXES["backend"]),
            "seed": ("seed", list(sweep.seeds), AXES["seed"]),
            "cause": ("cause", causes, {"long_name": "what was perturbed"}),
            "step": (
                "step",
                middles,
                AXES["step"] | {"long_name": "time since burn-in, in time steps"},
            ),
            "q_factor": ("place", q_factor, AXES["q_factor"]),
            "g_factor": ((), g_factor, AXES["g_factor"]),
        },
        attrs={
            "title": "Damage against time across the border",
            "summary": "How far apart networks and perturbed twins are, below and above a border.",
            "sweep": phase_map.attrs.get("sweep", ""),
            "sweep_digest": sweep.digest,
            **provenance.attributes(*backends),
        },
    )


def _sweep_of(phase_map: xr.Dataset) -> Sweep:
    sweep = sweep_of(phase_map)
    if not with_damage(sweep.backends):
        raise DatasetError("The sweep has no backend whose spikes can be perturbed.")
    return sweep


def _damages(
    sweep: Sweep, network: Network, backend: str
) -> Iterator[tuple[str, np.ndarray | float, int, float]]:
    """Cause, damage in each window, fate and trials."""
    burn_in, window = sweep.simulation.burn_in, sweep.observables.boxcar
    causes = BACKENDS[backend].perturbations
    try:
        found = follow_damage(sweep, network, backend)
    except NoSuchIntegers:
        yield from ((cause, np.nan, Fate.BROKEN, np.nan) for cause in causes)
        return
    for cause in causes:
        one = found.sel(cause=cause)
        distance = one.hamming_distance.values[burn_in:]
        windows = distance[: len(distance) // window * window].reshape(-1, window).mean(axis=1)
        independent = float(one.independent_distance)
        level = windows / independent if independent else windows
        yield (
            cause,
            level,
            int(found[f"{cause}_damage_fate"]),
            float(found[f"{cause}_damage_trials"]),
        )
