"""Text from elsewhere, such as a file's title or name, made safe and short enough to be shown.

Imports nothing heavy: the Snakefile reads it at every start.
"""

import reprlib
from typing import Any


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
    """A value for a message: at most about 80 characters of it, and no control characters."""
    text = plain(_Short().repr(value))
    return text if len(text) <= 80 else f"{text[:76]} ..."
