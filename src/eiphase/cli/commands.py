"""eiphase: excitatory-inhibitory networks through Lava."""

import argparse
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from io import TextIOWrapper
from itertools import compress
from pathlib import Path
from typing import Any

from eiphase.backends import BACKENDS
from eiphase.errors import (
    Damaged,
    DatasetError,
    LavaError,
    SweepError,
    UserError,
    beyond_limits,
    plain,
)

# What is heavy, Lava and xarray, is imported by the commands that need it.
from eiphase.jobs.datasets import netcdf
from eiphase.networks.weights import Network
from eiphase.numerics.arrays import shared_array
from eiphase.sweep import provenance
from eiphase.sweep.load import load
from eiphase.system import progress_bar, seal, supervisor
from eiphase.system.files import check_writable, remove_leftovers

_EXAMPLES = """\
examples:
  eiphase simulate --q 8.16 --g 4.5 --backend lif_bit_accurate --plot
  eiphase simulate --q 1 --g 4.5 --backend rate --steps 3000 --output weak.nc
  eiphase show results/demo/phase_map.nc
  eiphase verify results/demo/phase_map.nc

The other commands are the workflow's jobs: `snakemake -n -p --quiet reason` prints them.
"""

_INPUTS = (
    "config", "dataset", "datasets", "divergence", "ranges", "recordings", "refined", "script",
    "tiles",
)  # fmt: skip

# Options of `simulate` that have another name than the argument they set.
_OPTIONS = {"q_factor": "--q", "g_factor": "--g", "n_neurons": "--neurons"}


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
            options = _parser().parse_args(arguments)
            return _without_traceback(lambda: _run(options))
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def _run(options: argparse.Namespace) -> int | None:
    """Run a command, if all files that it is to write can be written and are none that it reads."""
    with supervisor.stoppable():
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


def _without_traceback(command: Callable[[], int | None]) -> int:
    """Run a command; a mistake of the user's is one sentence and exit code 1."""
    try:
        return command() or 0
    except supervisor.Stopped as error:
        print(f"eiphase: {error}", file=sys.stderr)
        return 128 + error.number
    except BrokenPipeError:
        raise
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        # Several lines where a model's traceback is among them.
        lines = (plain(line) for line in sentence.split("\n"))
        print("eiphase:", "\n".join(lines), file=sys.stderr)
        return 1


def _sentence(error: Exception) -> str | None:
    """What is said of an error; nothing of a mistake in the code, which needs its traceback."""
    if isinstance(error, UserError | LavaError):
        return str(error)
    if reason := beyond_limits(error):
        return (
            f"The job needs more than its limits allow ({reason}): raise them (ulimit -v, "
            "ulimit -u, ulimit -n, Slurm's --mem), or simulate less at once."
        )
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return plain(f"{where}{error.strerror or error}.")
    return None


@contextmanager
def _setting_aside() -> Iterator[None]:
    """In the workflow's jobs: a damaged file that it made is renamed, so that it makes it again."""
    try:
        yield
    except Damaged as error:
        raise DatasetError(f"{error}{seal.set_aside(error.path)}") from None


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
    _add_simulate(commands)
    _add_show(commands)
    _add_compile(commands)
    _add_verify(commands)
    _add_compare(commands)
    _add_jobs(commands)
    return parser


