"""Puts a phase map and the page's own files into one HTML file that asks for nothing else."""

import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path

import xarray as xr

from eiphase.explorer.page_data import page_data
from eiphase.system.files import beside

# Scripts that know no page, and the page's own, in the order in which they are to run.
SIMULATION = ("gaussian", "networks", "observables", "data")
PAGE = ("words", "drawing", "plots", "running", "page")
_FOLDER = files("eiphase.explorer")
_PLACE = re.compile(r"@@(\w+)@@")


def write(phase_map: xr.Dataset, path: Path) -> None:
    """Write the page of a phase map.

    Raises `DatasetError` if the dataset does not say which sweep it is of, or the file cannot be
    written.
    """
    with beside(path) as partial:
        partial.write_text(html(phase_map), encoding="utf-8")


def html(phase_map: xr.Dataset) -> str:
    """The page, with a policy that allows the scripts and styles that stand in it, and no requests.

    In `page.html`, `@@name@@` marks where each part goes.
    """
    data = page_data(phase_map)
    texts = {
        "simulation": "".join(_read(f"simulation/{name}.js") for name in SIMULATION),
        "script": "".join(_read(f"page/{name}.js") for name in PAGE),
        "style": _read("page/page.css"),
    }
    parts = texts | {
        "title": escape(data.header["title"]),
        "policy": _policy([texts["simulation"], texts["script"]], texts["style"]),
        "header": data.json(),
        "numbers": data.base64(),
    }
    return _PLACE.sub(lambda place: parts[place[1]], _read("page/page.html"))


def _read(name: str) -> str:
    return _FOLDER.joinpath(name).read_text(encoding="utf-8")


def _policy(scripts: list[str], style: str) -> str:
    """A content security policy; a worker may be made of the text of a script."""
    return (
        f"default-src 'none'; script-src {_hashes(scripts)}; style-src {_hashes([style])}; "
        "img-src data: blob:; worker-src blob:; base-uri 'none'; form-action 'none'"
    )


def _hashes(texts: list[str]) -> str:
    digests = (b64encode(sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)
