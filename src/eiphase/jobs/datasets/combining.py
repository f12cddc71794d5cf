"""Several phase maps become one: their points side by side, and all else derived anew."""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import xarray as xr
from pydantic import ValidationError

from eiphase.backends import BACKENDS, pairs, with_theory
from eiphase.errors import DatasetError
from eiphase.jobs import borders
from eiphase.jobs.datasets.derivation import FROM_OTHER_POINTS, derived
from eiphase.jobs.datasets.netcdf import problem_of
from eiphase.sweep import provenance
from eiphase.sweep.attributes import refuse_partial, sweep_of
from eiphase.sweep.load import sentence
from eiphase.sweep.schema import Sweep
from eiphase.variables import DERIVED, DIMENSIONS, VARIABLES, ancillary, measured

_JOINED = {"grid", "seeds", "backends"}  # what phase maps may differ in, beside `tiles`


def combine(*phase_maps: xr.Dataset) -> xr.Dataset:
    """Join phase maps whose sweeps differ in nothing but grid, seeds and backends.

    Together they must hold each point of the joint map: of every backend and seed at all values
    of q_factor and g_factor. Points that several of them hold must be equal to the bit. What is
    derived from points (phases, their agreement, borders, means over seeds) is derived anew, as
    gathering does it; the result can be plotted, written with `to_netcdf`, and verified.

    Refined borders rest on simulations between grid points, which phase maps do not hold. They
    are kept where one of the phase maps has all values of q_factor of the joint map, and are
    empty elsewhere; the attributes that count simulations are left out.

    Raises `DatasetError`, one sentence, that names what does not fit.
    """
    names = [_name(i, one) for i, one in enumerate(phase_maps, 1)]
    for name, one in zip(names, phase_maps, strict=True):
        _check(name, one)
    maps = [one.transpose(*DIMENSIONS, "lag", ...) for one in phase_maps]
    sweeps = [sweep_of(one) for one in maps]
    _check_alike(names, maps, sweeps)
    union = _union(maps, sweeps[0])
    for name, own in zip(names, sweeps, strict=True):
        _check_ranges(name, own, union)
    joint = _points(names, maps, union)
    joint.attrs = _attributes(maps, union)
    _keep_refined(joint, maps)
    known = measured(union.backends, union.model_dump(mode="json"))
    for name, values in derived(joint, union).items():
        if name in known:
            joint[name] = _variable(name, values)
    if borders.networks(union):
        joint["network_critical_q"] = _of_networks(maps, sweeps, union)
    present = [str(name) for name in joint.data_vars]
    for key in present:
        joint[key].attrs.update(ancillary(key, present))
    return joint


def _name(number: int, phase_map: Any) -> str:
    sweep_name = getattr(phase_map, "attrs", {}).get("sweep")
    return f"phase map {number}" + (f" ({sweep_name})" if sweep_name else "")


def _check(name: str, phase_map: Any) -> None:
    if not isinstance(phase_map, xr.Dataset):
        raise DatasetError(
            f"combine takes phase maps one by one, as combine(first, second), but {name} is a "
            f"{type(phase_map).__name__}."
        )
    if problem := problem_of(phase_map):
        scalar = [d for d in DIMENSIONS if d in phase_map.coords and not phase_map[d].ndim]
        hint = f": select with a list, as isel({scalar[0]}=[0])" if scalar else ""
        raise DatasetError(f"{name} is not a phase map: {problem}{hint}.")
    refuse_partial(phase_map, name)
    for dimension in DIMENSIONS:
        if phase_map.indexes[dimension].has_duplicates:
            raise DatasetError(f"{name} has the same {dimension} twice.")


