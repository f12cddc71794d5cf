import json

import pytest
import xarray as xr
from tiny_sweep import SWEEP, VALID, values_of

from eiphase import dataset, provenance
from eiphase.dataset import VARIABLES, DatasetError
from eiphase.sweep import Sweep


def test_gather_puts_every_number_in_its_place(tiles):
    found = dataset.gather(tiles[::-1], SWEEP, name="test")
    for b, backend in enumerate(SWEEP.backends):
        for seed in SWEEP.seeds:
            for q, q_factor in enumerate(SWEEP.grid.q_factor):
                for g, g_factor in enumerate(SWEEP.grid.g_factor):
                    point = {"backend": backend, "seed": seed, "q_factor": q_factor}
                    cell = found.sel(point | {"g_factor": g_factor})
                    expected = 1000 * b + 100 * seed + 10 * q + g
                    assert cell.c0 == expected
                    assert cell.autocovariance.sel(lag=7) == expected + 0.007


def test_dataset_keeps_its_contract(tiles, tmp_path):
    path = tmp_path / "phase_map.nc"
    dataset.write(dataset.gather(tiles, SWEEP, name="test"), path)
    with xr.open_dataset(path) as found:
        assert found.autocovariance.dims == ("backend", "q_factor", "g_factor", "seed", "lag")
        assert set(VARIABLES) == set(found.data_vars)
        for name, variable in found.variables.items():
            assert variable.attrs["long_name"]
            assert (
                "units" in variable.attrs
                or "flag_meanings" in variable.attrs
                or (name in ("backend", "seed"))
            )
        assert json.loads(found.attrs["sweep_config"])["network"]["neurons"] == 20
        assert found.attrs["sweep_digest"] == SWEEP.digest
        assert json.loads(found.attrs["versions"])["lava-nc"] == "0.10.0"
        assert found.attrs["commit"]
        assert found.c0.encoding["zlib"]
        assert {"i1", "f8"} == {found[name].encoding["dtype"].str[1:] for name in VARIABLES}


def test_flags_say_what_they_mean(tiles):
    attributes = dataset.gather(tiles, SWEEP, name="test").decay_time_flag.attrs
    meanings = dict(
        zip(attributes["flag_values"], attributes["flag_meanings"].split(), strict=True)
    )
    assert meanings == {
        -1: "not_applicable", 0: "ok", 1: "censored", 2: "undefined", 3: "broken",
        4: "transient", 5: "saturated",
    }  # fmt: skip


def test_gather_wants_every_point_once(tiles):
    with pytest.raises(DatasetError, match=r"backend rate, .* seed 1 0 times, but need it once"):
        dataset.gather(tiles[1:], SWEEP, name="test")
    with pytest.raises(DatasetError, match="2 times"):
        dataset.gather([*tiles, tiles[3]], SWEEP, name="test")


def test_a_truncated_tile_is_named(tiles):
    content = tiles[2].read_bytes()
    tiles[2].write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match=str(tiles[2])):
        dataset.gather(tiles, SWEEP, name="test")


def test_a_foreign_tile_is_named(tiles):
    other = Sweep.model_validate(VALID | {"network": {"neurons": 30}})
    tile = other.tile("rate", 1, 0)
    dataset.write_tile(tiles[0], values_of(tile), other, tile)
    with pytest.raises(
        DatasetError, match=f"{tiles[0]} was simulated by sweep {other.digest[:12]}"
    ):
        dataset.gather(tiles, SWEEP, name="test")


def test_a_tile_by_other_code_is_named(tiles, monkeypatch):
    monkeypatch.setattr(provenance, "code_digest", lambda: "0" * 64)
    with pytest.raises(DatasetError, match=r"was simulated by code .*, but 000000000000 is needed"):
        dataset.gather(tiles, SWEEP, name="test")


def test_a_tile_of_another_cut_is_named(tiles):
    """Cut into three, tile 1 holds as many points as one of a cut into four may."""
    other = Sweep.model_validate(VALID | {"tiles": 3})
    assert other.digest == SWEEP.digest
    tile = other.tile("rate", 1, 1)
    dataset.write_tile(tiles[1], values_of(tile), other, tile)
    with pytest.raises(
        DatasetError, match=f"{tiles[1]} holds other points than rate seed 1 tile 1"
    ):
        dataset.gather(tiles, SWEEP, name="test")


def test_a_tile_that_the_sweep_does_not_have_is_named(tiles):
    fewer = Sweep.model_validate(VALID | {"tiles": 1})
    with pytest.raises(DatasetError, match="is no tile of this sweep: tile is 1"):
        dataset.gather(tiles[1:2], fewer, name="test")


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail():
        with dataset.beside(path) as partial:
            partial.write_text("half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_written_file_is_readable_by_others(tmp_path):
    path = tmp_path / "file"
    with dataset.beside(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o444 == 0o444


def test_what_is_no_phase_map_is_said_so(tmp_path, tiles):
    with pytest.raises(DatasetError, match="No such file"):
        dataset.open_dataset(tmp_path / "nowhere.nc")
    text = tmp_path / "text.nc"
    text.write_text("not netCDF")
    with pytest.raises(DatasetError, match=str(text)):
        dataset.open_dataset(text)
    other = tmp_path / "other.nc"
    xr.Dataset({"x": 1}).to_netcdf(other)
    with pytest.raises(DatasetError, match="it has no autocovariance"):
        dataset.open_dataset(other)
