"""From a notebook kept as a script to one that has been run."""

from pathlib import Path

import jupytext
import nbclient
import nbformat
from jupytext.formats import JupytextFormatError
from nbclient.exceptions import CellExecutionError, DeadKernelError

from eiphase.dataset import DatasetError, beside


def execute(script: Path, output: Path) -> None:
    """Run a notebook script (percent format) in the folder of `output` and write it there.

    Raises `DatasetError` with the cell's error if a cell fails.
    """
    try:
        notebook = jupytext.read(script, fmt="py:percent")
    except (UnicodeDecodeError, JupytextFormatError):
        raise DatasetError(f"{script} is not a notebook script in percent format.") from None
    client = nbclient.NotebookClient(
        notebook, kernel_name="python3", resources={"metadata": {"path": str(output.parent)}}
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise DatasetError(f"{script}: a cell failed: {error.ename}: {error.evalue}.") from None
    except DeadKernelError:
        raise DatasetError(f"{script}: the kernel that ran it died.") from None
    notebook.metadata["language_info"] = {"name": "python"}
    with beside(output) as partial:
        nbformat.write(notebook, partial)
