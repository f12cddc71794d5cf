"""Phase maps in other formats: tables with one row a network, and Zarr."""

import shutil
import tempfile
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from eiphase.errors import DatasetError
from eiphase.system.files import beside
from eiphase.variables import DERIVED, DIMENSIONS, NOT_APPLICABLE, VARIABLES, Variable

if TYPE_CHECKING:
    import pandas as pd

FORMATS = {".csv": "pandas", ".parquet": "pyarrow", ".zarr": "zarr"}
"""Endings of files that can be written, and the package that each needs."""


def check_format(path: Path) -> None:
    """Raises `DatasetError` if a path's ending names no format, or one that needs a package."""
    package = FORMATS.get(path.suffix)
    if package is None:
        endings = ", ".join(FORMATS)
        raise DatasetError(f"{path} must end in one of {endings}, which names the format.")
    if util.find_spec(package) is None:
        raise DatasetError(
            f"{path} needs {package}, which is not installed: `pip install {package}` installs it."
        )
    if path.suffix == ".zarr" and path.exists():
        raise DatasetError(f"{path} is there already: remove it, or name another one.")


def write(phase_map: xr.Dataset, path: Path) -> None:
    """Write a phase map in the format that the path's ending names.

    Nothing of it is there before all of it is. Raises `DatasetError` as `check_format` does.
    """
    check_format(path)
    if path.suffix == ".zarr":
        _write_zarr(phase_map, path)
        return
    rows = table(phase_map)
    with beside(path) as partial:
        if path.suffix == ".csv":
            rows.to_csv(partial, index=False)
        else:
            rows.to_parquet(partial, index=False)


def table(phase_map: xr.Dataset) -> "pd.DataFrame":
    """One row a network: its backend, q_factor, g_factor and seed, and all that is known of it.

    Flags are words, empty where they do not apply. What belongs to several networks, such as a
    border, stands in the row of each. Autocovariances are left out, as each is a curve.
    """
    variables = VARIABLES | DERIVED
    shown = [name for name in variables if name in phase_map and not variables[name].lagged]
    full = xr.Dataset({name: _in_words(phase_map[name], variables[name]) for name in shown})
    return full.to_dataframe(dim_order=list(DIMENSIONS)).reset_index()


def _in_words(values: xr.DataArray, variable: Variable) -> xr.DataArray:
    """The names of flags; numbers as they are."""
    if not variable.flags:
        return values
    names = {flag.value: flag.name.lower() for flag in variable.flags} | {NOT_APPLICABLE: ""}
    if strange := set(values.values.flat) - names.keys():
        raise DatasetError(f"{values.name} holds {strange.pop()}, which is none of its flags.")
    return values.copy(data=np.array([names[n] for n in values.values.flat]).reshape(values.shape))


def _write_zarr(phase_map: xr.Dataset, path: Path) -> None:
    """A folder of its own beside the path, which then takes its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".eiphase-") as folder:
        partial = Path(folder) / path.name
        # Version 2, which has strings and consolidated metadata that all readers know.
        phase_map.drop_encoding().to_zarr(partial, zarr_format=2)
        shutil.move(partial, path)
