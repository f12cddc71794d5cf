"""Phase maps in other formats hold what the netCDF holds."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from eiphase.cli import commands
from eiphase.errors import DatasetError
from eiphase.flags import Phase
from eiphase.jobs.datasets import export, netcdf


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_has_one_row_a_network(phase_map_file, tmp_path, ending):
    output = tmp_path / f"map.{ending}"
    assert commands.main(["export", str(phase_map_file), str(output)]) == 0
    rows = pd.read_csv(output) if ending == "csv" else pd.read_parquet(output)
    with netcdf.open_phase_map(phase_map_file) as found:
        assert len(rows) == found.c0.size
        for row in rows.to_dict("records"):
            at = {name: row[name] for name in ("backend", "q_factor", "g_factor", "seed")}
            one = found.sel(at)
            np.testing.assert_array_equal(row["c0"], one.c0)  # NaN equals NaN
            assert row["phase"] == Phase(int(one.phase)).name.lower()
            border = found.theory_critical_q.sel(g_factor=at["g_factor"])
            np.testing.assert_array_equal(row["theory_critical_q"], border)
    assert "autocovariance" not in rows


@pytest.mark.filterwarnings("error")
def test_zarr_holds_the_same(phase_map_file, tmp_path, capsys):
    assert commands.main(["export", str(phase_map_file), str(tmp_path / "map.zarr")]) == 0
    with (
        xr.open_zarr(tmp_path / "map.zarr", decode_times=False) as written,
        xr.open_dataset(phase_map_file, decode_times=False) as found,
    ):
        xr.testing.assert_identical(written.load(), found.load())
    assert capsys.readouterr().err == ""
    assert commands.main(["export", str(phase_map_file), str(tmp_path / "map.zarr")]) == 1
    assert "never replaced" in capsys.readouterr().err


def test_a_format_that_cannot_be_written_is_said_before(phase_map_file, tmp_path, monkeypatch):
    with pytest.raises(DatasetError, match=r"must end in one of .csv, .parquet, .zarr"):
        export.check_format(tmp_path / "map.xlsx")
    monkeypatch.setattr(export.util, "find_spec", lambda package: None)
    with pytest.raises(
        DatasetError, match="needs zarr, which is not installed: `pip install zarr`"
    ):
        export.check_format(tmp_path / "map.zarr")


@pytest.mark.parametrize("ending", ["csv", "zarr"])
def test_what_breaks_off_leaves_nothing(phase_map_file, tmp_path, monkeypatch, ending):
    def breaks_off(dataset, path, **options):
        xr.Dataset({"c0": 0.0}).to_netcdf(path)
        raise OSError(28, "No space left on device", str(path))

    folder = tmp_path / "written"
    folder.mkdir()
    kind, name = (xr.Dataset, "to_zarr") if ending == "zarr" else (pd.DataFrame, "to_csv")
    monkeypatch.setattr(kind, name, breaks_off)
    with netcdf.open_phase_map(phase_map_file) as found, pytest.raises(OSError, match="No space"):
        export.write(found, folder / f"map.{ending}")
    assert not list(folder.iterdir())


def test_xarray_joins_maps_of_parts_of_a_grid(phase_map_file):
    with xr.open_dataset(phase_map_file, decode_times=False) as found:
        parts = [found.isel(q_factor=[0]), found.isel(q_factor=slice(1, None))]
        parts[1] = parts[1].assign_attrs(sweep_digest="another")
        joint = xr.combine_by_coords(
            parts, data_vars="minimal", compat="equals", combine_attrs="drop_conflicts"
        )
        xr.testing.assert_equal(joint, found)
        assert "sweep_digest" not in joint.attrs
