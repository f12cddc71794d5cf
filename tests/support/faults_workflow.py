"""Faults around a sweep's workflow, and what must come of each."""

import os
import pty
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import xarray as xr
import yaml
from tiny_workflow import REPOSITORY, TINY, command, snakemake

SWEEP = ("--config", "sweep=tiny.yaml")
ONE = TINY | {"backends": ["rate"], "seeds": [1, 7], "observables": {}}
ODD = 'it\'s a "test" $HOME {x}'


def run(folder: Path, *arguments: object, **options: object) -> str:
    """What a run of the workflow says that is to end well."""
    code, said = attempt(folder, *arguments, **options)
    assert code == 0, said
    return said


def attempt(folder: Path, *arguments, config=ONE, checkout=REPOSITORY):
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    found = snakemake(folder, *arguments, "--cores", "2", checkout=checkout)
    return found.returncode, found.stdout + found.stderr


def last_sentence(said: str) -> str:
    return said.strip().splitlines()[-1]


def old_results_under_a_new_config(folder: Path) -> str:
    """Snakemake has lost what it knew, and the new config's time is an old one."""
    run(folder, "gather", *SWEEP)
    shutil.rmtree(folder / ".snakemake")
    assert "Nothing to be done" in run(folder, "gather", *SWEEP)
    changed = ONE | {"seeds": [7]}
    target = "results/tiny/phase_map.nc"
    run(folder, target, "--rerun-triggers", "mtime", *SWEEP, config=changed)
    with xr.open_dataset(folder / target) as phase_map:
        assert phase_map.seed.values.tolist() == [7]
    return "gathered again"


def an_odd_folder(folder: Path) -> str:
    """Of the checkout's environment, and of the sweep."""
    odd = folder / ODD
    odd.mkdir()
    (odd / ".venv").symlink_to(sys.prefix)
    (odd / "tiny.yaml").write_text(yaml.safe_dump(ONE | {"seeds": [7]}))
    _, *arguments = command(odd, "gather", *SWEEP, "--cores", "2")
    subprocess.run([odd / ".venv/bin/python", *arguments], cwd=odd, check=True)
    assert (odd / "results/tiny/phase_map.nc").exists()
    return "simulated"


def a_command_in_a_target(folder: Path) -> str:
    targets = [
        f"results/tiny/tiles/{tile}-0123456789abcdef.nc"
        for tile in ("rate/seed-$(touch PWNED)/tile-0", "$(touch PWNED)/seed-1/tile-0")
    ]
    code, said = attempt(folder, *targets, *SWEEP)
    assert code != 0
    assert "No rule to produce" in said or "MissingRuleException" in said, said
    assert not list(folder.rglob("PWNED"))
    return "no rule makes it"


def a_copied_checkout(folder: Path) -> str:
    shutil.copy(REPOSITORY / "Snakefile", folder)
    for name in ("profiles", "src/eiphase", "workflow"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)
    code, said = attempt(folder, *SWEEP, checkout=folder)
    assert code != 0
    assert f"This is the workflow in {folder}, but eiphase is imported from" in said, said
    assert "Traceback" not in said
    assert not (folder / "results").exists()
    return "refused, with both folders and the way out"


def interrupted(folder: Path) -> str:
    """Ctrl-C in a terminal while tiles are simulated."""
    long = ONE | {"simulation": TINY["simulation"] | {"steps": 10_000_000}}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(long))
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, list(map(str, command(folder, "--cores", "2", *SWEEP))))
    said = ""
    while "Execute" not in said:
        said += os.read(terminal, 65536).decode()
    # Until both jobs are at work: one that Snakemake has just forked would not hear of the signal.
    while len(list(folder.glob("results/tiny/tiles/progress/rate-*"))) < 2:
        time.sleep(0.1)
    os.write(terminal, b"\x03")
    try:
        while read := os.read(terminal, 65536):
            said += read.decode()
    except OSError:  # the terminal has no writer left
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0
    for unwanted in ("Traceback", "RuleException", "CalledProcessError"):
        assert unwanted not in said, said
    sentence = last_sentence(re.sub(r"\x1b\[\d*m", "", said))
    assert sentence.startswith("eiphase: Stopped. Finished tiles are kept"), said
    return sentence


ROWS = [
    ("a new config with an old time; Snakemake's memory is lost", old_results_under_a_new_config),
    ("a quote, $, blanks and braces in the folder's name", an_odd_folder),
    ("`$(command)` in a target's name", a_command_in_a_target),
    ("a copied checkout with the first one's environment", a_copied_checkout),
    ("Ctrl-C in the terminal", interrupted),
]
