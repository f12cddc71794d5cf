"""A whole tile of networks in one Lava Process, all steps in one call: what sweeps run."""

import traceback
from abc import abstractmethod
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyAsyncProcessModel
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi1SimCfg
from lava.magma.core.sync.protocols.async_protocol import AsyncProtocol

from eiphase import lif, loihi, rate
from eiphase.guard import anonymous_channels
from eiphase.memory import keep_freed_memory, shared_array

_ERROR_BYTES = 65536


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
    - `record`: called as `record(key, recording)` after each. The next simulation
      overwrites the recording.
    - `n_steps`: of each simulation.
    - `steps_done`: a shared array of one integer, counted up after each step.
    """

    def __init__(
        self,
        *,
        networks: Iterable[tuple[Any, Any]],
        record: Callable[[Any, Any], None],
        n_steps: int,
        steps_done: np.ndarray | None = None,
    ):
        self.error = shared_array((_ERROR_BYTES,), "uint8")
        super().__init__(
            networks=networks,
            record=record,
            n_steps=n_steps,
            steps_done=steps_done,
            error=self.error,
        )

    def simulate(self, backend: str, *, watch: AbstractContextManager | None = None) -> None:
        """Run to the end on a backend and stop. Raises what the model raised, as text.

        `watch` is entered while Lava's processes run: `guard.watched()` in a job.
        """
        with anonymous_channels():
            with watch or nullcontext():
                self.run(condition=RunSteps(num_steps=1), run_cfg=Loihi1SimCfg(select_tag=backend))
            self.stop()
        message = self.error.tobytes().rstrip(b"\0").decode(errors="replace")
        if message:
            raise RuntimeError(f"The {backend} model failed:\n{message}")


class _TileModel(PyAsyncProcessModel):
    """Simulates and records one after the other, in the same memory.

    It leaves a traceback instead of raising, for Lava would wait for ever for a model
    that raises.
    """

    @abstractmethod
    def simulate(
        self, parameters: Any, n_steps: int, reuse: Any, steps_done: np.ndarray | None
    ) -> Any: ...

    def run_async(self):
        keep_freed_memory()
        try:
            recording = None
            n_steps, steps_done = self.proc_params["n_steps"], self.proc_params["steps_done"]
            for key, parameters in self.proc_params["networks"]:
                recording = self.simulate(parameters, n_steps, recording, steps_done)
                self.proc_params["record"](key, recording)
        except BaseException:  # SystemExit too: Lava would wait for a model that leaves
            text = traceback.format_exc().encode()[-_ERROR_BYTES:]
            self.proc_params["error"][: len(text)] = list(text)


@implements(proc=NetworkTile, protocol=AsyncProtocol)
@requires(CPU)
@tag("rate")
class RateTileModel(_TileModel):
    """Rate neurons; networks that share Z advance together."""

    def simulate(self, parameters, n_steps, reuse, steps_done):
        return rate.run(parameters, n_steps, reuse=reuse, steps_done=steps_done)


@implements(proc=NetworkTile, protocol=AsyncProtocol)
@requires(CPU)
@tag("lif_float")
class LIFTileModel(_TileModel):
    """LIF neurons in floating point."""

    def simulate(self, parameters, n_steps, reuse, steps_done):
        return lif.run(parameters, n_steps, reuse=reuse, steps_done=steps_done)


@implements(proc=NetworkTile, protocol=AsyncProtocol)
@requires(CPU)
@tag("lif_bit_accurate")
class LoihiTileModel(_TileModel):
    """LIF neurons in Loihi's integers."""

    def simulate(self, parameters, n_steps, reuse, steps_done):
        return loihi.run(parameters, n_steps, steps_done=steps_done)
