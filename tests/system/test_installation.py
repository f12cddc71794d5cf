"""What `make` installs, and when it installs anew; nothing is installed here."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import REPOSITORY

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-installer.lock")


def pinned(lock):
    """Packages of a lock file, with all versions that some platform gets, and how many hashes."""
    found = {}
    for entry in re.split(r"\n(?=\S)", (REPOSITORY / lock).read_text()):
        name, version = re.match(r"([a-z0-9-]+)==([^ ;\\]+)", entry).groups()
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), f"{lock} lacks hashes of {name}"
        found.setdefault(name, set()).add(version)
    return found


def test_users_get_no_tools_of_developers():
    users, developers, installer = map(pinned, LOCKS)
    assert {"lava-nc", "snakemake", "jupytext", "hatchling"} <= users.keys()
    tools = {"pytest", "hypothesis", "mypy", "ruff", "mkdocs", "snakefmt"}
    assert tools <= developers.keys()
    assert not tools & users.keys()
    for name in users.keys() & developers.keys():
        assert users[name] == developers[name], name
    assert installer.keys() == {"setuptools", "uv"}


@pytest.fixture
def checkout(tmp_path):
    """What `make` looks at, as if it had installed."""
    folder = tmp_path / 'it\'s a "test" $HOME'
    (folder / ".venv/bin").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", *LOCKS):
        shutil.copy2(REPOSITORY / name, folder)
    (folder / ".venv/bin/python").symlink_to(sys.executable)
    (folder / ".venv/ready").write_text(f"{folder.resolve()}\n")
    return folder


def make(folder, *arguments, **environment):
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


def installs(folder):
    run = make(folder, "--dry-run", "demo")
    assert run.returncode == 0, run.stderr
    assert "snakemake --cores" in run.stdout
    return "--editable ." in run.stdout


def test_what_is_installed_is_not_installed_again(checkout):
    assert not installs(checkout)


def test_a_checkout_that_was_copied_or_moved_is_installed_anew(checkout, tmp_path):
    shutil.copytree(checkout, tmp_path / "copy", symlinks=True)
    assert installs(tmp_path / "copy")
    checkout.rename(tmp_path / "moved")
    assert installs(tmp_path / "moved")


def test_an_environment_that_lost_its_python_is_installed_anew(checkout):
    (checkout / ".venv/bin/python").unlink()
    (checkout / ".venv/bin/python").symlink_to("/nowhere/python3.11")
    assert installs(checkout)


def test_a_colon_in_the_folder_is_refused(checkout, tmp_path):
    folder = checkout.rename(tmp_path / "a:b")
    run = make(folder, "--dry-run", "demo")
    assert run.returncode != 0
    assert f"The folder {folder} has a colon in its name, which PATH cannot hold" in run.stderr


def test_settings_for_other_installations_do_not_reach_this_one(checkout):
    settings = {
        "PIP_USER": "1", "PIP_TARGET": "/nowhere", "PIP_PREFIX": "/nowhere",
        "PYTHONHOME": "/nowhere", "UV_SYSTEM_PYTHON": "1",
    }  # fmt: skip
    run = make(checkout, "--eval", "settings: ; @env", "settings", **settings)
    found = dict(line.split("=", 1) for line in run.stdout.splitlines() if "=" in line)
    assert found["PATH"].startswith(f"{checkout.resolve()}/.venv/bin:")
    assert not settings.keys() & found.keys()


def test_nothing_is_installed_without_its_hash(checkout):
    (checkout / ".venv/ready").unlink()
    run = make(checkout, "--dry-run", ".venv/dev-ready", ".uv/bin/uv", ".venv-peers/ready")
    commands = re.findall(r".*(?:pip sync|pip install).*", run.stdout)
    assert len(commands) == 4, run.stdout
    for command in commands:
        own_code = "--no-deps --no-build-isolation --editable ." in command
        assert own_code or "--require-hashes" in command
        if "pip sync" in command:
            assert "--build-constraints requirements-installer.lock" in command
