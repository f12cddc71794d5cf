"""Brian2 at run time: its loop over steps in Python, what a step does in Cython."""

from collections.abc import Callable, Iterator
from pathlib import Path

import brian2 as b2
import numpy as np
import with_brian2
from networks import Networks, Simulate


def rate(networks: Networks, n_steps: int, cache: Path) -> Simulate:
    return _simulate(with_brian2.rate, networks, n_steps, cache)


def lif_float(networks: Networks, n_steps: int, cache: Path) -> Simulate:
    return _simulate(with_brian2.lif_float, networks, n_steps, cache)


def _simulate(
    build: Callable[[Networks, int], with_brian2.Model],
    networks: Networks,
    n_steps: int,
    cache: Path,
) -> Simulate:
    b2.prefs.codegen.target = "cython"
    b2.prefs.codegen.runtime.cython.cache_dir = str(cache)
    model = build(networks, n_steps)
    model.network.store()

    def simulate() -> Iterator[np.ndarray]:
        for index in range(len(networks)):
            model.network.restore()
            model.synapses.w = model.weights(index)
            model.network.run(n_steps * with_brian2.STEP)
            yield model.recording()

    return simulate
