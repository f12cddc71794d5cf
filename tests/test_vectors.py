import numpy as np
import pytest
from numba import njit

from eiphase import vectors


@njit
def sums(rows, indices, offset, out):
    vectors.store_row(out, 0, vectors.add_up(rows, indices, offset))


@pytest.mark.parametrize(("dtype", "width"), [("float64", 32), ("int16", 128), ("int32", 64)])
def test_rows_fill_256_bytes_each_from_a_cache_line(dtype, width):
    for n in (1, 5, 400):
        rows = vectors.aligned(n, dtype)
        assert rows.shape == (n, width)
        assert rows.dtype == dtype
        assert rows.ctypes.data % 64 == 0
        assert not rows.any()


@pytest.mark.parametrize("dtype", ["float64", "int16"])
@pytest.mark.parametrize("n", [1, 32, 129, 300])
def test_columns_in_rows_hold_the_columns(n, dtype):
    matrix = np.random.default_rng(n).integers(-200, 200, (n, n)).astype(dtype)
    rows = vectors.columns_in_rows(matrix, dtype)
    blocks = rows.reshape(vectors.n_blocks(n, dtype), n, vectors.width(dtype))
    padded = blocks.transpose(0, 2, 1).reshape(-1, n)
    assert np.array_equal(padded[:n], matrix)
    assert not padded[n:].any()


def test_add_up_adds_one_after_the_other():
    """In any other order the last bits differ."""
    rows = vectors.aligned(100, "float64")
    rows[:] = np.random.default_rng(0).normal(size=rows.shape)
    indices = np.array([3, 7, 8, 20, 21, 22, 57])
    expected = np.zeros(rows.shape[1])
    for i in indices:
        expected += rows[10 + i]
    found = vectors.aligned(1, "float64")
    sums(rows, indices, 10, found)
    assert np.array_equal(found[0], expected)
    sums(rows, indices[:0], 10, found)
    assert not found.any()


def test_integers_add_up_and_wrap():
    rows = vectors.aligned(4, "int16")
    rows[:] = np.array([[30000], [2767], [1], [-5]])
    found = vectors.aligned(1, "int16")
    for indices, expected in [([0, 1], 32767), ([0, 1, 2], -32768), ([0, 3], 29995)]:
        sums(rows, np.array(indices), 0, found)
        assert (found == expected).all()
