"""The commands that people type: one network, and phase maps that are there."""

import argparse
import os
import sys
import webbrowser
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from eiphase.backends import BACKENDS
from eiphase.cli.arguments import add_command, add_time_limit, whole
from eiphase.cli.running import setting_aside, watched, without_traceback
from eiphase.cli.sweep_commands import CHECKOUT
from eiphase.errors import DatasetError, SweepError

# What is heavy, Lava and xarray, is imported by the commands that need it.
from eiphase.jobs.datasets import netcdf
from eiphase.networks.weights import Network
from eiphase.numerics.arrays import shared_array
from eiphase.system import progress_bar, supervisor
from eiphase.system.files import check_writable

if TYPE_CHECKING:
    import xarray as xr

# Options of `simulate` that have another name than the argument they set.
_OPTIONS = {"q_factor": "--q", "g_factor": "--g", "n_neurons": "--neurons"}


def add_user_commands(commands) -> None:
    """Add `simulate`, `show`, `explore`, `export`, `publish`, `compile`, `verify` and `compare`."""
    _add_simulate(commands)
    _add_show(commands)
    _add_explore(commands)
    _add_export(commands)
    _add_publish(commands)
    _add_compile(commands)
    _add_verify(commands)
    _add_compare(commands)


def _add_simulate(commands) -> None:
    simulate = add_command(
        commands,
        "simulate",
        "simulate one network, print its observables, save its recording and picture",
        "--q 8.16 --g 4.5 --backend lif_bit_accurate --plot",
    )
    add = simulate.add_argument
    add("--q", type=float, required=True, help="q_factor, recurrent gain")
    add("--g", type=float, required=True, help="g_factor, strength of inhibition")
    names, default = ", ".join(BACKENDS), next(iter(BACKENDS))
    add("--backend", default=default, help=f"one of {names} (default: {default})")
    add("--neurons", type=whole, default=400, help="default: 400, 80 %% of them excitatory")
    add("--seed", type=whole, default=1, help="of the random weights (default: 1)")
    add("--draw", type=whole, default=0, help="which matrix of the seed's stream (default: 0)")
    add("--step-size", type=float, default=0.01, help="in time constants (default: 0.01)")
    add("--bias", type=float, default=0.1, help="of rate neurons, per step (default: 0.1)")
    add(
        "--refractory",
        type=float,
        default=0.0,
        help="rest of LIF neurons after a spike, in time constants (default: 0)",
    )
    add(
        "--rate-to-lif",
        default="tutorial",
        help="tutorial, corrected or identity (default: tutorial)",
    )
    add("--float-to-integer", default="tutorial", help="tutorial or full_range (default: tutorial)")
    add("--weight-bits", type=whole, default=8, help="of weights in integers (default: 8)")
    add("--steps", type=whole, default=1000, help="length of the simulation (default: 1000)")
    add("--burn-in", type=whole, default=200, help="steps not measured (default: 200)")
    add("--max-lag", type=whole, default=100, help="largest lag, in steps (default: 100)")
    add("--boxcar", type=whole, default=25, help="steps in which spikes are counted (default: 25)")
    add("--autocovariance", default="standard", help="standard or tutorial (default: standard)")
    add("--output", type=Path, help="default: results/simulate/BACKEND-qQ-gG-seedSEED.nc")
    add("--plot", action="store_true", help="draw a picture beside the output, as PNG")
    add_time_limit(simulate)
    simulate.set_defaults(command=_simulate)


def _add_show(commands) -> None:
    show = add_command(
        commands, "show", "print what is in a phase map or a recording", "results/demo/phase_map.nc"
    )
    show.add_argument("dataset", type=Path, help="a phase_map.nc, or a recording")
    show.add_argument("--html", type=Path, help="write it as a page to this file instead")
    show.set_defaults(command=_show)


def _add_explore(commands) -> None:
    explore = add_command(
        commands,
        "explore",
        "open a phase map as a page, in which a click on a cell runs its network",
        "results/demo/phase_map.nc",
    )
    explore.add_argument("dataset", type=Path, help="a phase_map.nc")
    explore.add_argument(
        "--output", type=Path, help="the page to write (default: explorer.html beside the dataset)"
    )
    explore.add_argument(
        "--no-open", action="store_true", help="write the page, but do not open it"
    )
    explore.set_defaults(command=_explore)


