"""The workflow's jobs: a command for each of its rules."""

import argparse
from pathlib import Path

from eiphase.backends import BACKENDS
from eiphase.cli.arguments import add_command, add_time_limit, whole
from eiphase.cli.running import setting_aside, supervised, watched
from eiphase.errors import SweepError

# What is heavy, Lava and xarray, is imported by the commands that need it.
from eiphase.jobs.datasets import netcdf
from eiphase.sweep.load import load
from eiphase.sweep.schema import LARGEST_SPECTRUM
from eiphase.system import installation, progress_bar
from eiphase.system.files import remove_leftovers

_FILES = "files to write; the name says which figure, the ending which format"


def add_jobs(commands) -> None:
    """Add them in the order in which a sweep runs them."""
    _add_simulate_tile(commands)
    _add_remap(commands)
    _add_refine(commands)
    _add_spectra(commands)
    _add_gather(commands)
    _add_simulate_divergence(commands)
    _add_draw(commands)
    _add_draw_overview(commands)
    _add_draw_tutorial(commands)
    _add_notebook(commands)


def _add_simulate_tile(commands) -> None:
    tile = add_command(
        commands,
        "simulate-tile",
        "simulate one tile of a sweep through Lava",
        "config/demo.yaml tile.nc --backend rate --seed 1 --tile 0",
    )
    tile.add_argument("config", type=Path, help="the sweep's YAML file")
    tile.add_argument("output", type=Path, help="netCDF file to write")
    tile.add_argument("--backend", required=True, help=f"one of {', '.join(BACKENDS)}")
    tile.add_argument("--seed", type=whole, required=True)
    tile.add_argument("--tile", type=whole, required=True, help="number of the tile, from 0")
    tile.add_argument(
        "--ranges", type=Path, nargs="?", help="tile of the backend that this one is made from"
    )
    add_time_limit(tile)
    tile.set_defaults(command=_simulate_tile)


def _simulate_tile(options: argparse.Namespace) -> int:
    sweep = load(options.config)
    tile = sweep.tile(options.backend, options.seed, options.tile)
    takes_from = BACKENDS[tile.backend].takes_from
    if takes_from and options.ranges is None:
        raise SweepError(f"--ranges is missing, but {tile.backend} needs its {takes_from} tile.")

    def work() -> None:
        from eiphase.jobs import simulate

        simulate.run(sweep, tile, options.output, source=options.ranges)

    return supervised(work, options)


def _add_remap(commands) -> None:
    remap = add_command(
        commands,
        "remap",
        "write a sweep's config with another mapping, for its LIF networks",
        "config/precision.yaml five_bits.yaml --mapping corrected-full_range-5",
    )
    remap.add_argument("config", type=Path, help="the sweep's YAML file")
    remap.add_argument("output", type=Path, help="YAML file to write")
    remap.add_argument("--mapping", required=True, help="rate_to_lif-float_to_integer-weight_bits")
    remap.set_defaults(command=_remap)


def _remap(options: argparse.Namespace) -> None:
    from eiphase.sweep import remapping

    sweep = load(options.config)
    remapping.write(remapping.remapped(sweep, options.mapping), options.output)


def _add_refine(commands) -> None:
    refine = add_command(
        commands,
        "refine",
        "simulate between grid points where a sweep's border lies, of one backend and seed",
        "config/chaos.yaml refined.nc --tiles results/chaos/tiles --backend rate --seed 1",
    )
    refine.add_argument("config", type=Path, help="the sweep's YAML file")
    refine.add_argument("output", type=Path, help="netCDF file to write")
    refine.add_argument("--tiles", type=Path, required=True, help="folder of the sweep's tiles")
    refine.add_argument("--backend", required=True, help=f"one of {', '.join(BACKENDS)}")
    refine.add_argument("--seed", type=whole, required=True)
    add_time_limit(refine)
    refine.set_defaults(command=_refine)


