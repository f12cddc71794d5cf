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


def test_rate_neurons_couple_as_the_eigenvalues_of_their_network_say(half):
    """All but a few scattered eigenvalues lie within R."""
    point = network(4.2)
    of_weights = weights.weights(half, q_factor=4.2, g_factor=4.5)
    state = fixed_point.settled(of_weights, 10.0, step_size=0.01).state
    sizes = np.sort(np.abs(fixed_point.eigenvalues(of_weights, state)))
    found = effective_coupling.of_rate(HalfMoments.of(half), point)
    assert sizes[-6] == pytest.approx(found, rel=0.25)


@pytest.mark.parametrize("refractory", [0.0, 0.05])
def test_the_mapping_equates_both(half, refractory):
    point = network(4.0, refractory=refractory)
    scale = rate_to_lif.corrected(half, point).value
    moments = HalfMoments.of(half)
    wanted = effective_coupling.of_rate(moments, point)
    assert effective_coupling.of_lif(moments, point, scale) == pytest.approx(wanted, rel=1e-6)
    assert effective_coupling.of_lif(moments, point, 1.1 * scale) > 1.1 * wanted
