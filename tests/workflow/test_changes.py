"""What runs again when something changes, breaks or dies: that which it affects, no more."""

import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress

import faults
import pytest
import xarray as xr
import yaml
from conftest import copied_package
from tiny_workflow import TINY, assert_equal, run_sweep, snakemake, started


def changed_tiny(key, value):
    section, name = key.split(".")
    return {section: TINY[section] | {name: value}}


def planned(folder, config, *targets, **options):
    """How many jobs of each rule a run would start."""
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    run = snakemake(folder, "--dry-run", *targets, "--config", "sweep=tiny.yaml", **options)
    assert run.returncode == 0, run.stdout + run.stderr
    rules = "remap|simulate|simulate_remapped|gather|gather_remapped|figures|summary"
    counts = re.findall(rf"^({rules}) +(\d+)$", run.stdout, re.MULTILINE)
    return {rule: int(count) for rule, count in dict(counts).items()}


def planned_with(folder, source, added, into):
    """The same of the tiny sweep, where lines are added to one of the code's files.

    Digests are those of a copy of the code that has the lines; where they change a table of
    variables, it is changed, too.
    """
    package = copied_package(into)
    with (package / source).open("a") as file:
        file.write(added)
    before = f"""
from pathlib import Path
from eiphase import variables
from eiphase.sweep import provenance
provenance.code_digest.cache_clear()
provenance._PACKAGE = Path({str(package)!r})
exec({added!r}, vars(variables))
"""
    return planned(folder, TINY, before=before)


AFTER = {"gather": 1, "figures": 1, "summary": 1}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"seeds": [1, 7, 8]}, {"simulate": 3} | AFTER),
        ({"seeds": [7]}, AFTER),
        ({"backends": ["rate"]}, AFTER),
        (changed_tiny("grid.q_factor", [0.5, 4.0]), {"simulate": 6} | AFTER),
        (changed_tiny("network.step_size", 0.02), {"simulate": 6} | AFTER),
        (changed_tiny("network.bias", 0.2), {"simulate": 2} | AFTER),
        (changed_tiny("network.refractory", 0.05), {"simulate": 4} | AFTER),
        (changed_tiny("observables.boxcar", 10), {"simulate": 4} | AFTER),
    ],
    ids=str,
)
def test_a_change_of_the_config_runs_what_it_affects(sweep, change, expected):
    assert planned(sweep.folder, TINY | change) == expected


def test_a_change_that_is_taken_back_runs_nothing(sweep):
    assert planned(sweep.folder, TINY | {"seeds": [8]}) != {}
    assert planned(sweep.folder, TINY) == {}


def test_a_change_of_the_config_reaches_its_other_mappings(sweep, tmp_path):
    """Also those of which the sweep itself has no tile, as one by another mapping to LIF."""
    folder = shutil.copytree(sweep.folder, tmp_path / "copy")
    target = "results/tiny/mappings/identity-tutorial-8/phase_map.nc"
    whole = {"remap": 1, "simulate_remapped": 4, "gather_remapped": 1}
    assert planned(folder, TINY, target) == whole
    run = snakemake(folder, target, "--cores", "2", "--config", "sweep=tiny.yaml")
    assert run.returncode == 0, run.stderr
    assert planned(folder, TINY, target) == {}
    assert planned(folder, TINY | changed_tiny("grid.q_factor", [0.5, 4.0]), target) == whole


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("figures/phase_map.py", {"figures": 1}),
        ("figures/mappings.py", {}),  # another figure's
        ("cli/terminal.py", {"summary": 1}),
        ("jobs/gather.py", AFTER),
        ("networks/rate.py", {"simulate": 2} | AFTER),
        ("networks/lif.py", {"simulate": 4} | AFTER),
        ("observables/fluctuation.py", {"simulate": 6} | AFTER),
        ("lava/tile/process.py", {"simulate": 6} | AFTER),
        ("simulation/single.py", {}),
    ],
)
def test_a_change_of_the_code_runs_what_it_affects(sweep, tmp_path, source, expected):
    assert planned_with(sweep.folder, source, "# does it otherwise\n", tmp_path) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ('VARIABLES["c0"] = replace(VARIABLES["c0"], comment="In other words.")', AFTER),
        ('VARIABLES["new"] = Variable("stored, but by no code as yet")', {"simulate": 6} | AFTER),
        ('VARIABLES["c0"] = replace(VARIABLES["c0"], lagged=True)', {"simulate": 6} | AFTER),
    ],
)
def test_a_change_of_what_is_stored_runs_everything(sweep, tmp_path, change, expected):
    added = f"from dataclasses import replace\n{change}\n"
    assert planned_with(sweep.folder, "variables.py", added, tmp_path) == expected


def test_a_change_of_a_version_runs_everything(sweep, tmp_path):
    metadata = tmp_path / "numba-99.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: numba\nVersion: 99\n")
    before = f"""
import sys
from eiphase.sweep import provenance
provenance._version.cache_clear()
provenance.code_digest.cache_clear()
sys.path.insert(0, {str(tmp_path)!r})
"""
    assert planned(sweep.folder, TINY, before=before) == {"simulate": 6} | AFTER


