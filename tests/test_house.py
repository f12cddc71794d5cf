"""A backend is a row, a kernel and a file: a fourth one goes from a config to a figure."""

import ast
import os
import re
import shutil
import tomllib

import pytest
import warm
import xarray as xr
import yaml
from conftest import PACKAGE, REPOSITORY, copied_package
from tiny_workflow import options

from eiphase.backends import BACKENDS
from eiphase.numerics import jit

KERNEL = '''
"""LIF neurons that rest for some steps after a spike."""

import numpy as np

from eiphase.numerics.jit import njit


@njit(cache=True)
def advance(weights, du, dv, vth, bias, rest, u, v, a, resting, spikes):
    n_steps, n = spikes.shape
    for t in range(n_steps):
        for i in range(n):
            u[i] = u[i] * (1 - du) + a[i]
            v[i] = v[i] * (1 - dv) + u[i] + bias
            if resting[i] > 0:
                resting[i] -= 1
                v[i] = 0.0
            spikes[t, i] = v[i] > vth
            if spikes[t, i]:
                v[i] = 0.0
                resting[i] = rest
        for i in range(n):
            a[i] = 0.0
            for j in range(n):
                if spikes[t, j]:
                    a[i] += weights[i, j]
'''

BACKEND = '''
"""LIF neurons with a refractory period of five steps."""

import numpy as np

from eiphase.networks import lif_refractory
from eiphase.simulation.backends import Block, Settings, lif_float

RECORDED = {"spikes": lif_float.SPIKES}
COUNTED = ()
TAKEN = ()


class Simulator(lif_float.Simulator):
    def start(self, prepared):
        (one,) = prepared
        return Run(one.parameters, self.settings)


class Run:
    def __init__(self, parameters, settings: Settings):
        n = len(parameters.weights)
        self.parameters = parameters
        self.state = [np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n, np.int64)]

    def advance(self, n_steps):
        p = self.parameters
        spikes = np.empty((n_steps, len(p.weights)), np.uint8)
        weights = np.ascontiguousarray(p.weights)
        lif_refractory.advance(weights, p.du, p.dv, p.vth, p.bias, 5, *self.state, spikes)
        return [Block({"spikes": spikes}, {})]
'''

ROW = """
    Backend(
        name="lif_refractory",
        title="LIF, refractory",
        spiking=True,
        depends_on=("observables.boxcar", "mapping.rate_to_lif"),
    ),
)
BACKENDS: dict"""


REST = 5
CONFIG = {
    "network": {"neurons": 40},
    "grid": {"q_factor": [0.5, 4.0], "g_factor": [4.5, 6.0]},
    "seeds": [1],
    "backends": ["lif_float", "lif_refractory"],
    "mapping": {"rate_to_lif": "identity"},
    "simulation": {"steps": 500, "burn_in": 200, "max_lag": 100},
    "observables": {"statistics": True},
}


