"""The command line: each rule of the workflow is one of these commands."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

# What is heavy, Lava and xarray, is imported by the commands that need it.
from eiphase import dataset
from eiphase import sweep as sweeps
from eiphase.dataset import DatasetError
from eiphase.sweep import SweepError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except (SweepError, DatasetError) as error:
        print(f"eiphase: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"eiphase: {error.filename}: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="eiphase", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    tile = commands.add_parser("simulate-tile", help="simulate one tile of a sweep through Lava")
    tile.add_argument("config", type=Path, help="the sweep's YAML file")
    tile.add_argument("output", type=Path, help="netCDF file to write")
    tile.add_argument("--backend", required=True, help="rate, lif_float or lif_bit_accurate")
    tile.add_argument("--seed", type=int, required=True)
    tile.add_argument("--tile", type=int, required=True, help="number of the tile, from 0")
    tile.add_argument(
        "--ranges", type=Path, nargs="?", help="lif_float tile; needed by lif_bit_accurate"
    )
    tile.set_defaults(command=_simulate_tile)

    gather = commands.add_parser("gather", help="gather all tiles of a sweep into one dataset")
    gather.add_argument("config", type=Path, help="the sweep's YAML file")
    gather.add_argument("output", type=Path, help="netCDF file to write")
    gather.add_argument("tiles", type=Path, nargs="+", help="all tiles of the sweep")
    gather.set_defaults(command=_gather)

    draw = commands.add_parser("draw", help="draw the figures of a dataset")
    draw.add_argument("dataset", type=Path, help="a phase_map.nc")
    draw.add_argument(
        "figures",
        type=Path,
        nargs="+",
        help="files to write; the name says which figure, the ending which format",
    )
    draw.set_defaults(command=_draw)
    return parser


def _simulate_tile(options: argparse.Namespace) -> None:
    from eiphase.simulation import simulate_tile

    sweep = sweeps.load(options.config)
    tile = sweep.tile(options.backend, options.seed, options.tile)
    ranges = None
    if tile.backend == "lif_bit_accurate":
        if options.ranges is None:
            raise SweepError("--ranges is missing, but lif_bit_accurate needs its lif_float tile.")
        source, ranges = dataset.read_tile(options.ranges, sweep)
        if source != replace(tile, backend="lif_float"):
            raise SweepError(f"--ranges is {source}, but {tile} needs that of lif_float.")
    dataset.write_tile(options.output, simulate_tile(sweep, tile, ranges=ranges), sweep, tile)


def _gather(options: argparse.Namespace) -> None:
    gathered = dataset.gather(options.tiles, sweeps.load(options.config), name=options.config.stem)
    dataset.write(gathered, options.output)


def _draw(options: argparse.Namespace) -> None:
    from eiphase import figures

    figures.draw(options.dataset, options.figures)


if __name__ == "__main__":
    sys.exit(main())
