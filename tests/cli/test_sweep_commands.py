"""From an empty folder to a phase map without a clone: `init`, `run` and `install-lava`."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import warm
import yaml
from conftest import REPOSITORY
from snakemake import cli
from tiny_sweep import VALID

from eiphase.cli import commands
from eiphase.sweep.load import load
from eiphase.system import installation


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def handed_on(monkeypatch):
    """What `run` gives to Snakemake, which makes a phase map of it here, and ends."""
    words = []

    def main(given):
        words.extend(given)
        Path("results/mine").mkdir(parents=True)
        Path("results/mine/phase_map.nc").touch()
        sys.exit(0)

    monkeypatch.setattr(cli, "main", main)
    Path("mine.yaml").write_text(yaml.safe_dump(VALID))
    return words


def says(capsys, *words):
    """The one line that a command prints as an error."""
    assert commands.main(words) == 1
    error = capsys.readouterr().err
    assert error.startswith("eiphase: ")
    assert error.count("\n") == 1
    return error


def test_init_writes_a_config_that_can_be_run_and_explains_itself(capsys):
    assert commands.main(["init", "mine.yaml"]) == 0
    assert "`eiphase run mine.yaml`" in capsys.readouterr().out
    assert load(Path("mine.yaml")) == load(REPOSITORY / "config/demo.yaml")
    assert Path("mine.yaml").read_text().count("#") > 5


def test_init_replaces_nothing_unless_told(capsys):
    Path("sweep.yaml").write_text("mine")
    assert "sweep.yaml is there already" in says(capsys, "init")
    assert Path("sweep.yaml").read_text() == "mine"
    assert commands.main(["init", "--overwrite"]) == 0
    load(Path("sweep.yaml"))


def test_run_takes_what_snakemake_takes_and_says_where_the_map_is(handed_on, capsys):
    words = ["run", "mine.yaml", "--cores", "3", "--", "figures", "--forcerun", "gather"]
    assert commands.main(words) == 0
    known = cli.get_argument_parser().parse_args(handed_on)
    assert (known.cores, known.forcerun, known.config) == (3, {"gather"}, ['sweep="mine.yaml"'])
    assert set(known.targets) == {"figures"}
    assert not known.dryrun
    assert capsys.readouterr().out == "The phase map is results/mine/phase_map.nc.\n"


def test_run_takes_a_profile_that_comes_with_eiphase_and_one_of_the_users(handed_on):
    Path("site").mkdir()
    Path("site/config.yaml").write_text("jobs: 7")
    assert commands.main(["run", "mine.yaml", "--profile", "slurm", "--profile", "site"]) == 0
    profiles = [str(REPOSITORY / "profiles/slurm"), "site"]
    known = cli.get_argument_parser(profiles).parse_args(handed_on)
    assert known.profile == profiles
    assert (known.executor, known.jobs, known.cores) == ("slurm", 7, None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mine.yaml", "--profile", "slrum"], "--profile is slrum, but must be slurm or a folder"),
        (["mine.yaml", "--", "--profile", "slurm"], "--profile stands after --"),
        (["mine.yaml", "--profile", "default"], "--profile is default, but"),
        (["mine.yaml", "--cores", ""], "--cores is '', but must be a number"),
        (["mine.yaml", "--cores", "0"], "--cores is '0', but must be a number from 1 on, or all"),
        (["mine.yaml", "--cores", "-1"], "--cores is '-1'"),
        (["mine.yaml", "--", "--config", "sweep=x"], "--config stands after --"),
        (["mine.yaml", "--", "--directory=x"], "--directory=x stands after --"),
        (["mine.yaml", "--", "figures", "-c4"], "-c4 stands after --"),
        (["{a}/mine.yaml"], "takes no name with a brace"),
    ],
)
def test_what_snakemake_would_take_otherwise_is_refused(handed_on, capsys, words, message):
    assert message in says(capsys, "run", *words)
    assert not handed_on


@pytest.mark.parametrize("name", ["tutorial.yaml", "my sweep.yaml", "new.line\n.yaml"])
def test_init_writes_no_config_that_run_refuses(capsys, name):
    assert "names its results" in says(capsys, "init", name)
    assert not Path(name).exists()


def test_init_makes_the_folder(capsys):
    assert commands.main(["init", "configs/mine.yaml"]) == 0
    load(Path("configs/mine.yaml"))


def test_a_dry_run_says_what_would_be_done(tmp_path):
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(VALID))
    run = warm.eiphase("run", "mine.yaml", "--cores", 1, "--dry-run", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert re.search(r"^simulate +16$", run.stdout + run.stderr, re.M)
    assert not (tmp_path / "results").exists()


def test_a_mistake_in_the_config_is_one_sentence(capsys):
    assert "nosuch.yaml" in says(capsys, "run", "nosuch.yaml")
    Path("mine.yaml").write_text(yaml.safe_dump(VALID | {"seeds": []}))
    assert "seeds" in says(capsys, "run", "mine.yaml")


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        (None, "Simulating needs Lava, which is not installed: `eiphase install-lava`"),
        ("0.11.0", "lava-nc 0.11.0 is installed, but eiphase simulates with 0.10.0 only"),
    ],
)
def test_no_lava_or_another_one_is_one_sentence(handed_on, monkeypatch, capsys, version, sentence):
    def of(name, known=metadata.version):
        if name == "lava-nc" and version is None:
            raise metadata.PackageNotFoundError(name)
        return version if name == "lava-nc" else known(name)

    monkeypatch.setattr(metadata, "version", of)
    assert sentence in says(capsys, "run", "mine.yaml")
    assert not handed_on


@pytest.mark.parametrize(
    ("pip", "uv", "command"),
    [
        (True, None, [sys.executable, "-m", "pip"]), (False, "/bin/uv", ["/bin/uv", "pip"]),
        (False, None, "finds neither"),
    ],
)  # fmt: skip
def test_lava_is_installed_by_what_is_there(monkeypatch, capsys, pip, uv, command):
    ran = []

    def run(words, **_):
        ran.append(words)
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(installation, "find_spec", lambda name: pip or None)
    monkeypatch.setattr(installation.shutil, "which", lambda name: uv)
    monkeypatch.setattr(installation.subprocess, "run", run)
    if not pip and not uv:
        assert command in says(capsys, "install-lava")
        return
    assert commands.main(["install-lava"]) == 0
    assert ran[0][: len(command)] == command
    assert ran[0][-2:] == ["--no-deps", f"lava-nc=={installation.LAVA}"]


def test_one_version_of_lava_is_meant_everywhere():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    assert project["dependency-groups"]["lava"] == [f"lava-nc=={installation.LAVA}"]
    (corrected,) = project["tool"]["uv"]["dependency-metadata"]
    assert corrected["version"] == metadata.version("lava-nc") == installation.LAVA
