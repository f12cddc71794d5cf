"""Matrices column by column, as the kernels of spiking neurons read them.

Whatever a neuron's spike adds to all others lies in one piece of memory. It starts at a cache
line: a vector that crosses two takes longer to load.
"""

import ctypes
import math
import mmap
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

CACHE_LINE = 64  # bytes


def address(array: np.ndarray) -> int:
    """Memory address of the first element. (`array.ctypes.data` is three times slower.)"""
    return array.__array_interface__["data"][0]


def aligned_empty(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Memory for numbers, the first at the start of a cache line; what it holds is open."""
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(n_bytes + CACHE_LINE, np.uint8)
    first = -address(memory) % CACHE_LINE
    return memory[first : first + n_bytes].view(dtype).reshape(shape)


def padded(n: int, dtype: DTypeLike) -> int:
    """n, or as many more as fill whole cache lines."""
    per_line = CACHE_LINE // np.dtype(dtype).itemsize
    return -(-n // per_line) * per_line


def matrix_of(columns: np.ndarray, m: int) -> np.ndarray:
    """The matrix (m, n) that has these columns, without what pads them; in the same memory."""
    return columns[:, :m].T


def columns_of(matrix: np.ndarray) -> np.ndarray:
    """The columns of a matrix (m, n), one after the other: shape (n, m and some zeros)."""
    m, n = matrix.shape
    transposed = matrix.T
    whole = transposed.flags.c_contiguous and padded(m, matrix.dtype) == m
    if whole and address(transposed) % CACHE_LINE == 0:
        return transposed
    found = aligned_empty((n, padded(m, matrix.dtype)), matrix.dtype)
    found[:, :m] = transposed
    found[:, m:] = 0
    return found


BLOCK_STEPS = 1000  # long against most lags, short enough for memory: numbers depend on it


def blocks(start: int, stop: int, length: int) -> list[slice]:
    """The steps from start to stop, cut at the multiples of a length."""
    edges = [start, *range((start // length + 1) * length, stop, length), stop]
    return [slice(*edge) for edge in pairwise(edges) if edge[0] < edge[1]]


def block_steps(max_lag: int) -> int:
    """Length of a block: `BLOCK_STEPS`, or as many of them as the largest lag needs."""
    return BLOCK_STEPS * max(1, -(-max_lag // BLOCK_STEPS))


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
