"""Brian2 as a C++ program, built once; each network is a run of it with its own weights."""

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
    b2.set_device("cpp_standalone", build_on_run=False, directory=str(cache))
    model = build(networks, n_steps)
    model.synapses.w = 0.0
    model.network.run(n_steps * with_brian2.STEP)
    b2.device.build(directory=str(cache), run=False, with_output=False)

    def simulate() -> Iterator[np.ndarray]:
        for index in range(len(networks)):
            b2.device.run(run_args={model.synapses.w: model.weights(index)})
            yield model.recording()

    return simulate
