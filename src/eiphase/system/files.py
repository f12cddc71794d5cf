"""Files that are written as a whole: beside their place, then renamed.

A writer holds a lock on a second file, beside the one that it writes, for as long as it
lives. The system frees the lock when the writer ends, however it ends: so the lock tells,
across containers and machines that share a folder, what was left behind by a writer that
was killed. The written file itself carries no lock, for HDF5 locks that.
"""

import errno
import os
import platform
import re
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from eiphase.errors import DatasetError

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}
_NODE = re.sub(r"\W", "_", platform.node())
_LOCK = re.compile(r"\.eiphase-(?P<node>\w*)-[0-9a-f]{8}\.lock")
_A_DAY = 86400.0  # seconds


def check_writable(path: Path) -> None:
    """Raise `DatasetError` or `OSError` if a file cannot be written, before work for it starts.

    The file may be new or replace a file, also at the end of a link; its folder may have to
    be made. A device, pipe, socket or folder is never replaced.
    """
    with _named(path, any_file=True):
        target = _target(path)
        folder = next(folder for folder in target.parents if os.path.lexists(folder))
        with tempfile.TemporaryFile(dir=folder):  # permissions alone tell root nothing
            pass
        if _is_anothers(target):
            raise PermissionError(errno.EPERM, "It is another user's, in a folder of all users")


def _is_anothers(target: Path) -> bool:
    """Whether a file is another user's in a folder such as /tmp, where only owners may replace."""
    if not (target.parent.exists() and target.exists()):
        return False
    folder = target.parent.stat()
    owners = (0, folder.st_uid, target.stat().st_uid)
    return bool(folder.st_mode & stat.S_ISVTX) and os.geteuid() not in owners


def remove_leftovers(folder: Path) -> None:
    """Remove what writers that were killed have left in a folder.

    Nobody holds their locks. What another node wrote must also be a day old, because some
    network disks keep locks to each node. What cannot be removed stays.
    """
    with suppress(OSError):
        for entry in os.scandir(folder):
            found = _LOCK.fullmatch(entry.name)
            if found and (found["node"] == _NODE or _age(entry) > _A_DAY):
                with suppress(OSError):
                    _remove_leftover(Path(entry.path))


def _age(entry: os.DirEntry) -> float:
    with suppress(OSError):
        return time.time() - entry.stat().st_mtime
    return 0.0


def _remove_leftover(lock: Path) -> None:
    handle = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        _lock(handle)
        lock.with_suffix("").unlink(missing_ok=True)
        lock.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    """Raises `BlockingIOError` if another has the lock, another `OSError` if there are none."""
    import fcntl  # which Windows does not have

    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place if all goes well, and else vanishes.

    Several may write a path at once: the last to end stays. A link is followed; a file that is
    replaced keeps its permissions. What writers that were killed left in the folder goes, too.
    Raises `DatasetError` if `path` is a device, pipe, socket or folder, and `OSError` with the
    name of `path` and the reason if it cannot be written, as on a full disk.
    """
    with _named(path, any_file=True):
        target = _target(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(target.parent)
        lock, locked = _new_lock(target.parent)
    partial = lock.with_suffix("")
    try:
        with _named(path, partial):
            handle = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            try:
                yield from _written(partial, handle)
                _keep_mode(target, handle)
            finally:
                os.close(handle)
            os.replace(partial, target)
    finally:
        for name in (partial, lock):
            with suppress(OSError):
                os.unlink(name)
        os.close(locked)


def _target(path: Path) -> Path:
    """Where a file is to be written: at the end of links, and nowhere but at a regular file."""
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except FileNotFoundError:
        kind = stat.S_IFREG
    if kind != stat.S_IFREG:
        what = _KINDS.get(kind, "no regular file")
        raise DatasetError(f"{path} is {what}, which is never replaced: name a file to write.")
    return Path(os.path.realpath(path))


def _new_lock(folder: Path) -> tuple[Path, int]:
    """A lock's file with a new name, and the handle that holds it.

    Where there are no locks the file is gone again: nobody removes what has none beside it.
    """
    while True:
        lock = folder / f".eiphase-{_NODE}-{secrets.token_hex(4)}.lock"
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _lock(handle)
        except BlockingIOError:  # another writer takes it for a leftover
            os.close(handle)
            continue
        except (OSError, ImportError):
            os.unlink(lock)
            return lock, handle
        if os.fstat(handle).st_nlink:
            return lock, handle
        os.close(handle)  # another writer took it for a leftover


def _written(partial: Path, handle: int) -> Iterator[Path]:
    try:
        yield partial
    except DatasetError:
        raise
    except Exception:  # libraries give no reason, or a wrong one
        _append(handle)
        raise
    os.fsync(handle)  # some file systems say only now that they are full


def _append(handle: int) -> None:
    """Write a block at a file's end: the system says why, if it cannot be."""
    with open(handle, "ab", closefd=False) as file:
        file.write(bytes(65536))
    os.fsync(handle)


def _keep_mode(target: Path, handle: int) -> None:
    """Permissions of the file that is replaced, where the disk has any."""
    with suppress(OSError):
        os.fchmod(handle, target.stat().st_mode & 0o777)


@contextmanager
def _named(path: Path, partial: Path | None = None, *, any_file: bool = False) -> Iterator[None]:
    """An `OSError` of `partial`, of no file, or of any if so asked, becomes one of `path`."""
    try:
        yield
    except OSError as error:
        named = Path(os.fsdecode(error.filename)).name if error.filename else None
        if any_file or named is None or (partial and named == partial.name):
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error
        raise
