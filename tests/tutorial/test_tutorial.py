"""What the tutorial states in words, checked on its two networks."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import eiphase
from eiphase.figures import save
from eiphase.flags import Flag
from eiphase.networks.weights import Network
from eiphase.observables import fluctuation

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
    assert late["balanced"].std("step").max() < 0.01
    assert late["critical"].std("step").min() > 0.01
    assert late["critical"].std("step").mean() > 1


def test_balanced_covariance_of_rates_is_small(c):
    """ "Its values are small (<< 1)"."""
    assert c["balanced", "rate"][0] == pytest.approx(7.172e-5, rel=1e-3)


def test_balanced_covariance_of_spikes_is_small_and_decays_quickly(c):
    """ "Overall values are small"; "for non-vanishing time lags [it] quickly decays"."""
    spikes = c["balanced", "lif_float"]
    assert spikes[0] == pytest.approx(0.13320, rel=1e-3)
    time, flag = fluctuation.decay_time(spikes)
    assert flag == Flag.OK
    assert time < 10


@pytest.mark.parametrize(
    ("backend", "printed"), [("rate", 44.636), ("lif_float", 41.857), ("lif_bit_accurate", 33.398)]
)
def test_critical_covariance_is_large_and_decays_slowly(c, backend, printed):
    """ "For positive time lags [it] still is large"; "a slow decay"."""
    critical = c["critical", backend]
    assert critical[0] == pytest.approx(printed, rel=1e-4)
    assert critical[25] > critical[0] / 2
    time, _ = fluctuation.decay_time(critical)
    quick, _ = fluctuation.decay_time(c["balanced", "lif_float"])
    assert time > 10 * quick


def test_spikes_start_with_a_synchronous_burst(recordings):
    """ "All neurons are simultaneously driven to the threshold by the external current"."""
    spikes = recordings["balanced", "lif_float"].spikes
    first = int(np.argmax(spikes.any("neuron").values))
    assert spikes[first].all()
    assert spikes[first + 1 :].mean("neuron").max() < 0.5


def received(recordings, name):
    recording = recordings[name, "lif_float"]
    return eiphase.received_input(recording).isel(step=slice(200, None))


@pytest.mark.parametrize("name", NETWORKS)
def test_total_input_is_near_zero_and_slightly_negative(recordings, name):
    """ "The total activation is close to zero with a slight shift to negative values"."""
    found = received(recordings, name).mean()
    assert found.excitatory > 0 > found.inhibitory
    assert -0.25 * found.excitatory < found.total < 0


def test_inputs_are_far_wider_in_the_critical_network(recordings):
    """ "The width [...] is orders of magnitude larger in the high weight case"."""
    balanced, critical = (received(recordings, name) for name in NETWORKS)
    for name in ("excitatory", "inhibitory", "total"):
        assert critical[name].std() / balanced[name].std() > 100
        means = critical[name].mean("step").std() / balanced[name].mean("step").std()
        assert means > 100


def test_received_input_is_the_input_that_moves_the_current(recordings):
    """u(t) = u(t - 1) (1 - du) + a(t - 1), with what Lava recorded."""
    recording = recordings["critical", "lif_float"]
    u = recording.current.values
    total = eiphase.received_input(recording).total.values
    np.testing.assert_allclose(u[1:], u[:-1] * (1 - 0.07) + total[:-1], atol=1e-12)


def test_inputs_of_the_critical_network_last(recordings):
    """ "The fluctuations of the activations evolve on a very long time scale"."""
    times = {}
    for name in NETWORKS:
        total = received(recordings, name).total.values
        c = fluctuation.standard_autocovariance(total, max_lag=300)
        times[name], _ = fluctuation.decay_time(c)
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


@pytest.fixture(scope="module")
def by_name(recordings):
    return {f"{name}_{backend}": recording for (name, backend), recording in recordings.items()}


@pytest.fixture
def drawn(by_name):
    yield lambda name: save.TUTORIAL[name](by_name).axes
    plt.close("all")


def test_figure_of_states(drawn, recordings):
    for axis, name in zip(drawn("states"), NETWORKS, strict=True):
        assert len(axis.lines) == 50
        np.testing.assert_array_equal(
            axis.lines[7].get_ydata(), recordings[name, "rate"].state[:, 7]
        )


def test_figure_of_autocovariances(drawn, c):
    panels = [(name, backend) for name in NETWORKS for backend in ("rate", "lif_float")]
    for axis, key in zip(drawn("autocovariance"), panels, strict=True):
        x, y = axis.lines[0].get_data()
        np.testing.assert_array_equal(y[x >= 0], c[key])
        np.testing.assert_array_equal(y, y[::-1])


def test_figure_of_rasters(drawn, recordings):
    shown = [("balanced", ["lif_float"]), ("critical", ["lif_float"]), ("critical", BACKENDS[1:])]
    for axis, (name, backends) in zip(drawn("rasters"), shown, strict=True):
        n_points = [len(line.get_xdata()) for line in axis.lines]
        n_spikes = [int(recordings[name, backend].spikes.sum()) for backend in backends]
        assert [sum(n_points[i : i + 2]) for i in range(0, len(n_points), 2)] == n_spikes


def test_figure_of_mean_rates(drawn, recordings):
    keys = [("balanced", "rate"), ("balanced", "lif_float")]
    keys += [("critical", backend) for backend in BACKENDS]
    for axis, key in zip(drawn("mean_rates"), keys, strict=True):
        activity = recordings[key].get("state")
        if activity is None:
            activity = fluctuation.boxcar(recordings[key].spikes.values, 25)
        mean = np.mean(activity - np.mean(activity, axis=0), axis=1)[50:-50]
        np.testing.assert_allclose(axis.lines[0].get_ydata(), mean, atol=1e-12)


@pytest.mark.parametrize(
    ("figure", "reduce"),
    [
        ("input_of_a_neuron", lambda a: a.isel(neuron=4)),
        ("input_of_the_population", lambda a: a.mean("step")),
    ],
)
def test_figures_of_inputs(drawn, recordings, figure, reduce):
    for axis, name in zip(drawn(figure), NETWORKS, strict=True):
        expected = reduce(received(recordings, name))
        for patch, kind in zip(axis.patches, ("excitatory", "inhibitory", "total"), strict=True):
            x = patch.get_path().vertices[:, 0]
            assert x.min() == pytest.approx(float(expected[kind].min()))
            assert x.max() == pytest.approx(float(expected[kind].max()))


def test_figure_of_input_over_time(drawn, recordings):
    for axis, name in zip(drawn("input_over_time"), NETWORKS, strict=True):
        expected = received(recordings, name).total[:, :3].values
        found = np.array([line.get_ydata() for line in axis.lines]).T
        np.testing.assert_array_equal(found, expected)


def test_figure_of_the_dynamic_range(drawn, tutorial):
    printed = tutorial["critical"].printed
    for axis, key in zip(drawn("dynamic_range"), ("u_quantiles", "v_quantiles"), strict=True):
        assert [line.get_xdata()[0] for line in axis.lines] == printed[key].tolist()


def test_figure_of_float_and_integers(drawn, c):
    (axis,) = drawn("float_and_integers")
    for line, backend in zip(axis.lines, ("lif_bit_accurate", "lif_float"), strict=True):
        x, y = line.get_data()
        np.testing.assert_array_equal(y[x >= 0], c["critical", backend])
