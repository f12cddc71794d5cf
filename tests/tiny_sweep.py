"""A sweep small enough for tests, and made-up numbers for its tiles."""

import numpy as np

from eiphase.dataset import VARIABLES
from eiphase.sweep import Sweep

VALID = {
    "network": {"neurons": 20},
    "grid": {"q_factor": [1.0, 6.0], "g_factor": {"start": 4, "stop": 5, "count": 3}},
    "seeds": [1, 2],
    "backends": ["rate", "lif_float"],
    "simulation": {"steps": 300, "burn_in": 100, "max_lag": 50},
    "tiles": 4,
}

SWEEP = Sweep.model_validate(VALID)


def values_of(tile, sweep=SWEEP):
    """Numbers that say where they belong: backend, seed, q and g, in digits."""
    base = 1000 * ["rate", "lif_float", "lif_bit_accurate"].index(tile.backend) + 100 * tile.seed
    numbers = np.array([base + 10 * q + g for q, g in tile.points], float)
    lags = np.arange(sweep.simulation.max_lag + 1)
    return {
        name: numbers[:, None] + lags / 1000 if v.lagged else
        (np.zeros(len(numbers), "i1") if v.flags else numbers)
        for name, v in VARIABLES.items()
    }  # fmt: skip
