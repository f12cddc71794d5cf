"""Figures of one recorded network."""

from typing import Any

import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from eiphase.errors import DatasetError
from eiphase.figures import panels
from eiphase.figures.panels import BACKEND_TITLES
from eiphase.flags import Flag
from eiphase.simulation.measure import checked, received_input

POPULATION_COLOURS = {"E": "#b2182b", "I": "#2166ac"}
INPUT_COLOURS = {"excitatory": "#b2182b", "inhibitory": "#2166ac", "total": "0.2"}
N_TRACES = 50  # as many as the tutorial shows


@panels.in_our_look
def plot_recording(recording: xr.Dataset, observed: xr.Dataset | None = None) -> Figure:
    """Draw one network at a glance: what its neurons do, autocovariance, and their input.

    `recording` is from `simulate` or `simulate_cell`, whole or a stretch of its time, `observed`
    from `measure`. A cell of a phase map has been measured already, and needs no `observed`.
    Raises `DatasetError`, one sentence, if they are something else.
    """
    recording = checked(recording)
    observed = recording if observed is None else observed
    _check_observed(observed)
    received = received_input(recording)
    figure, (axes,) = panels.subplots(1, 3, 10, 3.3)
    if "state" in recording:
        traces(axes[0], recording)
    else:
        raster(axes[0], recording)
    autocovariance(axes[1], observed, color="0.2")
    _mark_decay_time(axes[1], observed)
    input_histogram(axes[2], received)
    axes[2].set_title("input from E, I and both")
    sns.despine(figure)
    attributes = recording.attrs
    figure.suptitle(
        f"{BACKEND_TITLES[attributes['backend']]}: q_factor {attributes['q_factor']:g}, "
        f"g_factor {attributes['g_factor']:g}, seed {attributes['seed']}, "
        f"N = {attributes['n_neurons']}",
        fontsize="medium",
    )
    return figure


def _check_observed(observed: xr.Dataset) -> None:
    if not isinstance(observed, xr.Dataset):
        raise DatasetError(f"observed must be a dataset from measure, not {observed!r:.40}.")
    for name, dims in (("autocovariance", ("lag",)), ("decay_time", ()), ("decay_time_flag", ())):
        if name not in observed or observed[name].dims != dims:
            raise DatasetError(f"observed must be a dataset from measure: {name} is not there.")


def traces(axis: Axes, recording: xr.Dataset) -> None:
    """States of the first neurons over time."""
    axis.plot(recording.step, recording.state[:, :N_TRACES], linewidth=0.7)
    axis.set(
        xlabel="time (steps)",
        ylabel="state r",
        title=f"states of {min(N_TRACES, recording.sizes['neuron'])} neurons",
    )


def raster(axis: Axes, recording: xr.Dataset, **style: Any) -> None:
    """A point for each spike, excitatory neurons below inhibitory ones."""
    time, neuron = np.nonzero(recording.spikes.values)
    inhibitory = recording.population.values[neuron] == "I"
    for name, which in (("E", ~inhibitory), ("I", inhibitory)):
        look = {"color": POPULATION_COLOURS[name], "label": name} | style
        axis.plot(recording.step.values[time[which]], neuron[which], ",", rasterized=True, **look)
    axis.set(xlabel="time (steps)", ylabel="neuron", title="spikes (E red, I blue)")


def input_histogram(axis: Axes, received: xr.Dataset) -> None:
    """Densities of excitatory, inhibitory and total input."""
    for name, colour in INPUT_COLOURS.items():
        axis.hist(
            received[name].values.ravel(), bins=40, density=True,
            histtype="stepfilled", alpha=0.5, color=colour, label=name,
        )  # fmt: skip
    in_its_unit = received.total.attrs["long_name"].removeprefix("total ")
    axis.set(xlabel=f"received {in_its_unit}", ylabel="density", yscale="log")
    axis.legend(frameon=False, fontsize="small")


def autocovariance(
    axis: Axes, observed: xr.Dataset, *, both_sides: bool = False, **style: Any
) -> None:
    """c over lag, as it is or, being even, on both sides of zero."""
    lags, c = observed.lag.values, observed.autocovariance.values
    if both_sides:
        lags, c = np.concatenate([-lags[:0:-1], lags]), np.concatenate([c[:0:-1], c])
    axis.plot(lags, c, **style)
    axis.set(xlabel="lag (steps)", ylabel="autocovariance c(lag)")


def _mark_decay_time(axis: Axes, observed: xr.Dataset) -> None:
    flag = Flag(int(observed.decay_time_flag))
    if flag is Flag.OK:
        axis.axvline(float(observed.decay_time), color="#b2182b", linewidth=1)
        axis.set_title(f"decay time {float(observed.decay_time):.0f} steps")
    else:
        settles = flag == Flag.UNDEFINED
        axis.set_title("settles: no decay time" if settles else f"decay time: {flag.name.lower()}")
