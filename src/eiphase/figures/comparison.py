"""Several phase maps side by side: what their mappings do to the border between the phases."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from eiphase.errors import DatasetError
from eiphase.figures import look
from eiphase.figures.panels import as_text, check_derived, config, edges
from eiphase.unmeasured import completed

_BLUE = "#1696d2"
_DAMAGE = "above: damage spreads"


def fano_factor(dataset: xr.Dataset) -> xr.DataArray:
    """Variance over mean of a LIF neuron's spike count in the window, both means over neurons.

    A neuron that fires regularly has less than 1, one whose rate wanders slowly more.
    """
    boxcar = config(dataset, "observables")["boxcar"]
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


@look.in_our_look
def plot_comparison(datasets: Sequence[xr.Dataset]) -> Figure:
    """Fano factors of LIF neurons: floating point on the left, integers beside it.

    Colour is the median over seeds. Black: where the Fano factor is 1, the border between
    regular firing and slow fluctuations; dotted is that of floating point. Blue: the border
    above which damage by one spike spreads, mean over seeds, where chaos was measured. Phase
    maps that are the same in floating point share a row. The datasets need lif_float and
    lif_bit_accurate, and may differ in all else.
    """
    rows = _rows([completed(dataset, ["critical_q_mean"]) for dataset in datasets])
    n_columns = 1 + max(len(row) for row in rows)
    size = 3 * n_columns + 1.4, 2.4 * len(rows) + 1
    figure, axes = look.subplots(len(rows), n_columns, *size, share=True)
    legend: dict[str, Line2D] = {}
    for row, members in zip(axes, rows, strict=True):
        mapping = _mapping(members[0])
        image = _map(row[0], members[0], "lif_float", legend)
        row[0].set_title(f"LIF, floating point\n{mapping['rate_to_lif']}", fontsize="small")
        row[0].set_ylabel("q_factor (recurrent gain)", fontsize="small")
        for axis in row[len(members) + 1 :]:
            axis.set_visible(False)
        for axis, dataset in zip(row[1:], members, strict=False):
            _map(axis, dataset, "lif_bit_accurate", legend)
            same, factor = agreement(dataset)
            axis.set_title(
                "bit-accurate: {float_to_integer}, {weight_bits} bits\n".format(**_mapping(dataset))
                + f"{same:.0%} on the same side, off {factor:.2f}-fold",
                fontsize="small",
            )
    for axis in axes[-1]:
        axis.set_xlabel("g_factor (inhibition)", fontsize="small")
    figure.colorbar(image, ax=axes, label="Fano factor, variance / mean of counts", shrink=0.7)
    figure.legend(
        handles=list(legend.values()), loc="outside lower center", ncols=len(legend), frameon=False
    )
    return figure


def _rows(datasets: Sequence[xr.Dataset]) -> list[list[xr.Dataset]]:
    rows: dict[tuple, list[xr.Dataset]] = {}
    for dataset in datasets:
        check_derived(dataset)
        name = dataset.attrs.get("sweep")
        for backend in ("lif_float", "lif_bit_accurate"):
            if backend not in dataset.backend:
                raise DatasetError(f"{name} has no {backend} to compare.")
        if min(dataset.sizes["q_factor"], dataset.sizes["g_factor"]) < 2:
            raise DatasetError(f"{name} is no map: it needs two q and two g.")
        real = fano_factor(dataset).sel(backend="lif_float").values.tobytes()
        rows.setdefault((_mapping(dataset)["rate_to_lif"], real), []).append(dataset)
    return list(rows.values())


def _mapping(dataset: xr.Dataset) -> dict[str, Any]:
    return {key: as_text(value) for key, value in config(dataset, "mapping").items()}


def _map(axis: Axes, dataset: xr.Dataset, backend: str, legend: dict) -> QuadMesh:
    dataset = dataset.sortby(["q_factor", "g_factor"])
    fano = fano_factor(dataset).median("seed")
    g, q = (edges(fano[name].values) for name in ("g_factor", "q_factor"))
    one = fano.sel(backend=backend).transpose("q_factor", "g_factor")
    image = axis.pcolormesh(g, q, one, norm=LogNorm(0.1, 100), cmap="rocket_r", rasterized=True)
    lines: dict[str, tuple[Any, str]] = {
        "lif_float": ("dotted", "Fano factor 1, floating point"),
        backend: ("solid", "Fano factor 1"),
    }
    for name, (style, text) in lines.items():
        line = fano.sel(backend=name).transpose("q_factor", "g_factor")
        axis.contour(
            line.g_factor, line.q_factor, np.log(line), [0.0], colors="black", linestyles=style
        )
        legend[text] = Line2D([], [], color="black", linestyle=style, label=text)
    border = dataset.critical_q_mean.sel(backend=backend)
    if border.notnull().any():
        axis.plot(border.g_factor, border, color=_BLUE, linewidth=2, marker=".")
        legend[_DAMAGE] = Line2D([], [], color=_BLUE, linewidth=2, marker=".", label=_DAMAGE)
    return image
