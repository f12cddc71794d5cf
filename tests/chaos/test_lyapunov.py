"""The exponent and its error from a perturbation's growth, where both are known."""

import numpy as np
import pytest

from eiphase.chaos.lyapunov import BLOCKS, exponent
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


@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_the_error_is_the_standard_deviation_of_the_mean(memory):
    """Of growth with correlations a^|k|: sigma^2 = (1 + a) / (1 - a) / T for unit variance."""
    rng = np.random.default_rng(0)
    n_steps, squares = 2000, []
    for _ in range(300):
        x = rng.normal(size=n_steps)
        for t in range(1, n_steps):
            x[t] = memory * x[t - 1] + np.sqrt(1 - memory**2) * x[t]
        squares.append(exponent(x).error ** 2)
    expected = (1 + memory) / (1 - memory) / n_steps
    assert np.mean(squares) == pytest.approx(expected, rel=0.15)


def test_steady_growth_has_no_error():
    found = exponent(np.full(57, -0.25))
    assert found.value == pytest.approx(-0.25)
    assert found.error == pytest.approx(0, abs=1e-15)


def test_what_is_no_number_is_flagged():
    vanished = exponent(np.array([0.1, -np.inf, np.nan]))
    assert np.isnan(vanished.value)
    assert vanished.flag == ExponentFlag.VANISHED
    broken = exponent(np.array([0.1, np.nan]))
    assert np.isnan(broken.value)
    assert broken.flag == ExponentFlag.BROKEN


def test_too_few_steps_have_a_value_but_no_error():
    found = exponent(np.arange(2.0 * BLOCKS - 1))
    assert found.value == BLOCKS - 1
    assert np.isnan(found.error)
