import numpy as np
import pytest

from eiphase.mapping import rate_to_lif
from eiphase.networks import lif
from eiphase.networks.lif import LIFParameters


@pytest.mark.parametrize("name", ["balanced", "critical"])
def test_spikes_are_the_tutorials(tutorial, name):
    parameters, _ = rate_to_lif.rate_to_lif(tutorial[name].half, tutorial[name].point, "tutorial")
    spikes = lif.run(parameters, 1000).spikes
    assert np.array_equal(spikes, tutorial[name].spikes("lif"))


def test_a_lone_neuron_fires_when_its_exact_solution_says():
    """v(t) = (b / dv)(1 - (1 - dv)^t) without input; it fires at the first t with v > vth."""
    dv, bias = 0.01, 0.05
    parameters = LIFParameters(weights=np.zeros((1, 1)), du=0.07, dv=dv, vth=1.0, bias=bias)
    recording = lif.run(parameters, 200)
    exact = bias / dv * (1 - (1 - dv) ** np.arange(1, 201))
    period = int(np.argmax(exact > 1.0)) + 1
    fired = np.flatnonzero(recording.spikes[:, 0]) + 1
    assert fired.tolist() == list(range(period, 201, period))
    np.testing.assert_allclose(recording.voltage[: period - 1, 0], exact[: period - 1], rtol=1e-12)
    assert recording.voltage[period - 1, 0] == 0


def test_a_spike_acts_one_step_later():
    weights = np.array([[0.0, 0.0], [0.5, 0.0]])  # from neuron 0 to neuron 1
    parameters = LIFParameters(weights=weights, du=0.5, dv=0.5, vth=0.9, bias=1.0)
    recording = lif.run(parameters, 3)
    assert recording.spikes[0].tolist() == [1, 1]
    assert recording.current[0].tolist() == [0, 0]
    assert recording.current[1].tolist() == [0, 0.5]
    assert recording.current[2].tolist() == [0, 0.75]


@pytest.mark.parametrize("n_fired", range(10))
def test_columns_add_up_one_after_the_other(n_fired):
    """In any other order the last bits differ: neurons that fire at once, and one that listens."""
    n = 13
    weights = np.random.default_rng(n_fired).normal(size=(n, n))
    weights[:n_fired] = 0
    bias = 1.0  # above threshold in the first step, for those whose voltage is not held down
    parameters = LIFParameters(weights=weights, du=1.0, dv=1.0, vth=0.5, bias=bias)
    simulator = lif.Simulator.of(parameters)
    state, recording = simulator.at_rest(), lif.Recording.empty(2, n)
    state.input[n_fired:n] = -1.0
    simulator.advance(state, recording)
    assert recording.spikes[0].sum() == n_fired
    expected = np.zeros(n)
    for j in range(n_fired):
        expected += weights[:, j]
    assert np.array_equal(recording.current[1], expected)
