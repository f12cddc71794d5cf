import errno
import fcntl
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from eiphase.errors import DatasetError
from eiphase.system import files


def write(path, text="new"):
    with files.beside(path) as partial:
        partial.write_text(text)


def names(folder):
    return {path.name for path in folder.iterdir()}


def killed_while_it_writes(folder):
    """Names of what a writer leaves that is killed: its file, and the lock that nobody holds."""
    code = (
        "import os; from pathlib import Path; from eiphase.system import files\n"
        f"with files.beside(Path({str(folder / 'one')!r})): os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    left = sorted(names(folder))
    assert len(left) == 2
    assert left[0] + ".lock" == left[1]
    return left


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


def test_what_a_killed_writer_left_goes_and_nothing_else(tmp_path):
    """When any file of the folder is written, for the killed one need not ever be again."""
    left = killed_while_it_writes(tmp_path)
    others = {".one-x", ".two.lock", left[0] + "x", "x" + left[1], left[1].replace(".lock", ".nc")}
    for other in others:
        (tmp_path / other).write_text("half")
    write(tmp_path / "two")
    assert names(tmp_path) == {"two", *others}


@pytest.mark.parametrize(("age", "stays"), [(3600, True), (90000, False)])
def test_leftovers_of_another_node_stay_for_a_day(tmp_path, age, stays):
    """Some network disks keep locks to each node: that node's writer may live."""
    for name in (".eiphase-elsewhere-0123abcd", ".eiphase-elsewhere-0123abcd.lock"):
        (tmp_path / name).write_text("half")
        written = (tmp_path / name).stat().st_mtime - age
        os.utime(tmp_path / name, (written, written))
    files.remove_leftovers(tmp_path)
    assert len(names(tmp_path)) == (2 if stays else 0)


def test_what_cannot_be_removed_blocks_no_folder(tmp_path):
    for name in killed_while_it_writes(tmp_path):
        (tmp_path / name).unlink()
        (tmp_path / name).mkdir()
    write(tmp_path / "two")
    assert (tmp_path / "two").read_text() == "new"


def test_several_write_one_path_at_once_and_the_last_to_end_stays(tmp_path):
    with files.beside(tmp_path / "one") as first:
        first.write_text("first to begin")
        write(tmp_path / "one", "first to end")
        assert (tmp_path / "one").read_text() == "first to end"
        write(tmp_path / "two")
    assert (tmp_path / "one").read_text() == "first to begin"
    assert names(tmp_path) == {"one", "two"}


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_disk_without_locks_is_written_and_nothing_is_removed(tmp_path, monkeypatch, number):
    left = killed_while_it_writes(tmp_path)

    def refuse(*_):
        raise OSError(number, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with files.beside(tmp_path / "one") as first:
        first.write_text("first")
        write(tmp_path / "two")
    monkeypatch.undo()
    assert names(tmp_path) == {"one", "two", *left}


def test_a_writer_without_a_lock_is_not_taken_for_dead_once_there_are_locks(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "no locks for a moment")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with files.beside(tmp_path / "one") as first:
        first.write_text("first")
        monkeypatch.undo()
        write(tmp_path / "two")
    assert (tmp_path / "one").read_text() == "first"


def test_a_lock_taken_for_a_leftover_is_made_anew(tmp_path, monkeypatch):
    """A lock's file is made, then locked: in between, another writer may remove it."""
    lock = files._lock
    calls = []

    def robbed(handle):
        calls.append(handle)
        if len(calls) == 1:
            for path in tmp_path.iterdir():
                path.unlink()
        if len(calls) == 2:
            raise BlockingIOError
        lock(handle)

    monkeypatch.setattr(files, "_lock", robbed)
    with files.beside(tmp_path / "one") as first:
        monkeypatch.undo()
        first.write_text("first")
        write(tmp_path / "two")
    assert (tmp_path / "one").read_text() == "first"
    assert len(calls) == 3


def _socket(path):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


NO_FILES = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a socket": _socket,
    "a device": lambda path: path.symlink_to("/dev/null"),
}


@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("linked", [False, True])
def test_what_is_no_file_is_refused_and_stays(tmp_path, monkeypatch, kind, linked):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    path = Path("x.nc")
    NO_FILES[kind](path)
    if linked:
        path = Path("link.nc")
        path.symlink_to("x.nc")
    before = path.stat(), path.lstat()
    for writing in (write, files.check_writable):
        with pytest.raises(DatasetError, match=f"{path} is {kind}, which is never replaced"):
            writing(path)
    assert (path.stat().st_ino, path.lstat().st_ino) == (before[0].st_ino, before[1].st_ino)


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_followed(tmp_path, exists):
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk/file", tmp_path / "link"
    if exists:
        target.write_text("old")
    link.symlink_to("disk/file")
    files.check_writable(link)
    write(link)
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert names(tmp_path) == {"disk", "link"}


CANNOT = {
    "/proc/none/x.nc": "No such file or directory",
    f"{'x' * 300}.nc": "File name too long",
    "file/x.nc": "Not a directory",
    "loop.nc": "Too many levels of symbolic links",
}


@pytest.mark.parametrize("path", CANNOT, ids=CANNOT.values())
def test_what_cannot_be_written_is_said_before_and_of_the_name_that_was_given(
    tmp_path, monkeypatch, path
):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    Path("loop.nc").symlink_to("loop.nc")
    for writing in (files.check_writable, write):
        with pytest.raises(OSError, match=CANNOT[path]) as caught:
            writing(Path(path))
        assert caught.value.filename == path
    assert names(tmp_path) == {"file", "loop.nc"}


def test_a_check_makes_nothing(tmp_path):
    files.check_writable(tmp_path / "new/folder/x.nc")
    assert not names(tmp_path)


def test_a_long_name_is_written(tmp_path):
    write(tmp_path / ("x" * 255))
    assert names(tmp_path) == {"x" * 255}


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_a_new_file_has_the_permissions_that_the_umask_gives(tmp_path, umask, mode):
    previous = os.umask(umask)
    try:
        write(tmp_path / "file")
    finally:
        os.umask(previous)
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


def test_a_replaced_file_keeps_its_permissions(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(0o640)
    write(tmp_path / "file")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_a_disk_that_has_no_permissions_loses_no_file(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refuse)
    monkeypatch.setattr(os, "fchmod", refuse)
    write(tmp_path / "file", "old")
    write(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "new"


@pytest.mark.parametrize("reason", ["Input/output error", None])
@pytest.mark.parametrize("name", [str, lambda path: str(path.resolve()), os.fsencode, None])
def test_an_error_names_what_was_asked_for_and_a_reason(tmp_path, monkeypatch, reason, name):
    """And not the file beside it, however a library spells that."""
    monkeypatch.chdir(tmp_path)

    def fail():
        with files.beside(Path("x.nc")) as partial:
            if reason is None:
                raise OSError("it broke")
            raise OSError(errno.EIO, reason, name(partial) if name else None)

    with pytest.raises(OSError, match=reason or "it broke") as caught:
        fail()
    assert caught.value.filename == "x.nc"
    assert caught.value.strerror == (reason or "it broke")
