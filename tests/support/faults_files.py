"""Outputs that are no files, writers that meet, disks that refuse: rows of `faults.py`."""

import contextlib
import errno
import fcntl
import io
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest import mock

import faults
import warm
import yaml
from tiny_sweep import VALID, copy_gathered

from eiphase.cli import commands as cli
from eiphase.system import supervisor


def _command(*arguments: str | Path) -> tuple[int, str]:
    """Exit code and message of a command, run in this process."""
    error = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(error):
        code = cli.main(list(map(str, arguments)))
    return code, error.getvalue().removeprefix("eiphase: ").rstrip()


def _made(folder: Path) -> dict[str, list[str | Path]]:
    """Each command that writes a file, but for the file, whose place is `None`'s."""
    config, phase_map = folder / "tiny.yaml", folder / "phase_map.nc"
    config.write_text(yaml.safe_dump(VALID))
    remapped = folder / "remapped.yaml"
    remapped.write_text(yaml.safe_dump(VALID | {"backends": ["lif_float", "lif_bit_accurate"]}))
    tiles = copy_gathered(folder)
    tile = ["--backend", "rate", "--seed", 1, "--tile", 0]
    return {
        "simulate": ["--q", 6, "--g", 5, "--output", "x.nc"],
        "simulate-tile": [config, "x.nc", *tile],
        "simulate-divergence": [phase_map, "x.nc"],
        "gather": [config, "x.nc", *tiles],
        "remap": [remapped, "x.nc", "--mapping", "tutorial-tutorial-8"],
        "notebook": [config, "x.nc"],
        "show": [phase_map, "--html", "x.nc"],
        "draw": [phase_map, "phase_maps.png"],
        "compare": [phase_map, "--figures", "mappings.png"],
    }


def _bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


_KINDS: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a socket": _bind,
    "a device": lambda path: path.symlink_to("/dev/null"),
}


def _refused(kind: str, folder: Path) -> str:
    """By each command, before it simulates anything; and it stays what it was."""
    commands = _made(folder)
    with contextlib.chdir(folder):
        for name in ("x.nc", "phase_maps.png", "mappings.png"):
            _KINDS[kind](Path(name))
        before = {path.name: path.lstat().st_ino for path in folder.iterdir()}
        for command, arguments in commands.items():
            with mock.patch.object(
                supervisor, "supervised", side_effect=AssertionError("it began")
            ):
                code, said = _command(command, *arguments)
            assert code == 1, command
            assert f" is {kind}, which is never replaced" in said, said
        assert {path.name: path.lstat().st_ino for path in folder.iterdir()} == before
    return said


_CANNOT = {
    "proc": ("/proc/none/x.nc", "No such file or directory"),
    "long": (f"{'x' * 300}.nc", "File name too long"),
    "file": ("tiny.yaml/x.nc", "Not a directory"),
    "loop": ("loop.nc", "Too many levels of symbolic links"),
}


def _said_before(what: str, folder: Path) -> str:
    """That it cannot be written, before `simulate` begins."""
    path, reason = _CANNOT[what]
    with contextlib.chdir(folder):
        Path("tiny.yaml").touch()
        Path("loop.nc").symlink_to("loop.nc")
        with mock.patch.object(supervisor, "supervised", side_effect=AssertionError("it began")):
            code, said = _command("simulate", "--q", 6, "--g", 5, "--output", path)
    assert (code, said) == (1, f"{path}: {reason}."), said
    return said.replace("x" * 300, "xxx...")


def _read_only(folder: Path) -> str:
    """Root's permissions do not tell that a disk is read-only."""
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", disk], check=True)
    try:
        with mock.patch.object(supervisor, "supervised", side_effect=AssertionError("it began")):
            code, said = _command("simulate", "--q", 6, "--g", 5, "--output", disk / "new/x.nc")
    finally:
        subprocess.run(["umount", disk], check=True)
    assert (code, said) == (1, f"{disk / 'new/x.nc'}: Read-only file system."), said
    return said


# A job that says when it has begun to write, and goes on when it is told to.
_PAUSING = """
import signal, sys
from eiphase.cli import commands
from eiphase.jobs import gather
fill = gather._fill
for number in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, signal.SIG_DFL)  # even where they were ignored,
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in the background

def pausing(*arguments):
    print("writing", flush=True)
    sys.stdin.readline()
    return fill(*arguments)

gather._fill = pausing
sys.exit(commands.main(sys.argv[1:]))
"""


