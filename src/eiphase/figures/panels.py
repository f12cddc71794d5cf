"""What figures share: checked data, panels, maps of cells, and marks with one meaning each.

In every figure:

- a backend has its colour of `BACKEND_COLOURS`;
- a dotted region with an outline is in `Doubt`: what the figure shows there is unsure, for the
  reasons that the legend gives;
- a cell in upright bands has phases that tie over seeds, a band for each;
- a white line with black edges is the limit of the mapping from rate to LIF neurons, on all seeds;
- a ring stands for fewer than all seeds;
- a thin line is one seed, a thick one their mean or median;
- where integers may hide floating point, the line of floating point is the broader one;
- a dashed line is theory;
- a band is the 95 % interval of a mean over seeds, drawn from `SEEDS_OF_A_BAND` on;
- a bar is a standard error, or reaches over where a border may be, as the legend says;
- a cross is a value without an error;
- a white cell is undecided or has no number;
- a hatched cell that says so is not simulated as yet.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import wraps
from textwrap import fill as fill_text
from typing import Any, ParamSpec

import matplotlib as mpl
import matplotlib.pyplot as plt
import matplotlib.style
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.patheffects import AbstractPathEffect, withStroke

from eiphase.backends import BACKENDS, is_source
from eiphase.errors import DatasetError, plain
from eiphase.flags import Flag, Quality, ScaleStatus, StepLimited, Stopped
from eiphase.jobs.datasets import step_check
from eiphase.jobs.datasets.unmeasured import completed
from eiphase.sweep.attributes import sweep_of
from eiphase.variables import (
    DERIVED,
    DIMENSIONS,
    NOT_APPLICABLE,
    NOT_SIMULATED,
    VARIABLES,
    lack_of,
)

BACKEND_TITLES = {name: backend.title for name, backend in BACKENDS.items()}
BACKEND_COLOURS = dict(zip(BACKEND_TITLES, sns.color_palette("colorblind"), strict=False))
# How broad lines and marks are: the integers' lie on those of their source, which stay visible.
BREADTH = {name: 1.8 if is_source(name) else 1.0 for name in BACKENDS}
AVERAGED = 99  # a flag: no number, and the reason was lost in an average
SEEDS_OF_A_BAND = 4  # an interval from fewer is far wider than what the seeds do
RATIO_COLOURS = "RdYlBu_r"  # of what is ideally 1, or has a sign; not white in the middle
HALO: list[AbstractPathEffect] = [
    withStroke(linewidth=3, foreground="white", alpha=0.7)
]  # of lines over maps
_EDGE: list[AbstractPathEffect] = [withStroke(linewidth=3.4, foreground="black")]  # of white lines
# What fluctuations are about, and the unit of their variance, of states and of spike counts.
C0_LABELS = {False: "c(0) of states\n(state²)", True: "c(0) of spike counts\n(spikes²)"}
DECAY_LABEL = "decay time (steps)"
IN_DOUBT = (
    "weight_scale_status", "weight_strength", "current_wraps", "quality", "centring_bias",
    "step_limited", "stopped",
)  # fmt: skip
"""The variables that tell doubt, and the limit of the mapping."""
# Not up to black, on which no mark would be seen.
FLOW_COLOURS = LinearSegmentedColormap.from_list("flow", sns.color_palette("rocket_r", 256)[:210])
_FAR = 10.0  # off 1: further, no difference is of interest
_LEGEND_WIDTH = 38  # characters of an entry in a legend
_FAILED = "mapping failed"
_GAP = "white", "///", "not simulated"
_SPECKS: dict[str, Any] = {"facecolor": "none", "hatch": "...", "edgecolor": "0.55"}


def checked(dataset: xr.Dataset, *needed: str) -> xr.Dataset:
    """A selection from a phase map, with the dimensions back that the selection dropped.

    Raises `DatasetError`, one sentence, if it lacks one of the variables `needed`, or an
    axis: only the seeds can be averaged away. Their flags then mean nothing any more: what
    is a number counts as ok, the rest as `AVERAGED`.
    """
    if not isinstance(dataset, xr.Dataset):
        kind = "None" if dataset is None else f"a {type(dataset).__name__}"
        raise DatasetError(f"A phase map, or a selection from one, must be a dataset, not {kind}.")
    dataset = completed(dataset, needed)
    for name in needed:
        if name not in dataset:
            lack = lack_of(name, dataset)
            raise DatasetError(f"Not a phase map, nor a selection from one: {lack}.")
    dataset = dataset[list(needed)]
    _check_axes(dataset)
    check_derived(dataset)
    dataset = _with_whole_flags(dataset)
    dropped = [d for d in DIMENSIONS if d not in dataset.dims]
    if "seed" not in dataset.coords:
        dataset = dataset.assign_coords(seed=np.nan)
    dataset = dataset.expand_dims(dropped)
    for name in ("c0", "decay_time"):
        flag = f"{name}_flag"
        if flag in dataset and dataset[flag].dtype.kind not in "iu":
            dataset[flag] = xr.where(dataset[name].notnull(), int(Flag.OK), AVERAGED)
    if "weight_scale_status" in dataset and dataset.weight_scale_status.dtype.kind not in "iu":
        unknown = xr.full_like(dataset.weight_scale_status, NOT_APPLICABLE)
        dataset["weight_scale_status"] = unknown
    return dataset


def check_derived(dataset: xr.Dataset) -> None:
    """Raises `DatasetError` if means and borders are of other points than the dataset holds.

    So they are where datasets were joined by other means than `eiphase.combine`.
    """
    joined = "Its means and borders are of other points: join phase maps with eiphase.combine."
    for name, variable in dataset.data_vars.items():
        known = VARIABLES.get(str(name)) or DERIVED.get(str(name))
        gained = [d for d in variable.dims if known and d not in (*known.dimensions, "lag")]
        # `.where` repeats values along a dimension, which is no harm.
        if gained and (variable.max(gained) > variable.min(gained)).any():
            raise DatasetError(f"{name} differs along {gained[0]}, but must not. {joined}")
    try:
        sweep = sweep_of(dataset)
    except DatasetError:  # a selection may have lost its attributes
        return
    axes = (sweep.backends, sweep.grid.q_factor, sweep.grid.g_factor, sweep.seeds)
    for name, axis in zip(DIMENSIONS, axes, strict=True):
        there = np.atleast_1d(dataset[name]).tolist() if name in dataset.coords else []
        if odd := set(there) - set(axis):
            raise DatasetError(f"The sweep of the phase map has no {name} {min(odd)}. {joined}")


def _with_whole_flags(dataset: xr.Dataset) -> xr.Dataset:
    """Flags that a selection such as `.where` has made floats, as integers again.

    Where they are NaN nothing is known. Averages, which are no integers, stay as they are.
    """
    whole = {}
    for name, values in dataset.data_vars.items():
        flagged = (VARIABLES | DERIVED)[str(name)].flags is not None
        if flagged and values.dtype.kind == "f" and "seed" in values.coords:
            unknown = AVERAGED if str(name).endswith("_flag") else NOT_APPLICABLE
            numbers = values.fillna(unknown)
            if (numbers == numbers.round()).all():
                whole[name] = numbers.astype("i1")
    return dataset.assign(whole)


def _check_axes(dataset: xr.Dataset) -> None:
    for name in ("backend", "q_factor", "g_factor"):
        if name not in dataset.coords:
            raise DatasetError(f"The phase map has no {name}: select one, but keep it, or all.")
    for dimension, size in dataset.sizes.items():
        if dimension not in (*DIMENSIONS, "lag"):
            raise DatasetError(f"The phase map has a dimension {dimension}, which no plot knows.")
        if not size:
            raise DatasetError(f"The selection is empty: it has no {dimension}.")
        if dimension in dataset.indexes and dataset.indexes[dimension].has_duplicates:
            raise DatasetError(f"The phase map has the same {dimension} twice.")
    unknown = set(np.atleast_1d(dataset.backend.values).tolist()) - set(BACKEND_TITLES)
    if unknown:
        raise DatasetError(
            f"backend is {min(unknown, key=str)}, but plots know {', '.join(BACKEND_TITLES)}."
        )


@dataclass(frozen=True)
class Doubt:
    """Which cells ask for caution, why in words, and for each of these words on which seeds.

    Words that are about seeds together have no dimension `seed`.
    """

    cells: xr.DataArray
    text: str
    reasons: Mapping[str, xr.DataArray] = field(default_factory=dict)

    def draw(self, axis: Axes, backend: str, legend: dict) -> None:
        """Outline and dot the region of one backend's cells, and explain it if there is one."""
        cells = self.cells.sel(backend=backend)
        if not cells.any():
            return
        axis.add_patch(PathPatch(_outlines(cells), linewidth=0, **_SPECKS))
        rim = LineCollection(_rim(cells), colors="0.4", linewidths=0.9, path_effects=HALO)
        axis.add_collection(rim)
        legend["in doubt"] = Patch(label=f"in doubt: {self.text}", linewidth=0.9, **_SPECKS)


