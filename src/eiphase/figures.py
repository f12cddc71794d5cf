"""Figures of a phase map dataset."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from eiphase.observables import Flag

# How a cell is drawn that has no number on any seed, by the flag that most seeds have.
_FLAGGED = {
    Flag.UNDEFINED: ("0.86", "", "fixed point: nothing fluctuates for long"),
    Flag.CENSORED: ("0.62", "", "decay time beyond the largest lag"),
    Flag.BROKEN: ("white", "xxxx", "activity not finite"),
}
_PARTLY = ("none", "////", "flagged on some seeds; colour: median of the others")

_TITLES = {
    "rate": "Rate neurons",
    "lif_float": "LIF, floating point",
    "lif_bit_accurate": "LIF, bit-accurate",
}


def draw(dataset_file: Path, folder: Path) -> None:
    """Draw all figures of a `phase_map.nc` into a folder, each as PNG and PDF."""
    with xr.open_dataset(dataset_file) as dataset:
        for name, figure in (
            ("phase_maps", phase_maps(dataset)),
            ("autocovariance", autocovariance_curves(dataset)),
        ):
            folder.mkdir(parents=True, exist_ok=True)
            figure.savefig(folder / f"{name}.png", dpi=150)
            figure.savefig(folder / f"{name}.pdf")
            plt.close(figure)


def phase_maps(dataset: xr.Dataset) -> Figure:
    """Maps of c(0), on a log scale, and decay time over g_factor and q_factor.

    One column per backend, one shared colour scale per row. Colour is the median over
    the seeds that have a number; cells without are grey or hatched, as the legend says.
    """
    backends = np.atleast_1d(dataset.backend.values)
    with sns.axes_style("ticks"):
        figure, axes = plt.subplots(
            2, len(backends), figsize=(3.2 * len(backends) + 1.6, 6.6),
            sharex=True, sharey=True, squeeze=False, layout="constrained",
        )  # fmt: skip
    legend: dict[str, Patch] = {}
    for row, (name, label) in enumerate(
        [("c0", "autocovariance at lag 0, c(0)"), ("decay_time", "decay time (steps)")]
    ):
        norm = _norm(dataset[name], log=name == "c0")
        for axis, backend in zip(axes[row], backends, strict=True):
            one = dataset.sel(backend=backend) if "backend" in dataset.dims else dataset
            image = _map(axis, one[name], one[f"{name}_flag"], norm, legend)
            if row == 0:
                axis.set_title(_TITLES[str(backend)])
            else:
                axis.set_xlabel("g_factor (inhibition)")
        axes[row, 0].set_ylabel("q_factor (recurrent gain)")
        figure.colorbar(image, ax=list(axes[row]), label=label)
    if legend:
        figure.legend(
            handles=list(legend.values()), loc="outside lower center", ncols=2, frameon=False
        )
    figure.suptitle(_subtitle(dataset), fontsize="medium")
    return figure


def _map(axis: Axes, values: xr.DataArray, flags: xr.DataArray, norm: Normalize, legend: dict):
    """One map; adds to `legend` what marks it needed."""
    values, flags = (
        array.expand_dims("seed") if "seed" not in array.dims else array for array in (values, flags)
    )
    values, flags = values.transpose("q_factor", "g_factor", "seed"), flags.transpose(
        "q_factor", "g_factor", "seed"
    )
    edges = _edges(values.g_factor.values), _edges(values.q_factor.values)
    ok = (flags == Flag.OK).values
    median = values.median("seed").values
    image = axis.pcolormesh(*edges, median, norm=norm, cmap=_COLOURS, rasterized=True)

    def mark(cells: np.ndarray, colour: str, hatch: str, text: str) -> None:
        if cells.any():
            for q, g in np.argwhere(cells):
                axis.fill_between(
                    edges[0][g : g + 2], *edges[1][q : q + 2],
                    facecolor=colour, hatch=hatch, edgecolor="0.35", linewidth=0,
                )  # fmt: skip
            legend[text] = Patch(facecolor=colour, hatch=hatch, edgecolor="0.35", label=text)

    mark(ok.any(axis=2) & ~ok.all(axis=2), *_PARTLY)
    counts = np.stack([(flags == flag).sum("seed").values for flag in _FLAGGED])
    commonest = np.array(list(_FLAGGED))[counts.argmax(axis=0)]
    for flag, style in _FLAGGED.items():
        mark(~ok.any(axis=2) & (commonest == flag), *style)
    return image


_COLOURS = sns.color_palette("rocket_r", as_cmap=True)


def _norm(values: xr.DataArray, *, log: bool) -> Normalize:
    numbers = values.values[np.isfinite(values.values)]
    if log:
        numbers = numbers[numbers > 0]
        return LogNorm(*(np.quantile(numbers, (0, 1)) if numbers.size else (0.1, 1)))
    return Normalize(0, numbers.max() if numbers.size else 1)


def _edges(centres: np.ndarray) -> np.ndarray:
    """Borders of the cells around sorted centres; halfway between neighbours."""
    if len(centres) == 1:
        return centres[0] + np.array([-0.5, 0.5])
    between = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - between[0]], between, [2 * centres[-1] - between[-1]]])


def _subtitle(dataset: xr.Dataset) -> str:
    return f"Sweep {dataset.attrs.get('sweep', '')}, {dataset.seed.size} seeds"


def autocovariance_curves(dataset: xr.Dataset) -> Figure:
    """c(lag) / c(0) at a few grid points: low, middle and high q_factor at the middle g_factor."""
    backends = np.atleast_1d(dataset.backend.values)
    g = dataset.g_factor.values[dataset.g_factor.size // 2]
    n_q = dataset.q_factor.size
    chosen = dataset.q_factor.values[sorted({n_q // 6, n_q // 2, n_q - 1})]
    with sns.axes_style("ticks"):
        figure, axes = plt.subplots(
            1, len(backends), figsize=(3.4 * len(backends) + 0.6, 3.4),
            sharex=True, squeeze=False, layout="constrained",
        )  # fmt: skip
    colours = sns.color_palette("rocket_r", len(chosen) + 1)[1:]
    for axis, backend in zip(axes[0], backends, strict=True):
        for q, colour in zip(chosen, colours, strict=True):
            curves = dataset.autocovariance.sel(backend=backend, q_factor=q, g_factor=g)
            for number, seed in enumerate(dataset.seed.values):
                axis.plot(
                    dataset.lag, curves.sel(seed=seed), color=colour, linewidth=1,
                    label=f"q_factor {q:g}" if number == 0 else None,
                )  # fmt: skip
        axis.set(title=_TITLES[str(backend)], xlabel="lag (steps)", yscale="symlog")
        sns.despine(ax=axis)
    axes[0, 0].set_ylabel("autocovariance c(lag)")
    axes[0, -1].legend(frameon=False)
    figure.suptitle(f"{_subtitle(dataset)}, g_factor {g:g}", fontsize="medium")
    return figure
