"""Phases and what decides them: maps for each backend, with the border that was measured."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import CenteredNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from eiphase.backends import BACKENDS
from eiphase.chaos import border, phases
from eiphase.errors import DatasetError
from eiphase.figures import panels
from eiphase.flags import Crossing, Phase
from eiphase.jobs.borders import in_coupling
from eiphase.sweep.attributes import sweep_of
from eiphase.sweep.schema import Sweep

# Colours that differ in lightness too; chaos stands out, and what is sensitive after it.
LOOKS: dict[Phase, tuple[str, str, str]] = {
    Phase.FIXED_POINT: ("#2c4a7c", "", "fixed point"),
    Phase.OSCILLATION: ("#3d9aa8", "", "oscillation"),
    Phase.CHAOS: ("#e8853a", "", "chaos"),
    Phase.SENSITIVE: ("#f7cda6", "", "sensitive: one spike's effect spreads"),
    Phase.REGULAR: ("#9db7dc", "", "regular firing"),
    Phase.IRREGULAR: ("#b9d3c2", "", "irregular firing, one spike's effect stays small"),
    Phase.SATURATED: ("0.6", "", "saturated"),
    Phase.SILENT: ("0.85", "", "silent"),
    Phase.BROKEN: ("white", "xxxx", "broken mapping, or not finite"),
    Phase.UNDECIDED: ("white", "", "undecided"),
}
TIE = "divided cell: seeds tie between these phases"
# What is drawn of each measure of sensitivity, and how it is called.
_MEASURES = {
    "lyapunov_exponent": (
        "lyapunov_exponent_per_time_constant", "largest Lyapunov exponent\n(1 / time constant)"
    ),
    "spike_damage": ("spike_damage", "damage by one spike\n(1: as independent trains)"),
}  # fmt: skip
_DRAWN = [name for name, _ in _MEASURES.values()]
OF_BARS = (
    "from certainly below to certainly above the border (two errors), over all seeds with a border"
)
_RING: dict[str, Any] = {"linestyle": "none", "marker": "o", "markerfacecolor": "white"}
_HALVES: dict[str, Any] = {
    "linestyle": "none", "marker": "s", "markersize": 9, "fillstyle": "left",
    "color": "0.3", "markerfacecoloralt": "0.9",
}  # fmt: skip
_DIAMOND: dict[str, Any] = _RING | {"marker": "D", "markersize": 5}
_ENDS = ("measured_critical_q_from", "measured_critical_q_to")
_BORDERS = (
    "measured_critical_q", *_ENDS, "measured_critical_q_flag", "refined_q", "refined_q_width"
)  # fmt: skip
Legend = dict[str, Patch | Line2D]


@panels.in_our_look
def plot_phases(dataset: xr.Dataset) -> Figure:
    """Phases (top), and the measure of sensitivity that decides them (below), for each backend.

    The measure is the largest Lyapunov exponent of rate neurons, and of spiking ones the
    difference that one extra spike makes in the end. A backend without a measure has an empty
    panel. Black: the border where it changes sign, refined where the sweep refined it, see
    `draw_border`. Spiking networks have a border of sensitivity, at which damage is one half.
    Dashed: where theory has the rate network's fixed point lose
    stability. A third row has the effective coupling R at the border, if the phase map knows R: a
    coordinate that does not depend on how neurons are modelled, and in theory 1. A grey column
    reaches over the R of the two q_factor between which the borders lie. Raises
    `DatasetError`, one sentence, if the dataset is no phase map or its sweep did not measure chaos.
    """
    dataset = checked(dataset)
    couplings = _couplings(dataset)
    known = couplings is not None
    figure, axes = panels.panels(2 + known, dataset.backend.size)
    legend = draw_row(axes[0], dataset)
    for axis, backend in zip(axes[1], dataset.backend.values, strict=True):
        one = dataset.sel(backend=backend)
        _measure(figure, axis, one, legend)
        panels.draw_gaps(axis, one, legend)
        draw_border(axis, one, legend)
        mark_several(axis, one, legend)
        draw_theory(axis, one, legend)
    if couplings is not None:
        _draw_couplings(axes[2], couplings, legend)
    panels.finish(figure, axes, dataset, legend)
    if known:
        axes[2, 0].set_ylabel("effective coupling R\nat the border")
    return figure


def _couplings(dataset: xr.Dataset) -> xr.DataArray | None:
    """R of each network at its border and at both ends of `_brackets`, along `at`, if known.

    q says little of LIF neurons.
    """
    try:
        sweep = sweep_of(dataset)
    except DatasetError:  # a selection may have lost its attributes
        return None
    places = {"border": borders(dataset), **_brackets(dataset, np.sort(sweep.grid.q_factor))}
    found = [_in_coupling(sweep, q).sel(g_factor=dataset.g_factor) for q in places.values()]
    along = xr.concat(found, xr.Variable("at", [*places])).sel(seed=dataset.seed)
    return None if along.isnull().all() else along


def _brackets(dataset: xr.Dataset, grid: np.ndarray) -> dict[str, xr.DataArray]:
    """The q_factor between which each border was found: grid points, nearer if it was refined."""
    at = borders(dataset)
    upper = np.clip(np.searchsorted(grid, at.values, side="right"), 1, len(grid) - 1)
    low, high = (at.copy(data=grid[end]).where(at.notnull()) for end in (upper - 1, upper))
    width = dataset.refined_q_width.where(dataset.refined_q.notnull(), np.inf)
    return {"below": np.maximum(low, at - width), "above": np.minimum(high, at + width)}


def _in_coupling(sweep: Sweep, at: xr.DataArray) -> xr.DataArray:
    at = at.reindex(g_factor=sweep.grid.g_factor, seed=sweep.seeds)
    kept = "backend", "g_factor", "seed"
    at = at.mean([name for name in at.dims if name not in kept])  # what `.where` has repeated
    at = at.transpose(*kept)
    lines = zip(at.backend.values, at.values, strict=True)
    return at.copy(data=[in_coupling(sweep, str(backend), one) for backend, one in lines])


def _draw_couplings(axes: Sequence[Axes], couplings: xr.DataArray, legend: Legend) -> None:
    """R at borders, over a column for what the measure's step between two q_factor leaves open."""
    text = "R within the step of q_factor that holds the border"
    legend[text] = Patch(label=text, color="0.8", linewidth=0)
    for axis, backend in zip(axes, couplings.backend.values, strict=True):
        one = couplings.sel(backend=backend)
        low, high = one.min(["at", "seed"]), one.max(["at", "seed"])
        axis.vlines(one.g_factor, low, high, zorder=0, color="0.8", linewidth=7)
        seeds, below, above = (
            _along(one.sel(at=place, drop=True), "g_factor", "seed")
            for place in ("border", "below", "above")
        )
        _draw_lines(axis, seeds, legend, "black")
        _draw_band(axis, seeds, below, above, {}, "black")
        axis.axhline(1, color="black", linewidth=1.6, linestyle="--")
        axis.set(yscale="log")


