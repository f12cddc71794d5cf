"""Figures of a phase map dataset."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from textwrap import wrap
from typing import Any

import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from eiphase.backends import BACKENDS, integers_first, mapped
from eiphase.errors import DatasetError, short
from eiphase.figures import panels, phases
from eiphase.flags import Flag, Phase

# Cells without a number on any seed, by the flag that most seeds have, with the looks of phases.
FLAGGED: dict[int, tuple[str, str, str]] = {
    panels.AVERAGED: ("white", "", "no number on any seed"),
    Flag.CENSORED: ("black", "", "decay time beyond the largest lag"),
    Flag.TRANSIENT: ("white", "", "not stationary: needs longer burn-in or run"),
    Flag.UNDEFINED: (*phases.LOOKS[Phase.FIXED_POINT][:2], "settles: fluctuations vanish"),
    Flag.SATURATED: (
        *phases.LOOKS[Phase.SATURATED][:2], "saturated: neurons silent or always firing"
    ),
    Flag.BROKEN: (
        *phases.LOOKS[Phase.BROKEN][:2], "broken: not finite, or no such network in integers"
    ),
}  # fmt: skip
FLUCTUATIONS = ("c0", "decay_time")
_HIDDEN = 0.01  # curves of c(lag) / c(0) that are closer lie under each other's line


@panels.in_our_look
def plot_phase_maps(dataset: xr.Dataset) -> Figure:
    """Phases over g_factor and q_factor, a panel per backend, with the borders between them.

    Colour is the phase of most seeds; phases that tie share a cell. Of a sweep that did not
    measure chaos, and of an average over seeds, these are maps of c(0) and decay time, see
    `plot_fluctuations`.
    `dataset` is a phase map, or any selection from one (`.sel`, `.where`) that keeps
    backend, q_factor and g_factor; seeds may be averaged (`.mean("seed")`).

    Raises `DatasetError`, one sentence, if it is something else, as all plots do.
    """
    if not phases.are_there(dataset):
        return plot_fluctuations(dataset)
    dataset = phases.checked(dataset)
    figure, axes = panels.panels(1, dataset.backend.size)
    return panels.finish(figure, axes, dataset, phases.draw_row(axes[0], dataset))


@panels.in_our_look
def plot_fluctuations(dataset: xr.Dataset) -> Figure:
    """Maps of c(0) and decay time over g_factor and q_factor, on logarithmic scales.

    One column per backend. Colour is the median over the seeds that have a number, and backends
    whose numbers have the same unit share a scale. Cells without a number look as the legend
    says; the outlined region asks for caution.
    """
    dataset = checked(dataset)
    figure, axes = panels.panels(2, dataset.backend.size)
    legend: dict[str, Patch | Line2D] = {}
    columns = dict(zip(dataset.backend.values.tolist(), axes.T, strict=True))
    for backends in _by_unit(columns):
        label = panels.C0_LABELS[BACKENDS[backends[0]].spiking]
        norm = panels.log_norm(dataset.c0.sel(backend=backends))
        upper = [columns[backend][0] for backend in backends]
        _map_of(figure, upper, dataset.sel(backend=backends), "c0", norm, label, legend)
    scale = panels.log_norm(dataset.decay_time)
    _map_of(figure, axes[1], dataset, "decay_time", scale, panels.DECAY_LABEL, legend)
    doubts = [doubt_of(dataset, name) for name in FLUCTUATIONS]
    for backend, column in columns.items():
        column[0].set_title(panels.BACKEND_TITLES[backend])
        for axis, doubt in zip(column, doubts, strict=True):
            doubt.draw(axis, backend, legend)
            panels.draw_limit(axis, dataset.sel(backend=backend), legend)
    return panels.finish(figure, axes, dataset, legend)


def checked(dataset: xr.Dataset) -> xr.Dataset:
    """`panels.checked`, with all that maps of fluctuations need."""
    flags = [f"{name}_flag" for name in FLUCTUATIONS]
    return panels.checked(dataset, *FLUCTUATIONS, *flags, *panels.IN_DOUBT)


def doubt_of(dataset: xr.Dataset, name: str) -> panels.Doubt:
    """Where one of the `FLUCTUATIONS` is in doubt, of a dataset that `checked` returned."""
    ok = dataset[f"{name}_flag"] == Flag.OK
    partly = ok.any("seed") & (~ok & panels.are_simulated(dataset)).any("seed")
    return panels.doubt_of_numbers(dataset, partly, "seeds disagree on whether there is a number")


def _by_unit(backends: Iterable[str]) -> list[list[str]]:
    """Backends whose c(0) has the same unit, in the order given."""
    by_unit: dict[bool, list[str]] = {}
    for backend in backends:
        by_unit.setdefault(BACKENDS[backend].spiking, []).append(backend)
    return list(by_unit.values())


def _map_of(
    figure: Figure, axes: Sequence[Axes], dataset: xr.Dataset, name: str, norm: Normalize,
    label: str, legend: dict,
) -> None:  # fmt: skip
    """Maps of one variable, a backend in each of the axes, with the colour bar that they share."""
    for axis, backend in zip(axes, dataset.backend.values, strict=True):
        one = dataset.sel(backend=backend)
        image = panels.draw_map(axis, one[name], norm)
        _fill_flagged(axis, one, name, legend)
    panels.log_bar(figure, image, list(axes), label)


# Ratios, on a scale around 1, which is ideal, or a border.
_RATIOS = {"weight_scale", "weight_strength", "effective_coupling"}


@panels.in_our_look
def plot_mapping(dataset: xr.Dataset) -> Figure:
    """How the mappings from rate to LIF neurons and from there to integers went.

    Weight scale, effective coupling, weights clipped, bits used, voltages clipped: medians over
    seeds, of the backend in integers, if there is one. What has one value in all networks is said
    in the title, and has no map. Ratios have a scale around 1. Where the mapping failed, and where
    it is at its limit, looks as in maps of phases.
    """
    maps = {
        "weight_scale": "LIF weights / rate weights",
        "effective_coupling": "effective coupling R",
        "weight_strength": "integer / float weight strength",
        "clipped_weight_fraction": "fraction of weights clipped",
        "weight_bits": "weight bits used, of 8",
        "voltage_clips": "voltages clipped (neurons x steps)",
    }
    dataset = panels.checked(dataset, *maps, *panels.IN_DOUBT)
    names = integers_first(mapped(dataset.backend.values.tolist()))
    if not names:
        raise DatasetError("The backends of this phase map have no mapping to draw.")
    one = dataset.sel(backend=names[0])
    said = {name: text for name in maps if (text := _instead_of_map(one[name]))}
    drawn = [name for name in maps if name not in said] or ["weight_scale"]
    n_columns = 2 if len(drawn) == 4 else min(3, len(drawn))
    figure, axes = panels.panels(-(-len(drawn) // n_columns), n_columns)
    legend: dict[str, Patch | Line2D] = {}
    doubt = panels.doubt_of_mapping(dataset)
    for axis, name in zip(axes.flat, drawn, strict=False):
        axis.set_title(maps[name], fontsize="medium")
        _draw_mapping(figure, axis, one[name])
        panels.draw_gaps(axis, one, legend)
        doubt.draw(axis, names[0], legend)
        panels.draw_limit(axis, one, legend)
    panels.finish(figure, axes, dataset, legend)
    for axis in axes.flat[len(drawn) :]:
        axis.remove()
    words = "; ".join(
        f"{text}: " + ", ".join(maps[name] for name in said if said[name] == text)
        for text in dict.fromkeys(said.values())
    )
    title = "\n".join([panels.subtitle(dataset), *wrap(words, 40 * n_columns)])
    figure.suptitle(title, fontsize="medium")
    return figure


def _instead_of_map(values: xr.DataArray) -> str:
    """What is said of a quantity that has one value, to two digits, in all networks, or none."""
    if values.isnull().all():
        return "not known" if values.name == "effective_coupling" else "in integers only"
    low, high = (f"{float(end):.2g}" for end in (values.min(), values.max()))
    return f"{low} in every network" if low == high else ""


def _draw_mapping(figure: Figure, axis: Axes, values: xr.DataArray) -> None:
    if values.name in _RATIOS:
        norm = panels.norm_around_one(values.median("seed"))
        panels.log_bar(figure, panels.draw_map(axis, values, norm, panels.RATIO_COLOURS), axis)
    else:
        image = panels.draw_map(axis, values, panels.norm_from_zero(values))
        figure.colorbar(image, ax=axis)


@panels.in_our_look
def plot_autocovariance(dataset: xr.Dataset) -> Figure:
    """Autocorrelation c(lag) / c(0) at a low, a middle and a high q_factor, at the middle g_factor.

    Thin lines are seeds, thick ones their mean. Networks whose c(0) is flagged have no
    curve: the legend says how many seeds have one, and at which q_factor there is none. Of an
    average over seeds, curves are the mean c(lag) over the mean c(0) of all seeds.
    """
    dataset = panels.checked(dataset, "autocovariance", "c0")
    if "lag" not in dataset.dims:
        raise DatasetError("The selection has one lag or none, but curves go along lag.")
    averaged = panels.is_averaged(dataset)
    if averaged and 0 not in dataset.lag:
        raise DatasetError("The selection, averaged over seeds, has no lag 0 to divide by.")
    dataset = dataset.sortby(["q_factor", "g_factor"])
    g = dataset.g_factor.values[dataset.g_factor.size // 2]
    n_q = dataset.q_factor.size
    chosen = dataset.q_factor.values[sorted({n_q // 4, n_q // 2, n_q - 1})]
    colours = sns.color_palette("rocket_r", len(chosen) + 1)[1:]
    n_backends = dataset.backend.size
    figure, axes = panels.subplots(1, n_backends, 3.4 * n_backends + 0.4, 3.6, share=True)
    for axis, backend in zip(axes[0], dataset.backend.values, strict=True):
        means: dict[float, xr.DataArray] = {}
        for q, colour in zip(chosen, colours, strict=True):
            point = dataset.sel(backend=backend, q_factor=q, g_factor=g)
            there = point.c0.notnull()
            if not there.any():
                continue
            c0 = point.autocovariance.sel(lag=0).where(there) if averaged else point.c0
            curves = (point.autocovariance / c0).transpose("lag", "seed")
            n_seeds = int(there.sum())
            seeds = f": {n_seeds} of {point.seed.size} seeds fluctuate" if not averaged else ""
            label = f"q_factor {q:g}{seeds}"
            axis.plot(dataset.lag, curves, color=colour, linewidth=0.6, alpha=0.6)
            means[q] = curves.mean("seed")
            axis.plot(dataset.lag, means[q], color=colour, linewidth=2, label=label)
        _say_which_are_hidden(axis, means)
        axis.axhline(1 / np.e, color="0.5", linewidth=0.8)
        axis.set(title=panels.BACKEND_TITLES[str(backend)], xlabel="lag (steps)")
        without = ", ".join(f"{q:g}" for q in chosen if q not in means)
        title = f"no curve at q_factor {without}:\nno seed fluctuates" if without else None
        handles, _ = axis.get_legend_handles_labels()
        axis.legend(
            handles=handles, title=title, frameon=False, fontsize="small", title_fontsize="small"
        )
        sns.despine(ax=axis)
    axes[0, 0].set_ylabel("autocorrelation c(lag) / c(0)")
    axes[0, 0].text(dataset.lag[-1], 1 / np.e, "1/e", color="0.5", ha="right", va="bottom")
    axes[0, 0].set(xlim=(0, dataset.lag[-1]), ylim=(min(0, axes[0, 0].get_ylim()[0]), 1.05))
    widths = {"each seed": 0.6, "mean over seeds": 2.0} if dataset.seed.size > 1 else {}
    panels.explain(figure, {text: Line2D([], [], color="0.4", linewidth=width, label=text)
                            for text, width in widths.items()})  # fmt: skip
    figure.suptitle(f"{panels.subtitle(dataset)}, g_factor {g:g}", fontsize="medium")
    return figure


def _say_which_are_hidden(axis: Axes, means: Mapping[float, xr.DataArray]) -> None:
    """Add to a curve's words which later one covers it: that of the same network, for example."""
    lines = [line for line in axis.lines if not str(line.get_label()).startswith("_")]
    for i, (line, mean) in enumerate(zip(lines, means.values(), strict=True)):
        covering = [
            q for q, other in [*means.items()][i + 1 :] if abs(mean - other).max() < _HIDDEN
        ]
        if covering:
            line.set_label(f"{line.get_label()},\nunder the curve of {covering[0]:g}")


