"""How many weight bits the border and the chaotic phase need."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from eiphase import critical_line
from eiphase.errors import DatasetError
from eiphase.figures import look
from eiphase.figures.panels import as_text, check_derived, config
from eiphase.flags import Crossing, Fate, Phase

_BACKENDS = ("lif_float", "lif_bit_accurate")


def weight_bits(dataset: xr.Dataset) -> int:
    return config(dataset, "mapping")["weight_bits"]


def shifts(dataset: xr.Dataset) -> xr.DataArray:
    """By how much integers move the border of each seed, in q_factor, over g_factor and seed.

    NaN where either has no border above which there is chaos.
    """
    begins = dataset.critical_q_flag.isin([Crossing.RISE, Crossing.SEVERAL])
    borders = dataset.critical_q.where(begins)
    moved = borders.sel(backend="lif_bit_accurate") - borders.sel(backend="lif_float")
    return moved.transpose("g_factor", "seed")


def agreement(dataset: xr.Dataset) -> dict[str, float]:
    """Parts of all networks, over grid points and seeds, by what integers do to them.

    Same side of the border: an extra spike's damage spreads in both, or in neither. Same
    phase: by `phases.classify`. Broken mapping: the integers are another network, by its rules.
    """
    real, integer = (dataset.sel(backend=name) for name in _BACKENDS)
    spreads, too = (one.spike_damage_fate == Fate.SPREAD for one in (real, integer))
    known = ~real.spike_damage_fate.isin([-1, Fate.BROKEN])
    return {
        "same side of the border": float((spreads == too).where(known).mean()),
        "same phase": float((real.phase == integer.phase).where(known).mean()),
        "broken mapping": float((integer.phase == Phase.BROKEN).where(known).mean()),
    }


@look.in_our_look
def plot_precision(datasets: Sequence[xr.Dataset]) -> Figure:
    """What weight bits do to the border of LIF networks, from phase maps that differ in them.

    Left: borders of floating point (black, band: 95 % interval of the mean over seeds) and of
    integers, mean over seeds. Middle: by how much integers move it, a dot for each seed and
    g_factor, and the mean, with 95 % interval, over seeds of their means over g_factor.
    Right: which part of the networks integers keep as they are: see `agreement`.

    Raises `DatasetError`, one sentence, if the maps lack a LIF backend or chaos, or if two
    have as many bits.
    """
    by_bits = _by_bits(datasets)
    colours = dict(zip(by_bits, sns.color_palette("viridis", len(by_bits)), strict=True))
    figure, (axes,) = look.subplots(1, 3, 11.5, 3.9)
    _borders(axes[0], by_bits, colours)
    _shifts(axes[1], by_bits, colours)
    _agreement(axes[2], by_bits)
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
        for backend in _BACKENDS:
            if backend not in dataset.backend:
                raise DatasetError(f"{name} has no {backend} to compare.")
        if "spike_damage_fate" not in dataset or (dataset.spike_damage_fate < 0).all():
            raise DatasetError(f"{name} did not measure chaos: set observables.chaos to true.")
        if bits in found:
            raise DatasetError(f"Two of the phase maps have {bits} weight bits.")
        found[bits] = dataset
    return found


def _borders(axis: Axes, by_bits: dict[int, xr.Dataset], colours: dict[int, tuple]) -> None:
    for bits, dataset in by_bits.items():
        one = dataset.sel(backend="lif_bit_accurate").sortby("g_factor")
        if one.critical_q_mean.isnull().all():
            continue
        axis.plot(
            one.g_factor, one.critical_q_mean, marker=".", color=colours[bits], label=f"{bits} bits"
        )
    one = next(iter(by_bits.values())).sel(backend="lif_float").sortby("g_factor")
    axis.fill_between(
        one.g_factor, one.critical_q_low, one.critical_q_high, color="black", alpha=0.2, linewidth=0
    )
    look: dict[str, Any] = {"color": "black", "linestyle": "--", "label": "floating point"}
    axis.plot(one.g_factor, one.critical_q_mean, **look)
    axis.set(xlabel="g_factor (inhibition)", ylabel="critical q_factor", title="border")
    axis.legend(frameon=False, fontsize="small")


def _shifts(axis: Axes, by_bits: dict[int, xr.Dataset], colours: dict[int, tuple]) -> None:
    axis.axhline(0, color="0.4", linewidth=0.8)
    for bits, dataset in by_bits.items():
        moved = shifts(dataset)
        beside = np.linspace(-0.15, 0.15, moved.size)
        axis.plot(bits + beside, moved.values.ravel(), ".", color=colours[bits], alpha=0.6)
        mean, low, high = critical_line.confidence_interval(moved.mean("g_factor").values)
        error = [[mean - low], [high - mean]] if np.isfinite(low) else None
        axis.errorbar(bits, mean, error, fmt="o", color="black", capsize=4, markersize=5)
    axis.set(ylabel="shift of the critical q_factor", title="integers less floating point")


def _agreement(axis: Axes, by_bits: dict[int, xr.Dataset]) -> None:
    parts = {bits: agreement(dataset) for bits, dataset in by_bits.items()}
    names = next(iter(parts.values()))
    for name, colour, marker in zip(names, sns.color_palette("colorblind")[:3], "osX", strict=True):
        values = [part[name] for part in parts.values()]
        axis.plot(list(parts), values, marker=marker, color=colour, label=name)
    axis.set(ylim=(-0.02, 1.02), ylabel="part of all networks", title="beside floating point")
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    axis.legend(frameon=False, fontsize="small")
