"""Faults of programs that simulate from Python, and what must come of each."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import warm

import eiphase

PACKAGE = Path(eiphase.__file__).parent

TIME_LIMIT = 300  # seconds; whatever a program does, a hang ends here


def run(script: str, folder: Path, **environment: str) -> str:
    """What a program prints that ends well."""
    return _said([sys.executable], script, folder, **environment)


def run_warm(script: str, folder: Path) -> str:
    """The same, where everything is imported already."""
    warm.server().wait()
    return _said(warm.server().command("python"), script, folder)


def _said(python: list[str], script: str, folder: Path, **environment: str) -> str:
    file = folder / "program.py"
    file.write_text(script)
    process = subprocess.run(
        [*python, file], cwd=folder, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=TIME_LIMIT, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def _keeps_its_start_method(before: str, expected: str, folder: Path) -> str:
    """Where none is set, also as eiphase is imported; one that is set stays for the simulation."""
    script = f"""
import multiprocessing
{before}
import eiphase
network = eiphase.Network(n_neurons=10, q_factor=6.0, g_factor=5.0, seed=1)
eiphase.simulate(network, "rate", steps=5)
print(multiprocessing.get_start_method(allow_none=True))
"""
    found = (run_warm if before else run)(script, folder)
    assert found == expected, found
    return f"simulated; the start method is {found}"


START_METHODS = {
    "no start method": ("", "None"),
    "start method fork": ("multiprocessing.set_start_method('fork')", "fork"),
    "start method spawn": ("multiprocessing.set_start_method('spawn')", "spawn"),
    "start method forkserver": ("multiprocessing.set_start_method('forkserver')", "forkserver"),
    "a lock, as tqdm makes one": ("multiprocessing.RLock()", "fork"),  # Linux' default
}

PROGRAM = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import eiphase

def spikes(seed):
    network = eiphase.Network(n_neurons=30, q_factor=6.0, g_factor=5.0, seed=seed)
    return eiphase.simulate(network, "lif_bit_accurate", steps=200).spikes.values.tobytes()

def in_thread(seed):
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(spikes, seed).result()

def beside():
    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(spikes, 1)
        mine = [spikes(2), spikes(3)]
        return [other.result(), *mine]

if __name__ == "__main__":
    found = list({at_once})
    assert len(set(found)) == 3
    assert found == [spikes(1), spikes(2), spikes(3)]
"""
AT_ONCE = {
    "Pool, fork": "multiprocessing.get_context('fork').Pool(2).map(spikes, (1, 2, 3))",
    "Pool, spawn": "multiprocessing.get_context('spawn').Pool(2).map(spikes, (1, 2, 3))",
    "Pool, forkserver": "multiprocessing.get_context('forkserver').Pool(2).map(spikes, (1, 2, 3))",
    "Pool, forked after a simulation": (
        "[spikes(1), *multiprocessing.Pool(2).map(spikes, (1, 2, 3))][1:]"
    ),
    "ProcessPoolExecutor": "ProcessPoolExecutor(2).map(spikes, (1, 2, 3))",
    "ThreadPoolExecutor": "ThreadPoolExecutor(3).map(spikes, (1, 2, 3))",
    "threads of a Pool's workers": "multiprocessing.Pool(2).map(in_thread, (1, 2, 3))",
    "a thread beside the main one": "beside()",
}


def _equals_one_after_the_other(at_once: str, folder: Path) -> str:
    started = "'spawn'" in at_once or "'forkserver'" in at_once  # of Python itself, so cold
    (run if started else run_warm)(PROGRAM.replace("{at_once}", at_once), folder)
    return "simulated; the same spikes as one after the other"


