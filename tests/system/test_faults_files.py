"""Outputs that are no files, writers that meet, disks that refuse."""

import faults
import pytest
from faults_files import ROWS

from eiphase.cli import running
from eiphase.errors import beyond_limits


@pytest.mark.parametrize("name", dict(ROWS))
def test_what_comes_of_a_fault(name, tmp_path):
    assert dict(ROWS)[name](tmp_path)


def caused(error, cause):
    error.__cause__ = cause
    return error


REFUSED = ImportError("libllvmlite.so: failed to map segment from shared object")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "out of memory"),
        (MemoryError("Unable to allocate 2.00 GiB"), "Unable to allocate 2.00 GiB"),
        (OSError(12, "Cannot allocate memory"), "[Errno 12] Cannot allocate memory"),
        (RuntimeError("can't start new thread"), "can't start new thread"),
        (caused(OSError("Could not load it."), REFUSED), str(REFUSED)),
        (OSError("Could not load it."), None),
        (AttributeError("'Stream' object has no attribute 'pos'"), None),
    ],
)
def test_memory_that_is_refused_is_told_from_other_errors(error, reason):
    assert beyond_limits(error) == reason


def test_an_error_without_the_systems_reason_gives_its_own(capsys):
    def fail():
        raise OSError("Could not find the library.")

    assert running.without_traceback(fail) == 1
    assert "eiphase: Could not find the library." in capsys.readouterr().err


def test_a_wrong_row_of_the_table_is_shown_as_such(capsys):
    def raises(folder):
        raise AssertionError("it went on")

    assert faults._meet_row("it stops", raises) == ["AssertionError: it went on"]
    assert faults._meet_row("it ends", lambda folder: f"{folder}/x.nc: a | b\nc") == []
    assert capsys.readouterr().out.splitlines() == [
        "| it stops |  | no |AssertionError: it went on",
        "| it ends | x.nc: a \\| b c | yes |",
    ]


def test_the_table_has_the_rows_of_every_module_once():
    names = [name for name, _ in faults.rows()]
    assert set(names) >= set(dict(ROWS))
    assert len(names) == len(set(names))
