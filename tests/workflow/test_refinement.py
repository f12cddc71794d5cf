"""The real workflow on a sweep that refines its borders."""

import re

import numpy as np
import pytest
import xarray as xr
import yaml
from tiny_sweep import COARSE
from tiny_workflow import run_sweep, snakemake

from eiphase.figures import save
from eiphase.flags import Refined

TINY = COARSE | {"refinement": {"precision": 0.5}}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one_core")
    results, _ = run_sweep(folder, TINY, "1", "summary")
    return folder, results


def planned(folder, config):
    """How many jobs of each rule a run would start."""
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    run = snakemake(folder, "gather", "--dry-run", "--config", "sweep=tiny.yaml")
    assert run.returncode == 0, run.stdout + run.stderr
    found = re.findall(r"^(simulate|refine|gather) +(\d+)$", run.stdout, re.MULTILINE)
    return {rule: int(count) for rule, count in dict(found).items()}


def test_cores_and_tiles_change_no_bit(sweep, tmp_path):
    _, results = sweep
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY | {"tiles": 3}))
    run = snakemake(tmp_path, "gather", "--cores", "2", "--config", "sweep=tiny.yaml")
    assert run.returncode == 0, run.stdout + run.stderr
    found, other = (
        xr.load_dataset(path / "phase_map.nc") for path in (results, tmp_path / "results/tiny")
    )
    assert (found.refined_q_flag == Refined.REACHED).any()
    assert set(found.data_vars) == set(other.data_vars)
    for name in found.data_vars:
        assert np.array_equal(found[name], other[name], equal_nan=True), name
    for name in ("simulations_run", "simulations_near_borders", "simulations_of_full_grid"):
        assert found.attrs[name] == other.attrs[name]


def test_the_page_says_what_was_saved(sweep, tmp_path):
    _, results = sweep
    assert "a full grid of this precision would take" in (results / "summary.html").read_text()
    save.draw_phase_map(results / "phase_map.nc", [tmp_path / "phases.png"])
    assert (tmp_path / "phases.png").stat().st_size > 10_000


def test_each_job_leaves_its_log_and_cost(sweep):
    _, results = sweep
    for backend in TINY["backends"]:
        for folder, ending in (("logs", "log"), ("benchmarks", "tsv")):
            assert list((results / folder / "tiles" / backend).glob(f"seed-17/refined-*.{ending}"))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {}),
        ({"refinement": {"precision": 0.25}}, {"refine": 2, "gather": 1}),
        ({"refinement": {}}, {"gather": 1}),
        ({"backends": ["lif_float"]}, {"simulate": 2, "refine": 1, "gather": 1}),
        # No longer behind lif_float's: a job with fewer inputs, all of whose points are known.
        ({"backends": ["lif_bit_accurate"]}, {"refine": 1, "gather": 1}),
        ({"seeds": [17, 18]}, {"simulate": 4, "refine": 2, "gather": 1}),
        ({"tiles": 1}, {"simulate": 2, "refine": 2, "gather": 1}),
    ],
    ids=str,
)
def test_a_change_runs_what_it_affects(sweep, change, expected):
    folder, _ = sweep
    assert planned(folder, TINY | change) == expected
