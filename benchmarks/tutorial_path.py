"""The tutorial's own path: step by step through Lava, recorded by Monitors, read by Var.get."""

import numpy as np

import eiphase.lava.compatibility  # noqa: F401  must come before Lava's own modules

# isort: split
from lava.magma.core.run_conditions import RunSteps
from lava.proc.io.sink import RingBuffer
from lava.proc.monitor.process import Monitor

from eiphase.lava.reference.ei_network import EINetwork, run_config

BURN_IN = 200  # steps left out at either end, as in the tutorial
MAX_LAG = 100
BOXCAR = 25


def simulate(network: EINetwork, backend: str, n_steps: int) -> np.ndarray:
    """Run, record what the tutorial records, and read it. Returns activity (time, neuron)."""
    n_neurons = network.state.shape[0]
    monitors = []
    for variable in _monitored(network, backend):
        monitor = Monitor()
        monitor.probe(target=variable, num_steps=n_steps)
        monitors.append((monitor, variable))
    spikes = RingBuffer(shape=(n_neurons,), buffer=n_steps)
    if backend != "rate":
        network.s_out.connect(spikes.a_in)
    network.run(condition=RunSteps(num_steps=n_steps), run_cfg=run_config(backend))
    recorded = [m.get_data()[network.name][variable.name] for m, variable in monitors]
    activity = recorded[0] if backend == "rate" else spikes.data.get().T
    network.stop()
    return activity


def _monitored(network: EINetwork, backend: str) -> list:
    if backend == "rate":
        return [network.state]
    return [network.state, network.current] if backend == "lif_float" else []


def measure(activity: np.ndarray, backend: str) -> np.ndarray:
    """Autocovariance at lags from -100 to 100: each lag rolls the array, each step is a dot."""
    if backend != "rate":
        window = np.ones(BOXCAR)
        n_steps = len(activity)
        activity = np.array([np.convolve(train, window)[:n_steps] for train in activity.T]).T
    x = activity[BURN_IN:-BURN_IN]
    x = x - x.mean(axis=0)
    c = []
    for lag in range(-MAX_LAG, MAX_LAG + 1):
        shifted = np.roll(x, lag, axis=0)
        products = [
            np.dot(now - now.mean(), then - then.mean()) / x.shape[1]
            for now, then in zip(x, shifted, strict=True)
        ]
        c.append(np.mean(products))
    return np.array(c)
