"""Files that are written as a whole: beside their place, then renamed."""

import glob
import os
import platform
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eiphase.errors import DatasetError


def remove_partial(path: Path) -> None:
    """Remove what a process that was killed while it wrote `path` has left beside it."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}-*"):
        partial.unlink(missing_ok=True)


def _remove_abandoned(folder: Path) -> None:
    """Remove what processes of this machine that no longer run were writing in a folder."""
    ours = re.compile(rf"\..+-{re.escape(platform.node())}-(\d+)-\w+")
    for partial in folder.iterdir():
        found = ours.fullmatch(partial.name)
        if found and not _runs(int(found[1])):
            partial.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place if all goes well, and else vanishes.

    One process at a time may write a path. What others left in the folder that were killed
    while they wrote goes, too. Raises `OSError` with the name of `path` and the
    reason if it cannot be written, as on a full disk.
    """
    if path.is_dir():
        raise DatasetError(f"{path} is a folder, but a file is to be written.")
    with _named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_partial(path)
        _remove_abandoned(path.parent)
        writer = f"{platform.node()}-{os.getpid()}"
        handle, partial = tempfile.mkstemp(prefix=f".{path.name}-{writer}-", dir=path.parent)
    try:
        with _named(path, partial):
            try:
                yield Path(partial)
            except (OSError, RuntimeError):  # netCDF gives no reason, or a wrong one
                _append(handle)
                raise
            os.fsync(handle)  # some file systems say only now that they are full
            os.chmod(partial, 0o644)
            os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise
    finally:
        os.close(handle)


def _append(handle: int) -> None:
    """Write a block at a file's end: the system says why, if it cannot be."""
    os.lseek(handle, 0, os.SEEK_END)
    os.write(handle, bytes(65536))
    os.fsync(handle)


@contextmanager
def _named(path: Path, partial: str | None = None) -> Iterator[None]:
    """An `OSError` of `partial`, or of no file, becomes one of `path`."""
    try:
        yield
    except OSError as error:
        if error.filename in (None, partial):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
