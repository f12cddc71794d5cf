"""Compiled kernels: what is kept, that jobs share it, and that Lava's processes inherit it."""

import ast
import fcntl
import os
import platform
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from threading import Thread

import pytest
from conftest import PACKAGE, copied_package
from numba.core.dispatcher import Dispatcher

from eiphase.numerics import jit
from eiphase.sweep.schema import Sweep

# A job's work, the digest of its numbers, and whether it has got ready to compile.
SIMULATE = """
import hashlib, sys
from eiphase.simulation.tile import simulate_tile
from eiphase.sweep.schema import Sweep

sweep = Sweep.model_validate_json(sys.argv[1])
values = simulate_tile(sweep, next(sweep.all_tiles()))
print(hashlib.sha256(b"".join(values[name].tobytes() for name in sorted(values))).hexdigest())
print("numba.np.npyimpl" in sys.modules)
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
    output, _ = process.communicate()
    assert process.returncode == 0
    numbers, compiles = output.split()
    return numbers, compiles == "True"


def kernels_in(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.nb?")}


def test_jobs_that_start_at_once_on_an_empty_cache(tmp_path):
    alone, _ = outcome(start(tmp_path / "alone"))
    jobs = [start(tmp_path / "shared") for _ in range(3)]
    assert [outcome(job) for job in jobs] == [(alone, True)] * 3
    cached = kernels_in(tmp_path / "shared")
    # What they left serves the next job: it compiles nothing, and gets the same numbers.
    assert outcome(start(tmp_path / "shared")) == (alone, False)
    assert cached
    assert kernels_in(tmp_path / "shared") == cached


def test_an_import_asks_nothing_of_the_disk_that_keeps_kernels(tmp_path):
    """It may be a cluster's, and slow; there are many kernels, of which a job calls some."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    subprocess.run(
        [sys.executable, "-c", "import eiphase.simulation.tile"], env=environment, check=True
    )
    assert not (tmp_path / "kernels").exists()


def modules_with_kernels():
    """Their names, the text of each, and the functions in it that are compiled."""
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        kernels = [f for f in functions if "njit" in map(_name_of, f.decorator_list)]
        if kernels:
            yield ".".join(path.relative_to(PACKAGE).with_suffix("").parts), tree, kernels


def _name_of(decorator):
    while not isinstance(decorator, ast.Name):
        decorator = decorator.func if isinstance(decorator, ast.Call) else decorator.value
    return decorator.id


def test_every_kernel_is_kept_by_version_and_node():
    assert jit.FOLDER.name == platform.node()
    for name, _, kernels in modules_with_kernels():
        for function in kernels:
            dispatcher = getattr(import_module(f"eiphase.{name}"), function.name)
            assert isinstance(dispatcher, Dispatcher)
            assert jit.FOLDER in Path(dispatcher.stats.cache_path).parents, function.name


def test_what_kernels_use_of_other_modules_stands_beside_other_kernels():
    """By those modules, and by such that have instructions for them, a version is told."""
    modules = list(modules_with_kernels())
    names = {name for name, *_ in modules} | {"bits"}
    assert {"vectors", "rate", "lif", "loihi"} <= names
    for name, tree, kernels in modules:
        ours = {
            alias.asname or alias.name: alias.name if node.module == "eiphase" else node.module[8:]
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module.startswith("eiphase")
            for alias in node.names
        }
        for function in kernels:
            body = [node for statement in function.body for node in ast.walk(statement)]
            used = {node.id for node in body if isinstance(node, ast.Name)} & ours.keys()
            assert {ours[one] for one in used} <= names, f"{name}.{function.name}"


def test_one_process_at_a_time_adds_a_kernel(tmp_path, monkeypatch):
    """Else two would give the same number to different kernels."""
    monkeypatch.setattr(jit, "FOLDER", tmp_path)

    @jit.njit(cache=True)
    def twice(x):
        return 2 * x

    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        call = Thread(target=twice, args=(2,))
        call.start()
        call.join(3)
        assert call.is_alive()
        assert not kernels_in(tmp_path)
    call.join()
    assert len(kernels_in(tmp_path)) == 2  # index and code


