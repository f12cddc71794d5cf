"""A cell of a phase map, simulated again."""

import numpy as np
import pytest
import xarray as xr
from tiny_sweep import VALID, simulate_and_gather

import eiphase
from eiphase.errors import DatasetError, NoSuchIntegers
from eiphase.flags import Flag
from eiphase.sweep.schema import Sweep
from eiphase.variables import VARIABLES


@pytest.fixture(scope="module")
def phase_map(tmp_path_factory):
    """A real one, in which one q_factor leaves no integers."""
    sweep = Sweep.model_validate(
        VALID
        | {
            "network": VALID["network"] | {"refractory": 0.05},
            "grid": {"q_factor": [6.0, 1000.0], "g_factor": [4.5]},
            "backends": ["rate", "lif_float", "lif_bit_accurate"],
            "seeds": [5],
            "mapping": {"rate_to_lif": "identity"},
            "observables": {"statistics": True, "chaos": True},
            "tiles": 1,
        }
    )
    return xr.load_dataset(simulate_and_gather(sweep, tmp_path_factory.mktemp("cells")))


@pytest.mark.parametrize("backend", ["rate", "lif_float", "lif_bit_accurate"])
def test_a_cell_is_what_the_map_says(phase_map, backend):
    where = {"backend": backend, "q_factor": 6.0, "g_factor": 4.5, "seed": 5}
    cell = eiphase.simulate_cell(phase_map, **where)
    stored = phase_map.sel(where)
    measured = [
        name
        for name, variable in VARIABLES.items()
        if name in stored
        and not (stored[name] == variable.fill).all()
        and stored[name].notnull().any()
    ]
    assert {
        "mean_rate",
        "autocovariance",
        "spike_damage" if backend != "rate" else "lyapunov_exponent",
    } <= {*measured}
    for name in measured:
        assert np.array_equal(cell[name], stored[name], equal_nan=True), name
    assert cell.lag.equals(phase_map.lag)
    again = eiphase.measure(cell, burn_in=100, max_lag=50, statistics=True)
    assert np.array_equal(again.autocovariance, cell.autocovariance)
    drawn = eiphase.plot_recording(cell).axes[1].lines[0].get_ydata()
    assert np.array_equal(drawn, cell.autocovariance)


def test_a_cell_may_lie_between_those_of_the_map(phase_map):
    where = {"backend": "lif_float", "g_factor": 4.75, "seed": 9}
    a, b = (eiphase.simulate_cell(phase_map, q_factor=q, **where) for q in (5.0, 5.5))
    assert (a.attrs["q_factor"], a.attrs["seed"]) == (5.0, 9)
    assert not a.spikes.equals(b.spikes)


def test_a_cell_that_has_no_integers_says_so(phase_map):
    with pytest.raises(NoSuchIntegers, match="no threshold, bias or decay in integers") as caught:
        eiphase.simulate_cell(
            phase_map, backend="lif_bit_accurate", q_factor=1000.0, g_factor=4.5, seed=5
        )
    stored = phase_map.sel(backend="lif_bit_accurate", q_factor=1000.0, g_factor=4.5, seed=5)
    assert stored.integer_threshold == caught.value.found["integer_threshold"]
    assert stored.c0_flag == Flag.BROKEN


def test_a_cell_of_no_sweep_is_refused(phase_map):
    with pytest.raises(DatasetError, match="sweep_config is not there"):
        eiphase.simulate_cell(
            phase_map.drop_attrs(), backend="rate", q_factor=1.0, g_factor=4.5, seed=5
        )


@pytest.mark.parametrize("backend", ["rate", "lif_float"])
def test_a_cell_of_which_nothing_is_recorded_keeps_no_curve(phase_map, backend):
    """The sweep measures chaos, of which a recording would keep every step."""
    where = {"backend": backend, "q_factor": 6.0, "g_factor": 4.5, "seed": 5}
    cell = eiphase.simulate_cell(phase_map, **where, record=[])
    assert not [name for name, variable in cell.items() if "step" in variable.dims]
    assert cell.lyapunov_exponent == phase_map.lyapunov_exponent.sel(where)
