"""What the command line prints: tables, in colour only where there is a terminal."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import IntEnum
from functools import partial
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr
from rich.box import SIMPLE
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from eiphase.cli.summary import in_words
from eiphase.errors import plain
from eiphase.flags import Flag
from eiphase.networks.weights import Network
from eiphase.sweep import provenance
from eiphase.system.files import beside
from eiphase.variables import DERIVED, NOT_APPLICABLE, NOT_SIMULATED, VARIABLES, Variable

if TYPE_CHECKING:
    from eiphase.jobs.before.explain import Calibration, Plan
    from eiphase.jobs.verify import Activity, Point
    from eiphase.sweep.schema import Sweep

_ORIGIN = ("commit", "gathered_by", "code_digest", "versions", "machine")
# Why there is no number, and what gives one.
_WHY = {
    "undefined": "no number: nothing fluctuates, or less and less; the network settles",
    "transient": "no number: activity is not stationary; simulate longer, or with more burn-in",
    "saturated": "no number: over 95 % of the neurons are silent or fire in every step",
    "censored": "no number: longer than the largest lag; give a larger one",
    "broken": "no number: activity is not finite",
}
_WHY_A_RANGE = (
    "Nobody knows before how long networks run until they are precise: at least to the first look, "
    "at most to max_steps. Expected is the geometric mean of both."
)
# What people look for first in a recording.
_LOOKED_FOR = ("mean_rate", "c0", "c0_flag", "decay_time", "decay_time_flag")


def print_observables(recording: xr.Dataset) -> None:
    """Observables and diagnostics of one network's recording, a line each."""
    _Output().print(_observables(recording))


class _Output(Console):
    """Standard output: text as it is, and in a file or pipe each line as wide as it needs."""

    def __init__(self) -> None:
        super().__init__(markup=False, emoji=False)
        if not self.is_terminal:
            self.width = 10_000

    def on_broken_pipe(self) -> None:
        """Whoever reads has seen enough, as `head` does: Rich would exit with code 1."""
        raise BrokenPipeError


def print_line(*words: object) -> None:
    _Output().print(Text(plain(" ".join(map(str, words)))))


def _table(*headers: str, title: str | None = None, columns: int = 0) -> Table:
    """A table that folds what is too wide, where Rich's own would cut it.

    Without headers it has so many columns.
    """
    table = Table(
        box=SIMPLE, show_header=bool(headers), title=None if title is None else plain(title)
    )
    for header in headers or ("",) * columns:
        table.add_column(plain(header), overflow="fold")
    return table


def _add_row(table: Table, *cells: object, style: str = "") -> None:
    table.add_row(*(plain(cell) for cell in cells), style=style)


def _observables(recording: xr.Dataset) -> Table:
    backend, n_steps = recording.attrs["backend"], recording.sizes["step"]
    table = _table("", "value", "unit", "meaning", title=f"{backend}, {n_steps} steps")
    table.columns[1].justify = "right"
    for name in (*_LOOKED_FOR, *(name for name in VARIABLES if name not in _LOOKED_FOR)):
        variable = VARIABLES[name]
        if name not in recording or variable.lagged:
            continue
        value = recording[name].item()
        text = _flag(variable.flags, value) if variable.flags else f"{value:.5g}"
        unit = "" if variable.flags or variable.units == "1" else variable.units
        meaning = variable.long_name
        if variable.flags is Flag and value > Flag.OK:
            meaning = _WHY.get(text, meaning)
        style = "yellow" if variable.flags and value else ""
        _add_row(table, name, text, unit, meaning, style=style)
    return table


def _flag(flags: type[IntEnum], value: float) -> str:
    return "not_applicable" if value == NOT_APPLICABLE else flags(int(value)).name.lower()


def print_phase_map(phase_map: xr.Dataset, *, html: Path | None = None) -> None:
    """What a phase map holds: each backend in words, axes, flags, variables, and its origin."""
    here = {name: v for name, v in (VARIABLES | DERIVED).items() if name in phase_map}
    flags = (name for name, v in here.items() if v.flags and (phase_map[name] >= 0).any())
    origin = "sweep_config", "sweep_digest", *_ORIGIN
    so_far = [f"Partial map: {phase_map.attrs['partial']}."] if "partial" in phase_map.attrs else []
    lines = (*so_far, *in_words(phase_map), "", phase_map.attrs.get("title", ""))
    shown: list[RenderableType] = [
        Text("\n".join(plain(line) for line in lines)),
        _axes(phase_map),
        *(_flags(phase_map, name) for name in flags),
        *_refinement(phase_map),
        _variables(phase_map, here),
        _attributes(phase_map, origin),
    ]
    _print(shown, html)


