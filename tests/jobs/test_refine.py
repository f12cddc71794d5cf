"""Borders refined by real simulations: against a full grid, after a death, and for another wish."""

import re

import numpy as np
import pytest
import xarray as xr
from tiny_sweep import COARSE, refine, simulate_and_gather

from eiphase.chaos import border as critical_line
from eiphase.errors import DatasetError
from eiphase.flags import Crossing, Refined
from eiphase.jobs import simulate as refinement_job
from eiphase.jobs import simulate as tile_job
from eiphase.jobs.datasets import tile_file
from eiphase.sweep.schema import Sweep
from eiphase.sweep.tiles import Tile
from eiphase.variables import VARIABLES

PRECISION = 0.25


def sweep_with(precision=PRECISION, **changes):
    return Sweep.model_validate(COARSE | {"refinement": {"precision": precision}} | changes)


@pytest.fixture(scope="module")
def refined(tmp_path_factory):
    """Folder of a sweep with both kinds of LIF neurons whose borders were refined."""
    folder = tmp_path_factory.mktemp("refined")
    simulate_and_gather(sweep_with(), folder)
    return folder


@pytest.fixture(scope="module")
def full_grid(tmp_path_factory):
    """The map of a grid as fine as the precision."""
    count = round((5 - 1) / PRECISION) + 1
    grid = {"q_factor": {"start": 1, "stop": 5, "count": count}, "g_factor": [4.5, 6.0]}
    folder = tmp_path_factory.mktemp("full")
    return xr.load_dataset(
        simulate_and_gather(Sweep.model_validate(COARSE | {"grid": grid}), folder)
    )


def simulations(progress):
    """How many networks were simulated, by what a job printed."""
    return sum(int(n) for n in re.findall(r": simulated (\d+) networks", progress))


def test_refined_borders_are_those_of_a_full_grid(refined, full_grid):
    """Equal to the bit where that grid sees one change within the coarse grid's bracket."""
    found = xr.load_dataset(refined / "phase_map.nc")
    n_alike = 0
    for b, backend in enumerate(COARSE["backends"]):
        names = ("lyapunov_exponent", "spike_damage", "phase")
        driver = critical_line.driver(backend, {name: full_grid[name].values[b] for name in names})
        for g in range(2):
            q, values = full_grid.q_factor.values, driver[:, g, 0]
            coarse = np.isin(q, [1.0, 3.0, 5.0])
            (low, high), _, flag = critical_line.sign_change(q[coarse], values[coarse])
            one = found.isel(backend=b, g_factor=g, seed=0)
            assert one.measured_critical_q_flag == flag
            if np.isnan(low):
                assert one.refined_q_flag == Refined.NO_CHANGE
                continue
            assert one.refined_q_flag == Refined.REACHED
            assert low <= one.refined_q <= high
            assert one.refined_q_width == PRECISION
            inside = (q >= low) & (q <= high)
            border, within = critical_line.crossing(q[inside], values[inside])
            if within in (Crossing.RISE, Crossing.FALL):
                assert one.refined_q == border
                n_alike += 1
    assert n_alike >= 2


def test_what_was_simulated_is_counted(refined, full_grid):
    """One border takes 3 points of each backend, integers' also one of lif_float if it differs."""
    found = xr.load_dataset(refined / "phase_map.nc")
    points = {
        (backend, *point)
        for path in refined.glob("*/seed-17/refined-*.nc")
        for contents in [tile_file.read(path, sweep_with())]
        for backend in {"lif_float", contents.backend}
        for point in contents.points
    }
    n_borders = int((found.refined_q_flag == Refined.REACHED).sum())
    assert 3 * n_borders <= len(points) <= 2 * 3 * n_borders
    assert found.attrs["simulations_near_borders"] == len(points)
    assert found.attrs["simulations_run"] == 2 * 6 + len(points)
    assert found.attrs["simulations_of_full_grid"] == full_grid.c0.size


