import numpy as np
import pytest
from numba import njit

from eiphase.numerics import simd


def test_rows_fill_256_bytes_each_from_a_cache_line():
    for n in (1, 5, 400):
        rows = simd.aligned(n)
        assert rows.shape == (n, 32)
        assert rows.dtype == np.float64
        assert rows.ctypes.data % 64 == 0
        assert not rows.any()


@pytest.mark.parametrize("n", [1, 32, 129, 300])
def test_columns_in_rows_hold_the_columns(n):
    matrix = np.random.default_rng(n).normal(size=(n, n))
    rows = simd.columns_in_rows(matrix)
    blocks = rows.reshape(simd.n_blocks(n), n, simd.WIDTH)
    padded = blocks.transpose(0, 2, 1).reshape(-1, n)
    assert np.array_equal(padded[:n], matrix)
    assert not padded[n:].any()


@njit
def weighted_sum(factors, rows, out):
    total = simd.zero_row()
    for i in range(len(factors)):
        total = simd.multiply_add(factors[i], simd.load_row(rows, i), total)
    simd.store_row(out, 0, total)


def test_products_are_rounded_with_their_sum():
    """(1 + e)^2 - (1 + 2 e) = e^2, of which nothing is left if the product is rounded alone."""
    e = 2.0**-40
    rows, out = simd.aligned(2), simd.aligned(1)
    rows[0], rows[1] = 1 + 2 * e, 1 + e
    weighted_sum(np.array([-1.0, 1 + e]), rows, out)
    assert (out == e**2).all()


def test_rows_are_those_of_contiguous_floats():
    for rows in (np.zeros((2, 32), np.int64), simd.aligned(4)[::2]):
        with pytest.raises(TypeError, match=r"contiguous arrays of float64"):
            weighted_sum(np.ones(2), rows, simd.aligned(1))
