"""Exceptions whose message is one sentence for the user."""

import errno
import os
import reprlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# How the loader of libraries, and Python, say that the system gives no more.
_REFUSED = ("failed to map segment from shared object", "can't start new thread")


class UserError(ValueError):
    """A mistake that one sentence explains; the sentence never holds a control character."""

    def __str__(self) -> str:
        return plain(super().__str__())


class DatasetError(UserError):
    """A file or dataset that is not what it should be; the message is one sentence."""


class SweepError(UserError):
    """A sweep that cannot be run; the message is one sentence for its author."""


class Damaged(DatasetError):
    """A file that was read, and is not what was written."""

    def __init__(self, path: Path, verdict: str):
        super().__init__(f"{path} {verdict}.")
        self.path = path


def beyond_limits(error: BaseException | None) -> str | None:
    """The reason, if an error comes from memory, threads or files that the system refused."""
    if error is None:
        return None
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return str(error) or "out of memory"
    if getattr(error, "errno", None) == errno.EMFILE:
        return os.strerror(errno.EMFILE)  # of whichever file it was
    if any(text in str(error) for text in _REFUSED):
        return str(error)
    return beyond_limits(error.__cause__ or error.__context__)


class InstallationError(UserError):
    """A package that simulating needs is missing, or is another version; one sentence."""


class PlatformError(UserError):
    """Something that works on Linux only; the message is one sentence."""


def require_linux() -> None:
    """Raise `PlatformError` where nothing can be simulated."""
    if sys.platform != "linux":
        system = {"darwin": "macOS", "win32": "Windows"}.get(sys.platform, sys.platform)
        raise PlatformError(
            f"eiphase simulates and runs its workflow on Linux only, and this is {system}, where "
            "it opens and plots phase maps that were made on Linux, and computes theory."
        )


def plain(text: object) -> str:
    """Text in which every character that does not print stands as its escape.

    A terminal obeys control characters, and an override of the reading direction shows
    letters in another order than they stand; line breaks would forge lines of a message.
    """
    return "".join(c if c.isprintable() else _escape(c) for c in str(text))


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class _Short(reprlib.Repr):
    """A value as it is typed in Python, cut before it is formatted, however large it is."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, 70, 70

    def repr_int(self, value: int, level: int) -> str:
        if abs(value) < 10**30:
            return repr(value)
        return f"an integer of {value.bit_length()} bits"  # Python refuses to print a huge one


def short(value: Any) -> str:
    """A value for a message: at most about 80 characters of it, and no control characters.

    NumPy's scalars are shown as the numbers that they are.
    """
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    text = plain(_Short().repr(value))
    return text if len(text) <= 80 else f"{text[:76]} ..."


class LavaError(RuntimeError):
    """A model raised, or a process of Lava's ended that was not meant to."""


class NoSuchIntegers(SweepError):
    """A network that the mapping to integers makes nothing of.

    `found` holds what is known of the mapping, under the names of variables.
    """

    def __init__(self, problem: str, found: Mapping[str, Any]):
        super().__init__(problem)
        self.found = dict(found)
