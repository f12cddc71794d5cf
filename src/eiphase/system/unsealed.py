"""Datasets without a seal, as users rewrite them: read by a process that may hang or die."""

import math
import multiprocessing
import os
from pathlib import Path

import netCDF4
import numpy as np

from eiphase.errors import DatasetError
from eiphase.numerics.arrays import available_memory

_PATIENCE = 30.0  # seconds that any file gets
_BYTES_PER_SECOND = 2e7  # a slow disk, and compressed
_TOO_LARGE = 3  # exit code of the process


def check(path: Path) -> None:
    """Have all of a file read once, by a process of its own.

    Raises `DatasetError` if that does not end, is killed, or would fill the memory. What is wrong
    in other ways is left to who opens the file.
    """
    reader = multiprocessing.get_context("fork").Process(target=_read, args=(path,), daemon=True)
    reader.start()
    patience = _PATIENCE + path.stat().st_size / _BYTES_PER_SECOND
    reader.join(patience)
    if reader.is_alive():
        reader.kill()
        reader.join()
        raise DatasetError(f"{path} is damaged: to read it did not end within {patience:.0f} s.")
    if reader.exitcode == _TOO_LARGE:
        raise DatasetError(
            f"{path} does not fit: its variables are larger than the "
            f"{available_memory() / 1e9:,.1f} GB of memory that are available."
        )
    if reader.exitcode and reader.exitcode < 0:
        raise DatasetError(f"{path} is damaged: what read it was killed by a signal.")


def _read(path: Path) -> None:
    """Never returns."""
    try:
        with netCDF4.Dataset(path) as file:
            if sum(map(_n_bytes, file.variables.values())) > available_memory():
                os._exit(_TOO_LARGE)
            for holder in (file, *file.variables.values()):
                holder.__dict__  # noqa: B018  all attributes
            for variable in file.variables.values():
                variable[...]
    finally:
        os._exit(0)


def _n_bytes(variable: netCDF4.Variable) -> int:
    size = 8 if variable.dtype is str else np.dtype(variable.dtype).itemsize
    return math.prod(variable.shape) * size
