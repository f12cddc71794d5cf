"""A whole tile of networks in one Lava Process, all steps in one call: what sweeps run."""

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
    - `record`: called as `record(key, recording, perturbed)` after each. The next simulation
      overwrites the recording.
    - `n_steps`: of each simulation.
    - `perturb_after`: burn-in after which perturbations of the networks are followed beside
      them: `perturbed` is then the log growth of tangent vectors (network, time) on the rate
      backend, and `twins.FloatTwins` or `twins.IntegerTwins` on the others. Without it, it is
      None. The networks' own numbers are the same to the bit.
    - `steps_done`: a shared array of one integer, counted up after each step.
    """

    def __init__(
        self,
        *,
        networks: Iterable[tuple[Any, Any]],
        record: Callable[[Any, Any, Any], None],
        n_steps: int,
        perturb_after: int | None = None,
        steps_done: np.ndarray | None = None,
    ):
        super().__init__(
            networks=networks,
            record=record,
            n_steps=n_steps,
            perturb_after=perturb_after,
            steps_done=steps_done,
        )

    def simulate(self, backend: str) -> None:
        """Run to the end on a backend and stop.

        Raises `LavaError` with the traceback of a model that raised.
        """
        lava_run.run(self, n_steps=1, run_config=Loihi1SimCfg(select_tag=backend))


class _TileModel(PyAsyncProcessModel):
    """Simulates and records one after the other, in the same memory."""

    @abstractmethod
    def simulate(
        self, parameters: Any, n_steps: int, reuse: Any, steps_done: np.ndarray | None
    ) -> Any: ...

    @abstractmethod
    def simulate_perturbed(
        self,
        parameters: Any,
        n_steps: int,
        burn_in: int,
        reuse: Any,
        steps_done: np.ndarray | None,
    ) -> tuple[Any, Any]: ...

    def run_async(self):
        keep_freed_memory()
        recording = perturbed = None
        n_steps, steps_done = self.proc_params["n_steps"], self.proc_params["steps_done"]
        burn_in = self.proc_params["perturb_after"]
        for key, parameters in self.proc_params["networks"]:
            if burn_in is None:
                recording = self.simulate(parameters, n_steps, recording, steps_done)
            else:
                recording, perturbed = self.simulate_perturbed(
                    parameters, n_steps, burn_in, recording, steps_done
                )
            self.proc_params["record"](key, recording, perturbed)


@implements(proc=NetworkTile, protocol=AsyncProtocol)
@requires(CPU)
@tag("rate")
class RateTileModel(_TileModel):
    """Rate neurons; networks that share Z advance together."""

    def simulate(self, parameters, n_steps, reuse, steps_done):
        return rate.run(parameters, n_steps, reuse=reuse, steps_done=steps_done)

    def simulate_perturbed(self, parameters, n_steps, burn_in, reuse, steps_done):
        states = self.simulate(parameters, n_steps, reuse, steps_done)
        return states, tangent.log_growth(parameters, states)


@implements(proc=NetworkTile, protocol=AsyncProtocol)
@requires(CPU)
@tag("lif_float")
class LIFTileModel(_TileModel):
    """LIF neurons in floating point."""

    def simulate(self, parameters, n_steps, reuse, steps_done):
        return lif.run(parameters, n_steps, reuse=reuse, steps_done=steps_done)

    def simulate_perturbed(self, parameters, n_steps, burn_in, reuse, steps_done):
        return twins.run_lif(
            parameters, n_steps, burn_in=burn_in, reuse=reuse, steps_done=steps_done
        )


@implements(proc=NetworkTile, protocol=AsyncProtocol)
@requires(CPU)
@tag("lif_bit_accurate")
class LoihiTileModel(_TileModel):
    """LIF neurons in Loihi's integers."""

    def simulate(self, parameters, n_steps, reuse, steps_done):
        return loihi.run(parameters, n_steps, steps_done=steps_done)

    def simulate_perturbed(self, parameters, n_steps, burn_in, reuse, steps_done):
        return twins.run_loihi(parameters, n_steps, burn_in=burn_in, steps_done=steps_done)
