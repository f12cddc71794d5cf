"""A phase map is simulated again: what is as it was, and what is not."""

import numpy as np
import pytest
import xarray as xr
from tiny_sweep import VALID, simulate_and_gather

from eiphase import cli, dataset, provenance, verification
from eiphase.dataset import VARIABLES, DatasetError
from eiphase.sweep import Sweep

SWEEP = Sweep.model_validate(
    VALID | {"backends": ["rate", "lif_float", "lif_bit_accurate"], "seeds": [3], "tiles": 2}
)


@pytest.fixture(scope="module")
def phase_map(tmp_path_factory):
    """A real one, of 18 points."""
    folder = tmp_path_factory.mktemp("verified")
    return xr.load_dataset(simulate_and_gather(SWEEP, folder))


def test_every_point_simulated_by_itself_is_equal_to_the_bit(phase_map):
    points = verification.sample(phase_map, 18, seed=0)
    assert len(set(points)) == 18
    assert all(different == [] for _, different in verification.differences(phase_map, points))


@pytest.mark.parametrize("name", ["autocovariance", "c0_flag", "mean_rate", "integer_threshold"])
def test_the_last_bit_of_a_number_is_found(phase_map, name):
    backend = "lif_bit_accurate"
    changed = phase_map.copy(deep=True)
    where = {"backend": backend, "q_factor": 6.0, "g_factor": 4.5, "seed": 3}
    before = changed[name].loc[where]
    after = before + 1 if VARIABLES[name].flags else np.nextafter(before, np.inf)
    changed[name].loc[where] = after
    point = verification.Point(**where)
    assert list(verification.differences(changed, [point])) == [(point, [name])]


def test_a_sample_takes_backends_alike_and_its_seed_decides(phase_map):
    points = verification.sample(phase_map, 7, seed=5)
    assert [point.backend for point in points] == [*SWEEP.backends, *SWEEP.backends, "rate"]
    assert points == verification.sample(phase_map, 7, seed=5)
    assert points != verification.sample(phase_map, 7, seed=6)


@pytest.mark.parametrize("n_points", [0, -1, 19])
def test_a_sample_larger_than_the_map_is_refused(phase_map, n_points):
    with pytest.raises(
        DatasetError, match=f"--points is {n_points}, but the phase map has 1 to 18"
    ):
        verification.sample(phase_map, n_points, seed=0)


@pytest.mark.parametrize("config", [None, "{", "{}"])
def test_a_map_of_no_known_sweep_is_refused(phase_map, config):
    unknown = phase_map.copy()
    unknown.attrs.pop("sweep_config")
    if config is not None:
        unknown.attrs["sweep_config"] = config
    with pytest.raises(DatasetError, match="sweep_config is not there, or no sweep"):
        list(verification.differences(unknown, verification.sample(phase_map, 1, seed=0)))


def test_the_command_tells_each_point_and_fails_where_one_differs(phase_map, tmp_path, capfd):
    path = tmp_path / "phase_map.nc"
    dataset.write(phase_map, path)
    assert cli.main(["verify", str(path), "--points", "3"]) == 0
    printed = capfd.readouterr()
    assert printed.out.count(": equal") == 3
    assert "3 of 3 points are equal to the bit." in printed.out
    assert printed.err == ""
    wrong = phase_map.copy(deep=True)
    wrong.mean_rate[:] += 1e-9
    wrong.attrs["code_digest"] = "0" * 64
    dataset.write(wrong, path)
    assert cli.main(["verify", str(path), "--points", "3"]) == 1
    printed = capfd.readouterr().out
    assert printed.count("differs in mean_rate") == 3
    assert "0 of 3 points" in printed
    assert f"of code 000000000000, but this is {provenance.code_digest()[:12]}" in printed
