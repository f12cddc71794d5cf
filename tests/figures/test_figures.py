import json
from dataclasses import replace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from drawn_cells import drawn_cells
from matplotlib.collections import LineCollection
from tiny_sweep import with_all_variables

from eiphase.backends import BACKENDS
from eiphase.errors import DatasetError
from eiphase.explorer import shown
from eiphase.figures import mappings, save
from eiphase.figures import phase_map as phase_map_figures
from eiphase.figures import phases as phase_figures
from eiphase.flags import Crossing, Flag, Phase, Quality, ScaleStatus, StepLimited, Stopped
from eiphase.jobs.borders import in_coupling
from eiphase.jobs.datasets import netcdf
from eiphase.sweep.attributes import sweep_of
from eiphase.variables import NOT_SIMULATED

mpl.use("agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def made_up(made):
    """Of made-up numbers, without any flag or doubt."""
    found = with_all_variables(xr.load_dataset(made / "phase_map.nc"))
    found.current_wraps[:] = found.centring_bias[:] = 0
    found.weight_strength[:] = 1
    return found


@pytest.fixture
def phase_map(made_up):
    """The same, for one test to change."""
    return made_up.copy(deep=True)


@pytest.fixture
def with_borders(phase_map):
    """LIF networks in floating point have a border on both seeds, at these q along g."""
    on_seeds = {1: [1.5, 2.5, 3.5], 2: [2.5, 3.5, 4.5]}
    for seed, at in on_seeds.items():
        phase_map.measured_critical_q.loc[{"backend": "lif_float", "seed": seed}] = at
    phase_map["measured_critical_q_flag"][:] = Crossing.RISE
    phase_map["theory_critical_q"][:] = [3.0, 2.0, 1.5]
    return phase_map


def doubted(axis):
    """Centres of the cells in doubt: (g_factor, q_factor)."""
    return [
        (g, pytest.approx(q)) for g, q, patch in drawn_cells(axis) if patch.get_hatch() == "..."
    ]


def legend_of(figure):
    return [text.get_text().replace("\n", " ") for text in figure.legends[0].get_texts()]


def lines_of(axis):
    """Of each line in the legend's words, q_factor over g_factor; of seeds, one for each."""
    kinds = {2.0: "mean", 0.7: "seed", 1.6: "theory"}
    found: dict[str, list] = {}
    for line in axis.lines:
        ring = line.get_marker() == "o"
        kind = "ring" if ring else kinds[line.get_linewidth()]
        found.setdefault(kind, []).append(np.array(line.get_ydata(), float).tolist())
    return found


def flag(phase_map, name, value, **where):
    """Give one observable a flag at some points, and NaN with it."""
    at = phase_map.copy(deep=True)
    at[f"{name}_flag"].loc[where] = value
    at[name].loc[where] = np.nan
    return at


def hatched(axis):
    """Cells drawn over the map: (g_factor, q_factor) of the centre, hatch."""
    cells = ((g, q, patch.get_hatch() or "") for g, q, patch in drawn_cells(axis))
    return [cell for cell in cells if cell[2] != "..."]


def test_each_map_shows_the_median_over_seeds(phase_map):
    figure = phase_map_figures.plot_fluctuations(phase_map)
    maps = [axis.collections[0].get_array() for axis in figure.axes[:4]]
    expected = phase_map.c0.median("seed").transpose("backend", "q_factor", "g_factor")
    for found, backend in zip(maps[:2], expected, strict=True):
        np.testing.assert_array_equal(np.ma.getdata(found).reshape(backend.shape), backend)


def test_backends_share_a_scale_if_their_unit_is_one(phase_map):
    """c(0) of states has another unit than that of spike counts; decay times are all in steps."""
    figure = phase_map_figures.plot_fluctuations(phase_map)
    norms = [axis.collections[0].norm for axis in figure.axes[:4]]
    assert norms[2] is norms[3]
    for norm, backend in zip(norms, ["rate", "lif_float"], strict=False):
        c0 = phase_map.c0.sel(backend=backend)
        assert (norm.vmin, norm.vmax) == (c0.min(), c0.max())
    labels = [axis.get_ylabel().replace("\n", " ") for axis in figure.axes[4:]]
    assert labels == [
        "c(0) of states (state²)",
        "c(0) of spike counts (spikes²)",
        "decay time (steps)",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Flag.UNDEFINED, "settles: fluctuations vanish"),
        (Flag.CENSORED, "decay time beyond the largest lag"),
        (Flag.BROKEN, "broken: not finite, or no such network in integers"),
        (Flag.TRANSIENT, "not stationary: needs longer burn-in or run"),
        (Flag.SATURATED, "saturated: neurons silent or always firing"),
    ],
)
def test_a_flagged_cell_is_drawn_as_such(phase_map, value, text):
    at = flag(phase_map, "decay_time", value, backend="lif_float", q_factor=6.0, g_factor=4.5)
    figure = phase_map_figures.plot_fluctuations(at)
    drawn = [hatched(axis) for axis in figure.axes[:4]]
    assert [len(cells) for cells in drawn] == [0, 0, 0, 1]
    assert drawn[3][0][:2] == (4.5, pytest.approx(6.0))
    assert legend_of(figure) == [text]


def test_a_cell_flagged_on_some_seeds_keeps_its_colour(phase_map):
    at = flag(phase_map, "c0", Flag.UNDEFINED, backend="rate", q_factor=1.0, g_factor=4.0, seed=1)
    axis = phase_map_figures.plot_fluctuations(at).axes[0]
    assert doubted(axis) == [(4.0, 1.0)]
    assert not hatched(axis)
    cell = axis.collections[0].get_array().reshape(2, 3)[0, 0]
    assert cell == at.c0.sel(backend="rate", q_factor=1.0, g_factor=4.0, seed=2)


def test_without_doubt_there_is_no_legend(phase_map):
    assert not phase_map_figures.plot_fluctuations(phase_map).legends


