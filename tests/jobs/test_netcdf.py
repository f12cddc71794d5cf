import numpy as np
import pytest
import xarray as xr

from eiphase.errors import DatasetError
from eiphase.jobs.datasets import netcdf


def test_what_is_no_phase_map_is_said_so(tmp_path):
    with pytest.raises(DatasetError, match="No such file"):
        netcdf.open_phase_map(tmp_path / "nowhere.nc")
    text = tmp_path / "text.nc"
    text.write_text("not netCDF")
    with pytest.raises(DatasetError, match=str(text)):
        netcdf.open_phase_map(text)
    other = tmp_path / "other.nc"
    xr.Dataset({"x": 1}).to_netcdf(other)
    with pytest.raises(DatasetError, match=r"other\.nc is not a phase map: it has no backend"):
        netcdf.open_phase_map(other)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("title", 5, "an attribute title that must be text, but is 5"),
        ("sweep_config", [1, 2], "an attribute sweep_config that must be text"),
        ("n_neurons", "many", "an attribute n_neurons that must be a whole number, but is 'many'"),
        ("simulations_run", 1.5, "simulations_run that must be a whole number, but is 1.5"),
        ("q_factor", np.array([1.0, 2.0]), "an attribute q_factor that must be a number, but is"),
    ],
)
def test_an_attribute_of_another_type_is_named(tmp_path, name, value, message):
    path = tmp_path / "changed.nc"
    xr.Dataset({"x": 1}, attrs={name: value}).to_netcdf(path)
    with pytest.raises(DatasetError, match=message):
        netcdf.open_netcdf(path)


@pytest.mark.parametrize(
    ("name", "value"), [("scale_factor", "large"), ("add_offset", "0"), ("units", 5)]
)
def test_an_attribute_of_a_variable_is_named(tmp_path, name, value):
    path = tmp_path / "changed.nc"
    xr.Dataset({"x": ("n", [1.0], {name: value})}).to_netcdf(path)
    with pytest.raises(DatasetError, match=f"a variable x with an attribute {name} that must be"):
        netcdf.open_netcdf(path)
