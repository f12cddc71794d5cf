"""Figures look the same, whatever style or matplotlibrc a user has set."""

import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
import xarray as xr
from conftest import PACKAGE
from faults_figures import MATPLOTLIBRC, ROWS

import eiphase
from eiphase.figures import save

mpl.use("agg")
OF_A_PHASE_MAP = (
    "plot_phase_maps",
    "plot_fluctuations",
    "plot_cut",
    "plot_autocovariance",
    "plot_mapping",
)


@pytest.fixture(params=["dark_background", "matplotlibrc"])
def users_settings(request, tmp_path):
    """Text is white on black, in the user's style or file."""
    if request.param == "matplotlibrc":
        (tmp_path / "matplotlibrc").write_text(MATPLOTLIBRC)
        return mpl.rc_params_from_file(tmp_path / "matplotlibrc", use_default_template=False)
    return request.param


@pytest.fixture(scope="module")
def phase_map(made):
    return xr.load_dataset(made / "phase_map.nc")


@pytest.fixture(scope="module")
def plain(phase_map):
    """Pictures in our look, by the plot's name."""
    return {name: picture(getattr(eiphase, name), phase_map) for name in OF_A_PHASE_MAP}


def picture(plot, *arguments):
    file = io.BytesIO()
    plot(*arguments).savefig(file, dpi=80)
    plt.close("all")
    return file.getvalue()


@pytest.mark.parametrize("name", OF_A_PHASE_MAP)
def test_plots_of_a_phase_map_are_the_same(phase_map, users_settings, name, plain):
    with plt.style.context(users_settings):
        assert picture(getattr(eiphase, name), phase_map) == plain[name]


@pytest.fixture(scope="module")
def recording():
    point = eiphase.Network(n_neurons=20, q_factor=6.0, g_factor=4.5, seed=1)
    return eiphase.simulate(point, "rate", steps=300)


@pytest.fixture(scope="module")
def plain_recording(recording):
    observed = eiphase.measure(recording, burn_in=100, max_lag=50)
    return observed, picture(eiphase.plot_recording, recording, observed)


def test_the_plot_of_a_recording_is_the_same(recording, plain_recording, users_settings):
    observed, plain = plain_recording
    with plt.style.context(users_settings):
        assert picture(eiphase.plot_recording, recording, observed) == plain


def test_resolution_stays_the_users(phase_map):
    with plt.rc_context({"figure.dpi": 50}):
        assert eiphase.plot_cut(phase_map).dpi == 50
    plt.close("all")


def test_every_plot_is_made_in_our_look():
    public = [getattr(eiphase, name) for name in eiphase.__all__ if name.startswith("plot_")]
    for plot in [*public, *save.TUTORIAL.values(), *save.COMPARISON.values()]:
        assert hasattr(plot, "__wrapped__"), plot
    for path in (PACKAGE / "figures").glob("*.py"):
        makes_figures = "plt.subplots" in path.read_text() or "plt.figure" in path.read_text()
        assert not makes_figures or path.stem == "panels"


@pytest.mark.parametrize(("what", "fault"), ROWS, ids=[what for what, _ in ROWS])
def test_jobs_draw_the_same(what, fault, tmp_path):
    assert fault(tmp_path) == "the figure is drawn as ever"
