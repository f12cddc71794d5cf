import json

import numpy as np
import pytest
import xarray as xr
from tiny_sweep import with_all_variables

import eiphase
from eiphase.cli import commands
from eiphase.errors import DatasetError
from eiphase.jobs.datasets import netcdf
from eiphase.variables import FORMER_NAMES


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


@pytest.fixture
def older(phase_map_file, tmp_path, monkeypatch):
    """Writes a phase map whose sweep measured an option, with the names of version 0.1."""
    monkeypatch.chdir(tmp_path)

    def write(option):
        found = with_all_variables(xr.load_dataset(phase_map_file))
        config = json.loads(found.attrs["sweep_config"])
        config["observables"][option] = True
        found.attrs["sweep_config"] = json.dumps(config)
        found = found.rename({new: old for new, old in FORMER_NAMES.items() if new in found})
        found.to_netcdf("older.nc")
        return found

    return write


@pytest.mark.parametrize(
    ("option", "renamed"),
    [
        ("chaos", "measured_critical_q critical_q"),
        ("statistics", "excitatory_input_mean excitatory_activation_mean"),
    ],
)
@pytest.mark.parametrize("command", [["show"], ["draw", "cut.png"]], ids=lambda words: words[0])
def test_an_older_versions_map_says_how_to_make_it_anew(capsys, older, option, renamed, command):
    older(option)
    name, *rest = command
    assert commands.main([name, "older.nc", *rest]) == 1
    assert capsys.readouterr().err == (
        "eiphase: older.nc is not a phase map: it was made by an older version of eiphase, which "
        f"called {renamed}; run snakemake with the config of its sweep to make it anew.\n"
    )


def test_plots_and_combine_say_that_a_map_is_of_an_older_version(older):
    found = older("chaos")
    for use in (eiphase.plot_phases, eiphase.combine):
        with pytest.raises(
            DatasetError, match=r"older version .* measured_critical_q\w* critical_q"
        ):
            use(found)


def test_an_older_versions_map_without_what_was_renamed_opens(older, capsys):
    """All its variables are there, as version 0.1 wrote them, and those renamed are empty."""
    older("unbiased")
    assert commands.main(["show", "older.nc"]) == 0
    assert commands.main(["draw", "older.nc", "phase_maps.png"]) == 0


def test_the_steps_of_an_older_versions_recording_have_todays_name(tmp_path):
    netcdf.write(xr.Dataset({"state": ("time", np.arange(3.0))}), tmp_path / "old.nc")
    assert netcdf.open_netcdf(tmp_path / "old.nc").state.dims == ("step",)
