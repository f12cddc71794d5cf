"""Compiled kernels: what is kept, that jobs share it, and that Lava's processes inherit it."""

import ast
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from conftest import PACKAGE, copied_package
from numba.core.dispatcher import Dispatcher

from eiphase.backends import BACKENDS
from eiphase.numerics import jit
from eiphase.sweep.schema import Sweep


def kernel(factor=2):
    """A new one each time, for which nothing is loaded yet, of the same code."""

    def times(x):
        return factor * x

    def thrice(x):
        return 3 * x

    return jit.njit(cache=True)(times if factor == 2 else thrice)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What is kept goes there, and there is no other installation."""
    monkeypatch.setattr(jit, "FOLDER", tmp_path / "kernels")
    monkeypatch.setattr(jit, "_INSTALLED", tmp_path / "installed")
    return tmp_path / "kernels"


def kept(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_kept_kernel_is_loaded_and_each_kind_of_argument_has_its_own(folder):
    assert kernel()(2) == 4
    first = kept(folder)
    assert len(first) == 1
    assert kernel()(2) == 4
    assert kept(folder) == first
    assert kernel()(0.5) == 1.0
    assert kernel(3)(2) == 6
    assert len(kept(folder)) == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda content, other: content[:-100],
        lambda content, other: content[:1000] + bytes([content[1000] ^ 1]) + content[1001:],
        lambda content, other: b"",
        # Runs, and would give another number.
        lambda content, other: content[:32] + other[32:],
    ],
    ids=["truncated", "flipped", "empty", "another"],
)
def test_a_damaged_kernel_is_compiled_again_and_not_run(folder, damage):
    kernel(3)(2)
    (other,) = kept(folder)
    kernel()(2)
    (path,) = kept(folder).keys() - {other}
    path.write_bytes(damage(path.read_bytes(), other.read_bytes()))
    damaged = kept(folder)
    assert kernel()(2) == 4
    mended = kept(folder)
    assert mended[path] != damaged[path]
    assert kernel()(2) == 4
    assert kept(folder) == mended


def test_an_installation_that_cannot_be_written_to_serves_its_users(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(jit, "FOLDER", tmp_path / "installed")
    kernel()(2)
    monkeypatch.undo()
    monkeypatch.setattr(jit, "FOLDER", folder)
    monkeypatch.setattr(jit, "_INSTALLED", tmp_path / "installed")
    assert kernel()(2) == 4
    assert not folder.exists()
    assert kernel()(0.5) == 1.0
    assert len(kept(folder)) == 1


def test_a_full_disk_costs_time_only(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert kernel()(2) == 4
    assert not kept(folder)


def test_a_folder_that_cannot_be_made_costs_time_only(folder):
    folder.write_text("a file")
    assert kernel()(2) == 4


def test_a_change_of_a_module_with_kernels_is_another_version(tmp_path, monkeypatch):
    """Numba itself looks at the module of a kernel, not at those that the kernel calls."""
    package = copied_package(tmp_path)
    monkeypatch.setattr(jit, "_PACKAGE", package)
    before = jit._version()
    for module, same in (("cli/commands", True), ("numerics/simd", False), ("numerics/jit", False)):
        with (package / f"{module}.py").open("a") as file:
            file.write("# does it otherwise\n")
        assert (jit._version() == before) is same, module
        before = jit._version()


def test_what_kernels_use_of_other_modules_is_part_of_the_version():
    """A version is known by the modules with kernels or with instructions for them."""
    texts = {
        f"eiphase.{'.'.join(path.relative_to(PACKAGE).with_suffix('').parts)}": path.read_text()
        for path in PACKAGE.rglob("*.py")
    }
    versioned = {name for name, text in texts.items() if "\n@njit" in text or "\n@intr" in text}
    assert {"eiphase.numerics.simd", "eiphase.networks.lif"} <= versioned
    known = versioned | {"eiphase.numerics.jit"}  # and what it takes from the packages below it
    for name in versioned:
        imported = {
            alias.asname or alias.name: {node.module, f"{node.module}.{alias.name}"}
            for node in ast.parse(texts[name]).body
            if isinstance(node, ast.ImportFrom) and node.module.startswith("eiphase")
            for alias in node.names
        }
        for one in vars(import_module(name)).values():
            if isinstance(one, Dispatcher) and one.py_func.__module__ == name:
                for used in imported.keys() & set(one.py_func.__code__.co_names):
                    assert imported[used] & known, f"{one}: {used}"


def test_kernels_are_kept_in_the_users_cache_where_the_package_is_not_writable(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(jit.config, "CACHE_DIR", "")
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert jit._parent() == tmp_path / "eiphase"


def test_a_user_without_a_home_keeps_none(monkeypatch):
    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(jit.config, "CACHE_DIR", "")
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(Path, "home", home)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert jit._parent() == PACKAGE / "__pycache__/kernels"


# Kernels of this module, each compiled for the types of one argument: their numbers, and whether
# the process has got ready to compile.
JOB = """
import sys
from eiphase.numerics.jit import njit

@njit(cache=True)
def double(x):
    return x + x

@njit(cache=True)
def quadruple(x):
    return double(double(x))

