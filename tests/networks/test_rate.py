from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiphase.networks import rate
from eiphase.networks import weights as network
from eiphase.networks.weights import Network
from eiphase.numerics import simd


def stepwise(half, point, n_steps):
    """`rate.step`, over and over: the slow and obvious way."""
    n = len(half)
    weights = network.weights(half, q_factor=point.q_factor, g_factor=point.g_factor)
    state, states = np.zeros(n), []
    for _ in range(n_steps):
        state = rate.step(state, weights, np.full(n, point.bias), np.full(n, point.step_size))
        states.append(state)
    return np.array(states)


@pytest.mark.parametrize("name", ["balanced", "critical"])
def test_step_gives_the_tutorials_states(tutorial, name):
    """To the last bits: which BLAS multiplies the matrix decides on them."""
    states = stepwise(tutorial[name].half, tutorial[name].point, 1000)
    for t, printed in tutorial[name].rate_states.items():
        # Chaos multiplies a rounding error of 1e-16 by up to 1e8 within 1000 steps here.
        rtol = 1e-12 if name == "balanced" or t < 200 else 1e-7
        np.testing.assert_allclose(states[t], printed, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", ["balanced", "critical"])
def test_run_gives_the_tutorials_states(tutorial, name):
    states = rate.run(rate.Batch(tutorial[name].half, [tutorial[name].point]), 1000)[0]
    for t, printed in tutorial[name].rate_states.items():
        rtol = 1e-12 if name == "balanced" or t < 200 else 1e-7
        np.testing.assert_allclose(states[t], printed, rtol=rtol, atol=rtol)


@given(
    n_neurons=st.integers(5, 60),
    q_factor=st.floats(0.1, 10),
    g_factor=st.floats(0.5, 10),
    seed=st.integers(0, 2**32 - 1),
    step_size=st.floats(1e-3, 0.1),
    bias=st.one_of(st.just(0.0), st.floats(1e-6, 1)),
)
def test_run_equals_step(n_neurons, q_factor, g_factor, seed, step_size, bias):
    point = Network(
        n_neurons=n_neurons, q_factor=q_factor, g_factor=g_factor, seed=seed,
        step_size=step_size, bias=bias,
    )  # fmt: skip
    half = network.half_gaussian(network.gaussian_matrix(n_neurons, seed))
    expected = stepwise(half, point, 20)
    found = rate.run(rate.Batch(half, [point]), 20)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


def test_a_trajectory_does_not_depend_on_its_company():
    half = network.half_gaussian(network.gaussian_matrix(83, 7))
    points = [
        Network(n_neurons=83, q_factor=q, g_factor=g, seed=7)
        for q, g in np.random.default_rng(0).uniform(1, 10, (37, 2))
    ]
    alone = [rate.run(rate.Batch(half, [p]), 300)[0] for p in points]
    for size in (2, 3, 16, 37):
        for first in range(0, 37, size):
            together = rate.run(rate.Batch(half, points[first : first + size]), 300)
            for states, expected in zip(together, alone[first:], strict=False):
                assert np.array_equal(states, expected)


def test_without_recurrence_relaxes_exponentially():
    """r(t) = (b / dr) (1 - (1 - dr)^t) solves r(t+1) = (1 - dr) r(t) + b."""
    point = Network(n_neurons=5, q_factor=1.0, g_factor=1.0, seed=0, step_size=0.05, bias=0.2)
    states = rate.run(rate.Batch(np.zeros((5, 5)), [point]), 100)[0]
    exact = 0.2 / 0.05 * (1 - 0.95 ** np.arange(1, 101))
    np.testing.assert_allclose(states, np.repeat(exact[:, None], 5, axis=1), rtol=1e-12)


def product_by_definition(matrix, x, total):
    """j ascending, product and sum rounded once: by exact fractions."""
    result = total.copy()
    for i, k in np.ndindex(*total.shape):
        for j in range(matrix.shape[1]):
            exact = Fraction(matrix[i, j]) * Fraction(x[j, k]) + Fraction(result[i, k])
            result[i, k] = float(exact)  # Python rounds a fraction to the nearest
    return result


@pytest.mark.parametrize("n", [1, 7, rate.COLUMNS_PER_BLOCK + 3])
def test_add_product_is_a_chain_of_fused_multiply_adds(n):
    rng = np.random.default_rng(n)
    matrix = rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.5)
    x, total = simd.aligned(n), simd.aligned(n)
    x[:] = rng.normal(size=x.shape)
    total[:] = rng.normal(size=x.shape)
    expected = product_by_definition(matrix, x[:, :5], total[:, :5])
    rate.add_product(*rate.sparse(matrix), x, total)
    assert np.array_equal(total[:, :5], expected)


def test_a_sparse_matrix_holds_all_entries():
    n = 2 * rate.COLUMNS_PER_BLOCK + 1
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.3)
    sparse = rate.sparse(matrix)
    rebuilt = np.zeros_like(matrix)
    start = 0
    for (_, i), end in np.ndenumerate(sparse.ends):
        rebuilt[i, sparse.columns[start:end]] = sparse.values[start:end]
        start = end
    assert np.array_equal(rebuilt, matrix)
