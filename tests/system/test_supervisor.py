"""Jobs whose processes die, hang or are stopped: each ends, says why, and leaves nothing."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import faults
import pytest
from faults import FAULTS, Fault, Job

from eiphase.system import supervisor

# With the step-by-step model in the quick tests too; `make faults` does all with both.
WITH_BOTH = (
    "model raises in the run",
    "model raises in __init__",
    "kill -9 of the model in the run",
    "kill -9 of Lava's runtime service",
    "endless loop",
    "SIGTERM to the job",
    "states become NaN",
)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        pytest.param(fault, kind, id=f"{fault.name}, {kind}, {fault.backends[kind]}")
        for fault in FAULTS
        for kind in fault.backends
        if kind == "tile" or fault.name in WITH_BOTH
    ],
)
def test_a_job_that_meets_a_fault_says_so_and_leaves_nothing(tmp_path, fault, kind):
    if fault.code == supervisor.TIMED_OUT:  # sooner than in `make faults`
        fault = replace(fault, time_limit=2, message="time limit of 2 s")
    outcome = fault.meet(tmp_path, kind)
    assert not fault.wrong(outcome)
    if fault.inside == "nan":
        assert faults.is_broken(tmp_path)


def test_with_space_again_the_same_job_ends_well(tmp_path):
    too_large = next(fault for fault in FAULTS if fault.inside == "file_size")
    too_large.meet(tmp_path, "tile")
    assert not FAULTS[0].wrong(FAULTS[0].meet(tmp_path, "tile"))


@pytest.mark.parametrize("kind", ["tile", "network"])
def test_kills_at_random_moments_leave_nothing(tmp_path, kind):
    """While it imports, forks, starts Lava, runs, writes or ends."""
    for kill in faults.random_kills(tmp_path, kind, 4, seed=0):
        assert not kill.wrong()
    assert not FAULTS[0].wrong(FAULTS[0].meet(tmp_path, kind))


def test_four_jobs_at_once_do_not_disturb_each_other(tmp_path):
    kinds = ("tile", "network", "tile", "network")
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        folder.mkdir()
    jobs = [
        Job.with_fault(folder, kind, faults.BACKENDS[kind], "dawdle")
        for folder, kind in zip(folders, kinds, strict=True)
    ]
    outcomes = [job.end(expected=True) for job in jobs]
    for outcome, folder, kind in zip(outcomes, folders, kinds, strict=True):
        assert (outcome.code, outcome.left()) == (0, [])
        alone = tmp_path / kind
        if not alone.exists():
            alone.mkdir()
            FAULTS[0].meet(alone, kind)
        assert faults.same(faults.result(folder), faults.result(alone))


def test_no_shared_memory_has_a_name_that_could_stay_behind(tmp_path):
    """Named segments are files in /dev/shm."""
    maps = []

    def look(job):
        maps.extend(Path(f"/proc/{pid}/maps").read_text() for pid in job.processes())
        os.kill(job.pids["supervisor"], signal.SIGTERM)

    Fault("", 143, "", outside=look).meet(tmp_path, "network")
    named = [line for text in maps for line in text.splitlines() if "/dev/shm/" in line]
    assert len(maps) >= 6
    assert not [line for line in named if not line.endswith("(deleted)")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_single_simulation_is_guarded(tmp_path, number):
    point = ["--q", "6", "--g", "5", "--neurons", "20", "--steps", "10000000"]
    job = Job(
        tmp_path,
        sys.executable,
        "-m",
        "eiphase.cli.commands",
        "simulate",
        *point,
        "--output",
        "results/recording.nc",
    )
    while len(job.processes()) < 4:  # supervisor, worker, model and Lava's service
        time.sleep(0.05)
    job.process.send_signal(number)
    outcome = job.end(expected=False)
    assert outcome.code == (130 if number == signal.SIGINT else -signal.SIGKILL)
    assert not outcome.left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_notebook_is_guarded(tmp_path, number):
    """Its kernel, and what Lava has started in there."""
    script = """
import eiphase
network = eiphase.Network(n_neurons=20, q_factor=6, g_factor=5, seed=1)
eiphase.simulate(network, "rate", steps=10_000_000)
"""
    (tmp_path / "walk.py").write_text(script)
    job = Job(
        tmp_path, sys.executable, "-m", "eiphase.cli.commands",
        "notebook", "walk.py", "results/walk.ipynb",
    )  # fmt: skip
    while len(job.processes()) < 5:  # supervisor, worker, kernel, model and Lava's service
        time.sleep(0.05)
    job.process.send_signal(number)
    outcome = job.end(expected=False)
    assert outcome.code == (143 if number == signal.SIGTERM else -signal.SIGKILL)
    assert not outcome.processes
    assert not outcome.segments


LEAKS = """
import gc, os, threading
from multiprocessing import synchronize
from pathlib import Path
import numpy as np
import eiphase.lava
from eiphase.networks import lif, rate
from eiphase.networks.weights import Network
from eiphase.lava.reference import ei_network
from eiphase.lava.tile.process import NetworkTile

batch = rate.Batch(np.zeros((5, 5)), [Network(n_neurons=5, q_factor=1, g_factor=1, seed=0)])
rate.run(batch, 2)  # compiles

