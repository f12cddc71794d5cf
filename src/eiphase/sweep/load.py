"""Reads a sweep's config file; a mistake becomes one sentence."""

import re
from difflib import get_close_matches
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from eiphase.errors import SweepError, short
from eiphase.sweep import config_file
from eiphase.sweep.schema import Sweep, _Range


def load(path: str | Path) -> Sweep:
    """Read and validate a sweep's config file; raises `SweepError` with one sentence."""
    path = Path(path)
    check_name(path)
    try:
        return Sweep.model_validate(config_file.read(path))
    except ValidationError as error:
        raise SweepError(f"Sweep config {path}: {sentence(error)}.") from None


def check_name(path: Path) -> None:
    """Raises `SweepError` if results cannot have the name of a config file, or it cannot be run."""
    if not re.fullmatch(r"(?!-)[A-Za-z0-9_.-]+", path.stem):
        raise SweepError(
            f"Sweep config {str(path)!r} names its results, but {path.stem!r} holds other "
            "characters than letters, digits, '_', '-' and '.', or begins with '-'."
        )
    if path.stem in ("tutorial", "simulate") or path.stem.startswith("."):
        raise SweepError(
            f"Sweep config {str(path)!r} names its results, but the name {path.stem!r} is taken."
        )
    if "{" in str(path):
        raise SweepError(f"Sweep config {path}: Snakemake takes no name with a brace.")


def sentence(error: ValidationError) -> str:
    """The first thing that is wrong: the key, its value, and what is allowed."""
    # A key that is missing may be there under another name: that is the better message.
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    key = _shown(".".join(str(part) for part in first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    match first["type"]:
        case "missing":
            return f"{key} is missing"
        case "extra_forbidden":
            return f"{key} is not a key that a sweep knows; {_known_keys(first['loc'])}"
        case "value_error" if not key:
            return message
        case "too_short":
            message = "it needs at least one value"
        case "tuple_type":
            message = "it must be a list, such as [1, 2]"
        case "model_type":
            message = f"it must hold the keys {', '.join(_allowed((*first['loc'], '')))}"
        case "int_type" if isinstance(first["input"], str):
            message += ", written like 400 or 1e3"
        case "float_type" if isinstance(first["input"], str):
            message += ", written like 400, 0.5 or 1e-2"
    return f"{key} is {short(first['input'])}, but {message[0].lower()}{message[1:]}"


def _shown(key: str) -> str:
    return key if key.isprintable() and len(key) < 80 else short(key)


def _known_keys(loc: tuple[int | str, ...]) -> str:
    """Which keys there are in a section, and which of all may have been meant."""
    allowed, name = _allowed(loc), str(loc[-1])
    elsewhere = {
        key: f"{section}.{key}"
        for section, field in Sweep.model_fields.items()
        for key in getattr(_section(field), "model_fields", ())
    }
    meant = elsewhere | {key: key for key in (*Sweep.model_fields, *allowed)}
    near = get_close_matches(name[:80].lower(), allowed, 1) or get_close_matches(
        name[:80].lower(), meant, 1
    )
    question = f"did you mean {meant[near[0]]}? " if near else ""
    return f"{question}allowed are {', '.join(allowed)}"


def _section(field: FieldInfo) -> type[BaseModel] | None:
    """The section that a key holds, if it holds one."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _allowed(loc: tuple[int | str, ...]) -> list[str]:
    section: type[BaseModel] = Sweep
    for part in loc[:-1]:
        section = _section(section.model_fields[str(part)]) or _Range
    return list(section.model_fields)
