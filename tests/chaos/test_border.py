"""Borders of curves whose zero is known."""

import numpy as np
import pytest

from eiphase.chaos import border as critical_line
from eiphase.flags import Crossing, Phase, Refined

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
    assert values[critical_line.of_one_kind(np.array(kinds))].tolist() == [2.0, 4.0]
    kinds = [Crossing.FALL, Crossing.FALL, Crossing.POSITIVE, Crossing.NEGATIVE]
    assert values[critical_line.of_one_kind(np.array(kinds))].tolist() == [2.0, 3.0]


def test_the_interval_holds_the_mean_as_often_as_it_says():
    random = np.random.default_rng(1)
    n_held = 0
    for _ in range(4000):
        _, low, high = critical_line.confidence_interval(random.normal(3, 0.5, size=5))
        n_held += low < 3 < high
    assert n_held / 4000 == pytest.approx(0.95, abs=0.012)


def test_an_interval_reaches_over_the_points_between_which_its_values_were_interpolated():
    """Borders that agree are no surer than the grid is fine; an end may be unknown."""
    values, inner = np.array([2.5, 2.51, 2.49]), np.array([2.4, 2.4, 2.4])
    ends = np.array([[2.0, 2.0, 1.7], [3.0, 3.3, 3.0]])
    assert critical_line.confidence_interval(values, ends) == pytest.approx((2.5, 1.9, 3.1))
    ends[1, 1] = np.nan
    assert critical_line.confidence_interval(values, ends) == pytest.approx(
        (2.5, 1.9, np.nan), nan_ok=True
    )
    _, low, high = critical_line.confidence_interval(values)
    found = critical_line.confidence_interval(values, np.array([inner + 0.099, inner + 0.101]))
    assert found == pytest.approx((2.5, low, high))
    unknown = np.array([ends[:, 0], [np.nan, np.nan], ends[:, 2]]).T
    with_unknown = np.array([2.5, np.nan, 2.5])
    assert critical_line.confidence_interval(with_unknown, unknown) == pytest.approx(
        (2.5, 1.85, 3.0)
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_ends_are_the_nearest_points_whose_sign_is_certain(sign):
    """Beyond two errors: at 1 and 6; 2 and 5 are not certain, 7 has the other sign again."""
    q = np.arange(1.0, 8.0)
    values = sign * np.array([-0.5, -0.5, -0.01, 0.01, 0.5, 0.5, -0.5])
    errors = np.array([0.2, 0.3, 0.1, 0.1, 0.3, 0.2, 0.1])
    if sign > 0:
        assert critical_line.certain_ends(q, values, errors) == (1.0, 6.0)
    shuffled = np.array([4, 1, 6, 0, 3, 5, 2])
    found = critical_line.certain_ends(q[shuffled], values[shuffled], errors[shuffled])
    assert found == critical_line.certain_ends(q, values, errors)
    until_6 = slice(None, 6)
    assert critical_line.certain_ends(q[until_6], values[until_6], errors[until_6]) == (1.0, 6.0)
    known = critical_line.certain_ends(q[until_6], values[until_6], np.full(6, np.nan))
    assert known == (3.0, 4.0)
    nothing = critical_line.certain_ends(q[1:5], values[1:5], errors[1:5])
    assert np.isnan(nothing).all()
    assert np.isnan(critical_line.certain_ends(q, np.abs(values), errors)).all()


def test_one_seed_has_no_interval_and_none_no_mean():
    assert critical_line.confidence_interval(np.array([np.nan, 2.0]))[0] == 2
    assert np.isnan(critical_line.confidence_interval(np.array([np.nan, 2.0]))[1:]).all()
    assert np.isnan(critical_line.confidence_interval(np.array([np.nan]))).all()


def refined_lines(curves, precision, q_factor=Q):
    """Lines on which a curve each was refined, and the points of each round."""
    rounds = []

    def measure(points):
        rounds.append(points)
        return [float(curves[g](q)) for q, g in points]

    lines = {g: {q: float(curve(q)) for q in q_factor.tolist()} for g, curve in curves.items()}
    found = critical_line.refine(lines, measure, precision=precision)
    arrays = {g: (np.array([*line]), np.array([*line.values()])) for g, line in found.items()}
    return arrays, rounds


@pytest.mark.parametrize("precision", [1.0, 0.6, 0.5, 0.26, 0.1, 0.05, 0.001])
@pytest.mark.parametrize("border", [4.7, 1.0001, 9.9])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_border_is_refined_in_as_many_points_as_bisection_takes(precision, border, sign):
    """A jump, as of damage, and a bend: both where interpolation in a wide bracket errs."""
    curves = {
        4.0: lambda q: sign * (1 if q >= border else -0.5),
        5.0: lambda q: sign * ((q / border) ** 8 - 1),
    }
    lines, rounds = refined_lines(curves, precision)
    n_rounds = int(np.ceil(np.log2(1 / precision)))
    assert len(rounds) == n_rounds
    assert all(sorted(g for _, g in points) == [4.0, 5.0] for points in rounds)
    for q, values in lines.values():
        assert len(q) == len(Q) + n_rounds
        found, width, flag = critical_line.refined(q, values, precision=precision)
        assert flag == Refined.REACHED
        assert precision / 2 < width <= precision
        assert abs(found - border) <= precision
        assert critical_line.crossing(q, values)[1] == (
            Crossing.RISE if sign > 0 else Crossing.FALL
        )


@pytest.mark.parametrize("curve", [lambda q: 1, lambda q: -1, lambda q: np.nan])
def test_without_a_change_of_sign_nothing_is_measured(curve):
    lines, rounds = refined_lines({4.0: curve}, 0.1)
    assert not rounds
    found, width, flag = critical_line.refined(*lines[4.0], precision=0.1)
    assert np.isnan([found, width]).all()
    assert flag == Refined.NO_CHANGE


def test_of_several_changes_the_first_rise_is_refined_and_the_others_left_alone():
    """Rises at 2.3 and 8.3, a fall at 5.3."""
    lines, rounds = refined_lines({4.0: lambda q: -np.cos(np.pi * (q - 0.8) / 3)}, 0.01)
    assert all(2 < q < 3 for points in rounds for q, _ in points)
    assert critical_line.refined(*lines[4.0], precision=0.01)[0] == pytest.approx(2.3, abs=1e-4)
    assert critical_line.crossing(*lines[4.0])[1] == Crossing.SEVERAL


def test_several_changes_between_two_points_end_at_one_of_them():
    """The grid sees one rise, from 4 to 5; there are three changes: at 4.2, 4.6 and 4.9."""
    lines, _ = refined_lines({4.0: lambda q: (q - 4.2) * (q - 4.6) * (q - 4.9)}, 0.001)
    found, _, flag = critical_line.refined(*lines[4.0], precision=0.001)
    assert min(abs(found - rise) for rise in (4.2, 4.9)) < 1e-4
    assert flag == Refined.REACHED
    assert critical_line.crossing(*lines[4.0])[1] == Crossing.RISE


def test_a_value_that_is_not_defined_stops_its_line_alone():
    curves = {
        4.0: lambda q: np.nan if 4.2 < q < 4.4 else q - 4.3,
        5.0: lambda q: q - 4.3,
    }
    lines, rounds = refined_lines(curves, 0.1)
    assert [[g for _, g in points] for points in rounds] == [[4.0, 5.0]] * 2 + [[5.0]] * 2
    found, width, flag = critical_line.refined(*lines[4.0], precision=0.1)
    assert np.isnan(found)
    assert (width, flag) == (0.5, Refined.STOPPED)
    assert critical_line.refined(*lines[5.0], precision=0.1)[2] == Refined.REACHED


def test_a_point_of_the_grid_that_is_not_defined_is_not_measured_again():
    _, rounds = refined_lines({4.0: lambda q: np.nan if q == 5 else q - 4.7}, 0.1)
    assert not rounds


def test_a_grid_that_is_not_even_is_refined_too():
    q_factor = np.array([9.0, 1.0, 2.0, 6.0])
    lines, rounds = refined_lines({4.0: lambda q: q - 4.7}, 0.3, q_factor)
    assert [points[0][0] for points in rounds] == [4.0, 5.0, 4.5, 4.75]
    assert critical_line.refined(*lines[4.0], precision=0.3)[0] == pytest.approx(4.7)


def test_where_there_is_no_activity_nothing_drives_a_border():
    values = {
        "lyapunov_exponent": np.array([-0.1, 0.2, 0.3, 0.4]),
        "spike_damage": np.array([0.1, 0.2, 0.8, 0.9]),
        "phase": np.array([Phase.UNDECIDED, Phase.SATURATED, Phase.CHAOS, Phase.BROKEN]),
    }
    exponents = critical_line.driver("rate", values)
    np.testing.assert_allclose(exponents, [-0.1, np.nan, 0.3, np.nan])
    for backend in ("lif_float", "lif_bit_accurate"):
        damage = critical_line.driver(backend, values)
        np.testing.assert_allclose(damage, [-0.4, np.nan, 0.3, np.nan])
