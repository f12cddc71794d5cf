"""Ask other tools whether they can read datasets: python tests/compliance/check.py FILE ...

Runs in an environment without eiphase: compliance-checker finds no error by CF 1.11, cf-xarray
finds each number's error and flags, and h5py, dask and netCDF4 read the same values.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cf_xarray  # noqa: F401  # gives datasets their attribute `cf`
import h5py
import netCDF4
import numpy as np
import xarray as xr


def errors_by_cf(path: str) -> list[str]:
    """What compliance-checker calls an error."""
    checker = Path(sys.executable).with_name("compliance-checker")
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        # It fails at coordinates that are text, as `backend` is: the report counts, not its exit.
        said = subprocess.run(
            [checker, "-t", "cf:1.11", "-f", "json", "-o", report.name, path],
            capture_output=True,
            text=True,
            check=False,
        )
        if not (text := Path(report.name).read_text(encoding="utf-8")):
            raise SystemExit(f"compliance-checker says nothing of {path}: {said.stderr}")
    found = json.loads(text)["cf:1.11"]["all_priorities"]
    return [message for section in found for message in section["msgs"]]


def read_by_others(path: str) -> list[str]:
    """Variables that are not the same for all, or whose error or flag is not found."""
    wrong = []
    with (
        xr.open_dataset(path, decode_times=False, chunks={}) as lazy,
        h5py.File(path) as hdf5,
        netCDF4.Dataset(path) as netcdf,
    ):
        netcdf.set_auto_mask(False)
        for name, variable in lazy.data_vars.items():
            values = variable.compute().values
            if values.dtype.kind in "iuf" and not (
                np.array_equal(hdf5[name][()], values, equal_nan=True)
                and np.array_equal(netcdf[name][...], values, equal_nan=True)
            ):
                wrong.append(f"{name}: tools read other values")
            tied = lazy.cf.get_associated_variable_names(name)["ancillary_variables"]
            if " ".join(tied) != variable.attrs.get("ancillary_variables", ""):
                wrong.append(f"{name}: cf-xarray finds {tied} beside it")
    return wrong


if __name__ == "__main__":
    problems = {path: errors_by_cf(path) + read_by_others(path) for path in sys.argv[1:]}
    for path, found in problems.items():
        print(path, "ok" if not found else "", sep=": ")
        print(*(f"  {problem}" for problem in found), sep="\n", end="\n" if found else "")
    sys.exit(any(problems.values()))
