"""What the command line prints: tables, in colour only where there is a terminal."""

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import StringIO
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
from eiphase.dataset import VARIABLES, beside
from eiphase.memory import shared_array

if TYPE_CHECKING:
    from eiphase.verification import Point


def progress(what: str) -> AbstractContextManager:
    """A spinner on standard error while something runs; nothing where there is no terminal."""
    return Console(stderr=True).status(what)


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[np.ndarray]:
    """A bar on standard error that follows the one integer of the shared array it gives."""
    done = shared_array((1,), "int64")
    console = Console(stderr=True)
    if not console.is_terminal:
        yield done
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=total)
        ended = threading.Event()

        def follow() -> None:
            while not ended.wait(0.1):
                bar.update(task, completed=int(done[0]))

        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        try:
            yield done
        finally:
            ended.set()
            follower.join()
            bar.update(task, completed=int(done[0]))


def print_observables(recording: xr.Dataset, observed: xr.Dataset) -> None:
    """Observables and diagnostics of one network, a line each."""
    table = Table(
        box=SIMPLE, title=f"{recording.attrs['backend']}, {recording.sizes['time']} steps"
    )
    table.add_column("", no_wrap=True)
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column("meaning")
    for name, variable in VARIABLES.items():
        source = observed if name in observed else recording
        if name not in source or variable.lagged:
            continue
        value = source[name].item()
        text = variable.flags(value).name.lower() if variable.flags else f"{value:.5g}"
        unit = "" if variable.flags or variable.units == "1" else variable.units
        style = "yellow" if variable.flags and value else ""
        table.add_row(name, text, unit, variable.long_name, style=style)
    Console().print(table)


def print_phase_map(phase_map: xr.Dataset, *, html: Path | None = None) -> None:
    """What a phase map holds: its axes, flags by backend, variables, and where it comes from."""
    console = Console(record=True, file=StringIO(), width=110) if html else Console()
    console.print(_axes(phase_map))
    for name in (name for name, variable in VARIABLES.items() if variable.flags):
        console.print(_flags(phase_map, name))
    console.print(_variables(phase_map))
    console.print(_origin(phase_map))
    if html is not None:
        with beside(html) as partial:
            partial.write_text(console.export_html(inline_styles=True))


def print_verification(phase_map: xr.Dataset, points: Iterable[tuple["Point", list[str]]]) -> bool:
    """Each point as it is done, and what differs; returns whether all are equal."""
    console = Console()
    simulated, runs = str(phase_map.attrs.get("code_digest")), provenance.code_digest()
    if simulated != runs:
        console.print(
            f"The dataset is of code {simulated[:12]}, but this is {runs[:12]}: numbers may differ."
        )
    n_points = n_equal = 0
    for point, different in points:
        result = f"differs in {', '.join(different)}" if different else "equal"
        place = f"q_factor {point.q_factor:g}, g_factor {point.g_factor:g}, seed {point.seed}"
        console.print(Text(f"{point.backend}, {place}: {result}", "red" if different else ""))
        n_points += 1
        n_equal += not different
    console.print(f"{n_equal} of {n_points} points are equal to the bit.")
    return n_equal == n_points


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
    flags = VARIABLES[name].flags
    assert flags is not None
    table = Table(name, *(flag.name.lower() for flag in flags), box=SIMPLE)
    for backend in phase_map.backend.values:
        values = phase_map[name].sel(backend=backend)
        if (values >= 0).any():
            counts = (str(int((values == flag).sum())) for flag in flags)
            table.add_row(str(backend), *counts)
    return table


def _variables(phase_map: xr.Dataset) -> Table:
    table = Table("variable", "unit", "range", "meaning", box=SIMPLE)
    for name, variable in VARIABLES.items():
        if not variable.flags:
            values = phase_map[name]
            span = "" if values.isnull().all() else f"{values.min():.3g} to {values.max():.3g}"
            unit = "" if variable.units == "1" else variable.units
            table.add_row(name, unit, span, variable.long_name)
    return table


def _origin(phase_map: xr.Dataset) -> Table:
    table = Table(box=SIMPLE, show_header=False)
    for name in ("sweep_config", "sweep_digest", "commit", "code_digest", "versions", "machine"):
        text = str(phase_map.attrs.get(name, ""))
        if text.startswith("{"):
            entries = json.loads(text).items()
            text = "\n".join(f"{key}: {json.dumps(value)}" for key, value in entries)
        table.add_row(name, Text(text, overflow="fold"))
    return table