print(quadruple(eval(sys.argv[1])), "numba.np.npyimpl" in sys.modules)
"""


def test_jobs_that_start_at_once_on_an_empty_cache(tmp_path):
    """Each gets its own kernels, and what they leave serves the next, which compiles nothing."""
    (tmp_path / "job.py").write_text(JOB)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}

    def outcomes():
        jobs = [
            subprocess.Popen(
                [sys.executable, tmp_path / "job.py", x],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
            for x in ("1", "0.5", "1")
        ]
        return [job.communicate()[0].split() for job in jobs]

    numbers = ["4", "2.0", "4"]
    assert outcomes() == [[number, "True"] for number in numbers]
    cached = kept(tmp_path / "kernels")
    assert len(cached) == 4  # two kernels, two kinds of numbers
    assert outcomes() == [[number, "False"] for number in numbers]
    assert kept(tmp_path / "kernels") == cached


# In a process of its own for each work, so that nothing has loaded anything; they are forked from
# one that has imported all. Counts the kernels that are looked for there and in Lava's forks.
COUNT_LOADED = """
import json, os, sys
import eiphase
from eiphase.numerics import jit
from eiphase.numerics.arrays import shared_array
from eiphase.jobs.before.compile import compile_for
from eiphase.simulation import single
from eiphase.simulation.tile import simulate_tile
from eiphase.sweep.schema import Sweep

loaded, load = shared_array((2,), "int64"), jit._Kept.load_overload

def counted(*arguments):
    loaded[int(os.getpid() != here)] += 1
    return load(*arguments)

jit._Kept.load_overload = counted
for work, *arguments in json.loads(sys.argv[1]):
    loaded[:] = 0
    child = os.fork()
    if child == 0:
        here = os.getpid()
        exec(work)
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    print(*loaded, flush=True)
"""
SIMULATE_TILES = """
for config in arguments:
    sweep, ranges = Sweep.model_validate_json(config), None
    for backend in sweep.backends:
        ranges = simulate_tile(sweep, sweep.tile(backend, 1, 0), source=ranges)
"""
RECORD = """
network = eiphase.Network(n_neurons=100, q_factor=8.0, g_factor=6.0, seed=1)
for backend, perturb_after in (("rate", None), ("lif_bit_accurate", None), ("rate", 100)):
    eiphase.simulate(network, backend, steps=1500, perturb_after=perturb_after)
"""
AS_INSTALLED = """
for backend in arguments.pop(0).split():
    compile_for(backend)
loaded[:] = 0
"""
SPIKING = ("lif_float", "lif_bit_accurate")
EVERYTHING = {
    "observables": {"chaos": True, "statistics": True},
    "mapping": {"rate_to_lif": "corrected", "float_to_integer": "full_range"},
}
MEASURED = [{}, {"observables": {"autocovariance": "tutorial", "boxcar": 100}}, EVERYTHING]


def sweep(backends, changes, *, neurons=40, steps=300):
    simulation = {"steps": steps, "burn_in": 100, "max_lag": 50}
    config = {
        "network": {"neurons": neurons},
        "grid": {"q_factor": [0.5, 9.0], "g_factor": [6.0]},
        "seeds": [1],
        "backends": backends,
        "simulation": simulation,
    }
    return Sweep.model_validate(config | changes).model_dump_json(exclude_unset=True)


def work_of_tiles(backends, changes):
    # With more values of u and v than are kept: then they are counted into bins.
    large = {"steps": 1500} if changes else {"neurons": 200, "steps": 11_000}
    return (SIMULATE_TILES, sweep(backends, changes, **large))


TILES = {
    f"{'+'.join(backends)}-{number}": (backends, changes)
    for backends in (("rate",), SPIKING)
    for number, changes in enumerate(MEASURED)
}


@pytest.fixture(scope="module")
def loaded():
    """By name of some work: how many in the process that does it, and how many in Lava's."""
    sweeps = [sweep(backends, changes) for changes in MEASURED for backends in (["rate"], SPIKING)]
    works = {name: work_of_tiles(*tiles) for name, tiles in TILES.items()} | {
        "recordings": (RECORD,),
        "as installed": (AS_INSTALLED + SIMULATE_TILES, " ".join(BACKENDS), *sweeps),
    }
    command = [sys.executable, "-c", COUNT_LOADED, json.dumps(list(works.values()))]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    printed = [line.split() for line in run.stdout.splitlines()]
    counts = [tuple(map(int, words)) for words in printed if len(words) == 2]
    return dict(zip(works, counts, strict=True))


def test_after_the_installation_sweeps_compile_nothing(loaded):
    """They look for no kernel that `eiphase compile` has not called."""
    assert loaded["as installed"] == (0, 0)


@pytest.mark.parametrize("name", TILES)
def test_models_inherit_the_kernels_of_tiles(loaded, name):
    """Whatever is measured, and however large networks are and long the run."""
    here, in_models = loaded[name]
    assert here > 0
    assert in_models == 0


def test_models_inherit_the_kernels_of_recordings(loaded):
    here, in_models = loaded["recordings"]
    assert here > 0
    assert in_models == 0