def print_recording(recording: xr.Dataset, *, html: Path | None = None) -> None:
    """What a recording holds: its network, what was recorded and measured, where it comes from."""
    network = (*Network.__dataclass_fields__, "backend", "rate_to_lif", "float_to_integer")
    recorded = _table("recorded", "dimensions", "range", "meaning")
    for name, values in recording.data_vars.items():
        if {"step", "neuron"} <= set(values.dims):
            size = " x ".join(f"{values.sizes[d]} {d}" for d in ("step", "neuron"))
            meaning = values.attrs.get("long_name", "")
            ends = (float(end) for end in (values.min(), values.max())) if values.size else ()
            span = " to ".join(f"{end:.3g}" for end in ends)
            _add_row(recorded, name, size, span, meaning)
    tables = [
        _attributes(recording, network),
        recorded,
        _observables(recording),
        _attributes(recording, _ORIGIN),
    ]
    _print(tables, html)


def _print(shown: Iterable[RenderableType], html: Path | None) -> None:
    """To standard output, or as a page into a file."""
    page = Console(record=True, file=StringIO(), width=110, markup=False, emoji=False)
    console = page if html else _Output()
    for part in shown:
        console.print(part)
    if html is not None:
        with beside(html) as partial:
            text = console.export_html(inline_styles=True)
            partial.write_text(text, encoding="utf-8")


def print_verification(
    code_digest: str, points: Sequence["Point"], found: Sequence[list[str]]
) -> bool:
    """What differs in what is derived, and in each point that was simulated again.

    `code_digest` is the dataset's, `found` has what is derived first, and may end before the
    points do. Returns whether nothing differs.
    """
    console = _Output()
    runs = provenance.code_digest()
    if code_digest != runs:
        console.print(
            f"The dataset is of code {plain(code_digest[:12])}, but this is {runs[:12]}: "
            "numbers may differ."
        )
    places = map(_place, points)
    for what, different in zip(chain(["derived from the points"], places), found, strict=False):
        result = f"differs in {', '.join(different)}" if different else "equal"
        console.print(Text(plain(f"{what}: {result}"), "red" if different else ""))
    n_points, n_equal = len(found) - 1, found[1:].count([])
    console.print(f"{n_equal} of {n_points} points are equal to the bit.")
    return not any(found)


def print_plans(sweep: "Sweep", calibration: "Calibration", *, cores: int) -> None:
    """What a sweep takes: of runs whose length depends on what networks do, as a range, too."""
    from eiphase.jobs.before import explain

    low, middle, high = (explain.plan(sweep, calibration, n) for n in explain.lengths(sweep))
    is_sure = low.n_steps == high.n_steps
    table = _table("what", "expected", *([] if is_sure else ["at least", "at most"]))
    n = explain.n_networks(sweep)

    def row(what: str, of: Callable[["Plan"], str]) -> None:
        _add_row(table, what, *map(of, (middle,) if is_sure else (middle, low, high)))

    row("networks", lambda _: f"{n:,}")
    row("steps of each", lambda plan: f"{plan.n_steps:,}")
    row("jobs", lambda plan: f"{len(plan.jobs):,}")
    for kind in dict.fromkeys(job.kind for job in middle.jobs):
        row(f"processor time, {kind}", partial(_time_of, kind))
    row("processor time in all", lambda plan: time_in_words(plan.processor_seconds))
    row(f"time on {cores} idle cores", lambda plan: time_in_words(plan.wall_seconds(cores)))
    row("memory of a job", lambda _: f"{sweep.tile_memory_mb:,} MB")
    row("size of the results", lambda _: f"{explain.result_bytes(sweep) / 1e6:,.0f} MB")
    _Output().print(table)
    if not is_sure:
        print_line(_WHY_A_RANGE)
    if middle.refine:
        print_line("Refining is reckoned as if each g_factor and seed had a border.")


def _time_of(kind: str, plan: "Plan") -> str:
    return time_in_words(plan.seconds_of(kind))


