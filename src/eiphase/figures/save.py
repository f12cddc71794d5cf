"""Figures into files: the name says which figure, the ending which format."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from eiphase import figures
from eiphase.errors import DatasetError
from eiphase.figures import mappings, overview, phase_map, phases, tutorial
from eiphase.figures.panels import lay_out
from eiphase.figures.recording import plot_recording
from eiphase.jobs.datasets.netcdf import open_netcdf, open_phase_map, reading
from eiphase.jobs.datasets.step_check import with_step_check
from eiphase.system.files import beside

Show = Callable[[int, int], None]  # how many are done, of how many

_DPI = 150  # dots per inch

_PLOTS = vars(phase_map) | vars(phases)
PHASE_MAP = {name: _PLOTS[f"plot_{name}"] for name in figures.PHASE_MAP}
COMPARISON = {"mappings": mappings.plot_comparison, "precision": mappings.plot_precision}
TUTORIAL = {name: getattr(tutorial, name) for name in figures.TUTORIAL}


def draw_phase_map(file: Path, outputs: Sequence[Path], show: Show = lambda *_: None) -> None:
    """Draw figures of a `phase_map.nc`: those of `PHASE_MAP` that outputs are named after.

    `show` is told after each figure how many are done, of how many.
    """
    _check(outputs, PHASE_MAP)
    with reading(file), open_phase_map(file, may_be_partial=True) as dataset:
        _draw(PHASE_MAP, with_step_check(dataset, file), outputs, show)


def draw_overview(file: Path, divergence: Path, outputs: Sequence[Path]) -> None:
    """Draw a `phase_map.nc` on one page, with the `divergence.nc` of the same sweep."""
    known = {"overview": lambda both: overview.plot_overview(*both)}
    _check(outputs, known)
    with reading(divergence), open_netcdf(divergence) as opened:
        if missing := {"damage", "fate", "trials"} - set(opened):
            raise DatasetError(f"{divergence} is no damage against time: it has no {min(missing)}.")
        curves = opened.load()
    _draw(known, (_load_phase_map(file), curves), outputs, lambda *_: None)


def draw_comparison(files: Sequence[Path], outputs: Sequence[Path]) -> None:
    """Draw several `phase_map.nc` together: the figures of `COMPARISON` that outputs name."""
    _check(outputs, COMPARISON)
    _draw(COMPARISON, [_load_phase_map(path) for path in files], outputs, lambda *_: None)


def _load_phase_map(path: Path) -> xr.Dataset:
    with reading(path), open_phase_map(path) as dataset:
        return with_step_check(dataset.load(), path)


def draw_tutorial(
    recordings: Sequence[Path], outputs: Sequence[Path], show: Show = lambda *_: None
) -> None:
    """Draw the tutorial's figures from its networks' recordings: those of `TUTORIAL`.

    A recording's file is named after network and backend: `critical_lif_float.nc`.
    """
    _check(outputs, TUTORIAL)
    found = {}
    for path in recordings:
        with reading(path):
            found[path.stem] = open_netcdf(path).load()
    for name in tutorial.RECORDINGS:
        if name not in found:
            raise DatasetError(f"--recordings lack {name}.nc.")
    _draw(TUTORIAL, found, outputs, show)


def draw_recording(recording: xr.Dataset, observed: xr.Dataset, output: Path) -> None:
    """Draw one network at a glance."""
    figure = plot_recording(recording, observed)
    with beside(output) as partial:
        figure.savefig(partial, format=output.suffix[1:], dpi=_DPI)
    plt.close(figure)


def _check(outputs: Sequence[Path], known: Mapping[str, Any]) -> None:
    formats = FigureCanvasBase.get_supported_filetypes()
    for path in outputs:
        if path.stem not in known:
            raise DatasetError(f"{path} names no figure; there are {', '.join(known)}.")
        if path.suffix[1:] not in formats:
            raise DatasetError(f"{path} names no format; there are {', '.join(formats)}.")


def _draw(
    known: Mapping[str, Callable[[Any], Figure]], data: Any, outputs: Sequence[Path], show: Show
) -> None:
    names = dict.fromkeys(path.stem for path in outputs)
    for done, name in enumerate(names, 1):
        figure = known[name](data)
        lay_out(figure, dpi=_DPI)
        for path in outputs:
            if path.stem == name:
                with beside(path) as partial:
                    figure.savefig(partial, format=path.suffix[1:], dpi=_DPI)
        plt.close(figure)
        show(done, len(names))
