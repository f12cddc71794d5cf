"""Settings of a user's that have broken, or changed, the jobs that draw: rows of `faults.py`."""

import os
import subprocess
import sys
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tiny_sweep import copy_gathered

from eiphase.figures import save

MATPLOTLIBRC = """\
text.usetex: True
font.family: no such font
axes.facecolor: black
text.color: white
savefig.facecolor: black
savefig.bbox: tight
figure.dpi: 300
"""


@cache
def _plain() -> bytes:
    """The figure under no settings of a user's."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        copy_gathered(folder)
        save.draw_phase_map(folder / "phase_map.nc", [folder / "cut.png"])
        return (folder / "cut.png").read_bytes()


def drawn_as_ever(folder: Path, *, matplotlibrc: str = "", **environment: str) -> str:
    """Draw a figure as a job does, under a user's settings: it is the same to the bit."""
    copy_gathered(folder)
    (folder / "matplotlibrc").write_text(matplotlibrc)
    run = subprocess.run(
        [sys.executable, "-m", "eiphase.cli.commands", "draw", "phase_map.nc", "cut.png"],
        cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert (folder / "cut.png").read_bytes() == _plain()
    return "the figure is drawn as ever"


ROWS = [
    ("MPLBACKEND names no backend", partial(drawn_as_ever, MPLBACKEND="nonsense")),
    (
        "matplotlibrc asks for LaTeX, other fonts and colours",
        partial(drawn_as_ever, matplotlibrc=MATPLOTLIBRC),
    ),
    ("MPLCONFIGDIR cannot be written", partial(drawn_as_ever, MPLCONFIGDIR="/dev/null/folder")),
]
