"""Costs of sweeps as Markdown tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from peers import BACKENDS, LARGE_SIDE, PEERS, SIDE, Peer

CLOCKS = ("processor time", "time of day")


def _unknown() -> np.ndarray:
    return np.full(len(CLOCKS), np.inf)


@dataclass
class Cost:
    """Seconds by both `CLOCKS`, the least of all rounds, for as many networks as were simulated.

    `first` is the first pass of a process, its start included, `ever` the same where nothing was
    compiled before, `again` a pass in a process that has made one before; `many` such a pass over
    the sweep of 4096 points, infinite if there was none.
    """

    first: np.ndarray = field(default_factory=_unknown)
    ever: np.ndarray = field(default_factory=_unknown)
    again: np.ndarray = field(default_factory=_unknown)
    many: np.ndarray = field(default_factory=_unknown)


Costs = dict[tuple[Peer, str], Cost]  # by peer and backend


class Sweeps(NamedTuple):
    """What sweeps cost one peer on one backend; of 64 and of 4096 points, as text.

    Each sweep alone, with the start of a process, and with what the first ever compiles. ~ marks
    what was scaled up from fewer points.
    """

    start_up: str
    compiling: str
    few: str
    few_started: str
    few_first: str
    many: str
    many_started: str
    many_first: str


HEADS = ("start-up", "compiling", "64", "started", "first", "4096", "started", "first")


def sweeps(peer: Peer, cost: Cost, clock: int) -> Sweeps:
    """A peer's seconds by one of the `CLOCKS`."""
    start_up = max(cost.first[clock] - cost.again[clock], 0.0)
    compiling = max(cost.ever[clock] - cost.first[clock], 0.0)
    few = cost.again[clock] * (SIDE / peer.side) ** 2
    many = cost.many[clock]
    scaled = bool(np.isinf(many))
    if scaled:
        many = few * (LARGE_SIDE / SIDE) ** 2
    return Sweeps(
        _seconds(start_up),
        _seconds(compiling),
        *_with_start(few, start_up, compiling, "" if peer.side == SIDE else "~"),
        *_with_start(many, start_up, compiling, "~" if scaled else ""),
    )


def _with_start(sweep: float, start_up: float, compiling: float, mark: str) -> list[str]:
    seconds = (sweep, sweep + start_up, sweep + start_up + compiling)
    return [mark + _seconds(value) for value in seconds]


def table(costs: Costs, backend: str, clock: int) -> str:
    """One backend's costs as Markdown."""
    lines = [_row(f"`{backend}`", HEADS), "| --- |" + " ---: |" * len(HEADS)]
    for (peer, of_backend), cost in costs.items():
        if of_backend == backend:
            lines.append(_row(peer.name, sweeps(peer, cost, clock)))
    return "\n".join(lines)


def overview(costs: Costs, clock: int) -> str:
    """All backends as one Markdown table: each sweep alone / in a new process / first ever."""
    heads = [f"`{backend}`, {count}" for backend in BACKENDS for count in (64, 4096)]
    lines = [_row("", heads), "| --- |" + " ---: |" * len(heads)]
    for peer in PEERS:
        cells = []
        for backend in BACKENDS:
            if backend in peer.backends:
                cost = sweeps(peer, costs[peer, backend], clock)
                cells.append(f"{cost.few} / {cost.few_started} / {cost.few_first}")
                cells.append(f"{cost.many} / {cost.many_started} / {cost.many_first}")
            else:
                cells += ["", ""]
        lines.append(_row(peer.name, cells))
    return "\n".join(lines)


def _row(title: str, cells: Sequence[str]) -> str:
    return f"| {title} | " + " | ".join(cells) + " |"


def _seconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.0f}"
