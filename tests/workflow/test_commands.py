"""Every command and example in README and docs is run as it is written, on tiny sweeps.

Commands run in the order of the pages, each in a fresh shell, in one copy of this checkout
whose configs are cut down and whose code is this checkout's own. A later command may need what an
earlier one has made. `eiphase` and `snakemake` are forked from a process that has imported the code
(`warm`).
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import warm
import xarray as xr
import yaml
from conftest import REPOSITORY

from eiphase import figures
from eiphase.cli import commands as cli

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
# What a test cannot run, and why; that Make knows it is checked all the same.
RUN_ELSEWHERE = {
    "make test": "runs this test",
    "make docs": "run by `make test` before this test",
    "make faults": "takes minutes; other tests meet most of its rows",
    "make test-slurm": "needs Slurm and root, and is run by CI",
    "pip install .": "run by `make package`",
    "pip install '.[slurm]'": "`make package` runs it without Slurm",
    "eiphase run mine.yaml --profile slurm --profile site":
        "needs a cluster; a test reads what Snakemake makes of it",
    "eiphase install-lava": "run by `make package`",
    "eiphase run mine.yaml --cores 4": "run by `make package`",
    "make bench-peers": "installs NEST, JAX and Brian2, and takes a quarter of an hour",
    "snakemake --profile profiles/slurm --profile profiles/site --config sweep=config/mine.yaml":
        "needs a cluster: `make test-slurm` runs it on one",
}  # fmt: skip
# A sweep of a config's shape that takes seconds.
TINY = {
    "network": {"neurons": 20},
    "grid": {"q_factor": [1.0, 5.25, 8.0], "g_factor": [5.0, 6.0]},  # points of pages
    "simulation": {"steps": 300, "burn_in": 100, "max_lag": 50},
}
# What a user may make of a copied config, as the pages say.
MINE = {"backends": ["lif_float"], "seeds": [1], "observables": {}}
KEPT_OUT = (
    ".git", "src", ".venv*", ".uv", "results", "site", ".snakemake", ".*_cache", ".hypothesis",
)  # fmt: skip


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def commands(page: Path) -> list[str]:
    """Lines of a page's shell blocks, without comments."""
    lines = "".join(blocks(page, "sh")).replace("\\\n", " ").splitlines()
    stripped = [re.sub(r"\s+# .*", "", line).strip() for line in lines]
    return [line for line in stripped if line and not line.startswith("#")]


def activation(page: Path, command: str) -> list[str]:
    """Lines of a page that come before a command and prepare the shell for it."""
    found = commands(page)
    return [line for line in found[: found.index(command)] if line.startswith("source ")]


def distinct_commands() -> list[tuple[Path, str]]:
    """Commands with their pages: what stands on several after the same lines, of the first."""
    found: dict[tuple[str, ...], tuple[Path, str]] = {}
    for page in PAGES:
        for command in commands(page):
            lines = dict.fromkeys(activation(page, command))
            found.setdefault((command, *lines), (page, command))
    return list(found.values())


