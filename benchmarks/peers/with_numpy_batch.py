"""NumPy with the rate networks of one seed side by side, so that BLAS multiplies matrices."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from networks import Networks, Simulate
from scipy.special import erf

BATCH = 64


def rate(networks: Networks, n_steps: int, cache: Path) -> Simulate:
    """r ← (1 - dr) r + b + M y,  y = dr gain erf(r), with a column for each network."""
    dr, bias = networks.step_size, networks.bias

    def simulate() -> Iterator[np.ndarray]:
        for first in range(0, len(networks), BATCH):
            gains = dr * networks.column_gains(slice(first, first + BATCH)).T
            states = np.empty((n_steps, *gains.shape))
            r = np.zeros(gains.shape)
            for t in range(n_steps):
                r = (1 - dr) * r + bias + networks.half @ (gains * erf(r))
                states[t] = r
            yield from states.transpose(2, 0, 1)

    return simulate
