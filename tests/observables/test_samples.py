"""Samples in blocks, kept or as sums of products: the same statistics either way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiphase.observables.samples import Samples


@given(seed=st.integers(0, 2**32 - 1), n_samples=st.integers(2, 40), data=st.data())
def test_traces_and_variances_are_those_of_the_covariance_matrix(seed, n_samples, data):
    """More samples than neurons, or fewer, in blocks of any length."""
    n = data.draw(st.integers(1, 25))
    cuts = sorted(data.draw(st.lists(st.integers(0, n_samples), max_size=4)))
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_samples, n)) @ rng.normal(size=(n, n)) + 100 * rng.normal(size=n)
    samples = Samples(n_samples, n)
    for block in np.split(x, cuts):
        samples.add(block)
    assert len(samples) == n_samples
    covariance = np.atleast_2d(np.cov(x.T, bias=True)) * n_samples
    expected = np.trace(covariance), np.trace(covariance @ covariance)
    np.testing.assert_allclose(samples.traces(), expected, rtol=1e-9)
    weights = rng.normal(size=n)
    expected = (x @ weights).var()
    assert samples.variance_of_sum(weights) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_memory_ends_at_the_square_of_the_neurons():
    def size(n_samples):
        samples = Samples(n_samples, 50)
        arrays = [a for a in vars(samples).values() if isinstance(a, np.ndarray)]
        return sum(a.nbytes for a in arrays)

    assert size(10) < size(50) == size(51) == size(10**9)
