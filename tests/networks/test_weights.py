import numpy as np
import pytest

from eiphase.networks import weights


def test_weights_are_the_tutorials():
    """Drawn and masked as its `generate_gaussian_weights` does, from the same seed."""
    q, g, n, n_exc = 1.7, 4.5, 50, 40
    expected = np.random.RandomState(1234).normal(0, (2 * q) ** 2 / n, (n, n))
    expected[:, :n_exc] = np.where(expected[:, :n_exc] < 0, 0, expected[:, :n_exc])
    expected[:, n_exc:] = np.where(expected[:, n_exc:] > 0, 0, expected[:, n_exc:]) * g
    half = weights.half_gaussian(weights.gaussian_matrix(n, 1234))
    assert np.array_equal(weights.weights(half, q_factor=q, g_factor=g), expected)


def test_weights_do_not_change_what_they_are_made_from():
    gaussian = weights.gaussian_matrix(20, 3)
    before = gaussian.copy()
    half = weights.half_gaussian(gaussian)
    half_before = half.copy()
    weights.weights(half, q_factor=2.0, g_factor=5.0)
    assert np.array_equal(gaussian, before)
    assert np.array_equal(half, half_before)


@pytest.mark.parametrize(("n_neurons", "n_exc"), [(5, 4), (400, 320), (401, 320)])
def test_four_fifths_are_excitatory(n_neurons, n_exc):
    assert weights.n_excitatory(n_neurons) == n_exc


def test_seeds_give_different_networks():
    a, b = (weights.gaussian_matrix(30, seed) for seed in (1, 2))
    assert not np.array_equal(a, b)
