"""Figures: which there are. Imports nothing heavy: the Snakefile reads it at every start."""

from collections.abc import Collection
from typing import NamedTuple

from eiphase.backends import mapped, with_damage


class InReport(NamedTuple):
    """Where a figure stands in the report, and under which title."""

    category: str
    title: str


# Figures of a phase map, drawn by `phase_map.plot_<name>`.
PHASE_MAP = {
    "phase_maps": InReport("Maps", "Phase maps"),
    "fluctuations": InReport("Maps", "c(0) and decay time"),
    "cut": InReport("Cuts", "c(0) and decay time along q_factor"),
    "autocovariance": InReport("Cuts", "Autocovariance"),
    "mapping": InReport("Diagnostics", "How the mappings went"),
    "phases": InReport("Maps", "Phases and what decides them"),
}
# Figures of the tutorial with their titles, drawn by `tutorial.<name>`.
TUTORIAL = {
    "states": "States of rate neurons",
    "autocovariance": "Autocovariance of rate and LIF neurons",
    "rasters": "Spikes of LIF neurons",
    "mean_rates": "Mean rates over time",
    "input_of_a_neuron": "What one neuron receives",
    "input_of_the_population": "What all neurons receive",
    "input_over_time": "Input over time",
    "dynamic_range": "Ranges of current and voltage",
    "float_and_integers": "Floating point and integers",
}


def of_sweep(backends: Collection[str], *, chaos: bool) -> list[str]:
    """The figures of a sweep with these backends, and with or without measures of chaos."""
    lacking: set[str] = set()
    if not mapped(backends):
        lacking.add("mapping")
    if not chaos:
        lacking |= {"phases", "fluctuations"}  # which phase_maps shows in their stead
    return [name for name in PHASE_MAP if name not in lacking]


def has_overview(backends: Collection[str], *, chaos: bool) -> bool:
    """Whether there is `overview.plot_overview` of a sweep: it follows damage over time."""
    return chaos and bool(with_damage(backends))
