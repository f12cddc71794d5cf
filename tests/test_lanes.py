from fractions import Fraction

import numpy as np
import pytest

from eiphase import lanes


def product_by_definition(matrix, x, total):
    """j ascending, product and sum rounded once: by exact fractions."""
    result = total.copy()
    for i, k in np.ndindex(*total.shape):
        for j in range(matrix.shape[1]):
            exact = Fraction(matrix[i, j]) * Fraction(x[j, k]) + Fraction(result[i, k])
            result[i, k] = float(exact)  # Python rounds a fraction to the nearest
    return result


@pytest.mark.parametrize("n", [1, 7, lanes.COLUMNS_PER_BLOCK + 3])
def test_add_product_is_a_chain_of_fused_multiply_adds(n):
    rng = np.random.default_rng(n)
    matrix = rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.5)
    x, total = lanes.aligned(n), lanes.aligned(n)
    x[:] = rng.normal(size=x.shape)
    total[:] = rng.normal(size=x.shape)
    expected = product_by_definition(matrix, x[:, :5], total[:, :5])
    lanes.add_product(*lanes.sparse_rows(matrix), x, total)
    assert np.array_equal(total[:, :5], expected)


def test_sparse_rows_hold_the_matrix():
    n = 2 * lanes.COLUMNS_PER_BLOCK + 1
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.3)
    rows = lanes.sparse_rows(matrix)
    rebuilt = np.zeros_like(matrix)
    start = 0
    for (_, i), end in np.ndenumerate(rows.ends):
        rebuilt[i, rows.columns[start:end]] = rows.values[start:end]
        start = end
    assert np.array_equal(rebuilt, matrix)


def test_rows_start_at_cache_lines():
    for n in (1, 5, 400):
        x = lanes.aligned(n)
        assert x.shape == (n, lanes.LANES)
        assert x.ctypes.data % 64 == 0
        assert not x.any()
