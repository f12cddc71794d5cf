"""Borders of curves whose zero is known."""

import numpy as np
import pytest

from eiphase import critical_line
from eiphase.critical_line import Crossing

Q = np.linspace(1, 10, 10)


def test_a_straight_line_crosses_where_it_does():
    found, flag = critical_line.crossing(Q, 0.3 * (Q - 4.7))
    assert found == pytest.approx(4.7, abs=1e-12)
    assert flag == Crossing.RISE


def test_the_order_of_points_and_undefined_ones_do_not_matter():
    values = 0.3 * (Q - 4.7)
    values[[0, 3, 7]] = np.nan
    shuffled = np.random.default_rng(0).permutation(10)
    found, flag = critical_line.crossing(Q[shuffled], values[shuffled])
    assert found == pytest.approx(4.7, abs=1e-12)
    assert flag == Crossing.RISE


def test_a_fall_is_a_border_too():
    found, flag = critical_line.crossing(Q, 0.3 * (4.7 - Q))
    assert found == pytest.approx(4.7, abs=1e-12)
    assert flag == Crossing.FALL


@pytest.mark.parametrize(
    ("values", "flag"),
    [
        (Q, Crossing.POSITIVE),
        (-Q, Crossing.NEGATIVE),
        (Q * np.nan, Crossing.UNKNOWN),
        (np.where(Q == 3, 1.0, np.nan), Crossing.UNKNOWN),
    ],
)
def test_where_there_is_no_border_it_is_said_why(values, flag):
    found, why = critical_line.crossing(Q, values)
    assert np.isnan(found)
    assert why == flag


def test_the_first_of_several_is_given_and_flagged():
    found, flag = critical_line.crossing(Q, -np.cos(np.pi * (Q - 0.5) / 3))  # rises at 2, 8
    assert found == pytest.approx(2, abs=1e-9)
    assert flag == Crossing.SEVERAL


def test_a_fall_before_the_rise_is_passed_over():
    found, flag = critical_line.crossing(Q, np.cos(np.pi * (Q - 0.5) / 3))  # falls at 2, 8
    assert found == pytest.approx(5, abs=1e-9)
    assert flag == Crossing.SEVERAL


def test_seeds_are_averaged_only_if_they_mean_the_same():
    values = np.array([2.0, 3.0, 4.0, np.nan])
    kinds = [Crossing.RISE, Crossing.FALL, Crossing.SEVERAL, Crossing.NEGATIVE]
    assert critical_line.of_one_kind(values, np.array(kinds)).tolist() == [2.0, 4.0]
    kinds = [Crossing.FALL, Crossing.FALL, Crossing.POSITIVE, Crossing.NEGATIVE]
    assert critical_line.of_one_kind(values, np.array(kinds)).tolist() == [2.0, 3.0]


def test_the_interval_holds_the_mean_as_often_as_it_says():
    random = np.random.default_rng(1)
    n_held = 0
    for _ in range(4000):
        _, low, high = critical_line.confidence_interval(random.normal(3, 0.5, size=5))
        n_held += low < 3 < high
    assert n_held / 4000 == pytest.approx(0.95, abs=0.012)


def test_one_seed_has_no_interval_and_none_no_mean():
    assert critical_line.confidence_interval(np.array([np.nan, 2.0]))[0] == 2
    assert np.isnan(critical_line.confidence_interval(np.array([np.nan, 2.0]))[1:]).all()
    assert np.isnan(critical_line.confidence_interval(np.array([np.nan]))).all()
