"""Lets one peer simulate, in a process of its own, and writes what that cost.

The first pass starts with the process and so has all that comes before: Python, imports,
compiling. A second pass over the same networks has none of it, nor has the third over more.
"""

import argparse
import importlib
import json
import resource
import time
from pathlib import Path

import numpy as np
from networks import Networks, Simulate


def processor_seconds() -> float:
    """Of this process and of those that it started and that have ended, since they began."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def clocks() -> np.ndarray:
    """Processor time and time of day, in seconds."""
    return np.array([processor_seconds(), time.time()])


def elapsed(simulate: Simulate) -> np.ndarray:
    """By both clocks, for networks whose recordings are dropped at once."""
    start = clocks()
    for _ in simulate():
        pass
    return clocks() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", help="module of this folder")
    parser.add_argument("backend")
    parser.add_argument("networks", type=Path)
    parser.add_argument("costs", type=Path, help="file to write")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--began", type=float, required=True, help="time of day")
    parser.add_argument("--cache", type=Path, required=True, help="folder for what it compiles")
    parser.add_argument("--many", type=Path, help="more networks, for a third pass")
    parser.add_argument("--recordings", type=Path, help="file for those of the first pass")
    arguments = parser.parse_args()
    peer = importlib.import_module(arguments.peer)

    def prepare(networks: Path) -> Simulate:
        build = getattr(peer, arguments.backend)
        return build(Networks.load(networks), arguments.steps, arguments.cache)

    simulate = prepare(arguments.networks)
    recordings = list(simulate())
    first = clocks() - [0.0, arguments.began]
    if arguments.recordings:
        np.save(arguments.recordings, np.array(recordings))
    del recordings
    costs = {"first": first, "again": elapsed(simulate)}
    if arguments.many:
        costs["many"] = elapsed(prepare(arguments.many))
    arguments.costs.write_text(json.dumps({name: list(cost) for name, cost in costs.items()}))


if __name__ == "__main__":
    main()