def _refine(options: argparse.Namespace) -> int:
    sweep = load(options.config)
    if sweep.refinement.precision is None:
        raise SweepError(f"{options.config} has no refinement.precision: nothing is to be refined.")
    tile = sweep.tile(options.backend, options.seed, 0)

    def work() -> None:
        from eiphase.jobs import simulate

        simulate.refine(sweep, tile.backend, tile.seed, options.output, tiles=options.tiles)

    code = supervised(work, options)
    if code != 0:  # and tiles of rounds, whose names only the worker knew
        for backend in filter(None, (BACKENDS[tile.backend].takes_from, tile.backend)):
            remove_leftovers(options.tiles / backend / f"seed-{tile.seed}")
    return code


def _add_spectra(commands) -> None:
    spectra = add_command(
        commands,
        "spectra",
        "find where rate networks of one seed lose their fixed point, from their own spectra",
        "config/demo.yaml spectra.nc --seed 1",
    )
    spectra.add_argument("config", type=Path, help="the sweep's YAML file")
    spectra.add_argument("output", type=Path, help="netCDF file to write")
    spectra.add_argument("--seed", type=whole, required=True, help="one of the sweep's")
    add_time_limit(spectra)
    spectra.set_defaults(command=_spectra)


def _spectra(options: argparse.Namespace) -> int:
    sweep = load(options.config)
    if not sweep.has_spectra:
        raise SweepError(
            f"{options.config} needs no spectra: only sweeps do with rate networks of up to "
            f"{LARGEST_SPECTRUM} neurons and observables.chaos = true."
        )
    sweep.tile(sweep.backends[0], options.seed, 0)  # says which seeds there are

    def work(show: progress_bar.Show) -> None:
        from eiphase.jobs.before import spectra

        spectra.write(sweep, options.seed, options.output, show)

    return watched("spectra", work, options)


def _add_gather(commands) -> None:
    gather = add_command(
        commands,
        "gather",
        "gather all tiles of a sweep into one dataset, or those that are there so far",
        "config/mine.yaml phase_map.nc tile-0.nc tile-1.nc\n"
        "  eiphase gather --partial config/mine.yaml",
    )
    gather.add_argument("config", type=Path, help="the sweep's YAML file")
    gather.add_argument("output", type=Path, nargs="?", help="netCDF file to write")
    gather.add_argument("tiles", type=Path, nargs="*", help="all tiles of the sweep")
    gather.add_argument(
        "--partial", action="store_true",
        help="draw a partial map of the tiles in results/, also while the sweep runs "
        "(default output: results/CONFIG/partial/partial_map.nc, figures beside it)",
    )  # fmt: skip
    gather.add_argument(
        "--refined", type=Path, nargs="*", default=[], help="of each backend and seed, if refined"
    )
    gather.add_argument(
        "--spectra", type=Path, nargs="*", default=[],
        help="files of `eiphase spectra`, one a seed (default: found anew)",
    )  # fmt: skip
    add_time_limit(gather)
    gather.set_defaults(command=_gather)


def _gather(options: argparse.Namespace) -> int:
    if options.partial:
        _gather_partial(options)
        return 0
    if not options.tiles:
        raise SweepError(
            "An output and all tiles of the sweep are needed; `eiphase gather --partial "
            f"{options.config}` finds those that are there."
        )
    sweep = load(options.config)

    def work(show: progress_bar.Show) -> None:
        from eiphase.jobs import gather

        gather.gather(
            options.tiles,
            sweep,
            options.output,
            name=options.config.stem,
            refined=options.refined,
            of_spectra=options.spectra,
            show=show,
        )

    return watched("gathering", work, options)


def _gather_partial(options: argparse.Namespace) -> None:
    """The map of what is simulated so far, and its figures."""
    from eiphase import figures
    from eiphase.cli import terminal
    from eiphase.jobs import gather

    if options.tiles:
        raise SweepError("--partial finds the tiles itself: name none.")
    if options.spectra or options.time_limit is not None:
        raise SweepError("--partial takes neither --spectra nor --time-limit: leave them out.")
    installation.require_lava()  # of whose version the tiles must be
    sweep, name = load(options.config), options.config.stem
    output = options.output or Path("results", name, "partial/partial_map.nc")
    if output.name == "phase_map.nc":
        raise SweepError(f"{output} is the name of a whole map: give a partial one another.")
    with progress_bar.progress("gathering"):
        tiles = Path("results", name, "tiles")
        n, n_all = gather.gather_partial(tiles, sweep, output, name=name)
    with progress_bar.progress("drawing") as show:
        from eiphase.figures import save

        names = figures.of_sweep(sweep.backends, chaos=sweep.observables.chaos)
        drawn = [output.parent / f"figures/{name}.png" for name in names]
        save.draw_phase_map(output, drawn, show)
    terminal.print_line(
        f"{n} of {n_all} networks are simulated: {output}, figures in {output.parent}/figures."
    )


