"""Several phase maps side by side: what their mappings do to the border between the phases."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from eiphase.backends import pairs, pairs_in_words
from eiphase.errors import DatasetError
from eiphase.figures import panels
from eiphase.figures.panels import as_text, check_derived, config, edges
from eiphase.flags import Crossing, Fate, Phase
from eiphase.jobs.datasets.unmeasured import completed
from eiphase.observables.uncertainty import error_from_scatter

_DAMAGE = "above: damage spreads"


def variance_to_mean(dataset: xr.Dataset) -> xr.DataArray:
    """Mean variance of LIF neurons' spike counts over their mean count: c(0) / (boxcar * rate).

    Both are means over neurons before the division, in windows that slide step by step. The
    variable `fano_factor` instead divides for each neuron, in consecutive windows. The ratio is
    below 1 for neurons that fire regularly, and above 1 where rates wander slowly.
    """
    boxcar = config(dataset, "observables")["boxcar"]
    return dataset.autocovariance.sel(lag=0) / (boxcar * dataset.mean_rate)


def kept_variance(dataset: xr.Dataset) -> tuple[float, float]:
    """How well integers keep the variance of counts, over all cells and seeds of a phase map.

    Returns the part on the same side of 1, and the median factor, at least 1, by
    which the ratios of variance to mean differ.
    """
    ratio = variance_to_mean(dataset)
    real, integer = (ratio.sel(backend=name) for name in _pair(dataset))
    both = np.isfinite(real) & np.isfinite(integer)
    same = float(((real > 1) == (integer > 1)).where(both).mean())
    factor = abs(xr.apply_ufunc(np.log, integer / real))
    return same, float(np.exp(factor.where(both).median()))


def _pair(dataset: xr.Dataset) -> tuple[str, str]:
    """The backend in integers and before it the one that it is made from, of floating point."""
    found = pairs(dataset.backend.values.tolist())
    if not found:
        name = dataset.attrs.get("sweep")
        raise DatasetError(
            f"{name} has no pair of backends to compare: it needs {pairs_in_words()}."
        )
    return found[0]


@panels.in_our_look
def plot_comparison(datasets: Sequence[xr.Dataset]) -> Figure:
    """Variance over mean of LIF neurons' counts: floating point on the left, integers beside it.

    Colour is the median over seeds, on a scale around 1. Lines in the colours of the backends:
    where it is 1, the border between regular firing and slow fluctuations. Black: the border
    above which damage by one spike spreads, mean over seeds, where chaos was measured. Phase
    maps that are the same in floating point share a row. The datasets need a backend in integers
    and the one in floating point that it is made from, and may differ in all else.
    """
    rows = _rows([completed(dataset, ["measured_critical_q_mean"]) for dataset in datasets])
    n_columns = 1 + max(len(row) for row in rows)
    size = 2.8 * n_columns + 1.4, 2.4 * len(rows) + 1
    figure, axes = panels.subplots(len(rows), n_columns, *size, share=True)
    legend: dict[str, Line2D] = {}
    for row, members in zip(axes, rows, strict=True):
        mapping = _mapping(members[0])
        image = _map(row[0], members[0], _pair(members[0])[0], legend)
        row[0].set_title(f"LIF, floating point\n{mapping['rate_to_lif']}", fontsize="small")
        row[0].set_ylabel("q_factor (recurrent gain)", fontsize="small")
        for axis in row[len(members) + 1 :]:
            axis.set_visible(False)
        for axis, dataset in zip(row[1:], members, strict=False):
            _map(axis, dataset, _pair(dataset)[1], legend)
            same, factor = kept_variance(dataset)
            axis.set_title(
                "bit-accurate: {float_to_integer}, {weight_bits} bits\n".format(**_mapping(dataset))
                + f"{same:.0%} on the same side, off {factor:.2f}-fold",
                fontsize="small",
            )
    for axis in axes[-1]:
        axis.set_xlabel("g_factor (inhibition)", fontsize="small")
    figure.colorbar(image, ax=axes, label="mean variance / mean of spike counts", shrink=0.7)
    panels.explain(figure, legend)
    return figure


def _rows(datasets: Sequence[xr.Dataset]) -> list[list[xr.Dataset]]:
    rows: dict[tuple, list[xr.Dataset]] = {}
    for dataset in datasets:
        check_derived(dataset)
        name = dataset.attrs.get("sweep")
        floats, _ = _pair(dataset)
        if min(dataset.sizes["q_factor"], dataset.sizes["g_factor"]) < 2:
            raise DatasetError(f"{name} is no map: it needs two q and two g.")
        real = variance_to_mean(dataset).sel(backend=floats).values.tobytes()
        rows.setdefault((_mapping(dataset)["rate_to_lif"], real), []).append(dataset)
    return list(rows.values())


def _mapping(dataset: xr.Dataset) -> dict[str, Any]:
    return {key: as_text(value) for key, value in config(dataset, "mapping").items()}


def _map(axis: Axes, dataset: xr.Dataset, backend: str, legend: dict) -> QuadMesh:
    dataset = dataset.sortby(["q_factor", "g_factor"])
    ratio = variance_to_mean(dataset).median("seed")
    g, q = (edges(ratio[name].values) for name in ("g_factor", "q_factor"))
    one = ratio.sel(backend=backend).transpose("q_factor", "g_factor")
    norm = LogNorm(0.01, 100)  # around that of Poisson counts
    image = axis.pcolormesh(g, q, one, norm=norm, cmap=panels.RATIO_COLOURS, rasterized=True)
    for name in dict.fromkeys((_pair(dataset)[0], backend)):
        line = ratio.sel(backend=name).transpose("q_factor", "g_factor")
        colour = panels.BACKEND_COLOURS[name]
        drawn = axis.contour(line.g_factor, line.q_factor, np.log(line), [0.0], colors=[colour])
        drawn.set_path_effects(panels.HALO)
        text = f"variance = mean, {panels.BACKEND_TITLES[name].removeprefix('LIF, ')}"
        legend[text] = Line2D([], [], color=colour, label=text)
    border = dataset.measured_critical_q_mean.sel(backend=backend)
    if border.notnull().any():
        style: dict[str, Any] = {"color": "black", "linewidth": 2, "marker": "."}
        axis.plot(border.g_factor, border, path_effects=panels.HALO, **style)
        legend[_DAMAGE] = Line2D([], [], label=_DAMAGE, **style)
    return image


def weight_bits(dataset: xr.Dataset) -> int:
    return config(dataset, "mapping")["weight_bits"]


def shifts(dataset: xr.Dataset) -> xr.DataArray:
    """The distance in q_factor by which integers move the border, over g_factor and seed.

    NaN where either has no border above which one spike's effect spreads.
    """
    begins = dataset.measured_critical_q_flag.isin([Crossing.RISE, Crossing.SEVERAL])
    borders = dataset.measured_critical_q.where(begins)
    floats, integers = _pair(dataset)
    moved = borders.sel(backend=integers) - borders.sel(backend=floats)
    return moved.transpose("g_factor", "seed")


def kept_by_integers(dataset: xr.Dataset) -> dict[str, float]:
    """Parts of all networks, over grid points and seeds, by what integers do to them.

    Same side of the border: an extra spike's damage spreads in both, or in neither. Same
    phase: by `phases.classify`, with chaos counted as sensitive, for integers have no exponent.
    Broken mapping: the integers are another network, by its rules.
    """
    real, integer = (dataset.sel(backend=name) for name in _pair(dataset))
    spreads, too = (one.spike_damage_fate == Fate.SPREAD for one in (real, integer))
    known = ~real.spike_damage_fate.isin([-1, Fate.BROKEN])
    comparable = real.phase.where(real.phase != Phase.CHAOS, Phase.SENSITIVE)
    return {
        "same side of the border": float((spreads == too).where(known).mean()),
        "same phase": float((comparable == integer.phase).where(known).mean()),
        "broken mapping": float((integer.phase == Phase.BROKEN).where(known).mean()),
    }


@panels.in_our_look
def plot_precision(datasets: Sequence[xr.Dataset]) -> Figure:
    """What weight bits do to the border of LIF networks, from phase maps that differ in them.

    Left: borders of floating point (in its colour; from `panels.SEEDS_OF_A_BAND` on the band is
    the 95 % interval of the mean over seeds) and of integers, mean over seeds.
    Middle: by how much integers move it, a dot for each seed and g_factor, and
    the mean, with standard error, over seeds of their means over g_factor.
    Right: which part of the networks integers keep as they are, see `kept_by_integers`.

    Raises `DatasetError`, one sentence, if the maps lack a LIF backend or chaos, or if two
    have as many bits.
    """
    by_bits = _by_bits(datasets)
    colours = dict(zip(by_bits, sns.color_palette("viridis", len(by_bits)), strict=True))
    figure, (axes,) = panels.subplots(1, 3, 10, 3.6)
    _borders(axes[0], by_bits, colours)
    _shifts(axes[1], by_bits, colours)
    _kept(axes[2], by_bits)
    for axis in axes[1:]:
        axis.set_xlabel("weight bits")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    sns.despine(figure)
    first = next(iter(by_bits.values()))
    mapping = config(first, "mapping")
    names = ", ".join(as_text(mapping[key]) for key in ("rate_to_lif", "float_to_integer"))
    n_seeds = first.sizes["seed"]
    figure.suptitle(f"Mappings {names}, {n_seeds} seeds", fontsize="medium")
    return figure


def _by_bits(datasets: Sequence[xr.Dataset]) -> dict[int, xr.Dataset]:
    found: dict[int, xr.Dataset] = {}
    for dataset in sorted(datasets, key=weight_bits):
        check_derived(dataset)
        bits, name = weight_bits(dataset), dataset.attrs.get("sweep")
        _pair(dataset)
        if "spike_damage_fate" not in dataset or (dataset.spike_damage_fate < 0).all():
            raise DatasetError(f"{name} did not measure chaos: set observables.chaos to true.")
        if bits in found:
            raise DatasetError(f"Two of the phase maps have {bits} weight bits.")
        found[bits] = dataset
    return found


def _borders(axis: Axes, by_bits: dict[int, xr.Dataset], colours: dict[int, tuple]) -> None:
    for bits, dataset in by_bits.items():
        one = dataset.sel(backend=_pair(dataset)[1]).sortby("g_factor")
        if one.measured_critical_q_mean.isnull().all():
            continue
        axis.plot(
            one.g_factor,
            one.measured_critical_q_mean,
            marker=".",
            color=colours[bits],
            label=f"{bits} bits",
        )
    first = next(iter(by_bits.values()))
    floats = _pair(first)[0]
    one = first.sel(backend=floats).sortby("g_factor")
    colour = panels.BACKEND_COLOURS[floats]
    if one.measured_critical_q.notnull().sum("seed").max() >= panels.SEEDS_OF_A_BAND:
        ends = one.measured_critical_q_low, one.measured_critical_q_high
        axis.fill_between(one.g_factor, *ends, color=colour, alpha=0.25, linewidth=0)
    axis.plot(
        one.g_factor, one.measured_critical_q_mean, color=colour, linewidth=2.5,
        label="floating point",
    )  # fmt: skip
    axis.set(xlabel="g_factor (inhibition)", ylabel="critical q_factor", title="border")
    axis.legend(frameon=False, fontsize="small")


def _shifts(axis: Axes, by_bits: dict[int, xr.Dataset], colours: dict[int, tuple]) -> None:
    axis.axhline(0, color="0.4", linewidth=0.8)
    for bits, dataset in by_bits.items():
        moved = shifts(dataset)
        beside = np.linspace(-0.15, 0.15, moved.size)
        axis.plot(bits + beside, moved.values.ravel(), ".", color=colours[bits], alpha=0.6)
        means = moved.mean("g_factor").dropna("seed")
        mean, error = float(means.mean()), error_from_scatter(means.values)
        axis.errorbar(bits, mean, error, fmt="o", color="black", capsize=4, markersize=5)
    axis.set(ylabel="shift of the critical q_factor", title="integers less floating point")


def _kept(axis: Axes, by_bits: dict[int, xr.Dataset]) -> None:
    parts = {bits: kept_by_integers(dataset) for bits, dataset in by_bits.items()}
    names = next(iter(parts.values()))
    # Not the first three colours, which are the backends'.
    colours = [sns.color_palette("colorblind")[i] for i in (4, 5, 7)]
    for name, colour, marker in zip(names, colours, "osX", strict=True):
        values = [part[name] for part in parts.values()]
        axis.plot(list(parts), values, marker=marker, color=colour, label=name)
    axis.set(ylim=(-0.02, 1.02), ylabel="part of all networks", title="beside floating point")
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    axis.legend(frameon=False, fontsize="small")
