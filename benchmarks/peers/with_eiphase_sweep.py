"""eiphase with all that a sweep does: Lava, mapping, observables, the tile's file.

Bit-accurate networks include the floating-point ones whose dynamic range they need, with all
that a sweep does for those.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from networks import Networks, Simulate

from eiphase.jobs import simulate as tile_job
from eiphase.sweep.schema import Sweep


def rate(networks: Networks, n_steps: int, cache: Path) -> Simulate:
    return _simulate(networks, n_steps, "rate")


def lif_float(networks: Networks, n_steps: int, cache: Path) -> Simulate:
    return _simulate(networks, n_steps, "lif_float")


def lif_bit_accurate(networks: Networks, n_steps: int, cache: Path) -> Simulate:
    return _simulate(networks, n_steps, "lif_float", "lif_bit_accurate")


def _simulate(networks: Networks, n_steps: int, *backends: str) -> Simulate:
    """Simulates a tile of each backend in turn; recordings are gone once they are measured."""
    seed = int(networks.seed)
    sweep = Sweep.model_validate(
        {
            "network": {
                "neurons": networks.n_neurons,
                "step_size": float(networks.step_size),
                "bias": float(networks.bias),
            },
            "grid": {
                "q_factor": np.unique(networks.q_factor).tolist(),
                "g_factor": np.unique(networks.g_factor).tolist(),
            },
            "seeds": [seed],
            "backends": backends,
            "simulation": {"steps": n_steps, "burn_in": n_steps // 5, "max_lag": n_steps // 5},
        }
    )

    def simulate() -> Iterator[np.ndarray]:
        with tempfile.TemporaryDirectory() as folder:
            ranges = None
            for backend in backends:
                tile = sweep.tile(backend, seed, 0)
                output = Path(folder) / sweep.tile_path(tile)
                output.parent.mkdir(parents=True)
                tile_job.run(sweep, tile, output, source=ranges)
                ranges = output
        yield from ()

    return simulate
