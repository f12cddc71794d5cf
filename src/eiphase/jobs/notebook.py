"""From a notebook kept as a script to one that has been run."""

import os
from collections.abc import Callable
from pathlib import Path

import jupytext
import nbclient
import nbformat
from jupytext.formats import JupytextFormatError
from nbclient.exceptions import CellExecutionError, DeadKernelError

from eiphase.errors import DatasetError
from eiphase.system import seal
from eiphase.system.files import beside

# The kernel draws inline, with Matplotlib's defaults, whatever the user's shell and files say.
_FIGURES_AS_EVER = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "MATPLOTLIBRC": os.devnull,
}


def execute(
    script: Path, output: Path, show: Callable[[int, int], None] = lambda done, total: None
) -> None:
    """Run a notebook script (percent format) in the folder of `output` and write it there.

    `show` is told before each cell how many are done, of how many. Raises `DatasetError`
    with the cell's error if a cell fails, and `Damaged`, before any runs, if a dataset in that
    folder is damaged.
    """
    for path in sorted(output.parent.glob("*.nc")):
        seal.is_sealed(path)
    try:
        notebook = jupytext.read(script, fmt="py:percent")
    except (UnicodeDecodeError, JupytextFormatError):
        raise DatasetError(f"{script} is not a notebook script in percent format.") from None
    n_cells = len(notebook.cells)
    client = nbclient.NotebookClient(
        notebook,
        kernel_name="python3",
        resources={"metadata": {"path": str(output.parent)}},
        on_cell_start=lambda cell, cell_index: show(cell_index, n_cells),
    )
    try:
        client.execute(env=os.environ | _FIGURES_AS_EVER)
    except CellExecutionError as error:
        raise DatasetError(f"{script}: a cell failed: {error.ename}: {error.evalue}.") from None
    except DeadKernelError:
        raise DatasetError(f"{script}: the kernel that ran it died.") from None
    show(n_cells, n_cells)
    notebook.metadata["language_info"] = {"name": "python"}
    with beside(output) as partial:
        nbformat.write(notebook, partial)
