"""Figures of a phase map dataset."""

from numbers import Real
from typing import Any

import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from eiphase.backends import integers_first, mapped
from eiphase.errors import DatasetError
from eiphase.figures import panels
from eiphase.flags import Flag, ScaleStatus

# Cells without a number on any seed, by the flag that most seeds have: colour, hatch, text.
_FLAGGED: dict[int, tuple[str, str, str]] = {
    panels.AVERAGED: ("0.88", "..", "no number on any seed"),
    Flag.CENSORED: ("0.65", "...", "decay time beyond the largest lag"),
    Flag.TRANSIENT: ("white", "---", "not stationary: needs longer burn-in or run"),
    Flag.UNDEFINED: ("0.88", "", "settles: fluctuations vanish"),
    Flag.SATURATED: ("0.75", "xx", "saturated: neurons silent or always firing"),
    Flag.BROKEN: ("white", "xxxx", "broken: not finite, or no such network in integers"),
}
_PARTLY = ("none", "////", "flagged on some seeds; colour: median of the others")
_UNSOLVED = ("none", "////", "the solver found no weight scale")
_SHORT = "run too short: c(0) low by over 10 %"


@panels.in_our_look
def plot_phase_maps(dataset: xr.Dataset) -> Figure:
    """Maps of c(0), on a log scale, and decay time over g_factor and q_factor.

    One column per backend, one colour scale per row. Colour is the median over the seeds
    that have a number; cells without, or with a mapping in doubt, are marked as the legend
    says. `dataset` is a phase map, or any selection from one (`.sel`, `.where`) that keeps
    backend, q_factor and g_factor; seeds may be averaged (`.mean("seed")`).

    Raises `DatasetError`, one sentence, if it is something else, as all plots do.
    """
    dataset = panels.checked(
        dataset, "c0", "c0_flag", "decay_time", "decay_time_flag", "centring_bias",
        "weight_scale_status", "weight_strength", "current_wraps",
    )  # fmt: skip
    doubtful = panels.doubtful(dataset)
    figure, axes = panels.panels(2, dataset.backend.size)
    legend: dict[str, Patch | Line2D] = {}
    for row, (name, label) in enumerate(
        [("c0", "autocovariance at lag 0, c(0)"), ("decay_time", "decay time (steps)")]
    ):
        norm = (
            panels.log_norm(dataset[name]) if name == "c0" else panels.norm_from_zero(dataset[name])
        )
        for axis, backend in zip(axes[row], dataset.backend.values, strict=True):
            one = dataset.sel(backend=backend)
            image = panels.draw_map(axis, one[name], norm)
            _mark_flags(axis, one[f"{name}_flag"], legend)
            panels.mark(axis, doubtful.sel(backend=backend), "o", panels.DOUBTFUL, legend)
            panels.mark(axis, one.centring_bias.median("seed") > 0.1, "_", _SHORT, legend)
            axis.set_title(panels.BACKEND_TITLES[str(backend)] if row == 0 else "")
        figure.colorbar(image, ax=list(axes[row]), label=label)
    return panels.finish(figure, axes, dataset, legend)


@panels.in_our_look
def plot_mapping(dataset: xr.Dataset) -> Figure:
    """How the mappings from rate to LIF neurons and from there to integers went.

    Weight scale and whether it is a solution, weights clipped, bits used, voltages
    clipped: medians over seeds, of the backend in integers, if there is one.
    """
    maps = {
        "weight_scale": "LIF weights / rate weights",
        "clipped_weight_fraction": "fraction of weights clipped",
        "weight_bits": "weight bits used, of 8",
        "weight_strength": "integer / float weight strength",
        "voltage_clips": "voltages clipped (neurons x steps)",
    }
    dataset = panels.checked(dataset, *maps, "weight_scale_status")
    names = integers_first(mapped(dataset.backend.values.tolist()))
    if not names:
        raise DatasetError("The backends of this phase map have no mapping to draw.")
    one = dataset.sel(backend=names[0])
    figure, axes = panels.panels(1, 5, width=3.4)
    legend: dict[str, Patch | Line2D] = {}
    for axis, (name, label) in zip(axes[0], maps.items(), strict=True):
        log = name == "weight_scale"
        norm = panels.log_norm(one[name]) if log else panels.norm_from_zero(one[name])
        bar = figure.colorbar(panels.draw_map(axis, one[name], norm), ax=axis)
        if log:
            bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            bar.ax.yaxis.set_major_formatter(ScalarFormatter())
            bar.ax.yaxis.set_minor_formatter(NullFormatter())
        axis.set_title(label, fontsize="medium")
        if one[name].isnull().all():
            axis.text(0.5, 0.5, "in integers only", transform=axis.transAxes, ha="center")
    solved = one.weight_scale_status.isin([ScaleStatus.SOLVED, ScaleStatus.IDENTITY])
    panels.hatch(axes[0, 0], ~solved.all("seed"), _UNSOLVED, legend)
    return panels.finish(figure, axes, dataset, legend)


