"""Tiles become one dataset: every number in its place, and nothing else gets in."""

import json
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from tiny_sweep import SWEEP, VALID, values_of, write_tiles

from eiphase.errors import DatasetError
from eiphase.flags import Crossing, Fate, Phase
from eiphase.jobs import borders
from eiphase.jobs import gather as gathering
from eiphase.jobs.datasets import netcdf, tile_file
from eiphase.jobs.datasets.unmeasured import completed
from eiphase.sweep.schema import Sweep
from eiphase.theory import chaotic_state, exponent, meanfield
from eiphase.variables import DERIVED, VARIABLES


def gather(tiles, folder, sweep=SWEEP):
    path = folder / "phase_map.nc"
    gathering.gather(tiles, sweep, path, name="test")
    return xr.load_dataset(path)


def test_gather_puts_every_number_in_its_place(tiles, tmp_path):
    found = gather(tiles[::-1], tmp_path)
    for b, backend in enumerate(SWEEP.backends):
        for seed in SWEEP.seeds:
            for q, q_factor in enumerate(SWEEP.grid.q_factor):
                for g, g_factor in enumerate(SWEEP.grid.g_factor):
                    point = {"backend": backend, "seed": seed, "q_factor": q_factor}
                    cell = found.sel(point | {"g_factor": g_factor})
                    expected = 1000 * b + 100 * seed + 10 * q + g
                    assert cell.c0 == expected
                    assert cell.autocovariance.sel(lag=7) == expected + 0.007


@pytest.mark.parametrize("tiles", [1, 2, 5, 11])
def test_any_cut_into_tiles_gives_the_same(tmp_path, tiles):
    """Rows of the grid are cut, or several fall into one tile."""
    grid = {"q_factor": [9.0, 1.0, 6.0, 2.0], "g_factor": [4.0, 6.0, 5.0]}
    changes = {"backends": ["lif_float"], "seeds": [2], "grid": grid, "tiles": tiles}
    sweep = Sweep.model_validate(VALID | changes)
    found = gather(write_tiles(tmp_path, sweep), tmp_path, sweep).c0.sel(
        backend="lif_float", seed=2
    )
    for q in range(4):
        for g in range(3):
            assert found[q, g] == 1200 + 10 * q + g


def test_dataset_keeps_its_contract(phase_map_file):
    with xr.open_dataset(phase_map_file) as found:
        assert found.autocovariance.dims == ("backend", "q_factor", "g_factor", "seed", "lag")
        assert set(found.data_vars) == {
            "autocovariance", "c0", "c0_flag", "decay_time", "decay_time_flag", "persistence",
            "c0_error", "decay_time_error", "mean_rate_error", "quality",
            "centring_bias", "mean_rate", "silent_fraction", "always_firing_fraction",
            "step_limited",
            "weight_scale", "weight_scale_status", "phase", "phase_commonest", "phase_agreement",
            "effective_coupling", "theory_critical_q",
            "theory_lyapunov_exponent",
        }  # fmt: skip
        for name, variable in found.variables.items():
            assert variable.attrs["long_name"]
            # What UDUNITS knows; the others are in words, in long_name.
            assert variable.attrs.get("units", "1") in ("1", "bit")
            has_flags = "flag_meanings" in variable.attrs
            assert has_flags == ("units" not in variable.attrs) or name in ("backend", "seed")
            if has_flags:
                assert variable.attrs["flag_values"].dtype == variable.dtype
        assert found.decay_time.attrs["long_name"].endswith(", in time steps")
        assert "CF-1.11" in found.attrs["Conventions"]
        assert {"title", "summary", "keywords", "history", "source"} <= {*found.attrs}
        trust = "quality centring_bias step_limited"  # without a precision, no more
        assert found.c0.attrs["ancillary_variables"] == f"c0_flag c0_error {trust}"
        assert found.weight_scale.attrs["ancillary_variables"] == "weight_scale_status"
        for variable in found.data_vars.values():
            assert {*variable.attrs.get("ancillary_variables", "").split()} <= {*found.data_vars}
        assert json.loads(found.attrs["sweep_config"])["network"]["neurons"] == 20
        assert found.attrs["sweep_digest"] == SWEEP.digest
        assert json.loads(found.attrs["versions"])["lava-nc"] == "0.10.0"
        assert found.attrs["commit"]
        assert found.attrs["machine"].startswith("Linux")
        assert found.c0.encoding["zlib"]
        assert {"i1", "f8"} == {found[name].encoding["dtype"].str[1:] for name in found.data_vars}


