"""Which damaged files are renamed: those that the workflow made."""

import pytest

from eiphase.backends import BACKENDS
from eiphase.jobs.datasets.setting_aside import set_aside


@pytest.mark.parametrize(
    ("name", "is_renamed"),
    [
        ("phase_map.nc", True),
        ("divergence.nc", True),
        ("tile-0-0123456789abcdef.nc", True),
        ("refined-0123456789abcdef.nc", True),
        ("critical_third.nc", True),
        ("critical_fourth.nc", False),
        ("thesis.nc", False),
    ],
)
def test_what_the_workflow_made_is_renamed(tmp_path, monkeypatch, name, is_renamed):
    monkeypatch.setitem(BACKENDS, "third", None)
    (tmp_path / name).write_text("damaged")
    sentence = set_aside(tmp_path / name)
    assert ("Renamed" in sentence) == is_renamed
    assert [path.name for path in tmp_path.iterdir()] == [name + ".damaged" * is_renamed]
