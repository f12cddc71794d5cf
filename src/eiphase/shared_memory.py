"""Arrays that a forked process and its parent both see."""

import math
import mmap

import numpy as np


def shared_array(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """An array of zeros in anonymous shared memory, inherited by fork.

    It has no name in the system, so nothing stays behind however the processes end.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, max(size, 1)), dtype, math.prod(shape)).reshape(shape)
