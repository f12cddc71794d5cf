"""The figures of Lava's tutorial on excitatory-inhibitory networks, from recordings.

Each takes the recordings by name, network and backend: `balanced_rate`,
`critical_lif_float` and so on. Windows and offsets are the tutorial's.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eiphase.figures import panels
from eiphase.figures.recording import autocovariance as plot_autocovariance
from eiphase.figures.recording import input_histogram, raster, traces
from eiphase.mapping.float_to_integer import RANGE_QUANTILES
from eiphase.observables.fluctuation import boxcar
from eiphase.simulation.measure import measure, received_input

Recordings = Mapping[str, xr.Dataset]

NETWORKS = ("balanced", "critical")
RECORDINGS = [f"{n}_{b}" for n in NETWORKS for b in ("rate", "lif_float", "lif_bit_accurate")]
BURN_IN = 200
MAX_LAG = 100
WINDOW = 25
EDGE = 50  # steps left out at both ends of mean rates
NEURON = 4  # the one whose input is shown


def _axes(n_panels: int, height: float = 3.3) -> tuple[Figure, list[Axes]]:
    """Panels in rows of two or three, as a page holds; none is empty."""
    n_columns = 2 if n_panels in (2, 4) else min(n_panels, 3)
    n_rows = -(-n_panels // n_columns)
    width = 10 if n_panels > 1 else 5
    figure, axes = panels.subplots(n_rows, n_columns, width, height * n_rows)
    for axis in axes.flat[n_panels:]:
        axis.remove()
    return figure, list(axes.flat[:n_panels])


def _title(recordings: Recordings, name: str) -> str:
    return f"{name} (q_factor {recordings[f'{name}_rate'].attrs['q_factor']:.3g})"


@panels.in_our_look
def states(recordings: Recordings) -> Figure:
    """States of 50 rate neurons: a fixed point, and chaos."""
    figure, axes = _axes(2)
    for axis, name in zip(axes, NETWORKS, strict=True):
        traces(axis, recordings[f"{name}_rate"])
        axis.set_title(_title(recordings, name))
    return figure


@panels.in_our_look
def autocovariance(recordings: Recordings) -> Figure:
    """Autocovariance of rate and LIF neurons, by the tutorial's estimator."""
    figure, axes = _axes(4, 3)
    neurons = {"rate": "rate", "lif_float": "LIF"}
    shown = [(name, backend) for name in NETWORKS for backend in neurons]
    for axis, (name, backend) in zip(axes, shown, strict=True):
        recording = recordings[f"{name}_{backend}"]
        _plot_autocovariance(axis, recording, color=_colour(recording))
        axis.set_title(f"{name}, {neurons[backend]} neurons")
    return figure


@panels.in_our_look
def rasters(recordings: Recordings) -> Figure:
    """Spikes of LIF neurons: balanced, critical, and critical in floating point and integers."""
    figure, axes = _axes(3, 3.6)
    for axis, name in zip(axes, NETWORKS, strict=False):
        raster(axis, recordings[f"{name}_lif_float"])
        axis.set_title(_title(recordings, name))
    axis = axes[2]
    for backend in ("lif_float", "lif_bit_accurate"):
        recording = recordings[f"critical_{backend}"]
        raster(axis, recording, color=_colour(recording), alpha=0.7)
    axis.set_title("critical: float orange, integers green", fontsize="medium")
    return figure


@panels.in_our_look
def mean_rates(recordings: Recordings) -> Figure:
    """Mean rate over time, less its mean: rate neurons, LIF, and LIF bit-accurate."""
    names = ["balanced_rate", "balanced_lif_float"]
    names += ["critical_rate", "critical_lif_float", "critical_lif_bit_accurate"]
    figure, axes = _axes(5, 3.0)
    for axis, name in zip(axes, names, strict=True):
        recording = recordings[name]
        activity = _activity(recording)
        mean = (activity - activity.mean(axis=0)).mean(axis=1)
        axis.plot(
            recording.step[EDGE:-EDGE], mean[EDGE:-EDGE], color=_colour(recording), linewidth=1
        )
        unit = "state" if "state" in recording else f"spikes in {WINDOW} steps"
        axis.set(xlabel="time (steps)", ylabel=unit, title=name.replace("_", " "))
    return figure