def forbidden(*_):
    raise AssertionError("Python's semaphores have a name for a moment: a file in /dev/shm.")

synchronize.SemLock.__init__ = forbidden

def tile():
    NetworkTile(
        groups=[batch], simulate=lambda batch: rate.run(batch, 2), backend="rate"
    ).run_to_the_end()

def network():
    neurons = lif.LIFParameters(weights=np.zeros((5, 5)), du=0.5, dv=0.1, vth=1.0, bias=0.2)
    ei_network.simulate(ei_network.EINetwork.lif(neurons), "lif_float", 2)

def held():
    for thread in threading.enumerate()[1:]:
        thread.join(5)
    gc.collect()
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    shared = Path("/proc/self/maps").read_text().count("/dev/zero (deleted)")
    return [len(os.listdir("/proc/self/fd")), len(children), threading.active_count(), shared]

tile(), network()
print(*held())
for number in range(40):
    tile() if number % 8 else network()
print(*held())
"""


def test_forty_runs_in_one_process_leak_nothing():
    """Descriptors, processes, threads, shared memory: as many after 2 runs as after 40 more.

    Nothing of it ever has a name that could stay behind.
    """
    run = subprocess.run([sys.executable, "-c", LEAKS], capture_output=True, text=True, check=True)
    first, last = run.stdout.splitlines()
    assert first == last


UNGUARDED = """
import os, signal, threading, time
from pathlib import Path
import numpy as np
import eiphase.lava
from eiphase.networks import rate
from eiphase.networks.weights import Network
from eiphase.lava.tile.process import NetworkTile

def interrupt():
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(60)

for fault in (lambda: 1 / 0, lambda: os.kill(os.getpid(), signal.SIGKILL), interrupt, int):
    tile = NetworkTile(groups=[0], simulate=lambda _: fault(), backend="rate")
    try:
        tile.run_to_the_end()
    except BaseException as error:
        print(type(error).__name__, *str(error).splitlines()[-1:])
    else:
        print("good")
    for thread in threading.enumerate()[1:]:
        thread.join(5)
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    print(children, threading.active_count())
"""


def test_without_a_guard_a_fault_is_raised_and_leaves_nothing():
    """As in a notebook, where the next simulation is to run."""
    run = subprocess.run(
        [sys.executable, "-c", UNGUARDED], capture_output=True, text=True, check=True, timeout=300
    )
    raised, killed, interrupted, good = run.stdout.splitlines()[::2]
    assert raised == "LavaError ZeroDivisionError: division by zero"
    assert killed.startswith("LavaError Lava's process NetworkTileModel")
    assert interrupted == "KeyboardInterrupt"
    assert good == "good"
    assert run.stdout.splitlines()[1::2] == ["[] 1"] * 4
    assert not run.stderr


def test_orphans_of_the_worker_are_ended_and_other_children_are_spared(tmp_path):
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    other = subprocess.Popen(["sleep", "60"])
    before = children.read_text()
    command = f"sleep 60 > /dev/null 2>&1 & echo $! > {tmp_path}/pid"
    assert supervisor.supervised(lambda: os.system(command), time_limit=60) == 0
    assert children.read_text() == before
    assert not Path("/proc", (tmp_path / "pid").read_text().strip()).exists()
    other.kill()
    other.wait()


def test_signal_handlers_are_as_before():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGCHLD)}
    supervisor.supervised(lambda: 0, time_limit=None)
    assert {number: signal.getsignal(number) for number in before} == before


def test_a_signal_that_is_ignored_does_not_stop_the_job():
    """As of nohup."""
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        parent = os.getpid()

        def work():
            os.kill(parent, signal.SIGHUP)
            time.sleep(0.2)
            return 7

        assert supervisor.supervised(work, time_limit=60) == 7
    finally:
        signal.signal(signal.SIGHUP, previous)


def test_a_second_signal_does_not_interrupt_the_end():
    """Of whichever thread the system gives it to."""
    ended = threading.Event()

    def interrupt():
        while not ended.wait(0.01):
            os.kill(os.getpid(), signal.SIGTERM)

    follower = threading.Thread(target=interrupt)

    class Meanwhile:
        def __enter__(self):
            follower.start()

        def __exit__(self, *_):
            time.sleep(0.1)
            ended.set()
            follower.join()

    code = supervisor.supervised(lambda: time.sleep(60) or 0, time_limit=60, meanwhile=Meanwhile())
    assert code == 143


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_worker_that_cannot_print_fails(stream):
    """As on a full disk."""
    code = f"""
import os, sys
from eiphase.system import supervisor as guard
try:
    sys.exit(guard.supervised(lambda: print("something", file=sys.{stream}) or 0, time_limit=9))
finally:
    os.write({1 if stream == "stderr" else 2}, b"once")  # in this process alone
"""
    with open("/dev/full", "w") as full:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: full}
        run = subprocess.run([sys.executable, "-c", code], text=True, check=False, **pipes)
    assert run.returncode == supervisor.FAILED
    assert (run.stdout or run.stderr).endswith("once")
    assert (run.stdout or run.stderr).count("once") == 1
