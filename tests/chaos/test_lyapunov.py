"""The exponent and its error from a perturbation's growth, where both are known."""

import numpy as np
import pytest
from scipy.signal import lfilter

from eiphase.chaos.lyapunov import BLOCKS, exponent, growth_by_distance
from eiphase.flags import ExponentFlag


def test_the_logistic_map_at_4_has_exponent_ln_2():
    x, growth = 0.1234, []
    for _ in range(100_000):
        growth.append(np.log(abs(4 - 8 * x)))
        x = 4 * x * (1 - x)
    found = exponent(np.array(growth))
    assert found.flag == ExponentFlag.OK
    assert found.value == pytest.approx(np.log(2), abs=3 * found.error)
    assert found.error < 0.005


@pytest.mark.parametrize("memory", [0.0, 0.8, 0.98])
def test_the_truth_lies_within_one_and_two_errors(memory):
    """Of Gaussian growth of mean 0 with correlations a^|k|, also as long as half a block."""
    n_steps, n_runs = 2000, 500
    noise = np.random.default_rng(0).normal(size=(n_runs, 2 * n_steps))
    growth = lfilter([1], [1, -memory], noise, axis=1)[:, n_steps:]
    found = [exponent(x) for x in growth]
    distances = np.array([abs(one.value) / one.error for one in found])
    assert np.mean(distances < 1) == pytest.approx(0.68, abs=0.05)
    assert np.mean(distances < 2) == pytest.approx(0.95, abs=0.03)


def test_steady_growth_has_no_error():
    found = exponent(np.full(57, -0.25))
    assert found.value == pytest.approx(-0.25)
    assert found.error == pytest.approx(0, abs=1e-15)


def test_what_is_no_number_is_flagged():
    vanished = exponent(np.array([0.1, -np.inf, np.nan]))
    assert np.isnan(vanished.value)
    assert vanished.flag == ExponentFlag.VANISHED
    unresolved = exponent(np.array([0.1, np.inf, 0.1]))
    assert np.isnan(unresolved.value)
    assert unresolved.flag == ExponentFlag.UNRESOLVED
    broken = exponent(np.array([0.1, np.nan]))
    assert np.isnan(broken.value)
    assert broken.flag == ExponentFlag.BROKEN


def test_too_few_steps_have_a_value_but_no_error():
    found = exponent(np.arange(2.0 * BLOCKS - 1))
    assert found.value == BLOCKS - 1
    assert np.isnan(found.error)


LEVELS = 1e-7 * 2.0 ** np.arange(24)  # up to 0.84


def test_a_linear_map_grows_alike_at_all_distances():
    distances = 1e-9 * 1.1 ** np.arange(400) * np.array([[1.0], [0.7], [0.03]])
    np.testing.assert_allclose(growth_by_distance(distances, LEVELS), np.log(1.1), rtol=1e-9)


def test_the_logistic_map_grows_by_ln_2_until_copies_are_as_far_as_strangers():
    """Orbits of x -> 4 x (1 - x) lie in (0, 1), so that few distances double beyond 0.4."""
    x = np.random.default_rng(1).uniform(0.1, 0.9, 3000)
    y, distances = x + 1e-10, []
    for _ in range(300):
        distances.append(abs(x - y))
        x, y = 4 * x * (1 - x), 4 * y * (1 - y)
    growth = growth_by_distance(np.array(distances).T, LEVELS)
    np.testing.assert_allclose(growth[:15], np.log(2), rtol=0.05)
    assert growth[-1] < 0.5 * np.log(2)


def test_levels_that_a_trial_does_not_reach_have_no_growth():
    distances = np.array([[1.0, 2.0, 4.0, 8.0], [1.0, 2.0, 4.0, 4.0], [1.0, 2.0, 3.0, 4.0]])
    found = growth_by_distance(distances, np.array([1.0, 2.0, 4.0, 8.0]))
    # The last trial takes two steps from 2 to 4.
    np.testing.assert_allclose(found, [np.log(2), 3 * np.log(2) / 4, np.nan])


def test_levels_that_are_passed_at_once_have_no_growth():
    found = growth_by_distance(np.array([[1.0, 1.0, 9.0]]), np.array([1.0, 2.0, 4.0, 8.0]))
    np.testing.assert_allclose(found, [np.log(9) / 2, np.nan, np.nan])
