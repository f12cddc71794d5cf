"""Phases and what decides them: maps for each backend, with the border that was measured."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import CenteredNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from eiphase.backends import BACKENDS
from eiphase.chaos import phases
from eiphase.errors import DatasetError
from eiphase.figures import panels
from eiphase.flags import Phase

# Colours that differ in lightness too; chaos stands out, and what is sensitive after it.
_LOOKS: dict[Phase, tuple[str, str, str]] = {
    Phase.FIXED_POINT: ("#2c4a7c", "", "fixed point"),
    Phase.OSCILLATION: ("#7fb0d3", "", "oscillation"),
    Phase.CHAOS: ("#e8853a", "", "chaos"),
    Phase.SENSITIVE: ("#f7cda6", "", "sensitive: one spike's effect spreads"),
    Phase.REGULAR: ("#7d9bc1", "", "regular firing"),
    Phase.IRREGULAR: ("#b9d3c2", "", "irregular firing, one spike's effect stays small"),
    Phase.SATURATED: ("0.72", "xx", "saturated"),
    Phase.SILENT: ("0.85", "..", "silent"),
    Phase.BROKEN: ("white", "xxxx", "broken mapping, or not finite"),
    Phase.UNDECIDED: ("white", "", "undecided"),
}
_DISAGREE = "seeds disagree; shown is the commonest phase"
# What is drawn of each measure of sensitivity, and how it is called.
_MEASURES = {
    "lyapunov_exponent": (
        "lyapunov_exponent_per_time_constant", "largest Lyapunov exponent\n(1 / time constant)"
    ),
    "spike_damage": ("spike_damage", "damage by one spike\n(1: as independent trains)"),
}  # fmt: skip
_DRAWN = [name for name, _ in _MEASURES.values()]


@panels.in_our_look
def plot_phases(dataset: xr.Dataset) -> Figure:
    """Phases (top), and the measure of sensitivity that decides them (below), for each backend.

    The measure is the largest Lyapunov exponent of rate neurons, and of spiking ones the
    difference that one extra spike makes in the end. A backend without a measure has an empty
    panel. Black: where it changes sign, mean and 95 % interval over seeds; if the sweep refined
    it, where that came to lie, and thin where grid points alone have it. Rate networks have a
    border of chaos, spiking ones a border of sensitivity, at which damage is one half. Dashed:
    where theory has the rate network's fixed point lose stability. Raises `DatasetError`, one
    sentence, if the dataset is no phase map or its sweep did not measure chaos.
    """
    dataset = checked(dataset)
    doubtful = panels.doubtful(dataset)
    figure, axes = panels.panels(2, dataset.backend.size)
    legend: dict[str, Patch | Line2D] = {}
    for column, backend in enumerate(dataset.backend.values):
        one = dataset.sel(backend=backend)
        draw_phases(axes[0, column], one, legend)
        panels.mark(axes[0, column], doubtful.sel(backend=backend), "_", panels.DOUBTFUL, legend)
        _measure(figure, axes[1, column], one)
        for axis in axes[:, column]:
            draw_border(axis, one, legend)
            if BACKENDS[backend].has_theory:
                draw_theory(axis, one, legend)
        axes[0, column].set_title(panels.BACKEND_TITLES[str(backend)])
    return panels.finish(figure, axes, dataset, legend)


def checked(dataset: xr.Dataset, *needed: str) -> xr.Dataset:
    """`panels.checked`, of a phase map whose sweep measured chaos, with all that maps of it need.

    `needed` are the names of further variables.
    """
    dataset = panels.checked(
        dataset, "phase", *(f"measured_critical_q_{part}" for part in ("mean", "low", "high")),
        "refined_q_mean", "refined_q_low", "refined_q_high",
        "theory_critical_q", "weight_scale_status", "weight_strength", "current_wraps",
        *_DRAWN, *needed,
    )  # fmt: skip
    if all(dataset[name].isnull().all() for name in _DRAWN):
        raise DatasetError("The sweep did not measure chaos: set observables.chaos to true.")
    if dataset.phase.dtype.kind not in "iu":
        raise DatasetError("phase is averaged over seeds, which means nothing: select seeds.")
    return dataset


def draw_phases(axis: Axes, one: xr.Dataset, legend: dict) -> None:
    seeds = one.phase.get_axis_num("seed")
    commonest, part = phases.agreement(one.phase.values, axis=seeds)
    cells = xr.zeros_like(one.phase.isel(seed=0, drop=True), dtype=bool)
    for phase, style in _LOOKS.items():
        here = (commonest == phase) & (part > 0)  # none where a selection has no points
        panels.hatch(axis, cells.copy(data=here), style, legend)
    panels.mark(axis, cells.copy(data=(part > 0) & (part < 1)), "o", _DISAGREE, legend)
    g, q = (panels.edges(np.sort(one[name].values)) for name in ("g_factor", "q_factor"))
    axis.set(xlim=(g[0], g[-1]), ylim=(q[0], q[-1]))


def _measure(figure: Figure, axis: Axes, one: xr.Dataset) -> None:
    measure = BACKENDS[str(one.backend.values)].measure_of_sensitivity
    if measure is None:
        axis.text(0.5, 0.5, "no measure of sensitivity", transform=axis.transAxes, ha="center")
        return
    name, label = _MEASURES[measure]
    norm: Normalize = Normalize(0, 1)
    if measure == "lyapunov_exponent":
        norm = CenteredNorm(0, max(float(np.abs(one[name]).max()), 1e-9))
    image = panels.draw_map(axis, one[name], norm, colours="PuOr_r")
    figure.colorbar(image, ax=axis, label=label)


def draw_border(axis: Axes, one: xr.Dataset, legend: dict) -> None:
    one = one.sortby("g_factor")
    coarse = _along_g(one.measured_critical_q_mean)
    if coarse.isnull().all():
        return
    mean, low, high = (_along_g(border(one, part)) for part in ("mean", "low", "high"))
    is_refined = bool(one.refined_q_mean.notnull().any())
    style: dict[str, Any] = {"color": "black", "linewidth": 1.6, "marker": ".", "markersize": 4}
    axis.fill_between(one.g_factor, low, high, color="black", alpha=0.25, linewidth=0)
    axis.plot(one.g_factor, mean, **style)
    what = "border of chaos (rate) or sensitivity (LIF)" + ", refined" * is_refined
    text = f"measured {what}: mean and 95 % interval over seeds"
    legend[text] = Line2D([], [], label=text, **style)
    if is_refined:
        style = {"color": "black", "linewidth": 0.7}
        axis.plot(one.g_factor, coarse, **style)
        text = "the same from grid points alone"
        legend[text] = Line2D([], [], label=text, **style)


def border(one: xr.Dataset, part: str = "mean") -> xr.DataArray:
    """The border's mean over seeds, or an end of its interval: refined, if any of it is."""
    is_refined = bool(one.refined_q_mean.notnull().any())
    return one[f"{'refined_q' if is_refined else 'measured_critical_q'}_{part}"]


def draw_theory(axis: Axes, one: xr.Dataset, legend: dict) -> None:
    one = one.sortby("g_factor")
    theory = _along_g(one.theory_critical_q)
    if theory.isnull().all():
        return
    style: dict[str, Any] = {"color": "black", "linewidth": 1.6, "linestyle": "--"}
    axis.plot(one.g_factor, theory, **style)
    text = "mean-field theory of the rate network"
    legend[text] = Line2D([], [], label=text, **style)


def _along_g(values: xr.DataArray) -> xr.DataArray:
    """Drop the dimensions that a selection had dropped and `panels.checked` put back."""
    return values.mean([dimension for dimension in values.dims if dimension != "g_factor"])
