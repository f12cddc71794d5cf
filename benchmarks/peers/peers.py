"""Who simulates what: eiphase and its peers."""

from dataclasses import dataclass

BACKENDS = ("rate", "lif_float", "lif_bit_accurate")
SIDE, LARGE_SIDE = 8, 64  # of the sweeps of 64 and of 4096 points


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A way to simulate the networks.

    **Arguments:**

    - `name`: in the tables.
    - `module`: of this folder; its functions are named after backends.
    - `backends`: those that it can.
    - `side`: it simulates side x side networks; of a slow peer fewer than of the others.
    - `in_full`: backends on which it simulates the sweep of 4096 points, too.
    - `of_project`: it runs in the project's environment, not in that of the peers.
    """

    name: str
    module: str
    backends: tuple[str, ...]
    side: int = SIDE
    in_full: tuple[str, ...] = ()
    of_project: bool = False


SWEEP = Peer(
    name="eiphase, everything in",
    module="with_eiphase_sweep",
    backends=BACKENDS,
    in_full=("rate", "lif_float"),
    of_project=True,
)
PEERS = (
    SWEEP,
    Peer(
        name="eiphase, kernels",
        module="with_eiphase_kernels",
        backends=BACKENDS,
        in_full=("rate", "lif_float"),
        of_project=True,
    ),
    Peer(name="NumPy loop", module="with_numpy", backends=BACKENDS),
    Peer(name="NumPy, 64 at once", module="with_numpy_batch", backends=("rate",)),
    Peer(name="JAX", module="with_jax", backends=BACKENDS, in_full=("rate", "lif_float")),
    Peer(
        name="Brian2, C++ standalone",
        module="with_brian2_standalone",
        backends=("rate", "lif_float"),
    ),
    Peer(
        name="Brian2, Cython",
        module="with_brian2_cython",
        backends=("rate", "lif_float"),
        side=4,
    ),
    Peer(name="NEST", module="with_nest", backends=("lif_float",), side=4),
)
