"""A tile through Lava, reduced to observables: each number against kernels and definitions."""

from dataclasses import replace

import numpy as np
import pytest
from counts import autocovariance_of_counts
from scipy.special import erf
from tiny_sweep import VALID

from eiphase.chaos import (
    damage,
    lyapunov,
    perturbed_run,  # fmt: skip
    tangent,
)
from eiphase.flags import ExponentFlag, Fate, Flag
from eiphase.mapping import float_to_integer, rate_to_lif
from eiphase.mapping.dynamic_range import dynamic_range
from eiphase.networks import lif, loihi, rate, weights
from eiphase.networks.weights import Network
from eiphase.observables import fluctuation, statistics
from eiphase.observables.moments import ActivityMoments
from eiphase.observables.samples import Samples
from eiphase.simulation.tile import simulate_tile
from eiphase.sweep.schema import Sweep
from eiphase.sweep.tiles import Tile
from eiphase.variables import NOT_APPLICABLE, VARIABLES

CONFIG = VALID | {
    "network": {"neurons": 40},
    "backends": ["rate", "lif_float", "lif_bit_accurate"],
    "simulation": {"steps": 600, "burn_in": 150, "max_lag": 60},
    "tiles": 1,
}


def simulate(config, backend):
    """The first seed's tile, and the spikes (or states) of its networks by the kernels."""
    sweep = Sweep.model_validate(config)
    tile = sweep.tile(backend, 1, 0)
    ranges = None
    if backend == "lif_bit_accurate":
        ranges = simulate_tile(sweep, sweep.tile("lif_float", 1, 0))
    values = simulate_tile(sweep, tile, source=ranges)
    points = list(sweep.networks(tile))
    half = weights.half_gaussian(weights.gaussian_matrix(40, 1))
    steps = sweep.simulation.steps
    if backend == "rate":
        return values, rate.run(rate.Batch(half, points), steps)
    activity = []
    for point in points:
        parameters, _ = rate_to_lif.rate_to_lif(half, point, sweep.mapping.rate_to_lif)
        recording = lif.run(parameters, steps)
        if backend == "lif_bit_accurate":
            integers = float_to_integer.tutorial(parameters, dynamic_range(recording))
            recording = loihi.run(integers, steps)
        activity.append(recording.spikes)
    return values, activity


@pytest.mark.parametrize("backend", ["lif_float", "lif_bit_accurate"])
def test_rates_and_fractions_are_those_of_the_spikes(backend):
    values, spikes = simulate(CONFIG, backend)
    for index, trains in enumerate(spikes):
        measured = trains[150:]
        assert values["mean_rate"][index] == pytest.approx(measured.mean())
        assert values["silent_fraction"][index] == np.mean(~measured.any(axis=0))
        assert values["always_firing_fraction"][index] == np.mean(measured.all(axis=0))
    assert 0 < values["silent_fraction"].max() < 1


@pytest.mark.parametrize("backend", ["lif_float", "lif_bit_accurate"])
@pytest.mark.parametrize("refractory", [0.0, 0.05])
def test_networks_whose_most_active_neurons_the_step_limits_are_flagged(backend, refractory):
    """Two of 40 neurons; with 450 steps, of which a spike takes one and the rest after it."""
    network = {"neurons": 40, "refractory": refractory}
    grid = {"q_factor": [0.5, 9.0, 25.0], "g_factor": [3.0]}
    mapping = {"rate_to_lif": "identity"}
    values, spikes = simulate(
        CONFIG | {"network": network, "grid": grid, "mapping": mapping}, backend
    )
    rest = round(100 * refractory)
    expected = []
    for trains in spikes:
        most = np.sort(trains[150:].sum(axis=0, dtype=int))[-2:].sum()
        expected.append(int(most > (2 * 450 - rest * most) / 2))
    assert values["step_limited"].tolist() == expected
    assert set(expected) == {0, 1}
    np.testing.assert_allclose(values["mean_rate"], [trains[150:].mean() for trains in spikes])
    largest = max(trains[150:].sum(axis=0, dtype=int).max() for trains in spikes)
    assert (largest <= 450 / 6) == (rest == 5)


def test_mean_rate_of_rate_neurons_is_that_of_their_states():
    values, states = simulate(CONFIG, "rate")
    expected = [x[150:].mean() for x in states]
    np.testing.assert_allclose(values["mean_rate"], expected)
    assert np.isnan(values["silent_fraction"]).all()
    assert (values["step_limited"] == NOT_APPLICABLE).all()


