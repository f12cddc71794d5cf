"""What the command line prints: tables, in colour only where there is a terminal."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from eiphase import provenance
from eiphase.dataset import DERIVED, VARIABLES
from eiphase.files import beside
from eiphase.network import Network

if TYPE_CHECKING:
    from eiphase.verification import Point

_ORIGIN = ("commit", "gathered_by", "code_digest", "versions", "machine")
Show = Callable[[int, int], None]  # how many are done, of how many


@contextmanager
def progress(what: str) -> Iterator[Show]:
    """A bar on standard error while something runs; nothing where there is no terminal.

    Gives the function that says how many are done, and of how many. Until it is called the
    bar only moves, and at the end it goes.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _show_nothing
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, refresh=done == total)

        yield show


def _show_nothing(done: int, total: int) -> None:
    """What a `Show` does where nobody watches."""


@contextmanager
def progress_of_another(what: str, counts: np.ndarray) -> Iterator[None]:
    """A bar that follows a shared array, in which another process counts.

    It holds how many are done and, above 0 as soon as that is known, of how many.
    """
    with progress(what) as show:
        ended = threading.Event()

        def look() -> None:
            done, total = counts.tolist()
            if total:
                show(done, total)

        def follow() -> None:
            while not ended.wait(0.1):
                look()

        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        try:
            yield
        finally:
            ended.set()
            follower.join()
            look()


def print_observables(recording: xr.Dataset) -> None:
    """Observables and diagnostics of one network's recording, a line each."""
    Console().print(_observables(recording))


def _observables(recording: xr.Dataset) -> Table:
    table = Table(
        box=SIMPLE, title=f"{recording.attrs['backend']}, {recording.sizes['time']} steps"
    )
    table.add_column("", no_wrap=True)
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column("meaning")
    for name, variable in VARIABLES.items():
        if name not in recording or variable.lagged:
            continue
        value = recording[name].item()
        text = variable.flags(value).name.lower() if variable.flags else f"{value:.5g}"
        unit = "" if variable.flags or variable.units == "1" else variable.units
        style = "yellow" if variable.flags and value else ""
        table.add_row(name, text, unit, variable.long_name, style=style)
    return table


def print_phase_map(phase_map: xr.Dataset, *, html: Path | None = None) -> None:
    """What a phase map holds: its axes, flags by backend, variables, and where it comes from."""
    every = (VARIABLES | DERIVED).items()
    flags = (name for name, v in every if v.flags and (phase_map[name] >= 0).any())
    origin = "sweep_config", "sweep_digest", *_ORIGIN
    tables = [
        _axes(phase_map),
        *(_flags(phase_map, name) for name in flags),
        *_refinement(phase_map),
        _variables(phase_map),
        _attributes(phase_map, origin),
    ]
    _print(tables, html)


def print_recording(recording: xr.Dataset, *, html: Path | None = None) -> None:
    """What a recording holds: its network, what was recorded and measured, where it comes from."""
    network = (*Network.__dataclass_fields__, "backend", "rate_to_lif", "float_to_integer")
    recorded = Table("recorded", "dimensions", "unit", "range", "meaning", box=SIMPLE)
    for name, values in recording.data_vars.items():
        if {"time", "neuron"} <= set(values.dims):
            size = " x ".join(f"{values.sizes[d]} {d}" for d in ("time", "neuron"))
            unit, meaning = values.attrs.get("units", ""), values.attrs.get("long_name", "")
            span = f"{values.min():.3g} to {values.max():.3g}"
            recorded.add_row(str(name), size, unit if unit != "1" else "", span, meaning)
    tables = [
        _attributes(recording, network),
        recorded,
        _observables(recording),
        _attributes(recording, _ORIGIN),
    ]
    _print(tables, html)


def _print(tables: list[Table], html: Path | None) -> None:
    """To standard output, or as a page into a file."""
    console = Console(record=True, file=StringIO(), width=110) if html else Console()
    for table in tables:
        console.print(table)
    if html is not None:
        with beside(html) as partial:
            partial.write_text(console.export_html(inline_styles=True))


