"""Text that is hostile, or of another locale: rows of `faults.py`."""

import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import warm
import xarray as xr
import yaml
from tiny_sweep import SWEEP, VALID, copy_gathered, copy_tiles

from eiphase.figures import save
from eiphase.jobs import gather
from eiphase.jobs.datasets import netcdf

ESCAPE = "\x1b]52;c;aGFjaw==\x07\x1b[2J\x9b31m\u202e"  # clipboard, screen, colour, direction
LINK = '[link=javascript:alert(1)]click[/link] [bold" onclick="x]$\\frac$ :smile: <b>'
LATIN = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def command(folder: Path, *arguments: str, code: int = 0, **environment: str) -> tuple[str, str]:
    """What a command prints; each line of it must be free of control characters."""
    if environment:  # a locale is chosen as Python starts
        run = subprocess.run(
            [sys.executable, "-m", "eiphase.cli.commands", *arguments], cwd=folder,
            capture_output=True, encoding="utf-8", check=False, env={**os.environ, **environment},
        )  # fmt: skip
    else:
        run = warm.eiphase(*arguments, folder=folder)
    out, err = run.stdout, run.stderr
    assert run.returncode == code, err
    assert "Traceback" not in err
    assert all(line.isprintable() for line in (out + err).split("\n")), out + err
    return out, err.strip()


def hostile_phase_map(folder: Path) -> None:
    copy_gathered(folder)
    phase_map = folder / "phase_map.nc"
    found = xr.load_dataset(phase_map)
    text = f"{LINK}{ESCAPE}"
    for name in ("title", "sweep", "commit", "machine", "versions", "code_digest"):
        found.attrs[name] = text
    netcdf.write(found, phase_map)


def hostile_attributes(folder: Path) -> str:
    """A title, a commit and a sweep's name that command a terminal, a browser and Matplotlib."""
    hostile_phase_map(folder)
    out, _ = command(folder, "show", "phase_map.nc")
    assert out.count("[link=javascript:alert(1)]click[/link]") == 5
    assert out.count("\\x1b]52;c;aGFjaw==\\x07\\x1b[2J\\x9b31m\\u202e") == 5
    assert ":smile: <b>" in out
    command(folder, "show", "phase_map.nc", "--html", "page.html")
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert "click[/link]" in page
    assert "&lt;b&gt;" in page
    assert not re.search(r"<a\b|<b>|onclick=\"x\"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", page)
    save.draw_phase_map(folder / "phase_map.nc", [folder / "phase_maps.png"])
    return "shown as text, with control characters as escapes"


def hostile_backend(folder: Path) -> str:
    """A backend's name that commands a terminal."""
    hostile_phase_map(folder)
    found = xr.load_dataset(folder / "phase_map.nc")
    name = f"rate{ESCAPE}"
    netcdf.write(found.assign_coords(backend=[name, "lif_float"]), folder / "phase_map.nc")
    out, _ = command(folder, "show", "phase_map.nc")
    assert out.startswith("rate\\x1b]52;")
    _, message = command(folder, "draw", "phase_map.nc", "cut.png", code=1)
    assert "backend is rate\\x1b]52;" in message
    return message


def hostile_path(folder: Path) -> str:
    """Of a file that is not there."""
    _, message = command(folder, "show", f"{ESCAPE}\n.nc", code=1)
    assert message.startswith("eiphase: \\x1b]52;c;aGFjaw==\\x07\\x1b[2J\\x9b31m\\u202e\\n.nc ")
    return message


