import numpy as np
import pytest

from eiphase.numerics import simd


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
