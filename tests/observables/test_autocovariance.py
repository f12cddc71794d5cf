"""Sums of lagged products in blocks against their definition, pair by pair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiphase.observables.autocovariance import LaggedProducts, products_of_few


def walks(seed, n_steps, n_neurons, offset):
    """Random walks, whose first block has another mean than the whole; far from zero."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(n_steps, n_neurons))
    return steps.cumsum(axis=0) + offset * rng.normal(size=n_neurons)


def in_blocks(x, cuts, max_lag):
    products = LaggedProducts(x.shape[1], max_lag)
    for block in np.split(x, cuts):
        products.add(block)
    return products


def centred(x):
    """In long double: what is expected must have more digits than what is found."""
    x = x.astype(np.longdouble)
    return x - x.mean(axis=0)


@given(
    seed=st.integers(0, 2**32 - 1),
    n_steps=st.integers(2, 120),
    n_neurons=st.integers(1, 5),
    offset=st.sampled_from([0.0, 1.0, 1e6]),
    data=st.data(),
)
def test_in_blocks_as_in_one_piece(seed, n_steps, n_neurons, offset, data):
    max_lag = data.draw(st.integers(0, n_steps - 1))
    cuts = sorted(data.draw(st.lists(st.integers(0, n_steps), max_size=6)))
    x = walks(seed, n_steps, n_neurons, offset)
    found = in_blocks(x, cuts, max_lag)
    y = centred(x)
    linear = [np.sum(y[: n_steps - k] * y[k:]) / n_neurons for k in range(max_lag + 1)]
    circular = [np.sum(y * np.roll(y, k, axis=0)) / n_neurons for k in range(max_lag + 1)]
    tolerance = {"rtol": 0, "atol": 1e-12 * float(linear[0])}
    np.testing.assert_allclose(found.linear(), np.array(linear, float), **tolerance)
    np.testing.assert_allclose(found.circular(), np.array(circular, float), **tolerance)


def test_more_neurons_than_one_transform_takes():
    x = walks(1, 60, 203, 1.0)
    y = centred(x)
    expected = [np.sum(y[: 60 - k] * y[k:]) / 203 for k in range(12)]
    found = in_blocks(x, [7, 20, 41], 11).linear()
    np.testing.assert_allclose(found, np.array(expected, float), rtol=1e-12)


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_what_is_not_finite_stays_so(poison):
    x = walks(1, 60, 4, 1.0)
    x[31, 2] = poison
    assert np.isnan(in_blocks(x, [20, 40], 5).linear()).all()


@pytest.mark.parametrize(
    ("n_rows", "n_neurons", "n_before", "max_lag"),
    [(30, 401, 12, 12), (30, 401, 4, 20), (9, 3, 0, 15), (3000, 3, 2, 2)],
)
def test_products_of_few_rows_are_their_definition(n_rows, n_neurons, n_before, max_lag):
    rows = np.random.default_rng(0).integers(-9, 10, (n_rows, n_neurons)).astype(float)
    expected = [
        sum(rows[t] @ rows[t - lag] for t in range(max(n_before, lag), n_rows))
        for lag in range(max_lag + 1)
    ]
    # Sums of whole numbers are exact, in any order.
    np.testing.assert_array_equal(products_of_few(rows, n_before, max_lag), expected)
