"""Phase maps of excitatory-inhibitory networks, simulated through Lava.

For a grid of recurrent gain (q_factor) and inhibition (g_factor), for several seeds and on
three backends (rate neurons, LIF in floating point, LIF in Loihi's integers), eiphase asks:
is the network at a stable fixed point, or does it fluctuate?

One network, in a notebook:

>>> import eiphase
>>> network = eiphase.Network(n_neurons=400, q_factor=8.16, g_factor=4.5, seed=1)
>>> recording = eiphase.simulate(network, "lif_float", steps=1000)
>>> eiphase.plot_recording(recording, eiphase.measure(recording, burn_in=200, max_lag=100))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eiphase.errors import DatasetError, SweepError
    from eiphase.figures.overview import plot_overview
    from eiphase.figures.phase_map import (
        plot_autocovariance,
        plot_cut,
        plot_fluctuations,
        plot_mapping,
        plot_phase_maps,
    )
    from eiphase.figures.phases import plot_phases
    from eiphase.figures.recording import plot_recording
    from eiphase.jobs.datasets.combining import combine
    from eiphase.jobs.divergence import simulate_across_border
    from eiphase.networks.weights import Network
    from eiphase.simulation.measure import measure, received_input
    from eiphase.simulation.single import simulate, simulate_cell
    from eiphase.sweep.attributes import words

# Where the public names live. They are imported when first asked for, so that
# `import eiphase` and light modules such as the sweep's config stay light.
_HOME = {
    "Network": "eiphase.networks.weights",
    "SweepError": "eiphase.errors",
    "DatasetError": "eiphase.errors",
    "simulate": "eiphase.simulation.single",
    "simulate_cell": "eiphase.simulation.single",
    "measure": "eiphase.simulation.measure",
    "received_input": "eiphase.simulation.measure",
    "words": "eiphase.sweep.attributes",
    "combine": "eiphase.jobs.datasets.combining",
    "plot_recording": "eiphase.figures.recording",
    "plot_phase_maps": "eiphase.figures.phase_map",
    "plot_phases": "eiphase.figures.phases",
    "plot_overview": "eiphase.figures.overview",
    "simulate_across_border": "eiphase.jobs.divergence",
    "plot_autocovariance": "eiphase.figures.phase_map",
    "plot_cut": "eiphase.figures.phase_map",
    "plot_fluctuations": "eiphase.figures.phase_map",
    "plot_mapping": "eiphase.figures.phase_map",
}

__all__ = [
    "DatasetError",
    "Network",
    "SweepError",
    "combine",
    "measure",
    "plot_autocovariance",
    "plot_cut",
    "plot_fluctuations",
    "plot_mapping",
    "plot_overview",
    "plot_phase_maps",
    "plot_phases",
    "plot_recording",
    "received_input",
    "simulate",
    "simulate_across_border",
    "simulate_cell",
    "words",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'eiphase' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
