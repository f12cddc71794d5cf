import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from eiphase.numerics.quantiles import PLACES, extremes, spread


@given(
    values=hnp.arrays(
        float,
        st.integers(1, 3000),
        elements=st.one_of(st.floats(-10, 10), st.sampled_from([0.0, 1.0])),
    ),
    probability=st.floats(0, 1),
)
def test_quantiles_are_numpys(values, probability):
    assert spread(values, (probability,)).quantiles == [np.quantile(values, probability)]


@pytest.mark.parametrize("probabilities", [(0.2, 0.8), (0.0, 0.5, 0.501, 1.0)])
def test_quantiles_of_many_values_are_numpys(probabilities):
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(500, 400))
    periodic = np.sin(np.arange(200_000) * 2 * np.pi / 97)
    for values in (normal, np.round(normal, 1), np.maximum(normal, 0), np.zeros(9999), periodic):
        expected = np.quantile(values, probabilities).tolist()
        found = spread(values, probabilities)
        assert found.quantiles == expected
        assert found[:2] == (values.min(), values.max())


@given(
    n=st.integers(4097, 20_000),
    seed=st.integers(0, 1000),
    tied=st.floats(0, 1),
    probabilities=st.lists(st.floats(0, 1), min_size=1, max_size=3),
)
def test_quantiles_are_numpys_where_many_values_are_equal(n, seed, tied, probabilities):
    """As voltages are after a reset; enough values to be bracketed by a sample."""
    rng = np.random.default_rng(seed)
    values = np.where(rng.random(n) < tied, 0.0, rng.normal(size=n))
    expected = np.quantile(values, probabilities).tolist()
    assert spread(values, tuple(probabilities)).quantiles == expected


@pytest.mark.parametrize("outlier", [-9.0, 9.0])
def test_quantiles_do_not_depend_on_what_the_sample_shows(outlier):
    values = np.random.default_rng(0).normal(size=100_000)
    values[(PLACES * values.size).astype(int)] = outlier
    assert spread(values, (0.2, 0.8)).quantiles == np.quantile(values, (0.2, 0.8)).tolist()


@pytest.mark.parametrize("n", [4096, 4097, 20_000])
def test_the_last_quantile_is_the_largest_value(n):
    """Whose rank has none after it; in a sample it may be the largest, too."""
    rng = np.random.default_rng(n)
    for _ in range(20):
        values = np.round(rng.normal(size=n))
        assert spread(values, (0.5, 1.0)).quantiles == [np.median(values), values.max()]


@pytest.mark.parametrize("fraction", [0.005, 0.2])
def test_infinite_values_are_ordered_like_others(fraction):
    """Where a quantile lies near the first of them, too."""
    values = np.random.default_rng(0).normal(size=20_000)
    values[: int(fraction * values.size)] = np.inf
    probabilities = (fraction, 0.99 - fraction)
    found = spread(values, probabilities)
    assert found[:2] == (values.min(), np.inf)
    assert found.quantiles == np.quantile(values, probabilities).tolist()


@pytest.mark.parametrize(("n", "place"), [(10, 7), (10_000, 0), (10_000, 7), (10_000, -1)])
def test_quantiles_of_what_is_not_finite_are_not(n, place):
    values = np.random.default_rng(0).normal(size=n)
    values[place] = np.nan
    found = spread(values, (0.2, 0.8))
    assert np.isnan([*found[:2], *found.quantiles]).all()


@pytest.mark.parametrize("n", [1, 63, 64, 1000])
def test_extremes(n):
    values = np.random.default_rng(n).normal(size=n)
    for _ in range(n):
        values = np.roll(values, 1)
        assert extremes(values) == (values.min(), values.max())
    values[n // 2] = np.nan
    assert np.isnan(extremes(values)).all()
