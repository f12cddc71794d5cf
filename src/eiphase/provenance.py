"""Where numbers come from: the code, the versions, the machine.

The Snakefile asks for the code's digest at every start.
"""

import hashlib
import json
import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from eiphase.dataset import VARIABLES

_PACKAGE = Path(__file__).parent
# Sources and packages on which the numbers of a tile depend; `processes` is a folder.
_COMMON_SOURCES = [
    "blocks", "columns", "compiled", "damage", "error_function", "flags", "lagged_products",
    "lyapunov", "measurement", "memory", "moments", "network", "observables", "processes",
    "samples", "simulation", "statistics", "sweep", "vectors",
]  # fmt: skip
_LIF_SOURCES = [
    "bits", "coincidences", "count_products", "lif", "loihi", "mapping", "perturbation",
    "quantiles", "quantisation", "ranges", "spike_counts", "twins", "working_point",
]  # fmt: skip
_SOURCES = {
    "rate": ["rate", "tangent"],
    "lif_float": _LIF_SOURCES,
    "lif_bit_accurate": _LIF_SOURCES,
}
Origin = tuple[str, str]
"""Commit and machine that simulated."""
_NUMERICAL_PACKAGES = ("lava-nc", "llvmlite", "numba", "numpy", "scipy")
_version = cache(metadata.version)  # which looks through all that is installed


@cache  # gathering asks once for each tile
def code_digest(*backends: str, recording: bool = False, refinement: bool = False) -> str:
    """Of all code that the backends' numbers depend on, ours and that of the packages it calls.

    Which variables are stored counts too. All backends unless some are named. `recording`
    adds what records single networks, `refinement` what chooses points near a border.
    """
    names = {name for backend in backends or _SOURCES for name in _SOURCES[backend]}
    if recording:
        names |= {"one_network", "recording", "divergence"}
    if refinement:
        names |= {"critical_line", "phases", "refinement_job"}
    sources = sources_digest(*_COMMON_SOURCES, *names)
    return hashlib.sha256(f"{sources} {_stored_variables()}".encode()).hexdigest()


def _stored_variables() -> str:
    """Names, types and dimensions of what tiles hold, without the words that describe it."""
    return json.dumps([(name, v.dtype, v.lagged) for name, v in VARIABLES.items()])


def sources_digest(*names: str) -> str:
    """Of some of our modules and folders, and of the packages that numbers depend on."""
    digest = hashlib.sha256()
    for name in sorted(names):
        folder = _PACKAGE / name
        for path in sorted(folder.glob("*.py")) if folder.is_dir() else [_PACKAGE / f"{name}.py"]:
            digest.update(path.read_bytes())
    for package in _NUMERICAL_PACKAGES:
        digest.update(f"{package} {_version(package)}".encode())
    return digest.hexdigest()


def attributes(*backends: str) -> dict[str, str]:
    """Commit, digest of the backends' code, versions and machine, as attributes of a file."""
    packages = ("eiphase", *_NUMERICAL_PACKAGES, "xarray", "netCDF4")
    versions = {"python": platform.python_version(), **{p: _version(p) for p in packages}}
    commit, machine = origin()
    return {
        "commit": commit,
        "code_digest": code_digest(*backends),
        "versions": json.dumps(versions),
        "machine": machine,
    }


def version() -> str:
    """Of eiphase, as it is installed."""
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
        ["git", *options, "-C", str(_PACKAGE), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
    ).stdout.strip()
