"""One E/I network, step by step: the readable reference that composes with Lava Processes."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.run_configs import Loihi1SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.dense.models import PyDenseModelBitAcc, PyDenseModelFloat
from lava.proc.dense.process import Dense
from lava.proc.lif.models import PyLifModelBitAcc, PyLifModelFloat, PyLifRefractoryModelFloat
from lava.proc.lif.process import LIF, LIFRefractory
from lava.utils.weightutils import SignMode

from eiphase.lava import run
from eiphase.lava.reference.lif_refractory import PyLifRefractoryModelBitAcc
from eiphase.lava.reference.recorder import Recorder
from eiphase.networks import rate
from eiphase.networks.lif import LIFParameters
from eiphase.networks.loihi import LoihiParameters
from eiphase.networks.weights import n_excitatory


class EINetwork(AbstractProcess):
    """A recurrent network with input from and output to other Processes.

    What its neurons compute is up to the model that `run_config` selects.

    **Ports:** `a_in` adds to the neurons' input in the same step; `s_out` sends states
    (rate) or spikes (LIF) after each step.

    **Vars:** `state` (rate neurons' state, or voltage), `current` (of LIF neurons),
    `weights` [post, pre], `bias`, `step_size`.
    """

    @classmethod
    def rate(cls, weights: np.ndarray, *, step_size: float, bias: float) -> "EINetwork":
        """A network of rate neurons; run it with `run_config("rate")`."""
        return cls(weights=weights, step_size=step_size, bias=bias)

    @classmethod
    def lif(cls, parameters: LIFParameters) -> "EINetwork":
        """A network of LIF neurons in floating point; run it with `run_config("lif_float")`."""
        neurons = {
            "du": parameters.du,
            "dv": parameters.dv,
            "vth": parameters.vth,
            "bias_mant": parameters.bias,
            **_refractory(parameters),
        }
        return cls(
            weights=parameters.weights,
            neurons=neurons,
            connections=[{"weights": parameters.weights}],
        )

    @classmethod
    def loihi(cls, parameters: LoihiParameters) -> "EINetwork":
        """LIF neurons in Loihi's integers; run them with `run_config("lif_bit_accurate")`."""
        neurons = {
            "du": parameters.du,
            "dv": parameters.dv,
            "vth": parameters.vth,
            "bias_mant": parameters.bias_mantissa,
            "bias_exp": parameters.bias_exponent,
            **_refractory(parameters),
        }
        every = {"num_weight_bits": parameters.weight_bits}
        if parameters.inhibitory_weight_exponent is None:
            one = {"weights": parameters.weights, "weight_exp": parameters.weight_exponent}
            return cls(weights=parameters.weights, neurons=neurons, connections=[one | every])
        excitatory, inhibitory = parameters.weights.copy(), parameters.weights.copy()
        n_exc = n_excitatory(len(parameters.weights))
        excitatory[:, n_exc:] = 0
        inhibitory[:, :n_exc] = 0
        connections = [
            {
                "weights": excitatory,
                "weight_exp": parameters.weight_exponent,
                "sign_mode": SignMode.EXCITATORY,
            },
            {
                "weights": inhibitory,
                "weight_exp": parameters.inhibitory_weight_exponent,
                "sign_mode": SignMode.INHIBITORY,
            },
        ]
        return cls(
            weights=parameters.weights,
            neurons=neurons,
            connections=[each | every for each in connections],
        )

    def __init__(self, *, weights, step_size=0.0, bias=0.0, neurons=None, connections=()):
        super().__init__(neurons=neurons, connections=connections)
        n_neurons = len(weights)
        shape = (n_neurons,)
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.state = Var(shape=shape, init=0)
        self.current = Var(shape=shape, init=0)
        self.weights = Var(shape=(n_neurons, n_neurons), init=weights)
        self.bias = Var(shape=shape, init=np.full(shape, bias))
        self.step_size = Var(shape=shape, init=np.full(shape, step_size))


def _refractory(parameters: LIFParameters | LoihiParameters) -> dict[str, int]:
    """Lava's `LIF` has no refractory period, and its `LIFRefractory` one of a step or more."""
    steps = parameters.refractory_steps
    return {"refractory_period": steps} if steps else {}


@implements(proc=EINetwork, protocol=LoihiProtocol)
@requires(CPU)
@tag("rate")
class RateModel(PyLoihiProcessModel):
    """Rate neurons, advanced by `rate.step`."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    state: np.ndarray = LavaPyType(np.ndarray, float)
    current: np.ndarray = LavaPyType(np.ndarray, float)
    weights: np.ndarray = LavaPyType(np.ndarray, float)
    bias: np.ndarray = LavaPyType(np.ndarray, float)
    step_size: np.ndarray = LavaPyType(np.ndarray, float)

    def run_spk(self):
        external = self.a_in.recv()
        self.state = rate.step(self.state, self.weights, self.bias, self.step_size) + external
        self.s_out.send(self.state)


@implements(proc=EINetwork, protocol=LoihiProtocol)
@tag("lif")
class LIFModel(AbstractSubProcessModel):
    """Lava's own `LIF` or `LIFRefractory`, connected to itself through one or two `Dense`."""

    def __init__(self, proc):
        neurons = proc.proc_params["neurons"]
        kind = LIFRefractory if "refractory_period" in neurons else LIF
        self.lif = kind(shape=proc.state.shape, **neurons)
        for number, connections in enumerate(proc.proc_params["connections"]):
            dense = Dense(**connections)
            setattr(self, f"dense_{number}", dense)  # Lava finds Processes that are attributes
            self.lif.s_out.connect(dense.s_in)
            dense.a_out.connect(self.lif.a_in)
        proc.a_in.connect(self.lif.a_in)
        self.lif.s_out.connect(proc.s_out)
        proc.state.alias(self.lif.v)
        proc.current.alias(self.lif.u)


_LAVA_MODELS: dict[str, dict] = {
    "rate": {EINetwork: RateModel},
    "lif_float": {
        EINetwork: LIFModel,
        LIF: PyLifModelFloat,
        LIFRefractory: PyLifRefractoryModelFloat,
        Dense: PyDenseModelFloat,
    },
    "lif_bit_accurate": {
        EINetwork: LIFModel,
        LIF: PyLifModelBitAcc,
        LIFRefractory: PyLifRefractoryModelBitAcc,
        Dense: PyDenseModelBitAcc,
    },
}


def run_config(backend: str) -> Loihi1SimCfg:
    """Lava's run config that runs an `EINetwork` on a backend.

    Other Processes get floating-point models where they have several.
    """
    models = dict(_LAVA_MODELS[backend])
    return Loihi1SimCfg(select_tag="floating_pt", exception_proc_model_map=models)


def simulate(network: EINetwork, backend: str, n_steps: int) -> np.ndarray:
    """Run a network by itself, step by step.

    Returns what it sent, shape (time, neuron): states after each step, or spikes. Raises
    `LavaError` with the traceback of a model that raised.
    """
    recorder = Recorder(n_neurons=network.state.shape[0], n_steps=n_steps)
    network.s_out.connect(recorder.a_in)
    run.run(network, n_steps=n_steps, run_config=run_config(backend))
    return np.array(recorder.data)
