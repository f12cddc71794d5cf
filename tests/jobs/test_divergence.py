"""Damage against time across the border, beside the kernels and the phase map's own numbers."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from tiny_sweep import simulate_and_gather

from eiphase.backends import BACKENDS
from eiphase.chaos import damage, perturbed_run
from eiphase.errors import DatasetError
from eiphase.flags import Fate
from eiphase.jobs.datasets import netcdf
from eiphase.jobs.divergence import PLACES, cut, simulate_across_border
from eiphase.mapping import float_to_integer, rate_to_lif
from eiphase.mapping.dynamic_range import dynamic_range
from eiphase.networks import lif, weights
from eiphase.networks.weights import Network
from eiphase.simulation.single import simulate_cell
from eiphase.sweep.schema import Sweep
from eiphase.variables import NOT_APPLICABLE

SWEEP = Sweep.model_validate(
    {
        "network": {"neurons": 40, "step_size": 0.02, "bias": 0.3},
        "grid": {"q_factor": [2.0, 6.0], "g_factor": [4.0, 5.0, 6.0]},
        "seeds": [3, 8],
        "backends": ["rate", "lif_float", "lif_bit_accurate"],
        "simulation": {"steps": 500, "burn_in": 100, "max_lag": 50},
        "mapping": {
            "rate_to_lif": "corrected",
            "float_to_integer": "full_range",
            "weight_bits": 6,
        },
        "observables": {"chaos": True, "boxcar": 20},
    }
)


@pytest.fixture(scope="module")
def gathered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chaos")
    return xr.load_dataset(simulate_and_gather(SWEEP, folder))


def with_borders(phase_map, lif_float, lif_bit_accurate):
    """The phase map with other borders along g_factor."""
    found = phase_map.copy(deep=True)
    found.measured_critical_q_mean.loc[{"backend": "lif_float"}] = lif_float
    found.measured_critical_q_mean.loc[{"backend": "lif_bit_accurate"}] = lif_bit_accurate
    return found


@pytest.mark.parametrize(
    ("lif_float", "lif_bit_accurate", "expected"),
    [
        ([3, 4, 5], [3.1, 4.1, 5.1], (5.0, 4.1)),  # the middle
        ([3, 4, 5], [3.1, np.nan, 5.1], (4.0, 3.1)),  # both have one; of equals the smaller g
        ([np.nan, 4, 5], [np.nan, np.nan, 5.1], (6.0, 5.1)),
        ([3, np.nan, 5], [np.nan, np.nan, np.nan], (4.0, 3.0)),  # of floating point alone
        ([np.nan] * 3, [np.nan] * 3, (5.0, np.nan)),
    ],
    ids=str,
)
def test_the_cut_goes_through_the_middle_of_what_has_a_border(
    gathered, lif_float, lif_bit_accurate, expected
):
    phase_map = with_borders(gathered, lif_float, lif_bit_accurate)
    assert cut(phase_map) == pytest.approx(expected, nan_ok=True)
    assert cut(phase_map.isel(g_factor=[2, 0, 1])) == pytest.approx(expected, nan_ok=True)


@pytest.fixture(scope="module")
def at_a_grid_point(gathered):
    """Across a border that is put where the phase map has a point."""
    phase_map = with_borders(gathered, np.nan, [np.nan, 6.0, np.nan])
    return gathered, simulate_across_border(phase_map)


def test_places_are_in_units_of_the_border(at_a_grid_point):
    _, found = at_a_grid_point
    assert found.place.values.tolist() == ["below", "at", "above"]
    np.testing.assert_allclose(found.q_factor, [4.5, 6.0, 9.0])
    assert found.g_factor == 5.0
    # 400 steps after burn-in, in windows of 20; the middle of steps 1 to 20 is 10.5.
    np.testing.assert_array_equal(found.step, np.arange(20) * 20 + 10.5)


@pytest.mark.parametrize(
    ("backend", "cause"),
    [("lif_float", "spike"), ("lif_bit_accurate", "spike"), ("lif_bit_accurate", "bit")],
)
def test_fate_and_trials_are_those_of_the_phase_map(at_a_grid_point, backend, cause):
    phase_map, found = at_a_grid_point
    one = found.sel(place="at", backend=backend, cause=cause)
    there = phase_map.sel(backend=backend, q_factor=6.0, g_factor=5.0)
    np.testing.assert_array_equal(one.fate, there[f"{cause}_damage_fate"])
    np.testing.assert_array_equal(one.trials, there[f"{cause}_damage_trials"])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("seed", SWEEP.seeds)
def test_damage_over_all_windows_is_the_level_of_the_run(at_a_grid_point, place, seed):
    """The windows fill the run here, so that their mean is `damage.level` of kernel's trains."""
    _, found = at_a_grid_point
    one = found.sel(place=place, seed=seed, backend="lif_float", cause="spike")
    point = Network(
        n_neurons=40, q_factor=float(one.q_factor), g_factor=5.0, seed=seed, step_size=0.02,
        bias=0.3,
    )  # fmt: skip
    half = weights.half_gaussian(weights.gaussian_matrix(40, seed))
    parameters, _ = rate_to_lif.rate_to_lif(half, point, "corrected")
    recording, perturbed = perturbed_run.run_lif(parameters, 500, burn_in=100)
    expected = damage.level(recording.spikes[100:], perturbed.spike_damage.spikes)
    assert expected > 0
    assert float(one.damage.mean("step")) == pytest.approx(expected)


