"""A sweep's results as an RO-Crate: complete, described, and enough to make them again."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
import xarray as xr
from conftest import REPOSITORY
from tiny_sweep import VALID, simulate_and_gather

from eiphase.cli import commands
from eiphase.errors import DatasetError
from eiphase.jobs.datasets import crate
from eiphase.numerics import jit
from eiphase.sweep.load import load
from eiphase.sweep.schema import Sweep

ABOUT = {"creator_name": "A. Person", "creator_orcid": "0000-0002-1694-233X", "title": "A map"}
SWEEP = Sweep.model_validate(VALID | {"seeds": [1], "tiles": 1, "about": ABOUT})


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A folder with a phase map, and something that was drawn of it."""
    folder = tmp_path_factory.mktemp("results") / "test"
    simulate_and_gather(SWEEP, folder)
    (folder / "figures").mkdir()
    (folder / "figures/phase_maps.png").write_bytes(b"a picture")
    return folder


@pytest.fixture(scope="module")
def unpacked(results, tmp_path_factory):
    """The crate of these results, unpacked."""
    folder = tmp_path_factory.mktemp("crate")
    output = folder / "test.zip"
    command = ["publish", str(results), "--license", "CC-BY-4.0", "--output", str(output)]
    assert commands.main(command) == 0
    with zipfile.ZipFile(output) as file:
        file.extractall(folder / "unpacked")
    return folder / "unpacked"


def cloned(folder):
    """The files that this repository keeps, as they are now, and nothing that was made of them."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, check=True).stdout
    for name in filter(None, names.decode().split("\0")):
        if (REPOSITORY / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
    return folder


@pytest.mark.workflow
def test_its_recipe_makes_the_same_numbers_again_in_a_clean_clone(unpacked, tmp_path):
    assert load(unpacked / "config/test.yaml") == SWEEP
    recipe = (unpacked / "README.md").read_text().split("```")[1].replace("CRATE", str(unpacked))
    _, *install, run, compare, more = recipe.strip().splitlines()
    assert install == ["make .venv/ready", "source .venv/bin/activate"]  # as tests have it already
    clone = cloned(tmp_path / "clone")
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(clone / "src"),
        "NUMBA_CACHE_DIR": str(jit.FOLDER.parent),  # kernels of the same code, compiled already
    }
    for script in (run, f"{compare}\n{more}"):
        subprocess.run(["bash", "-c", script], cwd=clone, env=environment, check=True)
    with xr.open_dataset(clone / "results/test/phase_map.nc") as made:
        assert made.c0.notnull().any()
    assert "numpy==" in (unpacked / "requirements.lock").read_text()


def test_every_file_is_described_and_nothing_else(unpacked):
    graph = json.loads((unpacked / "ro-crate-metadata.json").read_text())["@graph"]
    described = {one["@id"]: one for one in graph}
    files = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert "results/test/figures/phase_maps.png" in files
    assert {one["@id"] for one in described["./"]["hasPart"]} == files - {"ro-crate-metadata.json"}
    for name in files - {"ro-crate-metadata.json"}:
        content = (unpacked / name).read_bytes()
        assert described[name]["sha256"] == sha256(content).hexdigest()
        assert described[name]["contentSize"] == str(len(content))
    root = described["./"]
    assert root["name"] == "A map"
    assert root["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}
    assert described[root["author"]["@id"]]["name"] == "A. Person"
    assert {"@id": "results/test/phase_map.nc"} in described["#sweep"]["result"]
    # Every entity that is named is there.
    named = json.dumps(graph).split('{"@id": "')[1:]
    outside = {name.partition('"')[0] for name in named} - described.keys()
    assert outside == {"https://w3id.org/ro/crate/1.1"}


def test_a_lock_goes_in_only_if_the_numbers_are_of_its_packages(results, tmp_path):
    with xr.open_dataset(results / "phase_map.nc") as found:
        versions = json.loads(found.attrs["versions"]) | {"numpy": "1.0"}
        other = found.assign_attrs(versions=json.dumps(versions), commit="unknown")
        crate.write(other, results, tmp_path / "a.zip", "numpy==2.4.6", "MIT OR CC-BY-4.0")
    with zipfile.ZipFile(tmp_path / "a.zip") as file:
        assert "requirements.lock" not in file.namelist()
        readme = file.read("README.md").decode()
    assert "numpy 1.0" in readme
    assert "The commit of the code is not known." in readme


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"sweep": "../../evil"}, "which is no name"),
        ({"sweep_config": "{}"}, "no sweep's config"),
        ({"license": "http://x y"}, "must be a name of SPDX"),
    ],
)
def test_a_map_that_somebody_changed_is_refused(results, tmp_path, attributes, message):
    with xr.open_dataset(results / "phase_map.nc") as found:
        changed = found.assign_attrs({"license": "MIT"} | attributes)
        with pytest.raises(DatasetError, match=message):
            crate.write(changed, results, tmp_path / "a.zip", "")
        bare = found.drop_attrs().assign_attrs(
            {name: found.attrs[name] for name in ("sweep", "sweep_config")}
        )
        assert crate.write(bare, results, tmp_path / "a.zip", "", "MIT") > 3


def test_nothing_that_is_published_is_overwritten(results, capsys):
    output = results / "phase_map.nc"
    before = output.read_bytes()
    command = ["publish", str(results), "--license", "MIT", "--output", str(output)]
    assert commands.main([*command, "--overwrite"]) == 1
    assert "the folder that is published" in capsys.readouterr().err
    assert output.read_bytes() == before


def test_a_crate_is_replaced_only_where_that_is_asked_for(results, tmp_path, capsys):
    output = tmp_path / "test.zip"
    output.write_bytes(b"another's")
    command = ["publish", str(results), "--license", "MIT", "--output", str(output)]
    assert commands.main(command) == 1
    assert f"{output} is there already" in capsys.readouterr().err
    assert output.read_bytes() == b"another's"
    assert commands.main([*command, "--overwrite"]) == 0
    assert zipfile.is_zipfile(output)


@pytest.mark.parametrize(
    ("license", "message"),
    [([], "has no licence, without which"), (["--license", "my own"], "must be a name of SPDX")],
)
def test_a_crate_needs_a_licence(results, tmp_path, capsys, license, message):
    output = tmp_path / "test.zip"
    assert commands.main(["publish", str(results), *license, "--output", str(output)]) == 1
    assert message in capsys.readouterr().err
    assert not output.exists()
