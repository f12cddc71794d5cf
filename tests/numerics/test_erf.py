import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

from eiphase.numerics.erf import LAST, NODES_PER_UNIT, erf, erf_slope


def of(x):
    out = np.empty(len(x))
    erf(np.asarray(x, float), out)
    return out


def exact(x):
    r"""To 40 digits, by $\frac{2}{\sqrt\pi} e^{-x^2} \sum_n 2^n x^{2n+1} / (2n+1)!!$."""
    with localcontext() as context:
        context.prec = 50
        x = Decimal(float(x))
        pi = Decimal("3.14159265358979323846264338327950288419716939937510")
        term = total = x
        n = 0
        while term > total * Decimal(10) ** -42:
            n += 1
            term *= 2 * x * x / (2 * n + 1)
            total += term
        return 2 / pi.sqrt() * (-x * x).exp() * total


def error_in_ulp(x):
    """Largest error of `erf` over x > 0, in units in the last place of the exact value."""
    worst = 0.0
    for argument, found in zip(x, of(x), strict=True):
        expected = exact(argument)
        unit = Decimal(math.ulp(float(expected)))
        worst = max(worst, float(abs(Decimal(float(found)) - expected) / unit))
    return worst


@pytest.mark.parametrize(
    ("low", "high"), [(1e-300, 1e-3), (1e-3, 0.03), (0.03, 0.5), (0.5, 2.0), (2.0, 5.9), (5.9, 7.0)]
)
def test_the_error_is_below_two_units_in_the_last_place(low, high):
    exponents = np.random.default_rng(0).uniform(np.log(low), np.log(high), 700)
    assert error_in_ulp(np.exp(exponents)) < 2


def test_the_error_stays_small_on_both_sides_of_each_change_of_node():
    middle = (np.arange(LAST * NODES_PER_UNIT) + 0.5) / NODES_PER_UNIT
    assert error_in_ulp(np.concatenate([middle, np.nextafter(middle, 0)])) < 2


def test_is_odd():
    x = np.random.default_rng(0).normal(size=1001)
    assert np.array_equal(of(-x), -of(x))


def test_limits_and_what_is_no_number():
    found = of([0.0, -0.0, np.inf, -np.inf, 1e308, np.nan, 5e-324])
    assert np.array_equal(found, [0, 0, 1, -1, 1, np.nan, 5e-324], equal_nan=True)
    assert np.signbit(found[:2]).tolist() == [False, True]


def test_bits_do_not_depend_on_the_length_of_the_array():
    x = 3 * np.random.default_rng(0).normal(size=1100)
    together = of(x)
    for n in (1, 7, 511, 512, 513):
        assert np.array_equal(of(x[-n:]), together[-n:])


def slopes(x):
    out = np.empty(len(x))
    erf_slope(np.asarray(x, float), out)
    return out


def test_the_slope_has_a_relative_error_below_1e_15():
    rng = np.random.default_rng(0)
    edges = (np.arange(LAST * NODES_PER_UNIT) + 0.5) / NODES_PER_UNIT
    x = np.concatenate([rng.uniform(-LAST, LAST, 3000), edges, np.nextafter(edges, 0), [0.0]])
    with localcontext() as context:
        context.prec = 40
        pi = Decimal("3.14159265358979323846264338327950288419716939937510")
        for argument, found in zip(x, slopes(x), strict=True):
            expected = 2 / pi.sqrt() * (-(Decimal(float(argument)) ** 2)).exp()
            assert abs(Decimal(float(found)) / expected - 1) < Decimal("1e-15")


def test_the_slope_far_out_is_zero_and_that_of_no_number_none():
    found = slopes([LAST, -LAST, 7.5, np.inf, -np.inf, np.nan])
    assert np.array_equal(found, [0, 0, 0, 0, 0, np.nan], equal_nan=True)


def test_the_slope_does_not_depend_on_the_length_of_the_array():
    x = 3 * np.random.default_rng(0).normal(size=1100)
    together = slopes(x)
    for n in (1, 7, 511, 512, 513):
        assert np.array_equal(slopes(x[-n:]), together[-n:])
