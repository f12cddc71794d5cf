import json
from dataclasses import replace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from drawn_cells import drawn_cells
from tiny_sweep import with_all_variables

from eiphase.backends import BACKENDS
from eiphase.errors import DatasetError
from eiphase.figures import mappings, save
from eiphase.figures import phase_map as phase_map_figures
from eiphase.figures import phases as phase_figures
from eiphase.flags import Flag, Phase, ScaleStatus
from eiphase.jobs.datasets import netcdf

mpl.use("agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def phase_map(phase_map_file):
    """Of made-up numbers, without any flag or doubt."""
    found = with_all_variables(xr.load_dataset(phase_map_file))
    found.current_wraps[:] = found.centring_bias[:] = 0
    found.weight_strength[:] = 1
    return found


def flag(phase_map, name, value, **where):
    """Give one observable a flag at some points, and NaN with it."""
    at = phase_map.copy(deep=True)
    at[f"{name}_flag"].loc[where] = value
    at[name].loc[where] = np.nan
    return at


def hatched(axis):
    """Cells drawn over the map: (g_factor, q_factor) of the centre, hatch."""
    return [(g, q, patch.get_hatch() or "") for g, q, patch in drawn_cells(axis)]


def test_each_map_shows_the_median_over_seeds(phase_map):
    figure = phase_map_figures.plot_phase_maps(phase_map)
    maps = [axis.collections[0].get_array() for axis in figure.axes[:4]]
    expected = phase_map.c0.median("seed").transpose("backend", "q_factor", "g_factor")
    for found, backend in zip(maps[:2], expected, strict=True):
        np.testing.assert_array_equal(np.ma.getdata(found).reshape(backend.shape), backend)


def test_maps_of_a_row_share_one_scale(phase_map):
    norms = [
        axis.collections[0].norm for axis in phase_map_figures.plot_phase_maps(phase_map).axes[:4]
    ]
    assert norms[0] is norms[1]
    assert norms[2] is norms[3]
    assert norms[0].vmin == phase_map.c0.min()


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
    figure = phase_map_figures.plot_phase_maps(at)
    drawn = [hatched(axis) for axis in figure.axes[:4]]
    assert [len(cells) for cells in drawn] == [0, 0, 0, 1]
    assert drawn[3][0][:2] == (4.5, pytest.approx(6.0))
    assert [t.get_text() for t in figure.legends[0].get_texts()] == [text]


def test_a_cell_flagged_on_some_seeds_keeps_its_colour(phase_map):
    at = flag(phase_map, "c0", Flag.UNDEFINED, backend="rate", q_factor=1.0, g_factor=4.0, seed=1)
    axis = phase_map_figures.plot_phase_maps(at).axes[0]
    assert hatched(axis) == [(4.0, pytest.approx(1.0), "////")]
    cell = axis.collections[0].get_array().reshape(2, 3)[0, 0]
    assert cell == at.c0.sel(backend="rate", q_factor=1.0, g_factor=4.0, seed=2)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("weight_scale_status", ScaleStatus.UNCHANGED, "mapping in doubt"),
        ("weight_scale_status", ScaleStatus.NOT_SOLVED, "mapping in doubt"),
        ("weight_scale_status", ScaleStatus.NOT_POSITIVE, "mapping in doubt"),
        ("weight_strength", 1.2, "mapping in doubt"),
        ("weight_strength", 0.8, "mapping in doubt"),
        ("current_wraps", 1, "mapping in doubt"),
        ("centring_bias", 0.2, "run too short"),
    ],
)
def test_a_doubtful_cell_is_marked(phase_map, name, value, text):
    assert not phase_map_figures.plot_phase_maps(phase_map).legends
    where = {"backend": "lif_float", "q_factor": 1.0, "g_factor": 5.0}
    phase_map[name].loc[where] = value
    figure = phase_map_figures.plot_phase_maps(phase_map)
    marks = [[line.get_xydata().tolist() for line in axis.lines] for axis in figure.axes[:4]]
    assert marks == [[], [[[5.0, 1.0]]], [], [[[5.0, 1.0]]]]
    assert figure.legends[0].get_texts()[0].get_text().startswith(text)