def version_of(package):
    command = [sys.executable, "-c", "from eiphase.numerics import jit; print(jit.FOLDER)"]
    environment = {**os.environ, "PYTHONPATH": str(package.parent), "NUMBA_CACHE_DIR": ""}
    run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    folder = Path(run.stdout.strip())
    assert folder.parents[2] == package / "__pycache__"
    return folder.parent.name


def test_a_change_of_a_module_with_kernels_is_another_version(tmp_path):
    package = copied_package(tmp_path)
    before = version_of(package)
    for module, same in (("cli", True), ("vectors", False), ("bits", False), ("compiled", False)):
        with (package / f"{module}.py").open("a") as file:
            file.write("# does it otherwise\n")
        assert (version_of(package) == before) is same, module


def test_a_package_that_cannot_be_written_to_has_its_kernels_in_the_users_cache(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(jit.config, "CACHE_DIR", "")
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert jit._folder().parents[1] == tmp_path / "eiphase"


def test_a_user_without_a_home_keeps_none(monkeypatch):
    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(jit.config, "CACHE_DIR", "")
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(Path, "home", home)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert jit._folder().parents[2] == PACKAGE / "__pycache__"


def test_where_nothing_can_be_kept_kernels_serve_one_process(tmp_path):
    file = tmp_path / "file"
    file.touch()
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(file / "folder")}
    script = "from eiphase.numerics.erf import erf_of; print(erf_of(0.0))"
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    assert found.stdout == "0.0\n"


EVERYTHING = {
    "observables": {"chaos": True, "statistics": True},
    "mapping": {"rate_to_lif": "corrected", "float_to_integer": "full_range"},
}


def test_after_the_installation_sweeps_compile_nothing(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "eiphase.cli", "compile"], env=environment, check=True)
    installed = kernels_in(tmp_path)
    config = SWEEP.model_dump(exclude_unset=True)
    sweeps = [
        Sweep.model_validate(config | changes | {"backends": backends})
        for changes in ({}, {"observables": {"autocovariance": "tutorial"}}, EVERYTHING)
        for backends in (("rate",), SPIKING)
    ]
    arguments = [sweep.model_dump_json(exclude_unset=True) for sweep in sweeps]
    command = [sys.executable, "-c", SIMULATE_TILES, *arguments]
    subprocess.run(command, env=environment, check=True)
    assert kernels_in(tmp_path) == installed


# In a new process, so that no other test has loaded anything. Counts kernels that Numba loads,
# or compiles, in this process and in those that Lava forks from it.
COUNT_LOADED = """
import os, sys
from numba.core.dispatcher import Dispatcher
from eiphase.numerics.arrays import shared_array

here, loaded, load = os.getpid(), shared_array((2,), "int64"), Dispatcher.compile

def counted(dispatcher, signature):
    loaded[int(os.getpid() != here)] += 1
    return load(dispatcher, signature)

Dispatcher.compile = counted
{work}
print(*loaded)
"""
SIMULATE_TILES = """
import sys
from eiphase.simulation.tile import simulate_tile
from eiphase.sweep.schema import Sweep

for config in sys.argv[1:]:
    sweep, ranges = Sweep.model_validate_json(config), None
    for backend in sweep.backends:
        ranges = simulate_tile(sweep, sweep.tile(backend, 1, 0), source=ranges)
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
        EVERYTHING,
    ],
)
def test_models_inherit_the_kernels_of_tiles(backends, changes):
    """Whatever is measured, and however large networks are and long the run."""
    config = {
        "network": {"neurons": 200},
        "grid": {"q_factor": [0.5, 9.0], "g_factor": [6.0]},
        "seeds": [1],
        "backends": backends,
        # With more values of u and v than are kept: then they are counted into bins.
        "simulation": {"steps": 11_000, "burn_in": 200, "max_lag": 50},
    }
    sweep = Sweep.model_validate(config | changes).model_dump_json(exclude_unset=True)
    assert_models_load_none(SIMULATE_TILES, sweep)


def test_models_inherit_the_kernels_of_recordings():
    assert_models_load_none(RECORD)