def test_a_fourth_backend_goes_from_a_config_to_a_figure(tmp_path, monkeypatch):
    """LIF neurons that rest after a spike, in a copy of the checkout."""
    shutil.copy(REPOSITORY / "Snakefile", tmp_path)
    for name in ("workflow", "config", "profiles", "notebooks"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    package = copied_package(tmp_path / "src")
    (package / "networks/lif_refractory.py").write_text(KERNEL)
    (package / "simulation/backends/lif_refractory.py").write_text(BACKEND)
    table = (package / "backends.py").read_text()
    assert table.count(")\nBACKENDS: dict") == 1
    (package / "backends.py").write_text(table.replace(")\nBACKENDS: dict", ROW.lstrip("\n")))
    (tmp_path / "config/tiny.yaml").write_text(yaml.safe_dump(CONFIG))
    if jit.FOLDER.exists():  # to compile kernels that are not changed would take most of the time
        monkeypatch.setattr(jit, "_PACKAGE", package)
        shutil.copytree(jit.FOLDER, package / "__pycache__/kernels" / jit._version())
    sweep = options(
        tmp_path, "--cores", "2", "--config", "sweep=config/tiny.yaml", checkout=tmp_path
    )
    server = warm.Server.started(python_path=tmp_path / "src")
    run_in_copy(tmp_path, server, "snakemake", *sweep)
    assert (tmp_path / "results/tiny/figures/phase_maps.png").exists()
    with xr.open_dataset(tmp_path / "results/tiny/phase_map.nc") as phase_map:
        rates = phase_map.mean_rate.isel(seed=0)
        resting, others = rates.sel(backend="lif_refractory"), rates.sel(backend="lif_float")
        assert (resting > 0).all()
        assert resting.max() <= 1 / (REST + 1)  # in 300 steps at most 50 spikes
        assert others.max() > 1 / (REST + 1)
        assert phase_map.isi_cv_fraction.sel(backend="lif_refractory").notnull().any()
    verified = ("verify", "results/tiny/phase_map.nc", "--points", "2")  # one of each backend
    assert "2 points" in run_in_copy(tmp_path, server, "eiphase", *verified)


def run_in_copy(folder, server, program, *arguments):
    """Run a program with the copy of the package in place of the package; what it says."""
    code = os.environ | {"PYTHONPATH": str(folder / "src")}
    run = server.run(program, *arguments, folder=folder, environment=code)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


# Where a backend's name may stand beside the table and the backends' own files, and why. A file
# alone: anywhere in it; with a text: in this string constant.
ALLOWED = {
    ("figures/tutorial.py", None): "the tutorial has these three networks, and no others",
    ("lava/reference/ei_network.py", None): "tags of Lava's own models, which are these three",
    ("cli/commands.py", None): "examples, in no file's way: it adds no option",
    ("cli/user_commands.py", "--q 8.16 --g 4.5 --backend lif_bit_accurate --plot"): "an example",
    (
        "cli/workflow_jobs.py",
        "config/demo.yaml tile.nc --backend rate --seed 1 --tile 0",
    ): "an example",
}


def texts(path):
    """String constants of a file with their lines; docstrings and other bare strings are none."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.lineno, node.value


def names_in(text):
    """Backends that a text names. `rate` is an ordinary word, unless it is all there is."""
    for name in BACKENDS:
        if text == name or ("_" in name and re.search(rf"\b{name}\b", text)):
            yield name


def named_backends(paths):
    """Where files name a backend, as `file:line: text`, except for what is `ALLOWED`."""
    for path in paths:
        file = path.relative_to(PACKAGE if path.is_relative_to(PACKAGE) else REPOSITORY).as_posix()
        for line, text in texts(path):
            if any(names_in(text)) and not {(file, None), (file, text)} & set(ALLOWED):
                yield f"{file}:{line}: {text}"


def test_nothing_names_a_backend_but_the_table_and_its_own_file():
    own = PACKAGE / "backends.py", *(PACKAGE / "simulation/backends").iterdir()
    paths = {*PACKAGE.rglob("*.py"), *(REPOSITORY / "notebooks").glob("*.py")} - set(own)
    assert list(named_backends(sorted(paths))) == []
    workflow = REPOSITORY / "workflow"
    rules = [workflow / "Snakefile", *workflow.rglob("*.smk")]
    quoted = tuple(f'= "{name}"' for name in BACKENDS)
    assert not [rule for rule in rules if any(q in rule.read_text() for q in quoted)]


@pytest.mark.parametrize(
    "code",
    [
        'x = backend == "rate"', 'x = {"rate": 1}', 'x.sel(backend="lif_float")',
        'PAIR = ("lif_float", "lif_bit_accurate")', 'NAMES = re.compile(r"a_(lif_float|b)")',
        'x = f"needs lif_float{x}"', 'help("rate, lif_float or lif_bit_accurate")',
    ],
)  # fmt: skip
def test_a_name_would_be_found(tmp_path, monkeypatch, code):
    path = PACKAGE / "flags.py"
    monkeypatch.setattr(type(path), "read_text", lambda *_, **__: f'"""Of lif_float."""\n{code}')
    (found,) = {line.partition(": ")[0] for line in named_backends([path])}
    assert found == "flags.py:2"


@pytest.mark.parametrize("code", ['x = "mean_rate"', 'x = "rate neurons"', 'x: str\n"""rate"""'])
def test_other_words_are_no_names(monkeypatch, code):
    path = PACKAGE / "flags.py"
    monkeypatch.setattr(type(path), "read_text", lambda *_, **__: code)
    assert list(named_backends([path])) == []


@pytest.mark.parametrize(("file", "text"), ALLOWED)
def test_what_may_name_a_backend_still_does(file, text):
    found = [one for _, one in texts(PACKAGE / file) if any(names_in(one)) or one == text]
    assert found if text is None else text in found


def test_every_backend_has_its_file():
    files = {path.stem for path in (PACKAGE / "simulation/backends").glob("[a-z]*.py")}
    assert files == set(BACKENDS)


def rooms():
    """What stands at the top of the package."""
    names = {path.stem for path in PACKAGE.iterdir()}
    return names - {"__init__", "__pycache__", "py"}  # `py.typed`


# Rooms that a contract of import-linter leaves free, by its name; all others it must bind.
FREE = {
    "Only lava/ knows Lava": {"lava"},
    "Only numerics/ knows what compiles": {"numerics"},
    "Kernels and formulas know no labels, no config and no workflow": {
        "cli", "explorer", "figures", "jobs", "lava", "simulation", "sweep", "system", "variables",
    },
}  # fmt: skip


def test_contracts_bind_every_room_but_those_that_they_leave_free():
    """Of contracts, only the one on layers says by itself that a new room is missing."""
    with (REPOSITORY / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    bound = {one["name"]: one["source_modules"] for one in contracts if one["type"] == "forbidden"}
    expected = {
        name: sorted(f"eiphase.{room}" for room in rooms() - free) for name, free in FREE.items()
    }
    assert bound == expected


def from_the_root(path):
    """Lines that import the root package itself, or what is no room from it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = {one.name for one in node.names} & {"eiphase"}
        elif isinstance(node, ast.ImportFrom) and node.module == "eiphase":
            names = {one.name for one in node.names} - rooms()
        else:
            continue
        if names:
            yield f"{path.name}:{node.lineno}"


def test_nothing_imports_public_names_from_the_root():
    """The root imports them when they are asked for, which import-linter does not see."""
    paths = set(PACKAGE.rglob("*.py")) - {PACKAGE / "__init__.py"}
    assert not [line for path in paths for line in from_the_root(path)]


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ("from eiphase import simulate", True), ("import eiphase", True),
        ("def f():\n    from eiphase import figures, plot_cut", True),
        ("from eiphase import figures", False), ("import eiphase.figures", False),
    ],
)  # fmt: skip
def test_a_public_name_from_the_root_would_be_found(monkeypatch, code, is_found):
    path = PACKAGE / "flags.py"
    monkeypatch.setattr(type(path), "read_text", lambda *_, **__: code)
    assert bool(list(from_the_root(path))) is is_found


def test_rooms_hold_at_most_eight_files_and_there_are_at_most_eighteen():
    def entries(folder):
        names = {path.name for path in folder.iterdir()}
        return names - {"__init__.py", "__pycache__", "py.typed"}

    assert len(entries(PACKAGE)) <= 18
    for room in filter(
        lambda path: path.is_dir() and path.name != "__pycache__", PACKAGE.iterdir()
    ):
        assert len(entries(room)) <= 8, room.name
