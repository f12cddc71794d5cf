"""Compiled kernels: loaded before Lava forks, compiled before the first sweep."""

from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context

from eiphase.backends import BACKENDS
from eiphase.errors import require_linux
from eiphase.numerics.histogram import load_counting_kernels
from eiphase.sweep.schema import Grid, Mapping, NetworkConfig, Observables, Simulation, Sweep
from eiphase.sweep.tiles import Tile


@cache
def load(backend: str, mapping: Mapping, observables: Observables) -> None:
    """Load the compiled kernels of a backend into this process, or compile them.

    Lava's process is forked from this one and inherits them. Otherwise each would load them
    anew, which takes 0.25 s: as long as many a network. Kernels are loaded by being called, so
    two small networks are simulated here.
    """
    from eiphase.simulation.tile import simulate_tile_without_lava

    takes_from = BACKENDS[backend].takes_from
    sweep = Sweep(
        network=NetworkConfig(neurons=10),
        # One network that settles and one that does not: `corrected` maps them differently.
        grid=Grid(q_factor=(0.5, 4.0), g_factor=(6.0,)),
        seeds=(1,),
        backends=tuple(BACKENDS),  # all, for what one takes from another is measured, too
        # Enough activity for quantiles to take the way that they take for large networks.
        simulation=Simulation(
            steps=1000 + 2 * observables.boxcar, burn_in=observables.boxcar, max_lag=10
        ),
        mapping=mapping,
        observables=observables,
    )
    tile = sweep.tile(backend, 1, 0)
    source = {}
    if takes_from:
        source_tile = Tile(takes_from, tile.seed, tile.number, tile.points)
        source = simulate_tile_without_lava(sweep, source_tile, {})
    simulate_tile_without_lava(sweep, tile, source)
    load_counting_kernels()


def compile_all() -> None:
    """Compile what sweeps call, as far as it is not compiled yet; backends side by side."""
    require_linux()
    with ProcessPoolExecutor(len(BACKENDS), get_context("fork")) as pool:
        list(pool.map(compile_for, BACKENDS))


def compile_for(backend: str) -> None:
    """Compile what sweeps call of one backend."""
    load(backend, Mapping(), Observables())
    everything = Observables(autocovariance="tutorial", statistics=True, chaos=True)
    load(backend, Mapping(rate_to_lif="corrected"), everything)
