"""What figures of phase maps share: checked data, panels, maps of cells, marks."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, ParamSpec

import matplotlib as mpl
import matplotlib.pyplot as plt
import matplotlib.style
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path

from eiphase.backends import BACKENDS
from eiphase.errors import DatasetError, plain
from eiphase.flags import Flag, ScaleStatus
from eiphase.jobs.datasets.unmeasured import completed
from eiphase.sweep.attributes import sweep_of
from eiphase.variables import DERIVED, DIMENSIONS, NOT_APPLICABLE, VARIABLES, lack_of

BACKEND_TITLES = {name: backend.title for name, backend in BACKENDS.items()}
BACKEND_COLOURS = dict(zip(BACKEND_TITLES, sns.color_palette("colorblind"), strict=False))
AVERAGED = 99  # a flag: no number, and the reason was lost in an average
DOUBTFUL = "mapping in doubt: no scale fits, weights off by 10 %, or a current wrapped"
_COLOURS = sns.color_palette("rocket_r", as_cmap=True)
_CELLS_WITH_FULL_MARKS = 20  # along an axis; where there are more, marks shrink with them


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


def doubtful(dataset: xr.Dataset) -> xr.DataArray:
    """Where, on any seed, a mapping did not do what it is meant to do."""
    solved = [NOT_APPLICABLE, ScaleStatus.SOLVED, ScaleStatus.IDENTITY]
    return (
        ~dataset.weight_scale_status.isin(solved)
        | (abs(dataset.weight_strength - 1) > 0.1)
        | (dataset.current_wraps > 0)
    ).any("seed")


def panels(n_rows: int, n_columns: int, width: float = 3.3) -> tuple[Figure, np.ndarray]:
    size = width * n_columns + 1.2, 2.9 * n_rows + 0.9
    return subplots(n_rows, n_columns, *size, share=True)


def finish(figure: Figure, axes: np.ndarray, dataset: xr.Dataset, legend: dict) -> Figure:
    for axis in axes[-1]:
        axis.set_xlabel("g_factor (inhibition)")
    for axis in axes[:, 0]:
        axis.set_ylabel("q_factor (recurrent gain)")
    if legend:
        figure.legend(
            handles=list(legend.values()),
            loc="outside lower center",
            ncols=2 if axes.shape[1] > 2 else 1,
            frameon=False,
        )
    figure.suptitle(subtitle(dataset), fontsize="medium")
    return figure


def subtitle(dataset: xr.Dataset) -> str:
    n_seeds = dataset.seed.size
    seeds = f"{n_seeds} seed{'s' if n_seeds > 1 else ''}"
    seeds = "mean over seeds" if is_averaged(dataset) else seeds
    return f"Sweep {as_text(dataset.attrs.get('sweep', ''))}, {seeds}"


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
    axis: Axes, values: xr.DataArray, norm: Normalize, colours: Any = _COLOURS
) -> QuadMesh:
    """Medians over the seeds that have a number."""
    median = values.median("seed").sortby(["q_factor", "g_factor"])
    g, q = (edges(median[name].values) for name in ("g_factor", "q_factor"))
    cells = median.transpose("q_factor", "g_factor").values
    return axis.pcolormesh(g, q, cells, norm=norm, cmap=colours, rasterized=True)


def hatch(axis: Axes, cells: xr.DataArray, style: tuple[str, str, str], legend: dict) -> None:
    """Draw cells (q_factor, g_factor) in a style, and explain it in the legend if there are any."""
    if not cells.any():
        return
    colour, hatch, text = style
    look: dict[str, Any] = {"facecolor": colour, "hatch": hatch, "edgecolor": "0.45"}
    cells = cells.sortby(["q_factor", "g_factor"]).transpose("q_factor", "g_factor")
    g, q = (edges(cells[name].values) for name in ("g_factor", "q_factor"))
    i, j = np.nonzero(cells.values)
    sides = (g[j], q[i]), (g[j + 1], q[i]), (g[j + 1], q[i + 1]), (g[j], q[i + 1])
    corners = np.transpose(sides, (2, 0, 1))
    # All as one path: thousands of cells would take a minute to draw one by one.
    together = Path.make_compound_path_from_polys(corners)
    axis.add_patch(PathPatch(together, linewidth=0, **look))
    legend[text] = Patch(label=text, **look)


def mark(axis: Axes, cells: xr.DataArray, marker: str, text: str, legend: dict) -> None:
    """Put a small marker into cells, and explain it in the legend if there are any.

    In maps of many cells it is smaller, so that the cells' colour can be seen beside it.
    """
    if not cells.any():
        return
    q, g = np.nonzero(cells.transpose("q_factor", "g_factor").values)
    look: dict[str, Any] = {
        "marker": marker, "linestyle": "none", "markerfacecolor": "white",
        "markeredgecolor": "0.2" if marker == "o" else "0.55",
    }  # fmt: skip
    size = 3 if marker == "o" else 7
    scale = min(1.0, _CELLS_WITH_FULL_MARKS / max(cells.sizes["q_factor"], cells.sizes["g_factor"]))
    small: dict[str, Any] = {"markersize": scale * size, "markeredgewidth": scale}
    axis.plot(cells.g_factor.values[g], cells.q_factor.values[q], **look, **small)
    legend[text] = Line2D([], [], label=text, markersize=size, **look)


def log_norm(values: xr.DataArray) -> LogNorm:
    numbers = values.values[np.isfinite(values.values) & (values.values > 0)]
    if not numbers.size:
        return LogNorm(0.1, 1)
    low, high = numbers.min(), numbers.max()
    return LogNorm(low, high) if low < high else LogNorm(low / 2, high * 2)


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
    """Decorate a function that makes a figure: it does so in our look."""

    @wraps(plot)
    def plot_in_our_look(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> Figure:
        with look():
            return plot(*arguments, **options)

    return plot_in_our_look


def page(width: float, height: float) -> Figure:
    """An empty figure, its size in inches."""
    return plt.figure(FigureClass=Page, figsize=(width, height), layout="constrained")


def subplots(
    n_rows: int, n_columns: int, width: float, height: float, *, share: bool = False
) -> tuple[Figure, np.ndarray]:
    """A figure and its axes, shape (n_rows, n_columns); they can share both their scales."""
    figure = page(width, height)
    return figure, figure.subplots(n_rows, n_columns, sharex=share, sharey=share, squeeze=False)
