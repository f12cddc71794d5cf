"""macOS and Windows: what works there, and the one sentence about what does not."""

import os
import subprocess
import sys

import pytest
from conftest import REPOSITORY
from tiny_sweep import copy_gathered

NAMES = {"darwin": "macOS", "win32": "Windows"}
# Other packages are imported first: they are not the same on those systems, but are there.
AS_IF_ON = """
import sys, os, signal, multiprocessing.context
import matplotlib; matplotlib.use("agg")
import matplotlib.pyplot, netCDF4, numba, numpy, pydantic, rich.progress, scipy.special
import scipy.optimize, seaborn, xarray, yaml
import concurrent.futures.process, importlib.metadata, multiprocessing.pool, subprocess
xarray.open_dataset("phase_map.nc").close()
for module in ("fcntl", "resource", "pwd", "grp", "lava"):
    sys.modules[module] = None
sys.platform = {platform!r}
if sys.platform == "win32":
    for holder, names in (
        (signal, ("SIGHUP", "SIGCHLD", "SIGKILL", "SIGQUIT", "SIGUSR1")),
        (os, ("fork", "eventfd", "setsid", "register_at_fork", "geteuid")),
        (multiprocessing.context, ("ForkProcess",)),
    ):
        for name in names:
            delattr(holder, name)
import eiphase
"""


SCRIPT = """
from eiphase.cli import commands
from eiphase.theory import chaotic_state, meanfield

phase_map = xarray.open_dataset("phase_map.nc")
for plot in (eiphase.plot_phase_maps, eiphase.plot_cut, eiphase.plot_mapping):
    plot(phase_map).savefig("figure.png")
print("show:", commands.main(["show", "phase_map.nc"]))
network = eiphase.Network(n_neurons=10, q_factor=6.0, g_factor=5.0, seed=1)
try:
    eiphase.simulate(network, "rate", steps=5)
except ValueError as error:
    print(type(error).__name__, error)
for words in ("simulate --q 6 --g 5 --steps 9", "verify phase_map.nc", "compile"):
    print("exit code", commands.main(words.split()))
"""


@pytest.fixture(scope="module", params=NAMES)
def program(request, tmp_path_factory):
    """A platform, and what a program there printed that plots, shows and tries to simulate."""
    folder = tmp_path_factory.mktemp("platform")
    copy_gathered(folder)
    script = AS_IF_ON.replace("{platform!r}", repr(request.param)) + SCRIPT
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
    return request.param, run


def test_a_phase_map_can_be_opened_and_plotted(program):
    _, run = program
    assert run.returncode == 0, run.stderr
    assert "show: 0" in run.stdout.splitlines()


def sentence(platform):
    return (
        f"eiphase simulates and runs its workflow on Linux only, and this is {NAMES[platform]}, "
        "where it opens and plots phase maps that were made on Linux, and computes theory."
    )


def test_simulations_are_refused_with_a_sentence(program):
    platform, run = program
    assert (
        run.stdout.splitlines()[-4:]
        == [f"PlatformError {sentence(platform)}"] + ["exit code 1"] * 3
    )
    assert run.stderr == f"eiphase: {sentence(platform)}\n" * 3


WITHOUT_LAVA = """
import importlib.metadata, sys

class NoLava:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "lava":
            raise ModuleNotFoundError(name)

def version(name, of=importlib.metadata.version):
    if name == "lava-nc":
        raise importlib.metadata.PackageNotFoundError(name)
    return of(name)

sys.meta_path.insert(0, NoLava())
importlib.metadata.version = version
import matplotlib; matplotlib.use("agg")
import eiphase, xarray
"""


def test_without_lava_a_phase_map_can_be_opened_and_plotted_but_nothing_simulated(tmp_path):
    copy_gathered(tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_LAVA + SCRIPT],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    sentence = "Simulating needs Lava, which is not installed: `eiphase install-lava` installs it."
    assert "show: 0" in run.stdout.splitlines()
    assert f"InstallationError {sentence}" in run.stdout.splitlines()
    assert run.stderr.splitlines()[0] == f"eiphase: {sentence}"


@pytest.mark.parametrize("system", ["Darwin", "MINGW64_NT-10.0"])
def test_make_refuses_before_it_installs(system, tmp_path):
    uname = tmp_path / "uname"
    uname.write_text(f"#!/bin/sh\necho {system}\n")
    uname.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for target in ((), ("test",)):
        found = subprocess.run(
            ["make", "--no-print-directory", "--dry-run", "-f", REPOSITORY / "Makefile", *target],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert found.returncode == 2
        assert (
            f"simulates and runs its workflow on Linux only, and this is {system}" in found.stderr
        )
        assert not found.stdout