def time_in_words(seconds: float) -> str:
    """Minutes and seconds, or hours and minutes, as precise as an estimate is."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes} min"


def print_steps(
    changed: Sequence[tuple["Point", "Activity", "Activity"]], *, n_cells: int, n_unknown: int
) -> None:
    """Networks that change with half the time step, a line each, and how many they are.

    Of `n_unknown` of all, errors are unknown.
    """
    console = _Output()
    lines = [
        f"{_place(point)}: mean rate {_change(before, after, 'mean_rate')} per time constant, "
        f"c(0) {_change(before, after, 'c0')}"
        for point, before, after in changed
    ]
    for line in lines:
        console.print(Text(plain(line), "red"))
    console.print(f"{len(lines)} of {n_cells} cells change with the time step.")
    if n_unknown:
        console.print(f"Of {n_unknown}, errors are unknown: their runs are too short, or broken.")


def _change(before: "Activity", after: "Activity", name: str) -> str:
    return " -> ".join(_with_error(one, name) for one in (before, after))


def _with_error(one: "Activity", name: str) -> str:
    value, error = getattr(one, name), getattr(one, f"{name}_error")
    if math.isnan(value):
        return Flag(one.c0_flag).name.lower()
    return f"{value:.3g} +- {error:.2g}"


def _place(point: "Point") -> str:
    return (
        f"{point.backend}, q_factor {point.q_factor:g}, g_factor {point.g_factor:g}, "
        f"seed {point.seed}"
    )


def _axes(phase_map: xr.Dataset) -> Table:
    table = _table("axis", "values")
    for name in ("backend", "q_factor", "g_factor", "seed", "lag"):
        values = phase_map[name].values.tolist()
        text = ", ".join(str(value) for value in values)
        if len(values) > 6 and name != "backend":
            text = f"{len(values)} from {values[0]:g} to {values[-1]:g}"
        _add_row(table, name, text)
    return table


def _flags(phase_map: xr.Dataset, name: str) -> Table:
    """How often each flag stands on each backend, of how many simulations."""
    flags = (VARIABLES | DERIVED)[name].flags
    assert flags is not None
    names = {flag.name.lower(): int(flag) for flag in flags}
    if "partial" in phase_map.attrs:
        names["not_simulated"] = NOT_SIMULATED
    table = _table(name, *names)
    for number, backend in enumerate(phase_map.backend.values):
        values = phase_map[name].isel(backend=number)
        if (values >= 0).any():
            counts = (int((values == flag).sum()) for flag in names.values())
            _add_row(table, backend, *counts)
    return table


def _refinement(phase_map: xr.Dataset) -> Iterator[Table]:
    """What refining the borders took, if they are refined."""
    names = "simulations_run", "simulations_near_borders", "simulations_of_full_grid"
    try:
        run, near, full = (int(phase_map.attrs[name]) for name in names)
        part = (full - run) / full
    except (
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
        ZeroDivisionError,
    ):  # none, or none of ours
        return
    table = _table("refined borders", "simulations")
    _add_row(table, "run, those between grid points included", f"{run:,}")
    _add_row(table, "of these between grid points", f"{near:,}")
    _add_row(table, "a full grid of this precision would take", f"{full:,}")
    _add_row(table, "saved", f"{full - run:,} ({part:.0%})")
    yield table


def _variables(phase_map: xr.Dataset, variables: Mapping[str, Variable]) -> Table:
    table = _table("variable", "unit", "range", "meaning")
    for name, variable in variables.items():
        values = phase_map[name]
        if not variable.flags and values.notnull().any():
            unit = "" if variable.units == "1" else variable.units
            _add_row(
                table, name, unit, f"{values.min():.3g} to {values.max():.3g}", variable.long_name
            )
    return table


def _attributes(dataset: xr.Dataset, names: Sequence[str]) -> Table:
    table = _table(columns=2)
    for name in names:
        if name in dataset.attrs:
            lines = _entries(dataset.attrs[name])
            table.add_row(name, "\n".join(plain(line) for line in lines))
    return table


def _entries(value: object) -> list[object]:
    """The entries of text that is a JSON object, or any other value as it is."""
    if isinstance(value, str):
        with suppress(ValueError, AttributeError, RecursionError):
            return [f"{key}: {json.dumps(entry)}" for key, entry in json.loads(value).items()]
    return [value]
