"""One network in Python: recordings, their observables, and what `import eiphase` offers."""

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import eiphase
from eiphase import lif, loihi, mapping, network, observables
from eiphase.memory import shared_array
from eiphase.sweep import SweepError

POINT = eiphase.Network(n_neurons=50, q_factor=6.0, g_factor=5.0, seed=3)


@pytest.fixture(scope="module")
def recordings():
    backends = ("rate", "lif_float", "lif_bit_accurate")
    return {backend: eiphase.simulate(POINT, backend, steps=400) for backend in backends}


def test_a_recording_holds_what_the_kernel_gives(recordings):
    half = network.half_gaussian(network.gaussian_matrix(50, 3))
    parameters, scale = mapping.rate_to_lif(half, POINT, "tutorial")
    expected = lif.run(parameters, 400)
    found = recordings["lif_float"]
    for name in ("spikes", "current", "voltage"):
        assert np.array_equal(found[name], getattr(expected, name))
    assert found.weight_scale == scale.value
    assert found.current_low == np.quantile(expected.current, 0.2)
    assert found.voltage_high == np.quantile(expected.voltage, 0.8)


def test_recordings_are_labelled(recordings):
    found = recordings["rate"]
    assert found.state.dims == ("time", "neuron")
    assert found.time.values[[0, -1]].tolist() == [1, 400]
    assert (found.population == "E").sum() == 40
    assert found.attrs["q_factor"] == 6.0
    assert all("units" in array.attrs for array in found.data_vars.values())


def test_observables_are_those_of_the_window_asked_for(recordings):
    found = eiphase.measure(recordings["rate"], burn_in=100, max_lag=30)
    states = recordings["rate"].state.values[100:]
    expected = observables.standard_autocovariance(states, max_lag=30)
    assert np.array_equal(found.autocovariance, expected)
    assert found.mean_rate == states.mean()
    spikes = recordings["lif_bit_accurate"].spikes.values
    found = eiphase.measure(recordings["lif_bit_accurate"], burn_in=100, max_lag=30, boxcar=10)
    assert found.mean_rate == pytest.approx(spikes[100:].mean())


def test_activation_is_what_spikes_times_weights_give(recordings):
    recording = recordings["lif_float"]
    half = network.half_gaussian(network.gaussian_matrix(50, 3))
    weights = mapping.rate_to_lif(half, POINT, "tutorial")[0].weights
    found = eiphase.activation(recording)
    t = int(np.argmax(recording.spikes.sum("neuron").values))
    fired = recording.spikes.values[t].astype(bool)
    total = weights[:, fired].sum(axis=1)
    np.testing.assert_allclose(found.total[t], total)
    assert (found.excitatory >= 0).all()
    assert (found.inhibitory <= 0).all()


def test_a_recording_survives_netcdf(recordings, tmp_path):
    recordings["lif_float"].to_netcdf(tmp_path / "recording.nc")
    with xr.open_dataset(tmp_path / "recording.nc") as found:
        assert found.identical(recordings["lif_float"])


@pytest.mark.parametrize("backend", ["rate", "lif_float", "lif_bit_accurate"])
def test_a_recording_can_be_drawn(recordings, backend):
    recording = recordings[backend]
    figure = eiphase.plot_recording(recording, eiphase.measure(recording, burn_in=100, max_lag=30))
    titles = {"rate": "Rate neurons", "lif_float": "LIF, floating", "lif_bit_accurate": "LIF, bit"}
    assert figure.get_suptitle().startswith(titles[backend])
    assert all(axis.get_xlabel() and axis.get_ylabel() for axis in figure.axes)


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"q_factor": -1.0}, {}, "q_factor.0 is -1.0, but input should be greater than 0"),
        (
            {"g_factor": 0.2},
            {},
            "holds 0.2, but the tutorial mapping is defined for g_factor > N_I",
        ),
        ({"n_neurons": 3}, {}, "neurons is 3"),
        ({}, {"backend": "gpu"}, "backend is 'gpu', but input should be 'rate'"),
        ({}, {"steps": 0}, "steps is 0"),
        ({}, {"rate_to_lif": "best"}, "rate_to_lif is 'best'"),
    ],
)
def test_what_cannot_be_simulated_is_said_so(changes, options, message):
    point = eiphase.Network(
        **({"n_neurons": 50, "q_factor": 6.0, "g_factor": 5.0, "seed": 3} | changes)
    )
    with pytest.raises(SweepError, match=message):
        eiphase.simulate(point, **({"backend": "lif_float", "steps": 10} | options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"burn_in": 400, "max_lag": 10}, "burn_in is 400"),
        ({"burn_in": 100, "max_lag": 300}, "max_lag is 300"),
        ({"burn_in": 3, "max_lag": 30}, "at least observables.boxcar - 1 = 24"),
        ({"burn_in": -1, "max_lag": 30}, "burn_in is -1"),
        ({"burn_in": 100, "max_lag": 30, "autocovariance": "best"}, "autocovariance is 'best'"),
    ],
)
def test_what_cannot_be_measured_is_said_so(recordings, options, message):
    with pytest.raises(SweepError, match=message):
        eiphase.measure(recordings["lif_float"], **options)


def test_activation_of_rate_neurons_is_their_recurrent_input(recordings):
    """r(t + 1) = (1 - dr) r(t) + b + dr a(t)."""
    recording = recordings["rate"]
    r, total = recording.state.values, eiphase.activation(recording).total.values
    np.testing.assert_allclose(r[1:], 0.99 * r[:-1] + 0.1 + 0.01 * total[:-1], atol=1e-9)