def _add_export(commands) -> None:
    export = add_command(
        commands,
        "export",
        "write a phase map as a table with one row a network, or as Zarr",
        "results/demo/phase_map.nc demo.csv",
    )
    export.add_argument("dataset", type=Path, help="a phase_map.nc")
    export.add_argument("output", type=Path, help="ends in .csv, .parquet or .zarr")
    export.set_defaults(command=_export)


def _add_publish(commands) -> None:
    publish = add_command(
        commands,
        "publish",
        "write a sweep's results as an RO-Crate, one zip file, for an archive such as Zenodo",
        "results/demo --license CC-BY-4.0",
    )
    publish.add_argument("results", type=Path, help="a folder with a phase_map.nc")
    publish.add_argument(
        "--output", type=Path, help="default: results/SWEEP.crate.zip, beside the folder"
    )
    publish.add_argument(
        "--license",
        default="",
        help="name by SPDX, or address (default: the config's about.license)",
    )
    publish.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    publish.set_defaults(command=_publish)


def _add_compile(commands) -> None:
    command = add_command(
        commands,
        "compile",
        "compile the kernels, which the first simulations would do otherwise",
        "",
    )
    command.set_defaults(command=_compile)


def _add_verify(commands) -> None:
    verify = add_command(
        commands,
        "verify",
        "simulate a random sample of a phase map's points again, derive anew what is derived from "
        "points, and compare to the bit",
        "results/demo/phase_map.nc --points 12",
    )
    verify.add_argument("dataset", type=Path, help="a phase_map.nc")
    verify.add_argument("--points", type=whole, default=6, help="how many (default: 6)")
    verify.add_argument("--seed", type=whole, help="of the sample (default: another each time)")
    verify.add_argument(
        "--step",
        action="store_true",
        help="instead, simulate LIF networks with half the time step, and list those that change",
    )
    verify.set_defaults(command=_verify)


