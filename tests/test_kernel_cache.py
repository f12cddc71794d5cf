"""Jobs that start at once share the compiled kernels, though none is there yet."""

import os
import subprocess
import sys

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