def test_activation_of_integers_is_in_thresholds(recordings):
    recording = recordings["lif_bit_accurate"]
    found = eiphase.activation(recording)
    assert found.excitatory.min() >= 0 >= found.inhibitory.max()
    real = eiphase.activation(recordings["lif_float"])
    # Weights against the threshold as in floating point, but for their strength.
    per_spike = [float(a.excitatory.sum() / r.spikes.sum()) for a, r in (
        (found, recording), (real, recordings["lif_float"])
    )]  # fmt: skip
    assert per_spike[0] / per_spike[1] == pytest.approx(float(recording.weight_strength), rel=0.25)


def test_the_order_of_dimensions_and_neurons_does_not_matter(recordings):
    recording = recordings["lif_float"]
    options = {"burn_in": 100, "max_lag": 30}
    turned = recording.transpose("neuron", "time").isel(neuron=slice(None, None, -1))
    found = eiphase.measure(turned, **options)
    expected = eiphase.measure(recording, **options)
    np.testing.assert_allclose(found.autocovariance, expected.autocovariance)
    xr.testing.assert_identical(eiphase.activation(turned), eiphase.activation(recording))


def test_a_part_of_a_network_has_no_activation(recordings):
    with pytest.raises(SweepError, match="needs all 50 neurons"):
        eiphase.activation(recordings["lif_float"].isel(neuron=slice(10)))
    with pytest.raises(SweepError, match="is no recording"):
        eiphase.measure(recordings["rate"].isel(neuron=0), burn_in=100, max_lag=30)


def test_mappings_and_diagnostics_are_those_asked_for(recordings):
    identity = eiphase.simulate(POINT, "lif_float", steps=100, rate_to_lif="identity")
    half = network.half_gaussian(network.gaussian_matrix(50, 3))
    weights = network.weights(half, q_factor=6.0, g_factor=5.0) * 0.07
    assert identity.weight_scale == 1
    spikes = identity.spikes.values[60].astype(float)
    np.testing.assert_allclose(eiphase.activation(identity).total[60], weights @ spikes)
    integers = recordings["lif_bit_accurate"]
    names = ("current_low", "current_high", "voltage_low", "voltage_high")
    ranges = loihi.DynamicRange(**{name: float(integers[name]) for name in names})
    real, _ = mapping.rate_to_lif(half, POINT, "tutorial")
    expected = loihi.run(loihi.tutorial(real, ranges), 400)
    assert np.array_equal(integers.spikes, expected.spikes)
    assert integers.voltage_clips == expected.voltage_clips
    assert integers.current_wraps == expected.current_wraps
    assert integers.integer_threshold == loihi.tutorial(real, ranges).vth


def test_options_of_measure_are_heeded(recordings):
    states = recordings["rate"].state.values[100:]
    found = eiphase.measure(recordings["rate"], burn_in=100, max_lag=30, unbiased=False)
    expected = observables.standard_autocovariance(states, max_lag=30, unbiased=False)
    assert np.array_equal(found.autocovariance, expected)
    spikes = recordings["lif_float"].spikes.values
    found = eiphase.measure(recordings["lif_float"], burn_in=100, max_lag=30, boxcar=7)
    assert found.autocovariance[0] == pytest.approx(
        observables.boxcar(spikes, 7)[100:].var(axis=0).mean()
    )


def test_numpys_integers_are_integers():
    point = eiphase.Network(n_neurons=np.int64(20), q_factor=1.0, g_factor=5.0, seed=np.int64(4))
    assert eiphase.simulate(point, "rate", steps=10).sizes["neuron"] == 20


def test_the_picture_shows_the_numbers(recordings):
    recording = recordings["lif_float"]
    observed = eiphase.measure(recording, burn_in=100, max_lag=60)
    raster, curve, histogram = eiphase.plot_recording(recording, observed).axes
    excitatory, inhibitory = (line.get_xydata() for line in raster.lines)
    drawn = np.zeros((400, 50))
    for points in (excitatory, inhibitory):
        drawn[points[:, 0].astype(int) - 1, points[:, 1].astype(int)] = 1
    assert np.array_equal(drawn, recording.spikes)
    assert (excitatory[:, 1] < 40).all()
    assert (inhibitory[:, 1] >= 40).all()
    np.testing.assert_array_equal(curve.lines[0].get_ydata(), observed.autocovariance)
    assert curve.lines[1].get_xdata()[0] == observed.decay_time
    labels = [text.get_text() for text in histogram.get_legend().get_texts()]
    assert labels == ["excitatory", "inhibitory", "total"]
    spans = [patch.get_path().vertices[:, 0] for patch in histogram.patches[:3]]
    assert spans[0].min() >= -1e-9
    assert spans[1].max() <= 1e-9


def test_public_names_are_there():
    assert all(hasattr(eiphase, name) for name in eiphase.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        eiphase.nothing  # noqa: B018


def test_importing_eiphase_imports_nothing_heavy():
    code = (
        "import sys, eiphase, eiphase.sweep, eiphase.provenance; "
        "assert not {'lava', 'numba', 'scipy', 'xarray', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("backend", "times"), [("rate", 1), ("lif_float", 1), ("lif_bit_accurate", 2)]
)
def test_steps_are_counted_as_they_are_done(backend, times):
    done = shared_array((1,), "int64")
    eiphase.simulate(POINT, backend, steps=123, steps_done=done)
    assert done[0] == 123 * times