def test_rate_networks_of_one_batch_leave_nothing_to_the_next():
    """More networks than advance together, in blocks: each as if it were alone."""
    grid = {"q_factor": {"start": 0.5, "stop": 9.0, "count": rate.LANES + 3}, "g_factor": [4.5]}
    simulation = {"steps": 2500, "burn_in": 700, "max_lag": 60}
    config = CONFIG | {"grid": grid, "simulation": simulation, "observables": {"chaos": True}}
    together, _ = simulate(config, "rate")
    for index in (0, rate.LANES - 1, rate.LANES, rate.LANES + 2):
        point = float(np.linspace(0.5, 9.0, rate.LANES + 3)[index])
        alone, _ = simulate(config | {"grid": {"q_factor": [point], "g_factor": [4.5]}}, "rate")
        for name, values in alone.items():
            np.testing.assert_array_equal(together[name][index], values[0], err_msg=name)


@pytest.mark.parametrize(
    ("options", "window", "estimator"),
    [
        ({}, slice(150, None), {"unbiased": True}),
        ({"unbiased": False}, slice(150, None), {"unbiased": False}),
        ({"autocovariance": "tutorial"}, slice(150, -150), None),
    ],
)
def test_the_autocovariance_is_by_the_estimator_asked_for(options, window, estimator):
    values, states = simulate(CONFIG | {"observables": options}, "rate")
    for found, x in zip(values["autocovariance"], states, strict=True):
        if estimator is None:
            expected = fluctuation.tutorial_autocovariance(x[window], max_lag=60)
        else:
            expected = fluctuation.standard_autocovariance(x[window], max_lag=60, **estimator)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * expected[0])


def test_the_boxcar_is_the_one_asked_for():
    values, spikes = simulate(CONFIG | {"observables": {"boxcar": 7}}, "lif_float")
    expected = autocovariance_of_counts(spikes[-1], first=150, window=7, max_lag=60)
    np.testing.assert_allclose(values["autocovariance"][-1], expected, rtol=0, atol=1e-12)


def test_a_saturated_network_is_flagged():
    """Excitation wins: nearly all neurons fire in every step, and what is left means nothing."""
    grid = {"q_factor": [8.0], "g_factor": [1.0]}
    values, spikes = simulate(CONFIG | {"grid": grid}, "lif_float")
    measured = spikes[0][150:]
    assert np.mean(measured.all(axis=0) | ~measured.any(axis=0)) > 0.95
    assert values["c0_flag"][0] == values["decay_time_flag"][0] == Flag.SATURATED
    assert np.isnan([values["c0"][0], values["decay_time"][0]]).all()


def test_integers_that_are_no_network_are_flagged_and_not_simulated():
    grid = {"q_factor": [1e6], "g_factor": [1e6]}
    sweep = Sweep.model_validate(CONFIG | {"grid": grid})
    real = simulate_tile(sweep, sweep.tile("lif_float", 1, 0))
    values = simulate_tile(sweep, sweep.tile("lif_bit_accurate", 1, 0), source=real)
    assert 0 in (values["integer_threshold"][0], values["bias_mantissa"][0])
    assert values["c0_flag"][0] == Flag.BROKEN
    assert np.isnan(values["mean_rate"][0])


def test_ranges_are_stored_where_they_are_needed():
    sweep = Sweep.model_validate(CONFIG | {"backends": ["lif_float"]})
    assert np.isnan(simulate_tile(sweep, sweep.tile("lif_float", 1, 0))["current_low"]).all()
    sweep = Sweep.model_validate(CONFIG | {"backends": ["lif_bit_accurate"]})
    values = simulate_tile(sweep, sweep.tile("lif_float", 1, 0))
    assert (values["current_low"] < values["current_high"]).all()


STATISTICS = CONFIG | {
    "simulation": {"steps": 1000, "burn_in": 150, "max_lag": 300},
    "mapping": {"rate_to_lif": "identity"},
    "observables": {"statistics": True},
}
INPUTS = ("excitatory", "inhibitory", "total")
OPTIONAL = [
    "participation_ratio",
    "synchrony",
    "integrated_autocorrelation_time",
    *(f"{name}_input_mean" for name in INPUTS),
    *(f"{name}_input_width" for name in INPUTS),
]
OF_STATES = ["fixed_point_distance", "least_fixed_point_distance"]
OF_SPIKES = ["isi_cv", "isi_cv_fraction", "fano_factor", "spike_count_correlation"]


