"""Mean and variance in blocks against NumPy's, in one piece."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eiphase.observables.moments import ActivityMoments


@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_in_blocks_as_in_one_piece(seed, data):
    n_steps = data.draw(st.integers(1, 50))
    cuts = sorted(data.draw(st.lists(st.integers(0, n_steps), max_size=5)))
    x = np.random.default_rng(seed).normal([0.0, 1.0, 1e6], size=(n_steps, 3))
    found = ActivityMoments(3)
    for block in np.split(x, cuts):
        found.add(block)
    assert found.n_steps == n_steps
    np.testing.assert_allclose(found.mean, x.mean(axis=0), rtol=1e-14, atol=1e-14)
    expected = x.astype(np.longdouble).var(axis=0).mean()
    np.testing.assert_allclose(found.variance, float(expected), rtol=1e-9, atol=1e-20)
    np.testing.assert_allclose(found.sum_of_squares, (x**2).sum(), rtol=1e-13)


def test_a_small_variance_far_from_zero_keeps_its_digits():
    """Sums of squares would have lost all: 1 + 1e-20 is 1 in double precision."""
    x = 1.0 + 2.0**-33 * np.tile([[0.0], [1.0]], (500, 4))
    found = ActivityMoments(4)
    for block in np.split(x, 10):
        found.add(block)
    np.testing.assert_allclose(found.variance, 2.0**-68, rtol=1e-6)


def test_joined_parts_are_as_one():
    x = np.random.default_rng(0).normal(size=(70, 5))
    parts = [ActivityMoments.of(part) for part in np.split(x, [30])]
    joined, whole = parts[0].joined(parts[1]), ActivityMoments.of(x)
    np.testing.assert_allclose(joined.mean, whole.mean, atol=1e-15)
    np.testing.assert_allclose(joined.squares, whole.squares, rtol=1e-13)
    assert joined.n_steps == 70
    assert parts[0].n_steps == 30  # which stays what it was
    assert np.array_equal(parts[0].joined(ActivityMoments(5)).squares, parts[0].squares)
    assert np.isnan(ActivityMoments(5).variance)
