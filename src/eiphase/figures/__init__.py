"""Figures: which there are. Imports nothing heavy: the Snakefile reads it at every start."""

from collections.abc import Collection

# Figures of a phase map, drawn by `phase_map.plot_<name>`, and their category in the report.
PHASE_MAP = {
    "phase_maps": "Maps",
    "cut": "Cuts",
    "autocovariance": "Cuts",
    "mapping": "Diagnostics",
    "phases": "Maps",
}
# Figures of the tutorial, drawn by `tutorial.<name>`.
TUTORIAL = (
    "states",
    "autocovariance",
    "rasters",
    "mean_rates",
    "activation_of_a_neuron",
    "activation_of_the_population",
    "activation_over_time",
    "dynamic_range",
    "float_and_integers",
)


def of_sweep(backends: Collection[str], *, chaos: bool) -> list[str]:
    """The figures of a sweep with these backends, and with or without measures of chaos."""
    lacking = set()
    if set(backends) == {"rate"}:
        lacking.add("mapping")  # only LIF neurons have one
    if not chaos:
        lacking.add("phases")
    return [name for name in PHASE_MAP if name not in lacking]


def has_overview(backends: Collection[str], *, chaos: bool) -> bool:
    """Whether there is `overview.plot_overview` of a sweep: it follows damage over time."""
    return chaos and set(backends) != {"rate"}