def test_a_cell_without_a_network_is_in_no_doubt(phase_map):
    """Where the mapping fails on all seeds, crosses say so, and then the phase is sure."""
    where = {"backend": "lif_float", "q_factor": 1.0, "g_factor": 5.0}
    phase_map.weight_scale_status.loc[where] = ScaleStatus.NOT_SOLVED
    for broken, is_in_doubt in (([1], True), ([1, 2], False)):
        phase_map.phase.loc[where | {"seed": broken}] = Phase.BROKEN
        cells = phase_figures.doubt_of(phase_figures.checked(phase_map)).cells
        assert bool(cells.sel(where)) == is_in_doubt


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("weight_scale_status", ScaleStatus.UNCHANGED, "mapping failed"),
        ("weight_scale_status", ScaleStatus.NOT_SOLVED, "mapping failed"),
        ("weight_scale_status", ScaleStatus.NOT_POSITIVE, "mapping failed"),
        ("weight_strength", 1.2, "mapping failed"),
        ("weight_strength", 0.8, "mapping failed"),
        ("current_wraps", 1, "mapping failed"),
        ("centring_bias", 0.2, "short run"),
        ("quality", Quality.SHORT, "short run"),
        ("quality", Quality.SEVERAL_STATES, "several states"),
        ("step_limited", StepLimited.YES, "rates limited by the time step"),
    ],
)
def test_a_cell_is_in_doubt(phase_map, name, value, reason):
    """Maps of c(0), of the decay time and of phases say so, unless it is on no seed of theirs."""
    where = {"backend": "lif_float", "q_factor": 1.0, "g_factor": 5.0, "seed": 2}
    phase_map[name].loc[where] = value
    for doubt in doubts(phase_map):
        cells = doubt.cells.stack(cell=("backend", "q_factor", "g_factor"))
        assert cells.cell[cells.values].values.tolist() == [("lif_float", 1.0, 5.0)]
        assert doubt.text == f"{reason} (on half of the seeds or more)"
    for doubt in doubts(phase_map.sel(seed=[1])):
        assert not doubt.cells.any()


def doubts(phase_map):
    """Of all maps."""
    numbers = phase_map_figures.checked(phase_map)
    return (
        *(phase_map_figures.doubt_of(numbers, name) for name in phase_map_figures.FLUCTUATIONS),
        phase_figures.doubt_of(phase_figures.checked(phase_map)),
    )


