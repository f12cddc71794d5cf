"""Which networks of a phase map change with the time step, in a file beside it.

The phase map itself stays as it was gathered: each of its numbers says where it comes from.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from eiphase.jobs.datasets import netcdf
from eiphase.variables import DIMENSIONS

Network = tuple[str, float, float, int]
"""backend, q_factor, g_factor and seed."""

NAME = "step_sensitive"
_NOT_CHECKED = -1
_ATTRIBUTES = {
    "long_name": "whether mean rate or c(0) change with half the time step",
    "flag_values": np.array([_NOT_CHECKED, 0, 1], np.int8),
    "flag_meanings": "not_checked no yes",
}
_SAME = ("sweep_digest", "code_digest")  # of the phase map and of what was found about it


def file_of(phase_map: Path) -> Path:
    """`phase_map.steps.nc` beside `phase_map.nc`."""
    return phase_map.with_suffix(".steps.nc")


def add(path: Path, changes: Mapping[Network, bool]) -> None:
    """Note which networks change, beside what the file of this phase map holds already."""
    with netcdf.reading(path), netcdf.open_phase_map(path) as opened:
        found = with_step_check(opened, path).coords.get(NAME)
        if found is None:
            shape = [opened.sizes[name] for name in DIMENSIONS]
            axes = {name: opened[name] for name in DIMENSIONS}
            found = xr.DataArray(np.full(shape, _NOT_CHECKED, np.int8), axes)
        found = found.reset_coords(drop=True).load().copy()
        attributes = {name: opened.attrs[name] for name in _SAME}
    for network, is_changed in changes.items():
        found.loc[dict(zip(DIMENSIONS, network, strict=True))] = is_changed
    found.attrs = _ATTRIBUTES
    netcdf.write(found.to_dataset(name=NAME).assign_attrs(attributes), file_of(path))


def with_step_check(phase_map: xr.Dataset, path: Path) -> xr.Dataset:
    """The phase map of a file, with the coordinate `NAME` if its networks were checked.

    What was found about another phase map of that name does not count.
    """
    beside = file_of(path)
    if not beside.exists():
        return phase_map
    with netcdf.reading(beside), netcdf.open_netcdf(beside) as opened:
        if any(opened.attrs.get(name) != phase_map.attrs.get(name) for name in _SAME):
            return phase_map
        return phase_map.assign_coords({NAME: opened[NAME].load()})