@contextmanager
def _writing(
    folder: Path, commands: Mapping[str, Sequence], *, within: Sequence[str] = ()
) -> Iterator[subprocess.Popen]:
    """A `gather` in the midst of its file."""
    command = ["gather", *commands["gather"]]
    with subprocess.Popen(
        [*within, sys.executable, "-c", _PAUSING, *map(str, command)], cwd=folder,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        yield process


def _leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def _two_writers(folder: Path, *, within: Sequence[str] = (), stop: bool = False) -> str:
    """Of one file, one of which begins first and ends last."""
    commands = _made(folder)
    with _writing(folder, commands, within=within) as first, contextlib.chdir(folder):
        if stop:
            first.send_signal(signal.SIGSTOP)
        assert _command("gather", *commands["gather"]) == (0, "")
        by_second = (folder / "x.nc").stat().st_ino
        if stop:
            first.send_signal(signal.SIGCONT)
        _, said = first.communicate("go on\n", timeout=60)
    assert first.returncode == 0, said
    assert (folder / "x.nc").stat().st_ino != by_second
    assert _leftovers(folder) == []
    assert _command("show", folder / "x.nc")[0] == 0
    return "both finish; the last to end stays"


def _killed(folder: Path) -> str:
    """The next job in the folder removes what it left, also where a folder has such a name."""
    commands = _made(folder)
    with _writing(folder, commands) as first:
        first.kill()
    assert len(_leftovers(folder)) == 2
    (folder / ".x.nc-bak").mkdir()
    in_the_way = f".eiphase-{_leftovers(folder)[0].split('-')[1]}-01234567.lock"
    (folder / in_the_way).mkdir()
    with contextlib.chdir(folder):
        assert _command("gather", *commands["gather"]) == (0, "")
    assert set(_leftovers(folder)) == {".x.nc-bak", in_the_way}
    return "the next job removes what it left"


def _stopped(number: signal.Signals, folder: Path) -> str:
    with _writing(folder, _made(folder)) as job:
        job.send_signal(number)
        _, said = job.communicate(timeout=60)
    assert job.returncode == 128 + number, (job.returncode, said)
    assert said == f"eiphase: The job was stopped by {number.name}.\n"
    assert _leftovers(folder) == []
    return said.removeprefix("eiphase: ")


def _refuse(number: int, *_: object) -> None:
    raise OSError(number, os.strerror(number))


def _lacking(module: object, names: Sequence[str], number: int, folder: Path) -> str:
    """A disk that lacks something, which is refused by the system's calls."""
    arguments = _made(folder)["gather"]
    (folder / "x.nc").write_text("old")
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(mock.patch.object(module, name, partial(_refuse, number)))
        with contextlib.chdir(folder):
            assert _command("gather", *arguments) == (0, "")
            assert _command("show", "x.nc")[0] == 0
    assert _leftovers(folder) == []
    return "the file is written"


def _figure_too_large(folder: Path) -> str:
    """In every format, of which a PDF's writer fails in its own way."""
    phase_map = _made(folder)["draw"][0]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for ending in ("png", "svg", "eps", "pdf"):
        figure = folder / f"cut.{ending}"
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
            found = _command("draw", phase_map, figure)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert found == (1, f"{figure}: File too large."), found
    assert _leftovers(folder) == []
    return found[1]


def _figure_on_full_disk(folder: Path) -> str:
    phase_map = _made(folder)["draw"][0]
    with faults.full_disk(folder):
        figure = folder / "results/cut.pdf"
        run = warm.eiphase("draw", phase_map, figure, folder=folder)
        assert run.returncode == 1
        assert run.stderr == f"eiphase: {figure}: No space left on device.\n"
        assert _leftovers(folder / "results") == []
    return run.stderr.removeprefix("eiphase: ")


# As by `ulimit -v`, but with no more than 20 MB beyond what this machine's Python takes itself.
_LITTLE_MEMORY = """
import resource, sys
from eiphase.cli import commands
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 20_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sys.exit(commands.main(sys.argv[1:]))
"""


def _little_memory(folder: Path) -> str:
    command = [sys.executable, "-c", _LITTLE_MEMORY, "show", _made(folder)["show"][0]]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1, run.stderr
    assert run.stderr.startswith("eiphase: The job needs more than its limits allow ("), run.stderr
    return "The job needs more than its limits allow" + run.stderr.partition(")")[2]


_IS_ROOT = os.geteuid() == 0
_NAMESPACE = ("unshare", *(() if _IS_ROOT else ("--user", "--map-root-user")), "--pid", "--fork")
_HAS_NAMESPACES = subprocess.run([*_NAMESPACE, "true"], check=False).returncode == 0

ROWS: list[tuple[str, Callable[[Path], str]]] = [
    *((f"the output is {kind}", partial(_refused, kind)) for kind in _KINDS),
    ("the output's folder cannot be made", partial(_said_before, "proc")),
    ("the output's name is too long", partial(_said_before, "long")),
    ("the output's folder is a file", partial(_said_before, "file")),
    ("the output is a link to itself", partial(_said_before, "loop")),
    *([("the output's disk is read-only", _read_only)] if _IS_ROOT else []),
    ("SIGSTOP of a writer, another writes, SIGCONT", partial(_two_writers, stop=True)),
    *(
        [("a writer in another container", partial(_two_writers, within=_NAMESPACE))]
        if _HAS_NAMESPACES
        else []
    ),
    ("kill -9 of a writer", _killed),
    *(
        (f"{number.name} to a job that has no supervisor", partial(_stopped, number))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
    ),
    ("writing to a disk without locks", partial(_lacking, fcntl, ["flock"], errno.ENOLCK)),
    (
        "writing to a disk without permissions",
        partial(_lacking, os, ["chmod", "fchmod"], errno.EPERM),
    ),
    ("a figure beyond RLIMIT_FSIZE", _figure_too_large),
    *([("a figure on a full disk", _figure_on_full_disk)] if _IS_ROOT else []),
    ("memory runs out as modules are imported", _little_memory),
]