def _check_alike(names: list[str], maps: list[xr.Dataset], sweeps: list[Sweep]) -> None:
    """Check that all settings but those that are joined are equal, and the code that simulated."""
    if not maps:
        raise DatasetError("There is no phase map to combine.")
    settings = [_settings(own) for own in sweeps]
    for one, own in zip(maps, settings, strict=True):
        own["lag"] = f"0 to {one.lag.size - 1}"
        own["code_digest"] = str(one.attrs.get("code_digest"))[:16]
    for name, own in zip(names[1:], settings[1:], strict=True):
        for key, value in settings[0].items():
            if own[key] != value:
                raise DatasetError(
                    f"{names[0]} was simulated with {key} = {value}, {name} with {own[key]}: "
                    "only grid, seeds and backends may differ."
                )


def _settings(own: Sweep) -> dict[str, Any]:
    """Keys, with dots, and values of all that must not differ."""
    sections = own.model_dump(mode="json", exclude=_JOINED | {"about", "tiles"})
    return {
        f"{section}.{key}": value for section, of in sections.items() for key, value in of.items()
    }


def _union(maps: Sequence[xr.Dataset], first: Sweep) -> Sweep:
    """The sweep of all points together."""
    axes = {
        name: sorted({value for one in maps for value in one[name].values.tolist()})
        for name in DIMENSIONS
    }
    config = first.model_dump(mode="json") | {
        "grid": {name: axes[name] for name in ("q_factor", "g_factor")},
        "seeds": axes["seed"],
        "backends": sorted(axes["backend"], key=list(BACKENDS).index),
        "tiles": 1,
    }
    try:
        return Sweep.model_validate_json(json.dumps(config))
    except ValidationError as error:
        problem = sentence(error)
        raise DatasetError(f"Together, the phase maps are no sweep: {problem}") from None


def _check_ranges(name: str, own: Sweep, union: Sweep) -> None:
    """Check that networks from which others are made were measured as far as those need."""
    for source, made in pairs(union.backends):
        if source in own.backends and own.parameters(source) != union.parameters(source):
            raise DatasetError(
                f"{name} has {source} without {made}, which another phase map has: their "
                f"networks of {source} hold different variables. Simulate both backends in one "
                "sweep."
            )


def _points(names: list[str], maps: list[xr.Dataset], union: Sweep) -> xr.Dataset:
    """What the phase maps hold of each point; raises `DatasetError` if one is missing."""
    axes = (union.backends, union.grid.q_factor, union.grid.g_factor, union.seeds)
    coordinates = {
        name: (name, np.array(axis), maps[0][name].attrs)
        for name, axis in zip(DIMENSIONS, axes, strict=True)
    }
    joint = xr.Dataset(coords=coordinates | {"lag": maps[0].lag})
    places = [
        np.ix_(*(joint.indexes[name].get_indexer(one[name].values) for name in DIMENSIONS))
        for one in maps
    ]
    times_seen = np.zeros([len(axis) for axis in axes], int)
    for place in places:
        times_seen[place] += 1
    if not times_seen.all():
        missing = np.argwhere(times_seen == 0)
        raise DatasetError(
            f"Together, the phase maps lack {len(missing)} of {times_seen.size} points, the first "
            f"at {_where(joint, missing[0])}: a phase map needs all of them."
        )
    for key in (name for name in VARIABLES if any(name in one for one in maps)):
        values = _joined(key, names, maps, places, joint)
        joint[key] = _variable(key, values)
    return joint


def _joined(
    key: str, names: list[str], maps: list[xr.Dataset], places: list, joint: xr.Dataset
) -> np.ndarray:
    """One variable; raises `DatasetError` where two phase maps give different values."""
    variable = VARIABLES[key]
    lags = (joint.sizes["lag"],) if variable.lagged else ()
    shape = [joint.sizes[name] for name in DIMENSIONS]
    values = np.full((*shape, *lags), variable.fill, variable.dtype)
    seen = np.zeros(shape, bool)
    for name, one, place in zip(names, maps, places, strict=True):
        if key not in one:
            continue
        found = one[key].values
        same = (values[place] == found) | ((values[place] != values[place]) & (found != found))
        same = same.reshape(*same.shape[:4], -1).all(axis=-1) | ~seen[place]
        if not same.all():
            at = _where(one, np.argwhere(~same)[0])
            raise DatasetError(f"{key} of {name} differs from that of another phase map at {at}.")
        values[place], seen[place] = found, True
    return values


