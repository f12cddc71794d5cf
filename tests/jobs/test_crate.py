"""A sweep's results as an RO-Crate: complete, described, and enough to make them again."""

import json
import zipfile
from hashlib import sha256

import pytest
import xarray as xr
from tiny_sweep import VALID, simulate_and_gather

from eiphase.cli import commands
from eiphase.errors import DatasetError
from eiphase.jobs.datasets import crate
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


def test_what_a_crate_holds_makes_the_same_numbers_again(unpacked, tmp_path):
    again = load(unpacked / "config/test.yaml")
    assert again == SWEEP
    made = simulate_and_gather(again, tmp_path / "again")
    published = unpacked / "results/test/phase_map.nc"
    with xr.open_dataset(made) as one, xr.open_dataset(published) as other:
        xr.testing.assert_equal(one, other)
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
    assert commands.main(command) == 1
    assert "the folder that is published" in capsys.readouterr().err
    assert output.read_bytes() == before


@pytest.mark.parametrize(
    ("license", "message"),
    [([], "has no licence, without which"), (["--license", "my own"], "must be a name of SPDX")],
)
def test_a_crate_needs_a_licence(results, tmp_path, capsys, license, message):
    output = tmp_path / "test.zip"
    assert commands.main(["publish", str(results), *license, "--output", str(output)]) == 1
    assert message in capsys.readouterr().err
    assert not output.exists()
