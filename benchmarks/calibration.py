"""How often the truth lies within one and two of the errors that eiphase states.

First of Ornstein-Uhlenbeck processes, whose truth is known: in runs of a fixed length, from one
state and from four, and in runs that stop when their errors are small, by the code of sweeps. Then
it simulates networks of 400 neurons from 400 random initial states each, and measures the second
half of each run in fours, as a sweep does it. The truth is what all 100 fours say together: the
decay time is that of their mean autocovariance. Prints how many of the fours are flagged, and, for
c(0), decay time and mean of the others, the percentage within one and two standard errors of the
truth: 68 and 95 if errors are right.

    python benchmarks/calibration.py [processes|networks]
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple, cast

import numpy as np
from scipy.signal import lfilter

from eiphase.backends import BACKENDS
from eiphase.flags import Quality
from eiphase.networks import weights
from eiphase.observables import uncertainty
from eiphase.observables.fluctuation import decay_time
from eiphase.observables.uncertainty import Estimate
from eiphase.simulation import backends
from eiphase.simulation.backends import Block, Settings
from eiphase.simulation.measurement import Sampled, estimate_of
from eiphase.simulation.observation import OneState, UntilPrecise
from eiphase.simulation.tile import simulate_tile
from eiphase.sweep.schema import Sweep, sample_step

RUNS = 200  # sets of processes
STATES, FOURS = 4, 100
# Networks of the demo near and above the border: q_factor, g_factor, and measured steps: 40 decay
# times or more.
CELLS = {
    "rate": [(4.75, 5.0, 16_000), (5.25, 6.0, 16_000)],
    "lif_float": [(3.25, 5.0, 2_000), (3.75, 6.0, 4_000), (4.25, 5.0, 4_000), (5.25, 5.0, 8_000)],
    "lif_bit_accurate": [(3.25, 5.0, 2_000), (4.25, 5.0, 4_000), (5.25, 5.0, 8_000)],
}


TAU, LIKE_NEURONS = 100, 20  # steps, of independent processes
FIXED = [(n_states, n) for n_states in (1, 4) for n in (15, 20, 30, 60)]  # n decay times


def ornstein_uhlenbeck(random: np.random.Generator, n_steps: int) -> np.ndarray:
    """Processes with c(k) = exp(-k / TAU), (time, process), from their stationary state."""
    decay = np.exp(-1 / TAU)
    noise = random.normal(size=(n_steps, LIKE_NEURONS)) * np.sqrt(1 - decay**2)
    noise[0] /= np.sqrt(1 - decay**2)
    return lfilter([1.0], [1.0, -decay], noise, axis=0)


def sweep_of_processes(steps: int, **simulation: float) -> Sweep:
    """What measures processes as if they were rate neurons, every ten steps."""
    return Sweep.model_validate(
        {
            "network": {"neurons": LIKE_NEURONS},
            "grid": {"q_factor": [1.0], "g_factor": [4.5]},
            "seeds": [1],
            "backends": ["rate"],
            "simulation": {
                "steps": steps, "burn_in": 0, "max_lag": 3 * TAU, "precision": 0.1, **simulation
            },
        }
    )  # fmt: skip


def of_a_fixed_length(n_states: int, n_decay_times: int) -> list[Estimate]:
    """Estimates of runs that last so many decay times."""
    random, n_steps = np.random.default_rng(n_states), n_decay_times * TAU
    simulation = sweep_of_processes(n_steps).simulation
    found = []
    for _ in range(RUNS):
        states = [
            Sampled(n_steps, LIKE_NEURONS, simulation, counted=False) for _ in range(n_states)
        ]
        for state in states:
            state.add(ornstein_uhlenbeck(random, n_steps))
        found.append(estimate_of([state.blocks.autocovariance() for state in states], states))
    return found


def until_precise(precision: float) -> list[dict[str, float]]:
    """What is stored of runs that stop as those of a sweep do."""
    random = np.random.default_rng(0)
    sweep = sweep_of_processes(2000, precision=precision, max_steps=64_000)
    block = sweep.simulation.block_steps
    found = []
    for _ in range(RUNS):
        judge = UntilPrecise("rate", sweep, None, needed=False)
        whole = [ornstein_uhlenbeck(random, 64_000) for _ in range(judge.n_states)]
        first = 0
        while judge.wants_more():
            for number, x in enumerate(whole):
                judge.add(number, Block({"state": x[first : first + block]}, {}))
            first += block
        found.append(judge.found())
    return found


def within(values: np.ndarray, errors: np.ndarray, truth: float) -> str:
    off = np.abs(values - truth) / errors
    return " {:.0f}, {:.0f} |".format(*(100 * np.mean(off < n) for n in (1, 2)))


def report_processes() -> None:
    """Percentages within one and two errors of the known truth, flagged runs included."""
    truths = {"c0": 1.0, "decay_time": float(TAU), "mean": 0.0}
    print("| states | decay times | c(0) | decay time | mean |")
    for n_states, n in FIXED:
        estimates = of_a_fixed_length(n_states, n)
        line = f"| {n_states} | {n} |"
        for name, truth in truths.items():
            both = np.array([(getattr(e, name), getattr(e, f"{name}_error")) for e in estimates])
            known = both[np.isfinite(both).all(axis=1)]
            line += within(known[:, 0], known[:, 1], truth)
        print(line, flush=True)
    for precision in (0.2, 0.1, 0.05):
        stored = until_precise(precision)
        n_steps = np.median([one["n_steps"] for one in stored])
        line = f"| precision {precision} | {n_steps / TAU:.0f} (median) |"
        for name, truth in zip(("c0", "decay_time", "mean_rate"), truths.values(), strict=True):
            both = np.array([(one[name], one[f"{name}_error"]) for one in stored])
            line += within(both[:, 0], both[:, 1], truth)
        print(line, flush=True)


def sweep_of(q_factor: float, g_factor: float, steps: int) -> Sweep:
    return Sweep.model_validate(
        {
            "network": {"neurons": 400, "refractory": 0.05},
            "grid": {"q_factor": [q_factor], "g_factor": [g_factor]},
            "seeds": [1],
            "backends": list(CELLS),
            "simulation": {
                "steps": 2 * steps,
                "burn_in": steps,
                "max_lag": 1000 if steps > 10_000 else 600,
                "precision": 0.1,
            },
            "mapping": {"rate_to_lif": "corrected", "float_to_integer": "full_range"},
        }
    )


def source_of(backend: str, sweep: Sweep) -> dict[str, float]:
    """What integers are made from: the ranges of a run in floating point."""
    takes_from = BACKENDS[backend].takes_from
    if takes_from is None:
        return {}
    simulation = sweep.simulation.model_copy(update={"max_steps": 20_000})
    short = sweep.model_copy(update={"simulation": simulation})
    found = simulate_tile(short, short.tile(takes_from, 1, 0))
    return {name: values[0] for name, values in found.items()}


def runs(backend: str, sweep: Sweep) -> Iterator[OneState]:
    """Each run by itself, after its last step."""
    network = next(sweep.networks(sweep.tile(backend, 1, 0)))
    settings = Settings(
        half=weights.half_gaussian_of(network),
        mapping=sweep.mapping,
        steps=sweep.steps_together,
        block_steps=sweep.simulation.block_steps,
    )
    simulator = backends.module(backend).Simulator(settings)
    prepared = simulator.prepare(network, source_of(backend, sweep))
    together = 32 if simulator.together > 1 else 1
    for first in range(1, STATES * FOURS + 1, together):
        lanes = simulator.lanes()
        states = {
            n: OneState(backend, sweep, None, given=False) for n in range(first, first + together)
        }
        for n in states:  # the states from which a sweep starts, drawn anew with n for a seed
            lanes.put(n, prepared, replace(network, seed=n), 1 + n % (STATES - 1))
        for _ in range(sweep.steps_together // settings.block_steps):
            for key, block in lanes.advance(settings.block_steps).items():
                states[cast(int, key)].add(block)
        yield from states.values()


class Four(NamedTuple):
    """One network from four initial states."""

    autocovariance: np.ndarray  # mean over the states, of all lags, without what centring took
    known: Estimate


def measured(states: Iterator[OneState]) -> Iterator[Four]:
    """The states four by four; those that are over are not kept."""
    for four in zip(*[states] * STATES, strict=True):
        each = [state.autocovariance() for state in four]
        known = estimate_of(each, [state.sampled for state in four])
        c = np.mean(each, axis=0)
        yield Four(c + known.c0 - c[0], known)


def truth_of(fours: list[Four], lag: int) -> dict[str, float]:
    """What all fours say together; `lag` is the number of steps from one lag to the next."""
    means = {name: np.mean([getattr(f.known, name) for f in fours]) for name in ("c0", "mean")}
    time, _ = decay_time(np.mean([four.autocovariance for four in fours], axis=0))
    return {"c0": means["c0"], "decay_time": time * lag, "mean": means["mean"]}


def report(cell: str, steps: int, fours: list[Four], lag: int) -> str:
    """One line on how far fours lie from the truth."""
    good = [four.known for four in fours if uncertainty.quality(four.known) == Quality.OK]
    line = f"| {cell} | {steps} | {100 - 100 * len(good) // len(fours)} |"
    for name, truth in truth_of(fours, lag).items():
        both = np.array([(getattr(one, name), getattr(one, f"{name}_error")) for one in good])
        line += within(both[:, 0], both[:, 1], truth) if good else " |"
    return line


def main() -> None:
    if "networks" not in sys.argv:
        report_processes()
    if "processes" not in sys.argv:
        report_networks()


def report_networks() -> None:
    print("| cell | steps | flagged, % | c(0) | decay time | mean |")
    for backend, cells in CELLS.items():
        for q_factor, g_factor, steps in cells:
            sweep = sweep_of(q_factor, g_factor, steps)
            lag = 1 if BACKENDS[backend].spiking else sample_step(sweep.simulation)
            fours = list(measured(runs(backend, sweep)))
            name = f"{backend}, q = {q_factor}, g = {g_factor}"
            print(report(name, steps, fours, lag), flush=True)


if __name__ == "__main__":
    main()