@pytest.mark.parametrize("value", [ScaleStatus.SOLVED, ScaleStatus.IDENTITY])
def test_a_sound_mapping_is_not_marked(phase_map, value):
    phase_map.weight_scale_status[:] = value
    assert not phase_map_figures.plot_phase_maps(phase_map).legends


def test_mapping_maps_hatch_what_is_not_solved(phase_map):
    where = {"backend": "lif_float", "q_factor": 6.0, "g_factor": 4.0, "seed": 2}
    phase_map.weight_scale_status.loc[where] = ScaleStatus.UNCHANGED
    assert hatched(phase_map_figures.plot_mapping(phase_map).axes[0]) == [
        (4.0, pytest.approx(6.0), "////")
    ]


def test_a_cut_shows_median_and_spread_of_seeds(phase_map):
    axis = phase_map_figures.plot_cut(phase_map, g_factor=4.4).axes[0]
    seeds = phase_map.c0.sel(backend="rate", g_factor=4.5)
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), seeds.median("seed"))
    heights = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (seeds.min(), seeds.max())


def test_a_cut_marks_points_with_flagged_seeds(phase_map):
    at = flag(phase_map, "c0", Flag.UNDEFINED, backend="rate", q_factor=1.0, g_factor=4.5, seed=1)
    axis = phase_map_figures.plot_cut(at).axes[0]
    whole, some = (axis.lines[i].get_ydata() for i in (1, 2))
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
@pytest.mark.parametrize("plot", ["plot_phase_maps", "plot_autocovariance", "plot_cut"])
def test_any_selection_can_be_drawn(phase_map, plot, selection, tmp_path):
    figure = getattr(phase_map_figures, plot)(phase_map.sel(selection))
    figure.savefig(tmp_path / "figure.png")


@pytest.mark.parametrize("plot", ["plot_phase_maps", "plot_autocovariance", "plot_cut"])
def test_an_average_over_seeds_can_be_drawn(phase_map, plot):
    getattr(phase_map_figures, plot)(phase_map.mean("seed"))


def test_averaged_flags_are_not_read_as_flags(phase_map):
    """The mean of ok (0) and undefined (2) is not censored (1)."""
    at = flag(phase_map, "c0", Flag.UNDEFINED, backend="rate", q_factor=1.0, g_factor=4.0, seed=1)
    at = flag(at, "c0", Flag.UNDEFINED, backend="rate", q_factor=1.0, g_factor=5.0)
    figure = phase_map_figures.plot_phase_maps(at.mean("seed"))
    assert [cell[:2] for cell in hatched(figure.axes[0])] == [(5.0, pytest.approx(1.0))]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["no number on any seed"]


def test_what_is_no_phase_map_cannot_be_drawn(phase_map):
    with pytest.raises(DatasetError, match="has no decay_time_flag"):
        phase_map_figures.plot_phase_maps(phase_map[["c0", "c0_flag", "decay_time"]])


