import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from eiphase import vectors


@njit
def sums(rows, indices, offset, out):
    vectors.store_row(out, 0, vectors.add_up(rows, offset, indices, 0, len(indices)))


@njit
def byte_sums(rows, offset, indices, start, stop, out):
    even, odd = vectors.add_up_bytes(rows, offset, indices, start, stop)
    vectors.store_row(out, 0, even)
    vectors.store_row(out, 1, odd)


@njit
def shifted(x, left, right):
    return vectors.shifted_32(x, left, right)


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


@pytest.mark.parametrize("m", [1, 128, 300])
def test_bytes_add_up_by_halves(m):
    """Columns of a matrix of bytes, as many as surely fit, all of the largest number too."""
    most = vectors.SUMMED_BYTES
    matrix = np.random.default_rng(m).integers(0, 256, (m, most + 5), dtype=np.uint8)
    matrix[0] = 255
    rows = vectors.byte_columns_in_rows(matrix)
    indices = np.arange(2, most + 3)
    found = vectors.aligned(2, "uint16")
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