@panels.in_our_look
def plot_autocovariance(dataset: xr.Dataset) -> Figure:
    """c(lag) / c(0) at a low, a middle and a high q_factor, at the middle g_factor.

    Thin lines are seeds, thick ones their mean. Networks whose c(0) is flagged have no
    curve: the legend says how many seeds have one. Of an average over seeds, curves are
    the mean c(lag) over the mean c(0) of all seeds.
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
        for q, colour in zip(chosen, colours, strict=True):
            point = dataset.sel(backend=backend, q_factor=q, g_factor=g)
            there = point.c0.notnull()
            c0 = point.autocovariance.sel(lag=0).where(there) if averaged else point.c0
            curves = (point.autocovariance / c0).transpose("lag", "seed")
            seeds = f"{int(there.sum())} of {point.seed.size} seeds fluctuate"
            if averaged:
                seeds = "mean over seeds" if there.any() else "no number on any seed"
            label = f"q_factor {q:g}: {seeds}"
            axis.plot(dataset.lag, curves, color=colour, linewidth=0.6, alpha=0.6)
            axis.plot(dataset.lag, curves.mean("seed"), color=colour, linewidth=2, label=label)
        axis.axhline(1 / np.e, color="0.5", linewidth=0.8, linestyle="--")
        axis.set(title=panels.BACKEND_TITLES[str(backend)], xlabel="lag (steps)")
        axis.legend(frameon=False, fontsize="small")
        sns.despine(ax=axis)
    axes[0, 0].set_ylabel("autocovariance c(lag) / c(0)")
    axes[0, 0].text(dataset.lag[-1], 1 / np.e, "1/e", color="0.5", ha="right", va="bottom")
    axes[0, 0].set(xlim=(0, dataset.lag[-1]), ylim=(min(0, axes[0, 0].get_ylim()[0]), 1.05))
    figure.suptitle(f"{panels.subtitle(dataset)}, g_factor {g:g}", fontsize="medium")
    return figure


@panels.in_our_look
def plot_cut(dataset: xr.Dataset, g_factor: float | None = None) -> Figure:
    """c(0) and decay time over q_factor at one g_factor, one line per backend.

    Lines are medians over the seeds that have a number, bands reach from the lowest to the
    highest. Open circles: some seeds are flagged; nothing: all are. `g_factor` is the
    nearest there is to the one given, which must be within the map, or the middle one.
    """
    dataset = panels.checked(dataset, "c0", "decay_time").sortby(["q_factor", "g_factor"])
    if g_factor is None:
        g_factor = float(dataset.g_factor[dataset.g_factor.size // 2])
    if not isinstance(g_factor, Real):
        raise DatasetError(f"g_factor is {g_factor!r:.40}, but must be a number.")
    if not dataset.g_factor.min() <= g_factor <= dataset.g_factor.max():
        low, high = float(dataset.g_factor.min()), float(dataset.g_factor.max())
        raise DatasetError(
            f"g_factor is {g_factor}, but the phase map reaches from {low:g} to {high:g}."
        )
    cut = dataset.sel(g_factor=g_factor, method="nearest")
    figure = panels.page(7, 6)
    axes = figure.subplots(2, 1, sharex=True)
    labels = {"c0": "autocovariance at lag 0, c(0)", "decay_time": "decay time (steps)"}
    for axis, (name, label) in zip(axes, labels.items(), strict=True):
        for backend in cut.backend.values:
            values = cut[name].sel(backend=backend).transpose("q_factor", "seed")
            low, median, high = values.min("seed"), values.median("seed"), values.max("seed")
            colour = panels.BACKEND_COLOURS[str(backend)]
            axis.fill_between(cut.q_factor, low, high, color=colour, alpha=0.25, linewidth=0)
            axis.plot(cut.q_factor, median, color=colour, label=panels.BACKEND_TITLES[str(backend)])
            some = median.where(values.isnull().any("seed"))
            whole = median.where(values.notnull().all("seed"))
            axis.plot(cut.q_factor, whole, "o", color=colour, markersize=4)
            axis.plot(
                cut.q_factor, some, "o", markersize=5,
                markerfacecolor="white", markeredgecolor=colour,
            )  # fmt: skip
        logarithmic = name == "c0" and bool((cut.c0 > 0).any())
        axis.set(ylabel=label, yscale="log" if logarithmic else "linear")
        sns.despine(ax=axis)
    axes[1].set_xlabel("q_factor (recurrent gain)")
    axes[0].legend(frameon=False)
    axes[1].legend(handles=_meanings(), frameon=False, fontsize="small")
    figure.suptitle(
        f"{panels.subtitle(dataset)}, g_factor {float(cut.g_factor):g}", fontsize="medium"
    )
    return figure


def _meanings() -> list[Line2D | Patch]:
    """What lines, bands and circles of a cut stand for."""
    circle: dict[str, Any] = {"linestyle": "", "marker": "o", "color": "0.4"}
    return [
        Line2D([], [], color="0.4", label="median over seeds"),
        Patch(facecolor="0.4", alpha=0.25, label="lowest to highest seed"),
        Line2D([], [], **circle, markersize=4, label="all seeds have a number"),
        Line2D([], [], **circle, markerfacecolor="white", label="some seeds are flagged"),
    ]


def _mark_flags(axis: Axes, flags: xr.DataArray, legend: dict) -> None:
    ok = flags == Flag.OK
    panels.hatch(axis, ok.any("seed") & ~ok.all("seed"), _PARTLY, legend)
    counts = xr.concat([(flags == flag).sum("seed") for flag in _FLAGGED], "flag")
    commonest = counts.argmax("flag")
    for number, style in enumerate(_FLAGGED.values()):
        panels.hatch(axis, ~ok.any("seed") & (commonest == number), style, legend)
