import numpy as np
import pytest

from eiphase.mapping import effective_coupling, rate_to_lif
from eiphase.mapping.effective_coupling import HalfMoments
from eiphase.networks import weights
from eiphase.networks.weights import Network
from eiphase.theory import fixed_point
from eiphase.theory.lif_working_point import WeightMoments


@pytest.fixture(scope="module")
def half():
    return weights.half_gaussian(weights.gaussian_matrix(400, 2))


def network(q_factor, g_factor=4.5, **changes):
    return Network(n_neurons=400, q_factor=q_factor, g_factor=g_factor, seed=2, **changes)


@pytest.mark.parametrize(("q_factor", "g_factor"), [(1.0, 3.0), (5.0, 6.5)])
def test_moments_are_those_of_the_weights(half, q_factor, g_factor):
    found = HalfMoments.of(half).at(network(q_factor, g_factor))
    exact = WeightMoments.of(weights.weights(half, q_factor=q_factor, g_factor=g_factor))
    for name in WeightMoments.__dataclass_fields__:
        assert getattr(found, name) == pytest.approx(getattr(exact, name), rel=1e-10)


def test_rate_neurons_couple_as_settled_networks_do():
    """The same sum over the states of networks that have settled: few, so each is far off."""
    theory, found = [], []
    for seed in range(1, 7):
        half = weights.half_gaussian(weights.gaussian_matrix(400, seed))
        theory.append(effective_coupling.of_rate(HalfMoments.of(half), network(4.0)))
        of_weights = weights.weights(half, q_factor=4.0, g_factor=4.5)
        state = fixed_point.settled(of_weights, 10.0, step_size=0.01).state
        slope = 2 / np.sqrt(np.pi) * np.exp(-(state**2))
        found.append(np.sqrt((of_weights * slope).var(axis=0).sum()))
    assert np.mean(found) == pytest.approx(np.mean(theory), rel=0.2)
    assert np.mean(theory) < 0.9  # the border of these is at q = 4.4


@pytest.mark.parametrize("refractory", [0.0, 0.05])
def test_the_mapping_equates_both(half, refractory):
    point = network(4.0, refractory=refractory)
    scale = rate_to_lif.corrected(half, point).value
    moments = HalfMoments.of(half)
    wanted = effective_coupling.of_rate(moments, point)
    assert effective_coupling.of_lif(moments, point, scale) == pytest.approx(wanted, rel=1e-6)
    # Stronger weights change the working point, too, at which neurons answer less.
    stronger = effective_coupling.of_lif(moments, point, 1.1 * scale)
    assert 1.02 * wanted < stronger < 1.1 * wanted
