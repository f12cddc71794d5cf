"""Refined borders in a phase map: of made-up simulations whose borders are known."""

import contextlib
import shutil
from itertools import product
from unittest import mock

import numpy as np
import pytest
import xarray as xr
from tiny_sweep import VALID, made_up_own_borders, refine, values_of, write_tiles

from eiphase.cli import commands
from eiphase.errors import Damaged, DatasetError
from eiphase.flags import Crossing, Fate, Flag, Refined
from eiphase.jobs import borders, simulate, verify
from eiphase.jobs import gather as gathering
from eiphase.jobs.before import spectra
from eiphase.jobs.datasets.setting_aside import set_aside
from eiphase.sweep.schema import Sweep

SATURATED = (1.6, 1.9)  # q_factor between which lif_float with seed 3 and g_factor 6 is


def sweep_with(precision):
    return Sweep.model_validate(VALID | {
        "grid": {"q_factor": [4.0, 1.0, 2.0, 3.0], "g_factor": [4.0, 6.0]},
        "seeds": [1, 2, 3], "observables": {"chaos": True}, "tiles": 1,
        "refinement": {"precision": precision},
    })  # fmt: skip


def border(seed):
    return 1.31 + 0.2 * seed


def simulated(sweep, tile, **_):
    """Exponents that are no straight line, damage that jumps; both rise where each seed says."""
    values = values_of(tile, sweep)
    networks = list(sweep.networks(tile))
    q, g = (np.array([getattr(n, name) for n in networks]) for name in ("q_factor", "g_factor"))
    above = q >= border(tile.seed)
    values["lyapunov_exponent"] = (q / border(tile.seed)) ** 8 - 1
    values["lyapunov_error"] = np.full(len(q), 0.001)
    values["spike_damage"] = np.where(above, 0.9, 0.1)
    values["spike_damage_fate"] = np.where(above, Fate.SPREAD, Fate.HEALED).astype("i1")
    if (tile.backend, tile.seed) == ("lif_float", 3):
        within = (q > SATURATED[0]) & (q < SATURATED[1]) & (g == 6)
        values["c0_flag"] = np.where(within, Flag.SATURATED, Flag.OK).astype("i1")
    return values


SWEEP = sweep_with(0.1)


