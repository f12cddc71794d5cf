import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from eiphase.numerics import simd


@njit
def byte_sums(rows, offset, indices, start, stop, out):
    even, odd = simd.add_up_bytes(rows, offset, indices, start, stop)
    simd.store_row(out, 0, even)
    simd.store_row(out, 1, odd)


@njit
def shifted(x, left, right):
    return simd.shifted_32(x, left, right)


@pytest.mark.parametrize(("dtype", "width"), [("float64", 32), ("int16", 128), ("int32", 64)])
def test_rows_fill_256_bytes_each_from_a_cache_line(dtype, width):
    for n in (1, 5, 400):
        rows = simd.aligned(n, dtype)
        assert rows.shape == (n, width)
        assert rows.dtype == dtype
        assert rows.ctypes.data % 64 == 0
        assert not rows.any()


@pytest.mark.parametrize("dtype", ["float64", "int16"])
@pytest.mark.parametrize("n", [1, 32, 129, 300])
def test_columns_in_rows_hold_the_columns(n, dtype):
    matrix = np.random.default_rng(n).integers(-200, 200, (n, n)).astype(dtype)
    rows = simd.columns_in_rows(matrix, dtype)
    blocks = rows.reshape(simd.n_blocks(n, dtype), n, simd.width(dtype))
    padded = blocks.transpose(0, 2, 1).reshape(-1, n)
    assert np.array_equal(padded[:n], matrix)
    assert not padded[n:].any()


@pytest.mark.parametrize("m", [1, 128, 300])
def test_bytes_add_up_by_halves(m):
    """Columns of a matrix of bytes, as many as surely fit, all of the largest number too."""
    most = simd.SUMMED_BYTES
    matrix = np.random.default_rng(m).integers(0, 256, (m, most + 5), dtype=np.uint8)
    matrix[0] = 255
    rows = simd.byte_columns_in_rows(matrix)
    indices = np.arange(2, most + 3)
    found = simd.aligned(2, "uint16")
    expected = np.zeros(-(-m // 256) * 256, int)
    for start, stop in [(0, most), (3, 9), (4, 4)]:
        expected[:m] = matrix[:, indices[start:stop]].astype(int).sum(axis=1)
        for block in range(len(expected) // 256):
            byte_sums(rows, block * matrix.shape[1], indices, start, stop, found)
            assert np.array_equal(found.ravel(), expected[block * 256 : (block + 1) * 256])


@given(x=st.integers(-(2**31), 2**31 - 1), left=st.integers(0, 31), right=st.integers(0, 31))
def test_shifts_stay_in_32_bits(x, left, right):
    kept = (x << left) % 2**32
    signed = kept - 2**32 if kept >= 2**31 else kept
    assert shifted(np.int32(x), np.int32(left), np.int32(right)) == signed >> right