def test_flags_say_what_they_mean(phase_map_file):
    attributes = xr.load_dataset(phase_map_file).decay_time_flag.attrs
    meanings = dict(
        zip(attributes["flag_values"], attributes["flag_meanings"].split(), strict=True)
    )
    assert meanings == {
        -1: "not_applicable", 0: "ok", 1: "censored", 2: "undefined", 3: "broken",
        4: "transient", 5: "saturated",
    }  # fmt: skip


def test_gather_wants_every_point_once(tiles, tmp_path):
    missing = r"backend rate, q_factor 1.0, g_factor 4.0, seed 1 0 times, but need it once"
    with pytest.raises(DatasetError, match=missing):
        gather(tiles[1:], tmp_path)
    with pytest.raises(DatasetError, match="2 times"):
        gather([*tiles, tiles[3]], tmp_path)
    assert not (tmp_path / "phase_map.nc").exists()


def test_points_that_the_sweep_does_not_have_are_refused(tiles, tmp_path):
    fewer = Sweep.model_validate(VALID | {"seeds": [1]})
    with pytest.raises(DatasetError, match="holds points of rate seed 2 that the sweep does not"):
        gather(tiles, tmp_path, fewer)


def test_damaged_tiles_are_named_and_set_aside_all_at_once(tiles, tmp_path):
    for path in tiles[1:3]:
        path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DatasetError) as caught:
        gather(tiles, tmp_path)
    for path in tiles[1:3]:
        assert str(path) in str(caught.value)
        assert not path.exists()
        assert path.with_name(f"{path.name}.damaged").stat().st_size == 5000
    assert all(path.exists() for path in tiles[3:])
    assert not (tmp_path / "phase_map.nc").exists()


def test_a_renamed_tile_is_named_though_another_ends_gathering(tiles, tmp_path):
    tiles[1].write_bytes(tiles[1].read_bytes()[:5000])
    tiles[2].unlink()
    with pytest.raises(DatasetError, match=f"{tiles[1]} is damaged.* Renamed.* {tiles[2]} cannot"):
        gather(tiles, tmp_path)


def test_a_damaged_file_that_no_tile_is_called_stays_where_it_is(tiles, tmp_path):
    """It may be the user's, named by mistake."""
    thesis = tmp_path / "thesis.nc"
    thesis.write_text("chapter 1")
    with pytest.raises(DatasetError) as caught:
        gather([*tiles, thesis], tmp_path)
    assert f"{thesis} is damaged, or nothing that this version wrote" in str(caught.value)
    assert thesis.read_text() == "chapter 1"
    assert not list(tmp_path.glob("*.damaged"))


def test_a_mistaken_config_touches_no_tile(tiles, tmp_path):
    other = Sweep.model_validate(VALID | {"network": {"neurons": 30}})
    with pytest.raises(DatasetError, match=r"network\.neurons = 20, but the sweep has 30"):
        gather(tiles, tmp_path, other)
    assert all(path.exists() for path in tiles)


