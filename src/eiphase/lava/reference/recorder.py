"""Records what a Process sends, step by step, without `Var.get`."""

from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

from eiphase.numerics.arrays import shared_array


class Recorder(AbstractProcess):
    """Sink that keeps `n_steps` vectors of `n_neurons` in `data`, shape (time, neuron).

    `data` is shared with the model's operating-system process, so it can be read at
    any time; reading a `Var` of that size takes Lava several seconds.
    """

    def __init__(self, *, n_neurons: int, n_steps: int):
        self.data = shared_array((n_steps, n_neurons), "float64")
        super().__init__(data=self.data)
        self.a_in = InPort(shape=(n_neurons,))


@implements(proc=Recorder, protocol=LoihiProtocol)
@requires(CPU)
class RecorderModel(PyLoihiProcessModel):
    """Writes one row a step."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)

    def run_spk(self):
        self.proc_params["data"][self.time_step - 1] = self.a_in.recv()
