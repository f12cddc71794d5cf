"""Where numbers come from: the code, the versions, the machine.

The Snakefile asks for the code's digest at every start.
"""

import hashlib
import json
import os
import platform
import re
import subprocess
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from eiphase.backends import BACKENDS, Backend
from eiphase.variables import VARIABLES

_HERE = Path(__file__).parent
_PACKAGE = _HERE.parent
# Imported on the way to numbers, but without influence on any: files, processes, messages, where
# numbers come from, and the table of backends, of whose rows the digest has what counts.
_NO_NUMBERS = (
    "backends", "errors", "jobs/datasets", "lava/channels",
    "lava/compatibility", "lava/run", "sweep/attributes", "sweep/config_file",
    "sweep/load", "sweep/progress", "sweep/provenance", "system", "variables",
)  # fmt: skip
Origin = tuple[str, str]
"""Commit and machine that simulated."""
# What a backend's row says that changes none of its simulations.
_WORDS = ("title", "cost", "has_theory")
_NUMERICAL_PACKAGES = ("lava-nc", "llvmlite", "numba", "numpy", "scipy")
_KEYWORDS = "excitatory-inhibitory network, phase diagram, chaos, spiking neurons, Loihi"
_version = cache(metadata.version)  # which looks through all that is installed


@cache  # gathering asks once for each tile
def code_digest(*backends: str, recording: bool = False, refinement: bool = False) -> str:
    """SHA-256 over all code that the backends' numbers depend on, and the packages it calls.

    The code of a backend from which one is made counts too, what the rows of both say, and which
    variables are stored. All backends unless some are named. `recording` adds what records
    single networks, `refinement` what chooses points near a border.
    """
    rows = {row.name: row for name in backends or BACKENDS for row in BACKENDS[name].lineage}
    modules = ["simulation.tile", *(f"simulation.backends.{name}" for name in rows)]
    if recording:
        modules.append("simulation.single")
    if refinement:
        modules.append("jobs.simulate")
    sources = sources_digest(*modules, without=_NO_NUMBERS)
    told = json.dumps([_numerical(row) for row in rows.values()])
    return hashlib.sha256(f"{sources} {told} {_stored_variables()}".encode()).hexdigest()


def _numerical(row: Backend) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if name not in _WORDS}


def _stored_variables() -> str:
    """Names, types and dimensions of what tiles hold, without the words that describe it."""
    return json.dumps([(name, v.dtype, v.lagged) for name, v in VARIABLES.items()])


def sources_digest(*modules: str, without: Collection[str] = ()) -> str:
    """SHA-256 over modules, all of ours that they import, and the packages numbers depend on.

    Of modules or folders `without`, and of what only they import, nothing counts.
    """
    left_out = {_PACKAGE / name for name in without}
    digest = hashlib.sha256()
    for path in sorted(_imported(modules, left_out)):
        digest.update(path.read_bytes())
    for package in _NUMERICAL_PACKAGES:
        digest.update(f"{package} {_version(package)}".encode())
    return digest.hexdigest()


def _imported(modules: Iterable[str], left_out: Collection[Path] = ()) -> set[Path]:
    """The files of some modules and of all that they import, directly or not."""
    found: set[Path] = set()
    waiting = [_file(_PACKAGE, f"eiphase.{module}") for module in modules]
    assert None not in waiting, f"one of {modules} is no module"
    while waiting:
        path = waiting.pop()
        if path is None or path in found:
            continue
        if not {path.with_suffix(""), *path.parents}.intersection(left_out):
            found.add(path)
            waiting += [_file(_PACKAGE, name) for name in _imports(path)]
    return found


@cache  # the Snakefile asks for a dozen digests, most of them over the same files
def _file(package: Path, module: str) -> Path | None:
    """Where a module of ours stands; a name that is no module has none."""
    path = package.joinpath(*module.split(".")[1:])
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file() and path != package:
            return file
    return None


_FOR_TYPES_ALONE = re.compile(r"^if TYPE_CHECKING:\n(?: .*\n|\n)*", re.M)
_IMPORT = re.compile(
    r"^ *(?:from (eiphase[\w.]*) import (\([^)]*\)|.*)|import (eiphase[\w.]+))", re.M
)


@cache
def _imports(path: Path) -> frozenset[str]:
    """Modules of ours that a file imports, inside functions too; names in them as well.

    Read by a regular expression: to parse all files would take longer than a job's other start.
    """
    text = _FOR_TYPES_ALONE.sub("", path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for module, names, alone in _IMPORT.findall(text):
        found |= {*_with_rooms(alone or module)}
        found |= {f"{module}.{name}" for name in re.findall(r"\w+", names)}
    return frozenset(name for name in found if name.startswith("eiphase."))


def _with_rooms(module: str) -> Iterator[str]:
    """A module's name and the names of the rooms that it stands in, which are imported first."""
    while module:
        yield module
        module = module.rpartition(".")[0]


def attributes(*backends: str) -> dict[str, str]:
    """Conventions, commit, digest of the backends' code, versions, machine: a file's attributes.

    Without a date, so that the same numbers make the same file.
    """
    packages = ("eiphase", *_NUMERICAL_PACKAGES, "xarray", "netCDF4")
    versions = {"python": platform.python_version(), **{p: _version(p) for p in packages}}
    commit, machine = origin()
    made_by = f"eiphase {version()}, commit {commit}"
    return {
        "Conventions": "CF-1.11, ACDD-1.3",
        "keywords": _KEYWORDS,
        "source": "simulation through Lava",
        "history": f"made by {made_by}",
        "commit": commit,
        "code_digest": code_digest(*backends),
        "versions": json.dumps(versions),
        "machine": machine,
    }


def version() -> str:
    """eiphase's version, as it is installed."""
    return _version("eiphase")


def origin() -> Origin:
    """The commit of the code that runs, and the machine."""
    return _commit(), f"{platform.system()} {platform.machine()}, {_processor()}"


@cache
def _processor() -> str:
    """Its model name, as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "processor unknown"


@cache
def _commit() -> str:
    """The commit of the code that runs, `+changes` if the code was edited since.

    Or `unknown`, and the reason.
    """
    try:
        # Not the commit of some other repository in which an environment happens to lie.
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        commit = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except FileNotFoundError:
        return "unknown: git is not installed"
    except OSError as error:
        return f"unknown: git cannot be run: {error.strerror}"
    except subprocess.CalledProcessError as error:
        return f"unknown: git says: {error.stderr.strip().partition(chr(10))[0]}"
    return f"{commit}+changes" if changed else commit


def _git(*arguments: str) -> str:
    """What git prints of the repository in which the code lies, whoever owns it.

    Git refuses a repository of another user, which could name a program to run; but we run its code
    anyway. Git's own variables, as in a hook of another repository, do not count.
    """
    # Without locks: a job that is killed must not leave the repository locked.
    options = ["--no-optional-locks", "-c", "safe.directory=*", "-c", "core.fsmonitor=false"]
    return subprocess.run(
        ["git", *options, "-C", str(_HERE), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    ).stdout.strip()