PLOTS = ("plot_phase_maps", "plot_autocovariance", "plot_cut", "plot_mapping")
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
    curve = axis.lines[3].get_ydata()
    c = phase_map.autocovariance.sel(backend="rate", q_factor=6.0, g_factor=4.5).mean("seed")
    np.testing.assert_allclose(curve, c / c[0])
    assert [text.get_text() for text in axis.get_legend().get_texts()] == [
        "q_factor 1: no number on any seed",
        "q_factor 6: mean over seeds",
    ]


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
        save, "open_phase_map", lambda path: with_counts([[1, 2], [3, 4]], [[1, 2], [3, 4]])
    )
    save.draw_comparison([tmp_path / "a.nc"], [tmp_path / "mappings.png"])
    assert (tmp_path / "mappings.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(DatasetError, match="names no format"):
        save.draw_comparison([tmp_path / "a.nc"], [tmp_path / "mappings.xyz"])
    with pytest.raises(DatasetError, match="there are mappings, precision"):
        save.draw_comparison([tmp_path / "a.nc"], [tmp_path / "b.png"])


def test_phases_have_their_colours_and_seeds_that_disagree_a_mark(phase_map):
    phase_map["phase"][:] = Phase.CHAOS
    phase_map.phase.loc[{"backend": "rate", "q_factor": 1.0}] = Phase.FIXED_POINT
    phase_map.phase.loc[{"backend": "rate", "q_factor": 6.0, "g_factor": 5.0, "seed": 2}] = (
        Phase.UNDECIDED
    )
    axis = phase_figures.plot_phases(phase_map).axes[0]
    colours = {(g, q): mpl.colors.to_hex(p.get_facecolor()) for g, q, p in drawn_cells(axis)}
    assert colours == {
        **{(g, 1.0): "#2c4a7c" for g in (4.0, 4.5, 5.0)},
        **{(g, 6.0): "#e8853a" for g in (4.0, 4.5, 5.0)},
    }
    (marks,) = [line for line in axis.lines if line.get_marker() == "o"]
    assert marks.get_xydata().tolist() == [[5.0, 6.0]]


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


def test_borders_are_drawn_over_both_rows(phase_map):
    phase_map.measured_critical_q_mean.loc[{"backend": "lif_float"}] = [2.0, 3.0, 4.0]
    phase_map.measured_critical_q_low.loc[{"backend": "lif_float"}] = [1.5, 2.5, 3.5]
    phase_map.measured_critical_q_high.loc[{"backend": "lif_float"}] = [2.5, 3.5, 4.5]
    phase_map["theory_critical_q"][:] = [3.0, 2.0, 1.5]
    figure = phase_figures.plot_phases(phase_map)
    for axis in figure.axes[:4]:
        lines = [line.get_xydata().tolist() for line in axis.lines if line.get_marker() in ".None"]
        if axis.get_subplotspec().colspan.start == 0:
            assert lines == [[[4.0, 3.0], [4.5, 2.0], [5.0, 1.5]]]
        else:
            assert lines == [[[4.0, 2.0], [4.5, 3.0], [5.0, 4.0]]]


def test_a_refined_border_is_drawn_over_the_one_between_grid_points(phase_map):
    phase_map.measured_critical_q_mean.loc[{"backend": "lif_float"}] = [2.0, 3.0, 4.0]
    for part, values in (("mean", [2.2, 2.9]), ("low", [2.1, 2.8]), ("high", [2.3, 3.0])):
        phase_map[f"refined_q_{part}"].loc[{"backend": "lif_float"}] = [*values, np.nan]
    figure = phase_figures.plot_phases(phase_map)
    for axis in (figure.axes[1], figure.axes[3]):
        refined, thin = (line for line in axis.lines if line.get_marker() in ".None")
        assert thin.get_ydata().tolist() == [2.0, 3.0, 4.0]
        assert thin.get_linewidth() < refined.get_linewidth()
        np.testing.assert_array_equal(refined.get_ydata(), [2.2, 2.9, np.nan])
        (interval,) = axis.collections[-1:]
        assert interval.get_paths()[0].get_extents().y0 == 2.1
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    border = "measured border of chaos (rate) or sensitivity (LIF), refined"
    assert f"{border}: mean and 95 % interval over seeds" in texts
    assert "the same from grid points alone" in texts


def test_a_sweep_that_did_not_measure_chaos_has_no_phases_to_draw(phase_map):
    phase_map["lyapunov_exponent_per_time_constant"][:] = np.nan
    phase_map["spike_damage"][:] = np.nan
    with pytest.raises(DatasetError, match=r"set observables\.chaos to true"):
        phase_figures.plot_phases(phase_map)