def doubt_of_phases(dataset: xr.Dataset, differ: xr.DataArray, how: str) -> Doubt:
    """Where the phase itself is unsure: seeds `differ`, in words `how`, or see `_doubt`.

    The reasons: the run was short, there are several states, the time step limits rates, or the
    mapping failed. How precise c(0) is does not matter. `dataset` has the variables of `IN_DOUBT`.
    """
    return _doubt(_unsure(dataset), dataset, differ, how)


def doubt_of_numbers(dataset: xr.Dataset, differ: xr.DataArray, how: str) -> Doubt:
    """Where c(0) and decay time are unsure: as the phase, or not as precise as was asked for."""
    imprecise = {"precision not reached": dataset.stopped == Stopped.LONGEST}
    return _doubt(_unsure(dataset) | imprecise, dataset, differ, how)


def _unsure(dataset: xr.Dataset) -> dict[str, xr.DataArray]:
    """The cells for which there is each reason."""
    reasons = {
        "short run": (dataset.quality == Quality.SHORT) | (dataset.centring_bias > 0.1),
        "several states": dataset.quality == Quality.SEVERAL_STATES,
        "rates limited by the time step": dataset.step_limited == StepLimited.YES,
        _FAILED: _mapping_failed(dataset),
    }
    if step_check.NAME in dataset.coords:
        reasons["changes with the time step"] = dataset[step_check.NAME] == 1
    return reasons


