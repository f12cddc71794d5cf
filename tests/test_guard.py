"""Jobs whose processes die, hang or are stopped: each ends, says why, and leaves nothing."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# A job as the command line runs it, on a tile whose recording is where the fault happens.
# It says the pids of supervisor, worker and model, to be killed from outside.
JOB = """
import os, signal, sys, time
import numpy as np
from eiphase import guard

fault, limit = sys.argv[1], float(sys.argv[2])

def record(key, recording):
    print(os.getppid_of_worker, worker, os.getpid(), flush=True)
    {
        "none": lambda: None,
        "raise": lambda: 1 / 0,
        "exit": lambda: sys.exit(3),
        "leave": lambda: os._exit(3),
        "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "sleep": lambda: time.sleep(60),
        "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    }[fault]()

def work():
    global worker
    worker = os.getpid()
    from eiphase import rate
    from eiphase.network import Network
    from eiphase.processes.network_tile import NetworkTile

    batch = rate.Batch(np.zeros((5, 5)), [Network(n_neurons=5, q_factor=1, g_factor=1, seed=0)])
    tile = NetworkTile(networks=[(0, batch)], record=record, n_steps=2)
    tile.simulate("rate", watch=guard.watched())
    return 0

os.getppid_of_worker = os.getpid()
sys.exit(guard.supervised(work, time_limit=limit))
"""


class Job:
    """A running job, with a mark in the environment of all its processes."""

    def __init__(self, fault, time_limit=60.0):
        self.mark = f"EIPHASE_TEST={random.getrandbits(64)}"
        name, value = self.mark.split("=")
        self.process = subprocess.Popen(
            [sys.executable, "-c", JOB, fault, str(time_limit)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, name: value}, start_new_session=True,
        )  # fmt: skip

    def pids(self):
        """Of supervisor, worker and model, once the model runs."""
        return [int(pid) for pid in self.process.stdout.readline().split()]

    def end(self):
        """Exit code and what was said on standard error."""
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said

    def left(self):
        """Processes that are still there shortly after the end."""
        deadline = time.monotonic() + 5
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left

    def processes(self):
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    environment = (entry / "environ").read_bytes()
                    state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                except OSError:
                    continue
                if self.mark.encode() in environment and state != "Z":
                    found.add(entry.name)
        return found


def test_a_job_without_faults_ends_well():
    job = Job("none")
    assert job.end() == (0, "")
    assert not job.left()


def test_no_shared_memory_has_a_name_that_could_stay_behind():
    """Named segments, and semaphores until they are unlinked, are files in /dev/shm."""
    job = Job("sleep")
    supervisor, *_ = job.pids()
    maps = [Path(f"/proc/{pid}/maps").read_text().splitlines() for pid in job.processes()]
    os.kill(supervisor, signal.SIGTERM)
    job.end()
    named = [line for lines in maps for line in lines if "/dev/shm/" in line]
    assert len(maps) >= 4
    assert not [line for line in named if not line.endswith("(deleted)")]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("raise", "ZeroDivisionError: division by zero"),
        ("exit", "SystemExit: 3"),
        ("leave", "exited with code 3 during the simulation"),
        ("segfault", "was killed by SIGSEGV during the simulation"),
        ("kill", "was killed by SIGKILL during the simulation"),
    ],
)
def test_a_model_that_dies_is_reported_at_once(fault, message):
    job = Job(fault)
    job.pids()
    died = time.monotonic()
    code, said = job.end()
    assert time.monotonic() - died < 5
    assert code == 1
    assert message in said
    assert not job.left()


@pytest.mark.parametrize("fault", ["sleep", "stop"])
def test_a_model_that_hangs_meets_the_time_limit(fault):
    job = Job(fault, time_limit=4)
    code, said = job.end()
    assert code == 124
    assert "did not end within its time limit of 4 s" in said
    assert not job.left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("group", [False, True])
def test_a_job_that_is_stopped_stops_all_of_it(number, group):
    job = Job("sleep")
    supervisor, *_ = job.pids()
    (os.killpg if group else os.kill)(supervisor, number)
    code, said = job.end()
    assert code == 128 + number
    assert f"The job was stopped by {number.name}" in said
    assert not job.left()


@pytest.mark.parametrize("victim", ["supervisor", "worker", "model", "all"])
def test_a_process_that_is_killed_takes_the_others_with_it(victim):
    job = Job("sleep")
    pids = dict(zip(("supervisor", "worker", "model"), job.pids(), strict=True))
    for pid in pids.values() if victim == "all" else [pids[victim]]:
        os.kill(pid, signal.SIGKILL)
    code, said = job.end()
    if victim in ("worker", "model"):
        assert code == 1
        assert "killed by SIGKILL" in said
    else:
        assert code == -signal.SIGKILL
    assert not job.left()


def test_kills_at_random_moments_leave_nothing():
    """While it imports, forks, starts Lava, runs or ends."""
    moments = random.Random(0)
    for _ in range(12):
        job = Job("none")
        time.sleep(moments.uniform(0.2, 1.5))
        for pid in moments.sample(sorted(job.processes()), k=min(1, len(job.processes()))):
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
        job.end()
        assert not job.left()