def other_locale(folder: Path) -> str:
    """Where Python takes files for ASCII: a config with a comment in German, a page, a figure."""
    (folder / "groß.yaml").write_text("# groß\n" + yaml.safe_dump(VALID), encoding="utf-8")
    (folder / "tiny.yaml").write_bytes((folder / "groß.yaml").read_bytes())
    tiles = [str(path) for path in copy_tiles(folder / "tiles")]
    command(folder, "gather", "tiny.yaml", "phase_map.nc", *tiles, **LATIN)
    command(folder, "show", "phase_map.nc", "--html", "page.html", **LATIN)
    assert "──" in (folder / "page.html").read_text(encoding="utf-8")
    _, message = command(folder, "gather", "groß.yaml", "a.nc", "b.nc", code=1, **LATIN)
    assert "names its results, but" in message
    return "files are UTF-8 in any locale"


def other_encoding(folder: Path) -> str:
    """A terminal that has not all letters."""
    gather.gather(copy_tiles(folder / "tiles"), SWEEP, folder / "map.nc", name="größer Δ")
    out, _ = command(folder, "show", "map.nc", PYTHONIOENCODING="ascii")
    assert "gr\\xf6\\xdfer \\u0394" in out
    return "letters that a terminal lacks are shown as escapes"


def closed_pipe(folder: Path) -> str:
    """As by `head`, which ends when it has read enough."""
    copy_gathered(folder)
    shown = f"'{sys.executable}' -m eiphase.cli.commands show phase_map.nc"
    # Read nothing: what is printed has no reader by then.
    run = subprocess.run(
        ["bash", "-c", f"{shown} | true; echo ${{PIPESTATUS[0]}}"],
        cwd=folder, capture_output=True, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert (run.stdout, run.stderr) == ("141\n", "")
    return "exit code 141, nothing said"


def bomb(folder: Path) -> str:
    """Aliases of aliases: 700 bytes that stand for gigabytes."""
    names = [", ".join([f"*a{level}"] * 9) for level in range(9)]
    lines = ["a0: &a0 [1]", *(f"a{n + 1}: &a{n + 1} [{one}]" for n, one in enumerate(names))]
    (folder / "bomb.yaml").write_text("\n".join([*lines, "network: *a9"]), encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _, message = command(folder, "gather", "bomb.yaml", "a.nc", "b.nc", code=1, LANG="C.UTF-8")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime - before.ru_utime < 20  # most of it is Python's start
    assert "line 2, is not valid YAML: *a0 repeats another value" in message
    return message


def refused(config: bytes, expected: str) -> Callable[[Path], str]:
    """A config that is refused with one short sentence."""

    def row(folder: Path) -> str:
        (folder / "bad.yaml").write_bytes(config)
        _, message = command(folder, "gather", "bad.yaml", "a.nc", "b.nc", code=1)
        assert expected in message
        assert len(message) < 300
        return message

    return row


VALID_TEXT = yaml.safe_dump(VALID).encode()
ROWS: list[tuple[str, Callable[[Path], str]]] = [
    ("a title that commands terminal, browser and TeX", hostile_attributes),
    ("a backend's name that commands the terminal", hostile_backend),
    ("a path that commands the terminal", hostile_path),
    ("a locale without UTF-8", other_locale),
    ("a terminal without the letters", other_encoding),
    ("show, with nobody who reads", closed_pipe),
    ("a config of aliases (YAML bomb)", bomb),
    ("a config nested 50,000 deep", refused(b"[" * 50_000, "nested too deeply")),
    ("a config with a NUL", refused(b"# a\0b", "holds the control character U+0000")),
    ("a config in Latin-1", refused("# groß".encode("latin-1"), "it is not text in UTF-8")),
    ("a config of a megabyte", refused(b"#" * 10**6, "is larger than 100 kB")),
    (
        "an integer of 50,000 digits",
        refused(VALID_TEXT + b"a: " + b"9" * 50_000, "a number of 50000 characters"),
    ),
    (
        "text of 50,000 letters in place of a number",
        refused(VALID_TEXT.replace(b"neurons: 20", b"neurons: " + b"x" * 50_000), "is 'xxxx"),
    ),
    (
        "a count of 1e12",
        refused(VALID_TEXT.replace(b"count: 3", b"count: 1e12"), "count is 1000000000000, but"),
    ),
]