def doubt_of_mapping(dataset: xr.Dataset) -> Doubt:
    """Where the mapping failed: one of the reasons for which phases and numbers are unsure."""
    never = xr.zeros_like(dataset.weight_scale_status.isel(seed=0, drop=True), dtype=bool)
    return _doubt({_FAILED: _mapping_failed(dataset)}, dataset, never, "")


def _mapping_failed(dataset: xr.Dataset) -> xr.DataArray:
    """Where no weight scale solves the equation, integers are 10 % off, or a current wrapped.

    Beyond the mapping's limit, see `draw_limit`, the network is not the one that was asked for,
    but what it does is known.
    """
    fine = (ScaleStatus.SOLVED, ScaleStatus.IDENTITY, ScaleStatus.STRONGEST)
    mapped = [*map(int, fine), NOT_APPLICABLE, NOT_SIMULATED]
    status = dataset.weight_scale_status
    return (
        (status.notnull() & ~status.isin(mapped))
        | (abs(dataset.weight_strength - 1) > 0.1)
        | (dataset.current_wraps > 0)
    )


def _doubt(
    reasons: Mapping[str, xr.DataArray], dataset: xr.Dataset, differ: xr.DataArray, how: str
) -> Doubt:
    """Where seeds `differ`, or half of them or more have one of the reasons."""
    often = {text: often_in(dataset, cells) for text, cells in reasons.items()}
    found = [text for text, cells in often.items() if cells.any()]
    texts = [how] if differ.any() else []
    if found:
        of_seeds = " (on half of the seeds or more)" if dataset.seed.size > 1 else ""
        texts.insert(0, ", ".join(found) + of_seeds)
    counted = {text: cells & often[text] for text, cells in reasons.items()}
    return Doubt(sum(often.values(), differ), "; ".join(texts), counted | {how: differ})


