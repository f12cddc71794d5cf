"""Compiled kernels: jobs that start at once share them, and Lava's processes inherit them."""

import os
import subprocess
import sys

import pytest

from eiphase.sweep import Sweep

# A job's work, and the digest of its numbers.
SIMULATE = """
import hashlib, sys
from eiphase.simulation import simulate_tile
from eiphase.sweep import Sweep

sweep = Sweep.model_validate_json(sys.argv[1])
values = simulate_tile(sweep, next(sweep.all_tiles()))
print(hashlib.sha256(b"".join(values[name].tobytes() for name in sorted(values))).hexdigest())
"""


SWEEP = Sweep(
    network={"neurons": 40},
    grid={"q_factor": [0.5, 4.0, 9.0], "g_factor": [6.0]},
    seeds=[1],
    backends=["rate"],  # one of its kernels is compiled for two kinds of array
    simulation={"steps": 300, "burn_in": 100, "max_lag": 50},
)


def start(cache):
    command = [sys.executable, "-c", SIMULATE, SWEEP.model_dump_json()]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def outcome(process):
    numbers, _ = process.communicate()
    assert process.returncode == 0
    return numbers


def test_jobs_that_start_at_once_on_an_empty_cache(tmp_path):
    alone = outcome(start(tmp_path / "alone"))
    jobs = [start(tmp_path / "shared") for _ in range(3)]
    assert [outcome(job) for job in jobs] == [alone] * 3
    cached = {path: path.stat().st_mtime_ns for path in (tmp_path / "shared").rglob("*.nb?")}
    # What they left serves the next job: it compiles nothing, and gets the same numbers.
    assert outcome(start(tmp_path / "shared")) == alone
    later = {path: path.stat().st_mtime_ns for path in (tmp_path / "shared").rglob("*.nb?")}
    assert cached
    assert later == cached


# In a new process, so that no other test has loaded anything. Counts kernels that Numba loads,
# or compiles, in this process and in those that Lava forks from it.
COUNT_LOADED = """
import os, sys
from numba.core.dispatcher import Dispatcher
from eiphase.memory import shared_array

here, loaded, load = os.getpid(), shared_array((2,), "int64"), Dispatcher.compile

def counted(dispatcher, signature):
    loaded[int(os.getpid() != here)] += 1
    return load(dispatcher, signature)

Dispatcher.compile = counted
{work}
print(*loaded)
"""
SIMULATE_TILES = """
from eiphase.simulation import simulate_tile
from eiphase.sweep import Sweep

sweep, ranges = Sweep.model_validate_json(sys.argv[1]), None
for backend in sweep.backends:
    ranges = simulate_tile(sweep, sweep.tile(backend, 1, 0), ranges=ranges)
"""
RECORD = """
import eiphase

network = eiphase.Network(n_neurons=100, q_factor=8.0, g_factor=6.0, seed=1)
for backend, perturb_after in (("rate", None), ("lif_bit_accurate", None), ("rate", 100)):
    eiphase.simulate(network, backend, steps=1500, perturb_after=perturb_after)
"""
SPIKING = ("lif_float", "lif_bit_accurate")


def assert_models_load_none(work, *arguments):
    command = [sys.executable, "-c", COUNT_LOADED.format(work=work), *arguments]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    here, in_models = map(int, run.stdout.split())
    assert here > 0
    assert in_models == 0


@pytest.mark.parametrize("backends", [("rate",), SPIKING])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"observables": {"autocovariance": "tutorial", "boxcar": 100}},
        {
            "observables": {"chaos": True, "statistics": True},
            "mapping": {"rate_to_lif": "corrected", "float_to_integer": "full_range"},
        },
    ],
)
def test_models_inherit_the_kernels_of_tiles(backends, changes):
    """Whatever is measured, and however large networks are and long the run."""
    config = {
        "network": {"neurons": 200},
        "grid": {"q_factor": [4.0, 9.0], "g_factor": [6.0]},
        "seeds": [1],
        "backends": backends,
        "simulation": {"steps": 2500, "burn_in": 200, "max_lag": 50},
    }
    sweep = Sweep.model_validate(config | changes).model_dump_json(exclude_unset=True)
    assert_models_load_none(SIMULATE_TILES, sweep)


def test_models_inherit_the_kernels_of_recordings():
    assert_models_load_none(RECORD)
