"""What stands in each panel of the overview, from made-up numbers."""

import json

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from drawn_cells import drawn_cells
from tiny_sweep import with_all_variables

from eiphase.errors import DatasetError
from eiphase.figures import has_overview, panels, save
from eiphase.figures.overview import plot_overview
from eiphase.flags import Crossing, Fate, Phase, Quality
from eiphase.jobs.datasets import netcdf
from eiphase.variables import NOT_APPLICABLE

mpl.use("agg")
G = [4.0, 4.5, 5.0]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def phase_map(phase_map_file):
    """Three backends with borders: rate 3, 4, 5; LIF 2, 2.5, 3; integers 2.2, 2.5, none."""
    two = with_all_variables(xr.load_dataset(phase_map_file))
    alone = two.sel(backend=["lif_float"]).assign_coords(backend=["lif_bit_accurate"])
    found = xr.concat([two, alone], "backend", data_vars="minimal")
    found = found.drop_encoding()
    config = json.loads(two.attrs["sweep_config"]) | {"backends": found.backend.values.tolist()}
    found.attrs["sweep_config"] = json.dumps(config)
    found.current_wraps[:] = found.centring_bias[:] = 0
    found.weight_strength[:] = 1
    found["phase"][:] = Phase.CHAOS
    for backend, borders in {
        "rate": [3, 4, 5], "lif_float": [2, 2.5, 3], "lif_bit_accurate": [2.2, 2.5, np.nan],
    }.items():  # fmt: skip
        for seed in found.seed.values:
            found.measured_critical_q.loc[{"backend": backend, "seed": seed}] = borders
    found["measured_critical_q_flag"][:] = Crossing.RISE
    found["theory_critical_q"][:] = [3.5, 4.5, 5.5]
    found["theory_lyapunov_exponent"][:] = [[np.nan] * 3, [0.2, 0.3, 0.4]]
    found.network_critical_q.loc[{"seed": 1}] = [3.2, 4.2, 5.2]
    found.network_critical_q.loc[{"seed": 2}] = [3.4, 4.4, 5.4]
    return found


@pytest.fixture
def divergence(phase_map):
    """Damage grows as time times 0.01, 0.02 and 0.03; bits heal."""
    places, backends = ["below", "at", "above"], ["lif_float", "lif_bit_accurate"]
    shape, time = (3, 2, 2, 2), np.array([13.0, 38.0, 63.0])
    damage = np.zeros((*shape, 3))
    damage[:, :, :, 0] = np.array([0.01, 0.02, 0.03])[:, None, None, None] * time
    damage[:, 0, :, 1] = np.nan
    fate = np.full(shape, Fate.SPREAD, "i1")
    fate[:, :, :, 1] = Fate.HEALED
    fate[:, 0, :, 1] = NOT_APPLICABLE
    dims = ("place", "backend", "seed", "cause")
    return xr.Dataset(
        {
            "damage": ((*dims, "step"), damage),
            "fate": (dims, fate),
            "trials": (dims, np.full(shape, 7.0)),
        },
        coords={
            "place": places, "backend": backends, "seed": [1, 2], "cause": ["spike", "bit"],
            "step": time, "q_factor": ("place", [1.5, 2.5, 5.0]), "g_factor": 4.5,
        },
        attrs={"sweep_digest": phase_map.attrs["sweep_digest"]},
    )  # fmt: skip


def axes_of(figure):
    """Panels by their letter."""
    return {axis.get_title("left")[0]: axis for axis in figure.axes if axis.get_title("left")}


def lines_of(axis, style):
    return [line.get_xydata().tolist() for line in axis.lines if line.get_linestyle() == style]


def texts(axis):
    return [text.get_text() for text in axis.texts]


def test_a_fourth_backend_has_a_panel_too(phase_map, divergence, monkeypatch):
    monkeypatch.setitem(panels.BACKEND_TITLES, "fourth", "Fourth")
    axes = axes_of(plot_overview(phase_map, divergence))
    assert sorted(axes) == list("abcdefghij")
    assert axes["d"].get_title("left") == "d  Fourth"
    assert texts(axes["d"]) == ["not in this sweep"]


