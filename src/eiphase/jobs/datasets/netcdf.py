"""Datasets: which variables there are, and files of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eiphase.errors import Damaged, DatasetError
from eiphase.system import seal
from eiphase.variables import DERIVED, NOT_APPLICABLE, VARIABLES, lack_of, measured_in

if TYPE_CHECKING:
    import xarray as xr


def open_netcdf(path: Path) -> "xr.Dataset":
    """Open any netCDF file, checked before; raises `DatasetError` if it is none.

    Raises `Damaged` if its bytes are not those that were written, or nothing that netCDF knows.
    """
    import xarray as xr

    from eiphase.sweep import attributes

    if not seal.is_sealed(path):
        from eiphase.system import unsealed

        unsealed.check(path)
    try:
        opened = xr.open_dataset(path, engine="netcdf4", decode_times=False)
    except OSError as error:  # its bytes could be read a moment ago
        if _refuses_locks(path):
            raise DatasetError(
                f"{path} cannot be locked: another process writes it, or its disk knows no locks, "
                "for which HDF5_USE_FILE_LOCKING=FALSE is to be set."
            ) from None
        raise Damaged(path, f"is damaged, or not netCDF ({error.strerror})") from None
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise DatasetError(f"{path} is no dataset of eiphase's: {reason}.") from None
    attributes.check(opened, path)
    return opened.rename(time="step") if "time" in opened.dims else opened  # up to version 0.1


def _refuses_locks(path: Path) -> bool:
    with path.open("rb") as file:
        return seal.refused_lock(file) is not None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn damage that netCDF finds only while it reads into a `DatasetError`."""
    try:
        yield
    except (RuntimeError, AttributeError) as error:  # netCDF raises either
        if not str(error).startswith("NetCDF: "):
            raise
        raise DatasetError(f"{path} is damaged: {error}.") from None


def check_recording(found: "xr.Dataset", path: Path) -> None:
    """Raises `DatasetError` if an open file is no recording of a network."""
    missing = [name for name in ("backend", "n_neurons", "q_factor") if name not in found.attrs]
    if missing:
        raise DatasetError(f"{path} is no recording: it has no attribute {missing[0]}.")
    for name, values in found.data_vars.items():
        variable = VARIABLES.get(str(name))
        scalar = variable is not None and not variable.lagged
        if values.dtype.kind not in "biuf" or (scalar and values.ndim):
            raise DatasetError(f"{path} is no recording: its {name} is of another kind.")
        flags = list(map(int, variable.flags)) if variable and variable.flags else []
        if flags and values.item() not in [NOT_APPLICABLE, *flags]:
            raise DatasetError(f"{path} is no recording: its {name} is {values.item()}.")


def open_phase_map(path: Path, *, may_be_partial: bool = False) -> "xr.Dataset":
    """Open a `phase_map.nc`; raises `DatasetError` if it is none.

    A partial one is refused, too, unless the caller can do with what is simulated so far.
    """
    from eiphase.sweep import attributes

    dataset = open_netcdf(path)
    check_phase_map(dataset, path)
    if not may_be_partial:
        attributes.refuse_partial(dataset, path)
    return dataset


def check_phase_map(found: "xr.Dataset", path: Path) -> None:
    """Raises `DatasetError` if an open file is no phase map."""
    if problem := problem_of(found):
        found.close()
        raise DatasetError(f"{path} is not a phase map: {problem}.")


def problem_of(dataset: "xr.Dataset") -> str | None:
    """What keeps a dataset from being a phase map."""
    axes = {"backend": "UOT", "q_factor": "f", "g_factor": "f", "seed": "iu", "lag": "iu"}
    for name, kinds in axes.items():
        if name not in dataset.indexes or not dataset.sizes[name]:
            return f"it has no {name}"
        if dataset[name].dtype.kind not in kinds:
            return f"{name} is of type {dataset[name].dtype}"
        if dataset.indexes[name].has_duplicates:
            return f"it has the same {name} twice"
    known = measured_in(dataset)
    for name, variable in (VARIABLES | DERIVED).items():
        if name not in dataset:
            if name not in known:
                continue
            return lack_of(name, dataset)
        found = dataset[name]
        needed = (*variable.dimensions, "lag") if variable.lagged else variable.dimensions
        if set(found.dims) != set(needed):
            return f"{name} has the dimensions {list(found.dims)}, but needs {list(needed)}"
        if found.dtype.kind != np.dtype(variable.dtype).kind:
            return f"{name} is of type {found.dtype}, but needs {variable.dtype}"
    return None


def write(dataset: "xr.Dataset", path: Path) -> None:
    """Write a dataset as compressed netCDF that `xarray.open_dataset` opens as it is."""
    encoding: dict[Any, dict[str, Any]] = {
        key: {"zlib": True, "complevel": 1, "shuffle": True}
        for key, variable in dataset.data_vars.items()
        if variable.ndim
    }
    encoding |= {key: {"_FillValue": None} for key in dataset.coords}  # CF: none is missing
    with seal.sealed(path) as partial:
        dataset.to_netcdf(partial, engine="netcdf4", encoding=encoding)
