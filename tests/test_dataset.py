import pytest
import xarray as xr

from eiphase import dataset
from eiphase.errors import DatasetError


def test_what_is_no_phase_map_is_said_so(tmp_path):
    with pytest.raises(DatasetError, match="No such file"):
        dataset.open_phase_map(tmp_path / "nowhere.nc")
    text = tmp_path / "text.nc"
    text.write_text("not netCDF")
    with pytest.raises(DatasetError, match=str(text)):
        dataset.open_phase_map(text)
    other = tmp_path / "other.nc"
    xr.Dataset({"x": 1}).to_netcdf(other)
    with pytest.raises(DatasetError, match=r"other\.nc is not a phase map: it has no backend"):
        dataset.open_phase_map(other)