def test_maps_have_measured_border_theory_and_spectra(phase_map, divergence):
    axes = axes_of(plot_overview(phase_map, divergence))
    for letter, backend in zip("abc", panels.BACKEND_TITLES, strict=True):
        seeds = phase_map.measured_critical_q.sel(backend=backend)
        *single, mean = lines_of(axes[letter], "-")
        np.testing.assert_array_equal(mean, np.column_stack([G, seeds.mean("seed")]))
        for line, seed in zip(single, seeds.seed, strict=True):
            np.testing.assert_array_equal(line, np.column_stack([G, seeds.sel(seed=seed)]))
        assert lines_of(axes[letter], "--") == [[[4.0, 3.5], [4.5, 4.5], [5.0, 5.5]]]
        assert len(list(drawn_cells(axes[letter]))) == 6
    (spectra,) = lines_of(axes["a"], "-.")
    np.testing.assert_allclose(spectra, np.column_stack([G, [3.3, 4.3, 5.3]]))
    assert not lines_of(axes["b"], "-.")


def test_integers_are_shown_beside_floating_point(phase_map, divergence):
    there = {"backend": "lif_bit_accurate"}
    phase_map.c0.loc[there] = 2 * phase_map.c0.sel(backend="lif_float")
    phase_map.c0.loc[there | {"q_factor": 1.0, "g_factor": 4.0}] = np.nan
    phase_map.phase.loc[there | {"q_factor": 6.0, "g_factor": 5.0}] = Phase.BROKEN
    axis = axes_of(plot_overview(phase_map, divergence))["d"]
    ratio = np.ma.filled(axis.collections[0].get_array(), np.nan).reshape(2, 3)
    np.testing.assert_array_equal(ratio, [[np.nan, 2, 2], [2, 2, 2]])
    covered = {(g, patch.get_hatch()) for g, _, patch in drawn_cells(axis)}
    assert covered == {(4.0, ""), (5.0, "xxxx")}
    means = {line.get_color(): line.get_ydata() for line in axis.lines if line.get_marker() == "."}
    for backend, border in {
        "lif_float": [2, 2.5, 3],
        "lif_bit_accurate": [2.2, 2.5, np.nan],
    }.items():
        np.testing.assert_array_equal(means[panels.BACKEND_COLOURS[backend]], border)
    title = axis.get_title("left").partition("\n")
    assert title[0] == "d  Colour: c(0), integers / floating point;"
    assert title[2] == (
        "integers move borders by +0.0 to +10.0 %,\nthe range of 4 pairs, interpolated on this grid"
    )


def test_how_far_integers_move_borders_is_the_range_of_single_networks(phase_map, divergence):
    """Seed 2 alone has a lower border in integers; its mean with seed 1 is higher by 2.5 %."""
    where = {"backend": "lif_bit_accurate", "g_factor": 4.0, "seed": 2}
    phase_map.measured_critical_q.loc[where] = 1.9
    title = axes_of(plot_overview(phase_map, divergence))["d"].get_title("left")
    assert "borders by −5.0 to +10.0 %" in title
    phase_map["refined_q"][:] = phase_map.measured_critical_q
    title = axes_of(plot_overview(phase_map, divergence))["d"].get_title("left")
    assert title.endswith("of 4 pairs, refined")


@pytest.fixture
def doubled(phase_map):
    """Integers have twice the c(0), but half of it in one network."""
    real = phase_map.c0.sel(backend="lif_float")
    phase_map.c0.loc[{"backend": "lif_bit_accurate"}] = 2 * real
    where = {"q_factor": 6.0, "g_factor": 4.5, "seed": 1}
    phase_map.c0.loc[{"backend": "lif_bit_accurate"} | where] = real.sel(where) / 2
    return phase_map


def test_seeds_that_disagree_on_the_ratio_are_in_doubt(doubled, divergence):
    figure = plot_overview(doubled, divergence)
    axis = axes_of(figure)["d"]
    marked = [(g, q) for g, q, patch in drawn_cells(axis) if patch.get_hatch() == "..."]
    assert marked == [(4.5, pytest.approx(6.0))]
    assert "in doubt: seeds disagree on which c(0) is larger" in legends_of(figure)
    ratio = np.ma.getdata(axis.collections[0].get_array()).reshape(2, 3)
    np.testing.assert_allclose(ratio, [[2, 2, 2], [2, 1, 2]])  # not 1.25, the arithmetic mean