def test_an_extended_sweep_equals_one_from_scratch(sweep, tmp_path):
    shutil.copytree(sweep.results / "tiles", tmp_path / "extended/results/tiny/tiles")
    grid = {"q_factor": [0.5, 2.0, 4.0, 9.0], "g_factor": [6.0, 4.5]}
    config = TINY | {"grid": grid, "tiles": 2, "seeds": [7]}
    found, log = run_sweep(tmp_path / "extended", config, "2", "gather")
    assert "tile 0: 2 of 4 networks are known" in log
    (tmp_path / "scratch").mkdir()
    scratch, _ = run_sweep(tmp_path / "scratch", config, "2", "gather")
    assert_equal(found, scratch)


def test_configs_of_one_name_take_turns_and_keep_their_tiles(sweep, tmp_path):
    folder, expected, *_ = sweep
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    (copy / "elsewhere").mkdir()
    (copy / "elsewhere/tiny.yaml").write_text(yaml.safe_dump(TINY | {"seeds": [7]}))
    tiles = sorted((copy / "results/tiny/tiles").rglob("*.nc"))
    for config, seeds in (("elsewhere/tiny.yaml", [7]), ("tiny.yaml", TINY["seeds"])):
        target = ("gather", "--cores", "1", "--config", f"sweep={config}")
        run = snakemake(copy, *target)
        assert run.returncode == 0, run.stderr
        with xr.open_dataset(copy / "results/tiny/phase_map.nc") as found:
            assert found.seed.values.tolist() == seeds
        assert sorted((copy / "results/tiny/tiles").rglob("*.nc")) == tiles
    assert_equal(copy / "results/tiny", expected)


def test_a_damaged_tile_is_set_aside_and_run_again(sweep, tmp_path):
    folder, expected, *_ = sweep
    shutil.copytree(folder, tmp_path / "copy")
    results = tmp_path / "copy/results/tiny"
    (results / "phase_map.nc").unlink()
    tile = next(results.glob("tiles/rate/seed-7/*.nc"))
    os.truncate(tile, tile.stat().st_size // 2)
    command = ("gather", "--cores", "1", "--config", "sweep=tiny.yaml")
    run = snakemake(tmp_path / "copy", *command)
    assert run.returncode != 0
    assert f"{tile.relative_to(tmp_path / 'copy')} is damaged" in run.stderr
    run = snakemake(tmp_path / "copy", *command)
    assert run.returncode == 0, run.stderr
    assert run.stderr.count("(Rule: simulate)") == 1
    assert_equal(results, expected)


def test_a_damaged_phase_map_is_set_aside_and_gathered_again(sweep, tmp_path):
    folder, expected, *_ = sweep
    shutil.copytree(folder, tmp_path / "copy")
    results = tmp_path / "copy/results/tiny"
    phase_map = results / "phase_map.nc"
    content = bytearray(phase_map.read_bytes())
    content[len(content) // 2] ^= 1
    phase_map.write_bytes(content)
    command = ("summary", "--cores", "1", "--config", "sweep=tiny.yaml")
    run = snakemake(tmp_path / "copy", *command)
    assert run.returncode != 0
    assert "results/tiny/phase_map.nc is damaged" in run.stderr
    run = snakemake(tmp_path / "copy", *command)
    assert run.returncode == 0, run.stderr
    assert run.stderr.count("(Rule: gather)") == 1
    assert "(Rule: simulate)" not in run.stderr
    assert_equal(results, expected)


def test_kills_change_no_bit(sweep, tmp_path):
    """The whole workflow dies as jobs begin, among tiles, and as it gathers; then goes on.

    Nor does that it runs on two cores, and in more tiles.
    """
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY | {"tiles": 2}))
    config = ("--config", "sweep=tiny.yaml")
    results = tmp_path / "results/tiny"
    stages = (("logs/tiles/**/*.log", 1), ("tiles/*/*/*.nc", 6), ("logs/gather.log", 1))
    for pattern, number in stages:
        kill_when(lambda found=(pattern, number): is_there(results, *found), tmp_path, config)
        assert not (results / "phase_map.nc").exists()
        assert snakemake(tmp_path, "--unlock", *config).returncode == 0
    assert snakemake(tmp_path, "gather", "--cores", "2", *config).returncode == 0
    assert_equal(results, sweep.results)
    assert not list(tmp_path.rglob(".eiphase-*"))


def is_there(folder, pattern, number):
    return len(list(folder.glob(pattern))) >= number


def kill_when(moment, folder, config):
    """Run the workflow, and kill all of its processes at some moment."""
    run = subprocess.Popen(
        started(folder, "gather", "--cores", "2", *config), cwd=folder, stderr=subprocess.DEVNULL
    )
    while not moment():
        assert run.poll() is None
        time.sleep(0.005)
    while processes := faults.processes_within(folder):  # who is killed late may start others
        for pid in processes:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