def are_simulated(dataset: xr.Dataset) -> xr.DataArray:
    """Networks that are simulated: of a partial phase map, not all."""
    return dataset.quality != NOT_SIMULATED


def often_in(dataset: xr.Dataset, cells: xr.DataArray) -> xr.DataArray:
    """Whether something holds on half of the simulated seeds or more."""
    return cells.astype(float).where(are_simulated(dataset)).mean("seed") >= 0.5


def draw_gaps(axis: Axes, one: xr.Dataset, legend: dict) -> None:
    """Hatch the cells of one backend of which no seed is simulated as yet."""
    fill(axis, ~are_simulated(one).any("seed"), _GAP, legend)


def at_limit(one: xr.Dataset) -> xr.DataArray:
    """Where LIF neurons couple as strongly as they can, on all seeds that are simulated."""
    simulated = are_simulated(one)
    strongest = (one.weight_scale_status == ScaleStatus.STRONGEST) | ~simulated
    return strongest.all("seed") & simulated.any("seed")


def draw_limit(axis: Axes, one: xr.Dataset, legend: dict) -> None:
    """A line below the cells of one backend where LIF neurons couple as strongly as they can.

    On all seeds: the median over seeds changes with q_factor until the last one is at its limit.
    """
    sides = _rim(at_limit(one), frame=False)
    if not sides:
        return
    text = "above: LIF neurons of all seeds at their strongest coupling, whatever q_factor"
    look: dict[str, Any] = {"color": "white", "linewidth": 1.8, "path_effects": _EDGE}
    axis.add_collection(LineCollection(sides, **look))
    legend[text] = Line2D([], [], label=text, **look)


def panels(n_rows: int, n_columns: int) -> tuple[Figure, np.ndarray]:
    legend = 3.2 if n_columns == 1 else 1.9
    size = max(2.8 * n_columns + 1.2, 4.8), 2.6 * n_rows + legend
    return subplots(n_rows, n_columns, *size, share=True)


def finish(figure: Figure, axes: np.ndarray, dataset: xr.Dataset, legend: dict) -> Figure:
    for axis in axes[-1]:
        axis.set_xlabel("g_factor (inhibition)")
    for axis in axes[:, 0]:
        axis.set_ylabel("q_factor (recurrent gain)")
    explain(figure, legend, n_columns=min(3, axes.shape[1]))
    figure.suptitle(subtitle(dataset), fontsize="medium")
    return figure


def explain(figure: Figure | SubFigure, legend: Mapping[str, Any], *, n_columns: int = 3) -> None:
    """Put one legend below for all that was drawn, if anything was."""
    handles = list(legend.values())
    for handle in handles:
        handle.set_label(fill_text(handle.get_label(), width=_LEGEND_WIDTH))
    if handles:
        figure.legend(
            handles=handles, loc="outside lower center", ncols=n_columns,
            frameon=False, fontsize="small",
        )  # fmt: skip


def colours_of(backends: Iterable[str]) -> dict[str, Any]:
    """A legend of what the backends' lines look like."""
    looks = {
        name: {"color": BACKEND_COLOURS[name], "linewidth": 2 * BREADTH[name]} for name in backends
    }
    return {
        name: Line2D([], [], label=BACKEND_TITLES[name], **look) for name, look in looks.items()
    }


def subtitle(dataset: xr.Dataset) -> str:
    n_seeds = dataset.seed.size
    seeds = f"{n_seeds} seed{'s' if n_seeds > 1 else ''}"
    seeds = "mean over seeds" if is_averaged(dataset) else seeds
    partial = dataset.attrs.get("partial")
    so_far = f"\nPartial map: {as_text(partial)}" if partial else ""
    return f"Sweep {as_text(dataset.attrs.get('sweep', ''))}, {seeds}{so_far}"