def test_a_job_that_died_goes_on_where_it_stopped(refined, tmp_path, monkeypatch, capfd):
    sweep = sweep_with()
    for number in range(sweep.tiles):
        tile = sweep.tile("lif_float", 17, number)
        tile_job.run(sweep, tile, tmp_path / sweep.tile_path(tile))
    simulate = tile_job.simulate_tile

    def dies_in_the_third_round(sweep, tile, **options):
        if tile.number == sweep.tiles + 2:
            raise KeyboardInterrupt
        return simulate(sweep, tile, **options)

    path = tmp_path / sweep.refined_path("lif_float", 17)
    capfd.readouterr()
    monkeypatch.setattr(tile_job, "simulate_tile", dies_in_the_third_round)
    with pytest.raises(KeyboardInterrupt):
        refinement_job.refine(sweep, "lif_float", 17, path, tiles=tmp_path)
    before = simulations(capfd.readouterr().err)
    assert not path.exists()
    monkeypatch.undo()
    refinement_job.refine(sweep, "lif_float", 17, path, tiles=tmp_path)
    whole = tile_file.read(refined / path.relative_to(tmp_path), sweep)
    after = tile_file.read(path, sweep)
    assert after.points == whole.points
    for name in VARIABLES:
        assert np.array_equal(after.values[name], whole.values[name], equal_nan=True), name
    again = simulations(capfd.readouterr().err)
    assert before > 0
    assert again > 0
    assert before + again == len(whole.points)


def test_a_finer_wish_adds_its_last_round_alone(refined, capfd):
    finer = sweep_with(PRECISION / 2)
    before = tile_file.read(refined / sweep_with().refined_path("lif_float", 17), finer)
    capfd.readouterr()
    path = refined / finer.refined_path("lif_float", 17)
    refinement_job.refine(finer, "lif_float", 17, path, tiles=refined)
    after = tile_file.read(path, finer)
    assert set(before.points) < set(after.points)
    assert len(after.points) - len(before.points) == simulations(capfd.readouterr().err)


def test_integers_take_their_ranges_from_the_float_network_at_the_same_point(refined):
    """As a tile of these points alone would."""
    sweep = sweep_with()
    contents = tile_file.read(refined / sweep.refined_path("lif_bit_accurate", 17), sweep)
    points = contents.points
    assert points
    smaller = sweep.at(points)
    axes = smaller.grid.q_factor, smaller.grid.g_factor
    indices = tuple((axes[0].index(q), axes[1].index(g)) for q, g in points)
    floats = tile_job.simulate_tile(smaller, Tile("lif_float", 17, 0, indices))
    tile = Tile("lif_bit_accurate", 17, 0, indices)
    expected = tile_job.simulate_tile(smaller, tile, source=floats)
    for name in VARIABLES:
        assert np.array_equal(contents.values[name], expected[name], equal_nan=True), name


def test_integers_alone_are_refined_too(refined, tmp_path):
    alone = sweep_with(backends=["lif_bit_accurate"])
    found = xr.load_dataset(simulate_and_gather(alone, tmp_path))
    both = xr.load_dataset(refined / "phase_map.nc").sel(backend=["lif_bit_accurate"])
    np.testing.assert_array_equal(found.refined_q, both.refined_q)
    near = int(found.attrs["simulations_near_borders"])
    assert near % 2 == 0  # each with its float network
    assert found.attrs["simulations_run"] == 2 * 6 + near
    assert found.attrs["simulations_of_full_grid"] == 2 * 17 * 2


def test_rate_neurons_without_a_border_need_no_simulation(tmp_path):
    grid = {"q_factor": [0.5, 1.0], "g_factor": [4.5, 6.0]}
    sweep = sweep_with(backends=["rate"], grid=grid)
    found = xr.load_dataset(simulate_and_gather(sweep, tmp_path))
    assert (found.refined_q_flag == Refined.NO_CHANGE).all()
    assert found.refined_q.isnull().all()
    assert found.attrs["simulations_run"] == 4
    assert found.attrs["simulations_of_full_grid"] == 3 * 2


def test_tiles_that_are_not_there_are_said_so(tmp_path):
    with pytest.raises(DatasetError, match="No such file"):
        refine(sweep_with(), tmp_path)
