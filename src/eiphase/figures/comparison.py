"""Several phase maps side by side: what their mappings do to the border between the phases."""

import json
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from eiphase.dataset import DatasetError


def fano_factor(dataset: xr.Dataset) -> xr.DataArray:
    """Variance over mean of a LIF neuron's spike count in the window, both means over neurons.

    A neuron that fires regularly has less than 1, one whose rate wanders slowly more.
    """
    boxcar = json.loads(dataset.attrs["sweep_config"])["observables"]["boxcar"]
    return dataset.autocovariance.sel(lag=0) / (boxcar * dataset.mean_rate)


def agreement(dataset: xr.Dataset) -> tuple[float, float]:
    """Of integers with floating point, over all cells and seeds of a phase map.

    Returns the part on the same side of the border, and the median factor, at least 1, by
    which the Fano factors differ.
    """
    fano = fano_factor(dataset)
    real, integer = fano.sel(backend="lif_float"), fano.sel(backend="lif_bit_accurate")
    both = np.isfinite(real) & np.isfinite(integer)
    same = float(((real > 1) == (integer > 1)).where(both).mean())
    return same, float(np.exp(np.abs(np.log(integer / real)).where(both).median()))


def plot_comparison(datasets: Sequence[xr.Dataset]) -> Figure:
    """Fano factors of LIF neurons: a row for each phase map, a column for each backend.

    Colour is the median over seeds. The line, where the Fano factor is 1, is the border
    between regular firing and slow fluctuations; dotted is that of floating point. The
    datasets need lif_float and lif_bit_accurate, and may differ in all else.
    """
    for dataset in datasets:
        for backend in ("lif_float", "lif_bit_accurate"):
            if backend not in dataset.backend:
                raise DatasetError(f"{dataset.attrs.get('sweep')} has no {backend} to compare.")
        if min(dataset.sizes["q_factor"], dataset.sizes["g_factor"]) < 2:
            raise DatasetError(f"{dataset.attrs.get('sweep')} is no map: it needs two q and two g.")
    with sns.axes_style("ticks"):
        figure, axes = plt.subplots(
            len(datasets), 2, figsize=(7.6, 2.4 * len(datasets) + 0.6),
            sharex=True, sharey=True, squeeze=False, layout="constrained",
        )  # fmt: skip
    norm = LogNorm(0.1, 100)
    for row, dataset in zip(axes, datasets, strict=True):
        fano = fano_factor(dataset).median("seed")
        for axis, backend in zip(row, ("lif_float", "lif_bit_accurate"), strict=True):
            one = fano.sel(backend=backend)
            image = axis.pcolormesh(
                one.g_factor, one.q_factor, one, norm=norm, cmap="rocket_r", shading="nearest"
            )
            for name, style in (("lif_float", "dotted"), (backend, "solid")):
                line = fano.sel(backend=name)
                axis.contour(
                    line.g_factor,
                    line.q_factor,
                    np.log(line),
                    [0.0],
                    colors="black",
                    linestyles=style,
                )
        mapping = json.loads(dataset.attrs["sweep_config"])["mapping"]
        same, factor = agreement(dataset)
        row[0].set_title(f"LIF, floating point\n{mapping['rate_to_lif']}", fontsize="small")
        row[1].set_title(
            "bit-accurate: {float_to_integer}, {weight_bits} bits\n".format(**mapping)
            + f"{same:.0%} on the same side, off {factor:.2f}-fold",
            fontsize="small",
        )
        row[0].set_ylabel("q_factor")
    for axis in axes[-1]:
        axis.set_xlabel("g_factor")
    figure.colorbar(image, ax=axes, label="Fano factor, variance / mean of counts")
    return figure