def _add_simulate_divergence(commands) -> None:
    divergence = add_command(
        commands,
        "simulate-divergence",
        "follow the damage by one spike, or bit, below, at and above the border",
        "results/chaos/phase_map.nc divergence.nc",
    )
    divergence.add_argument("dataset", type=Path, help="a phase_map.nc")
    divergence.add_argument("output", type=Path, help="netCDF file to write")
    add_time_limit(divergence)
    divergence.set_defaults(command=_simulate_divergence)


def _simulate_divergence(options: argparse.Namespace) -> int:

    def work(show: progress_bar.Show) -> None:
        from eiphase.jobs import divergence

        path = options.dataset
        with netcdf.reading(path), netcdf.open_phase_map(path) as phase_map:
            found = divergence.simulate_across_border(phase_map, show)
        netcdf.write(found, options.output)

    return watched("simulating divergence", work, options)


def _add_draw(commands) -> None:
    draw = add_command(
        commands,
        "draw",
        "draw figures of a phase map",
        "results/demo/phase_map.nc phase_maps.png cut.pdf",
    )
    draw.add_argument("dataset", type=Path, help="a phase_map.nc")
    draw.add_argument("figures", nargs="+", type=Path, help=_FILES)
    draw.set_defaults(command=_draw)


@setting_aside()
def _draw(options: argparse.Namespace) -> None:
    with progress_bar.progress("drawing") as show:
        from eiphase.figures import save

        save.draw_phase_map(options.dataset, options.figures, show)


def _add_draw_overview(commands) -> None:
    overview = add_command(
        commands,
        "draw-overview",
        "draw a sweep's chaos on one page",
        "results/chaos/phase_map.nc results/chaos/divergence.nc overview.png overview.pdf",
    )
    overview.add_argument("dataset", type=Path, help="a phase_map.nc")
    overview.add_argument("divergence", type=Path, help="a divergence.nc of the same sweep")
    overview.add_argument(
        "figures", nargs="+", type=Path, help="overview.png, overview.pdf and so on"
    )
    overview.set_defaults(command=_draw_overview)


@setting_aside()
def _draw_overview(options: argparse.Namespace) -> None:
    with progress_bar.progress("drawing"):
        from eiphase.figures import save

        save.draw_overview(options.dataset, options.divergence, options.figures)


def _add_draw_tutorial(commands) -> None:
    tutorial = add_command(
        commands,
        "draw-tutorial",
        "draw the tutorial's figures",
        "--recordings results/tutorial/*.nc --figures states.png rasters.png",
    )
    tutorial.add_argument(
        "--recordings", nargs="+", type=Path, required=True, help="of its networks"
    )
    tutorial.add_argument("--figures", nargs="+", type=Path, required=True, help=_FILES)
    tutorial.set_defaults(command=_draw_tutorial)


@setting_aside()
def _draw_tutorial(options: argparse.Namespace) -> None:
    with progress_bar.progress("drawing") as show:
        from eiphase.figures import save

        save.draw_tutorial(options.recordings, options.figures, show)


def _add_notebook(commands) -> None:
    notebook = add_command(
        commands,
        "notebook",
        "run a notebook script, beside its data",
        "notebooks/phase_map.py results/demo/notebook.ipynb",
    )
    notebook.add_argument("script", type=Path, help="a Python script in percent format")
    notebook.add_argument("output", type=Path, help=".ipynb to write; cells run in its folder")
    add_time_limit(notebook)
    notebook.set_defaults(command=_notebook)


def _notebook(options: argparse.Namespace) -> int:

    def work(show: progress_bar.Show) -> None:
        from eiphase.jobs import notebook

        notebook.execute(options.script, options.output, show)

    return watched("running the notebook", work, options)
