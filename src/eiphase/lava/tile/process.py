"""A whole tile of networks in one Lava Process, all steps in one call: what sweeps run."""

from collections.abc import Callable, Iterable
from typing import Any

from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyAsyncProcessModel
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.run_configs import Loihi1SimCfg
from lava.magma.core.sync.protocols.async_protocol import AsyncProtocol

from eiphase.lava import run
from eiphase.numerics.arrays import keep_freed_memory


class NetworkTile(AbstractProcess):
    """Many networks of one seed and one backend, one group of them after the other.

    The model runs in an operating-system process of its own, which is forked from the
    caller's: it sees the caller's objects as they are, and nothing is sent. `simulate` is called
    there and leaves its results in shared arrays (`arrays.shared_array`); Lava's own way
    back, `Var.get`, would send them number by number.

    **Arguments:**

    - `groups`: networks that advance together, as `simulate` takes them.
    - `simulate`: simulates one group.
    - `backend`: which backend's networks they are, for messages.
    """

    def __init__(self, *, groups: Iterable[Any], simulate: Callable[[Any], None], backend: str):
        super().__init__(groups=groups, simulate=simulate, name=f"tile_{backend}")

    def run_to_the_end(self) -> None:
        """Simulate all groups through Lava, and stop.

        Raises `LavaError` with the traceback of a model that raised.
        """
        run.run(self, n_steps=1, run_config=Loihi1SimCfg())


@implements(proc=NetworkTile, protocol=AsyncProtocol)
@requires(CPU)
class NetworkTileModel(PyAsyncProcessModel):
    """Calls one plain function for each group."""

    def run_async(self):
        keep_freed_memory()
        for group in self.proc_params["groups"]:
            self.proc_params["simulate"](group)
