"""The commands that make a phase map: write a config, explain what it takes, run the sweep."""

import argparse
import json
import os
import re
import shlex
from pathlib import Path

from eiphase.cli.arguments import add_command, whole
from eiphase.errors import SweepError, require_linux
from eiphase.sweep.load import check_name, load
from eiphase.system import installation, progress_bar
from eiphase.system.files import beside

_SET_BY_RUN = (
    "--cores", "--jobs", "--config", "--directory", "--snakefile", "--profile",
    "--workflow-profile",
    "-c", "-j", "-C", "-d", "-s",  # whose value may follow without a space
)  # fmt: skip
_PACKAGE = Path(__file__).parents[1]
_PACKAGED = _PACKAGE / "checkout"
CHECKOUT = _PACKAGED if _PACKAGED.is_dir() else _PACKAGE.parents[1]
"""Where workflow/, profiles/, config/ and notebooks/ are: the repository, or a wheel's copy."""


def add_sweep_commands(commands) -> None:
    """Add them in the order in which a user meets them."""
    _add_init(commands)
    _add_explain(commands)
    _add_run(commands)
    _add_install_lava(commands)


def _add_init(commands) -> None:
    init = add_command(
        commands,
        "init",
        "write a commented config, the demo's, to start from",
        "mine.yaml",
    )
    init.add_argument(
        "output", type=Path, nargs="?", default=Path("sweep.yaml"), metavar="config",
        help="YAML file to write (default: sweep.yaml)",
    )  # fmt: skip
    init.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    init.set_defaults(command=_init)


def _init(options: argparse.Namespace) -> None:
    path = options.output
    check_name(path)
    if path.exists() and not options.overwrite:
        raise SweepError(f"{path} is there already: name another file, or add --overwrite.")
    text = (CHECKOUT / "config/demo.yaml").read_text(encoding="utf-8")
    schema = f"{CHECKOUT}/workflow/schemas/sweep.schema.json"  # the docs may not be there
    for place in ("../workflow/schemas/sweep.schema.json", "docs/sweeps.md"):
        text = text.replace(place, schema)
    with beside(path) as partial:
        partial.write_text(text, encoding="utf-8")
    print(f"Wrote {path}: change it, then `eiphase run {shlex.quote(str(path))}` simulates it.")


def _add_explain(commands) -> None:
    explain = add_command(
        commands,
        "explain",
        "say what a sweep will take, before anything starts, from a few of its networks",
        "mine.yaml --cores 4",
    )
    explain.add_argument("config", type=Path, help="the sweep's YAML file")
    explain.add_argument(
        "--cores", type=whole, default=os.cpu_count(), help="how many (default: all)"
    )
    explain.set_defaults(command=_explain)


def _explain(options: argparse.Namespace) -> None:
    if options.cores < 1:
        raise SweepError(f"--cores is {options.cores}, but must be at least 1.")
    sweep = load(options.config)
    require_linux()
    installation.require_lava()
    with progress_bar.progress("calibrating"):
        from eiphase.jobs.before import explain

        calibration = explain.calibrated(sweep)
    from eiphase.cli import terminal

    terminal.print_plans(sweep, calibration, cores=options.cores)


def _add_run(commands) -> None:
    run = add_command(
        commands,
        "run",
        "simulate a sweep and draw its phase maps, into results/ of this folder, by Snakemake",
        "mine.yaml --cores 4\n  eiphase run mine.yaml --cores 4 -- notebook --forceall",
    )
    run.add_argument("config", type=Path, help="the sweep's YAML file; `eiphase init` writes one")
    run.add_argument("--cores", help="how many to use (default: all; with a profile, what it says)")
    run.add_argument(
        "--profile",
        action="append",
        default=[],
        help="slurm, or a folder with Snakemake's options, cores or jobs among them; of several, "
        "the last decides",
    )
    run.add_argument("-n", "--dry-run", action="store_true", help="only say what would be done")
    run.add_argument(
        "further", nargs="*", default=[], metavar="--", help="what Snakemake takes besides"
    )
    run.set_defaults(command=_run, own_signals=True)


def _run(options: argparse.Namespace) -> int:
    require_linux()
    installation.require_lava()
    _check_words(options)
    load(options.config)  # a mistake in it is one sentence here, and several lines in Snakemake
    code = _snakemake(_words(options))
    if code == 0 and not options.dry_run:
        _say_where(Path("results", options.config.stem))
    return code


def _check_words(options: argparse.Namespace) -> None:
    """Refuse what Snakemake would understand in another way than it was meant."""
    if options.cores is not None and not re.fullmatch(r"all|[1-9]\d*", options.cores):
        raise SweepError(f"--cores is {options.cores!r}, but must be a number from 1 on, or all.")
    for word in options.further:
        if {word.partition("=")[0], word[:2]} & set(_SET_BY_RUN):
            raise SweepError(
                f"{word} stands after --, but `eiphase run` sets it: call snakemake itself."
            )


def _say_where(results: Path) -> None:
    """Say where the phase map lies, if one was asked for: there are other targets."""
    figures = f", its figures are in {results}/figures" if (results / "figures").exists() else ""
    if (results / "phase_map.nc").exists():
        print(f"The phase map is {results}/phase_map.nc{figures}.")


def _words(options: argparse.Namespace) -> list[str]:
    """What follows `snakemake`. Some of its options take all words that follow, hence the order."""
    return [
        *options.further,
        *(["--dry-run"] if options.dry_run else []),
        *_cores(options),
        *(word for name in options.profile for word in ("--profile", _profile(name))),
        "--snakefile", f"{CHECKOUT}/workflow/Snakefile",
        "--workflow-profile", f"{CHECKOUT}/profiles/default",
        "--config", f"sweep={json.dumps(str(options.config))}",  # else read as YAML
    ]  # fmt: skip


def _cores(options: argparse.Namespace) -> list[str]:
    """All of this machine, unless a profile says how many jobs run at a time on a cluster."""
    if options.cores is None and options.profile:
        return []
    return ["--cores", options.cores or "all"]


def _profile(name: str) -> str:
    """The folder of a profile: one that comes with eiphase, or the user's own."""
    folder = CHECKOUT / "profiles/slurm" if name == "slurm" else Path(name)
    if (folder / "config.yaml").is_file():
        return str(folder)
    raise SweepError(
        f"--profile is {name}, but must be slurm or a folder with a config.yaml of Snakemake's "
        "options."
    )


def _snakemake(words: list[str]) -> int:
    """Run Snakemake as the shell's command would; returns its exit code."""
    from snakemake import cli

    try:
        cli.main(words)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _add_install_lava(commands) -> None:
    command = add_command(
        commands, "install-lava", "install Lava, which pip alone would not for this Python", ""
    )
    command.set_defaults(command=lambda _: installation.install_lava())
