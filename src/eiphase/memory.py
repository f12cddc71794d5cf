"""Memory for simulations: shared with a parent process, and kept between simulations."""

import ctypes
import math
import mmap
import re
from pathlib import Path

import numpy as np

# From glibc's malloc.h. 32 MiB is the largest threshold that glibc accepts.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_MMAP_THRESHOLD = 32 * 2**20


def shared_array(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """An array of zeros in anonymous shared memory, inherited by fork.

    It has no name in the system, so nothing stays behind however the processes end.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, max(size, 1)), dtype, math.prod(shape)).reshape(shape)


def available_memory() -> float:
    """Bytes that this machine can still give, by Linux' estimate; infinite if it has none.

    Limits of a container or a job are not in it.
    """
    try:
        found = re.search(
            r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text(encoding="utf-8")
        )
    except OSError:
        return math.inf
    return int(found[1]) * 1024 if found else math.inf


def keep_freed_memory() -> None:
    """Have this process keep the memory that it frees, for its next arrays.

    One simulation after the other needs arrays of the same few sizes. By default glibc
    gives them back to the system each time, and to have their pages mapped again costs as
    much as half of a short simulation. Does nothing where there is no glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
