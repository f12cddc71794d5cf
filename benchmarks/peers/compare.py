"""eiphase beside its peers: the same networks, checked, timed in turns, as Markdown tables.

Each peer simulates in processes of its own; see `worker` for what is timed in them. Peers,
eiphase included, take turns on one core, so that a busy machine slows all of them; the
fastest round counts. docs/performance.md says how to read the tables.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import check
import grid
import numpy as np
from networks import Networks
from peers import BACKENDS, LARGE_SIDE, PEERS, SWEEP, Peer
from tables import CLOCKS, Cost, Costs, overview, table

FOLDER = Path(__file__).parent
ROUNDS = 3
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def run(peer: Peer, backend: str, folder: Path, interpreter: Path, *options: str) -> dict:
    """One process of a peer; what `worker` wrote. Stops everything if it fails."""
    cache = folder / f"{peer.module}-{backend}"
    cache.mkdir(exist_ok=True)
    costs = folder / "costs.json"
    words = [
        str(Path(sys.executable) if peer.of_project else interpreter),
        str(FOLDER / "worker.py"),
        peer.module,
        backend,
        str(folder / f"{peer.side}.npz"),
        str(costs),
        f"--steps={grid.N_STEPS}",
        f"--cache={cache}",
        f"--began={time.time()}",
        *options,
    ]
    environment = {**os.environ, **ONE_THREAD, "NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise SystemExit(f"{peer.name} failed on {backend}:\n{done.stderr[-2000:]}")
    return {
        name: np.array(seconds)
        for name, seconds in json.loads(costs.read_text(encoding="utf-8")).items()
    }


def checked(peer: Peer, backend: str, folder: Path, interpreter: Path) -> tuple[str, dict]:
    """A peer's first run ever, in words how its networks compare with eiphase's, and its cost.

    Stops everything if they differ by more than seeds do.
    """
    recordings = folder / "recordings.npy"
    costs = run(peer, backend, folder, interpreter, f"--recordings={recordings}")
    if peer is SWEEP:
        return "measures these kernels", costs
    networks = Networks.load(folder / f"{peer.side}.npz")
    expected = check.kernels(backend, networks)
    note = ""
    if peer.module == "with_nest":
        expected, note = check.a_step_later(networks), " (with one more step of delay)"
    words, deviation = check.compare(
        backend, np.load(recordings), np.array(list(expected)), check.spread(backend, peer.side)
    )
    words = f"{words}{note}; rate and c(0) within {deviation:.1g} sd of seeds"
    if not deviation <= check.LIMIT:
        raise SystemExit(f"{peer.name} does not compute {backend}: {words}.")
    return words, costs


def measure(folder: Path, interpreter: Path, rounds: int) -> Costs:
    """All costs. The first round checks, and is the only one with nothing compiled."""
    found: Costs = {}
    for turn in range(rounds):
        for backend in BACKENDS:
            for peer in (peer for peer in PEERS if backend in peer.backends):
                cost = found.setdefault((peer, backend), Cost())
                if turn == 0:
                    words, new = checked(peer, backend, folder, interpreter)
                    cost.ever = new["first"]
                else:
                    full = turn == rounds - 1 and backend in peer.in_full
                    options = [f"--many={folder / f'{LARGE_SIDE}.npz'}"] if full else []
                    new = run(peer, backend, folder, interpreter, *options)
                    cost.first = np.minimum(cost.first, new["first"])
                    cost.many = new.get("many", cost.many)
                    words = f"round {turn}"
                cost.again = np.minimum(cost.again, new["again"])
                seconds = ", ".join(f"{name} {value[0]:.2f} s" for name, value in new.items())
                print(f"{backend}, {peer.name}: {words}; {seconds}", file=sys.stderr, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("interpreter", type=Path, help="Python of the peers' environment")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="at least 2")
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error(f"--rounds is {arguments.rounds}, but must be at least 2")
    # One core for this process and all that it starts.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side in {LARGE_SIDE} | {peer.side for peer in PEERS}:
            networks = grid.networks(side, seed=1, integers=side != LARGE_SIDE)
            networks.save(folder / f"{side}.npz")
        costs = measure(folder, arguments.interpreter.absolute(), arguments.rounds)
    for clock, title in enumerate(CLOCKS):
        print(f"\nSeconds of {title}, N = {grid.N_NEURONS}, {grid.N_STEPS} steps\n")
        print("\n\n".join(table(costs, backend, clock) for backend in BACKENDS))
        print("\nEach sweep alone / in a new process / the first ever\n")
        print(overview(costs, clock))


if __name__ == "__main__":
    main()