def test_statistics_of_states_are_those_of_samples_of_the_measured_steps():
    """Every 25th step, a quarter of a time constant."""
    grid = {"q_factor": [7.0], "g_factor": [5.0]}
    values, states = simulate(STATISTICS | {"grid": grid}, "rate")
    x = states[0][150:]
    assert values["participation_ratio"][0] == statistics.participation_ratio(Samples.of(x[::25]))
    assert values["synchrony"][0] == statistics.synchrony(Samples.of(x[::25]))
    expected = statistics.integrated_autocorrelation_time(values["autocovariance"][0])
    assert values["integrated_autocorrelation_time"][0] == expected[0]
    half = weights.half_gaussian(weights.gaussian_matrix(40, 1))
    w = weights.weights(half, q_factor=7.0, g_factor=5.0)
    residual = erf(x) @ w.T + 0.1 / 0.01 - x
    distance = np.sqrt((residual**2).mean(axis=1))
    assert values["fixed_point_distance"][0] == pytest.approx(distance[-2])
    assert values["least_fixed_point_distance"][0] == pytest.approx(
        min(distance[:-1:25].min(), distance[-2])
    )
    received = erf(x[::25])[:, :32] @ w[:, :32].T, erf(x[::25])[:, 32:] @ w[:, 32:].T
    check_input(values, *received)
    assert np.isnan([values[name][0] for name in OF_SPIKES]).all()


@pytest.mark.parametrize("backend", ["lif_float", "lif_bit_accurate"])
def test_statistics_of_spikes_are_those_of_the_measured_steps(backend):
    """Counts in windows of 25 steps; input in every 10th step."""
    grid = {"q_factor": [1.5], "g_factor": [5.0]}
    values, spikes = simulate(STATISTICS | {"grid": grid}, backend)
    trains = spikes[0][150:]
    counts = trains.reshape(34, 25, 40).sum(axis=1, dtype=float)
    assert values["participation_ratio"][0] == statistics.participation_ratio(Samples.of(counts))
    assert values["synchrony"][0] == statistics.synchrony(Samples.of(counts))
    assert values["fano_factor"][0] == statistics.fano_factor(ActivityMoments.of(counts))
    assert values["spike_count_correlation"][0] == statistics.spike_count_correlation(
        Samples.of(counts)
    )
    assert (values["isi_cv"][0], values["isi_cv_fraction"][0]) == statistics.isi_variation(
        statistics.Intervals.of(trains)
    )
    assert np.isfinite([values[name][0] for name in OPTIONAL + OF_SPIKES]).all()
    point = Network(n_neurons=40, q_factor=1.5, g_factor=5.0, seed=1)
    w = in_thresholds(backend, point)
    s = trains[::10].astype(float)
    check_input(values, s[:, :32] @ w[:, :32].T, s[:, 32:] @ w[:, 32:].T)
    assert np.isnan([values[name][0] for name in OF_STATES]).all()


def in_thresholds(backend, point):
    """Weights of LIF neurons at a grid point, mapped by identity."""
    half = weights.half_gaussian(weights.gaussian_matrix(40, 1))
    real, _ = rate_to_lif.rate_to_lif(half, point, "identity")
    if backend == "lif_float":
        return 0.07 * weights.weights(half, q_factor=point.q_factor, g_factor=point.g_factor)
    recording = lif.run(real, 1000)
    integers = float_to_integer.tutorial(real, dynamic_range(recording))
    stored = loihi.Connections(integers.weights, integers.weight_exponent, loihi.WEIGHT_BITS).stored
    return stored * 2.0**integers.weight_exponent / integers.vth


def check_input(values, excitatory, inhibitory):
    for name, expected in (
        ("excitatory", excitatory),
        ("inhibitory", inhibitory),
        ("total", excitatory + inhibitory),
    ):
        assert values[f"{name}_input_mean"][0] == pytest.approx(expected.mean())
        assert values[f"{name}_input_width"][0] == pytest.approx(expected.std())


