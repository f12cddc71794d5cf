"""Do peers compute what eiphase computes? Mean rates and c(0), in units of seeds' spread."""

from collections.abc import Iterable
from pathlib import Path

import grid
import numpy as np
import with_eiphase_kernels
from networks import Networks

from eiphase.simulation import measurement
from eiphase.sweep.schema import Observables, Simulation

SEEDS = range(2, 10)  # whose spread at each point is the unit
LIMIT = 1.0  # standard deviations between seeds, at every point
SIMULATION = Simulation(steps=grid.N_STEPS, burn_in=grid.N_STEPS // 5, max_lag=grid.N_STEPS // 5)


def observed(backend: str, recordings: Iterable[np.ndarray]) -> np.ndarray:
    """Mean rate and c(0) of each network, whatever their flags, (network, 2)."""
    kind = measurement.OfStates if backend == "rate" else measurement.OfSpikes
    found = []
    for recording in recordings:
        measured = kind(recording.shape[1], SIMULATION, Observables())
        values = measurement.of_whole(measured, recording, SIMULATION)
        found.append((values["mean_rate"], values["autocovariance"][0]))
    return np.array(found)


def spread(backend: str, side: int) -> np.ndarray:
    """Standard deviation of both between networks of different seeds, (network, 2)."""
    of_seeds = []
    for seed in SEEDS:
        networks = grid.networks(side, seed, integers=backend == "lif_bit_accurate")
        of_seeds.append(observed(backend, kernels(backend, networks)))
    return np.std(of_seeds, axis=0, ddof=1)


def kernels(backend: str, networks: Networks) -> Iterable[np.ndarray]:
    """What eiphase's kernels record."""
    return getattr(with_eiphase_kernels, backend)(networks, grid.N_STEPS, Path())()


def a_step_later(networks: Networks) -> Iterable[np.ndarray]:
    """Spikes of the equations that `with_nest` gives, where v sees the current of the last step."""
    for index in range(len(networks)):
        rows = np.ascontiguousarray(networks.lif_weights(index).T)
        spikes = np.empty((grid.N_STEPS, networks.n_neurons), np.uint8)
        u, v, a = np.zeros((3, networks.n_neurons))
        for fired in spikes:
            v = v * (1 - networks.dv) + u + networks.lif_bias
            u = u * (1 - networks.du) + a
            fired[:] = v >= networks.threshold
            v[fired > 0] = 0
            a = rows[fired > 0].sum(axis=0)
        yield spikes


def compare(
    backend: str, recordings: np.ndarray, expected: np.ndarray, unit: np.ndarray
) -> tuple[str, float]:
    """How the recordings of all networks relate, in words, and the largest deviation in `unit`."""
    difference = np.abs(observed(backend, recordings) - observed(backend, expected))
    # Where all seeds agree, rounding is the unit.
    deviation = float((difference / np.maximum(unit, 1e-12)).max())
    if np.array_equal(recordings, expected):
        return "equal to the bit", deviation
    n_equal = sum(map(np.array_equal, recordings, expected))
    if backend != "rate":
        return f"spikes of {n_equal} of {len(expected)} networks equal", deviation
    return f"states differ by {np.abs(recordings - expected).max():.0e} at most", deviation
