"""Figures in a notebook: each is shown once, whatever the cell does with it."""

import nbclient
import nbformat
import pytest

CELLS = {
    "value": "eiphase.plot_autocovariance(phase_map)",
    "saved": "eiphase.plot_cut(phase_map).savefig('maps.png')",
    "named": "figure = eiphase.plot_cut(phase_map)",
    "named and shown": "figure = eiphase.plot_cut(phase_map)\nfigure",
    "two in a loop": "for plot in 2 * [eiphase.plot_cut]:\n    plot(phase_map)",
    "shown again": "figure",
}


@pytest.fixture(scope="module")
def executed(made):
    opening = "import eiphase, xarray as xr\nphase_map = xr.open_dataset('phase_map.nc')"
    cells = [nbformat.v4.new_code_cell(source) for source in (opening, *CELLS.values())]
    notebook = nbformat.v4.new_notebook(cells=cells)
    resources = {"metadata": {"path": str(made)}}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MPLBACKEND", raising=False)  # which commands called in this process have set
        nbclient.NotebookClient(notebook, kernel_name="python3", resources=resources).execute()
    return dict(zip(CELLS, notebook.cells[1:], strict=True))


@pytest.mark.parametrize("what", CELLS)
def test_a_notebook_shows_each_figure_once(executed, what):
    images = [o for o in executed[what].outputs if "image/png" in o.get("data", {})]
    assert len(images) == (2 if what == "two in a loop" else 1)