@pytest.fixture(scope="module")
def with_a_precision(gathered):
    """Across a border of a sweep that simulates each network from four states."""
    found = with_borders(gathered, np.nan, [np.nan, 1.9 / PLACES["below"], np.nan])
    sweep = SWEEP.model_dump()
    sweep["simulation"] |= {"precision": 0.3, "max_steps": 2000}
    sweep = Sweep.model_validate(sweep)
    found.attrs |= {"sweep_config": sweep.model_dump_json(), "sweep_digest": sweep.digest}
    return found, simulate_across_border(found)


def by_kernels(point):
    """Damages of a network of floats, and of one of integers, in 500 steps from rest.

    Integers have the ranges of the steps up to the first look: of a block of 1000.
    """
    half = weights.half_gaussian_of(point)
    parameters, _ = rate_to_lif.rate_to_lif(half, point, "corrected")
    recording, twins = perturbed_run.run_lif(parameters, 500, burn_in=100)
    yield "lif_float", "spike", twins.spike_damage, recording.spikes[100:]
    ranges = dynamic_range(lif.run(parameters, 1000))
    quantised = float_to_integer.FLOAT_TO_INTEGER["full_range"](parameters, ranges, 6)
    integers, twins = perturbed_run.run_loihi(quantised, 500, burn_in=100)
    yield "lif_bit_accurate", "spike", twins.spike_damage, integers.spikes[100:]
    yield "lif_bit_accurate", "bit", twins.bit_damage, integers.spikes[100:]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("seed", SWEEP.seeds)
def test_with_a_precision_fate_and_trials_are_those_of_the_curve(with_a_precision, place, seed):
    _, found = with_a_precision
    here = found.sel(place=place, seed=seed)
    point = Network(
        n_neurons=40, q_factor=float(here.q_factor), g_factor=5.0, seed=seed, step_size=0.02,
        bias=0.3,
    )  # fmt: skip
    for backend, cause, twin, spikes in by_kernels(point):
        one = here.sel(backend=backend, cause=cause)
        expected = damage.outcome(twin, spikes)
        assert (int(one.fate), int(one.trials)) == (expected.fate, expected.trials)
        level = damage.level(spikes, twin.spikes)
        assert float(one.damage.mean("step")) == pytest.approx(level)


def test_four_states_may_know_another_fate_than_that_of_the_curve(with_a_precision):
    """Else the test above could not tell them apart."""
    phase_map, found = with_a_precision
    here = {"backend": "lif_float", "seed": 8}
    one = found.sel(place="below", cause="spike", **here)
    cell = simulate_cell(phase_map, q_factor=float(one.q_factor), g_factor=5.0, **here, record=[])
    assert one.fate != cell.spike_damage_fate
    assert one.trials != cell.spike_damage_trials


def test_floating_point_knows_no_bits(at_a_grid_point):
    _, found = at_a_grid_point
    bits = found.sel(backend="lif_float", cause="bit")
    assert bits.damage.isnull().all()
    assert (bits.fate == NOT_APPLICABLE).all()


def test_a_network_without_integers_is_flagged(gathered):
    """So strong that it overflows in floating point, from which integers take their ranges."""
    phase_map = with_borders(gathered, np.nan, [np.nan, 6e5, np.nan])
    phase_map.attrs["sweep_config"] = SWEEP.model_copy(
        update={"mapping": SWEEP.mapping.model_copy(update={"rate_to_lif": "identity"})}
    ).model_dump_json()
    integers = simulate_across_border(phase_map).sel(backend="lif_bit_accurate")
    assert (integers.fate == Fate.BROKEN).all()
    assert integers.damage.isnull().all()


def test_what_is_perturbed_follows_from_the_rows(gathered, monkeypatch):
    row = replace(BACKENDS["lif_bit_accurate"], perturbations=("weight", "bit"))
    monkeypatch.setitem(BACKENDS, "lif_bit_accurate", row)
    found = simulate_across_border(with_borders(gathered, np.nan, np.nan))
    assert found.cause.values.tolist() == ["spike", "weight", "bit"]


def test_without_a_border_there_is_nothing_to_simulate(gathered, tmp_path):
    found = simulate_across_border(with_borders(gathered, np.nan, np.nan))
    assert found.sizes["place"] == 0
    netcdf.write(found, tmp_path / "divergence.nc")
    assert xr.load_dataset(tmp_path / "divergence.nc").g_factor == 5.0


def test_progress_counts_simulations(gathered):
    seen = []
    phase_map = with_borders(gathered, np.nan, [np.nan, 6.0, np.nan])
    phase_map.attrs["sweep_config"] = SWEEP.model_copy(
        update={"backends": ("lif_float",)}
    ).model_dump_json()
    simulate_across_border(phase_map, lambda *counts: seen.append(counts))
    assert seen == [(done, 6) for done in range(7)]


def test_what_cannot_be_followed_is_one_sentence(gathered):
    rate = SWEEP.model_copy(update={"backends": ("rate",)}).model_dump_json()
    with pytest.raises(DatasetError, match="no backend whose spikes can be perturbed"):
        simulate_across_border(gathered.assign_attrs(sweep_config=rate))
    with pytest.raises(DatasetError, match="sweep_config is not there, or no"):
        simulate_across_border(gathered.assign_attrs(sweep_config="{}"))
