"""Exceptions whose message is one sentence for the user."""

import errno
import os
import sys
from pathlib import Path

from eiphase.plain_text import plain

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
