"""One tiny sweep that has run, for all tests that ask about its results or what would run again."""

from pathlib import Path
from typing import NamedTuple

import pytest
import xarray as xr
import yaml
from tiny_workflow import TINY, run_sweep


class TinyResults(NamedTuple):
    folder: Path
    """Where it ran, with its config, `tiny.yaml`."""
    results: Path
    phase_map: xr.Dataset
    log: str


@pytest.fixture(scope="session")
def tiny_results(tmp_path_factory) -> TinyResults:
    """`TINY`, on one core and in one tile for each backend and seed. Who changes it copies it."""
    folder = tmp_path_factory.mktemp("one_core")
    results, log = run_sweep(folder, TINY, cores="1")
    return TinyResults(folder, results, xr.load_dataset(results / "phase_map.nc"), log)


@pytest.fixture
def sweep(tiny_results) -> TinyResults:
    """The same, where an earlier test may have changed the config."""
    (tiny_results.folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    return tiny_results
