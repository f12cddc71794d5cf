"""What the tutorial states in words, checked on its two networks."""

import numpy as np
import pytest

import eiphase
from eiphase import observables
from eiphase.network import Network

NETWORKS = {
    "balanced": Network(n_neurons=400, q_factor=1.0, g_factor=4.5, seed=1234, draw=0),
    "critical": Network(n_neurons=400, q_factor=(400 / 6) ** 0.5, g_factor=4.5, seed=1234, draw=1),
}
BACKENDS = ("rate", "lif_float", "lif_bit_accurate")


@pytest.fixture(scope="module")
def recordings():
    return {
        (name, backend): eiphase.simulate(point, backend, steps=1000)
        for name, point in NETWORKS.items()
        for backend in BACKENDS
    }


@pytest.fixture(scope="module")
def c(recordings):
    """Autocovariance at lags 0 to 100, by the tutorial's estimator."""
    return {
        key: eiphase.measure(
            recording, burn_in=200, max_lag=100, autocovariance="tutorial"
        ).autocovariance.values
        for key, recording in recordings.items()
    }


@pytest.mark.parametrize("name", NETWORKS)
def test_recordings_are_the_tutorials(recordings, tutorial, name):
    spikes = recordings[name, "lif_float"].spikes
    assert np.array_equal(spikes, tutorial[name].spikes("lif"))
    states = recordings[name, "rate"].state
    for t, printed in tutorial[name].rate_states.items():
        np.testing.assert_allclose(states[t], printed, rtol=1e-6)
    if name == "critical":
        integers = recordings[name, "lif_bit_accurate"]
        assert np.array_equal(integers.spikes, tutorial[name].spikes("lif_fixed"))


def test_balanced_states_settle_and_critical_ones_do_not(recordings):
    """ "The network settles in a fixed point"; "the stable fixed point is gone"."""
    late = {name: recordings[name, "rate"].state[-100:] for name in NETWORKS}
    assert late["balanced"].std("time").max() < 0.01
    assert late["critical"].std("time").min() > 0.01
    assert late["critical"].std("time").mean() > 1


def test_balanced_covariance_of_rates_is_small(c):
    """ "Its values are small (<< 1)"."""
    assert c["balanced", "rate"][0] == pytest.approx(7.172e-5, rel=1e-3)


def test_balanced_covariance_of_spikes_is_small_and_decays_quickly(c):
    """ "Overall values are small"; "for non-vanishing time lags [it] quickly decays"."""
    spikes = c["balanced", "lif_float"]
    assert spikes[0] == pytest.approx(0.13320, rel=1e-3)
    time, flag = observables.decay_time(spikes)
    assert flag == observables.Flag.OK
    assert time < 10


@pytest.mark.parametrize(
    ("backend", "printed"), [("rate", 44.636), ("lif_float", 41.857), ("lif_bit_accurate", 33.398)]
)
def test_critical_covariance_is_large_and_decays_slowly(c, backend, printed):
    """ "For positive time lags [it] still is large"; "a slow decay"."""
    critical = c["critical", backend]
    assert critical[0] == pytest.approx(printed, rel=1e-4)
    assert critical[25] > critical[0] / 2
    time, _ = observables.decay_time(critical)
    quick, _ = observables.decay_time(c["balanced", "lif_float"])
    assert time > 10 * quick


def test_spikes_start_with_a_synchronous_burst(recordings):
    """ "All neurons are simultaneously driven to the threshold by the external current"."""
    spikes = recordings["balanced", "lif_float"].spikes
    first = int(np.argmax(spikes.any("neuron").values))
    assert spikes[first].all()
    assert spikes[first + 1 :].mean("neuron").max() < 0.5


def activations(recordings, name):
    recording = recordings[name, "lif_float"]
    return eiphase.activation(recording).isel(time=slice(200, None))


@pytest.mark.parametrize("name", NETWORKS)
def test_total_activation_is_near_zero_and_slightly_negative(recordings, name):
    """ "The total activation is close to zero with a slight shift to negative values"."""
    found = activations(recordings, name).mean()
    assert found.excitatory > 0 > found.inhibitory
    assert -0.25 * found.excitatory < found.total < 0


def test_activations_are_far_wider_in_the_critical_network(recordings):
    """ "The width [...] is orders of magnitude larger in the high weight case"."""
    balanced, critical = (activations(recordings, name) for name in NETWORKS)
    for name in ("excitatory", "inhibitory", "total"):
        assert critical[name].std() / balanced[name].std() > 100
        means = critical[name].mean("time").std() / balanced[name].mean("time").std()
        assert means > 100


def test_activation_is_the_input_that_moves_the_current(recordings):
    """u(t) = u(t - 1) (1 - du) + a(t - 1), with what Lava recorded."""
    recording = recordings["critical", "lif_float"]
    u = recording.current.values
    total = eiphase.activation(recording).total.values
    np.testing.assert_allclose(u[1:], u[:-1] * (1 - 0.07) + total[:-1], atol=1e-12)


def test_activations_of_the_critical_network_last(recordings):
    """ "The fluctuations of the activations evolve on a very long time scale"."""
    times = {}
    for name in NETWORKS:
        total = activations(recordings, name).total.values
        c = observables.standard_autocovariance(total, max_lag=300)
        times[name], _ = observables.decay_time(c)
    assert times["balanced"] < 2
    assert times["critical"] > 10


def test_float_and_integers_diverge_but_stay_alike(recordings, c):
    """ "After the first initial time steps, the spike times start diverging", yet the network
    "stays in a very similar dynamical state": it fires a quarter less, c(0) is a fifth lower.
    """
    real, integer = (recordings["critical", b].spikes.values for b in BACKENDS[1:])
    differ = np.flatnonzero((real != integer).any(axis=1))
    assert 20 < differ[0] < 100
    assert integer.mean() == pytest.approx(real.mean(), rel=0.3)
    assert c["critical", "lif_bit_accurate"][0] == pytest.approx(
        c["critical", "lif_float"][0], rel=0.3
    )
