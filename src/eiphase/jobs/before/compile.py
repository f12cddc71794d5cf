"""Compiles the kernels, before the first sweep."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from eiphase.backends import BACKENDS
from eiphase.errors import require_linux
from eiphase.simulation.tile import load_kernels
from eiphase.sweep.schema import Mapping, Observables


def compile_all() -> None:
    """Compile what sweeps call, as far as it is not compiled yet; backends side by side."""
    require_linux()
    with ProcessPoolExecutor(len(BACKENDS), get_context("fork")) as pool:
        list(pool.map(compile_for, BACKENDS))


def compile_for(backend: str) -> None:
    """Compile what sweeps call of one backend."""
    load_kernels(backend, Mapping(), Observables())
    everything = Observables(autocovariance="tutorial", statistics=True, chaos=True)
    load_kernels(backend, Mapping(rate_to_lif="corrected"), everything)
