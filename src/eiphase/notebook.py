"""From a notebook kept as a script to one that has been run."""

from pathlib import Path

import jupytext
import nbclient
import nbformat
from nbclient.exceptions import CellExecutionError

from eiphase.dataset import DatasetError, beside


def execute(script: Path, output: Path) -> None:
    """Run a notebook script (percent format) in the folder of `output` and write it there.

    Raises `DatasetError` with the cell's error if a cell fails.
    """
    notebook = jupytext.read(script)
    client = nbclient.NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": str(output.parent)}}
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise DatasetError(f"{script}: a cell failed: {error.ename}: {error.evalue}.") from None
    notebook.metadata["language_info"] = {"name": "python"}
    with beside(output) as partial:
        nbformat.write(notebook, partial)
