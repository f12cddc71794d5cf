"""Lava itself on this Python: the tests of its own wheel that cover what eiphase uses."""

import subprocess
import sys
from importlib.metadata import distribution

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


def test_the_module_leaves_dataclasses_as_they_were():
    code = (
        "import dataclasses; before = dataclasses.dataclass; import eiphase.lava.compatibility; "
        "assert dataclasses.dataclass is before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
