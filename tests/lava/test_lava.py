"""Lava itself on this Python: the tests of its own wheel that cover what eiphase uses."""

import subprocess
import sys
from importlib.metadata import distribution

import eiphase

LAVA_TESTS = [
    "lava/proc/lif",
    "lava/proc/dense/test_models.py",
    "lava/proc/dense/test_process.py",
    "lava/proc/monitor",
    "lava/magma/runtime/test_async_protocol.py",
    "lava/magma/runtime/test_loihi_with_async_protocol.py",
]


def test_lavas_own_tests_pass(tmp_path):
    folder = distribution("lava-nc").locate_file("tests")
    paths = [str(folder / path) for path in LAVA_TESTS]
    plugins = ["-p", "eiphase.lava.compatibility", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", "--import-mode=prepend", *plugins, *paths]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    # That many are in the wheel; fewer would mean that they were not found.
    assert run.stdout.splitlines()[-1].startswith("67 passed")


# As from Python 3.14 on, where `forkserver` is the default. Lava would set `fork` and fail.
FORKSERVER = """
import dataclasses, multiprocessing, sys
multiprocessing.set_start_method("forkserver")
assert "eiphase" not in sys.modules
before = dataclasses.dataclass
import eiphase
network = eiphase.Network(n_neurons=20, q_factor=6.0, g_factor=5.0, seed=1)
print(eiphase.simulate(network, "lif_float", steps=200).spikes.values.tobytes().hex())
assert multiprocessing.get_start_method() == "forkserver"
assert "lava" in sys.modules
assert dataclasses.dataclass is before
"""


def test_lava_runs_whatever_starts_processes_and_leaves_dataclasses_as_they_were():
    run = subprocess.run(
        [sys.executable, "-c", FORKSERVER], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    network = eiphase.Network(n_neurons=20, q_factor=6.0, g_factor=5.0, seed=1)
    spikes = eiphase.simulate(network, "lif_float", steps=200).spikes
    assert run.stdout.strip() == spikes.values.tobytes().hex()
    assert spikes.any()
