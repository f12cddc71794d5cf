"""Loihi's integers with a refractory period: what Lava's own models lack."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.ports import PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.lif.models import AbstractPyLifModelFixed, PyLifModelBitAcc
from lava.proc.lif.process import LIFRefractory


@implements(proc=LIFRefractory, protocol=LoihiProtocol)
@requires(CPU)
@tag("bit_accurate_loihi", "fixed_pt")
class PyLifRefractoryModelBitAcc(AbstractPyLifModelFixed):
    """Lava's bit-accurate LIF model, with the rule of Lava's `PyLifRefractoryModelFloat`.

    After a spike in step t the voltage is not updated in steps t + 1 to t + refractory_period,
    so it stays at 0 and the neuron cannot fire; the current decays and receives input in every
    step. Lava has this rule in floating point only. Loihi has refractory periods, too, but
    Lava's bit-accurate model names them as missing: that this rule is the chip's is not claimed.
    Lava lets no model inherit from one that implements another Process, so methods are taken
    from `PyLifModelBitAcc` by name.
    """

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    vth: int = LavaPyType(int, np.int32, precision=17)
    refractory_period_end: np.ndarray = LavaPyType(np.ndarray, int)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.effective_vth = 0
        self.refractory_period = proc_params["refractory_period"]

    scale_threshold = PyLifModelBitAcc.scale_threshold
    spiking_activation = PyLifModelBitAcc.spiking_activation

    def subthr_dynamics(self, activation_in: np.ndarray):
        before = self.v.copy()
        super().subthr_dynamics(activation_in)
        resting = self.refractory_period_end >= self.time_step
        self.v[resting] = before[resting]

    def reset_voltage(self, spike_vector: np.ndarray):
        super().reset_voltage(spike_vector)
        self.refractory_period_end[spike_vector] = self.time_step + self.refractory_period