def config(dataset: xr.Dataset, section: str) -> dict[str, Any]:
    """A section of the sweep's config; raises `DatasetError` if the dataset does not say it."""
    try:
        return dict(json.loads(dataset.attrs["sweep_config"])[section])
    except (KeyError, TypeError, ValueError, RecursionError):
        raise DatasetError(
            "The phase map's attribute sweep_config is not there, or no sweep's config."
        ) from None


def as_text(value: object) -> str:
    """What a file says, without control characters, and nothing that Matplotlib takes for TeX."""
    return plain(value).replace("$", r"\$")


def is_averaged(dataset: xr.Dataset) -> bool:
    """Whether the seeds were averaged away; a single one keeps its number."""
    return bool(dataset.seed.isnull().all())


def draw_map(
    axis: Axes, values: xr.DataArray, norm: Normalize, colours: Any = FLOW_COLOURS
) -> QuadMesh:
    """Medians over the seeds that have a number."""
    median = values.median("seed").sortby(["q_factor", "g_factor"])
    g, q = (edges(median[name].values) for name in ("g_factor", "q_factor"))
    cells = median.transpose("q_factor", "g_factor").values
    return axis.pcolormesh(g, q, cells, norm=norm, cmap=colours, rasterized=True)


def fill(
    axis: Axes, cells: xr.DataArray, style: tuple[str, str, str], legend: dict,
    band: tuple[xr.DataArray, xr.DataArray] | None = None,
) -> None:  # fmt: skip
    """Draw cells (q_factor, g_factor) in a colour and hatch, and explain it if there are any.

    With a `band`, only that upright part of each cell between two parts of its width, 0 to 1.
    """
    if not cells.any():
        return
    colour, hatch, text = style
    look: dict[str, Any] = {"facecolor": colour, "hatch": hatch, "edgecolor": "0.45"}
    axis.add_patch(PathPatch(_outlines(cells, band), linewidth=0, **look))
    frame = {"linewidth": 0.5} if colour == "white" else {"linewidth": 0}
    legend[text] = Patch(label=text, **look, **frame)


def _grid(cells: xr.DataArray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The cells as an array (q_factor, g_factor), and the edges of its rows and columns."""
    cells = cells.sortby(["q_factor", "g_factor"]).transpose("q_factor", "g_factor")
    return cells.values, edges(cells.q_factor.values), edges(cells.g_factor.values)


def _outlines(cells: xr.DataArray, band: tuple[xr.DataArray, xr.DataArray] | None = None) -> Path:
    """The cells as one path: thousands of them would take a minute to draw one by one."""
    inside, q, g = _grid(cells)
    i, j = np.nonzero(inside)
    start, end = (_grid(part)[0][i, j] for part in band) if band else (0, 1)
    left, right = g[j] + start * (g[j + 1] - g[j]), g[j + 1] - (1 - end) * (g[j + 1] - g[j])
    sides = (left, q[i]), (right, q[i]), (right, q[i + 1]), (left, q[i + 1])
    return Path.make_compound_path_from_polys(np.transpose(sides, (2, 0, 1)))


def _rim(cells: xr.DataArray, *, frame: bool = True) -> list[np.ndarray]:
    """Sides between a cell of the region and what is not of it; with those at the map's frame."""
    inside, q, g = _grid(cells)
    padded = np.pad(inside, 1) if frame else np.pad(inside, 1, mode="edge")
    i, j = np.nonzero(padded[1:, 1:-1] != padded[:-1, 1:-1])
    across = np.transpose([(g[j], q[i]), (g[j + 1], q[i])], (2, 0, 1))
    i, j = np.nonzero(padded[1:-1, 1:] != padded[1:-1, :-1])
    upward = np.transpose([(g[j], q[i]), (g[j], q[i + 1])], (2, 0, 1))
    return [*across, *upward]


def log_norm(values: xr.DataArray) -> LogNorm:
    numbers = values.values[np.isfinite(values.values) & (values.values > 0)]
    if not numbers.size:
        return LogNorm(0.1, 1)
    low, high = numbers.min(), numbers.max()
    return LogNorm(low, high) if low < high else LogNorm(low / 2, high * 2)


def norm_around_one(values: xr.DataArray) -> LogNorm:
    """A logarithmic scale with 1 in its middle; what is off by more than `_FAR` is at its end."""
    numbers = values.values[np.isfinite(values.values) & (values.values > 0)]
    reach = float(np.exp(np.abs(np.log(numbers)).max())) if numbers.size else 1.0
    reach = min(max(reach, 1.1), _FAR)
    return LogNorm(1 / reach, reach)


def log_bar(
    figure: Figure | SubFigure, image: QuadMesh, axis: Axes | Sequence[Axes], label: str = ""
) -> None:
    """A logarithmic colour bar with five ticks in plain numbers, whatever it spans."""
    low, high = image.get_clim()
    drawn: np.ndarray = np.ma.asanyarray(image.get_array()).filled(np.nan)
    values = drawn[np.isfinite(drawn)]
    below, above = bool((values < low).any()), bool((values > high).any())
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]
    bar = figure.colorbar(image, ax=axis, label=label, extend=extend)
    ticks = np.geomspace(low, high, 5)
    bar.set_ticks(
        ticks.tolist(), labels=[f"{float(f'{tick:.2g}'):g}" for tick in ticks], minor=False
    )
    bar.ax.minorticks_off()