def _model_killed_in_a_thread(folder: Path) -> str:
    """In a thread no signal tells that a process of Lava's has died."""
    script = """
import os, signal
from threading import Thread
from eiphase.errors import LavaError
from eiphase.lava.tile.process import NetworkTile

def killed(group):
    os.kill(os.getpid(), signal.SIGKILL)

def simulate():
    try:
        NetworkTile(groups=[0], simulate=killed, backend="rate").run_to_the_end()
    except LavaError as error:
        print(error)

thread = Thread(target=simulate)
thread.start()
thread.join()
"""
    said = run_warm(script, folder)
    assert "Lava's process NetworkTileModel" in said, said
    assert "was killed by SIGKILL" in said, said
    return said


ERRORS = """
import hashlib
import numpy as np
from eiphase.numerics import erf
found = np.empty(300)
erf.erf(np.linspace(-3, 3, 300), found)
print(hashlib.sha256(found.tobytes()).hexdigest())
"""


def _truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _with_another_bit(content: bytes) -> bytes:
    at = 2 * len(content) // 3
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@cache
def _compiled() -> tuple[str, TemporaryDirectory[str]]:
    """What the program prints, and a folder with the kernels that it has compiled."""
    folder = TemporaryDirectory(prefix="compiled-")
    (Path(folder.name) / "kernels").mkdir()
    said = run(ERRORS, Path(folder.name), NUMBA_CACHE_DIR=f"{folder.name}/kernels")
    return said, folder


def _kernels_damaged(damage: Callable[[bytes], bytes], folder: Path) -> str:
    """Damage each file of the compiled kernels, and see that it is compiled and kept anew."""
    cache = {"NUMBA_CACHE_DIR": str(folder / "kernels")}
    expected, compiled = _compiled()
    shutil.copytree(f"{compiled.name}/kernels", folder / "kernels")
    damaged = {path: damage(path.read_bytes()) for path in folder.glob("kernels/*/*")}
    assert len(damaged) >= 2
    for path, content in damaged.items():
        path.write_bytes(content)
    for _ in range(2):
        assert run(ERRORS, folder, **cache) == expected
        assert all(path.read_bytes() != content for path, content in damaged.items())
    return "compiled anew; the same numbers"


def _kernels_of_a_read_only_installation(folder: Path) -> str:
    """They are loaded from there by who cannot write there, and nothing is compiled."""
    shutil.copytree(
        PACKAGE,
        folder / "eiphase",
        ignore=shutil.ignore_patterns("__pycache__"),
        dirs_exist_ok=True,
    )
    environment = {"NUMBA_CACHE_DIR": "", "PYTHONPATH": str(folder)}
    expected = run(ERRORS, folder, **environment)
    assert list(folder.glob("eiphase/__pycache__/kernels/*/*"))
    # Root may write everywhere, so that the system has to say that it may not.
    read_only = "import os\nos.access = lambda path, mode: mode != os.W_OK\n"
    home = folder / "home"
    assert run(read_only + ERRORS, folder, XDG_CACHE_HOME=str(home), **environment) == expected
    assert not list(home.glob("eiphase/**/*"))
    return "loaded from the installation"


def _without_compiling(folder: Path) -> str:
    """Kernels are written for the compiler: as Python, they would fail or take hours."""
    command = [sys.executable, "-m", "eiphase.cli.commands", "simulate", "--q", "6", "--g", "5"]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    process = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 1
    assert process.stderr.startswith("eiphase: NUMBA_DISABLE_JIT is set"), process.stderr
    assert process.stderr.count("\n") == 1
    return process.stderr.strip()


ROWS: list[tuple[str, Callable[[Path], str]]] = [
    *((name, partial(_keeps_its_start_method, *how)) for name, how in START_METHODS.items()),
    *((name, partial(_equals_one_after_the_other, how)) for name, how in AT_ONCE.items()),
    ("a model killed, in a thread", _model_killed_in_a_thread),
    ("compiled kernels truncated", partial(_kernels_damaged, _truncated)),
    ("a bit of compiled kernels flipped", partial(_kernels_damaged, _with_another_bit)),
    ("kernels of a read-only installation", _kernels_of_a_read_only_installation),
    ("NUMBA_DISABLE_JIT=1", _without_compiling),
]
