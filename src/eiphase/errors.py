"""Exceptions whose message is one sentence for the user."""

from eiphase.plain_text import plain


class UserError(ValueError):
    """A mistake that one sentence explains; the sentence never holds a control character."""

    def __str__(self) -> str:
        return plain(super().__str__())


class DatasetError(UserError):
    """A file or dataset that is not what it should be; the message is one sentence."""


class SweepError(UserError):
    """A sweep that cannot be run; the message is one sentence for its author."""
