"""Numbers do not depend on how many threads BLAS has, whatever is computed."""

import json
import os
import subprocess
import sys

import pytest

from eiphase.sweep.schema import Sweep

# What theory knows of some networks; and each backend's tile, as the digest of every variable.
SIMULATE = """
import hashlib, json, sys
import numpy as np
from eiphase.jobs import borders
from eiphase.simulation.tile import simulate_tile
from eiphase.sweep.schema import Sweep
from eiphase.theory.lif_working_point import WeightMoments

for seed in range(10):
    print("moments", WeightMoments.of(np.random.RandomState(seed).standard_normal((400, 400))))
sweep = Sweep.model_validate(json.loads(sys.argv[1]))
for g_factor, seed in borders.networks(sweep):
    print("network_critical_q", borders.of_network(sweep, g_factor, seed))
for g_factor in sweep.grid.g_factor:
    print("theory_critical_q", borders.of_ensemble(sweep, g_factor))
    for exponent in borders.exponents_of_ensemble(sweep, [6.0, 15.0], g_factor):
        print("theory_lyapunov_exponent", exponent)

for mapping in json.loads(sys.argv[2]):
    sweep, values = Sweep.model_validate(mapping), None
    print("sweep")
    for backend in sweep.backends:
        values = simulate_tile(sweep, sweep.tile(backend, 1, 0), source=values)
        for name in sorted(values):
            print(backend, name, hashlib.sha256(values[name].tobytes()).hexdigest())
"""


MAPPINGS = (
    {"rate_to_lif": "tutorial", "float_to_integer": "tutorial"},
    {"rate_to_lif": "corrected", "float_to_integer": "full_range"},
)


# BLAS shares the sums of theory among its threads from about 100 neurons on.
IN_THEORY = Sweep(
    network={"neurons": 100},
    grid={"q_factor": [2.0, 15.0], "g_factor": [4.5, 5.0, 6.5]},
    seeds=[1],
    backends=["rate"],
    simulation={"steps": 200, "burn_in": 80, "max_lag": 40},
    observables={"chaos": True},
)


def sweep_of(mapping):
    """As many neurons as make BLAS use its threads."""
    sweep = Sweep(
        network={"neurons": 600},
        grid={"q_factor": [6.0], "g_factor": [5.0]},
        seeds=[1],
        backends=["rate", "lif_float", "lif_bit_accurate"],
        simulation={"steps": 200, "burn_in": 80, "max_lag": 40},
        mapping=mapping,
        observables={"statistics": True},
    )
    return sweep.model_dump(mode="json")


@pytest.fixture(scope="module")
def numbers():
    """Lines that a program prints with 1 and with 2 threads: of theory, and of each mapping."""
    sweeps = json.dumps([sweep_of(mapping) for mapping in MAPPINGS])
    in_theory = IN_THEORY.model_dump_json()
    printed = []
    for threads in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", SIMULATE, in_theory, sweeps],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads},
        )
        printed.append([part.splitlines() for part in run.stdout.split("sweep\n")])
    return printed


@pytest.mark.parametrize("part", [0, 1, 2], ids=["theory", "tutorial", "corrected"])
def test_threads_change_no_bit(numbers, part):
    one, two = (printed[part] for printed in numbers)
    assert len(one) > 50 if part else len(one) == 22
    assert [a for a, b in zip(one, two, strict=True) if a != b] == []