COMMANDS = distinct_commands()
PLACEHOLDERS = {"CHECKOUT": ".", "FOLDER": "elsewhere"}
INLINE = sorted(
    {
        re.sub("|".join(PLACEHOLDERS), lambda m: PLACEHOLDERS[m[0]], " ".join(found.split()))
        for page in PAGES
        for found in re.findall(
            r"`((?:make|eiphase|snakemake) [^`]+)`", page.read_text(encoding="utf-8")
        )
    }
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy of this checkout with tiny sweeps, whose environment is the one that runs now."""
    folder = tmp_path_factory.mktemp("commands") / "eiphase"
    shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns(*KEPT_OUT))
    (folder / "src").symlink_to(REPOSITORY / "src")
    return folder


@pytest.fixture(scope="module")
def server(checkout) -> warm.Server:
    """Runs the copy's programs."""
    found = warm.server()
    prepare(checkout, found)
    found.wait()
    return found


def prepare(folder: Path, server: warm.Server) -> None:
    """Cut the configs down, and have an environment as Make would have made it."""
    for config in (folder / "config").glob("*.yaml"):
        sweep = yaml.safe_load(config.read_text(encoding="utf-8"))
        seeds = sweep["seeds"][: 2 if config.stem == "demo" else 1]
        config.write_text(yaml.safe_dump(sweep | TINY | {"seeds": seeds}), encoding="utf-8")
    programs = folder / ".venv/bin"
    programs.mkdir(parents=True)
    here = Path(sys.executable).parent
    ours = {program: server.shell_command(program) for program in ("eiphase", "snakemake")}
    ours["python"] = f'exec "{sys.executable}" "$@"'
    for program in here.iterdir():
        if not program.name.startswith(("python", "activate", *ours)):
            (programs / program.name).symlink_to(program)
    for name, lines in ours.items():
        (programs / name).write_text(f"#!/bin/sh\n{lines}\n")
        (programs / name).chmod(0o755)
    (programs / "activate").write_text(f'export PATH="{programs}:$PATH"\n')
    # As Make leaves them when it has installed all, so that it does not do so again.
    (folder / ".venv/ready").write_text(f"{folder.resolve()}\n", encoding="utf-8")
    (folder / ".uv/bin").mkdir(parents=True)
    for done in (".venv/dev-ready", ".uv/bin/uv"):
        (folder / done).touch()


def in_a_fresh_shell(folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "HOME": os.environ.get("HOME", str(folder)),
        "LANG": "C.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(folder / "src"),
    }
    return subprocess.run(
        ["bash", "-e", "-c", "\n".join(lines)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=lambda of: getattr(of, "name", of))
def test_a_command_runs_as_it_is_written(checkout, server, page, command):
    before = activation(page, command)
    if command in RUN_ELSEWHERE:
        if not command.startswith("make "):
            return
        command = command.replace("make ", "make -n ")
    run = in_a_fresh_shell(checkout, *before, command)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    if command.startswith("cp config/demo.yaml "):
        mine = checkout / command.split()[-1]
        mine.write_text(yaml.safe_dump(yaml.safe_load(mine.read_text()) | MINE))


@pytest.mark.parametrize("command", INLINE)
def test_a_command_within_a_sentence_is_one(checkout, server, command):
    """Make and Snakemake know its targets; eiphase its name, and runs it if it has arguments."""
    tool, *rest = command.split()
    if tool == "eiphase" and len(rest) == 1:
        with pytest.raises(SystemExit, match=r"^0$"):
            cli.main([*rest, "--help"])
        return
    sweep = f" --config sweep={checkout}/config/precision.yaml"  # which has all targets
    dry = {"make": " -n", "snakemake": f"{sweep} --cores 1 --dry-run", "eiphase": ""}[tool]
    if "--report" in command:  # which runs nothing
        dry = " --cores 1"
    run = in_a_fresh_shell(checkout, "source .venv/bin/activate", command + dry)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name
)
def test_the_examples_in_python_run(checkout, server, page):
    code = "import matplotlib\nmatplotlib.use('agg')\n" + "\n".join(blocks(page, "python"))
    (checkout / "examples.py").write_text(code, encoding="utf-8")
    run = server.run("python", "examples.py", folder=checkout)
    assert run.returncode == 0, run.stderr


def test_the_readmes_python_is_short_and_draws_the_dataset(checkout):
    """As it ran, above."""
    (code,) = blocks(REPOSITORY / "README.md", "python")
    assert len([line for line in code.splitlines() if line]) <= 10
    assert (checkout / "maps.png").stat().st_size > 10_000


def test_the_tutorial_has_drawn_all_its_figures(checkout):
    """`make tutorial`, above."""
    drawn = {path.stem for path in (checkout / "results/tutorial/figures").glob("*.png")}
    assert drawn == set(figures.TUTORIAL)
    captions = {(REPOSITORY / f"workflow/report/tutorial/{name}.rst").read_text() for name in drawn}
    assert len(captions) == len(set(figures.TUTORIAL.values())) == len(drawn)


def test_the_notebook_holds_all_its_figures(checkout):
    """`snakemake notebook`, above, on a sweep that measures chaos."""
    notebook = nbformat.read(checkout / "results/demo/notebook.ipynb", as_version=4)
    nbformat.validate(notebook)
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    assert not [o for o in outputs if o.output_type == "error"]
    assert len([o for o in outputs if "image/png" in o.get("data", {})]) == 7


def test_other_weight_bits_simulate_integers_alone(checkout):
    """`snakemake precision mappings`, above."""
    results = checkout / "results/precision"
    assert (results / "figures/precision.png").stat().st_size > 20_000
    own_mapping = "corrected-full_range-[1-7]"
    tiles = (results / "mappings").glob(f"{own_mapping}/tiles/*/*/*.nc")
    assert {path.parts[-3] for path in tiles} == {"lif_bit_accurate"}
    own, four = (
        xr.load_dataset(results / name / "phase_map.nc")
        for name in (".", "mappings/corrected-full_range-4")
    )
    assert json.loads(four.attrs["sweep_config"])["mapping"]["weight_bits"] == 4
    assert four.autocovariance.sel(backend="lif_float").equals(
        own.autocovariance.sel(backend="lif_float")
    )
    assert (four.weight_bits.sel(backend="lif_bit_accurate") <= 4).all()
    assert (own.weight_bits.sel(backend="lif_bit_accurate") > 4).any()


def test_what_is_run_elsewhere_is_still_in_the_docs():
    assert set(RUN_ELSEWHERE) <= {command for _, command in COMMANDS}