@pytest.mark.parametrize(
    ("plot", "panels"), [(phase_map_figures.plot_fluctuations, 4), (phase_figures.plot_phases, 2)]
)
def test_a_cell_in_doubt_is_of_the_region(phase_map, plot, panels):
    where = {"backend": "lif_float", "q_factor": 1.0, "g_factor": 5.0, "seed": 2}
    phase_map.quality.loc[where] = Quality.SHORT
    figure = plot(phase_map)
    regions = [doubted(axis) for axis in figure.axes[:panels]]
    assert regions == [[], [(5.0, 1.0)]] * (panels // 2)
    assert "in doubt: short run (on half of the seeds or more)" in legend_of(figure)
    assert not [doubted(axis) for axis in plot(phase_map.sel(seed=[1])).axes if doubted(axis)]


def test_an_imprecise_number_is_in_doubt_but_its_phase_is_not(phase_map):
    where = {"backend": "lif_float", "q_factor": 1.0, "g_factor": 5.0}
    phase_map.stopped.loc[where] = Stopped.LONGEST
    assert doubted(phase_map_figures.plot_fluctuations(phase_map).axes[1]) == [(5.0, 1.0)]
    assert not doubted(phase_figures.plot_phases(phase_map).axes[1])


@pytest.mark.parametrize("plot", ["plot_fluctuations", "plot_phase_maps", "plot_mapping"])
def test_the_strongest_coupling_is_a_line_below_its_cells_and_no_doubt(phase_map, plot):
    """Two cells of three have it: a side below both, and one beside; none at the frame."""
    phase_map["phase"][:] = Phase.SENSITIVE
    where = {"backend": "lif_float", "q_factor": 6.0, "g_factor": [4.5, 5.0]}
    phase_map.weight_scale_status.loc[where] = ScaleStatus.STRONGEST
    figure = getattr(phase_map_figures, plot)(phase_map)
    rate, lif = figure.axes[:2]
    if plot == "plot_mapping":
        lif = rate
    assert not doubted(lif)
    sides = {
        tuple(map(tuple, side))
        for lines in lif.collections
        if isinstance(lines, LineCollection)
        for side in lines.get_segments()
    }
    below = {((4.25, 3.5), (4.75, 3.5)), ((4.75, 3.5), (5.25, 3.5))}
    assert sides == below | {((4.25, 3.5), (4.25, 8.5))}
    if rate is not lif:
        assert not any(isinstance(lines, LineCollection) for lines in rate.collections)
    assert (
        "above: LIF neurons of all seeds at their strongest coupling, whatever q_factor"
        in legend_of(figure)
    )


@pytest.mark.parametrize("plot", ["plot_fluctuations", "plot_phase_maps", "plot_mapping"])
def test_where_one_seed_of_two_is_at_its_strongest_there_is_no_line(phase_map, plot):
    """What this seed does no longer depends on q_factor, but what the other does changes."""
    phase_map["phase"][:] = Phase.SENSITIVE
    phase_map.weight_scale_status.loc[{"backend": "lif_float", "q_factor": 6.0, "seed": 1}] = (
        ScaleStatus.STRONGEST
    )
    for axis in getattr(phase_map_figures, plot)(phase_map).axes[:2]:
        assert not any(isinstance(lines, LineCollection) for lines in axis.collections)


def test_borders_stand_in_effective_coupling_if_it_is_known(with_borders):
    """Seed 1 has R at its borders, as `in_coupling` has it; without borders there is no row."""
    chosen = with_borders.sel(seed=[1], g_factor=[5.0, 4.0])  # whatever the order
    figure = phase_figures.plot_phases(chosen)
    axis = next(a for a in figure.axes if a.get_ylabel().startswith("effective coupling R"))
    lif = figure.axes[figure.axes.index(axis) + 1]
    sweep = sweep_of(with_borders)
    critical_q = phase_figures.borders(with_borders).sel(backend="lif_float")
    expected = in_coupling(sweep, "lif_float", critical_q.transpose("g_factor", "seed").values)
    drawn = lif.lines[0].get_ydata()
    np.testing.assert_array_equal(drawn, expected[[0, 2], 0])
    assert np.isfinite(drawn).all()
    (columns,) = (lines for lines in lif.collections if isinstance(lines, LineCollection))
    grid = [np.full((3, 1), q) for q in (1.0, 6.0)]
    ends = [in_coupling(sweep, "lif_float", np.tile(q, (1, 2)))[[0, 2], 0] for q in grid]
    reach = [np.min([drawn, *ends], axis=0), np.max([drawn, *ends], axis=0)]
    found = {segment[0, 0]: segment[:, 1].tolist() for segment in columns.get_segments()}
    assert found == dict(zip([4.0, 5.0], np.transpose(reach).tolist(), strict=True))
    with_borders["measured_critical_q"][:] = np.nan
    labels = [a.get_ylabel() for a in phase_figures.plot_phases(with_borders).axes]
    assert not any(label.startswith("effective coupling") for label in labels)


def test_a_reason_on_fewer_than_half_of_the_seeds_is_no_doubt(phase_map):
    three = phase_map.isel(seed=[0, 0, 1]).assign_coords(seed=[1, 2, 3])
    del three.attrs["sweep_config"]
    three.quality.loc[{"seed": 3}] = Quality.SHORT
    assert not phase_map_figures.plot_fluctuations(three).legends


def test_one_outline_goes_around_all_cells_in_doubt(phase_map):
    """Around four neighbours, eight sides: none of those between them."""
    where = {"backend": "rate", "g_factor": [4.0, 4.5]}
    phase_map.quality.loc[where] = Quality.SHORT
    axis = phase_map_figures.plot_fluctuations(phase_map).axes[0]
    sides = {tuple(map(tuple, side)) for side in axis.collections[-1].get_segments()}
    g, q = [3.75, 4.25, 4.75], [-1.5, 3.5, 8.5]
    across = {((g[i], q[j]), (g[i + 1], q[j])) for i in (0, 1) for j in (0, 2)}
    assert sides == across | {((g[i], q[j]), (g[i], q[j + 1])) for i in (0, 2) for j in (0, 1)}


@pytest.mark.parametrize("value", [ScaleStatus.SOLVED, ScaleStatus.IDENTITY])
def test_a_sound_mapping_is_not_marked(phase_map, value):
    phase_map.weight_scale_status[:] = value
    assert not phase_map_figures.plot_fluctuations(phase_map).legends


def test_what_is_the_same_in_all_networks_is_said_instead_of_drawn(phase_map):
    phase_map["clipped_weight_fraction"][:] = 0
    phase_map["weight_bits"][:] = 8
    phase_map["voltage_clips"][:] = 0
    phase_map.voltage_clips.loc[{"backend": "lif_float", "q_factor": 6.0, "seed": 2}] = 4
    figure = phase_map_figures.plot_mapping(phase_map)
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles == [
        "LIF weights / rate weights",
        "effective coupling R",
        "voltages clipped (neurons x steps)",
    ]
    said = figure.get_suptitle().replace("\n", " ")
    assert "0 in every network: fraction of weights clipped; " in said
    assert "8 in every network: weight bits used, of 8" in said
    assert "1 in every network: integer / float weight strength" in said


def test_a_mapping_that_is_the_same_everywhere_still_has_a_map(phase_map):
    for name in ("weight_scale", "weight_strength"):
        phase_map[name][:] = 1
    for name in ("clipped_weight_fraction", "weight_bits", "voltage_clips", "effective_coupling"):
        phase_map[name][:] = np.nan
    figure = phase_map_figures.plot_mapping(phase_map)
    assert [a.get_title() for a in figure.axes if a.get_title()] == ["LIF weights / rate weights"]
    assert "not known: effective coupling R" in figure.get_suptitle().replace("\n", " ")


def test_mapping_maps_hatch_what_is_not_solved(phase_map):
    where = {"backend": "lif_float", "q_factor": 6.0, "g_factor": 4.0, "seed": 2}
    phase_map.weight_scale_status.loc[where] = ScaleStatus.UNCHANGED
    figure = phase_map_figures.plot_mapping(phase_map)
    assert doubted(figure.axes[0]) == [(4.0, 6.0)]
    assert legend_of(figure) == ["in doubt: mapping failed (on half of the seeds or more)"]


def test_what_is_ideally_1_has_a_scale_around_it(phase_map):
    phase_map.weight_strength[:] = [[[0.5, 2.0]] * 3] * 2
    phase_map["effective_coupling"][:] = [[[4.0, 4.0]], [[0.5, 0.5]]]
    axes = phase_map_figures.plot_mapping(phase_map).axes
    norms = {axis.get_title(): axis.collections[0].norm for axis in axes if axis.get_title()}
    for title, reach in (("integer / float weight strength", 1.25), ("effective coupling R", 4.0)):
        (norm,) = (norm for name, norm in norms.items() if name.startswith(title))
        assert norm(1.0) == pytest.approx(0.5)
        assert norm.vmax == pytest.approx(reach)


def test_a_cut_shows_each_seed_with_its_own_error_and_their_mean_without(phase_map):
    phase_map["c0_error"] = phase_map.c0 / 10
    phase_map.c0_error.loc[{"seed": 2, "q_factor": 6.0}] = np.nan
    figure = phase_map_figures.plot_cut(phase_map, g_factor=4.4)
    axis = figure.axes[0]
    seeds = phase_map.c0.sel(backend="rate", g_factor=4.5)
    whole = [line for line in axis.lines if line.get_linestyle() == "-"]
    (mean,) = (line.get_ydata() for line in whole if line.get_linewidth() == 2)
    np.testing.assert_array_equal(mean, seeds.mean("seed"))
    thin = [line.get_ydata() for line in whole if line.get_linewidth() == 0.6]
    np.testing.assert_array_equal(thin, seeds.transpose("seed", "q_factor"))
    for seed, bars in zip((1, 2), axis.containers, strict=True):
        values = seeds.sel(seed=seed).values
        ends = [segment[:, 1] for segment in bars[2][0].get_segments() if len(segment)]
        np.testing.assert_allclose(ends, np.outer(values, [0.9, 1.1])[: 3 - seed])
    (crosses,) = (line.get_ydata() for line in axis.lines if line.get_marker() == "x")
    np.testing.assert_array_equal(crosses, [np.nan, seeds.sel(seed=2, q_factor=6.0)])
    texts = legend_of(figure)
    assert "mean over seeds" in texts  # the median of two
    assert "each seed's value without an error" in texts


def test_a_cut_of_one_seed_has_its_line_alone(phase_map):
    figure = phase_map_figures.plot_cut(phase_map.sel(seed=[2]))
    lines = [line for line in figure.axes[0].lines if line.get_linestyle() == "-"]
    assert [line.get_linewidth() for line in lines] == [2.0]
    assert not [text for text in legend_of(figure) if "over seeds" in text]


def test_a_cut_is_shaded_where_lif_neurons_are_at_their_strongest_on_all_seeds(phase_map):
    """Of two q_factor, 1 and 6, the cell of 6 reaches from 3.5 to 8.5."""
    limited = {"backend": "lif_float", "q_factor": 6.0}
    for seeds, sides in (([1], []), ([1, 2], [(3.5, 8.5)])):
        phase_map.weight_scale_status.loc[limited | {"seed": seeds}] = ScaleStatus.STRONGEST
        figure = phase_map_figures.plot_cut(phase_map)
        shaded = [[patch.get_bbox().intervalx for patch in axis.patches] for axis in figure.axes]
        assert [[tuple(one) for one in axis] for axis in shaded] == [[], sides, sides]
        text = "LIF neurons of all seeds at their strongest coupling: one network for each seed"
        assert (text in legend_of(figure)) == bool(sides)


def test_a_cut_keeps_floating_point_visible_under_its_integers(phase_map):
    figure = phase_map_figures.plot_cut(phase_map)
    broadest = [max(line.get_linewidth() for line in axis.lines) for axis in figure.axes[:2]]
    assert broadest[1] > 1.5 * broadest[0]  # LIF neurons in floating point, and rate neurons
    assert "each seed's standard error" in legend_of(figure)


def test_a_cut_has_a_panel_for_each_unit(phase_map):
    labels = [a.get_ylabel() for a in phase_map_figures.plot_cut(phase_map).axes]
    assert [label.partition("\n")[0] for label in labels] == [
        "c(0) of states", "c(0) of spike counts", "decay time (steps)"
    ]  # fmt: skip


def test_a_cut_marks_points_with_flagged_seeds(phase_map):
    at = flag(phase_map, "c0", Flag.UNDEFINED, backend="rate", q_factor=1.0, g_factor=4.5, seed=1)
    figure = phase_map_figures.plot_cut(at)
    assert "some seeds have no number" in legend_of(figure)
    axis = figure.axes[0]
    rings = {line.get_markerfacecolor(): line for line in axis.lines if line.get_marker() == "o"}
    some = rings.pop("white").get_ydata()
    (whole,) = (line.get_ydata() for line in rings.values())
    assert np.isnan(whole).tolist() == [True, False]
    assert np.isnan(some).tolist() == [False, True]


def test_rate_neurons_have_no_mapping_to_draw(phase_map):
    with pytest.raises(DatasetError, match="no mapping to draw"):
        phase_map_figures.plot_mapping(phase_map.sel(backend="rate"))


def test_autocovariance_curves_are_those_of_their_points(phase_map):
    axis = phase_map_figures.plot_autocovariance(phase_map).axes[1]
    curves = phase_map.autocovariance.sel(backend="lif_float", g_factor=4.5)
    for line, q in zip(axis.lines[2::3], phase_map.q_factor.values, strict=False):
        point = curves.sel(q_factor=q)
        expected = (point / point.sel(lag=0)).mean("seed")
        np.testing.assert_allclose(line.get_ydata(), expected)
        assert f"q_factor {q:g}: 2 of 2 seeds" in line.get_label()
    assert axis.figure.axes[0].get_ylabel() == "autocorrelation c(lag) / c(0)"
    assert legend_of(axis.figure) == ["each seed", "mean over seeds"]


def test_decay_times_have_a_logarithmic_scale(phase_map):
    images = [axis.collections[0] for axis in phase_map_figures.plot_fluctuations(phase_map).axes]
    assert all(isinstance(image.norm, mpl.colors.LogNorm) for image in images[2:4])
    assert images[2].norm.vmax == phase_map.decay_time.max()


def test_a_curve_under_another_is_said_to_be_there(phase_map):
    here, there = ({"backend": "lif_float", "q_factor": q} for q in (1.0, 6.0))
    phase_map.autocovariance.loc[there] = phase_map.autocovariance.sel(here)
    phase_map.c0.loc[there] = phase_map.c0.sel(here)
    rate = phase_map.c0.sel(backend="rate")
    for q, part in ((1.0, 1.0), (6.0, [1.0, *[0.0] * (phase_map.lag.size - 1)])):
        curve = rate.sel(q_factor=q) * xr.DataArray(
            np.broadcast_to(part, phase_map.lag.size), dims="lag"
        )
        phase_map.autocovariance.loc[{"backend": "rate", "q_factor": q}] = curve
    axes = phase_map_figures.plot_autocovariance(phase_map).axes[:2]
    rate, lif = ([text.get_text() for text in axis.get_legend().get_texts()] for axis in axes)
    assert lif[0].endswith("under the curve of 6")
    assert not any("under the curve" in label for label in (*rate, *lif[1:]))


@pytest.mark.parametrize(
    "selection",
    [
        {"seed": 1},
        {"backend": "rate"},
        {"q_factor": [6.0, 1.0]},
        {"g_factor": 4.5, "backend": ["lif_float"]},
        {"g_factor": [5.0, 4.0, 4.5]},
        {"backend": "lif_float", "q_factor": 1.0, "g_factor": 4.5, "seed": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "plot", ["plot_phase_maps", "plot_fluctuations", "plot_autocovariance", "plot_cut"]
)
def test_any_selection_can_be_drawn(phase_map, plot, selection):
    figure = getattr(phase_map_figures, plot)(phase_map.sel(selection))
    figure.draw_without_rendering()


@pytest.mark.parametrize(
    "plot", ["plot_phase_maps", "plot_fluctuations", "plot_autocovariance", "plot_cut"]
)
def test_an_average_over_seeds_can_be_drawn(phase_map, plot):
    getattr(phase_map_figures, plot)(phase_map.mean("seed"))


def test_averaged_flags_are_not_read_as_flags(phase_map):
    """The mean of ok (0) and undefined (2) is not censored (1)."""
    at = flag(phase_map, "c0", Flag.UNDEFINED, backend="rate", q_factor=1.0, g_factor=4.0, seed=1)
    at = flag(at, "c0", Flag.UNDEFINED, backend="rate", q_factor=1.0, g_factor=5.0)
    figure = phase_map_figures.plot_phase_maps(at.mean("seed"))  # without phases
    assert [cell[:2] for cell in hatched(figure.axes[0])] == [(5.0, pytest.approx(1.0))]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["no number on any seed"]


def test_what_is_no_phase_map_cannot_be_drawn(phase_map):
    with pytest.raises(DatasetError, match="has no decay_time_flag"):
        phase_map_figures.plot_phase_maps(phase_map[["c0", "c0_flag", "decay_time"]])


PLOTS = ("plot_phase_maps", "plot_fluctuations", "plot_autocovariance", "plot_cut", "plot_mapping")
NO_PHASE_MAPS = {
    "None": (lambda m: None, "must be a dataset, not None"),
    "an array": (lambda m: m.c0, "must be a dataset, not a DataArray"),
    "a file's name": (lambda m: "phase_map.nc", "must be a dataset, not a str"),
    "one variable": (lambda m: m[["persistence"]], "nor a selection from one: it has no"),
    "stacked": (lambda m: m.stack(point=("q_factor", "g_factor")), "a dimension point, which"),
    "a mean over q_factor": (lambda m: m.mean("q_factor"), "has no q_factor: select one"),
    "a mean over everything": (lambda m: m.mean(), "has no backend: select one"),
    "one backend, dropped": (
        lambda m: m.sel(backend="rate", drop=True),
        "has no backend: select one, but keep it",
    ),
    "no point": (lambda m: m.sel(g_factor=[]), "selection is empty: it has no g_factor"),
    "a point twice": (lambda m: m.sel(q_factor=[1.0, 1.0]), "the same q_factor twice"),
    "another backend": (
        lambda m: m.assign_coords(backend=["rate", "gpu"]),
        "backend is gpu, but plots know rate, lif_float, lif_bit_accurate",
    ),
    "two sweeps": (lambda m: xr.concat([m, m], "sweep"), "a dimension sweep, which"),
}  # fmt: skip


@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("what", NO_PHASE_MAPS)
def test_what_is_no_selection_is_one_sentence(phase_map, plot, what):
    make, message = NO_PHASE_MAPS[what]
    with pytest.raises(DatasetError, match=message):
        getattr(phase_map_figures, plot)(make(phase_map))


def test_curves_need_lags(phase_map):
    with pytest.raises(DatasetError, match="one lag or none"):
        phase_map_figures.plot_autocovariance(phase_map.isel(lag=0))
    phase_map_figures.plot_autocovariance(phase_map.sel(lag=slice(10, 20)))
    with pytest.raises(DatasetError, match="averaged over seeds, has no lag 0"):
        phase_map_figures.plot_autocovariance(phase_map.sel(lag=slice(10, 20)).mean("seed"))
    for plot in ("plot_phase_maps", "plot_cut", "plot_mapping"):
        getattr(phase_map_figures, plot)(phase_map.isel(lag=0))


def test_an_averaged_curve_is_divided_by_its_own_c0(phase_map):
    """Also where c(0) of one seed is flagged, and so not in the average of c(0)."""
    at = flag(phase_map, "c0", Flag.TRANSIENT, backend="rate", q_factor=6.0, seed=1)
    at = flag(at, "c0", Flag.TRANSIENT, backend="rate", q_factor=1.0)
    axis = phase_map_figures.plot_autocovariance(at.mean("seed")).axes[0]
    curve = axis.lines[1].get_ydata()
    c = phase_map.autocovariance.sel(backend="rate", q_factor=6.0, g_factor=4.5).mean("seed")
    np.testing.assert_allclose(curve, c / c[0])
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["q_factor 6"]
    title = axis.get_legend().get_title().get_text()
    assert title == "no curve at q_factor 1:\nno seed fluctuates"


@pytest.mark.parametrize("g_factor", ["4.5", [4.5]])
def test_a_cut_is_at_a_number(phase_map, g_factor):
    with pytest.raises(DatasetError, match=r"g_factor is .*4\.5.*, but must be a number"):
        phase_map_figures.plot_cut(phase_map, g_factor=g_factor)


def test_a_cut_beyond_the_map_is_refused(phase_map):
    with pytest.raises(DatasetError, match="g_factor is 100, but the phase map"):
        phase_map_figures.plot_cut(phase_map, g_factor=100)


def test_nothing_but_flagged_points_can_be_drawn(phase_map, tmp_path):
    at = phase_map
    for name in ("c0", "decay_time"):
        at = flag(at, name, Flag.UNDEFINED)
    for name, plot in save.PHASE_MAP.items():
        plot(at).savefig(tmp_path / f"{name}.png")


def test_draw_writes_what_it_is_asked_for(phase_map, tmp_path):
    netcdf.write(phase_map, tmp_path / "phase_map.nc")
    outputs = [tmp_path / "out" / name for name in ("phase_maps.png", "mapping.pdf")]
    save.draw_phase_map(tmp_path / "phase_map.nc", outputs)
    assert outputs[0].read_bytes().startswith(b"\x89PNG")
    assert outputs[1].read_bytes().startswith(b"%PDF")
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_draw_refuses_a_figure_that_it_does_not_know(tmp_path):
    with pytest.raises(DatasetError, match=r"cat\.png names no figure; there are phase_maps"):
        save.draw_phase_map(tmp_path / "phase_map.nc", [tmp_path / "cat.png"])


def with_counts(ratio_float, ratio_integer):
    """A 2 x 2 map on one seed: counts of mean 2 in 25 steps with these variances over it."""
    shape = ("backend", "q_factor", "g_factor", "seed")
    ratio = np.array([ratio_float, ratio_integer], float)[..., None]
    config = {
        "observables": {"boxcar": 25},
        "mapping": {"rate_to_lif": "corrected", "float_to_integer": "full_range", "weight_bits": 5},
    }
    return xr.Dataset(
        {
            "autocovariance": ((*shape, "lag"), 2 * ratio[..., None]),
            "mean_rate": (shape, np.full(ratio.shape, 2 / 25)),
            "measured_critical_q_mean": (("backend", "g_factor"), [[1.2, 1.4], [1.6, np.nan]]),
        },
        coords={
            "backend": ["lif_float", "lif_bit_accurate"],
            "q_factor": [1.0, 2.0],
            "g_factor": [4.0, 5.0],
            "lag": [0],
        },
        attrs={"sweep": "made up", "sweep_config": json.dumps(config)},
    )


def test_kept_variance_counts_sides_of_the_border_and_factors():
    found = with_counts([[0.5, 0.5], [2.0, 8.0]], [[0.5, 1.5], [4.0, 2.0]])
    same, factor = mappings.kept_variance(found)
    assert same == 3 / 4
    assert factor == pytest.approx(np.sqrt(3 * 2))  # of 1, 3, 2 and 4, in the middle


def test_comparison_draws_maps_beside_those_of_the_same_floating_point():
    real = [[0.5, 0.5], [2.0, 2.0]]
    one, other = with_counts(real, real), with_counts(real, [[4.0, 4.0], [16.0, 16.0]])
    third = with_counts([[0.5, 0.5], [2.0, 4.0]], real)
    figure = mappings.plot_comparison([one, third, other])
    axes = figure.axes[:6]
    assert [axis.get_visible() for axis in axes] == [True] * 5 + [False]
    maps = [np.ravel(axis.collections[0].get_array()) for axis in axes[:5]]
    expected = [[0.5, 0.5, 2, 2], [0.5, 0.5, 2, 2], [4, 4, 16, 16], [0.5, 0.5, 2, 4]]
    np.testing.assert_allclose(maps[:4], expected)
    assert axes[0].get_title() == "LIF, floating point\ncorrected"
    assert "5 bits" in axes[1].get_title()
    assert "50% on the same side" in axes[2].get_title()


def test_comparison_draws_borders_of_counts_and_of_damage():
    found = with_counts([[0.5, 0.5], [2.0, 2.0]], [[0.25, 0.25], [2.0, 2.0]])
    real, integer = mappings.plot_comparison([found]).axes[:2]
    heights = [
        [np.concatenate([p.vertices for p in c.get_paths()])[:, 1] for c in axis.collections[1:]]
        for axis in (real, integer)
    ]
    # On the logarithm, between q = 1 and 2: halfway from 1/2 to 2, two thirds from 1/4 to 2.
    np.testing.assert_allclose(heights[0][-1], 1.5)
    np.testing.assert_allclose(heights[1][0], 1.5)
    np.testing.assert_allclose(heights[1][1], 5 / 3)
    np.testing.assert_array_equal(real.lines[0].get_ydata(), [1.2, 1.4])
    np.testing.assert_array_equal(integer.lines[0].get_ydata(), [1.6, np.nan])


def test_comparison_refuses_maps_without_both_backends(phase_map):
    with pytest.raises(DatasetError, match="needs lif_float and lif_bit_accurate"):
        mappings.plot_comparison([phase_map])


def test_compare_writes_a_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(
        save, "open_phase_map", lambda path, **_: with_counts([[1, 2], [3, 4]], [[1, 2], [3, 4]])
    )
    save.draw_comparison([tmp_path / "a.nc"], [tmp_path / "mappings.png"])
    assert (tmp_path / "mappings.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(DatasetError, match="names no format"):
        save.draw_comparison([tmp_path / "a.nc"], [tmp_path / "mappings.xyz"])
    with pytest.raises(DatasetError, match="there are mappings, precision"):
        save.draw_comparison([tmp_path / "a.nc"], [tmp_path / "b.png"])


def test_phases_have_their_colours_and_seeds_that_disagree_are_in_doubt(phase_map):
    phase_map["phase"][:] = Phase.FIXED_POINT
    phase_map.phase.loc[{"backend": "rate", "q_factor": 1.0}] = Phase.SATURATED
    where = {"backend": "rate", "q_factor": 6.0, "g_factor": 5.0, "seed": 2}
    phase_map.phase.loc[where] = Phase.UNDECIDED
    expected = {
        (g, q): mpl.colors.to_hex(phase_figures.LOOKS[phase][0])
        for g in (4.0, 4.5, 5.0)
        for q, phase in ((1.0, Phase.SATURATED), (6.0, Phase.FIXED_POINT))
    }
    expected[4.875, 6] = expected.pop((5.0, 6))  # the left half of a cell of 0.5
    expected[5.125, 6] = "#ffffff"
    for plot in (phase_figures.plot_phases, phase_map_figures.plot_phase_maps):
        axis = plot(phase_map).axes[0]
        cells = [cell for cell in drawn_cells(axis) if cell[2].get_hatch() != "..."]
        colours = {(g, round(q)): mpl.colors.to_hex(p.get_facecolor()) for g, q, p in cells}
        assert colours == expected
        assert doubted(axis) == [(5.0, 6.0)]


@pytest.mark.parametrize(
    ("of_seeds", "bands"),
    [
        ([Phase.SENSITIVE, Phase.CHAOS], {4.875: Phase.CHAOS, 5.125: Phase.SENSITIVE}),
        ([Phase.UNDECIDED, Phase.CHAOS], {4.875: Phase.CHAOS, 5.125: Phase.UNDECIDED}),
        ([Phase.UNDECIDED] * 2, {5.0: Phase.UNDECIDED}),
        ([Phase.SENSITIVE, Phase.CHAOS, Phase.CHAOS], {5.0: Phase.CHAOS}),
        (
            [Phase.SENSITIVE, Phase.CHAOS, Phase.SILENT],
            {5 - 0.5 / 3: Phase.CHAOS, 5.0: Phase.SILENT, 5 + 0.5 / 3: Phase.SENSITIVE},
        ),
        ([NOT_SIMULATED, Phase.CHAOS], {5.0: Phase.CHAOS}),
    ],
)
def test_phases_that_tie_share_a_cell(phase_map, of_seeds, bands):
    """A band for each, as broad as those of others, from the left by the phases' numbers."""
    seeds = phase_map.isel(seed=[0] * len(of_seeds)).assign_coords(seed=range(len(of_seeds)))
    del seeds.attrs["sweep_config"]
    seeds["phase"][:] = Phase.CHAOS
    seeds.phase.loc[{"backend": "rate", "q_factor": 6.0, "g_factor": 5.0}] = of_seeds
    figure = phase_map_figures.plot_phase_maps(seeds)
    found = [
        (pytest.approx(g), mpl.colors.to_hex(patch.get_facecolor()))
        for g, q, patch in drawn_cells(figure.axes[0])
        if g > 4.75 and round(q) == 6 and patch.get_hatch() != "..."
    ]
    expected = {g: mpl.colors.to_hex(phase_figures.LOOKS[phase][0]) for g, phase in bands.items()}
    assert sorted(found, key=lambda band: band[0].expected) == sorted(expected.items())
    assert (phase_figures.TIE in legend_of(figure)) == (len(bands) > 1)


def test_without_chaos_and_without_seeds_maps_are_of_fluctuations(phase_map):
    assert len(phase_map_figures.plot_phase_maps(phase_map).axes) == 2
    averaged = phase_map_figures.plot_phase_maps(phase_map.mean("seed"))
    for name in ("lyapunov_exponent_per_time_constant", "spike_damage"):
        phase_map[name][:] = np.nan
    for figure in (averaged, phase_map_figures.plot_phase_maps(phase_map)):
        labels = {axis.get_ylabel() for axis in figure.axes}
        assert "decay time (steps)" in labels


@pytest.mark.parametrize(
    ("measure", "labels"),
    [
        ("lyapunov_exponent", ["largest Lyapunov exponent", "damage by one spike"]),
        ("spike_damage", ["damage by one spike", "damage by one spike"]),
        (None, ["damage by one spike"]),
    ],
)
def test_the_row_says_which_measure_is_drawn(phase_map, monkeypatch, measure, labels):
    monkeypatch.setitem(BACKENDS, "rate", replace(BACKENDS["rate"], measure_of_sensitivity=measure))
    figure = phase_figures.plot_phases(phase_map)
    found = [axis.get_ylabel() for axis in figure.axes if axis.get_label() == "<colorbar>"]
    assert [label.partition("\n")[0] for label in found] == labels
    texts = [text.get_text() for text in figure.axes[2].texts]
    assert texts == ["no measure of sensitivity"] * (measure is None)


def test_borders_are_drawn_over_both_rows_and_over_the_phase_map(with_borders):
    theory = [3.0, 2.0, 1.5]
    figures = (
        phase_figures.plot_phases(with_borders),
        phase_map_figures.plot_phase_maps(with_borders),
    )
    seeds = [[1.5, 2.5, 3.5], [2.5, 3.5, 4.5]]
    whole = {"seed": seeds, "mean": [[2.0, 3.0, 4.0]], "theory": [theory]}
    for axes in (figures[0].axes[:2], figures[0].axes[2:4], figures[1].axes):
        assert [lines_of(axis) for axis in axes] == [{"theory": [theory]}, whole]
    assert "95 % interval of the mean" not in legend_of(figures[0])  # two seeds are no interval


def test_bars_reach_over_what_all_seeds_leave_open_and_have_no_cap_where_nothing_is_certain(
    with_borders,
):
    lif = {"backend": "lif_float"}
    for name, ends in (
        ("measured_critical_q_from", [[1.0, 2.0, np.nan], [2.0, 1.5, 4.0]]),
        ("measured_critical_q_to", [[2.0, 5.0, 4.0], [3.0, np.nan, 5.0]]),
    ):
        for seed, of_seed in zip((1, 2), ends, strict=True):
            with_borders[name].loc[lif | {"seed": seed}] = of_seed
    figure = phase_map_figures.plot_phase_maps(with_borders)
    lower, upper = figure.axes[1].get_ylim()
    bars = [x for x in figure.axes[1].collections if len(x.get_segments()) == 3][-1]
    expected = [[[4.0, 1.0], [4.0, 3.0]], [[4.5, 1.5], [4.5, upper]], [[5.0, lower], [5.0, 5.0]]]
    np.testing.assert_array_equal(bars.get_segments(), expected)
    caps = [line.get_xydata() for line in figure.axes[1].lines if line.get_marker() == "_"]
    np.testing.assert_array_equal(caps[0], [[4.0, 1.0], [4.5, 1.5]])
    np.testing.assert_array_equal(caps[1], [[4.0, 3.0], [5.0, 5.0]])
    assert phase_figures.OF_BARS in legend_of(figure)
    assert not [line for line in figure.axes[0].lines if line.get_marker() == "_"]
    # The same in the page, where what is open ends at the map's side.
    one = with_borders.sel(lif)
    (bar,) = (x for x in shown.lines(one, spiking=True) if x["kind"] == "bar")
    points = [[4.0, 1.0], [4.0, 3.0], [4.0, None], [4.5, 1.5], [4.5, upper], [4.5, None],
              [5.0, lower], [5.0, 5.0], [5.0, None]]  # fmt: skip
    assert bar["points"] == points


def test_a_seed_alone_has_its_own_border(with_borders):
    axis = phase_figures.plot_phases(with_borders.sel(seed=2)).axes[1]
    assert lines_of(axis) == {"mean": [[2.5, 3.5, 4.5]], "theory": [[3.0, 2.0, 1.5]]}


def test_a_border_of_some_seeds_alone_is_a_ring(with_borders):
    with_borders.measured_critical_q.loc[{"backend": "lif_float", "g_factor": 5.0, "seed": 1}] = (
        np.nan
    )
    figure = phase_figures.plot_phases(with_borders)
    found = lines_of(figure.axes[1])
    np.testing.assert_array_equal(found["mean"], [[2.0, 3.0, np.nan]])
    np.testing.assert_array_equal(found["ring"], [[np.nan, np.nan, 4.5]])
    assert "border on some seeds only: their mean" in legend_of(figure)


def test_a_measure_of_some_seeds_alone_has_a_ring(phase_map):
    where = {"backend": "lif_float", "q_factor": 6.0, "g_factor": 4.5}
    phase_map.spike_damage.loc[where | {"seed": 1}] = np.nan
    phase_map.spike_damage.loc[where | {"g_factor": 5.0}] = np.nan
    figure = phase_figures.plot_phases(phase_map)
    rings = [
        [line.get_xydata().tolist() for line in axis.lines if line.get_marker() == "o"]
        for axis in figure.axes[2:4]
    ]
    assert rings == [[], [[[4.5, 6.0]]]]
    assert "measure known on some seeds only: their median" in legend_of(figure)


def test_a_seed_whose_measure_changes_sign_again_has_a_mark(with_borders):
    where = {"backend": "lif_float", "g_factor": 4.5, "seed": 2}
    with_borders.measured_critical_q_flag.loc[where] = Crossing.SEVERAL
    figure = phase_map_figures.plot_phase_maps(with_borders)
    rate, lif = ([line for line in a.lines if line.get_marker() == "D"] for a in figure.axes[:2])
    assert not rate
    (marks,) = (line.get_ydata() for line in lif if np.isfinite(line.get_ydata()).any())
    np.testing.assert_array_equal(marks, [np.nan, 3.5, np.nan])
    assert "the measure changes sign more than once: its lowest rise" in legend_of(figure)


def test_a_refined_border_is_bracketed_by_its_width(with_borders):
    """Points of the grid are 1 and 6; a border at 2.2 known to 0.1 lies between 2.1 and 2.3."""
    with_borders["refined_q"][:], with_borders["refined_q_width"][:] = 2.2, 0.1
    ends = phase_figures._brackets(with_borders, np.array([1.0, 6.0]))
    np.testing.assert_allclose(ends["below"].values[1], 2.1)
    np.testing.assert_allclose(ends["above"].values[1], 2.3)


def test_from_four_seeds_on_a_border_has_a_band(with_borders):
    others = with_borders.assign_coords(seed=[3, 4])
    four = xr.concat([with_borders, others], "seed", data_vars="minimal")
    del four.attrs["sweep_config"]
    axis = phase_figures.plot_phases(four).axes[1]
    (band,) = [c for c in axis.collections if isinstance(c, mpl.collections.PolyCollection)]
    heights = band.get_paths()[0].vertices[:, 1]
    # 1.5, 2.5, 1.5, 2.5: the mean is 2, s / sqrt(4) is 1 / sqrt(12), Student's t of three is 3.182.
    assert heights.min() == pytest.approx(2 - 3.1824 / np.sqrt(12), abs=1e-4)


def test_a_refined_border_is_drawn_instead_of_the_one_between_grid_points(with_borders):
    for seed, at in {1: [2.2, 2.9, np.nan], 2: [2.4, 3.1, np.nan]}.items():
        with_borders.refined_q.loc[{"backend": "lif_float", "seed": seed}] = at
    figure = phase_figures.plot_phases(with_borders)
    for axis in (figure.axes[1], figure.axes[3]):
        (mean,) = lines_of(axis)["mean"]
        np.testing.assert_allclose(mean, [2.3, 3.0, np.nan])


def test_a_sweep_that_did_not_measure_chaos_has_no_phases_to_draw(phase_map):
    phase_map["lyapunov_exponent_per_time_constant"][:] = np.nan
    phase_map["spike_damage"][:] = np.nan
    with pytest.raises(DatasetError, match=r"set observables\.chaos to true"):
        phase_figures.plot_phases(phase_map)
