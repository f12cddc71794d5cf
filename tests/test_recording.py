"""One network in Python: recordings, their observables, and what `import eiphase` offers."""

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import eiphase
from eiphase import lif, mapping, network, observables
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
    assert backend.split("_")[-1] in figure.get_suptitle().lower() or backend == "lif_float"
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


def test_activation_needs_floating_point(recordings):
    with pytest.raises(SweepError, match="backend is rate, but activation needs lif_float"):
        eiphase.activation(recordings["rate"])


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
