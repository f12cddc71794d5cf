"""Borders of a sweep's rate networks by their own spectra: they need no simulation."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr

from eiphase.errors import DatasetError
from eiphase.jobs import borders
from eiphase.jobs.datasets import netcdf
from eiphase.sweep import provenance
from eiphase.sweep.schema import Sweep
from eiphase.variables import AXES, DERIVED

_NAME = "network_critical_q"


def write(
    sweep: Sweep, seed: int, output: Path, show: Callable[[int, int], None] = lambda *_: None
) -> None:
    """Write `network_critical_q` of one seed's networks, along g_factor.

    `show` is told before each network, and at the end, how many are done, of how many.
    """
    g_factor = sweep.grid.g_factor
    found = np.empty(len(g_factor))
    for done, g in enumerate(g_factor):
        show(done, len(g_factor))
        found[done] = borders.of_network(sweep, g, seed)
    show(len(g_factor), len(g_factor))
    file = xr.Dataset(
        {_NAME: ("g_factor", found, DERIVED[_NAME].attributes())},
        coords={
            "g_factor": ("g_factor", list(g_factor), AXES["g_factor"]),
            "seed": ((), seed, AXES["seed"]),
        },
        attrs={
            "title": f"Borders of the rate networks of seed {seed}, by their own spectra",
            "summary": "Theory alone; `eiphase gather` puts it into a phase map.",
            "digest": sweep.spectra_digest(seed),
            **provenance.attributes(),
        },
    )
    netcdf.write(file, output)


def read(path: Path, sweep: Sweep) -> dict[tuple[float, int], float]:
    """What `write` wrote, by g_factor and seed.

    Raises `Damaged` if the file is not what was written, and `DatasetError` if these are no
    borders of the sweep's networks by this code.
    """
    with netcdf.reading(path), netcdf.open_netcdf(path) as file:
        seed = int(file.seed) if "seed" in file else None
        if seed not in sweep.seeds or file.attrs.get("digest") != sweep.spectra_digest(seed):
            raise DatasetError(
                f"{path} has no spectra of this sweep's networks by the code that runs: write it "
                "again with `eiphase spectra`."
            )
        along = zip(file.g_factor.values.tolist(), file[_NAME].values.tolist(), strict=True)
        return {(g_factor, seed): value for g_factor, value in along}
