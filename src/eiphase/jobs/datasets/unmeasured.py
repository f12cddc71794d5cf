"""Variables that a sweep did not measure, for those who look for them: there, and empty."""

from collections.abc import Iterable

import numpy as np
import xarray as xr

from eiphase.variables import DERIVED, VARIABLES, Variable, measured_in


def completed(phase_map: xr.Dataset, names: Iterable[str]) -> xr.Dataset:
    """A phase map, or a selection from one, with those of the variables that it lacks for a reason.

    They hold what stands where nothing was measured: NaN, or of flags `NOT_APPLICABLE`. What
    the sweep did measure, and the selection has lost, stays away.
    """
    known = measured_in(phase_map)
    lacking = [name for name in names if name not in phase_map and name not in known]
    every = VARIABLES | DERIVED
    return phase_map.assign({name: _empty(phase_map, every[name]) for name in lacking})


def _empty(phase_map: xr.Dataset, variable: Variable) -> xr.DataArray:
    dimensions = [name for name in variable.dimensions if name in phase_map.dims]
    shape = [phase_map.sizes[name] for name in dimensions]
    values = np.full(shape, variable.fill, variable.dtype)
    return xr.DataArray(values, dims=dimensions, attrs=variable.attributes())