@panels.in_our_look
def plot_cut(dataset: xr.Dataset, g_factor: float | None = None) -> Figure:
    """c(0) and decay time over q_factor at one g_factor, in each backend's colour.

    Thin lines are single seeds, whose bars are their standard errors and whose crosses are numbers
    without an error; thick lines are medians over the seeds that have a number, of two seeds means.
    Rings: some seeds are flagged; nothing: all are. Shaded: LIF neurons are one network, at their
    strongest coupling. `g_factor` is the nearest there is to the one given, which must be within
    the map, or the middle one.
    """
    errors = [f"{name}_error" for name in FLUCTUATIONS]
    dataset = panels.checked(dataset, *FLUCTUATIONS, *errors, *panels.IN_DOUBT)
    dataset = dataset.sortby(["q_factor", "g_factor"])
    if g_factor is None:
        g_factor = float(dataset.g_factor[dataset.g_factor.size // 2])
    if not isinstance(g_factor, Real):
        raise DatasetError(f"g_factor is {short(g_factor)}, but must be a number.")
    if not dataset.g_factor.min() <= g_factor <= dataset.g_factor.max():
        low, high = float(dataset.g_factor.min()), float(dataset.g_factor.max())
        raise DatasetError(
            f"g_factor is {g_factor}, but the phase map reaches from {low:g} to {high:g}."
        )
    cut = dataset.sel(g_factor=g_factor, method="nearest")
    rows = [("c0", backends) for backends in _by_unit(cut.backend.values.tolist())]
    rows += [("decay_time", cut.backend.values.tolist())]
    figure = panels.page(7, 2.4 * len(rows) + 1.2)
    axes = figure.subplots(len(rows), 1, sharex=True)
    legend = panels.colours_of(cut.backend.values.tolist())
    for axis, (name, backends) in zip(axes, rows, strict=True):
        for backend in backends:
            _draw_cut(axis, cut.sel(backend=backend), name, legend)
        _shade_limit(axis, cut.sel(backend=backends), legend)
        label = panels.C0_LABELS[BACKENDS[backends[0]].spiking]
        logarithmic = name == "c0" and bool((cut.c0.sel(backend=backends) > 0).any())
        axis.set(
            ylabel=label if name == "c0" else panels.DECAY_LABEL,
            yscale="log" if logarithmic else "linear",
        )
        sns.despine(ax=axis)
    axes[-1].set_xlabel("q_factor (recurrent gain)")
    panels.explain(figure, legend)
    figure.suptitle(
        f"{panels.subtitle(dataset)}, g_factor {float(cut.g_factor):g}", fontsize="medium"
    )
    return figure


def _draw_cut(axis: Axes, one: xr.Dataset, name: str, legend: dict) -> None:
    """One backend: each seed with its bars, and the median over seeds."""
    backend, n_seeds = str(one.backend.values), one.sizes["seed"]
    colour, breadth = panels.BACKEND_COLOURS[backend], panels.BREADTH[backend]
    thin, thick = (0.6, 2.0) if n_seeds > 1 else (2.0, 0.0)
    for seed in range(n_seeds):
        values, error = (one[of].isel(seed=seed) for of in (name, f"{name}_error"))
        # A bar must not reach below zero, which a logarithmic axis lacks.
        bars = np.stack([np.minimum(error, 0.9 * values), error])
        axis.errorbar(
            one.q_factor, values, bars, color=colour, linewidth=thin * breadth,
            elinewidth=1.2 * breadth, capsize=2 * breadth,
        )  # fmt: skip
        unsure = values.where(error.isnull())
        if unsure.notnull().any():
            axis.plot(one.q_factor, unsure, "x", color=colour, markersize=5 * breadth)
            _explain(legend, "each seed's value without an error", marker="x")
    _explain(legend, "each seed's standard error", marker="|", markersize=10)
    if n_seeds == 1:
        return
    values = one[name].transpose("q_factor", "seed")
    median, whole = values.median("seed"), values.notnull().all("seed")
    axis.plot(one.q_factor, median, color=colour, linewidth=thick * breadth)
    _explain(legend, "each seed", linestyle="-", linewidth=thin)
    over = "mean" if n_seeds == 2 else "median"
    _explain(legend, f"{over} over seeds", linestyle="-", linewidth=thick, marker="o", markersize=4)
    axis.plot(one.q_factor, median.where(whole), "o", color=colour, markersize=4 * breadth)
    if (some := median.where(~whole)).notnull().any():
        ring: dict[str, Any] = {"marker": "o", "markerfacecolor": "white"}
        axis.plot(one.q_factor, some, color=colour, linestyle="", markersize=5 * breadth, **ring)
        _explain(legend, "some seeds have no number", **ring)


def _shade_limit(axis: Axes, some: xr.Dataset, legend: dict) -> None:
    """Shade where LIF neurons are at their limit, up to halfway to the next q_factor."""
    limited = panels.at_limit(some).any("backend").values
    if limited.any():
        sides = panels.edges(some.q_factor.values)
        look: dict[str, Any] = {"color": "0.9", "linewidth": 0}
        for left, right in zip(sides[:-1][limited], sides[1:][limited], strict=True):
            axis.axvspan(left, right, zorder=0, **look)
        text = "LIF neurons of all seeds at their strongest coupling: one network for each seed"
        legend[text] = Patch(label=text, **look)


def _explain(legend: dict, text: str, **look: Any) -> None:
    legend[text] = Line2D([], [], label=text, color="0.4", **{"linestyle": "", **look})


def _fill_flagged(axis: Axes, one: xr.Dataset, name: str, legend: dict) -> None:
    flags, simulated = one[f"{name}_flag"], panels.are_simulated(one).any("seed")
    panels.draw_gaps(axis, one, legend)
    ok = (flags == Flag.OK).any("seed") | ~simulated
    counts = xr.concat([(flags == flag).sum("seed") for flag in FLAGGED], "flag")
    commonest = counts.argmax("flag")
    for number, style in enumerate(FLAGGED.values()):
        panels.fill(axis, ~ok & (commonest == number), style, legend)
