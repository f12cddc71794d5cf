import numpy as np
import pytest

from eiphase.numerics import arrays


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("dtype", "per_line"), [("float64", 8), ("int16", 32)])
@pytest.mark.parametrize(("m", "n"), [(1, 1), (8, 5), (64, 64), (65, 3)])
def test_columns_start_at_a_cache_line_and_end_in_zeros(m, n, dtype, per_line, order):
    matrix = np.random.default_rng(m).integers(-9, 9, (m, n)).astype(dtype, order=order)
    found = arrays.columns_of(matrix)
    assert found.dtype == matrix.dtype
    assert found.flags.c_contiguous
    assert found.ctypes.data % 64 == 0
    assert found.shape[1] % per_line == 0
    assert found.shape[1] - m < per_line
    assert np.array_equal(found[:, :m], matrix.T)
    assert not found[:, m:].any()


def test_a_matrix_that_lies_so_is_not_copied():
    matrix = arrays.aligned_empty((3, 16), "float64").T
    matrix[:] = 1
    assert np.shares_memory(arrays.columns_of(matrix), matrix)
    elsewhere = np.empty(16 * 3 + 1)[1:]  # not at a cache line, whatever memory it is given
    elsewhere = elsewhere if elsewhere.ctypes.data % 64 else np.empty(16 * 3 + 2)[1:-1]
    assert not np.shares_memory(arrays.columns_of(elsewhere[: 16 * 3].reshape(3, 16).T), elsewhere)