def draw_row(axes: Sequence[Axes], dataset: xr.Dataset) -> Legend:
    """Phases, doubt, the mapping's limit, border and theory of each backend; returns the legend."""
    legend: Legend = {}
    doubt = doubt_of(dataset)
    for axis, backend in zip(axes, dataset.backend.values, strict=True):
        one = dataset.sel(backend=backend)
        draw_phases(axis, one, legend)
        axis.set_title(panels.BACKEND_TITLES[str(backend)])
    for axis, backend in zip(axes, dataset.backend.values, strict=True):
        one = dataset.sel(backend=backend)
        doubt.draw(axis, backend, legend)
        panels.draw_limit(axis, one, legend)
        draw_border(axis, one, legend)
        mark_several(axis, one, legend)
        draw_theory(axis, one, legend)
    return legend


def doubt_of(dataset: xr.Dataset) -> panels.Doubt:
    """Where phases are in doubt, of a dataset that `checked` returned."""
    simulated = dataset.phase.where(panels.are_simulated(dataset))
    disagree = simulated.max("seed") > simulated.min("seed")
    known = (dataset.phase != Phase.BROKEN).any("seed")  # the look of others says enough
    return panels.doubt_of_phases(dataset.where(known), disagree, "seeds disagree on the phase")


def checked(dataset: xr.Dataset, *needed: str) -> xr.Dataset:
    """`panels.checked`, of a phase map whose sweep measured chaos, with all that maps of it need.

    `needed` are the names of further variables.
    """
    dataset = panels.checked(
        dataset, "phase", "theory_critical_q", *_BORDERS, *panels.IN_DOUBT, *_DRAWN, *needed
    )
    if not _are_measured(dataset):
        raise DatasetError("The sweep did not measure chaos: set observables.chaos to true.")
    if dataset.phase.dtype.kind not in "iu":
        raise DatasetError("phase is averaged over seeds, which means nothing: select seeds.")
    return dataset


def are_there(dataset: xr.Dataset) -> bool:
    """Whether `plot_phases` can draw it: chaos was measured, and seeds are not averaged."""
    return (
        isinstance(dataset, xr.Dataset)
        and "phase" in dataset
        and dataset.phase.dtype.kind in "iu"
        and _are_measured(dataset)
    )


