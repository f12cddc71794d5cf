"""Attributes of datasets, which anybody may have changed: their types, and their sweep."""

from collections.abc import Hashable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eiphase.errors import DatasetError
from eiphase.sweep import Sweep

if TYPE_CHECKING:
    import xarray as xr

_KINDS: dict[type, tuple[str, tuple[str, ...]]] = {
    str: (
        "text",
        (
            "title", "sweep", "sweep_config", "sweep_digest", "commit", "gathered_by", "machine",
            "code_digest", "versions", "backend", "rate_to_lif", "float_to_integer",
        ),
    ),
    Integral: (
        "a whole number",
        (
            "n_neurons", "seed", "draw", "weight_bits", "simulations_run",
            "simulations_near_borders", "simulations_of_full_grid",
        ),
    ),
    Real: ("a number", ("q_factor", "g_factor", "step_size", "bias")),
}  # fmt: skip


def check(attributes: Mapping[Hashable, Any], path: Path) -> None:
    """Raises `DatasetError` if one of the attributes that are used somewhere is of another type."""
    for kind, (words, names) in _KINDS.items():
        for name in names:
            value = attributes.get(name)
            if value is not None and not isinstance(value, kind):
                raise DatasetError(
                    f"{path} has an attribute {name} that must be {words}, but is {value!r:.40}."
                )


def sweep_of(dataset: "xr.Dataset") -> Sweep:
    """The sweep that a phase map is of; raises `DatasetError` if it does not say which."""
    try:
        return Sweep.model_validate_json(dataset.attrs["sweep_config"])
    except (KeyError, TypeError, ValueError):
        raise DatasetError(
            "The phase map's attribute sweep_config is not there, or no sweep's config."
        ) from None