class _Version(argparse.Action):
    """Looks for the commit only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(f"eiphase {provenance.version()}, commit {provenance.origin()[0]}")
        parser.exit()


def _add_command(commands, name: str, what: str, example: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=what,
        description=f"{what[0].upper()}{what[1:]}.",
        epilog=f"example:\n  eiphase {name} {example}".rstrip() + "\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_simulate(commands) -> None:
    simulate = _add_command(
        commands,
        "simulate",
        "simulate one network, print its observables, save its recording and picture",
        "--q 8.16 --g 4.5 --backend lif_bit_accurate --plot",
    )
    add = simulate.add_argument
    add("--q", type=float, required=True, help="q_factor, recurrent gain")
    add("--g", type=float, required=True, help="g_factor, strength of inhibition")
    add("--backend", default="rate", help="rate, lif_float or lif_bit_accurate (default: rate)")
    add("--neurons", type=_whole, default=400, help="default: 400, 80 %% of them excitatory")
    add("--seed", type=_whole, default=1, help="of the random weights (default: 1)")
    add("--draw", type=_whole, default=0, help="which matrix of the seed's stream (default: 0)")
    add("--step-size", type=float, default=0.01, help="in time constants (default: 0.01)")
    add("--bias", type=float, default=0.1, help="of rate neurons, per step (default: 0.1)")
    add(
        "--rate-to-lif",
        default="tutorial",
        help="tutorial, corrected or identity (default: tutorial)",
    )
    add("--float-to-integer", default="tutorial", help="tutorial or full_range (default: tutorial)")
    add("--weight-bits", type=_whole, default=8, help="of weights in integers (default: 8)")
    add("--steps", type=_whole, default=1000, help="length of the simulation (default: 1000)")
    add("--burn-in", type=_whole, default=200, help="steps not measured (default: 200)")
    add("--max-lag", type=_whole, default=100, help="largest lag, in steps (default: 100)")
    add("--boxcar", type=_whole, default=25, help="steps in which spikes are counted (default: 25)")
    add("--autocovariance", default="standard", help="standard or tutorial (default: standard)")
    add("--output", type=Path, help="default: results/simulate/BACKEND-qQ-gG-seedSEED.nc")
    add("--plot", action="store_true", help="draw a picture beside the output, as PNG")
    _add_time_limit(simulate)
    simulate.set_defaults(command=_simulate)


def _add_time_limit(command: argparse.ArgumentParser) -> None:
    command.add_argument("--time-limit", type=_seconds, help="seconds after which to give up")


def _whole(text: str) -> int:
    """A whole number, which may be written as in a config: `1e3`."""
    with suppress(ValueError, OverflowError):
        if float(text) == int(float(text)):
            return int(text) if text.lstrip("+-").isdigit() else int(float(text))
    raise argparse.ArgumentTypeError(f"{text} is not a whole number")


def _seconds(text: str) -> float:
    with suppress(ValueError):
        seconds = float(text)
        if 0 < seconds <= 1e9:
            return seconds
    raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0, up to 1e9")


def _add_show(commands) -> None:
    show = _add_command(
        commands, "show", "print what is in a phase map or a recording", "results/demo/phase_map.nc"
    )
    show.add_argument("dataset", type=Path, help="a phase_map.nc, or a recording")
    show.add_argument("--html", type=Path, help="write it as a page to this file instead")
    show.set_defaults(command=_show)


def _add_compile(commands) -> None:
    command = _add_command(
        commands,
        "compile",
        "compile the kernels, which the first simulations would do otherwise",
        "",
    )
    command.set_defaults(command=_compile)


def _add_verify(commands) -> None:
    verify = _add_command(
        commands,
        "verify",
        "simulate a random sample of a phase map's points again, derive anew what is derived from "
        "points, and compare to the bit",
        "results/demo/phase_map.nc --points 12",
    )
    verify.add_argument("dataset", type=Path, help="a phase_map.nc")
    verify.add_argument("--points", type=_whole, default=6, help="how many (default: 6)")
    verify.add_argument("--seed", type=_whole, help="of the sample (default: another each time)")
    verify.set_defaults(command=_verify)


def _add_compare(commands) -> None:
    compare = _add_command(
        commands,
        "compare",
        "draw what different mappings do to the border between the phases",
        "results/precision/phase_map.nc results/precision/mappings/*/phase_map.nc"
        " --figures mappings.png",
    )
    compare.add_argument("datasets", type=Path, nargs="+", help="phase_map.nc of each sweep")
    compare.add_argument(
        "--figures", type=Path, nargs="+", required=True,
        help="files to write: mappings.png, precision.pdf and so on",
    )  # fmt: skip
    compare.set_defaults(command=_compare)


def _add_jobs(commands) -> None:
    job = partial(_add_command, commands)
    tile = job(
        "simulate-tile",
        "simulate one tile of a sweep through Lava",
        "config/demo.yaml tile.nc --backend rate --seed 1 --tile 0",
    )
    tile.add_argument("config", type=Path, help="the sweep's YAML file")
    tile.add_argument("output", type=Path, help="netCDF file to write")
    tile.add_argument("--backend", required=True, help="rate, lif_float or lif_bit_accurate")
    tile.add_argument("--seed", type=_whole, required=True)
    tile.add_argument("--tile", type=_whole, required=True, help="number of the tile, from 0")
    tile.add_argument(
        "--ranges", type=Path, nargs="?", help="lif_float tile; needed by lif_bit_accurate"
    )
    _add_time_limit(tile)
    tile.set_defaults(command=_simulate_tile)

    remap = job(
        "remap",
        "write a sweep's config with another mapping, for its LIF networks",
        "config/precision.yaml five_bits.yaml --mapping corrected-full_range-5",
    )
    remap.add_argument("config", type=Path, help="the sweep's YAML file")
    remap.add_argument("output", type=Path, help="YAML file to write")
    remap.add_argument("--mapping", required=True, help="rate_to_lif-float_to_integer-weight_bits")
    remap.set_defaults(command=_remap)

    refine = job(
        "refine",
        "simulate between grid points where a sweep's border lies, of one backend and seed",
        "config/chaos.yaml refined.nc --tiles results/chaos/tiles --backend rate --seed 1",
    )
    refine.add_argument("config", type=Path, help="the sweep's YAML file")
    refine.add_argument("output", type=Path, help="netCDF file to write")
    refine.add_argument("--tiles", type=Path, required=True, help="folder of the sweep's tiles")
    refine.add_argument("--backend", required=True, help="rate, lif_float or lif_bit_accurate")
    refine.add_argument("--seed", type=_whole, required=True)
    _add_time_limit(refine)
    refine.set_defaults(command=_refine)

    gather = job(
        "gather",
        "gather all tiles of a sweep into one dataset",
        "config/mine.yaml phase_map.nc tile-0.nc tile-1.nc",
    )
    gather.add_argument("config", type=Path, help="the sweep's YAML file")
    gather.add_argument("output", type=Path, help="netCDF file to write")
    gather.add_argument("tiles", type=Path, nargs="+", help="all tiles of the sweep")
    gather.add_argument(
        "--refined", type=Path, nargs="*", default=[], help="of each backend and seed, if refined"
    )
    gather.set_defaults(command=_gather)

    divergence = job(
        "simulate-divergence",
        "follow the damage by one spike, or bit, below, at and above the border",
        "results/chaos/phase_map.nc divergence.nc",
    )
    divergence.add_argument("dataset", type=Path, help="a phase_map.nc")
    divergence.add_argument("output", type=Path, help="netCDF file to write")
    _add_time_limit(divergence)
    divergence.set_defaults(command=_simulate_divergence)

    figures: dict[str, Any] = {"nargs": "+", "type": Path}
    what = "files to write; the name says which figure, the ending which format"
    draw = job(
        "draw", "draw figures of a phase map", "results/demo/phase_map.nc phase_maps.png cut.pdf"
    )
    draw.add_argument("dataset", type=Path, help="a phase_map.nc")
    draw.add_argument("figures", **figures, help=what)
    draw.set_defaults(command=_draw)

    overview = job(
        "draw-overview",
        "draw a sweep's chaos on one page",
        "results/chaos/phase_map.nc results/chaos/divergence.nc overview.png overview.pdf",
    )
    overview.add_argument("dataset", type=Path, help="a phase_map.nc")
    overview.add_argument("divergence", type=Path, help="a divergence.nc of the same sweep")
    overview.add_argument("figures", **figures, help="overview.png, overview.pdf and so on")
    overview.set_defaults(command=_draw_overview)

    tutorial = job(
        "draw-tutorial",
        "draw the tutorial's figures",
        "--recordings results/tutorial/*.nc --figures states.png rasters.png",
    )
    tutorial.add_argument("--recordings", **figures, required=True, help="of its networks")
    tutorial.add_argument("--figures", **figures, required=True, help=what)
    tutorial.set_defaults(command=_draw_tutorial)

    notebook = job(
        "notebook",
        "run a notebook script, beside its data",
        "notebooks/phase_map.py results/demo/notebook.ipynb",
    )
    notebook.add_argument("script", type=Path, help="a Python script in percent format")
    notebook.add_argument("output", type=Path, help=".ipynb to write; cells run in its folder")
    _add_time_limit(notebook)
    notebook.set_defaults(command=_notebook)


@contextmanager
def _naming_options() -> Iterator[None]:
    """Messages about an argument of `eiphase.simulate` begin with the option typed for it."""
    try:
        yield
    except SweepError as error:
        name, rest = str(error).split(" ", 1)
        raise SweepError(f"{_OPTIONS.get(name, name)} {rest}") from None


def _simulate(options: argparse.Namespace) -> int:
    from eiphase.cli import terminal

    if options.output is None:
        name = f"{options.backend}-q{options.q:.12g}-g{options.g:.12g}-seed{options.seed}.nc"
        options.output = Path("results/simulate") / name
    picture = _picture(options.output)
    if options.plot and picture == options.output:
        raise DatasetError(f"--output is {options.output}, where --plot is to put the picture.")
    if options.plot:
        check_writable(picture)
    steps = shared_array((2,), "int64")

    def show(done: int, total: int) -> None:
        steps[:] = done, total

    code = _supervised(
        lambda: _record(options, show),
        options,
        meanwhile=progress_bar.progress_of_another(f"simulating, {options.backend}", steps),
    )
    if code != 0:
        return code
    with netcdf.open_netcdf(options.output) as measure:
        terminal.print_observables(measure)
        written = [options.output]
        if options.plot:
            from eiphase.figures import save

            written.append(picture)
            with progress_bar.progress("drawing"):
                save.draw_recording(measure, measure, picture)
    terminal.print_line("written:", *written)
    return 0


def _picture(output: Path) -> Path:
    """Where the picture of a recording goes: `q8.1` is a name, of which nothing is cut off."""
    is_ending = output.suffix.lower() in (".nc", ".nc4", ".cdf", ".h5", ".hdf5", ".png")
    return output.with_name(f"{output.stem if is_ending else output.name}.png")


@_naming_options()
def _record(options: argparse.Namespace, show: Callable[[int, int], None]) -> None:
    """Simulate one network, measure it, and write both into one file."""
    from eiphase.simulation import measure, single

    point = Network(
        n_neurons=options.neurons,
        q_factor=options.q,
        g_factor=options.g,
        seed=options.seed,
        draw=options.draw,
        step_size=options.step_size,
        bias=options.bias,
    )
    simulated = {
        "steps": options.steps,
        "rate_to_lif": options.rate_to_lif,
        "float_to_integer": options.float_to_integer,
        "weight_bits": options.weight_bits,
    }
    measured = {
        "burn_in": options.burn_in,
        "max_lag": options.max_lag,
        "autocovariance": options.autocovariance,
        "boxcar": options.boxcar,
    }
    run = single.validated(point, options.backend, **simulated)
    measure.check_measurement(
        steps=run.steps, n_neurons=run.n_neurons, spiking=BACKENDS[run.backend].spiking, **measured
    )
    recorded = single.simulate(point, options.backend, progress=show, **simulated)
    observed = measure.measure(recorded, **measured)
    netcdf.write(recorded.merge(observed), options.output)


def _supervised(
    work: Callable[[], None],
    options: argparse.Namespace,
    meanwhile: AbstractContextManager | None = None,
) -> int:
    """Run what writes `options.output` under the guard; half a file is removed."""
    code = supervisor.supervised(
        lambda: _without_traceback(_setting_aside()(work)),
        time_limit=options.time_limit,
        meanwhile=meanwhile,
    )
    if code != 0:
        remove_leftovers(options.output.resolve().parent)
    return code


def _show(options: argparse.Namespace) -> None:
    from eiphase.cli import terminal

    path = options.dataset
    with (
        _setting_aside() if options.html else nullcontext(),
        netcdf.reading(path),
        netcdf.open_netcdf(path) as opened,
    ):
        if {"time", "neuron"} <= set(opened.dims):
            netcdf.check_recording(opened, path)
            terminal.print_recording(opened, html=options.html)
            return
        netcdf.check_phase_map(opened, path)
        terminal.print_phase_map(opened, html=options.html)


def _compile(options: argparse.Namespace) -> None:
    from eiphase.simulation import kernels

    kernels.compile_all()


def _verify(options: argparse.Namespace) -> int:
    if options.seed is not None and options.seed < 0:
        raise DatasetError(f"--seed is {options.seed}, but must be 0 or more.")

    from eiphase.cli import terminal
    from eiphase.jobs import verify as verification

    path, names = options.dataset, [*netcdf.VARIABLES, *netcdf.DERIVED]
    with netcdf.reading(path), netcdf.open_phase_map(path) as phase_map:
        points = verification.sample(phase_map, options.points, seed=options.seed)
        code_digest = str(phase_map.attrs.get("code_digest"))
    steps = shared_array((2,), "int64")
    steps[1] = 1 + len(points)
    differs = shared_array((1 + len(points), len(names)), "?")

    def tell(different: list[str]) -> None:
        differs[steps[0]] = [name in different for name in names]
        steps[0] += 1

    def work() -> None:
        with netcdf.reading(path), netcdf.open_phase_map(path) as phase_map:
            tell(verification.not_derived(phase_map))
            for _, different in verification.differences(phase_map, points):
                tell(different)

    code = supervisor.supervised(
        lambda: _without_traceback(work),
        time_limit=None,
        meanwhile=progress_bar.progress_of_another("verifying", steps),
    )
    found = [list(compress(names, row)) for row in differs[: steps[0]]]
    if not found:
        return code
    all_equal = terminal.print_verification(code_digest, points, found)
    return code or int(not all_equal)


def _simulate_tile(options: argparse.Namespace) -> int:
    sweep = load(options.config)
    tile = sweep.tile(options.backend, options.seed, options.tile)
    takes_from = BACKENDS[tile.backend].takes_from
    if takes_from and options.ranges is None:
        raise SweepError(f"--ranges is missing, but {tile.backend} needs its {takes_from} tile.")

    def work() -> None:
        from eiphase.jobs import simulate as tile_job

        tile_job.run(sweep, tile, options.output, source=options.ranges)

    return _supervised(work, options)


def _remap(options: argparse.Namespace) -> None:
    from eiphase.sweep import remapping

    sweep = load(options.config)
    remapping.write(remapping.remapped(sweep, options.mapping), options.output)


def _refine(options: argparse.Namespace) -> int:
    sweep = load(options.config)
    if sweep.refinement.precision is None:
        raise SweepError(f"{options.config} has no refinement.precision: nothing is to be refined.")
    tile = sweep.tile(options.backend, options.seed, 0)

    def work() -> None:
        from eiphase.jobs import simulate as refinement_job

        refinement_job.refine(sweep, tile.backend, tile.seed, options.output, tiles=options.tiles)

    code = _supervised(work, options)
    if code != 0:  # and tiles of rounds, whose names only the worker knew
        for backend in filter(None, (BACKENDS[tile.backend].takes_from, tile.backend)):
            remove_leftovers(options.tiles / backend / f"seed-{tile.seed}")
    return code


def _gather(options: argparse.Namespace) -> None:
    from eiphase.jobs import gather as gathering

    sweep = load(options.config)
    with progress_bar.progress("gathering") as show:
        gathering.gather(
            options.tiles,
            sweep,
            options.output,
            name=options.config.stem,
            refined=options.refined,
            show=show,
        )


def _simulate_divergence(options: argparse.Namespace) -> int:

    runs = shared_array((2,), "int64")

    def show(done: int, total: int) -> None:
        runs[:] = done, total

    def work() -> None:
        from eiphase.jobs import divergence as across_border

        path = options.dataset
        with netcdf.reading(path), netcdf.open_phase_map(path) as phase_map:
            found = across_border.simulate_across_border(phase_map, show)
        netcdf.write(found, options.output)

    return _supervised(
        work, options, meanwhile=progress_bar.progress_of_another("simulating divergence", runs)
    )


@_setting_aside()
def _compare(options: argparse.Namespace) -> None:

    with progress_bar.progress("drawing"):
        from eiphase.figures import save

        save.draw_comparison(options.datasets, options.figures)


@_setting_aside()
def _draw(options: argparse.Namespace) -> None:

    with progress_bar.progress("drawing") as show:
        from eiphase.figures import save

        save.draw_phase_map(options.dataset, options.figures, show)


@_setting_aside()
def _draw_overview(options: argparse.Namespace) -> None:

    with progress_bar.progress("drawing"):
        from eiphase.figures import save

        save.draw_overview(options.dataset, options.divergence, options.figures)


@_setting_aside()
def _draw_tutorial(options: argparse.Namespace) -> None:

    with progress_bar.progress("drawing") as show:
        from eiphase.figures import save

        save.draw_tutorial(options.recordings, options.figures, show)


def _notebook(options: argparse.Namespace) -> int:

    cells = shared_array((2,), "int64")

    def show(done: int, total: int) -> None:
        cells[:] = done, total

    def work() -> None:
        from eiphase.jobs import notebook

        notebook.execute(options.script, options.output, show)

    return _supervised(
        work, options, meanwhile=progress_bar.progress_of_another("running the notebook", cells)
    )


if __name__ == "__main__":
    sys.exit(main())
