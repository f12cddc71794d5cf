"""Exceptions whose message is one sentence for the user."""

from pathlib import Path

from eiphase.plain_text import plain


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
