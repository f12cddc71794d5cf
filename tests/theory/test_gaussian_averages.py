import numpy as np
import pytest
from gaussian_sums import average, average_of_product
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf

from eiphase.theory import gaussian_averages


def slope(x):
    return 2 / np.sqrt(np.pi) * np.exp(-(x**2))


def curvature(x):
    return -2 * x * slope(x)


# Up to a spread of 30: a fixed point of this network may be as wide.
MEANS = st.floats(-15, 15)
VARIANCES = st.floats(1e-3, 900)

ONE_STATE = {
    "mean_output": erf,
    "mean_slope": slope,
    "mean_curvature": curvature,
    "squared_slope": lambda x: slope(x) ** 2,
    "output_slope": lambda x: erf(x) * slope(x),
    "output_curvature": lambda x: erf(x) * curvature(x),
}


@pytest.mark.parametrize("name", ONE_STATE)
@given(mean=MEANS, variance=VARIANCES)
def test_equals_quadrature(name, mean, variance):
    found = getattr(gaussian_averages, name)(mean, variance)
    assert found == pytest.approx(average(ONE_STATE[name], mean, variance), abs=1e-9)


@settings(max_examples=30)
@given(mean=MEANS, variance=st.floats(1e-3, 20), correlation=st.floats(-0.99, 1))
def test_product_equals_quadrature(mean, variance, correlation):
    found = gaussian_averages.output_product(mean, variance, correlation * variance)
    expected = average_of_product(erf, mean, variance, correlation * variance)
    assert found == pytest.approx(expected, abs=1e-8)


@settings(max_examples=30)
@given(mean=MEANS, variance=st.floats(1e-3, 20), correlation=st.floats(-0.99, 1))
def test_slope_product_equals_quadrature(mean, variance, correlation):
    found = gaussian_averages.slope_product(mean, variance, correlation * variance)
    expected = average_of_product(slope, mean, variance, correlation * variance)
    assert found == pytest.approx(expected, abs=1e-6)


def test_slope_is_that_of_erf():
    x = np.linspace(-3, 3, 13)
    expected = (erf(x + 1e-5) - erf(x - 1e-5)) / 2e-5
    np.testing.assert_allclose(gaussian_averages.erf_slope(x), expected, atol=1e-9)
