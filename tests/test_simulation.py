"""A tile through Lava, reduced to observables: each number against kernels and definitions."""

import numpy as np
import pytest
from tiny_sweep import VALID

from eiphase import lif, loihi, mapping, network, observables, rate
from eiphase.observables import Flag
from eiphase.simulation import simulate_tile
from eiphase.sweep import Sweep

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
    values = simulate_tile(sweep, tile, ranges=ranges)
    points = list(sweep.networks(tile))
    half = network.half_gaussian(network.gaussian_matrix(40, 1))
    if backend == "rate":
        return values, rate.run(rate.Batch(half, points), 600)
    activity = []
    for point in points:
        parameters, _ = mapping.rate_to_lif(half, point, sweep.mapping.rate_to_lif)
        recording = lif.run(parameters, 600)
        if backend == "lif_bit_accurate":
            integers = loihi.tutorial(
                parameters, loihi.dynamic_range(recording.current, recording.voltage)
            )
            recording = loihi.run(integers, 600)
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


def test_mean_rate_of_rate_neurons_is_that_of_their_states():
    values, states = simulate(CONFIG, "rate")
    expected = [x[150:].mean() for x in states]
    np.testing.assert_allclose(values["mean_rate"], expected)
    assert np.isnan(values["silent_fraction"]).all()


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
            expected = observables.tutorial_autocovariance(x[window], max_lag=60)
        else:
            expected = observables.standard_autocovariance(x[window], max_lag=60, **estimator)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * expected[0])


def test_the_boxcar_is_the_one_asked_for():
    values, spikes = simulate(CONFIG | {"observables": {"boxcar": 7}}, "lif_float")
    counts = observables.boxcar(spikes[-1], 7)[150:]
    assert values["autocovariance"][-1, 0] == pytest.approx(counts.var(axis=0).mean())


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
    values = simulate_tile(sweep, sweep.tile("lif_bit_accurate", 1, 0), ranges=real)
    assert 0 in (values["integer_threshold"][0], values["bias_mantissa"][0])
    assert values["c0_flag"][0] == Flag.BROKEN
    assert np.isnan(values["mean_rate"][0])


def test_ranges_are_stored_where_they_are_needed():
    sweep = Sweep.model_validate(CONFIG | {"backends": ["lif_float"]})
    assert np.isnan(simulate_tile(sweep, sweep.tile("lif_float", 1, 0))["current_low"]).all()
    sweep = Sweep.model_validate(CONFIG | {"backends": ["lif_bit_accurate"]})
    values = simulate_tile(sweep, sweep.tile("lif_float", 1, 0))
    assert (values["current_low"] < values["current_high"]).all()
