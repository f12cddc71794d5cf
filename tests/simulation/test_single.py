"""One network in Python: recordings, their observables, and what `import eiphase` offers."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from counts import autocovariance_of_counts
from lava.proc.lif.models import PyLifModelBitAcc

import eiphase
from eiphase.errors import DatasetError, SweepError
from eiphase.flags import Flag
from eiphase.lava.reference import ei_network
from eiphase.lava.reference.ei_network import EINetwork
from eiphase.mapping import float_to_integer, rate_to_lif
from eiphase.mapping.dynamic_range import dynamic_range
from eiphase.networks import lif, loihi
from eiphase.networks import weights as network
from eiphase.numerics.arrays import shared_array
from eiphase.observables import fluctuation
from eiphase.simulation.tile import simulate_tile
from eiphase.sweep.schema import Sweep
from eiphase.variables import AXES

POINT = eiphase.Network(n_neurons=50, q_factor=6.0, g_factor=5.0, seed=3)


@pytest.fixture(scope="module")
def recordings():
    backends = ("rate", "lif_float", "lif_bit_accurate")
    return {backend: eiphase.simulate(POINT, backend, steps=400) for backend in backends}


def test_a_recording_holds_what_the_kernel_gives(recordings):
    half = network.half_gaussian(network.gaussian_matrix(50, 3))
    parameters, scale = rate_to_lif.rate_to_lif(half, POINT, "tutorial")
    expected = lif.run(parameters, 400)
    found = recordings["lif_float"]
    for name in ("spikes", "current", "voltage"):
        assert np.array_equal(found[name], getattr(expected, name))
    assert found.weight_scale == scale.value
    assert found.current_low == np.quantile(expected.current, 0.2)
    assert found.voltage_high == np.quantile(expected.voltage, 0.8)


def test_recordings_are_labelled(recordings):
    found = recordings["rate"]
    assert found.state.dims == ("step", "neuron")
    assert found.step.values[[0, -1]].tolist() == [1, 400]
    assert (found.population == "E").sum() == 40
    assert found.attrs["q_factor"] == 6.0
    assert all("units" in array.attrs for array in found.data_vars.values())
    assert found.step.attrs == AXES["step"]


def test_measured_flags_are_of_the_type_of_their_values(recordings):
    found = eiphase.measure(recordings["rate"], burn_in=100, max_lag=30)
    assert found.c0_flag.dtype == found.c0_flag.attrs["flag_values"].dtype
    assert found.c0.attrs["ancillary_variables"] == "c0_flag c0_error quality centring_bias"


def test_observables_are_those_of_the_window_asked_for(recordings):
    found = eiphase.measure(recordings["rate"], burn_in=100, max_lag=30)
    states = recordings["rate"].state.values[100:]
    expected = fluctuation.standard_autocovariance(states, max_lag=30)
    assert np.array_equal(found.autocovariance, expected)
    assert found.mean_rate == pytest.approx(states.mean(), rel=1e-14)
    spikes = recordings["lif_bit_accurate"].spikes.values
    found = eiphase.measure(recordings["lif_bit_accurate"], burn_in=100, max_lag=30, boxcar=10)
    assert found.mean_rate == pytest.approx(spikes[100:].mean())


@pytest.mark.parametrize("backend", ["rate", "lif_float", "lif_bit_accurate"])
def test_statistics_are_those_of_a_sweep(recordings, backend):
    sweep = Sweep.model_validate(
        {
            "network": {"neurons": 50},
            "grid": {"q_factor": [6.0], "g_factor": [5.0]},
            "seeds": [3],
            "backends": list(recordings),
            "simulation": {"steps": 400, "burn_in": 100, "max_lag": 30},
            "observables": {"statistics": True},
        }
    )
    ranges = simulate_tile(sweep, sweep.tile("lif_float", 3, 0))
    expected = simulate_tile(sweep, sweep.tile(backend, 3, 0), source=ranges)
    recording = recordings[backend]
    turned = recording.transpose("neuron", "step").isel(neuron=slice(None, None, -1))
    found = eiphase.measure(turned, burn_in=100, max_lag=30, statistics=True)
    assert "total_input_mean" in found
    for name in found.data_vars:
        np.testing.assert_allclose(found[name], expected[name][0], rtol=1e-9, err_msg=name)


def test_states_that_are_not_finite_have_no_statistics(recordings):
    broken = recordings["rate"].copy(deep=True)
    broken.state[300, 7] = np.nan
    found = eiphase.measure(broken, burn_in=100, max_lag=30, statistics=True)
    assert found.integrated_autocorrelation_time_flag == Flag.BROKEN
    for name in ("synchrony", "participation_ratio", "total_input_mean"):
        assert np.isnan(found[name])


def test_statistics_are_measured_when_asked_for_only(recordings):
    found = eiphase.measure(recordings["rate"], burn_in=100, max_lag=30)
    assert "synchrony" not in found


@pytest.fixture(scope="module")
def perturbed():
    return {
        backend: eiphase.simulate(POINT, backend, steps=400, perturb_after=100)
        for backend in ("rate", "lif_float", "lif_bit_accurate")
    }


def test_a_perturbation_beside_changes_nothing_in_a_recording(recordings, perturbed):
    for backend, expected in recordings.items():
        for name in expected.data_vars:
            assert perturbed[backend][name].identical(expected[name])


def test_recorded_growth_averages_to_the_exponent(perturbed):
    may_rest = replace(POINT, refractory=0.05)  # else some neurons fire twice in a step
    spiking = eiphase.simulate(may_rest, "lif_float", steps=400, perturb_after=100)
    for found in (perturbed["rate"], spiking):
        assert found.log_growth.dims == ("step",)
        mean = found.log_growth[100:].mean().item()
        assert found.lyapunov_exponent.item() == pytest.approx(mean)
        assert found.lyapunov_exponent_per_time_constant == pytest.approx(mean / 0.01)
    assert "log_growth" not in perturbed["lif_bit_accurate"]


def test_recorded_damage_starts_after_burn_in_and_ends_as_the_map_says(perturbed):
    for backend, causes in (("lif_float", ["spike"]), ("lif_bit_accurate", ["spike", "bit"])):
        found = perturbed[backend]
        assert found.cause.values.tolist() == causes
        assert found.hamming_distance.dims == ("cause", "step")
        for cause in causes:
            distance = found.hamming_distance.sel(cause=cause)
            assert distance.isnull()[:100].all()
            rates = found.spikes.values[325:].mean(axis=0)
            independent = np.mean(2 * rates * (1 - rates))
            # The twin's rates differ a little from these.
            level = distance[325:].mean().item() / independent
            assert found[f"{cause}_damage"].item() == pytest.approx(level, rel=0.2)
            state_distance = found.state_distance.sel(cause=cause)[325:].mean()
            assert found[f"{cause}_damage_state_distance"] == pytest.approx(state_distance.item())
    assert perturbed["lif_float"].spike_damage > 0.5


@pytest.mark.parametrize("perturb_after", [-1, 397, 1.5, "1"])
def test_perturbations_need_a_burn_in_that_leaves_something_to_measure(perturb_after):
    with pytest.raises(
        SweepError, match=r"perturb_after is .*, but it must be .* from 0 to .* 396"
    ):
        eiphase.simulate(POINT, "rate", steps=400, perturb_after=perturb_after)


def test_input_is_what_spikes_times_weights_give(recordings):
    recording = recordings["lif_float"]
    half = network.half_gaussian(network.gaussian_matrix(50, 3))
    weights = rate_to_lif.rate_to_lif(half, POINT, "tutorial")[0].weights
    found = eiphase.received_input(recording)
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
        ({"q_factor": -1.0}, {}, "^q_factor is -1.0, but input should be greater than 0"),
        (
            {"g_factor": 0.2},
            {},
            "g_factor is 0.2, but the tutorial mapping is defined for g_factor > N_I",
        ),
        ({"n_neurons": 3}, {}, "n_neurons is 3"),
        ({"n_neurons": None}, {}, "n_neurons is None, but input should be a valid integer"),
        ({"q_factor": "6"}, {}, "q_factor is '6', but input should be a valid number"),
        ({"q_factor": np.array([6.0, 7.0])}, {}, "q_factor is array"),
        ({"seed": 1.5}, {}, "seed is 1.5, but input should be a valid integer"),
        ({"bias": np.nan}, {}, "bias is nan, but input should be a finite number"),
        ({"refractory": 0.015}, {}, "^refractory is 0.015, .*: the nearest are 0.01 and 0.02"),
        ({"refractory": -1.0}, {}, "refractory is -1.0, but input should be greater than or"),
        ({}, {"backend": None}, "backend is None, but input should be 'rate'"),
        ({}, {"backend": ["rate"]}, r"backend is \['rate'\], but input should be 'rate'"),
        ({}, {"steps": "many"}, "steps is 'many', but input should be a valid integer"),
        ({}, {"steps": 1000.5}, "steps is 1000.5, but input should be a valid integer"),
        ({}, {"float_to_integer": 8}, "float_to_integer is 8, but input should be 'tutorial'"),
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
        ({"burn_in": 3, "max_lag": 30}, "at least boxcar - 1 = 24"),
        ({"burn_in": "100", "max_lag": 30}, "burn_in is '100', but input should be a valid int"),
        ({"burn_in": 100, "max_lag": None}, "max_lag is None, but input should be a valid int"),
        ({"burn_in": 100, "max_lag": 30, "boxcar": 2.5}, "boxcar is 2.5, but input should be"),
        ({"burn_in": 100, "max_lag": 30, "unbiased": "no"}, "unbiased is 'no', but input should"),
        ({"burn_in": -1, "max_lag": 30}, "burn_in is -1"),
        ({"burn_in": 100, "max_lag": 30, "autocovariance": "best"}, "autocovariance is 'best'"),
    ],
)
def test_what_cannot_be_measured_is_said_so(recordings, options, message):
    with pytest.raises(SweepError, match=message):
        eiphase.measure(recordings["lif_float"], **options)


def test_input_of_rate_neurons_is_recurrent(recordings):
    """r(t + 1) = (1 - dr) r(t) + b + dr a(t)."""
    recording = recordings["rate"]
    r, total = recording.state.values, eiphase.received_input(recording).total.values
    np.testing.assert_allclose(r[1:], 0.99 * r[:-1] + 0.1 + 0.01 * total[:-1], atol=1e-9)


def test_input_of_integers_is_in_thresholds(recordings):
    recording = recordings["lif_bit_accurate"]
    found = eiphase.received_input(recording)
    assert found.excitatory.min() >= 0 >= found.inhibitory.max()
    real = eiphase.received_input(recordings["lif_float"])
    # Weights against the threshold as in floating point, but for their strength.
    per_spike = [float(a.excitatory.sum() / r.spikes.sum()) for a, r in (
        (found, recording), (real, recordings["lif_float"])
    )]  # fmt: skip
    assert per_spike[0] / per_spike[1] == pytest.approx(float(recording.weight_strength), rel=0.25)


def test_the_order_of_dimensions_and_neurons_does_not_matter(recordings):
    recording = recordings["lif_float"]
    options = {"burn_in": 100, "max_lag": 30}
    turned = recording.transpose("neuron", "step").isel(neuron=slice(None, None, -1))
    found = eiphase.measure(turned, **options)
    expected = eiphase.measure(recording, **options)
    np.testing.assert_allclose(found.autocovariance, expected.autocovariance)
    xr.testing.assert_identical(eiphase.received_input(turned), eiphase.received_input(recording))


def test_a_part_of_a_network_has_no_input(recordings):
    with pytest.raises(DatasetError, match="has 10 neurons, but received_input needs all 50"):
        eiphase.received_input(recordings["lif_float"].isel(neuron=slice(10)))
    part = recordings["rate"].isel(neuron=slice(10))
    with pytest.raises(DatasetError, match="has 10 neurons, but received_input needs all 50"):
        eiphase.measure(part, burn_in=100, max_lag=30, statistics=True)


NO_RECORDINGS = {
    "None": (lambda r: None, "must be a dataset from simulate, not None"),
    "an array": (lambda r: r["rate"].state, "must be a dataset from simulate, not a DataArray"),
    "numbers": (lambda r: r["rate"].state.values, "dataset from simulate, not a ndarray"),
    "a network": (lambda r: POINT, "must be a dataset from simulate, not a Network"),
    "observables": (
        lambda r: eiphase.measure(r["rate"], burn_in=100, max_lag=30),
        "no recording: it has neither state nor spikes",
    ),
    "one neuron": (lambda r: r["rate"].isel(neuron=0), "its state has no neuron"),
    "a mean over neurons": (lambda r: r["lif_float"].mean("neuron"), "its spikes has no neuron"),
    "a mean over time": (lambda r: r["rate"].mean("step"), "its state has no step"),
    "no time": (lambda r: r["rate"].isel(step=slice(0)), "its state has no step"),
    "stacked": (lambda r: r["rate"].stack(all=("step", "neuron")), "its state has no step"),
    "two recordings": (
        lambda r: xr.concat([r["rate"], r["rate"]], "run"),
        "has the dimension run: select one",
    ),
    "gaps": (lambda r: r["lif_float"].where(r["lif_float"].step > 9), "spikes are float32"),
    "counts": (lambda r: r["lif_float"].assign(spikes=2 * r["lif_float"].spikes), "not all 0 or 1"),
    "text": (lambda r: r["rate"].assign(state=r["rate"].state.astype(str)), "state are <U"),
}


def test_a_recording_from_before_there_were_refractory_periods_can_be_measured(recordings):
    recording = recordings["lif_float"]
    before = (
        recording.copy()
        .drop_attrs()
        .assign_attrs(
            {name: value for name, value in recording.attrs.items() if name != "refractory"}
        )
    )
    assert recording.attrs["refractory"] == 0
    found, expected = (
        eiphase.measure(one, burn_in=100, max_lag=30, statistics=True)
        for one in (before, recording)
    )
    xr.testing.assert_equal(found, expected)


def test_what_is_measured_knows_how_long_neurons_rest():
    """Excitation makes them fire as soon as their rest is over, in every sixth step."""
    point = eiphase.Network(n_neurons=20, q_factor=25.0, g_factor=1.0, seed=1, refractory=0.05)
    recording = eiphase.simulate(point, "lif_float", steps=200, rate_to_lif="identity")
    assert recording.attrs["refractory"] == 0.05
    observed = eiphase.measure(recording, burn_in=100, max_lag=30)
    assert recording.spikes[100:].values.sum(axis=0).max() in (16, 17)
    assert observed.step_limited == 1
    forgotten = recording.assign_attrs(refractory=0.0)
    assert eiphase.measure(forgotten, burn_in=100, max_lag=30).step_limited == 0


@pytest.mark.parametrize("what", NO_RECORDINGS)
@pytest.mark.parametrize(
    "call",
    [
        lambda recording, _: eiphase.measure(recording, burn_in=100, max_lag=30),
        lambda recording, _: eiphase.received_input(recording),
        eiphase.plot_recording,
    ],
    ids=["measure", "received_input", "plot_recording"],
)
def test_what_is_no_recording_is_said_so(recordings, call, what):
    make, message = NO_RECORDINGS[what]
    observed = eiphase.measure(recordings["rate"], burn_in=100, max_lag=30)
    with pytest.raises(DatasetError, match=message):
        call(make(recordings), observed)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.drop_attrs(), "has lost its attribute n_neurons"),
        (lambda r: r.drop_vars("voltage_high"), "has lost its variable voltage_high"),
        (lambda r: r.assign(voltage_high=np.nan), "integers have no range"),
    ],
)
def test_a_recording_that_lost_its_network_has_no_input(recordings, change, message):
    with pytest.raises(DatasetError, match=message):
        eiphase.received_input(change(recordings["lif_bit_accurate"]))


@pytest.mark.parametrize(
    "observed",
    [
        lambda r, o: None,
        lambda r, o: r,
        lambda r, o: o.isel(lag=0),
        lambda r, o: o.drop_vars("decay_time_flag"),
        lambda r, o: xr.concat([o, o], "run"),
    ],
)
def test_what_was_not_measured_is_not_drawn(recordings, observed):
    measured = eiphase.measure(recordings["rate"], burn_in=100, max_lag=30)
    with pytest.raises(DatasetError, match="observed must be a dataset from measure"):
        eiphase.plot_recording(recordings["rate"], observed(recordings["rate"], measured))


@pytest.mark.parametrize("network", [None, 400, {"n_neurons": 50}, "critical"], ids=str)
def test_what_is_no_network_is_said_so(network):
    with pytest.raises(SweepError, match=r"The network must be an eiphase\.Network, not "):
        eiphase.simulate(network, "rate", steps=10)


@pytest.mark.parametrize("backend", ["rate", "lif_float"])
def test_a_simulation_beyond_the_memory_is_refused(backend):
    point = eiphase.Network(n_neurons=20_000, q_factor=6.0, g_factor=5.0, seed=3)
    message = "20000 neurons over 10000000 steps need .* GB of memory, but .* GB are available"
    with pytest.raises(SweepError, match=message):
        eiphase.simulate(point, backend, steps=10_000_000)


def test_the_memory_that_is_needed_is_what_is_recorded(monkeypatch):
    """Twice 50 neurons x 1e6 steps of a double each, and a little for weights."""
    monkeypatch.setattr("eiphase.simulation.single.available_memory", lambda: 0.8e9)
    with pytest.raises(SweepError, match=r"need 0\.8 GB of memory, but 0\.8 GB are"):
        eiphase.simulate(POINT, "rate", steps=1_000_000)
    monkeypatch.setattr("eiphase.simulation.single.available_memory", lambda: 1e6)
    assert eiphase.simulate(POINT, "rate", steps=100).sizes["step"] == 100


def test_part_of_the_time_can_be_drawn_and_in_any_order(recordings):
    recording = recordings["rate"]
    observed = eiphase.measure(recording, burn_in=100, max_lag=30)
    part = recording.isel(step=slice(100, 200)).transpose("neuron", "step")
    lines = eiphase.plot_recording(part, observed).axes[0].lines
    assert len(lines) == 50
    np.testing.assert_array_equal(lines[7].get_ydata(), recording.state[100:200, 7])


def test_mappings_and_diagnostics_are_those_asked_for(recordings):
    identity = eiphase.simulate(POINT, "lif_float", steps=100, rate_to_lif="identity")
    half = network.half_gaussian(network.gaussian_matrix(50, 3))
    weights = network.weights(half, q_factor=6.0, g_factor=5.0) * 0.07
    assert identity.weight_scale == 1
    spikes = identity.spikes.values[60].astype(float)
    np.testing.assert_allclose(eiphase.received_input(identity).total[60], weights @ spikes)
    integers = recordings["lif_bit_accurate"]
    names = float_to_integer.DynamicRange.__dataclass_fields__
    ranges = float_to_integer.DynamicRange(**{name: float(integers[name]) for name in names})
    real, _ = rate_to_lif.rate_to_lif(half, POINT, "tutorial")
    expected = loihi.run(float_to_integer.tutorial(real, ranges), 400)
    assert np.array_equal(integers.spikes, expected.spikes)
    assert integers.voltage_clips == expected.voltage_clips
    assert integers.current_wraps == expected.current_wraps
    assert integers.integer_threshold == float_to_integer.tutorial(real, ranges).vth


def test_options_of_measure_are_heeded(recordings):
    states = recordings["rate"].state.values[100:]
    found = eiphase.measure(recordings["rate"], burn_in=100, max_lag=30, unbiased=False)
    expected = fluctuation.standard_autocovariance(states, max_lag=30, unbiased=False)
    assert np.array_equal(found.autocovariance, expected)
    spikes = recordings["lif_float"].spikes.values
    found = eiphase.measure(recordings["lif_float"], burn_in=100, max_lag=30, boxcar=7)
    expected = autocovariance_of_counts(spikes, first=100, window=7, max_lag=30)
    np.testing.assert_allclose(found.autocovariance, expected, rtol=0, atol=1e-12)


def test_numpys_integers_are_integers():
    point = eiphase.Network(n_neurons=np.int64(20), q_factor=1.0, g_factor=5.0, seed=np.int64(4))
    assert eiphase.simulate(point, "rate", steps=np.int64(10)).sizes["neuron"] == 20


def test_a_grid_points_coordinates_are_numbers():
    """As `phase_map.q_factor[3]` is one."""
    axis = xr.DataArray([1.0, 6.0], dims="q_factor", coords={"q_factor": [1.0, 6.0]})
    point = eiphase.Network(n_neurons=20, q_factor=axis[1], g_factor=np.float32(5.0), seed=4)
    found = eiphase.simulate(point, "rate", steps=10)
    plain = eiphase.Network(n_neurons=20, q_factor=6.0, g_factor=5.0, seed=4)
    xr.testing.assert_identical(found, eiphase.simulate(plain, "rate", steps=10))


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
        "import sys, eiphase, eiphase.sweep.schema, eiphase.sweep.provenance, eiphase.figures; "
        "assert not {'lava', 'numba', 'scipy', 'xarray', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("backend", "times"), [("rate", 1), ("lif_float", 1), ("lif_bit_accurate", 2)]
)
def test_progress_is_told_to_a_function(backend, times):
    told = []
    eiphase.simulate(POINT, backend, steps=123, progress=lambda *counts: told.append(counts))
    assert told[-1] == (123 * times, 123 * times)
    assert told == sorted(told)


def test_what_a_function_for_progress_raises_is_raised():
    with pytest.raises(ZeroDivisionError):
        eiphase.simulate(POINT, "rate", steps=10, progress=lambda done, total: done / 0)


def test_progress_in_a_notebook_is_a_line(monkeypatch, capsys):
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    eiphase.simulate(POINT, "rate", steps=123, progress=True)
    lines = capsys.readouterr().err.replace("\n", "").split("\r")
    assert lines[-1] == "simulating, rate: 123 of 123"


@pytest.mark.parametrize("perturb_after", [None, 33])
def test_recorded_integers_are_those_of_lavas_neurons(monkeypatch, perturb_after):
    expected = shared_array((2, 200, 50), "int64")
    step = PyLifModelBitAcc.run_spk

    def recorded_step(model):
        step(model)
        expected[:, model.time_step - 1] = model.u, model.v

    half = network.half_gaussian(network.gaussian_matrix(50, 3))
    real, _ = rate_to_lif.rate_to_lif(half, POINT, "tutorial")
    integers = float_to_integer.tutorial(real, dynamic_range(lif.run(real, 200)))
    with monkeypatch.context() as patched:
        patched.setattr(PyLifModelBitAcc, "run_spk", recorded_step)
        ei_network.simulate(EINetwork.loihi(integers), "lif_bit_accurate", 200)
    names = ("spikes", "current", "voltage")
    found = eiphase.simulate(
        POINT, "lif_bit_accurate", steps=200, record=names, perturb_after=perturb_after
    )
    assert np.array_equal(found.current, expected[0])
    assert np.array_equal(found.voltage, expected[1])
    assert len(np.unique(expected[1])) > 1000
    without = eiphase.simulate(POINT, "lif_bit_accurate", steps=200, perturb_after=perturb_after)
    assert found.drop_vars(["current", "voltage"]).identical(without)


def test_a_recording_holds_the_variables_that_are_asked_for(recordings):
    found = eiphase.simulate(POINT, "lif_float", steps=400, record=["spikes", "voltage"])
    assert found.identical(recordings["lif_float"].drop_vars("current"))


@pytest.mark.parametrize("backend", ["rate", "lif_float", "lif_bit_accurate"])
def test_a_recording_of_nothing_has_its_numbers(recordings, backend):
    found = eiphase.simulate(POINT, backend, steps=400, record=[])
    expected = recordings[backend]
    assert found.identical(expected.drop_vars([n for n, v in expected.items() if v.dims]))


@pytest.mark.parametrize(
    ("backend", "record"),
    [
        ("rate", ["spikes"]),
        ("lif_float", ["voltage"]),
        ("lif_float", "spikes"),
        ("lif_float", ["spikes", "state"]),
        ("lif_bit_accurate", ["spikes", 3]),
        ("lif_bit_accurate", 3),
    ],
)
def test_what_cannot_be_recorded_is_said_so(backend, record):
    known = "state" if backend == "rate" else "spikes"
    with pytest.raises(
        SweepError,
        match=rf"^record is .*, but {backend} (has no|always has) .*'{known}' among them",
    ):
        eiphase.simulate(POINT, backend, steps=10, record=record)


def test_progress_is_true_or_false_or_a_function():
    with pytest.raises(SweepError, match=r"^progress is 3, but it must be True, False or a func"):
        eiphase.simulate(POINT, "rate", steps=10, progress=3)


def test_what_is_not_recorded_needs_no_memory(monkeypatch):
    """50 neurons over 1e6 steps: 0.1 GB for spikes, 1.7 GB with states."""
    monkeypatch.setattr("eiphase.simulation.single.available_memory", lambda: 1e6)
    for record, gigabytes in ((["spikes"], "0.1"), (None, "1.7")):
        with pytest.raises(SweepError, match=f"need {gigabytes} GB of memory"):
            eiphase.simulate(POINT, "lif_float", steps=1_000_000, record=record)