def _are_measured(dataset: xr.Dataset) -> bool:
    return any(name in dataset and dataset[name].notnull().any() for name in _DRAWN)


def draw_phases(axis: Axes, one: xr.Dataset, legend: Legend) -> None:
    """The phase of most seeds, of one backend; phases that tie share a cell, a band for each."""
    seeds = one.phase.get_axis_num("seed")
    most = xr.DataArray(
        phases.of_most_seeds(one.phase.values, axis=seeds),
        one.phase.isel(seed=0, drop=True).expand_dims(of=len(Phase)).coords,
        ["of", *(name for name in one.phase.dims if name != "seed")],
    )
    panels.draw_gaps(axis, one, legend)
    ends, n_tied = most.cumsum("of"), most.sum("of")
    for phase, style in LOOKS.items():
        last = ends.isel(of=phase)
        panels.fill(axis, most.isel(of=phase), style, legend, ((last - 1) / n_tied, last / n_tied))
    if (n_tied > 1).any():
        legend[TIE] = Line2D([], [], label=TIE, **_HALVES)
    g, q = (panels.edges(np.sort(one[name].values)) for name in ("g_factor", "q_factor"))
    axis.set(xlim=(g[0], g[-1]), ylim=(q[0], q[-1]))


def _measure(figure: Figure, axis: Axes, one: xr.Dataset, legend: Legend) -> None:
    measure = BACKENDS[str(one.backend.values)].measure_of_sensitivity
    if measure is None:
        axis.text(0.5, 0.5, "no measure of sensitivity", transform=axis.transAxes, ha="center")
        return
    name, label = _MEASURES[measure]
    norm: Normalize = Normalize(0, 1)
    if measure == "lyapunov_exponent":
        norm = CenteredNorm(0, max(float(np.abs(one[name]).max()), 1e-9))
    image = panels.draw_map(axis, one[name], norm, colours=panels.RATIO_COLOURS)
    figure.colorbar(image, ax=axis, label=label)
    _mark_partly(axis, one[name], panels.are_simulated(one), legend)


def _mark_partly(axis: Axes, values: xr.DataArray, simulated: xr.DataArray, legend: Legend) -> None:
    """A ring in each cell whose colour is that of fewer than all seeds."""
    there = values.notnull()
    partly = (there.any("seed") & (~there & simulated).any("seed")).stack(cell=[...])
    cells = partly.cell[partly.values]
    if cells.size:
        text = "measure known on some seeds only: their median"
        look = {"color": "black", "markersize": 4, **_RING}
        axis.plot(cells.g_factor, cells.q_factor, **look)
        legend[text] = Line2D([], [], label=text, **look)


def draw_border(
    axis: Axes, one: xr.Dataset, legend: Legend, colour: Any = "black", breadth: float = 1.0
) -> None:
    """The mean over seeds as a thick line, each seed's border as a thin one.

    A ring is a mean over the seeds that have a border where others have none. Bars reach, over all
    seeds, from the last network whose measure is below the border beyond two errors to the first
    above it; without an end where there is none such. From `panels.SEEDS_OF_A_BAND` on there is a
    band instead, the 95 % interval of the mean.
    """
    seeds = _along(borders(one), "g_factor", "seed")
    if seeds.isnull().all():
        return
    if seeds.sizes["seed"] < panels.SEEDS_OF_A_BAND:
        _draw_bars(axis, one, legend, colour)
    _draw_lines(axis, seeds, legend, colour, breadth)
    low, high = (_along(end, "g_factor", "seed") for end in _ends(one))
    _draw_band(axis, seeds, low, high, legend, colour)


def _draw_bars(axis: Axes, one: xr.Dataset, legend: Legend, colour: Any) -> None:
    low, high = (_along(end, "g_factor").dropna("g_factor") for end in bars(one))
    if not low.size:
        return
    style: dict[str, Any] = {"color": colour, "linewidth": 1.1, "path_effects": panels.HALO}
    sides = axis.get_ylim()
    axis.vlines(low.g_factor, low.clip(*sides), high.clip(*sides), **style)
    for end in (low, high):
        known = end[np.isfinite(end)]
        axis.plot(known.g_factor, known, linestyle="none", marker="_", **style)
    legend[OF_BARS] = Line2D(
        [], [], label=OF_BARS, linestyle="none", marker="|", markersize=12, **style
    )


