"""The networks in Brian2: its steps are written out, for it would discretise equations otherwise.

`with_brian2_cython` and `with_brian2_standalone` run them, one network after the other: only
weights change.
"""

from collections.abc import Callable
from typing import NamedTuple

import brian2 as b2
import numpy as np
from networks import Networks
from scipy.special import erf

STEP = 1 * b2.ms

error_function = b2.Function(erf, arg_units=[1], return_unit=1)
error_function.implementations.add_implementation(
    "cython", 'cdef extern from "math.h":\n    double erf(double)\n', name="erf"
)
error_function.implementations.add_implementation("cpp", "", name="erf")


class Model(NamedTuple):
    """A network without its weights."""

    network: b2.Network
    synapses: b2.Synapses
    weights: Callable[[int], np.ndarray]  # of the network with this index, (synapse,)
    recording: Callable[[], np.ndarray]  # of the last run, (time, neuron)


def rate(networks: Networks, n_steps: int) -> Model:
    """total = W y;  r ← (1 - dr) r + b + dr total;  y = erf(r)."""
    b2.defaultclock.dt = STEP
    constants = {"dr": networks.step_size, "bias": networks.bias, "erf": error_function}
    neurons = b2.NeuronGroup(
        networks.n_neurons, "r : 1\ny : 1\ntotal : 1", namespace=constants, name="neurons"
    )
    neurons.run_regularly(
        "r = (1 - dr) * r + bias + dr * total\ny = erf(r)",
        dt=STEP,
        when="thresholds",  # after the sum, which belongs to the slot "groups"
    )
    synapses = b2.Synapses(
        neurons, neurons, "w : 1\ntotal_post = w * y_pre : 1 (summed)", name="synapses"
    )
    pre, post = _connect(synapses, networks)
    monitor = b2.StateMonitor(neurons, "r", record=True, when="end", name="monitor")
    return Model(
        b2.Network(neurons, synapses, monitor),
        synapses,
        lambda index: networks.weights(index)[post, pre],
        lambda: np.asarray(monitor.r).T,
    )


def lif_float(networks: Networks, n_steps: int) -> Model:
    """u ← u (1 - du) + W s;  v ← v (1 - dv) + u + bias;  s = [v > threshold];  v ← 0 where s."""
    b2.defaultclock.dt = STEP
    neurons = b2.NeuronGroup(
        networks.n_neurons,
        "u : 1\nv : 1\na : 1",
        threshold="v > vth",
        reset="v = 0",
        namespace={
            "du": networks.du,
            "dv": networks.dv,
            "bias": networks.lif_bias,
            "vth": networks.threshold,
        },
        name="neurons",
    )
    neurons.run_regularly(
        "u = u * (1 - du) + a\nv = v * (1 - dv) + u + bias\na = 0", dt=STEP, when="groups"
    )
    synapses = b2.Synapses(neurons, neurons, "w : 1", on_pre="a_post += w", name="synapses")
    pre, post = _connect(synapses, networks)
    monitor = b2.SpikeMonitor(neurons, name="monitor")

    def recording() -> np.ndarray:
        spikes = np.zeros((n_steps, networks.n_neurons), np.uint8)
        spikes[np.round(monitor.t / STEP).astype(int), monitor.i] = 1
        return spikes

    return Model(
        b2.Network(neurons, synapses, monitor),
        synapses,
        lambda index: networks.lif_weights(index)[post, pre],
        recording,
    )


def _connect(synapses: b2.Synapses, networks: Networks) -> tuple[np.ndarray, np.ndarray]:
    """Where weights are not zero, neuron by neuron."""
    pre, post = np.nonzero(networks.half.T)
    synapses.connect(i=pre, j=post)
    return pre, post
