"""Which Lava is installed; and how to install the one that eiphase knows, which pip finds too old.

lava-nc is no dependency of the package: its metadata refuse the Pythons, and the NumPy, on which it
runs here (see `lava.compatibility`). So one command installs it, and nothing that it asks for.
"""

import shutil
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec

from eiphase.errors import InstallationError

LAVA = "0.10.0"
"""The version of lava-nc that `lava.compatibility` is written for."""


def require_lava() -> None:
    """Raise `InstallationError` unless Lava is installed, in the version that eiphase knows."""
    try:
        installed = metadata.version("lava-nc")
    except metadata.PackageNotFoundError:
        raise InstallationError(
            "Simulating needs Lava, which is not installed: `eiphase install-lava` installs it."
        ) from None
    if installed != LAVA:
        raise InstallationError(
            f"lava-nc {installed} is installed, but eiphase simulates with {LAVA} only: "
            "`eiphase install-lava` installs that."
        )


def install_lava() -> None:
    """Install Lava into the environment that runs this; what is installed already is left alone."""
    if subprocess.run(_command(f"lava-nc=={LAVA}"), check=False).returncode:
        raise InstallationError(f"lava-nc {LAVA} could not be installed; the reason stands above.")


def _command(package: str) -> list[str]:
    """Its own packages stay as they are: what Lava imports is among eiphase's dependencies."""
    if find_spec("pip"):
        pip = [sys.executable, "-m", "pip", "install", "--ignore-requires-python"]
        return [*pip, "--no-deps", package]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--python", sys.executable, "--no-deps", package]
    raise InstallationError(
        f"Lava is installed by pip or uv, and {sys.executable} finds neither: install uv, or "
        f"pip by `{sys.executable} -m ensurepip`."
    )
