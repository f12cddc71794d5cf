"""Numba's `njit`, with compiled kernels kept on disk for all jobs.

Numba's own cache would run a kernel whose callee in another module has changed, or that a disk
has damaged, and two jobs at once can give one number to two kernels. Here a file's name is a
digest of all that its kernel depends on, so no two kernels share a file, and no job needs a lock.
"""

import hashlib
import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
import scipy
from numba import config
from numba import int32 as int32  # for kernels, as `njit` is
from numba import uint16 as uint16
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from eiphase.errors import UserError

_PACKAGE = Path(__file__).parents[1]
_PYTHONS = _PACKAGE / "__pycache__"
_DIGEST_BYTES = 32

if config.DISABLE_JIT:
    raise UserError(
        "NUMBA_DISABLE_JIT is set, but eiphase's kernels are written for the compiler: unset it."
    )


def njit(*, cache: bool) -> Callable[[Callable], Any]:
    """Numba's decorator; with `cache`, compiled kernels are kept in `FOLDER`."""

    def decorate(function: Callable) -> Any:
        kernel = numba.njit(function)
        if cache and _CAN_KEEP:
            kernel._cache = _Kept(function)
        return kernel

    return decorate


# The private names of Numba that are used here. They save each job 0.2 s: Numba's own cache
# imports all that Numba can compile before it loads a kernel. A version of Numba without these
# names compiles in each job.
_CAN_KEEP = hasattr(numba.njit(lambda: None), "_cache") and all(
    hasattr(CompileResult, name) for name in ("_reduce", "_rebuild")
)


class _Kept(NullCache):
    """One kernel's files, each for some types of arguments and some kind of processor."""

    def __init__(self, function: Callable):
        self._function = function

    def load_overload(self, signature: Any, target: Any) -> Any:
        """The kernel, or None if no intact file has it."""
        rtsys.initialize(target)  # memory that kernels allocate
        name = self._name(signature, target.codegen())
        for folder in (FOLDER, _INSTALLED):
            if found := _intact(folder / name):
                return CompileResult._rebuild(target, *pickle.loads(found))
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a kernel; one with addresses, or on a full disk, serves this process alone."""
        if compiled.library.has_dynamic_globals:
            return
        content = dumps(compiled._reduce())
        with suppress(OSError):
            FOLDER.mkdir(parents=True, exist_ok=True)
            _write(FOLDER / self._name(signature, compiled.codegen), content)

    def _name(self, signature: Any, codegen: Any) -> str:
        """Digest of the kernel, the types of its arguments, and the kind of processor."""
        code = self._function.__code__
        depends_on = (
            *(self._function.__module__, self._function.__qualname__, code.co_firstlineno),
            *(_source(code.co_filename), signature, codegen.magic_tuple()),
        )
        digest = hashlib.sha256(repr(depends_on).encode()).hexdigest()[:32]
        return f"{self._function.__name__}-{digest}"


def _intact(path: Path) -> bytes | None:
    """What stands in a file behind its digest; None if that differs or there is no such file.

    Python's pickle, and the processor, would take a damaged kernel as it is.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, kernel = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return kernel if hashlib.sha256(kernel).digest() == digest else None


def _write(path: Path, content: bytes) -> None:
    """Write a file as a whole: others see all of it, or nothing."""
    handle, partial = tempfile.mkstemp(dir=path.parent)
    try:
        with open(handle, "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
        os.chmod(partial, 0o644)  # an installation's users read what its owner compiled
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise


@cache
def _source(path: str) -> str:
    """Digest of the file that a kernel stands in, which need not be one of eiphase's."""
    with suppress(OSError):
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return ""


def _version() -> str:
    """Digest of all modules with kernels, what compiles them, and what their tables are from."""
    versions = [package.__version__ for package in (llvmlite, numba, np, scipy)]
    digest = hashlib.sha256(" ".join([*versions, sys.version]).encode())
    for path in sorted(_PACKAGE.rglob("*.py")):
        source = path.read_bytes()
        if (
            path == _PACKAGE / "numerics/jit.py"
            or b"\n@njit" in source
            or b"\n@intrinsic" in source
        ):
            digest.update(source)
    return digest.hexdigest()[:16]


def _parent() -> Path:
    """Where NUMBA_CACHE_DIR says; else beside Python's own compiled files, or the user's cache."""
    if config.CACHE_DIR:
        return Path(config.CACHE_DIR).absolute()
    if not os.access(_PYTHONS if _PYTHONS.exists() else _PACKAGE, os.W_OK):
        with suppress(RuntimeError):  # a user without a home, for whom nothing is kept
            return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eiphase"
    return _PYTHONS / "kernels"


FOLDER = _parent() / _version()
"""Kernels of this version of the code."""
# A shared installation's kernels, compiled when it was installed, for users who cannot write there.
_INSTALLED = FOLDER if config.CACHE_DIR else _PYTHONS / "kernels" / FOLDER.name
