"""Damaged files: those that the workflow made are renamed, so that it makes them again."""

import os
import re
from contextlib import suppress
from pathlib import Path

from eiphase.backends import BACKENDS


def set_aside(path: Path) -> str:
    """Rename a damaged file, so that the workflow makes it again; returns a sentence that says so.

    Only a file that has a name which the workflow gives: another may be the user's.
    """
    if not (_is_named_by_workflow(path) and path.is_file()):
        return ""
    with suppress(OSError):
        os.replace(path, f"{path}.damaged")
        return " Renamed to *.damaged: the workflow's next run makes it again."
    return " It cannot be renamed: delete it, and the workflow's next run makes it again."


def _is_named_by_workflow(path: Path) -> bool:
    tile = r"tile-\d+-[0-9a-f]{16}|refined-[0-9a-f]{16}|seed-\d+-[0-9a-f]{16}"
    recording = rf"(balanced|critical)_({'|'.join(BACKENDS)})"  # of the tutorial's networks
    return bool(re.fullmatch(rf"({tile}|{recording}|phase_map|divergence)\.nc", path.name))
