"""A sweep small enough for tests, and made-up numbers for its tiles."""

import copy
import shutil
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np

from eiphase.jobs import borders, gather, simulate
from eiphase.jobs.datasets import tile_file
from eiphase.jobs.datasets.unmeasured import completed
from eiphase.sweep.schema import Sweep
from eiphase.variables import DERIVED, VARIABLES, measured

VALID = {
    "network": {"neurons": 20},
    "grid": {"q_factor": [1.0, 6.0], "g_factor": {"start": 4, "stop": 5, "count": 3}},
    "seeds": [1, 2],
    "backends": ["rate", "lif_float"],
    "simulation": {"steps": 300, "burn_in": 100, "max_lag": 50},
    "tiles": 4,
}
# One whose border is refined.
COARSE = VALID | {
    "network": {"neurons": 40},
    "grid": {"q_factor": [1.0, 3.0, 5.0], "g_factor": [4.5, 6.0]},
    "seeds": [17],  # whose border both backends see
    "backends": ["lif_float", "lif_bit_accurate"],
    "simulation": {"steps": 800, "burn_in": 200, "max_lag": 50},
    "mapping": {"rate_to_lif": "corrected", "float_to_integer": "full_range"},
    "observables": {"chaos": True},
    "tiles": 2,
}

SWEEP = Sweep.model_validate(VALID)


def changed(key, value):
    """The config above with another value of a key, or without it."""
    config = copy.deepcopy(VALID)
    section = config
    *sections, last = key.split(".")
    for name in sections:
        section = section.setdefault(name, {})
    if value is None:
        del section[last]
    else:
        section[last] = value
    return config


def values_of(tile, sweep=SWEEP):
    """Numbers that say where they belong: backend, seed, q and g, in digits."""
    base = 1000 * ["rate", "lif_float", "lif_bit_accurate"].index(tile.backend) + 100 * tile.seed
    numbers = np.array([base + 10 * q + g for q, g in tile.points], float)
    known = measured(sweep.backends, sweep.model_dump())
    return {
        name: numbers[:, None] + sweep.lags / 1000 if v.lagged else
        np.full(len(numbers), v.fill, v.dtype) if v.flags and name not in known else
        (np.zeros(len(numbers), "i1") if v.flags else numbers)
        for name, v in VARIABLES.items()
    }  # fmt: skip


def write_tiles(folder, sweep=SWEEP):
    """Files of all tiles of a sweep, with made-up numbers in them."""
    paths = []
    for tile in sweep.all_tiles():
        paths.append(folder / sweep.tile_path(tile))
        tile_file.write(paths[-1], values_of(tile, sweep), sweep, tile)
    return paths


@cache
def _gathered():
    """A folder with the tiles and their phase map, made once for all who copy it."""
    folder = tempfile.TemporaryDirectory(prefix="gathered-")
    gather.gather(
        write_tiles(Path(folder.name)), SWEEP, Path(folder.name, "phase_map.nc"), name="test"
    )
    return folder


def copy_gathered(folder):
    """Put files of all tiles into a folder, and their phase map; returns the tiles' paths."""
    shutil.copytree(_gathered().name, folder, dirs_exist_ok=True)
    return [folder / SWEEP.tile_path(tile) for tile in SWEEP.all_tiles()]


def copy_tiles(folder):
    """The tiles alone."""
    tiles = copy_gathered(folder)
    (folder / "phase_map.nc").unlink()
    return tiles


def with_all_variables(phase_map):
    """A made-up phase map with numbers in what its sweep does not measure, too."""
    whole = completed(phase_map, VARIABLES | DERIVED)
    for name in set(VARIABLES) - set(phase_map.data_vars):
        whole[name][:] = 0 if VARIABLES[name].flags else phase_map.c0
    return whole


@contextmanager
def made_up_own_borders():
    """Theory finds each network's own border at once, where any will do."""
    with mock.patch.object(borders, "of_network", lambda sweep, g, seed: g + seed / 100):
        yield


def simulate_and_gather(sweep, folder):
    """Simulate a sweep, without Snakemake; returns its phase map's file."""
    paths = []
    for tile in sweep.all_tiles():
        ranges = None
        if tile.backend == "lif_bit_accurate":
            floats = sweep.tile("lif_float", tile.seed, tile.number)
            ranges = folder / sweep.tile_path(floats)
            if not ranges.exists():
                simulate.run(sweep, floats, ranges)
        paths.append(folder / sweep.tile_path(tile))
        simulate.run(sweep, tile, paths[-1], source=ranges)
    phase_map = folder / "phase_map.nc"
    refined = refine(sweep, folder) if sweep.refinement.precision else []
    gather.gather(paths, sweep, phase_map, name="test", refined=refined)
    return phase_map


def refine(sweep, folder):
    """Refine all borders of a sweep whose tiles are there; returns the files."""
    paths = []
    for backend in sweep.backends:
        for seed in sweep.seeds:
            paths.append(folder / sweep.refined_path(backend, seed))
            simulate.refine(sweep, backend, seed, paths[-1], tiles=folder)
    return paths
