"""A whole tile of networks in one Lava Process, all steps in one call: what sweeps run."""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyAsyncProcessModel
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.run_configs import Loihi1SimCfg
from lava.magma.core.sync.protocols.async_protocol import AsyncProtocol

from eiphase import lava_run, lif, loihi, rate, tangent, twins
from eiphase.blocks import BLOCK_STEPS, blocks
from eiphase.memory import keep_freed_memory


class NetworkTile(AbstractProcess):
    """Many networks of one seed and one backend, simulated one after the other.

    The model runs in an operating-system process of its own, forked from the caller's:
    it sees the caller's objects as they are, nothing is sent. `record` is called there
    and leaves its results in shared arrays (`memory.shared_array`); Lava's own
    way back, `Var.get`, would send them number by number.

    **Arguments:**

    - `networks`: pairs of a key and what the backend's model simulates: a
      `rate.Batch`, `LIFParameters` or `LoihiParameters`. It may be a generator, so that
      only one network's weights exist at a time.
    - `record`: called as `record(key, steps, recording, perturbed)` after each block of steps,
      a slice of the simulation's. The next block, of this network or the next, overwrites the
      recording.
    - `n_steps`: of each simulation.
    - `block_steps`: of each block, a multiple of `blocks.BLOCK_STEPS`.
    - `perturb_after`: burn-in after which perturbations of the networks are followed beside
      them: `perturbed` is then the log growth of tangent vectors (network, time) on the rate
      backend, and `twins.FloatTwins` or `twins.IntegerTwins` on the others. Without it, it is
      None. The networks' own numbers are the same to the bit.
    - `with_states`: whether recordings of bit-accurate networks have `current` and `voltage`, as
      those of other networks always do. Their simulation then takes longer.
    - `steps_done`: a shared array of one integer, counted up after each step.
    """

    def __init__(
        self,
        *,
        networks: Iterable[tuple[Any, Any]],
        record: Callable[[Any, slice, Any, Any], None],
        n_steps: int,
        block_steps: int = BLOCK_STEPS,
        perturb_after: int | None = None,
        with_states: bool = False,
        steps_done: np.ndarray | None = None,
    ):
        super().__init__(
            networks=networks,
            record=record,
            n_steps=n_steps,
            block_steps=block_steps,
            perturb_after=perturb_after,
            with_states=with_states,
            steps_done=steps_done,
        )

    def simulate(self, backend: str) -> None:
        """Run to the end on a backend and stop.

        Raises `LavaError` with the traceback of a model that raised.
        """
        lava_run.run(self, n_steps=1, run_config=Loihi1SimCfg(select_tag=backend))

    def simulate_without_lava(self, backend: str) -> None:
        """Do the same in the caller's own process."""
        _MODELS[backend](self.proc_params).simulate()


class _TileModel(PyAsyncProcessModel):
    """Simulates one after the other, block by block, in the same memory."""

    @abstractmethod
    def begin(self, parameters: Any) -> None:
        """Set a network, or a batch of them, to rest."""

    @abstractmethod
    def advance(self, n_steps: int) -> tuple[Any, Any]:
        """The next steps: recording, and what became of perturbations if they are followed."""

    def run_async(self):
        keep_freed_memory()
        self.simulate()

    def simulate(self):
        self.n_steps = self.proc_params["n_steps"]
        self.perturb_after = self.proc_params["perturb_after"]
        self.steps_done = self.proc_params["steps_done"]
        block_steps = self.proc_params["block_steps"]
        self.longest = min(block_steps, self.n_steps)
        record = self.proc_params["record"]
        for key, parameters in self.proc_params["networks"]:
            self.begin(parameters)
            for steps in blocks(0, self.n_steps, block_steps):
                record(key, steps, *self.advance(steps.stop - steps.start))


@implements(proc=NetworkTile, protocol=AsyncProtocol)
@requires(CPU)
@tag("rate")
class RateTileModel(_TileModel):
    """Rate neurons; networks that share Z advance together."""

    memory = np.empty(0)

    def begin(self, batch):
        self.shape = len(batch.networks), len(batch.half)
        self.simulator = rate.Simulator.of(batch)
        if self.perturb_after is not None:
            self.tangents = tangent.Tangents.of(batch)
        size = math.prod(self.shape) * self.longest
        if len(self.memory) < size:
            # For all batches: `keep_freed_memory` does not keep arrays as large as this.
            self.memory = np.empty(size)

    def advance(self, n_steps):
        n_networks, n_neurons = self.shape
        states = self.memory[: math.prod(self.shape) * n_steps]
        states = states.reshape(n_networks, n_steps, n_neurons)
        self.simulator.advance(states, self.steps_done)
        perturbed = self.perturb_after is not None
        return states, self.tangents.log_growth(states) if perturbed else None


@implements(proc=NetworkTile, protocol=AsyncProtocol)
@requires(CPU)
@tag("lif_float")
class LIFTileModel(_TileModel):
    """LIF neurons in floating point."""

    def begin(self, parameters):
        # As large as the last network's, which `keep_freed_memory` gives back.
        self.recording = lif.Recording.empty(self.longest, len(parameters.weights))
        if self.perturb_after is None:
            self.simulator = lif.Simulator.of(parameters)
            self.state = self.simulator.at_rest()
        else:
            self.network = twins.FloatNetwork(
                parameters, n_steps=self.n_steps, burn_in=self.perturb_after
            )

    def advance(self, n_steps):
        recording = lif.Recording(*(array[:n_steps] for array in self.recording))
        if self.perturb_after is not None:
            return recording, self.network.advance(recording, self.steps_done)
        self.simulator.advance(self.state, recording, self.steps_done)
        return recording, None


@implements(proc=NetworkTile, protocol=AsyncProtocol)
@requires(CPU)
@tag("lif_bit_accurate")
class LoihiTileModel(_TileModel):
    """LIF neurons in Loihi's integers."""

    def begin(self, parameters):
        shape = self.longest, len(parameters.weights)
        self.spikes = np.empty(shape, np.uint8)
        self.states = loihi.States.empty(*shape) if self.proc_params["with_states"] else None
        if self.perturb_after is None:
            self.simulator = loihi.Simulator.of(parameters)
            self.state = self.simulator.at_rest()
        else:
            self.network = twins.IntegerNetwork(
                parameters, n_steps=self.n_steps, burn_in=self.perturb_after
            )

    def advance(self, n_steps):
        spikes = self.spikes[:n_steps]
        states = self.states and self.states.part(slice(n_steps))
        if self.perturb_after is not None:
            return self.network.advance(spikes, self.steps_done, states)
        counts = self.simulator.advance(self.state, spikes, self.steps_done, states)
        return loihi.IntegerRecording(spikes, *counts, *(states or ())), None


_MODELS = {
    "rate": RateTileModel,
    "lif_float": LIFTileModel,
    "lif_bit_accurate": LoihiTileModel,
}
