"""Seals: a digest of a file's bytes stands behind them, so that later damage is found.

A seal is checked before HDF5 sees a byte, for HDF5 may hang on a file that is damaged. HDF5 does
not mind a seal: it reads no further than the end that its own header names. Layout of a file:

    what HDF5 wrote | note, JSON | length of the note | SHA-256 of all before | _MAGIC

A note is what can be told of a file without opening it. Who changes a file with another program
rewrites it without a seal, which is allowed for datasets, see `unsealed`.
"""

import errno
import hashlib
import json
import os
import stat
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from eiphase.errors import Damaged, DatasetError
from eiphase.system.files import beside

T = TypeVar("T")

_MAGIC = b"eiphase's seal 1"
_LENGTH = struct.Struct("<Q")
_END = struct.Struct(f"<32s{len(_MAGIC)}s")
_BLOCK = 2**20
# What a file's system answers that may answer otherwise a moment later.
_PASSING = {
    errno.EAGAIN, errno.EBUSY, errno.EIO, errno.ENOLCK, errno.ENOMEM, errno.ESTALE,
    errno.ETIMEDOUT,
}  # fmt: skip
_CHANGED = "is damaged: its bytes are not those that eiphase wrote"
_NO_SEAL = "is damaged, or nothing that this version wrote: it has no seal at its end"
_PAUSES = (0.1, 0.4)  # seconds before the second try, and the third


@dataclass(frozen=True)
class _Seal:
    """Where things stand in a sealed file."""

    digest: bytes
    sealed: int  # bytes that the digest is of
    note: int  # where it begins


@contextmanager
def sealed(path: Path, note: Any = None) -> Iterator[Path]:
    """A temporary file that is sealed and takes the place of `path`: see `files.beside`."""
    with beside(path) as partial:
        yield partial
        with partial.open("r+b") as file:
            end = file.seek(0, os.SEEK_END)
            file.write(text := json.dumps(note).encode())
            file.write(_LENGTH.pack(len(text)))
            digest = _digest(file, end + len(text) + _LENGTH.size)
            file.seek(0, os.SEEK_END)
            file.write(_END.pack(digest, _MAGIC))


def is_sealed(path: Path) -> bool:
    """Whether a file is sealed, by its bytes; raises `Damaged` if they have changed since.

    Raises `DatasetError` if they cannot be read at all.
    """

    def checked(file: BinaryIO) -> bool:
        seal = _find(file)
        if seal and _digest(file, seal.sealed) != seal.digest:
            raise _damaged(file, path, _CHANGED)
        # Of a file that was cut off, or whose seal itself is damaged, HDF5's header knows more.
        if not seal and _hdf5_end(file) not in (None, file.seek(0, os.SEEK_END)):
            raise _damaged(file, path, _CHANGED)
        return seal is not None

    return _patiently(checked, path)


def content(path: Path) -> tuple[bytes, Any]:
    """All bytes of a sealed file, and its note; raises as `is_sealed`, also if it has no seal.

    Of a file without a seal, whatever that is, no more than the end is read.
    """

    def read(file: BinaryIO) -> tuple[bytes, Any]:
        seal = _find(file)
        if seal is None:
            raise _damaged(file, path, _NO_SEAL)
        file.seek(0)
        found = file.read()
        if hashlib.sha256(memoryview(found)[: seal.sealed]).digest() != seal.digest:
            raise _damaged(file, path, _CHANGED)
        return found, json.loads(found[seal.note : seal.sealed - _LENGTH.size])

    return _patiently(read, path)


def note(path: Path) -> Any:
    """What a file's seal notes, read from its end and not checked; None if there is no seal."""

    def read(file: BinaryIO) -> Any:
        seal = _find(file)
        if seal is None:
            return None
        file.seek(seal.note)
        with suppress(ValueError):
            return json.loads(file.read(seal.sealed - _LENGTH.size - seal.note))

    return _patiently(read, path)


def _patiently(read: Callable[[BinaryIO], T], path: Path) -> T:
    """What `read` makes of an open file; again, shortly later, if the system refuses for now."""
    for pause in (*_PAUSES, None):
        try:
            with open(path, "rb", opener=_open_at_once) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise DatasetError(f"{path} is no regular file, so it is not read.")
                return read(file)
        except OSError as error:
            passing = error.errno in _PASSING
            if pause is None or not passing:
                when = " at the moment" if passing else ""
                raise DatasetError(f"{path} cannot be read{when}: {error.strerror}.") from None
            time.sleep(pause)
    raise AssertionError


def _open_at_once(path: str, flags: int) -> int:
    return os.open(
        path, flags | getattr(os, "O_NONBLOCK", 0)
    )  # else a FIFO would wait for who writes


def _find(file: BinaryIO) -> _Seal | None:
    size = file.seek(0, os.SEEK_END)
    sealed = size - _END.size
    if sealed < _LENGTH.size:
        return None
    file.seek(sealed - _LENGTH.size)
    (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
    digest, magic = _END.unpack(file.read(_END.size))
    start = sealed - _LENGTH.size - length
    if magic != _MAGIC:
        return None
    return _Seal(digest, sealed, max(start, 0))  # a length that is wrong makes a wrong digest


def _digest(file: BinaryIO, size: int) -> bytes:
    """Digest of the first bytes of a file."""
    digest = hashlib.sha256()
    file.seek(0)
    while size > 0:
        block = file.read(min(size, _BLOCK))
        if not block:
            break
        digest.update(block)
        size -= len(block)
    return digest.digest()


def _hdf5_end(file: BinaryIO) -> int | None:
    """Where a file of HDF5 ends by its own header; None of another file."""
    file.seek(0)
    header = file.read(64)
    if len(header) < 64 or not header.startswith(b"\x89HDF\r\n\x1a\n"):
        return None
    return struct.unpack_from("<Q", header, 28 if header[8] >= 2 else 40)[0]


def _damaged(file: BinaryIO, path: Path, verdict: str) -> Damaged:
    """The error for bytes that are wrong; raises `OSError` if somebody is writing them now."""
    refusal = refused_lock(file)
    if isinstance(refusal, BlockingIOError):  # HDF5 locks what it writes
        raise OSError(refusal.errno, "another process has it open for writing")
    return Damaged(path, verdict)


def refused_lock(file: BinaryIO) -> OSError | None:
    """Why an open file cannot be locked for reading, as HDF5 does; None if it can."""
    try:
        import fcntl  # which Windows does not have

        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except ImportError:
        return None
    except OSError as error:
        return error
    return None
