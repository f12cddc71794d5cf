"""A phase map is simulated again: what is as it was, and what is not."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from pseudo_terminal import counts, on_a_terminal
from tiny_sweep import VALID, simulate_and_gather

from eiphase.cli import commands
from eiphase.errors import DatasetError
from eiphase.figures import panels
from eiphase.flags import Flag, Stopped
from eiphase.jobs import verify
from eiphase.jobs.datasets import netcdf, step_check
from eiphase.jobs.datasets.unmeasured import completed
from eiphase.networks import weights as network
from eiphase.simulation.single import simulate_cell
from eiphase.sweep import provenance
from eiphase.sweep.schema import Sweep
from eiphase.variables import DERIVED, VARIABLES

SWEEP = Sweep.model_validate(
    VALID
    | {
        # Of the largest q_factor, nothing can be mapped to integers.
        "grid": {"q_factor": [1.0, 6.0, 1000.0], "g_factor": [4.5, 5.0]},
        "backends": ["rate", "lif_float", "lif_bit_accurate"],
        "seeds": [5],
        "observables": {"chaos": True},
        "tiles": 2,
    }
)


@pytest.fixture(scope="module")
def phase_map(tmp_path_factory):
    """A real one, of 18 points."""
    folder = tmp_path_factory.mktemp("verified")
    return xr.load_dataset(simulate_and_gather(SWEEP, folder))


def test_every_point_simulated_by_itself_is_equal_to_the_bit(phase_map):
    points = verify.sample(phase_map, 18, seed=0)
    assert len(set(points)) == 18
    assert all(different == [] for _, different in verify.differences(phase_map, points))
    assert verify.not_derived(phase_map) == []
    assert phase_map.network_critical_q.notnull().any()


def test_runs_until_they_are_precise_are_equal_to_the_bit(tmp_path):
    simulation = VALID["simulation"] | {"precision": 0.3, "max_steps": 4000}
    grid = {"q_factor": SWEEP.grid.q_factor, "g_factor": [4.5]}
    changes = {"simulation": simulation, "grid": grid}
    sweep = Sweep.model_validate(SWEEP.model_dump(mode="json") | changes)
    phase_map = xr.load_dataset(simulate_and_gather(sweep, tmp_path))
    assert phase_map.lag.values.tolist() == list(range(51))
    assert set(phase_map.stopped.values.ravel()) > {Stopped.SETTLED}
    points = verify.sample(phase_map, 9, seed=0)
    assert all(different == [] for _, different in verify.differences(phase_map, points))
    where = {"backend": "lif_float", "q_factor": 6.0, "g_factor": 4.5, "seed": 5}
    cell = simulate_cell(phase_map, **where)
    assert cell.sizes["step"] == 300
    assert np.array_equal(cell.lag, phase_map.lag)
    for name in ("c0", "c0_error", "n_steps", "autocovariance", "spike_damage"):
        assert np.array_equal(cell[name], phase_map[name].sel(where), equal_nan=True), name


@pytest.mark.parametrize("name", ["autocovariance", "c0_flag", "mean_rate", "integer_threshold"])
def test_the_last_bit_of_a_number_is_found(phase_map, name):
    backend = "lif_bit_accurate"
    changed = phase_map.copy(deep=True)
    where = {"backend": backend, "q_factor": 6.0, "g_factor": 4.5, "seed": 5}
    before = changed[name].loc[where]
    after = before + 1 if VARIABLES[name].flags else np.nextafter(before, np.inf)
    changed[name].loc[where] = after
    point = verify.Point(**where)
    assert list(verify.differences(changed, [point])) == [(point, [name])]


@pytest.mark.parametrize("name", [name for name in DERIVED if name != "network_critical_q"])
def test_what_does_not_follow_from_the_points_is_found(phase_map, name):
    """One number of it, of the last backend, g_factor and seed, by its last bit."""
    changed = completed(phase_map, DERIVED).copy(deep=True)
    values = changed[name].values
    last = (-1,) * values.ndim
    if DERIVED[name].flags:
        values[last] += 1
    else:
        values[last] = 5.0 if np.isnan(values[last]) else np.nextafter(values[last], np.inf)
    found = verify.not_derived(changed)
    assert found[:1] == [name]
    assert len(found) == 1 or name == "phase"  # on which borders depend


def test_points_that_are_changed_no_longer_give_what_was_derived(phase_map):
    changed = phase_map.copy(deep=True)
    changed.lyapunov_exponent.loc[{"backend": "rate"}] *= -1
    found = verify.not_derived(changed)
    assert {"phase", "measured_critical_q_flag"} <= set(found)
    assert "theory_critical_q" not in found


def test_the_order_of_dimensions_does_not_matter(phase_map):
    turned = phase_map.transpose("lag", "seed", "g_factor", "q_factor", "backend")
    assert verify.not_derived(turned) == []


def test_the_border_of_a_network_is_found_anew(phase_map):
    changed = phase_map.copy(deep=True)
    changed.network_critical_q[:] += 0.125
    where = {"q_factor": 6.0, "g_factor": 4.5, "seed": 5}
    points = [verify.Point(backend, **where) for backend in ("rate", "lif_float")]
    found = [different for _, different in verify.differences(changed, points)]
    assert found == [["network_critical_q"], []]


def test_a_sweep_without_chaos_has_no_borders(phase_map_file):
    """Of made-up numbers, but phases follow from these."""
    found = xr.load_dataset(phase_map_file)
    assert verify.not_derived(found) == []
    found = completed(found, DERIVED)
    found.measured_critical_q_mean[0, 0] = 3.0
    assert verify.not_derived(found) == ["measured_critical_q_mean"]


def test_a_sample_takes_backends_alike_and_its_seed_decides(phase_map):
    points = verify.sample(phase_map, 7, seed=5)
    assert [point.backend for point in points] == [*SWEEP.backends, *SWEEP.backends, "rate"]
    assert points == verify.sample(phase_map, 7, seed=5)
    assert points != verify.sample(phase_map, 7, seed=6)


@pytest.mark.parametrize("n_points", [0, -1, 19])
def test_a_sample_larger_than_the_map_is_refused(phase_map, n_points):
    with pytest.raises(
        DatasetError, match=f"--points is {n_points}, but the phase map has 1 to 18"
    ):
        verify.sample(phase_map, n_points, seed=0)


@pytest.mark.parametrize("config", [None, "{", "{}"])
def test_a_map_of_no_known_sweep_is_refused(phase_map, config):
    unknown = phase_map.copy()
    unknown.attrs.pop("sweep_config")
    if config is not None:
        unknown.attrs["sweep_config"] = config
    with pytest.raises(DatasetError, match="sweep_config is not there, or no sweep"):
        list(verify.differences(unknown, verify.sample(phase_map, 1, seed=0)))


def test_the_command_tells_each_point_and_fails_where_one_differs(phase_map, tmp_path, capfd):
    path = tmp_path / "phase_map.nc"
    netcdf.write(phase_map, path)
    assert commands.main(["verify", str(path), "--points", "3"]) == 0
    printed = capfd.readouterr()
    assert printed.out.count(": equal") == 4
    assert "3 of 3 points are equal to the bit." in printed.out
    assert printed.err == ""
    wrong = phase_map.copy(deep=True)
    wrong.mean_rate[:] = 0.123
    wrong.attrs["code_digest"] = "0" * 64
    netcdf.write(wrong, path)
    assert commands.main(["verify", str(path), "--points", "3"]) == 1
    printed = capfd.readouterr().out
    assert printed.count("differs in mean_rate") == 3
    assert "0 of 3 points" in printed
    assert "derived from the points: equal" in printed
    assert f"of code 000000000000, but this is {provenance.code_digest()[:12]}" in printed


def test_the_command_fails_where_only_what_is_derived_differs(phase_map, tmp_path, capfd):
    path = tmp_path / "phase_map.nc"
    tampered = phase_map.copy(deep=True)
    tampered.measured_critical_q[:] = 3.0
    netcdf.write(tampered, path)
    assert commands.main(["verify", str(path), "--points", "1"]) == 1
    printed = capfd.readouterr().out
    assert "derived from the points: differs in measured_critical_q\n" in printed
    assert "1 of 1 points are equal to the bit." in printed


def test_a_terminal_sees_points_counted(phase_map, tmp_path):
    path = tmp_path / "phase_map.nc"
    netcdf.write(phase_map, path)
    code, shown = on_a_terminal("verify", path, "--points", "2")
    assert (code, counts(shown)[-1]) == (0, ("3", "3"))
    assert "verifying" in shown
    assert shown.count(": equal") == 3


STEPS = Sweep.model_validate(
    VALID
    | {
        "network": {"neurons": 100},
        "grid": {"q_factor": [3.0, 5.0], "g_factor": [4.5]},
        "backends": ["rate", "lif_float", "lif_bit_accurate"],
        "seeds": [1],
        "simulation": {"steps": 2000, "burn_in": 500, "max_lag": 50},
        "mapping": {"rate_to_lif": "corrected", "float_to_integer": "full_range"},
        "observables": {"boxcar": 10},  # short: the variance of counts depends on the window
        "tiles": 1,
    }
)
WEAK, STRONG = (verify.Point("lif_float", q, 4.5, 1) for q in STEPS.grid.q_factor)
OK, SETTLED, TRANSIENT = Flag.OK, Flag.UNDEFINED, Flag.TRANSIENT


@pytest.fixture(scope="module")
def step_map(tmp_path_factory):
    return simulate_and_gather(STEPS, tmp_path_factory.mktemp("steps"))


@pytest.fixture(scope="module")
def halved(step_map):
    """Activity with the whole step and with half of it, by point."""
    points = [replace(p, backend=b) for p in (WEAK, STRONG) for b in STEPS.backends[1:]]
    found = verify.with_half_the_step(xr.load_dataset(step_map), points)
    return dict(zip(points, found, strict=True))


@pytest.mark.parametrize("backend", STEPS.backends[1:])
def test_neurons_that_fire_in_every_other_step_change_with_it_and_others_do_not(halved, backend):
    before, after = halved[replace(STRONG, backend=backend)]
    assert before.mean_rate > 40  # of at most 100 spikes per time constant
    assert after.mean_rate > 1.3 * before.mean_rate
    assert verify.changes(before, after)
    before, after = halved[replace(WEAK, backend=backend)]
    assert before.mean_rate == pytest.approx(after.mean_rate, rel=0.05)
    assert before.c0 == pytest.approx(after.c0, rel=0.25)
    assert not verify.changes(before, after)


def test_half_the_step_is_the_same_network_over_the_same_time(step_map):
    """The dynamics written down once more, with weights and durations from the dataset."""
    phase_map = xr.load_dataset(step_map)
    scale = float(phase_map.weight_scale.sel(backend="lif_float", q_factor=3.0).item())
    half = network.half_gaussian(network.gaussian_matrix(100, 1))
    weights = scale * network.weights(half, q_factor=3.0, g_factor=4.5)
    step = 0.005
    current, voltage, spikes = np.zeros((3, 100))
    fired = np.zeros((4000, 100))
    for t in range(4000):
        current = (1 - 7 * step) * current + 7 * step * weights @ spikes
        voltage = (1 - step) * voltage + current + 5 * step
        spikes = (voltage > 1).astype(float)
        voltage[spikes > 0] = 0
        fired[t] = spikes
    _, after = next(verify.with_half_the_step(phase_map, [WEAK]))
    total = np.concatenate([np.zeros((1, 100)), fired.cumsum(axis=0)])
    counts = (total[20:] - total[:-20])[981:]
    assert after.mean_rate == pytest.approx(fired[1000:].mean() / step, rel=0.01)
    assert after.c0 == pytest.approx(counts.var(axis=0).mean(), rel=0.1)


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ((10.0, 0.1, 5.0, 0.1, OK), (10.9, 0.1, 5.4, 0.1, OK), False),  # by 9 and 8 %
        ((10.0, 0.1, 5.0, 0.1, OK), (11.1, 0.1, 5.0, 0.1, OK), True),
        ((10.0, 0.3, 5.0, 0.1, OK), (11.1, 0.3, 5.0, 0.1, OK), False),  # 2.6 errors
        ((10.0, 0.1, 5.0, 0.1, OK), (10.0, 0.1, 4.4, 0.1, OK), True),
        ((10.0, 0.1, 5.0, 0.2, OK), (10.0, 0.1, 4.4, 0.1, OK), False),
        ((10.0, 0.1, 5.0, 0.1, OK), (10.0, 0.1, np.nan, np.nan, SETTLED), True),
        ((10.0, 0.1, np.nan, np.nan, SETTLED), (10.0, 0.1, 5.0, 0.1, OK), True),
        ((10.0, 0.1, np.nan, np.nan, SETTLED), (10.0, 0.1, np.nan, np.nan, SETTLED), False),
        ((10.0, 0.1, 5.0, 0.1, OK), (10.0, 0.1, np.nan, np.nan, TRANSIENT), False),
        ((10.0, np.nan, 5.0, np.nan, OK), (99.0, np.nan, 50.0, np.nan, OK), False),
    ],
)
def test_a_change_is_more_than_errors_and_more_than_a_tenth(before, after, changes):
    before, after = verify.Activity(*before), verify.Activity(*after)
    assert verify.changes(before, after) == changes
    assert verify.comparable(before, after) == np.isfinite(before.mean_rate_error)


def test_the_command_lists_what_changes_with_the_step(step_map, capfd):
    assert commands.main(["verify", str(step_map), "--step", "--points", "4"]) == 0
    printed = capfd.readouterr().out.splitlines()
    found = xr.load_dataset(step_check.file_of(step_map)).step_sensitive
    assert int((found >= 0).sum()) == 4
    assert int((found == 1).sum()) == len(printed) - 1  # a line for each, and how many
    assert len(printed) == 3
    place = r"lif_(float|bit_accurate), q_factor 5, g_factor 4\.5, seed 1"
    number = r"(saturated|[0-9.e-]+ \+- [0-9.e-]+)"
    change = f"{number} -> {number}"
    line = f"{place}: mean rate {change} per time constant, c\\(0\\) {change}"
    assert all(re.fullmatch(line, one) for one in printed[:2])
    assert printed[2] == "2 of 4 cells change with the time step."


def test_what_changes_with_the_step_is_kept_beside_the_map_and_drawn_as_doubt(step_map, tmp_path):
    path = tmp_path / "phase_map.nc"
    shutil.copy(step_map, path)
    before = path.read_bytes()
    at = {"backend": "lif_float", "g_factor": 4.5, "seed": 1}
    step_check.add(path, {("lif_float", 5.0, 4.5, 1): True})
    step_check.add(path, {("lif_float", 3.0, 4.5, 1): False})  # another sample, later
    assert path.read_bytes() == before
    with xr.open_dataset(tmp_path / "phase_map.steps.nc") as opened:
        found = opened.step_sensitive.load()
    assert found.sel(at).sel(q_factor=[3.0, 5.0]).values.tolist() == [0, 1]
    assert (found.sel(backend=["rate", "lif_bit_accurate"]) == -1).all()

    phase_map = xr.load_dataset(path)
    doubted = [
        panels.doubt_of_numbers(one, xr.zeros_like(one.c0.isel(seed=0), dtype=bool), "")
        for one in (phase_map, step_check.with_step_check(phase_map, path))
        for one in [panels.checked(one, "c0", *panels.IN_DOUBT)]
    ]
    changed = [one.cells.sel(backend="lif_float", q_factor=5.0).item() for one in doubted]
    texts = ["changes with the time step" in one.text for one in doubted]
    assert texts == [False, True]
    assert changed[1]

    other = phase_map.assign_attrs(sweep_digest="of another sweep")
    assert "step_sensitive" not in step_check.with_step_check(other, path).coords


def test_only_lif_neurons_know_half_a_step(step_map, tmp_path, capfd):
    assert commands.main(["verify", str(step_map), "--step", "--points", "5"]) == 1
    assert "but the phase map has 1 to 4" in capfd.readouterr().err
    path = tmp_path / "rate.nc"
    netcdf.write(xr.load_dataset(step_map).sel(backend=["rate"]), path)
    assert commands.main(["verify", str(path), "--step"]) == 1
    expected = "--step is for LIF neurons, but the phase map has rate only."
    assert expected in capfd.readouterr().err


@pytest.mark.parametrize("burn_in", [500, 9])  # 9: no more than the window needs
def test_durations_stay_the_same_in_time_constants(burn_in):
    simulation = {"steps": 2000, "burn_in": burn_in, "max_lag": 50, "precision": 0.1}
    config = STEPS.model_dump() | {"simulation": simulation}
    config["network"]["refractory"] = 0.05
    whole = Sweep.model_validate(config)
    half = verify.halved_step(whole)
    assert half.network.step_size == whole.network.step_size / 2
    assert half.network.refractory_steps == 2 * whole.network.refractory_steps == 10
    assert half.observables.boxcar == 2 * whole.observables.boxcar
    for name in ("steps", "max_lag", "max_steps"):
        assert getattr(half.simulation, name) == 2 * getattr(whole.simulation, name)
    assert half.simulation.burn_in == max(2 * burn_in, 19)
    kept = {"float_to_integer", "weight_bits"}
    assert half.mapping.model_dump(include=kept) == whole.mapping.model_dump(include=kept)
    assert half.simulation.precision == whole.simulation.precision


def test_half_a_step_must_be_one_that_a_sweep_may_have(phase_map):
    config = json.loads(phase_map.attrs["sweep_config"])
    config["network"]["step_size"] = 0.001
    short = phase_map.assign_attrs(sweep_config=json.dumps(config))
    with pytest.raises(
        DatasetError, match=r"Half the time step is not possible: network\.step_size"
    ):
        next(verify.with_half_the_step(short, [WEAK]))