PEAK = """
import json, resource, sys
from pathlib import Path
from eiphase.jobs import gather
from eiphase.sweep.schema import Sweep
for config in json.loads(sys.argv[1]):
    sweep = Sweep.model_validate(config)
    tiles = [Path(sweep.tile_path(tile)) for tile in sweep.all_tiles()]
    gather.gather(tiles, sweep, Path("phase_map.nc"), name="test")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_number_of_tiles(tmp_path):
    """Five tiles of a megabyte, then 25 in the same program: its largest memory so far."""
    config = VALID | {
        "grid": {"q_factor": {"start": 1, "stop": 9, "count": 32}, "g_factor": [4]},
        "simulation": {"steps": 9000, "burn_in": 100, "max_lag": 4000},
        "backends": ["lif_float"],
        "tiles": 1,
    }
    configs = [config | {"seeds": list(range(n_seeds))} for n_seeds in (5, 25)]
    write_tiles(tmp_path, Sweep.model_validate(configs[-1]))
    run = subprocess.run(
        [sys.executable, "-c", PEAK, json.dumps(configs)],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    peaks = [int(line) for line in run.stdout.splitlines()]
    assert peaks[1] < 1.05 * peaks[0]


@pytest.fixture(scope="module")
def with_chaos(tmp_path_factory):
    """A made-up sweep whose exponents and damage change sign where each seed says."""
    sweep = Sweep.model_validate(VALID | {
        "grid": {"q_factor": [4.0, 1.0, 2.0, 3.0], "g_factor": [4.0, 6.0]},
        "seeds": [1, 2, 3], "observables": {"chaos": True}, "tiles": 1,
    })  # fmt: skip
    folder, paths = tmp_path_factory.mktemp("with_chaos"), []
    for tile in sweep.all_tiles():
        values = values_of(tile, sweep)
        q = np.array([network.q_factor for network in sweep.networks(tile)])
        border = 1.5 + 0.25 * tile.seed
        values["lyapunov_exponent"] = 0.1 * (q - border)
        values["lyapunov_error"] = np.full(len(q), 0.001)
        values["spike_damage"] = 0.5 - 0.2 * (q - border)
        values["spike_damage_fate"] = np.where(q < border, Fate.SPREAD, Fate.HEALED).astype("i1")
        paths.append(folder / sweep.tile_path(tile))
        tile_file.write(paths[-1], values, sweep, tile)
    return gather(paths, folder, sweep)


def test_borders_are_where_measures_of_chaos_change_sign(with_chaos):
    borders = np.array([1.75, 2.0, 2.25])
    for backend, flag in (("rate", Crossing.RISE), ("lif_float", Crossing.FALL)):
        found = with_chaos.sel(backend=backend)
        np.testing.assert_allclose(found.measured_critical_q, [borders, borders])
        assert (found.measured_critical_q_flag == flag).all()
        np.testing.assert_allclose(found.measured_critical_q_mean, 2.0)
        # At q = 2 seed 2 has 0, whose sign is not certain.
        np.testing.assert_array_equal(found.measured_critical_q_from, [[1.0, 1.0, 2.0]] * 2)
        np.testing.assert_array_equal(found.measured_critical_q_to, [[2.0, 3.0, 3.0]] * 2)
        half_width = 4.302653 * 0.25 / np.sqrt(3)  # Student's t for 2 degrees of freedom
        assert half_width < 2 / 3
        np.testing.assert_allclose(found.measured_critical_q_high, 8 / 3)
        np.testing.assert_allclose(found.measured_critical_q_low, 4 / 3)


def test_phases_are_those_of_their_points(with_chaos):
    rates = with_chaos.phase.sel(backend="rate", seed=3, g_factor=6.0)
    assert rates.sel(q_factor=[3.0, 4.0]).values.tolist() == [Phase.CHAOS] * 2
    assert rates.sel(q_factor=[1.0, 2.0]).values.tolist() == [Phase.UNDECIDED] * 2
    spiking = with_chaos.phase.sel(backend="lif_float", seed=3, g_factor=6.0)
    assert spiking.sel(q_factor=[1.0, 2.0]).values.tolist() == [Phase.SENSITIVE] * 2


def test_who_watches_sees_theory_counted_too(tmp_path, monkeypatch):
    """It takes longer than the tiles: the bar is not full before its end."""
    sweep = Sweep.model_validate(VALID | {"observables": {"chaos": True}})
    tiles = write_tiles(tmp_path, sweep)
    shown, at_theory = [], []
    monkeypatch.setattr(borders, "of_network", lambda *_: at_theory.append(shown[-1]) or 1.0)
    path = tmp_path / "phase_map.nc"
    gathering.gather(tiles, sweep, path, name="test", show=lambda *counts: shown.append(counts))
    assert len(tiles) == 16
    assert shown == [(done, 22) for done in range(23)]  # 3 g_factor x 2 seeds beside the tiles
    # Which threads compute while one counts.
    assert len(at_theory) == 6
    assert all(16 <= done < 22 for done, _ in at_theory)


def test_theory_stands_beside_what_was_measured(with_chaos):
    for g in (4.0, 6.0):
        theory = meanfield.ensemble_critical_q(
            n_neurons=20, g_factor=g, bias=0.1, step_size=0.01, largest_q=4.0
        )
        found = with_chaos.theory_critical_q.sel(g_factor=g)
        np.testing.assert_equal(found.item(), theory.value)
    assert with_chaos.theory_critical_q.notnull().any()
    assert with_chaos.network_critical_q.notnull().any()


def test_theory_says_how_chaotic_rate_networks_are_above_its_border(tmp_path):
    grid = {"q_factor": [8.0, 1.0, 5.0], "g_factor": [6.0, 4.5]}
    sweep = Sweep.model_validate(VALID | {"grid": grid, "tiles": 1})
    found = gather(write_tiles(tmp_path, sweep), tmp_path, sweep)
    exponents = found.theory_lyapunov_exponent
    assert exponents.dims == ("q_factor", "g_factor")
    for g in grid["g_factor"]:
        border = found.theory_critical_q.sel(g_factor=g).item()
        assert 1 < border < 5
        assert np.isnan(exponents.sel(q_factor=1.0, g_factor=g))
        for q in (5.0, 8.0):
            coupling = meanfield.coupling(
                n_neurons=20, q_factor=q, g_factor=g, bias=0.1, step_size=0.01
            )
            expected = exponent.lyapunov_exponent(chaotic_state.solve(coupling), step_size=0.01)
            assert expected > 0
            value = exponents.sel(q_factor=q, g_factor=g).item()
            assert value == pytest.approx(expected, rel=1e-6)


def test_without_chaos_there_are_no_borders_but_that_of_theory(phase_map_file):
    """Which needs no simulation."""
    with xr.open_dataset(phase_map_file) as found:
        assert not [name for name in found.data_vars if name.startswith(("critical", "refined"))]
        assert "network_critical_q" not in found
        for g in SWEEP.grid.g_factor:
            theory = meanfield.ensemble_critical_q(
                n_neurons=20, g_factor=g, bias=0.1, step_size=0.01, largest_q=6.0
            )
            np.testing.assert_equal(found.theory_critical_q.sel(g_factor=g).item(), theory.value)
        assert found.theory_critical_q.notnull().any()


@pytest.mark.parametrize(
    ("change", "there", "not_there"),
    [
        ({"backends": ["rate"]}, "c0 theory_critical_q", "weight_scale silent_fraction"),
        ({"backends": ["lif_float"]}, "weight_scale", "theory_critical_q current_low"),
        ({"backends": ["lif_float", "lif_bit_accurate"]}, "current_low", "spike_damage"),
        ({"backends": ["lif_bit_accurate"]}, "voltage_clips weight_scale", "current_low"),
        ({"observables": {"statistics": True}}, "isi_cv fixed_point_distance", "lyapunov_flag"),
        ({"backends": ["rate"], "observables": {"statistics": True}}, "synchrony", "isi_cv"),
        ({"observables": {"chaos": True}}, "measured_critical_q network_critical_q", "bit_damage"),
        ({"backends": ["rate"], "observables": {"chaos": True}}, "lyapunov_flag", "spike_damage"),
        ({"mapping": {"rate_to_lif": "corrected"}}, "predicted_rate", "refined_q"),
    ],
    ids=str,
)  # fmt: skip
def test_a_phase_map_holds_what_its_sweep_measures(tmp_path, change, there, not_there):
    """And plots, which look for the rest, find it empty."""
    small = {"grid": {"q_factor": [1.0, 6.0], "g_factor": [4.0]}, "seeds": [1], "tiles": 1}
    sweep = Sweep.model_validate(VALID | small | change)
    found = gather(write_tiles(tmp_path, sweep), tmp_path, sweep)
    assert set(there.split()) <= set(found.data_vars)
    assert not set(not_there.split()) & set(found.data_vars)
    empty = completed(found, VARIABLES | DERIVED)
    assert set(empty.data_vars) == set(VARIABLES | DERIVED)
    for name in set(empty.data_vars) - set(found.data_vars):
        assert (empty[name].isnull() | (empty[name] == -1)).all()
    assert netcdf.open_phase_map(tmp_path / "phase_map.nc").equals(found)


@pytest.mark.parametrize("lost", ["c0", "weight_scale", "phase", "theory_critical_q"])
def test_what_was_measured_must_be_there(phase_map_file, lost):
    found = xr.load_dataset(phase_map_file).drop_vars(lost)
    netcdf.write(found, phase_map_file)
    with pytest.raises(DatasetError, match=f"is not a phase map: it has no {lost}"):
        netcdf.open_phase_map(phase_map_file)
    assert lost not in completed(found, VARIABLES | DERIVED)


def test_a_phase_map_without_what_was_added_since_opens(phase_map_file):
    before = xr.load_dataset(phase_map_file).drop_vars([
        "step_limited", "effective_coupling", "theory_lyapunov_exponent",
    ])  # fmt: skip
    netcdf.write(before, phase_map_file)
    found = completed(netcdf.open_phase_map(phase_map_file), VARIABLES | DERIVED)
    assert found.effective_coupling.isnull().all()
    assert (found.step_limited == -1).all()


def test_a_phase_map_of_before_opens(phase_map_file):
    """It holds all variables that there are, also those that are empty."""
    before = completed(xr.load_dataset(phase_map_file), VARIABLES | DERIVED)
    netcdf.write(before, phase_map_file)
    with netcdf.open_phase_map(phase_map_file) as opened:
        assert set(opened.data_vars) == set(VARIABLES | DERIVED)
