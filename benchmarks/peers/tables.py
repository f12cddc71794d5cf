"""Costs of sweeps as Markdown tables."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from peers import BACKENDS, LARGE_SIDE, PEERS, SIDE, Peer

CLOCKS = ("processor time", "time of day")


@dataclass
class Cost:
    """Seconds by both `CLOCKS`, the smallest of all rounds; for as many networks as simulated.

    `first` is a process from its start to the end of its first pass, with what was compiled
    before; `ever` the same with nothing compiled.
    """

    ever: np.ndarray = field(default_factory=lambda: np.full(2, np.inf))
    first: np.ndarray = field(default_factory=lambda: np.full(2, np.inf))
    again: np.ndarray = field(default_factory=lambda: np.full(2, np.inf))
    many: np.ndarray = field(default_factory=lambda: np.full(2, np.inf))


Costs = dict[tuple[Peer, str], Cost]  # by peer and backend


class Sweeps(NamedTuple):
    """What sweeps cost one peer on one backend, as text; ~ marks what a part was scaled to."""

    start_up: str
    compiling: str
    few: str
    few_with_both: str
    many: str
    many_with_both: str


def sweeps(peer: Peer, cost: Cost, clock: int) -> Sweeps:
    """Seconds of sweeps of 64 and 4096 points, without and with start-up and compiling."""
    start_up = max(cost.first[clock] - cost.again[clock], 0.0)
    compiling = max(cost.ever[clock] - cost.first[clock], 0.0)
    few = cost.again[clock] * (SIDE / peer.side) ** 2
    many = cost.many[clock]
    few_mark = "" if peer.side == SIDE else "~"
    many_mark = "~" if np.isinf(many) else ""
    if many_mark:
        many = few * (LARGE_SIDE / SIDE) ** 2
    both = start_up + compiling
    return Sweeps(
        _seconds(start_up),
        _seconds(compiling),
        few_mark + _seconds(few),
        few_mark + _seconds(few + both),
        many_mark + _seconds(many),
        many_mark + _seconds(many + both),
    )


def table(costs: Costs, backend: str, clock: int) -> str:
    """One backend's costs as Markdown."""
    lines = [
        f"| `{backend}` | start-up | compiling | 64 | with both | 4096 | with both |",
        "| --- |" + " ---: |" * 6,
    ]
    for (peer, of_backend), cost in costs.items():
        if of_backend == backend:
            lines.append(f"| {peer.name} | " + " | ".join(sweeps(peer, cost, clock)) + " |")
    return "\n".join(lines)


def overview(costs: Costs, clock: int) -> str:
    """All backends as one Markdown table: without, and with start-up and compiling."""
    heads = [f"`{backend}`, {count}" for backend in BACKENDS for count in (64, 4096)]
    lines = ["| | " + " | ".join(heads) + " |", "| --- |" + " ---: |" * len(heads)]
    for peer in PEERS:
        cells = []
        for backend in BACKENDS:
            if backend not in peer.backends:
                cells += ["", ""]
                continue
            cost = sweeps(peer, costs[peer, backend], clock)
            cells += [f"{cost.few} / {cost.few_with_both}", f"{cost.many} / {cost.many_with_both}"]
        lines.append(f"| {peer.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _seconds(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.0f}"
