"""What the figure of weight bits shows, from made-up borders and fates."""

import json

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from scipy.optimize import brentq
from scipy.special import erf

from eiphase.errors import DatasetError
from eiphase.figures import mappings
from eiphase.flags import Crossing, Fate, Phase

mpl.use("agg")
S, C = Fate.SPREAD, Fate.CONFINED


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def phase_map(bits, shift, fates=((S, C), (S, C)), phases=((2, 1), (2, 1))):
    """Two g_factor, three seeds, borders of floating point at 3 and 4 plus a tenth of the seed.

    `fates` and `phases` are those of two q_factor, in floating point and in integers.
    """
    seeds = np.array([1, 2, 3])
    real = np.array([3.0, 4.0])[:, None] + seeds / 10
    border = np.stack([real, real + shift])
    points = np.ones((1, 1, 2, 3), int)
    dims = ("backend", "g_factor", "seed")
    every = ("backend", "q_factor", "g_factor", "seed")
    return xr.Dataset(
        {
            "measured_critical_q": (dims, border),
            "measured_critical_q_flag": (dims, np.full(border.shape, Crossing.RISE)),
            "measured_critical_q_mean": (dims[:2], border.mean(axis=-1)),
            "measured_critical_q_low": (dims[:2], border.min(axis=-1)),
            "measured_critical_q_high": (dims[:2], border.max(axis=-1)),
            "spike_damage_fate": (every, np.array(fates)[..., None, None] * points),
            "phase": (every, np.array(phases)[..., None, None] * points),
        },
        coords={
            "backend": ["lif_float", "lif_bit_accurate"], "q_factor": [1.0, 9.0],
            "g_factor": [4.0, 5.0], "seed": seeds,
        },
        attrs={
            "sweep": f"bits-{bits}",
            "sweep_config": json.dumps({
                "mapping": {
                    "rate_to_lif": "corrected", "float_to_integer": "full_range",
                    "weight_bits": bits,
                }
            }),
        },
    )  # fmt: skip


def test_a_shift_is_that_of_each_seed():
    np.testing.assert_allclose(mappings.shifts(phase_map(5, 0.25)), np.full((2, 3), 0.25))


@pytest.mark.parametrize("flag", [Crossing.FALL, Crossing.UNKNOWN])
def test_where_chaos_does_not_begin_there_is_no_shift(flag):
    found = phase_map(5, 0.25)
    found.measured_critical_q_flag.loc[
        {"backend": "lif_bit_accurate", "g_factor": 5.0, "seed": 2}
    ] = flag
    assert np.isnan(mappings.shifts(found)).values.tolist() == [[False] * 3, [False, True, False]]


def test_parts_that_integers_keep_count_sides_phases_and_broken_mappings():
    found = phase_map(4, 0, ((S, C), (S, S)), ((2, 1), (Phase.BROKEN, 2)))
    assert mappings.kept_by_integers(found) == {
        "same side of the border": 0.5,
        "same phase": 0.0,
        "broken mapping": 0.5,
    }


def test_what_floating_point_does_not_know_is_not_counted():
    found = phase_map(4, 0, ((S, Fate.BROKEN), (S, S)), ((2, Phase.BROKEN), (2, 2)))
    assert mappings.kept_by_integers(found)["same side of the border"] == 1


def test_each_number_of_bits_has_border_shift_and_kept_parts():
    figure = mappings.plot_precision([phase_map(8, 0.1), phase_map(4, [[0.1, 0.2, 0.6]])])
    borders, moved, parts = figure.axes
    drawn = {line.get_label(): line.get_ydata() for line in borders.lines}
    np.testing.assert_allclose(drawn["floating point"], [3.2, 4.2])
    np.testing.assert_allclose(drawn["8 bits"], [3.3, 4.3])
    np.testing.assert_allclose(drawn["4 bits"], [3.5, 4.5])
    means = [c.lines[0].get_xydata()[0].tolist() for c in moved.containers]
    np.testing.assert_allclose(means, [[4, 0.3], [8, 0.1]])
    # Three seeds: x s / sqrt(3), s = sqrt(0.07). Student's t of two degrees of freedom lies within
    # x in x / sqrt(2 + x^2) of all cases: x is such that one error holds as much too many as two
    # hold too few.
    low, high = moved.containers[0].lines[2][0].get_segments()[0][:, 1]

    def too_many(x):
        within = [n * x / np.sqrt(2 + (n * x) ** 2) for n in (1, 2)]
        return sum(within) - erf(1 / np.sqrt(2)) - erf(2 / np.sqrt(2))

    half = brentq(too_many, 1, 2) * np.sqrt(0.07) / np.sqrt(3)
    np.testing.assert_allclose([low, high], [0.3 - half, 0.3 + half], rtol=1e-4)
    assert [list(line.get_xdata()) for line in parts.lines] == [[4, 8]] * 3


def test_what_cannot_be_compared_is_one_sentence():
    one = phase_map(4, 0)
    with pytest.raises(DatasetError, match="Two of the phase maps have 4 weight bits"):
        mappings.plot_precision([one, one])
    with pytest.raises(DatasetError, match="bits-4 has no pair of backends to compare"):
        mappings.plot_precision([one.sel(backend=["lif_bit_accurate"])])
    one["spike_damage_fate"][:] = -1
    with pytest.raises(DatasetError, match=r"bits-4 did not measure chaos: set observables\.chaos"):
        mappings.plot_precision([one])
