"""The real workflow on a sweep small enough for tests."""

import os
import sys

import numpy as np
import warm
import xarray as xr
import yaml
from conftest import REPOSITORY

TINY = {
    "network": {"neurons": 40},
    "grid": {"q_factor": [0.5, 4.0, 9.0], "g_factor": [4.5, 6.0]},
    "seeds": [1, 7],
    "backends": ["rate", "lif_float", "lif_bit_accurate"],
    "simulation": {"steps": 500, "burn_in": 200, "max_lag": 100},
    "observables": {"statistics": True, "chaos": True},
}


def options(folder, *arguments, checkout=REPOSITORY):
    """What follows `snakemake` on its command line."""
    return [
        "--snakefile", checkout / "Snakefile", "--workflow-profile", checkout / "profiles/default",
        "--directory", folder, *arguments,
    ]  # fmt: skip


def command(folder, *arguments):
    """A command line that starts Snakemake anew, for who kills it."""
    return [sys.executable, "-m", "snakemake", *options(folder, *arguments)]


def started(folder, *arguments):
    """A command line that runs Snakemake and its jobs warm, for who kills all of them."""
    warm.server().wait()
    words = map(str, options(folder, *arguments))
    return [*warm.server().command("snakemake"), *words]


def snakemake(folder, *arguments, checkout=REPOSITORY, before=""):
    """Run the workflow in a folder of its own, as a user would, after some lines of Python."""
    return warm.server().run(
        "snakemake", *options(folder, *arguments, checkout=checkout), folder=folder,
        environment=os.environ, before=before,
    )  # fmt: skip


def assert_equal(results, others):
    """That two sweeps' datasets are equal to the bit."""
    with (
        xr.open_dataset(results / "phase_map.nc") as a,
        xr.open_dataset(others / "phase_map.nc") as b,
    ):
        assert a.attrs["sweep_digest"] == b.attrs["sweep_digest"]
        assert set(a.data_vars) == set(b.data_vars)
        for name in a.data_vars:
            assert np.array_equal(a[name], b[name], equal_nan=True), name


def run_sweep(folder, config, cores, *targets):
    (folder / "tiny.yaml").write_text(yaml.safe_dump(config))
    run = snakemake(folder, *targets, "--cores", cores, "--config", "sweep=tiny.yaml")
    assert run.returncode == 0, run.stdout + run.stderr
    return folder / "results/tiny", run.stderr