def test_the_ratio_is_in_doubt_where_either_c0_is(doubled, divergence):
    for backend, g in (("lif_float", 4.0), ("lif_bit_accurate", 5.0)):
        doubled.quality.loc[{"backend": backend, "g_factor": g, "q_factor": 1.0}] = Quality.SHORT
    doubled.quality.loc[{"backend": "rate"}] = Quality.SHORT
    axis = axes_of(plot_overview(doubled, divergence))["d"]
    marked = {(g, round(q)) for g, q, patch in drawn_cells(axis) if patch.get_hatch() == "..."}
    assert marked == {(4.5, 6), (4.0, 1), (5.0, 1)}


def test_a_plus_is_where_c0_differs_by_more_than_two_errors_on_every_seed(doubled, divergence):
    """Errors of a and b: the root of their squares' sum; one seed is less far off at g = 5."""
    doubled["c0_error"] = doubled.c0.sel(backend="lif_float") * xr.ones_like(doubled.c0) / 2.9
    doubled.c0_error.loc[{"q_factor": 1.0, "g_factor": 5.0, "seed": 2}] *= 1.1
    doubled.c0_error.loc[{"q_factor": 1.0, "g_factor": 4.0, "seed": 2}] = np.nan
    figure = plot_overview(doubled, divergence)
    assert "c(0) differs by more than two errors on every seed" in legends_of(figure)
    axis = axes_of(figure)["d"]
    (pluses,) = (line.get_xydata().tolist() for line in axis.lines if line.get_marker() == "+")
    assert pluses == [[4.5, 1.0], [4.0, 6.0], [5.0, 6.0]]


def legends_of(figure):
    parts = [part for part in figure.subfigs if part.legends]
    return [t.get_text().replace("\n", " ") for part in parts for t in part.legends[0].get_texts()]


def test_what_stands_on_the_cuts_is_in_the_legend(phase_map, divergence):
    figure = plot_overview(phase_map, divergence)
    axes = axes_of(figure)
    assert not any(axes[letter].get_legend() for letter in "def")
    legend = legends_of(figure)
    for text in (
        "border: mean over seeds",
        "exponents between -1 and 1: linear, logarithmic beyond",
        "damage by one extra spike",
    ):
        assert text in legend
    (band,) = axes["e"].patches
    assert band.get_bbox().intervaly.tolist() == [-1, 1]


@pytest.mark.parametrize(
    ("letter", "name", "backends"),
    [
        ("e", "lyapunov_exponent_per_time_constant", ["rate", "lif_float"]),
        ("f", "spike_damage", ["lif_float", "lif_bit_accurate"]),
    ],
)
def test_a_cut_has_median_range_and_border(phase_map, divergence, letter, name, backends):
    axis = axes_of(plot_overview(phase_map, divergence))[letter]
    curves = [line for line in axis.lines if line.get_marker() == "." and line.get_ls() == "-"]
    thin = [line for line in axis.lines if line.get_linewidth() < 1.5 and line.get_ls() == "-"]
    thin = [line for line in thin if len(line.get_xdata()) == 2 and line.get_color() != "0.4"]
    for i, (curve, backend) in enumerate(zip(curves, backends, strict=True)):
        seeds = phase_map[name].sel(backend=backend, g_factor=4.5)
        np.testing.assert_array_equal(curve.get_ydata(), seeds.median("seed"))
        single = [line.get_ydata() for line in thin[2 * i : 2 * i + 2]]
        np.testing.assert_array_equal(single, seeds.transpose("seed", "q_factor"))
    if letter == "f":  # integers lie on floating point, which stays visible
        assert curves[0].get_linewidth() > 1.5 * curves[1].get_linewidth()
    assert [curve.get_color() for curve in curves] == [panels.BACKEND_COLOURS[b] for b in backends]
    triangles = [line for line in axis.lines if line.get_marker() == "^"]
    borders = {"rate": 4.0, "lif_float": 2.5, "lif_bit_accurate": 2.5}
    assert {line.get_xdata()[0] for line in triangles} == {borders[b] for b in backends}
    assert "g_factor 4.5" in axis.get_title("left")


def test_exponents_have_theory_beside_them(phase_map, divergence):
    axis = axes_of(plot_overview(phase_map, divergence))["e"]
    np.testing.assert_array_equal(lines_of(axis, "--"), [[[1.0, np.nan], [6.0, 0.3]]])
    assert axis.get_yscale() == "symlog"


