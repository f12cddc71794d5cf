import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from finite_size_figure import plot_finite_size

mpl.use("agg")


@pytest.fixture
def comparison():
    """Made-up numbers, in the layout of `benchmarks/finite_size.py`; one network is missing."""
    numbers = np.random.default_rng(0)
    borders, activity = ("n_neurons", "g_factor", "seed"), ("simulated_neurons", "q_factor", "run")
    first = numbers.uniform(3, 4, (3, 2, 4))
    first[2, :, 3] = np.nan
    return xr.Dataset(
        {
            "first_loss": (borders, first),
            "critical_q": (borders, first + 0.3),
            "predicted_q": (borders[:2], numbers.uniform(3, 4, (3, 2))),
            "c0": (activity, numbers.uniform(1, 9, (2, 5, 3))),
            "decay_time": (activity, numbers.uniform(100, 900, (2, 5, 3))),
            "predicted_c0": (("simulated_neurons", "fine_q"), numbers.uniform(1, 9, (2, 7))),
            "predicted_decay_time": (
                ("simulated_neurons", "fine_q"),
                numbers.uniform(100, 900, (2, 7)),
            ),
        },
        {
            "n_neurons": [100, 200, 400],
            "g_factor": [4.0, 6.5],
            "simulated_neurons": [400, 1600],
            "q_factor": np.arange(5.0),
            "fine_q": np.linspace(0, 4, 7),
        },
        {"g_factor_simulated": 6.5},
    )


@pytest.fixture
def axes(comparison):
    figure = plot_finite_size(comparison)
    yield figure.axes
    plt.close(figure)


def drawn(axis, solid):
    """Values of the lines, or of the points, of one panel."""
    lines = [line for line in axis.lines if (line.get_linestyle() == "-") == solid]
    return np.concatenate([line.get_ydata() for line in lines])


def test_every_network_and_every_prediction_is_drawn(axes, comparison):
    for axis, points, lines in (
        (axes[0], ["first_loss", "critical_q"], ["predicted_q"]),
        (axes[1], ["c0"], ["predicted_c0"]),
        (axes[2], ["decay_time"], ["predicted_decay_time"]),
    ):
        for solid, names in ((False, points), (True, lines)):
            expected = np.sort(np.concatenate([comparison[n].values.ravel() for n in names]))
            np.testing.assert_array_equal(np.sort(drawn(axis, solid)), expected)


def test_networks_stand_beside_their_size(axes, comparison):
    for line in axes[0].lines:
        if line.get_linestyle() == "-":
            np.testing.assert_array_equal(line.get_xdata(), comparison.n_neurons)
        elif len(line.get_xdata()):
            sizes = np.unique(line.get_xdata())
            np.testing.assert_allclose(sizes, comparison.n_neurons, rtol=0.25)


def test_the_legend_names_what_is_drawn(axes):
    texts = [text.get_text() for text in axes[0].get_legend().get_texts()]
    assert texts == ["g_factor 4", "g_factor 6.5", "first fixed point lost", "settles nowhere"]
    assert [t.get_text() for t in axes[1].get_legend().get_texts()] == ["N = 400", "N = 1600"]
