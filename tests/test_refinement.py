"""Refined borders in a phase map: of made-up simulations whose borders are known."""

import numpy as np
import pytest
import xarray as xr
from tiny_sweep import VALID, refine, values_of

from eiphase import cli, gathering, refinement, tile_job, verification
from eiphase.dataset import DatasetError
from eiphase.flags import Crossing, Fate, Flag, Refined
from eiphase.sweep import Sweep

SATURATED = (1.6, 1.9)  # q_factor between which lif_float with seed 3 and g_factor 6 is


def sweep_with(precision):
    return Sweep.model_validate(VALID | {
        "grid": {"q_factor": [4.0, 1.0, 2.0, 3.0], "g_factor": [4.0, 6.0]},
        "seeds": [1, 2, 3], "observables": {"chaos": True}, "tiles": 3,
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


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Tiles of `sweep_with`, whatever its precision, and what simulates further ones."""
    monkeypatch.setattr(tile_job, "simulate_tile", simulated)
    sweep = sweep_with(0.1)
    for tile in sweep.all_tiles():
        tile_job.run(sweep, tile, tmp_path / sweep.tile_path(tile))
    return tmp_path


def gather(folder, sweep, refined):
    path = folder / "phase_map.nc"
    tiles = [folder / sweep.tile_path(tile) for tile in sweep.all_tiles()]
    gathering.gather(tiles, sweep, path, name="test", refined=refined)
    return xr.load_dataset(path)


def test_refined_borders_are_where_they_are(folder):
    sweep = sweep_with(0.1)
    found = gather(folder, sweep, refine(sweep, folder))
    expected = np.array([border(seed) for seed in sweep.seeds])
    for backend in sweep.backends:
        one = found.sel(backend=backend, g_factor=4.0)
        assert (one.critical_q_flag == Crossing.RISE).all()
        assert (one.refined_q_flag == Refined.REACHED).all()
        assert (abs(one.refined_q - expected) <= 0.0625).all()
        assert (one.refined_q_width == 0.0625).all()
    rate = found.sel(backend="rate", g_factor=6.0)
    assert (abs(rate.critical_q - expected) > 0.2).any()  # the bend, seen from the grid
    np.testing.assert_allclose(rate.refined_q, expected, atol=0.005)
    half_width = 4.302653 * 0.2 / np.sqrt(3)  # Student's t for 2 degrees of freedom
    assert rate.refined_q_mean == pytest.approx(1.71, abs=0.005)
    assert rate.refined_q_high - rate.refined_q_low == pytest.approx(2 * half_width, rel=0.05)


def test_a_border_among_saturated_networks_is_not_made_up(folder):
    sweep = sweep_with(0.1)
    found = gather(folder, sweep, refine(sweep, folder)).sel(backend="lif_float", g_factor=6.0)
    assert found.refined_q_flag.values.tolist() == [
        Refined.REACHED, Refined.REACHED, Refined.STOPPED,
    ]  # fmt: skip
    assert np.isnan(found.refined_q[2])
    assert found.refined_q_width[2] == 0.5  # 1.5 is below the border, 1.75 is saturated
    assert np.isfinite(found.critical_q[2])
    assert found.refined_q_mean == pytest.approx(float(found.refined_q[:2].mean()))


def test_what_it_took_is_counted_and_shown(folder, capsys):
    """11 lines of 4 halvings each, and one that stops at its second point."""
    sweep = sweep_with(0.1)
    found = gather(folder, sweep, refine(sweep, folder))
    near, on_grid = 11 * 4 + 2, 2 * 4 * 2 * 3
    assert found.attrs["simulations_near_borders"] == near
    assert found.attrs["simulations_run"] == on_grid + near
    assert found.attrs["simulations_of_full_grid"] == 2 * 31 * 2 * 3
    assert cli.main(["show", str(folder / "phase_map.nc")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"run, those between grid points included {on_grid + near}" in shown
    assert "a full grid of this precision would take 372" in shown
    assert f"saved {372 - on_grid - near} (75%)" in shown


@pytest.mark.parametrize(("precision", "n_q"), [(3.0, 2), (1.0, 4), (0.7, 6), (0.1, 31)])
def test_a_full_grid_reaches_from_end_to_end(precision, n_q):
    """q_factor from 1 to 4, two g_factor, three seeds, two backends."""
    assert refinement.full_grid(sweep_with(precision)) == n_q * 2 * 3 * 2


def test_without_a_precision_nothing_is_refined(folder):
    sweep = sweep_with(None)
    found = gather(folder, sweep, [])
    assert found.refined_q.isnull().all()
    assert (found.refined_q_flag == -1).all()
    assert found.critical_q.notnull().all()
    assert not [name for name in found.attrs if name.startswith("simulations")]


def test_refinements_that_lack_or_are_not_asked_for_are_refused(folder):
    sweep = sweep_with(0.1)
    paths = refine(sweep, folder)
    missing = "The refinement of lif_float seed 3 is missing"
    with pytest.raises(DatasetError, match=missing):
        gather(folder, sweep, paths[:-1])
    with pytest.raises(DatasetError, match="seed 1 is there, but the sweep asks for none"):
        gather(folder, sweep_with(None), paths)


@pytest.mark.parametrize(
    ("made_with", "message"),
    [(0.2, "refinement of rate seed 1 lacks q_factor 1.5625"),
     (0.05, "refinement of rate seed 1 holds 10 points, but its border needs 8")],
)  # fmt: skip
def test_a_refinement_of_another_precision_is_refused(folder, made_with, message):
    with pytest.raises(DatasetError, match=message):
        gather(folder, sweep_with(0.1), refine(sweep_with(made_with), folder))


def test_a_damaged_refinement_is_named_and_set_aside(folder):
    sweep = sweep_with(0.1)
    paths = refine(sweep, folder)
    paths[2].write_bytes(paths[2].read_bytes()[:5000])
    with pytest.raises(DatasetError, match=r"refined-.* is damaged.* Renamed to \*\.damaged"):
        gather(folder, sweep, paths)
    assert not paths[2].exists()
    refine(sweep, folder)
    gather(folder, sweep, paths)


def test_what_is_over_seeds_is_verified(folder):
    sweep = sweep_with(0.1)
    found = gather(folder, sweep, refine(sweep, folder))
    assert verification.not_derived(found) == []
    found.refined_q_mean[1, 0] = np.nextafter(found.refined_q_mean[1, 0], 0)
    assert verification.not_derived(found) == ["refined_q_mean"]
