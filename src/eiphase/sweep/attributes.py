"""Attributes of datasets, which anybody may have changed: their types, and their sweep."""

from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from eiphase.errors import DatasetError, short
from eiphase.sweep.schema import Sweep

if TYPE_CHECKING:
    import xarray as xr

_KINDS: dict[type, tuple[str, tuple[str, ...]]] = {
    str: (
        "text",
        (
            "title", "sweep", "sweep_config", "sweep_digest", "commit", "gathered_by", "machine",
            "code_digest", "versions", "backend", "rate_to_lif", "float_to_integer", "partial",
            "summary", "keywords", "license", "creator_name", "creator_url", "institution",
        ),
    ),
    Integral: (
        "a whole number",
        (
            "n_neurons", "seed", "draw", "weight_bits", "simulations_run",
            "simulations_near_borders", "simulations_of_full_grid",
        ),
    ),
    Real: ("a number", ("q_factor", "g_factor", "step_size", "bias", "refractory")),
}  # fmt: skip

_DECODE = ("scale_factor", "add_offset")


def check(dataset: "xr.Dataset", path: Path) -> None:
    """Raises `DatasetError` if one of the attributes that are used somewhere is of another type."""
    for kind, (words, names) in _KINDS.items():
        for name in names:
            value = dataset.attrs.get(name)
            if value is not None and not isinstance(value, kind):
                raise _wrong(f"{path} has an attribute {name}", words, value)
    for variable in dataset.variables:
        of_variable = f"{path} has a variable {variable} with an attribute"
        for name, value in dataset[variable].encoding.items():  # what xarray reads by
            if name in _DECODE and np.asarray(value).dtype.kind not in "iuf":
                raise _wrong(f"{of_variable} {name}", "a number", value)
        for name in ("units", "long_name"):
            value = dataset[variable].attrs.get(name, "")
            if not isinstance(value, str):
                raise _wrong(f"{of_variable} {name}", "text", value)


def _wrong(what: str, words: str, value: Any) -> DatasetError:
    return DatasetError(f"{what} that must be {words}, but is {short(value)}.")


def words(flags: "xr.DataArray") -> "xr.DataArray":
    """The words of flags, such as `phase_map.phase`, in place of their numbers.

    They are those of the attributes `flag_values` and `flag_meanings`; "" where a selection has
    left none. Raises `DatasetError` if the variable has no such attributes, or other numbers, as an
    average over seeds has.
    """
    attributes = getattr(flags, "attrs", {})
    if not {"flag_values", "flag_meanings"} <= set(attributes):
        raise DatasetError(
            f"{getattr(flags, 'name', None) or short(flags)} has no flag_meanings: give a variable "
            "of flags, such as phase_map.phase."
        )
    known = meanings(flags)
    numbers = flags.values.ravel().tolist()
    if odd := next((x for x in numbers if x == x and x not in known), None):
        raise DatasetError(
            f"{flags.name} has {odd:g}, which is none of its flags {', '.join(map(str, known))}: "
            "an average of flags has no words; take them seed by seed, or phase_commonest."
        )
    data = [known.get(value, "") for value in numbers]
    found = flags.copy(data=np.array(data, str).reshape(flags.shape))
    found.attrs = {name: attributes[name] for name in ("long_name",) if name in attributes}
    return found


def meanings(flags: "xr.DataArray") -> dict[int, str]:
    """The word of each flag that the variable's attributes explain."""
    found = str(flags.attrs["flag_meanings"]).split()
    return dict(zip(np.atleast_1d(flags.attrs["flag_values"]).tolist(), found, strict=False))


def refuse_partial(dataset: "xr.Dataset", name: object) -> None:
    """Raises `DatasetError` if networks of the phase map are not simulated as yet."""
    if partial := dataset.attrs.get("partial"):
        raise DatasetError(
            f"{name} is a partial phase map ({partial}), which can be shown and drawn only: "
            "go on when the sweep is whole."
        )


def sweep_of(dataset: "xr.Dataset") -> Sweep:
    """The sweep that a phase map is of; raises `DatasetError` if it does not say which."""
    try:
        return Sweep.model_validate_json(dataset.attrs["sweep_config"])
    except (KeyError, TypeError, ValueError):
        raise DatasetError(
            "The phase map's attribute sweep_config is not there, or no sweep's config."
        ) from None
