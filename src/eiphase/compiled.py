"""Numba's `njit`, with compiled kernels kept by version of the code and by node, for all jobs.

Numba looks only at the file that a kernel stands in, not at those of what the kernel calls: here
each version of the code has its own folder. Numba numbers its files: two jobs at once, of two
kinds of processor or for two kinds of arrays, could take the same number, and a third load the
wrong kernel. So each node has its own folder, to which one job at a time adds.
"""

import hashlib
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

import llvmlite
import numba
import numpy as np
import scipy
from numba import config
from numba.core.caching import FunctionCache
from numba.core.runtime import rtsys

_PACKAGE = Path(__file__).parent


def njit(*, cache: bool) -> Callable[[Callable], Any]:
    """Numba's decorator; with `cache`, what it compiles is kept in `FOLDER`."""

    def decorate(function: Callable) -> Any:
        kernel = numba.njit(function)
        if cache:
            kernel._cache = _SharedCache(function)
        return kernel

    return decorate


class _SharedCache:
    """Numba's cache of a kernel, to which one process at a time adds.

    What cannot be kept, on a full disk or where there are no locks, serves this process alone.
    """

    def __init__(self, function: Callable):
        self._function = function

    @cached_property
    def _numbas(self) -> FunctionCache | None:
        """Looked for when the kernel is called: of many, Numba tries each time if it can write."""
        # For this kernel, and not for those of others. Numba raises if it can write nowhere.
        with mock.patch.object(config, "CACHE_DIR", str(FOLDER)), suppress(RuntimeError):
            found = FunctionCache(self._function)
            if FOLDER in Path(found.cache_path).parents:  # else it could not write there
                return found
        return None

    @property
    def cache_path(self) -> str | None:
        return self._numbas and self._numbas.cache_path

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Numba's own would first import all that Numba can compile, which takes 0.1 to 0.3 s.

        Loaded code does without, or its modules are imported with it. Where something must be
        compiled after all, Numba imports the rest then.
        """
        rtsys.initialize(target)
        return self._numbas and self._numbas._load_overload(signature, target)

    def save_overload(self, signature: Any, compiled: Any) -> None:
        if self._numbas:
            import fcntl  # which Windows does not have

            with suppress(OSError), (FOLDER / "lock").open("w", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                self._numbas.save_overload(signature, compiled)

    def flush(self) -> None:
        """Have nothing kept of the kernel: Numba asks for that before it compiles it anew."""
        if self._numbas:
            self._numbas.flush()


def _folder() -> Path:
    """Where NUMBA_CACHE_DIR says; else beside Python's own compiled files, or the user's cache."""
    pythons = _PACKAGE / "__pycache__"
    parent = pythons / "kernels"
    if config.CACHE_DIR:
        parent = Path(config.CACHE_DIR).absolute()
    elif not os.access(pythons if pythons.exists() else _PACKAGE, os.W_OK):
        with suppress(RuntimeError):  # of a user without a home, for whom nothing is kept
            users = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
            parent = users / "eiphase"
    return parent / _version() / platform.node()


def _version() -> str:
    """Of all modules with kernels, of what compiles them, and of what their tables are from."""
    versions = [package.__version__ for package in (llvmlite, numba, np, scipy)]
    digest = hashlib.sha256(" ".join(versions).encode())
    for path in sorted(_PACKAGE.glob("*.py")):
        source = path.read_bytes()
        if path == Path(__file__) or b"\n@njit" in source or b"\n@intrinsic" in source:
            digest.update(source)
    return digest.hexdigest()[:16]


FOLDER = _folder()
"""Of the kernels of this version of the code, on this node."""
