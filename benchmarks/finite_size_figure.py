"""Figures that compare single networks with mean-field theory."""

import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eiphase.figures import panels


@panels.in_our_look
def plot_finite_size(dataset: xr.Dataset) -> Figure:
    """Critical q_factor over N, c(0) and decay time over q_factor: networks beside theory.

    `dataset` is what `benchmarks/finite_size.py` writes. Points are single networks, lines theory.
    """
    figure, (axes,) = panels.subplots(1, 3, 13, 4.4)
    _borders(axes[0], dataset)
    _activity(axes[1], dataset, "c0", "autocovariance at lag 0, c(0)")
    _activity(axes[2], dataset, "decay_time", "decay time (time constants)")
    axes[1].set(yscale="log", ylim=(0.01, None))
    axes[2].set(yscale="log")
    axes[2].set_yticks([2, 5, 10, 20], ["2", "5", "10", "20"])
    axes[2].minorticks_off()
    for axis in axes:
        sns.despine(ax=axis)
        axis.legend(frameon=False, fontsize="small")
    return figure


def _borders(axis: Axes, dataset: xr.Dataset) -> None:
    colours = sns.color_palette("colorblind", dataset.g_factor.size)
    n = dataset.n_neurons.values.astype(float)
    for i, (g, colour) in enumerate(zip(dataset.g_factor.values, colours, strict=True)):
        one = dataset.sel(g_factor=g)
        # Side by side around the size: first loss left, last one right.
        beside = 1.12 ** (i - (len(colours) - 1) / 2)
        for name, marker, shift in (("first_loss", "v", 1 / 1.025), ("critical_q", "o", 1.025)):
            values = one[name].transpose("n_neurons", "seed").values
            sizes = np.broadcast_to((n * beside * shift)[:, None], values.shape)
            axis.plot(
                sizes.ravel(), values.ravel(), marker, color=colour, alpha=0.5, markersize=4,
                markeredgewidth=0,
            )  # fmt: skip
        axis.plot(n, one.predicted_q, color=colour, label=f"g_factor {g:g}")
    axis.plot([], [], "v", color="0.4", markersize=4, label="first fixed point lost")
    axis.plot([], [], "o", color="0.4", markersize=4, label="settles nowhere")
    axis.set(xscale="log", xlabel="neurons N", ylabel="critical q_factor", title="border")
    axis.set_xticks(n, [f"{size:g}" for size in n])
    axis.minorticks_off()
    axis.set_ylim(top=1.3 * axis.get_ylim()[1])  # room for the legend


def _activity(axis: Axes, dataset: xr.Dataset, name: str, label: str) -> None:
    sizes = dataset.simulated_neurons.values
    for size, colour in zip(sizes, sns.color_palette("colorblind", len(sizes)), strict=True):
        one = dataset.sel(simulated_neurons=size)
        axis.plot(one.fine_q, one[f"predicted_{name}"], color=colour, label=f"N = {size}")
        axis.plot(
            one.q_factor, one[name].transpose("q_factor", "run"), "o", color=colour, alpha=0.6,
            markersize=4, markeredgewidth=0,
        )  # fmt: skip
    g = dataset.attrs["g_factor_simulated"]
    axis.set(xlabel="q_factor", ylabel=label, title=f"g_factor {g:g}")
