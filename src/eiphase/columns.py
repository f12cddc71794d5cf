"""Matrices column by column, as the kernels of spiking neurons read them.

Whatever a neuron's spike adds to all others lies in one piece of memory. It starts at a cache
line: a vector that crosses two takes longer to load.
"""

import math

import numpy as np

CACHE_LINE = 64  # bytes


def address(array: np.ndarray) -> int:
    """Of its first number; `array.ctypes.data` takes thrice as long to find it."""
    return array.__array_interface__["data"][0]


def aligned_empty(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Memory for numbers, the first at the start of a cache line; what it holds is open."""
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(n_bytes + CACHE_LINE, np.uint8)
    first = -address(memory) % CACHE_LINE
    return memory[first : first + n_bytes].view(dtype).reshape(shape)


def padded(n: int, dtype: str) -> int:
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
