"""Numba's `njit`, with compiled kernels kept by version of the code and by node, for all jobs.

Numba looks only at the file that a kernel stands in, not at those of what the kernel calls: here
each version of the code has its own folder. Numba numbers its files: two jobs at once, of two
kinds of processor or for two kinds of arrays, could take the same number, and a third load the
wrong kernel. So each node has its own folder, to which one job at a time adds.
"""

import hashlib
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest import mock

import llvmlite
import numba
import numpy as np
import scipy
from numba import config
from numba.core.caching import FunctionCache, IndexDataCacheFile, UserProvidedCacheLocator
from numba.core.runtime import rtsys

from eiphase.errors import UserError

_PACKAGE = Path(__file__).parents[1]
_PYTHONS = _PACKAGE / "__pycache__"
_DIGEST_BYTES = 32

if config.DISABLE_JIT:
    raise UserError(
        "NUMBA_DISABLE_JIT is set, but eiphase's kernels are written for the compiler: unset it."
    )


def njit(*, cache: bool) -> Callable[[Callable], Any]:
    """Numba's decorator; with `cache`, what it compiles is kept in `FOLDER`."""

    def decorate(function: Callable) -> Any:
        kernel = numba.njit(function)
        if cache:
            kernel._cache = _SharedCache(function)
        return kernel

    return decorate


class _Locator(UserProvidedCacheLocator):
    """Has Numba look in its folder, whether that can be written to or not."""

    @classmethod
    def from_function(cls, function: Callable, file: str) -> "_Locator":
        return cls(function, file)


class _SealedFiles(IndexDataCacheFile):
    """Numba's files of a kernel, each with a digest of its bytes behind them.

    A file that was damaged counts as none: Python's pickle, and the processor, would take it as
    it is.
    """

    @contextmanager
    def _open_for_write(self, path: str) -> Iterator[BytesIO]:
        content = BytesIO()
        yield content
        with super()._open_for_write(path) as file:
            file.write(content.getvalue() + hashlib.sha256(content.getvalue()).digest())

    def _load_index(self) -> dict:
        return super()._load_index() if _is_whole(self._index_path) else {}

    def _load_data(self, name: str) -> Any:
        if not _is_whole(self._data_path(name)):
            raise OSError  # Numba's sign for a file that is not there
        return super()._load_data(name)


def _is_whole(path: str) -> bool:
    try:
        content = Path(path).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content[:-_DIGEST_BYTES]).digest() == content[-_DIGEST_BYTES:]


def _numbas_cache(function: Callable, folder: Path) -> FunctionCache:
    """Of one kernel in a folder."""
    with (
        mock.patch.object(config, "CACHE_DIR", str(folder)),
        mock.patch.object(FunctionCache._impl_class, "_locator_classes", [_Locator]),
    ):
        found = FunctionCache(function)
    files = found._cache_file
    found._cache_file = _SealedFiles(
        files._cache_path, found._impl.filename_base, files._source_stamp
    )
    return found


class _SharedCache:
    """Numba's cache of a kernel, to which one process at a time adds.

    What cannot be kept, on a full disk or where there are no locks, serves this process alone.
    """

    def __init__(self, function: Callable):
        self._function = function

    @cached_property
    def _own(self) -> FunctionCache:
        """Looked for when the kernel is called: of many, a job calls some."""
        return _numbas_cache(self._function, FOLDER)

    @property
    def cache_path(self) -> str:
        return self._own.cache_path

    def load_overload(self, signature: Any, target: Any) -> Any:
        """Numba's own would first import all that Numba can compile, which takes 0.1 to 0.3 s.

        Loaded code does without, or its modules are imported with it. Where something must be
        compiled after all, Numba imports the rest then.
        """
        rtsys.initialize(target)
        found = self._own._load_overload(signature, target)
        for folder in () if found else _installed():
            found = found or _numbas_cache(self._function, folder)._load_overload(signature, target)
        return found

    def save_overload(self, signature: Any, compiled: Any) -> None:
        import fcntl  # which Windows does not have

        with suppress(OSError):
            FOLDER.mkdir(parents=True, exist_ok=True)
            with (FOLDER / "lock").open("w", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                self._own.save_overload(signature, compiled)

    def flush(self) -> None:
        """Have nothing kept of the kernel: Numba asks for that before it compiles it anew."""
        with suppress(OSError):
            self._own.flush()


def _folder() -> Path:
    """Where NUMBA_CACHE_DIR says; else beside Python's own compiled files, or the user's cache."""
    parent = _PYTHONS / "kernels"
    if config.CACHE_DIR:
        parent = Path(config.CACHE_DIR).absolute()
    elif not _is_writable():
        with suppress(RuntimeError):  # of a user without a home, for whom nothing is kept
            users = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
            parent = users / "eiphase"
    return parent / _version() / platform.node()


def _is_writable() -> bool:
    return os.access(_PYTHONS if _PYTHONS.exists() else _PACKAGE, os.W_OK)


@cache
def _installed() -> list[Path]:
    """Where kernels may be that were compiled when this code was installed, for all its users.

    A kernel of another node is none for this one, unless the processor is of the same kind.
    """
    if config.CACHE_DIR or _is_writable():
        return []
    return sorted((_PYTHONS / "kernels" / _version()).glob("*/"))


def _version() -> str:
    """Of all modules with kernels, of what compiles them, and of what their tables are from."""
    versions = [package.__version__ for package in (llvmlite, numba, np, scipy)]
    digest = hashlib.sha256(" ".join(versions).encode())
    for path in sorted(_PACKAGE.rglob("*.py")):
        source = path.read_bytes()
        if path == Path(__file__) or b"\n@njit" in source or b"\n@intrinsic" in source:
            digest.update(source)
    return digest.hexdigest()[:16]


FOLDER = _folder()
"""Of the kernels of this version of the code, on this node."""
