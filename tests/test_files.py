import platform
import subprocess
import sys

import pytest

from eiphase import files


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail():
        with files.beside(path) as partial:
            partial.write_text("half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["map.nc", "map[1].nc", "a*.nc"])
def test_what_a_killed_writer_left_goes_and_nothing_else(tmp_path, name):
    """Also where a name holds what has a meaning in patterns."""
    partial, others = (
        tmp_path / f".{name}-x1y2",
        [".map1.nc-x", ".about.nc-x", ".map.nc", "map.nc-x"],
    )
    for path in (partial, *(tmp_path / other for other in others)):
        path.write_text("half")
    files.remove_partial(tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == set(others)


def test_what_a_killed_process_was_writing_goes_when_a_neighbour_is_written(tmp_path):
    """Of another tile in the same folder, which need not ever be written again."""
    code = (
        "import os; from pathlib import Path; from eiphase import files\n"
        f"with files.beside(Path({str(tmp_path / 'one')!r})): os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".one-")
    *_, pid, _ = left.name.split("-")
    others = [".one-", f".one-elsewhere-{pid}-x1", f".one-{pid}", f"one-{platform.node()}-{pid}-x"]
    for other in others:
        (tmp_path / other).write_text("half")
    with files.beside(tmp_path / "two") as partial:
        partial.write_text("new")
    assert {path.name for path in tmp_path.iterdir()} == {"two", *others}


def test_what_a_running_process_is_writing_stays(tmp_path):
    with files.beside(tmp_path / "one") as one:
        one.write_text("1")
        with files.beside(tmp_path / "two") as two:
            two.write_text("2")
    assert [(tmp_path / name).read_text() for name in ("one", "two")] == ["1", "2"]


def test_a_written_file_is_readable_by_others(tmp_path):
    path = tmp_path / "file"
    with files.beside(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o444 == 0o444