def _where(dataset: xr.Dataset, place: np.ndarray) -> str:
    return ", ".join(
        f"{name} {dataset[name].values[i]}" for name, i in zip(DIMENSIONS, place, strict=True)
    )


def _variable(name: str, values: np.ndarray) -> tuple[tuple[str, ...], np.ndarray, dict]:
    variable = (VARIABLES | DERIVED)[name]
    dimensions = (*variable.dimensions, "lag") if variable.lagged else variable.dimensions
    return dimensions, values, variable.attributes()


def _keep_refined(joint: xr.Dataset, maps: list[xr.Dataset]) -> None:
    """Refined borders of the phase maps that have all values of q_factor; elsewhere none."""
    for name in FROM_OTHER_POINTS:
        if not any(name in one for one in maps):
            continue
        variable = DERIVED[name]
        shape = [joint.sizes[d] for d in variable.dimensions]
        values = np.full(shape, variable.fill, variable.dtype)
        for one in maps:
            if name in one and one.sizes["q_factor"] == joint.sizes["q_factor"]:
                axes = (joint.indexes[d].get_indexer(one[d].values) for d in variable.dimensions)
                values[np.ix_(*axes)] = one[name].transpose(*variable.dimensions).values
        joint[name] = _variable(name, values)


def _of_networks(
    maps: list[xr.Dataset], sweeps: list[Sweep], union: Sweep
) -> tuple[tuple[str, ...], np.ndarray, dict]:
    """`network_critical_q`, from a map with the same largest q_factor, or else computed anew."""
    largest_q = max(union.grid.q_factor)
    known = {
        (g_factor, seed): float(one.network_critical_q.sel(g_factor=g_factor, seed=seed))
        for one, own in zip(maps, sweeps, strict=True)
        if max(own.grid.q_factor) == largest_q
        for g_factor, seed in borders.networks(own)
        if g_factor in one.g_factor and seed in one.seed and with_theory(one.backend.values)
    }
    values = np.full((len(union.grid.g_factor), len(union.seeds)), np.nan)
    for g_factor, seed in borders.networks(union):
        place = union.grid.g_factor.index(g_factor), union.seeds.index(seed)
        found = known.get((g_factor, seed))
        values[place] = borders.of_network(union, g_factor, seed) if found is None else found
    return _variable("network_critical_q", values)


def _attributes(maps: list[xr.Dataset], union: Sweep) -> dict[str, Any]:
    name = " + ".join(dict.fromkeys(_all_of(maps, "sweep")))
    return {
        "Conventions": "CF-1.11, ACDD-1.3",
        "source": "simulation through Lava",
        "history": f"combined of {len(maps)} phase maps by eiphase {provenance.version()}",
        "title": f"Phase map of excitatory-inhibitory networks: {name}",
        "sweep": name,
        "sweep_config": union.model_dump_json(),
        "sweep_digest": union.digest,
        "commit": "; ".join(sorted(_origins(maps, "commit"))),
        "code_digest": maps[0].attrs.get("code_digest", ""),
        "versions": json.dumps(_versions(maps)),
        "machine": "; ".join(sorted(_origins(maps, "machine"))),
        "gathered_by": provenance.origin()[0],
    }


def _all_of(maps: list[xr.Dataset], name: str) -> Iterator[str]:
    return (str(one.attrs[name]) for one in maps if name in one.attrs)


def _origins(maps: list[xr.Dataset], name: str) -> set[str]:
    return {part for text in _all_of(maps, name) for part in text.split("; ")}


def _versions(maps: list[xr.Dataset]) -> dict[str, str]:
    """Each package's version; several, with `; ` between them, if the maps differ."""
    found: dict[str, set[str]] = {}
    for text in _all_of(maps, "versions"):
        with suppress(ValueError, AttributeError):  # somebody has changed it
            for package, version in json.loads(text).items():
                found.setdefault(package, set()).add(str(version))
    return {package: "; ".join(sorted(versions)) for package, versions in found.items()}