@panels.in_our_look
def input_of_a_neuron(recordings: Recordings) -> Figure:
    """Excitatory, inhibitory and total input of one neuron, over time as histogram."""
    return _input_histograms(recordings, lambda a: a.isel(neuron=NEURON), f"neuron {NEURON}")


@panels.in_our_look
def input_of_the_population(recordings: Recordings) -> Figure:
    """Averages over time of all neurons' input, as histogram.

    So the tutorial's text has it; its code averages over neurons instead.
    """
    return _input_histograms(recordings, lambda a: a.mean("step"), "means over time")


@panels.in_our_look
def input_over_time(recordings: Recordings) -> Figure:
    """Total input of three neurons over time."""
    figure, axes = _axes(2)
    for axis, name in zip(axes, NETWORKS, strict=True):
        received = _received(recordings, name)
        axis.plot(received.step, received.total[:, :3], linewidth=0.8, alpha=0.8)
        axis.set(xlabel="time (steps)", ylabel="total input (thresholds per step)")
        axis.set_title(_title(recordings, name))
    return figure


@panels.in_our_look
def dynamic_range(recordings: Recordings) -> Figure:
    """Distribution of u and v of the critical network, with the quantiles that set the integers.

    The integers' range is symmetric, and reaches as far as the larger quantile.
    """
    figure, axes = _axes(2)
    recording = recordings["critical_lif_float"]
    for axis, name in zip(axes, ("current", "voltage"), strict=True):
        values = recording[name].values.ravel()
        axis.hist(values, bins=200, density=True, color="0.5")
        for end, quantile in zip(("low", "high"), RANGE_QUANTILES, strict=True):
            at = float(recording[f"{name}_{end}"])
            axis.axvline(at, color="#b2182b", linewidth=1)
            axis.text(
                at, 0.95, f" {quantile} quantile: {at:.3g}", rotation=90, va="top", ha="right",
                fontsize="small", transform=axis.get_xaxis_transform(),
            )  # fmt: skip
        axis.set(xlabel=f"{name} (thresholds)", ylabel="density", yscale="log")
    return figure


@panels.in_our_look
def float_and_integers(recordings: Recordings) -> Figure:
    """Autocovariance of the critical LIF network, in floating point and bit-accurate."""
    figure, axes = _axes(1)
    for backend, label in (("lif_bit_accurate", "bit-accurate"), ("lif_float", "floating point")):
        recording = recordings[f"critical_{backend}"]
        _plot_autocovariance(axes[0], recording, color=_colour(recording), label=label)
    axes[0].legend(frameon=False)
    return figure


def _colour(recording: xr.Dataset) -> Any:
    return panels.BACKEND_COLOURS[recording.attrs["backend"]]


def _activity(recording: xr.Dataset) -> np.ndarray:
    if "state" in recording:
        return recording.state.values
    return boxcar(recording.spikes.values, WINDOW)


def _plot_autocovariance(axis, recording: xr.Dataset, **style) -> None:
    observed = measure(
        recording, burn_in=BURN_IN, max_lag=MAX_LAG, autocovariance="tutorial", boxcar=WINDOW
    )
    plot_autocovariance(axis, observed, both_sides=True, **style)


def _received(recordings: Recordings, name: str) -> xr.Dataset:
    return received_input(recordings[f"{name}_lif_float"]).isel(step=slice(BURN_IN, None))


def _input_histograms(
    recordings: Recordings, reduce: Callable[[xr.Dataset], xr.Dataset], what: str
) -> Figure:
    figure, axes = _axes(2)
    for axis, name in zip(axes, NETWORKS, strict=True):
        reduced = reduce(_received(recordings, name))
        input_histogram(axis, reduced)
        axis.set_title(f"{_title(recordings, name)}: {what}")
    return figure