def norm_from_zero(values: xr.DataArray) -> Normalize:
    numbers = values.values[np.isfinite(values.values)]
    return Normalize(0, numbers.max() if numbers.size and numbers.max() > 0 else 1)


def edges(centres: np.ndarray) -> np.ndarray:
    """Borders of cells around sorted centres, halfway between neighbours."""
    if len(centres) == 1:
        return centres[0] + np.array([-0.5, 0.5])
    between = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - between[0]], between, [2 * centres[-1] - between[-1]]])


_Arguments = ParamSpec("_Arguments")

_USERS = ("figure.dpi", "savefig.dpi", "savefig.format")  # what stays as the user has it


def look() -> AbstractContextManager[None]:
    """Use the settings of eiphase's figures while this context lasts."""
    plt.draw_if_interactive()  # loads the backend, whose own settings are to outlast the context
    kept = {name: mpl.rcParams[name] for name in _USERS}  # type: ignore[index]
    return matplotlib.style.context(["default", sns.axes_style("ticks"), kept])


class Page(Figure):
    """A figure that is saved in our look, and that a notebook shows once.

    A style can change the background when a figure is saved. Jupyter shows the figures that
    pyplot knows when a cell ends, whatever the cell has shown.
    """

    def savefig(self, *arguments: Any, **options: Any) -> None:
        with look():
            super().savefig(*arguments, **options)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Nothing, but Jupyter asks for it first when it shows a cell's value."""
        if "inline" in mpl.get_backend():
            plt.close(self)
        return {}


def lay_out(figure: Figure, *, dpi: float) -> None:
    """Give a figure's parts their places once, which each format would find anew.

    To find them takes as long as to draw the figure twice.
    """
    figure.dpi = dpi
    engine = figure.get_layout_engine()
    with look():
        if engine is not None:
            engine.execute(figure)
        figure.set_layout_engine(None)


def in_our_look(plot: Callable[_Arguments, Figure]) -> Callable[_Arguments, Figure]:
    """Decorate a function that makes a figure: it does so in our look.

    All that a figure combines is of one grid. Xarray compares coordinates then, and copies no
    variable to fit them, which would take a fifth of the time.
    """

    @wraps(plot)
    def plot_in_our_look(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> Figure:
        with look(), xr.set_options(arithmetic_join="exact"):
            return plot(*arguments, **options)

    return plot_in_our_look


def page(width: float, height: float) -> Figure:
    """An empty figure, its size in inches."""
    return plt.figure(FigureClass=Page, figsize=(width, height), layout="constrained")


def subplots(
    n_rows: int, n_columns: int, width: float, height: float, *, share: bool = False
) -> tuple[Figure, np.ndarray]:
    """A figure and its axes, shape (n_rows, n_columns).

    They can share the horizontal scale, and those of a row the vertical one.
    """
    figure = page(width, height)
    rows: Any = "row" if share else False
    return figure, figure.subplots(n_rows, n_columns, sharex=share, sharey=rows, squeeze=False)
