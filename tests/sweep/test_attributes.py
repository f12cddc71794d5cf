"""What attributes of datasets say."""

import re

import pytest
import xarray as xr
from tiny_sweep import with_all_variables

import eiphase
from eiphase.errors import DatasetError
from eiphase.flags import Fate, Phase


def test_flags_have_words(phase_map_file):
    """Also where values begin at -1, and where a selection has made them floats."""
    phase_map = with_all_variables(xr.load_dataset(phase_map_file))
    phase_map.phase[:] = Phase.CHAOS
    phase_map.phase[{"q_factor": 0}] = Phase.FIXED_POINT
    phase_map.spike_damage_fate[:] = Fate.SPREAD
    phase_map.spike_damage_fate[{"q_factor": 0}] = -1
    found = eiphase.words(phase_map.phase)
    assert found.dims == phase_map.phase.dims
    assert (found.isel(q_factor=0) == "fixed_point").all()
    assert (found.isel(q_factor=slice(1, None)) == "chaos").all()
    fates = eiphase.words(phase_map.spike_damage_fate)
    assert (fates.isel(q_factor=0) == "not_applicable").all()
    assert (fates.isel(q_factor=1) == "spread").all()
    selected = phase_map.phase.where(phase_map.q_factor > phase_map.q_factor[0])
    assert set(eiphase.words(selected).values.ravel()) == {"", "chaos"}


def test_an_average_of_flags_has_no_words(phase_map_file):
    phase_map = with_all_variables(xr.load_dataset(phase_map_file))
    phase_map.phase[:] = Phase.CHAOS
    phase_map.phase[{"seed": 0}] = Phase.SATURATED
    with pytest.raises(DatasetError, match=r"phase has 2\.5, which is none of its flags -1, 0, 1"):
        eiphase.words(phase_map.phase.mean("seed", keep_attrs=True))


@pytest.mark.parametrize(
    ("flags", "name"), [(xr.DataArray([1], name="mine"), "mine"), (3, "3"), ("x", "'x'")]
)
def test_what_has_no_words_is_named(flags, name):
    with pytest.raises(DatasetError, match=re.escape(f"{name} has no flag_meanings: give")):
        eiphase.words(flags)
