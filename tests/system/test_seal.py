"""Files that are damaged, replaced, locked or something else; and what a seal leaves as it is."""

import netCDF4
import pytest
import xarray as xr
from faults_integrity import ROWS

from eiphase.errors import Damaged
from eiphase.system import seal


@pytest.mark.parametrize("fault", [fault for _, fault in ROWS], ids=lambda fault: fault.__name__)
def test_a_fault_is_named_and_nothing_is_lost(fault, tmp_path):
    assert fault(tmp_path)


def test_other_programs_read_a_sealed_file(phase_map_file):
    assert seal.is_sealed(phase_map_file)
    with netCDF4.Dataset(phase_map_file) as file, xr.open_dataset(phase_map_file) as opened:
        assert (file["c0"][:] == opened.c0.values).all()


def test_who_rewrites_a_file_takes_its_seal_off(phase_map_file, tmp_path):
    xr.load_dataset(phase_map_file).to_netcdf(tmp_path / "rewritten.nc")
    assert not seal.is_sealed(tmp_path / "rewritten.nc")
    with netCDF4.Dataset(phase_map_file, "a") as file:
        file.comment = "seen"
    assert not seal.is_sealed(phase_map_file)


def test_a_note_is_read_without_the_rest(tmp_path):
    path = tmp_path / "noted.nc"
    with seal.sealed(path, {"a": [1, 2.5]}) as partial:
        partial.write_bytes(b"x" * 1000)
    assert seal.note(path) == {"a": [1, 2.5]}
    assert seal.content(path)[1] == {"a": [1, 2.5]}
    path.write_bytes(b"y" + path.read_bytes()[1:])
    assert seal.note(path) == {"a": [1, 2.5]}
    with pytest.raises(Damaged):
        seal.content(path)
