"""Numbers do not depend on how many threads BLAS has, whatever is computed."""

import os
import subprocess
import sys

import pytest

from eiphase.sweep.schema import Sweep

# Each backend's tile, and the digest of every variable; and what theory knows of some weights.
SIMULATE = """
import hashlib, sys
import numpy as np
from eiphase.simulation.tile import simulate_tile
from eiphase.sweep.schema import Sweep
from eiphase.theory.lif_working_point import WeightMoments

for seed in range(10):
    print("moments", WeightMoments.of(np.random.RandomState(seed).standard_normal((400, 400))))

sweep = Sweep.model_validate_json(sys.argv[1])
values = None
for backend in sweep.backends:
    values = simulate_tile(sweep, sweep.tile(backend, 1, 0), source=values)
    for name in sorted(values):
        print(backend, name, hashlib.sha256(values[name].tobytes()).hexdigest())
"""


def numbers(sweep, threads):
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": str(threads)}
    command = [sys.executable, "-c", SIMULATE, sweep.model_dump_json()]
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return run.stdout.splitlines()


@pytest.mark.parametrize(
    "mapping",
    [
        {"rate_to_lif": "tutorial", "float_to_integer": "tutorial"},
        {"rate_to_lif": "corrected", "float_to_integer": "full_range"},
    ],
    ids=str,
)
def test_threads_change_no_bit(mapping):
    """With as many neurons as make BLAS use its threads."""
    sweep = Sweep(
        network={"neurons": 600},
        grid={"q_factor": [2.0, 6.0], "g_factor": [5.0]},
        seeds=[1],
        backends=["rate", "lif_float", "lif_bit_accurate"],
        simulation={"steps": 400, "burn_in": 150, "max_lag": 60},
        mapping=mapping,
        observables={"statistics": True},
    )
    one, two = numbers(sweep, 1), numbers(sweep, 2)
    assert len(one) > 60
    assert [a for a, b in zip(one, two, strict=True) if a != b] == []
