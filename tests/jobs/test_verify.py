"""A phase map is simulated again: what is as it was, and what is not."""

import numpy as np
import pytest
import xarray as xr
from pseudo_terminal import counts, on_a_terminal
from tiny_sweep import VALID, simulate_and_gather

from eiphase.cli import commands
from eiphase.errors import DatasetError
from eiphase.jobs import verify
from eiphase.jobs.datasets import netcdf
from eiphase.jobs.datasets.unmeasured import completed
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
