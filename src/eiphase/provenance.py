"""Where numbers come from: the code, the versions, the machine.

Imports nothing heavy: the Snakefile asks for the code's digest at every start.
"""

import hashlib
import json
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

_PACKAGE = Path(__file__).parent
# Sources and packages on which the numbers of a tile depend.
_SOURCES = [
    "lif", "loihi", "mapping", "measurement", "memory", "network", "observables", "rate",
    "simulation", "sweep",
]  # fmt: skip
_NUMERICAL_PACKAGES = ("lava-nc", "llvmlite", "numba", "numpy", "scipy")


@cache  # gathering asks once for each tile
def code_digest(*more: str) -> str:
    """Of all code that a tile's numbers depend on, ours and that of the packages it calls.

    `more` names further modules of ours.
    """
    digest = hashlib.sha256()
    sources = [_PACKAGE / f"{name}.py" for name in (*_SOURCES, *more)]
    for path in [*sources, *sorted((_PACKAGE / "processes").glob("*.py"))]:
        digest.update(path.read_bytes())
    for package in _NUMERICAL_PACKAGES:
        digest.update(f"{package} {version(package)}".encode())
    return digest.hexdigest()


def attributes() -> dict[str, str]:
    """Commit, digest of the code, versions and machine, as attributes of a file."""
    packages = ("eiphase", *_NUMERICAL_PACKAGES, "xarray", "netCDF4")
    versions = {"python": platform.python_version(), **{p: version(p) for p in packages}}
    return {
        "commit": _commit(),
        "code_digest": code_digest(),
        "versions": json.dumps(versions),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def _commit() -> str:
    """The commit of the code that runs, `+changes` if the code was edited since."""
    here = ["git", "-C", str(_PACKAGE)]
    # Not the commit of some other repository in which an environment happens to lie.
    tracked = [*here, "ls-files", "--error-unmatch", Path(__file__).name]
    describe = [*here, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+changes"]
    try:
        subprocess.run(tracked, capture_output=True, check=True)
        described = subprocess.run(describe, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return described.stdout.strip()