def _add_compare(commands) -> None:
    compare = add_command(
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
    code = watched(f"simulating, {options.backend}", partial(_record, options), options)
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
        refractory=options.refractory,
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


def _show(options: argparse.Namespace) -> None:
    from eiphase.cli import terminal

    path = options.dataset
    with (
        setting_aside() if options.html else nullcontext(),
        netcdf.reading(path),
        netcdf.open_netcdf(path) as opened,
    ):
        if {"step", "neuron"} <= set(opened.dims):
            netcdf.check_recording(opened, path)
            terminal.print_recording(opened, html=options.html)
            return
        netcdf.check_phase_map(opened, path)
        terminal.print_phase_map(opened, html=options.html)


def _explore(options: argparse.Namespace) -> None:
    from eiphase.cli import terminal
    from eiphase.explorer import write

    path = options.dataset
    page = options.output or path.parent / "explorer.html"
    check_writable(page)
    with (
        setting_aside() if options.output else nullcontext(),
        netcdf.reading(path),
        netcdf.open_phase_map(path) as phase_map,
        progress_bar.progress("writing the page"),
    ):
        write.write(phase_map.load(), page)
    terminal.print_line("written:", page)
    if not options.no_open and _has_screen():
        webbrowser.open(page.resolve().as_uri())


def _export(options: argparse.Namespace) -> None:
    from eiphase.cli import terminal
    from eiphase.jobs.datasets import export

    export.check_format(options.output)
    with netcdf.reading(options.dataset), netcdf.open_phase_map(options.dataset) as phase_map:
        export.write(phase_map.load(), options.output)
    terminal.print_line("written:", options.output)


def _publish(options: argparse.Namespace) -> None:
    from eiphase.cli import terminal
    from eiphase.jobs.datasets import crate

    results = options.results.resolve()
    output = options.output or results.with_name(f"{results.name}.crate.zip")
    check_writable(output)
    if output.exists() and not options.overwrite:
        raise DatasetError(f"{output} is there already: name another --output, or add --overwrite.")
    lock = (CHECKOUT / "requirements.lock").read_text(encoding="utf-8")
    path = results / "phase_map.nc"
    with netcdf.reading(path), netcdf.open_phase_map(path) as phase_map:
        n_files = crate.write(phase_map, results, output, lock, options.license)
    terminal.print_line(f"written, with {n_files} files:", output)


def _has_screen() -> bool:
    """Whether a browser can show a page: without a screen it would fill the terminal."""
    named = {"DISPLAY", "WAYLAND_DISPLAY", "BROWSER"} & set(os.environ)
    return bool(named) or sys.platform in {"darwin", "win32"}  # which name none


def _compile(options: argparse.Namespace) -> None:
    from eiphase.jobs.before.compile import compile_all

    compile_all()


def _verify(options: argparse.Namespace) -> int:
    if options.seed is not None and options.seed < 0:
        raise DatasetError(f"--seed is {options.seed}, but must be 0 or more.")
    return _verify_step(options) if options.step else _verify_bits(options)


def _verify_bits(options: argparse.Namespace) -> int:
    from eiphase.cli import terminal
    from eiphase.jobs import verify

    path, names = options.dataset, [*netcdf.VARIABLES, *netcdf.DERIVED]
    with netcdf.reading(path), netcdf.open_phase_map(path) as phase_map:
        points = verify.sample(phase_map, options.points, seed=options.seed)
        code_digest = str(phase_map.attrs.get("code_digest"))
    differs = shared_array((1 + len(points), len(names)), "?")

    def verdicts(phase_map: "xr.Dataset") -> Iterator[list[bool]]:
        different = verify.not_derived(phase_map)
        yield [name in different for name in names]
        for _, different in verify.differences(phase_map, points):
            yield [name in different for name in names]

    code, n_done = _filled(differs, path, verdicts)
    found = [list(compress(names, row)) for row in differs[:n_done]]
    if not found:
        return code
    all_equal = terminal.print_verification(code_digest, points, found)
    return code or int(not all_equal)


def _verify_step(options: argparse.Namespace) -> int:
    from eiphase.cli import terminal
    from eiphase.jobs import verify
    from eiphase.jobs.datasets import step_check

    path = options.dataset
    with netcdf.reading(path), netcdf.open_phase_map(path) as phase_map:
        networks = verify.lif_networks(phase_map)
        points = verify.sample(networks, options.points, seed=options.seed)
    activity = shared_array((len(points), 2, len(verify.Activity._fields)), "float64")
    code, n_done = _filled(activity, path, lambda it: verify.with_half_the_step(it, points))
    pairs = [
        (verify.Activity(*before), verify.Activity(*after))
        for before, after in activity[:n_done].tolist()
    ]
    if pairs:
        known = {
            (p.backend, p.q_factor, p.g_factor, p.seed): verify.changes(*pair)
            for p, pair in zip(points, pairs, strict=False)
            if verify.comparable(*pair)
        }
        step_check.add(path, known)
        terminal.print_steps(
            [
                (point, before, after)
                for point, (before, after) in zip(points, pairs, strict=False)
                if verify.changes(before, after)
            ],
            n_cells=len(pairs),
            n_unknown=sum(not verify.comparable(*pair) for pair in pairs),
        )
    return code


def _filled(
    rows: np.ndarray, path: Path, work: Callable[["xr.Dataset"], Iterable]
) -> tuple[int, int]:
    """Fill shared rows, one after the other, with what a supervised process finds in a dataset.

    Returns its exit code and how many rows there are.
    """
    steps = shared_array((2,), "int64")
    steps[1] = len(rows)

    def fill() -> None:
        with netcdf.reading(path), netcdf.open_phase_map(path) as phase_map:
            for row in work(phase_map):
                rows[steps[0]] = row
                steps[0] += 1

    code = supervisor.supervised(
        lambda: without_traceback(fill),
        time_limit=None,
        meanwhile=progress_bar.progress_of_another("verifying", steps),
    )
    return code, int(steps[0])


@setting_aside()
def _compare(options: argparse.Namespace) -> None:
    with progress_bar.progress("drawing"):
        from eiphase.figures import save

        save.draw_comparison(options.datasets, options.figures)