@contextlib.contextmanager
def made_up():
    """Nothing is simulated, and theory looks for no network's own border."""
    with made_up_own_borders(), mock.patch.object(simulate, "simulate_tile", simulated):
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder for the tiles of `SWEEP`, and one where they are refined and gathered, too."""
    folder = tmp_path_factory.mktemp("made")
    with made_up():
        for tile in SWEEP.all_tiles():
            simulate.run(SWEEP, tile, folder / "tiles" / SWEEP.tile_path(tile))
        shutil.copytree(folder / "tiles", folder / "refined")
        gather(folder / "refined", SWEEP, refine(SWEEP, folder / "refined"))
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """Tiles of `sweep_with`, whatever its precision, and what simulates further ones."""
    with made_up():
        yield shutil.copytree(made / "tiles", tmp_path, dirs_exist_ok=True)


@pytest.fixture
def refined(made, tmp_path):
    """Tiles of `SWEEP`, refined, and their phase map."""
    with made_up():
        yield shutil.copytree(made / "refined", tmp_path, dirs_exist_ok=True)


@pytest.fixture
def phase_map(made):
    return xr.load_dataset(made / "refined/phase_map.nc")


def refined_paths(folder):
    pairs = product(SWEEP.backends, SWEEP.seeds)
    return [folder / SWEEP.refined_path(backend, seed) for backend, seed in pairs]


def gather(folder, sweep, refined):
    path = folder / "phase_map.nc"
    tiles = [folder / sweep.tile_path(tile) for tile in sweep.all_tiles()]
    gathering.gather(tiles, sweep, path, name="test", refined=refined)
    return xr.load_dataset(path)


def test_refined_borders_are_where_they_are(phase_map):
    expected = np.array([border(seed) for seed in SWEEP.seeds])
    for backend in SWEEP.backends:
        one = phase_map.sel(backend=backend, g_factor=4.0)
        assert (one.measured_critical_q_flag == Crossing.RISE).all()
        assert (one.refined_q_flag == Refined.REACHED).all()
        assert (abs(one.refined_q - expected) <= 0.0625).all()
        assert (one.refined_q_width == 0.0625).all()
    rate = phase_map.sel(backend="rate", g_factor=6.0)
    assert (abs(rate.measured_critical_q - expected) > 0.2).any()  # the bend, seen from the grid
    np.testing.assert_allclose(rate.refined_q, expected, atol=0.005)
    half_width = 4.302653 * 0.2 / np.sqrt(3)  # Student's t for 2 degrees of freedom
    assert rate.refined_q_mean == pytest.approx(1.71, abs=0.005)
    assert rate.refined_q_high - rate.refined_q_low == pytest.approx(2 * half_width, rel=0.05)


def test_a_border_among_saturated_networks_is_not_made_up(phase_map):
    found = phase_map.sel(backend="lif_float", g_factor=6.0)
    assert found.refined_q_flag.values.tolist() == [
        Refined.REACHED, Refined.REACHED, Refined.STOPPED,
    ]  # fmt: skip
    assert np.isnan(found.refined_q[2])
    assert found.refined_q_width[2] == 0.5  # 1.5 is below the border, 1.75 is saturated
    assert np.isfinite(found.measured_critical_q[2])
    assert found.refined_q_mean == pytest.approx(float(found.refined_q[:2].mean()))


def test_what_it_took_is_counted_and_shown(made, phase_map, capsys):
    """11 lines of 4 halvings each, and one that stops at its second point."""
    near, on_grid = 11 * 4 + 2, 2 * 4 * 2 * 3
    assert phase_map.attrs["simulations_near_borders"] == near
    assert phase_map.attrs["simulations_run"] == on_grid + near
    assert phase_map.attrs["simulations_of_full_grid"] == 2 * 31 * 2 * 3
    assert commands.main(["show", str(made / "refined/phase_map.nc")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"run, those between grid points included {on_grid + near}" in shown
    assert "a full grid of this precision would take 372" in shown
    assert f"saved {372 - on_grid - near} (75%)" in shown


@pytest.mark.parametrize(("precision", "n_q"), [(3.0, 2), (1.0, 4), (0.7, 6), (0.1, 31)])
def test_a_full_grid_reaches_from_end_to_end(precision, n_q):
    """q_factor from 1 to 4, two g_factor, three seeds, two backends."""
    assert borders.full_grid(sweep_with(precision)) == n_q * 2 * 3 * 2


def test_without_a_precision_nothing_is_refined(folder):
    sweep = sweep_with(None)
    found = gather(folder, sweep, [])
    assert not [name for name in found if name.startswith("refined")]  # not stored: not measured
    assert found.measured_critical_q.notnull().all()
    assert not [name for name in found.attrs if name.startswith("simulations")]


def test_refinements_that_lack_or_are_not_asked_for_are_refused(refined):
    paths = refined_paths(refined)
    missing = "The refinement of lif_float seed 3 is missing"
    with pytest.raises(DatasetError, match=missing):
        gather(refined, SWEEP, paths[:-1])
    with pytest.raises(DatasetError, match="seed 1 is there, but the sweep asks for none"):
        gather(refined, sweep_with(None), paths)


@pytest.mark.parametrize(
    ("made_with", "message"),
    [(0.2, "refinement of rate seed 1 lacks q_factor 1.5625"),
     (0.05, "refinement of rate seed 1 holds 10 points, but its border needs 8")],
)  # fmt: skip
def test_a_refinement_of_another_precision_is_refused(refined, made_with, message):
    other = refined / sweep_with(made_with).refined_path("rate", 1)
    simulate.refine(sweep_with(made_with), "rate", 1, other, tiles=refined)
    with pytest.raises(DatasetError, match=message):
        gather(refined, SWEEP, [other, *refined_paths(refined)[1:]])


def test_a_damaged_refinement_is_named_and_set_aside(refined):
    paths = refined_paths(refined)
    paths[2].write_bytes(paths[2].read_bytes()[:5000])
    with pytest.raises(DatasetError, match=r"refined-.* is damaged.* Renamed to \*\.damaged"):
        gather(refined, SWEEP, paths)
    assert not paths[2].exists()
    simulate.refine(SWEEP, "rate", 3, paths[2], tiles=refined)
    gather(refined, SWEEP, paths)


def test_what_is_over_seeds_is_verified(phase_map):
    assert verify.not_derived(phase_map) == []
    phase_map.refined_q_mean[1, 0] = np.nextafter(phase_map.refined_q_mean[1, 0], 0)
    assert verify.not_derived(phase_map) == ["refined_q_mean"]


def test_borders_in_effective_coupling():
    """Rate neurons: where the ensemble loses its fixed point, networks have R near 1."""
    sweep = Sweep.model_validate(
        VALID | {"network": {"neurons": 200}, "mapping": {"rate_to_lif": "corrected"}}
    )
    critical_q = np.full((3, 2), np.nan)
    critical_q[:, 0] = [borders.of_ensemble(sweep, g) for g in sweep.grid.g_factor]
    found = borders.in_coupling(sweep, "rate", critical_q)
    np.testing.assert_allclose(found[:, 0], 1, rtol=0.1)
    assert np.isnan(found[:, 1]).all()
    critical_q[:, 0] = 3.0  # LIF neurons, where they can couple as strongly
    pair = [borders.in_coupling(sweep, name, critical_q) for name in ("rate", "lif_float")]
    np.testing.assert_allclose(pair[1], pair[0], rtol=1e-6)


WITH_SPECTRA = Sweep.model_validate(
    VALID | {"network": {"neurons": 30}, "observables": {"chaos": True}}
)


def written_spectra(folder):
    paths = [folder / WITH_SPECTRA.spectra_path(seed) for seed in WITH_SPECTRA.seeds]
    for path, seed in zip(paths, WITH_SPECTRA.seeds, strict=True):
        spectra.write(WITH_SPECTRA, seed, path)
    return paths


def test_spectra_in_files_are_those_that_gathering_finds(tmp_path, monkeypatch):
    tiles = write_tiles(tmp_path, WITH_SPECTRA)
    alone, read = tmp_path / "alone.nc", tmp_path / "read.nc"
    gathering.gather(tiles, WITH_SPECTRA, alone, name="test")
    paths = written_spectra(tmp_path)
    monkeypatch.delattr(borders, "of_network")  # nothing is found twice
    gathering.gather(tiles, WITH_SPECTRA, read, name="test", of_spectra=paths)
    found = xr.load_dataset(read).network_critical_q
    assert found.notnull().any()
    xr.testing.assert_identical(found, xr.load_dataset(alone).network_critical_q)


def test_spectra_of_other_networks_are_refused(tmp_path):
    _, path = written_spectra(tmp_path)
    for change in ({"network": {"neurons": 31}}, {"seeds": [1]}):
        other = Sweep.model_validate(WITH_SPECTRA.model_dump() | change)
        with pytest.raises(DatasetError, match="has no spectra of this sweep's networks"):
            spectra.read(path, other)
    with pytest.raises(DatasetError, match="has no spectra of this sweep's networks"):
        spectra.read(write_tiles(tmp_path, WITH_SPECTRA)[0], WITH_SPECTRA)


def test_damaged_spectra_are_made_again(tmp_path):
    path, _ = written_spectra(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"Theory", b"theory"))
    with pytest.raises(Damaged):
        spectra.read(path, WITH_SPECTRA)
    assert set_aside(path).startswith(" Renamed")


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({"backends": ["rate"]}, True),
        ({"grid": {"q_factor": [2.0, 6.0], "g_factor": [4.0, 4.5, 5.0]}}, True),
        ({"grid": {"q_factor": [1.0, 7.0], "g_factor": [4.0, 4.5, 5.0]}}, False),
        ({"grid": {"q_factor": [1.0, 6.0], "g_factor": [4.0, 4.5]}}, False),
        ({"network": {"neurons": 30, "bias": 0.2}}, False),
        ({"network": {"neurons": 30, "refractory": 0.05}}, True),
    ],
    ids=str,
)
def test_the_name_of_spectra_tells_what_they_depend_on(change, is_same):
    other = Sweep.model_validate(WITH_SPECTRA.model_dump() | change)
    assert (other.spectra_path(1) == WITH_SPECTRA.spectra_path(1)) == is_same
    assert other.spectra_path(2) != other.spectra_path(1)
