"""The docs say what the code does."""

import re

import pytest
from conftest import REPOSITORY

from eiphase.dataset import VARIABLES
from eiphase.observables import Flag
from eiphase.sweep import Grid, Mapping, NetworkConfig, Observables, Simulation, Sweep


def test_every_variable_has_its_row():
    rows = re.findall(r"^\| `(\w+)` \|", (REPOSITORY / "docs/dataset.md").read_text(), re.MULTILINE)
    assert rows == list(VARIABLES)


@pytest.mark.parametrize("page", ["README.md", "docs/sweeps.md"])
def test_every_key_of_a_sweep_is_explained(page):
    text = (REPOSITORY / page).read_text()
    sections = {
        "network": NetworkConfig, "grid": Grid, "simulation": Simulation,
        "mapping": Mapping, "observables": Observables,
    }  # fmt: skip
    for key in Sweep.model_fields:
        for name in sections[key].model_fields if key in sections else [None]:
            assert f"`{key}.{name}`" in text if name else f"`{key}`" in text


def test_every_flag_is_explained():
    text = (REPOSITORY / "README.md").read_text()
    for flag in Flag:
        assert f"| `{flag.name.lower()}` |" in text


def test_the_example_of_a_sweep_is_valid():
    import yaml

    text = (REPOSITORY / "docs/sweeps.md").read_text()
    Sweep.model_validate(yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1]))


def test_the_example_in_python_runs(monkeypatch):
    text = (REPOSITORY / "docs/python.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    assert len([line for line in code.splitlines() if "eiphase." in line]) == 4
    exec(code, {})