def test_statistics_at_a_fixed_point():
    """r = W erf(r) + b / dr there: nothing moves, and r less b / dr is what is received."""
    durations = {"steps": 6000, "burn_in": 5000, "max_lag": 60}
    grid = {"q_factor": [1.0], "g_factor": [4.0]}
    sweep = Sweep.model_validate(STATISTICS | {"simulation": durations, "grid": grid})
    values = {k: v[0] for k, v in simulate_tile(sweep, sweep.tile("rate", 1, 0)).items()}
    assert values["fixed_point_distance"] < 1e-11
    assert values["least_fixed_point_distance"] <= values["fixed_point_distance"]
    assert values["total_input_mean"] == pytest.approx(values["mean_rate"] - 0.1 / 0.01)
    assert values["integrated_autocorrelation_time_flag"] == Flag.UNDEFINED
    undefined = ["participation_ratio", "synchrony", "integrated_autocorrelation_time"]
    assert np.isnan([values[name] for name in undefined]).all()


def test_statistics_of_neurons_without_synapses():
    """Driven alike from rest and not connected, all fire together and regularly."""
    grid = {"q_factor": [1e-6], "g_factor": [4.0]}
    sweep = Sweep.model_validate(STATISTICS | {"grid": grid})
    values = {k: v[0] for k, v in simulate_tile(sweep, sweep.tile("lif_float", 1, 0)).items()}
    # v follows 5 (1 - 0.99^n) and passes 1 in step n = 23.
    assert values["mean_rate"] == pytest.approx(1 / 23, rel=0.05)
    assert (values["isi_cv"], values["isi_cv_fraction"]) == (0, 1)
    for name in ("synchrony", "spike_count_correlation", "participation_ratio"):
        assert values[name] == pytest.approx(1)


@pytest.mark.parametrize(
    ("q_factor", "g_factor", "flag"), [(8.0, 1.0, Flag.SATURATED), (5.0, 5.0, Flag.TRANSIENT)]
)
def test_statistics_of_activity_that_is_not_stationary(q_factor, g_factor, flag):
    """Spikes have theirs; what needs stationary activity says why it has no number."""
    grid = {"q_factor": [q_factor], "g_factor": [g_factor]}
    sweep = Sweep.model_validate(STATISTICS | {"grid": grid})
    values = {k: v[0] for k, v in simulate_tile(sweep, sweep.tile("lif_float", 1, 0)).items()}
    assert values["integrated_autocorrelation_time_flag"] == values["c0_flag"] == flag
    undefined = ["participation_ratio", "synchrony", "spike_count_correlation"]
    assert np.isnan([values[name] for name in undefined]).all()
    assert np.isfinite([values[name] for name in ("isi_cv", "fano_factor")]).all()


def test_without_the_switch_there_are_no_statistics():
    for backend in CONFIG["backends"]:
        values, _ = simulate(CONFIG, backend)
        assert np.isnan([values[name] for name in OPTIONAL + OF_STATES + OF_SPIKES]).all()
        assert (values["integrated_autocorrelation_time_flag"] == NOT_APPLICABLE).all()


@pytest.mark.parametrize("backend", ["rate", "lif_float", "lif_bit_accurate"])
def test_statistics_change_no_other_number_and_do_not_depend_on_the_tile(backend):
    without, _ = simulate(STATISTICS | {"observables": {}}, backend)
    values, _ = simulate(STATISTICS, backend)
    further = {*OPTIONAL, *OF_STATES, *OF_SPIKES, "integrated_autocorrelation_time_flag"}
    for name in set(values) - further:
        np.testing.assert_array_equal(values[name], without[name], err_msg=name)
    sweep = Sweep.model_validate(STATISTICS)
    last = Tile(backend, 1, 0, (sweep.points()[-1],))
    ranges = simulate_tile(sweep, replace(last, backend="lif_float"))
    alone = simulate_tile(sweep, last, source=ranges)
    for name in values:
        np.testing.assert_array_equal(alone[name][0], values[name][-1], err_msg=name)


def test_broken_networks_have_no_statistics():
    grid = {"q_factor": [1e6], "g_factor": [1e6]}
    sweep = Sweep.model_validate(STATISTICS | {"grid": grid})
    real = simulate_tile(sweep, sweep.tile("lif_float", 1, 0))
    values = simulate_tile(sweep, sweep.tile("lif_bit_accurate", 1, 0), source=real)
    assert values["integrated_autocorrelation_time_flag"][0] == Flag.BROKEN
    assert np.isnan([values[name] for name in OPTIONAL + OF_SPIKES]).all()