def test_damage_is_drawn_over_time_at_each_place(phase_map, divergence):
    axes = axes_of(plot_overview(phase_map, divergence))
    for letter, slope, q in (("g", 0.01, "1.5"), ("h", 0.02, "2.5"), ("i", 0.03, "5")):
        curves = [line for line in axes[letter].lines if len(line.get_xdata()) == 3]
        spikes = [line for line in curves if line.get_linestyle() == "-"]
        assert len(spikes) == 4  # two backends, two seeds
        for line in spikes:
            np.testing.assert_allclose(line.get_ydata(), slope * np.array([13, 38, 63]))
        assert axes[letter].get_title("left").endswith(f"\nq_factor {q}, g_factor 4.5")
        assert (
            axes[letter]
            .get_xlabel()
            .endswith("flipped bits that heal:\n14 of 14, and none changes a spike")
        )
        assert axes[letter].get_yscale() == "log"


def test_a_bit_that_changes_a_spike_is_drawn(phase_map, divergence):
    where = {"place": "at", "backend": "lif_bit_accurate", "cause": "bit", "seed": 2}
    divergence.damage.loc[where] = [0.0, 0.1, 0.2]
    axis = axes_of(plot_overview(phase_map, divergence))["h"]
    assert "heal" not in axis.get_xlabel()
    drawn = [line.get_ydata() for line in axis.lines if line.get_linestyle() == ":"]
    np.testing.assert_array_equal(drawn[-1], [np.nan, 0.1, 0.2])


def test_a_broken_mapping_is_said_in_its_panel(phase_map, divergence):
    where = {"place": "below", "backend": "lif_bit_accurate", "cause": "spike"}
    divergence.damage.loc[where] = np.nan
    divergence.fate.loc[where] = Fate.BROKEN
    axes = axes_of(plot_overview(phase_map, divergence))
    assert "broken mapping" in texts(axes["g"])
    assert "broken mapping" not in texts(axes["h"])


def test_what_a_sweep_lacks_is_said(phase_map, divergence, tmp_path):
    phase_map = phase_map.sel(backend=["lif_float"])
    phase_map.measured_critical_q[:] = np.nan
    figure = plot_overview(phase_map, divergence.isel(place=[]).sel(backend=["lif_float"]))
    axes = axes_of(figure)
    assert texts(axes["a"]) == texts(axes["c"]) == ["not in this sweep"]
    assert axes["b"].get_title("left").endswith("no border in range")
    assert texts(axes["d"]) == ["needs lif_float\nand lif_bit_accurate"]
    for letter in "ghi":
        assert texts(axes[letter]) == ["no border in the sweep's range"]
    figure.savefig(tmp_path / "overview.png")


def test_two_sweeps_are_not_mixed(phase_map, divergence):
    with pytest.raises(DatasetError, match="not of the same sweep"):
        plot_overview(phase_map, divergence.assign_attrs(sweep_digest="another"))


def test_a_sweep_without_chaos_has_no_overview(phase_map, divergence):
    phase_map["lyapunov_exponent_per_time_constant"][:] = np.nan
    phase_map["spike_damage"][:] = np.nan
    with pytest.raises(DatasetError, match=r"set observables\.chaos to true"):
        plot_overview(phase_map, divergence)
    assert has_overview(["rate", "lif_float"], chaos=True)
    assert not has_overview(["rate", "lif_float"], chaos=False)
    assert not has_overview(["rate"], chaos=True)


def test_draw_overview_writes_what_it_is_asked_for(phase_map, divergence, tmp_path):
    netcdf.write(phase_map, tmp_path / "phase_map.nc")
    netcdf.write(divergence, tmp_path / "divergence.nc")
    outputs = [tmp_path / "overview.png", tmp_path / "overview.pdf"]
    save.draw_overview(tmp_path / "phase_map.nc", tmp_path / "divergence.nc", outputs)
    assert outputs[0].read_bytes().startswith(b"\x89PNG")
    assert outputs[1].read_bytes().startswith(b"%PDF")
    with pytest.raises(DatasetError, match="is no damage against time: it has no damage"):
        save.draw_overview(tmp_path / "phase_map.nc", tmp_path / "phase_map.nc", outputs)
