"""Puts the demo's phase map beside the page on it, as eiphase writes it today."""

import gzip
import tempfile
from pathlib import Path

from eiphase.explorer import write
from eiphase.jobs.datasets import netcdf

DEMO = Path(__file__).with_name("demo.nc.gz")  # `make live-map` makes it


def on_post_build(config: dict, **_: object) -> None:
    """MkDocs' hook: all other pages are there."""
    write_demo(Path(config["site_dir"], "explorer/map.html"))


def write_demo(page: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "phase_map.nc")
        file.write_bytes(gzip.decompress(DEMO.read_bytes()))
        with netcdf.open_phase_map(file) as phase_map:
            write.write(phase_map.load(), page)