CHAOS = CONFIG | {"observables": {"chaos": True}}
OF_CHAOS = [
    name
    for name, variable in VARIABLES.items()
    if name.startswith(("lyapunov", "spike_damage", "bit_damage"))
    and "simulation.precision" not in variable.needs
]
MEASURED = {
    "rate": ("lyapunov",),
    "lif_float": ("lyapunov", "spike_damage"),
    "lif_bit_accurate": ("spike_damage", "bit_damage"),
}


@pytest.mark.parametrize("backend", list(MEASURED))
def test_measuring_chaos_changes_no_other_number(backend):
    may_rest = {"network": CONFIG["network"] | {"refractory": 0.05}}  # so that exponents are there
    without, _ = simulate(CONFIG | may_rest, backend)
    beside, _ = simulate(CHAOS | may_rest, backend)
    for name in VARIABLES.keys() - OF_CHAOS:
        assert np.array_equal(beside[name], without[name], equal_nan=True), name
    for name in OF_CHAOS:
        nothing = NOT_APPLICABLE if VARIABLES[name].flags else np.nan
        assert np.array_equal(without[name], np.full(6, nothing), equal_nan=True)
        measured = not np.array_equal(beside[name], without[name], equal_nan=True)
        assert measured == name.startswith(MEASURED[backend]), name


def test_exponents_of_rate_neurons_are_of_the_steps_after_burn_in():
    values, states = simulate(CHAOS, "rate")
    points = list(
        Sweep.model_validate(CHAOS).networks(Sweep.model_validate(CHAOS).tile("rate", 1, 0))
    )
    half = weights.half_gaussian(weights.gaussian_matrix(40, 1))
    growth = tangent.log_growth(rate.Batch(half, points), states)
    for index, x in enumerate(growth):
        expected = lyapunov.exponent(x[150:])
        assert values["lyapunov_exponent"][index] == expected.value
        assert values["lyapunov_exponent_per_time_constant"][index] == expected.value / 0.01
        assert values["lyapunov_error"][index] == expected.error
        assert values["lyapunov_flag"][index] == ExponentFlag.OK
    assert values["lyapunov_error"].max() > 0


@pytest.mark.parametrize("backend", ["lif_float", "lif_bit_accurate"])
def test_damage_of_spiking_networks_is_of_the_steps_after_burn_in(backend):
    values, spikes = simulate(CHAOS, backend)
    half = weights.half_gaussian(weights.gaussian_matrix(40, 1))
    sweep = Sweep.model_validate(CHAOS)
    for index, point in enumerate(sweep.networks(sweep.tile(backend, 1, 0))):
        real, _ = rate_to_lif.rate_to_lif(half, point, "tutorial")
        recording, found = perturbed_run.run_lif(real, 600, burn_in=150)
        if backend == "lif_bit_accurate":
            ranges = dynamic_range(recording)
            _, found = perturbed_run.run_loihi(
                float_to_integer.tutorial(real, ranges), 600, burn_in=150
            )
        else:
            expected = lyapunov.exponent(found.log_growth[150:])
            np.testing.assert_equal(values["lyapunov_exponent"][index], expected.value)
            assert values["lyapunov_flag"][index] == expected.flag
        for cause in ("spike", "bit")[: 1 + (backend == "lif_bit_accurate")]:
            outcome = damage.outcome(getattr(found, f"{cause}_damage"), spikes[index][150:])
            assert values[f"{cause}_damage"][index] == outcome.level
            assert values[f"{cause}_damage_state_distance"][index] == outcome.state_distance
            assert values[f"{cause}_damage_trials"][index] == outcome.trials
            assert values[f"{cause}_damage_fate"][index] == outcome.fate
    assert len(set(values["spike_damage"])) > 1


def test_chaos_of_networks_that_are_none_is_flagged():
    sweep = Sweep.model_validate(CHAOS | {"grid": {"q_factor": [1e6], "g_factor": [1e6]}})
    real = simulate_tile(sweep, sweep.tile("lif_float", 1, 0))
    values = simulate_tile(sweep, sweep.tile("lif_bit_accurate", 1, 0), source=real)
    assert values["spike_damage_fate"][0] == values["bit_damage_fate"][0] == Fate.BROKEN
    unknown = {
        name: np.full(1, np.nan) for name in float_to_integer.DynamicRange.__dataclass_fields__
    }
    values = simulate_tile(sweep, sweep.tile("lif_bit_accurate", 1, 0), source=real | unknown)
    assert values["spike_damage_fate"][0] == values["bit_damage_fate"][0] == Fate.BROKEN
