"""eiphase: excitatory-inhibitory networks through Lava."""

import argparse
import gc
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from eiphase.cli.running import without_traceback
from eiphase.cli.sweep_commands import add_sweep_commands
from eiphase.cli.user_commands import add_user_commands
from eiphase.cli.workflow_jobs import add_jobs
from eiphase.errors import DatasetError
from eiphase.sweep import provenance
from eiphase.system import supervisor
from eiphase.system.files import check_writable

_EXAMPLES = """\
examples:
  eiphase init mine.yaml
  eiphase run mine.yaml --cores 2
  eiphase simulate --q 8.16 --g 4.5 --backend lif_bit_accurate --plot
  eiphase simulate --q 1 --g 4.5 --backend rate --steps 3000 --output weak.nc
  eiphase show results/demo/phase_map.nc
  eiphase explore results/demo/phase_map.nc
  eiphase verify results/demo/phase_map.nc

The other commands are the workflow's jobs: `snakemake -n -p --quiet reason` prints them.
"""

_INPUTS = (
    "config", "dataset", "datasets", "divergence", "ranges", "recordings", "refined", "script",
    "spectra", "tiles",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    # Not needed, for files are written beside their place, and some disks have none. HDF5 reads
    # this as it is loaded.
    os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
    gc.set_threshold(100_000)  # what imports make is no garbage: to search it takes 0.1 s
    os.environ["MPLBACKEND"] = "agg"  # into files, whatever screen or notebook the user's names
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who called
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  stays open
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what a locale has no letter for
    try:
        try:
            options = _options(list(sys.argv[1:] if arguments is None else arguments))
            return without_traceback(lambda: _run(options))
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def _run(options: argparse.Namespace) -> int | None:
    """Run a command, if all files that it is to write can be written and are none that it reads."""
    # Snakemake answers signals itself, and says how to go on.
    with nullcontext() if getattr(options, "own_signals", False) else supervisor.stoppable():
        inputs = {os.path.realpath(path) for path in _paths(options, *_INPUTS)}
        for path in _paths(options, "output", "html", "figures"):
            check_writable(path)
            if os.path.realpath(path) in inputs:
                raise DatasetError(f"{path} is a file that is read: name another one to write.")
        return options.command(options)


def _paths(options: argparse.Namespace, *names: str) -> Iterator[Path]:
    """All that some options name, each of which may name one, several or none."""
    for name in names:
        paths = getattr(options, name, None)
        yield from paths if isinstance(paths, list) else [paths] if paths else []


def _options(words: list[str]) -> argparse.Namespace:
    """Options of a command; what `run` hands on to Snakemake, after --, is not looked at."""
    if words[:1] != ["run"] or "--" not in words:
        return _parser().parse_args(words)
    own = words.index("--")
    options = _parser().parse_args(words[:own])
    options.further = words[own + 1 :]
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="eiphase",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="print version and commit, and stop"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_sweep_commands(commands)
    add_user_commands(commands)
    add_jobs(commands)
    return parser


class _Version(argparse.Action):
    """Looks for the commit only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(f"eiphase {provenance.version()}, commit {provenance.origin()[0]}")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
