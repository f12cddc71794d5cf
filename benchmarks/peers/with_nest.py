"""NEST: `iaf_psc_exp`, whose exact propagators are given LIF's decays.

With P11 = 1 - du, P22 = 1 - dv and weights W / P21, NEST steps

    v ← P22 v + P21 i + P20 I_e;  i ← P11 i + (W / P21) s;  s = [v ≥ threshold];  v ← 0 where s

which is Lava's LIF but that v sees the current of the step before: a spike acts two steps
later where Lava's acts after one. NEST has no rate neuron with an error function, and no
integers.
"""

from collections.abc import Iterator
from pathlib import Path

import nest
import numpy as np
from networks import Networks, Simulate

RESOLUTION = 1.0  # ms, one step
CAPACITANCE = 1.0  # pF; voltages are in mV


def lif_float(networks: Networks, n_steps: int, cache: Path) -> Simulate:
    """One network after the other; each is built anew, without the weights that are zero."""
    nest.verbosity = nest.VerbosityLevel.ERROR
    tau_m = -RESOLUTION / np.log(1 - networks.dv)
    tau_syn = -RESOLUTION / np.log(1 - networks.du)
    # Of the voltage, from a constant current and from a synaptic one that decays.
    of_constant = tau_m / CAPACITANCE * networks.dv
    of_synaptic = (networks.du - networks.dv) / (1 / tau_syn - 1 / tau_m) / CAPACITANCE
    neuron = {
        "C_m": CAPACITANCE,
        "E_L": 0.0,
        "V_m": 0.0,
        "V_reset": 0.0,
        "V_th": networks.threshold,
        "t_ref": 0.0,
        "tau_m": tau_m,
        "tau_syn_ex": tau_syn,
        "tau_syn_in": tau_syn,
        "I_e": networks.lif_bias / of_constant,
    }
    pre, post = np.nonzero(networks.half.T)
    delays = np.full(len(pre), RESOLUTION)

    def simulate() -> Iterator[np.ndarray]:
        for index in range(len(networks)):
            nest.ResetKernel()
            nest.resolution = RESOLUTION
            nest.local_num_threads = 1
            neurons = nest.Create("iaf_psc_exp", networks.n_neurons, params=neuron)
            recorder = nest.Create("spike_recorder")
            weights = networks.lif_weights(index)[post, pre] / of_synaptic
            # Neurons are numbered from 1 in the order in which they are created.
            nest.Connect(
                pre + 1,
                post + 1,
                "one_to_one",
                {"synapse_model": "static_synapse", "weight": weights, "delay": delays},
            )
            nest.Connect(neurons, recorder)
            nest.Simulate((n_steps + 1) * RESOLUTION)  # recorders hear of a spike a step later
            events = recorder.events
            steps = np.round(events["times"] / RESOLUTION).astype(int) - 1
            spikes = np.zeros((n_steps + 1, networks.n_neurons), np.uint8)
            spikes[steps, events["senders"] - 1] = 1
            yield spikes[:n_steps]

    return simulate
