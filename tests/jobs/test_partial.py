"""What is simulated so far becomes a map of its own, which is never taken for the whole one."""

import numpy as np
import pytest
import xarray as xr
from tiny_sweep import SWEEP, VALID, copy_gathered, write_tiles

import eiphase
from eiphase.chaos import phases
from eiphase.cli.commands import main
from eiphase.errors import DatasetError
from eiphase.figures import phase_map as figures
from eiphase.flags import Crossing, Phase
from eiphase.jobs import borders
from eiphase.jobs.gather import gather_partial
from eiphase.sweep.schema import Sweep
from eiphase.variables import NOT_SIMULATED

MISSING = {"backend": "lif_float", "seed": 2}


@pytest.fixture
def folder(tmp_path):
    """Tiles and the whole map, but of one backend and seed the last two tiles of four are gone."""
    tiles = copy_gathered(tmp_path)
    for path in tiles[-2:]:
        path.unlink()
    return tmp_path


@pytest.fixture
def partial(folder):
    gather_partial(folder, SWEEP, folder / "partial_map.nc", name="test")
    return xr.load_dataset(folder / "partial_map.nc")


def test_what_is_there_equals_the_whole_map_and_the_rest_says_that_it_is_not_there(folder, partial):
    whole = xr.load_dataset(folder / "phase_map.nc")
    gone = (partial.backend == "lif_float") & (partial.seed == 2) & (partial.q_factor == 6.0)
    gone = gone.broadcast_like(partial.c0)
    assert set(partial.data_vars) == set(whole.data_vars)
    for name, values in partial.data_vars.items():
        if not {"backend", "q_factor", "g_factor", "seed"} <= set(values.dims):
            continue
        assert values.where(~gone).equals(whole[name].where(~gone)), name
        if values.dtype == "i1":
            assert (values.where(gone, NOT_SIMULATED) == NOT_SIMULATED).all()
        else:
            assert values.where(gone).isnull().all()
    assert int(gone.sum()) == 3
    assert partial.attrs["partial"] == "21 of 24 networks are simulated"
    assert partial.theory_critical_q.equals(whole.theory_critical_q)


def test_flags_name_what_is_not_simulated_in_partial_maps_only(folder, partial):
    whole = xr.load_dataset(folder / "phase_map.nc")
    for name, values in partial.data_vars.items():
        if "flag_values" not in values.attrs:
            continue
        names = values.attrs["flag_meanings"].split()
        assert dict(zip(values.attrs["flag_values"], names, strict=True))[-2] == "not_simulated"
        assert "not_simulated" not in whole[name].attrs["flag_meanings"]


def test_only_seeds_that_are_simulated_have_a_say_in_the_commonest_phase():
    found = phases.over_seeds(
        np.array([
            [NOT_SIMULATED, Phase.CHAOS, Phase.CHAOS, Phase.UNDECIDED],
            [NOT_SIMULATED] * 4,
        ], np.int8)
    )  # fmt: skip
    assert found["phase_commonest"].tolist() == [Phase.CHAOS, NOT_SIMULATED]
    np.testing.assert_array_equal(found["phase_agreement"], [2 / 3, np.nan])


def test_a_border_is_that_of_a_whole_line():
    """Without its middle, the line would have its border anywhere between 1 and 3."""
    values = np.array([-1.0, -0.5, 0.5])[:, None, None] * np.ones((3, 1, 2))
    simulated = np.ones((3, 1, 2), bool)
    simulated[1, 0, 1] = False
    points = {
        "lyapunov_exponent": np.where(simulated, values, np.nan),
        "phase": np.where(simulated, Phase.UNDECIDED, NOT_SIMULATED),
    }
    found = borders.measured_in_part("rate", np.array([1.0, 2.0, 3.0]), points, simulated)
    np.testing.assert_array_equal(found["measured_critical_q"], [[2.5, np.nan]])
    assert found["measured_critical_q_flag"].tolist() == [[Crossing.RISE, NOT_SIMULATED]]
    assert found["measured_critical_q_mean"] == 2.5


def test_points_of_another_grid_count(tmp_path):
    write_tiles(tmp_path)
    grid = {"q_factor": [1.0, 3.0, 6.0], "g_factor": [4.0]}
    finer = Sweep.model_validate(VALID | {"grid": grid, "tiles": 1})
    assert gather_partial(tmp_path, finer, tmp_path / "finer.nc", name="test") == (8, 12)


def test_without_any_network_nothing_is_written(tmp_path):
    with pytest.raises(DatasetError, match=r"^No network of sweep test is simulated yet: "):
        gather_partial(tmp_path / "tiles", SWEEP, tmp_path / "partial_map.nc", name="test")
    assert not list(tmp_path.iterdir())


def test_it_is_refused_where_a_whole_map_is_needed(folder, partial, capsys):
    with pytest.raises(DatasetError, match=r"^phase map 1 \(test\) is a partial phase map \(21 of"):
        eiphase.combine(partial)
    for command in ("verify", "explore"):
        assert main([command, str(folder / "partial_map.nc")]) == 1
        assert "is a partial phase map (21 of 24" in capsys.readouterr().err


def test_a_network_that_is_missing_can_be_simulated(partial):
    found = eiphase.simulate_cell(partial, q_factor=6.0, g_factor=4.0, **MISSING, record=[])
    assert np.isfinite(found.mean_rate)


def test_figures_and_tables_say_what_is_not_simulated(folder, partial, capsys):
    one = partial.sel(seed=[2])
    for plot in (figures.plot_fluctuations, figures.plot_mapping):
        figure = plot(one)
        (legend,) = figure.legends
        assert "not simulated" in [text.get_text() for text in legend.get_texts()]
        assert "21 of 24 networks are simulated" in figure.get_suptitle()
    assert main(["show", str(folder / "partial_map.nc")]) == 0
    shown = capsys.readouterr().out
    assert "Partial map: 21 of 24 networks are simulated." in shown
    assert "3 are not simulated" in shown
    assert "not_simulated" in shown


def test_the_command_finds_the_tiles_and_draws(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(SWEEP.model_dump_json(exclude_none=True))
    tiles = write_tiles(tmp_path / "results/mine/tiles")
    for path in tiles[1:]:  # so that of one backend there is nothing at all
        path.unlink()
    assert main(["gather", "--partial", "mine.yaml"]) == 0
    assert capsys.readouterr().out.startswith("1 of 24 networks are simulated: ")
    folder = tmp_path / "results/mine/partial"
    assert (folder / "partial_map.nc").exists()
    assert (folder / "figures/phase_maps.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mine.yaml"], "An output and all tiles of the sweep are needed"),
        (["--partial", "mine.yaml", "a.nc", "tile.nc"], "--partial finds the tiles itself"),
        (["--partial", "mine.yaml", "--spectra", "s.nc"], "--partial takes neither"),
        (
            ["--partial", "--time-limit", "9", "mine.yaml"],
            "--partial takes neither",
        ),
        (["--partial", "mine.yaml", "phase_map.nc"], "phase_map.nc is the name of a whole map"),
    ],
)
def test_what_does_not_fit_is_one_sentence(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(SWEEP.model_dump_json(exclude_none=True))
    assert main(["gather", *words]) == 1
    assert message in capsys.readouterr().err
