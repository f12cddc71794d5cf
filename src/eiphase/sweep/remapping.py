"""The LIF networks of a sweep once more, with another mapping: to see what a mapping does.

Imports nothing heavy: the Snakefile reads it at every start.
"""

from pathlib import Path

import yaml
from pydantic import ValidationError

from eiphase.backends import mapped, pairs, pairs_in_words
from eiphase.errors import SweepError
from eiphase.sweep.schema import Mapping, Refinement, Sweep
from eiphase.system.files import beside


def name_of(mapping: Mapping) -> str:
    """Name of a mapping's folder: `corrected-full_range-5` has 5 bits."""
    return f"{mapping.rate_to_lif}-{mapping.float_to_integer}-{mapping.weight_bits}"


def with_bits(mapping: Mapping, weight_bits: int) -> str:
    """The name of a mapping with so many bits of weight, and otherwise the same."""
    return name_of(mapping.model_copy(update={"weight_bits": weight_bits}))


def remapped(sweep: Sweep, name: str) -> Sweep:
    """A sweep's mapped networks, mapped in the way that `name` says.

    Backends without a mapping, as rate neurons, are left out.

    Borders are not refined, so that they can be compared.

    Raises `SweepError` if the sweep lacks a backend in integers, or the one that it is made
    from, or if the name is none.
    """
    if not pairs(sweep.backends):
        raise SweepError(
            f"backends are {', '.join(sweep.backends)}, but a comparison of mappings needs "
            f"{pairs_in_words()}."
        )
    keys = tuple(Mapping.model_fields)
    values = name.split("-")
    try:
        rate_to_lif, float_to_integer, bits = values
        mapping = Mapping.model_validate(
            dict(zip(keys, (rate_to_lif, float_to_integer, int(bits)), strict=True))
        )
    except (ValueError, ValidationError):
        raise SweepError(
            f"{name} names no mapping; one is called {name_of(sweep.mapping)}."
        ) from None
    return sweep.model_copy(
        update={
            "backends": tuple(mapped(sweep.backends)),
            "mapping": mapping,
            "refinement": Refinement(),
        }
    )


def write(sweep: Sweep, path: Path) -> None:
    """Write a sweep as a config file, with the keys that were set."""
    with beside(path) as partial:
        text = yaml.safe_dump(sweep.model_dump(mode="json", exclude_unset=True))
        partial.write_text(text, encoding="utf-8")