def print_verification(
    code_digest: str, points: Sequence["Point"], found: Sequence[list[str]]
) -> bool:
    """What differs in what is derived, and in each point that was simulated again.

    `code_digest` is the dataset's, `found` has what is derived first, and may end before the
    points do. Returns whether nothing differs.
    """
    console = Console()
    runs = provenance.code_digest()
    if code_digest != runs:
        console.print(
            f"The dataset is of code {code_digest[:12]}, but this is {runs[:12]}: "
            "numbers may differ."
        )
    places = (
        f"{point.backend}, q_factor {point.q_factor:g}, g_factor {point.g_factor:g}, "
        f"seed {point.seed}"
        for point in points
    )
    for what, different in zip(chain(["derived from the points"], places), found, strict=False):
        result = f"differs in {', '.join(different)}" if different else "equal"
        console.print(Text(f"{what}: {result}", "red" if different else ""))
    n_points, n_equal = len(found) - 1, found[1:].count([])
    console.print(f"{n_equal} of {n_points} points are equal to the bit.")
    return not any(found)


def _axes(phase_map: xr.Dataset) -> Table:
    table = Table("axis", "values", box=SIMPLE, title=phase_map.attrs.get("title"))
    for name in ("backend", "q_factor", "g_factor", "seed", "lag"):
        values = phase_map[name].values.tolist()
        text = ", ".join(str(value) for value in values)
        if len(values) > 6:
            text = f"{len(values)} from {values[0]:g} to {values[-1]:g}"
        table.add_row(name, Text(text, overflow="fold"))
    return table


def _flags(phase_map: xr.Dataset, name: str) -> Table:
    """How often each flag stands on each backend, of how many simulations."""
    flags = (VARIABLES | DERIVED)[name].flags
    assert flags is not None
    table = Table(name, *(flag.name.lower() for flag in flags), box=SIMPLE)
    for backend in phase_map.backend.values:
        values = phase_map[name].sel(backend=backend)
        if (values >= 0).any():
            counts = (str(int((values == flag).sum())) for flag in flags)
            table.add_row(str(backend), *counts)
    return table


def _refinement(phase_map: xr.Dataset) -> Iterator[Table]:
    """What refining the borders took, if they are refined."""
    names = "simulations_run", "simulations_near_borders", "simulations_of_full_grid"
    if not all(name in phase_map.attrs for name in names):
        return
    run, near, full = (int(phase_map.attrs[name]) for name in names)
    table = Table("refined borders", "simulations", box=SIMPLE)
    table.add_row("run, those between grid points included", f"{run:,}")
    table.add_row("of these between grid points", f"{near:,}")
    table.add_row("a full grid of this precision would take", f"{full:,}")
    table.add_row("saved", f"{full - run:,} ({(full - run) / full:.0%})")
    yield table


def _variables(phase_map: xr.Dataset) -> Table:
    table = Table("variable", "unit", "range", "meaning", box=SIMPLE)
    for name, variable in (VARIABLES | DERIVED).items():
        if not variable.flags:
            values = phase_map[name]
            span = "" if values.isnull().all() else f"{values.min():.3g} to {values.max():.3g}"
            unit = "" if variable.units == "1" else variable.units
            table.add_row(name, unit, span, variable.long_name)
    return table


def _attributes(dataset: xr.Dataset, names: Sequence[str]) -> Table:
    table = Table(box=SIMPLE, show_header=False)
    for name in names:
        if name not in dataset.attrs:
            continue
        text = str(dataset.attrs[name])
        with suppress(ValueError, AttributeError):  # text that is no JSON object
            entries = json.loads(text).items()
            text = "\n".join(f"{key}: {json.dumps(value)}" for key, value in entries)
        table.add_row(name, Text(text, overflow="fold"))
    return table