def bars(one: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """What the `OF_BARS` are drawn between, along g_factor; an end that nobody knows is infinite.

    NaN where no seed has a border, and everywhere in a phase map without ends.
    """
    there, (low, high) = borders(one).notnull(), _ends(one)
    there &= (low.notnull() | high.notnull()).any()
    bottom = low.fillna(-np.inf).where(there).min("seed")
    return bottom, high.fillna(np.inf).where(there).max("seed")


def _ends(dataset: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Between which q_factor each of the `borders` lies."""
    if dataset.refined_q.notnull().any():
        width = dataset.refined_q_width
        return dataset.refined_q - width, dataset.refined_q + width
    lower, upper = (dataset[name] for name in _ENDS)
    return lower, upper


def _draw_lines(
    axis: Axes, seeds: xr.DataArray, legend: Legend, colour: Any, breadth: float = 1.0
) -> None:
    g, mean, n_seeds = seeds.g_factor, seeds.mean("seed"), seeds.sizes["seed"]
    every = seeds.notnull().all("seed")
    lines: list[tuple[str, Any, dict[str, Any]]] = []
    if n_seeds > 1:
        lines += [("border of each seed", seeds, {"linewidth": 0.7 * breadth})]
    thick = {"linewidth": 2 * breadth, "marker": ".", "path_effects": panels.HALO}
    name = "border: exponent changes sign (rate), one spike's effect spreads (LIF)"
    name += ", mean over seeds" * (n_seeds > 1)
    lines += [(name, mean.where(every), thick)]
    lines += [("border on some seeds only: their mean", mean.where(~every), _RING)]
    for text, values, style in lines:
        if values.notnull().any():
            axis.plot(g, values, color=colour, **style)
            legend[text] = Line2D([], [], label=text, color=colour, **style)


def _draw_band(
    axis: Axes,
    seeds: xr.DataArray,
    low: xr.DataArray,
    high: xr.DataArray,
    legend: Legend,
    colour: Any,
) -> None:
    enough = seeds.where(seeds.notnull().sum("seed") >= panels.SEEDS_OF_A_BAND)
    if enough.isnull().all():
        return
    known = bool((low.notnull() | high.notnull()).any())  # not of a phase map without ends
    lines = zip(enough.values, low.values, high.values, strict=True)
    _, bottom, top = np.transpose(
        [border.confidence_interval(x, np.array(both) if known else None) for x, *both in lines]
    )
    there = enough.notnull().any("seed").values
    sides = axis.get_ylim()
    bottom, top = (
        np.where(np.isnan(end) & there, side, end)
        for end, side in zip((bottom, top), sides, strict=True)
    )
    style: dict[str, Any] = {"color": colour, "alpha": 0.25, "linewidth": 0}
    axis.fill_between(seeds.g_factor, bottom, top, **style)
    text = "95 % interval of the mean"
    legend[text] = Patch(label=text, **style)


def mark_several(axis: Axes, one: xr.Dataset, legend: Legend) -> None:
    """An open diamond on each seed's border above which its measure changes sign again."""
    several = one.measured_critical_q_flag == Crossing.SEVERAL
    seeds = _along(borders(one).where(several), "g_factor", "seed")
    if seeds.isnull().all():
        return
    text = "the measure changes sign more than once: its lowest rise"
    axis.plot(seeds.g_factor, seeds, color="black", **_DIAMOND)
    legend[text] = Line2D([], [], label=text, color="black", **_DIAMOND)


def borders(dataset: xr.Dataset) -> xr.DataArray:
    """The border of each seed, refined if any is: where chaos begins, or on no seed, ends."""
    is_refined = bool(dataset.refined_q.notnull().any())
    values = dataset.refined_q if is_refined else dataset.measured_critical_q
    flags = dataset.measured_critical_q_flag
    begins = flags.isin([Crossing.RISE, Crossing.SEVERAL])
    return values.where(begins | (~begins.any("seed") & (flags == Crossing.FALL)))


def draw_theory(axis: Axes, one: xr.Dataset, legend: Legend) -> None:
    theory = _along(one.theory_critical_q, "g_factor")
    if theory.isnull().all():
        return
    style: dict[str, Any] = {"color": "black", "linewidth": 1.6, "linestyle": "--"}
    axis.plot(theory.g_factor, theory, path_effects=panels.HALO, **style)
    text = "mean-field theory of the rate network"
    legend[text] = Line2D([], [], label=text, **style)


def _along(values: xr.DataArray, *dimensions: str) -> xr.DataArray:
    """Drop the dimensions that a selection had dropped and `panels.checked` put back."""
    values = values.mean([name for name in values.dims if name not in dimensions])
    return values.sortby("g_factor").transpose(*dimensions)
