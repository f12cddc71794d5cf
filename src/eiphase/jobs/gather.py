"""All tiles of a sweep become one labelled dataset; memory does not grow with their number."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import netCDF4
import numpy as np

from eiphase.backends import with_theory
from eiphase.chaos import border, phases
from eiphase.errors import Damaged, DatasetError
from eiphase.jobs import borders
from eiphase.jobs.before import spectra
from eiphase.jobs.borders import Refinements
from eiphase.jobs.datasets import tile_file
from eiphase.jobs.datasets.derivation import effective_couplings, of_theory
from eiphase.jobs.datasets.setting_aside import set_aside
from eiphase.jobs.datasets.tile_file import Contents, Point, Values
from eiphase.sweep import provenance
from eiphase.sweep.schema import Sweep
from eiphase.sweep.tiles import Tile
from eiphase.system import seal
from eiphase.variables import (
    AXES,
    DIMENSIONS,
    NOT_SIMULATED,
    VARIABLES,
    Variable,
    ancillary,
    measured,
)

_CHUNK_BYTES = 2**20
_CACHE_BYTES = 2**22  # of each variable: room for the chunks that a tile fills


def gather(
    tiles: Sequence[Path],
    sweep: Sweep,
    output: Path,
    *,
    name: str,
    refined: Iterable[Path] = (),
    of_spectra: Iterable[Path] = (),
    show: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write all tiles of a sweep as one dataset.

    Its dimensions are backend, q_factor, g_factor and seed, and for some variables lag.
    `name` is the sweep's. `refined` are the files of points near its borders, one of each
    backend and seed, if it asks for them. `of_spectra` are files that `spectra` wrote; of networks
    that are in none, theory finds the own border here, some seconds each. Raises `DatasetError`,
    and writes nothing, unless every point of the sweep is there exactly once and comes from its
    config and this code. Files that are damaged are renamed, so that the workflow's next run makes
    them again. `show` is told before each tile, and before each network with an own border, how
    many of both are done, and of how many; and at the end.
    """
    networks = borders.networks(sweep)
    n_steps = len(tiles) + len(networks)
    found = {n: q for path in of_spectra for n, q in spectra.read(path, sweep).items()}
    with seal.sealed(output) as partial, netCDF4.Dataset(partial, "w") as file:
        _define(file, sweep, name)
        refinements = _fill(file, tiles, refined, sweep, lambda done: show(done, n_steps))
        borders.check(refinements, sweep)
        _derive(file, sweep, refinements)
        for done, network in enumerate(networks):
            show(len(tiles) + done, n_steps)
            place = sweep.grid.g_factor.index(network[0]), sweep.seeds.index(network[1])
            known = network in found
            q = found[network] if known else borders.of_network(sweep, *network)
            file["network_critical_q"][place] = q
    show(n_steps, n_steps)


def gather_partial(tiles: Path, sweep: Sweep, output: Path, *, name: str) -> tuple[int, int]:
    """Write the networks of a sweep that are simulated so far, and flag the others.

    `tiles` is the folder of the sweep's tiles; it may be written to meanwhile. Where there is no
    network as yet, numbers are NaN and flags `NOT_SIMULATED`. Borders are those of whole lines
    along q_factor. `network_critical_q`, some seconds each, and refined borders are left to
    `gather`. The attribute `partial` says how many networks there are, and returned are how
    many, and of how many. Raises `DatasetError`, and writes nothing, if there is none.
    """
    with seal.sealed(output) as partial, netCDF4.Dataset(partial, "w") as file:
        _define(file, sweep, name, partial=True)
        origins: set[provenance.Origin] = set()
        for tile in sweep.all_tiles():
            folder = (tiles / sweep.tile_path(tile)).parent
            found, found_at = tile_file.known(folder, sweep, tile)
            if found:
                _put(file, folder, _contents(tile, sweep, found), sweep)
            origins |= found_at
        if not origins:
            raise DatasetError(f"No network of sweep {name} is simulated yet: {tiles} has none.")
        _say_where(file, origins)
        simulated = file["c0_flag"][:] != NOT_SIMULATED
        _derive(file, sweep, {}, simulated)
        n, n_all = int(simulated.sum()), simulated.size
        file.partial = f"{n} of {n_all} networks are simulated"
    return n, n_all


def _contents(tile: Tile, sweep: Sweep, found: dict[Point, Values]) -> Contents:
    """Points of a tile that are known, in its order."""
    grid = sweep.grid
    points = [(grid.q_factor[q], grid.g_factor[g]) for q, g in tile.points]
    points = [point for point in points if point in found]
    values = {name: np.array([found[point][name] for point in points]) for name in VARIABLES}
    return Contents(tile.backend, tile.seed, points, values, frozenset())


def _derive(
    file: netCDF4.Dataset,
    sweep: Sweep,
    refinements: Refinements,
    simulated: np.ndarray | None = None,
) -> None:
    """Write what follows from points, but for what takes long; `simulated` are those of them."""
    for b in range(len(sweep.backends)):
        for key, values in phases.over_seeds(file["phase"][b]).items():
            file[key][b] = values
    if sweep.observables.chaos:
        _derive_borders(file, sweep, refinements, simulated)
    _derive_couplings(file, sweep, simulated)
    if with_theory(sweep.backends):
        for name, values in of_theory(sweep, sweep.grid.q_factor, sweep.grid.g_factor).items():
            file[name][:] = values


def _fill(
    file: netCDF4.Dataset,
    tiles: Iterable[Path],
    refined: Iterable[Path],
    sweep: Sweep,
    show: Callable[[int], None],
) -> Refinements:
    """Write all points of the grid; returns what was measured between them."""
    times_seen = np.zeros([len(axis) for axis in _axes(sweep)], np.int8)
    origins: set[provenance.Origin] = set()
    damaged: list[str] = []
    for done, path in enumerate(tiles):
        show(done)
        contents = _undamaged(path, sweep, damaged)
        if contents is None:
            continue
        origins |= contents.origins
        times_seen[_put(file, path, contents, sweep)] += 1
    refinements: dict[tuple[str, int], border.Lines] = {}
    for path in refined:
        contents = _undamaged(path, sweep, damaged)
        if contents is None:
            continue
        origins |= contents.origins
        lines = border.lines(contents.backend, contents.points, contents.values)
        refinements[contents.backend, contents.seed] = lines
    if damaged:
        raise DatasetError(" ".join(damaged))
    _check_complete(times_seen, sweep)
    _say_where(file, origins)
    return refinements


def _put(
    file: netCDF4.Dataset, path: Path, contents: Contents, sweep: Sweep
) -> tuple[int, list, list, int]:
    """Write the points of a tile and their phases; returns the indices of where they stand."""
    backend, q, g, seed = place = _indices(path, contents, sweep)
    phase = phases.classify(contents.backend, contents.values)
    found = {**contents.values, "phase": phase}
    along_points = {key: array for key, array in found.items() if key in file.variables}
    for rows, columns, points in _blocks(q, g):
        for key, array in along_points.items():
            block = array[points]
            shape = (rows.stop - rows.start, columns.stop - columns.start, *block.shape[1:])
            file[key][backend, rows, columns, seed, ...] = block.reshape(shape)
    return place


def _say_where(file: netCDF4.Dataset, origins: set[provenance.Origin]) -> None:
    """Name the code and the machines that simulated the points."""
    file.gathered_by = file.commit
    for key, values in zip(("commit", "machine"), zip(*sorted(origins), strict=True), strict=True):
        file.setncattr(key, "; ".join(sorted(set(values))))


def _undamaged(path: Path, sweep: Sweep, damaged: list[str]) -> Contents | None:
    """Read a file. A damaged one is renamed, and a sentence about it goes to `damaged`."""
    try:
        return tile_file.read(path, sweep)
    except Damaged as error:
        damaged.append(f"{error}{set_aside(path)}")
        return None
    except DatasetError as error:  # what was renamed before is told, too
        raise DatasetError(" ".join([*damaged, str(error)])) from None


def _derive_borders(
    file: netCDF4.Dataset, sweep: Sweep, refinements: Refinements, simulated: np.ndarray | None
) -> None:
    """Where sensitivity begins, as measured on each backend; not along lines with gaps."""
    q_factor = np.array(sweep.grid.q_factor)
    for b, backend in enumerate(sweep.backends):
        points = {n: file[n][b] for n in borders.MEASURED_BY if n in file.variables}
        if simulated is None:
            derived = borders.measured(backend, q_factor, points)
        else:
            derived = borders.measured_in_part(backend, q_factor, points, simulated[b])
        if refinements:
            derived |= borders.refined_borders(backend, points, refinements, sweep)
        for name, values in derived.items():
            file[name][b] = values
    if refinements:
        file.setncatts(borders.counts(refinements, sweep))


def _derive_couplings(file: netCDF4.Dataset, sweep: Sweep, simulated: np.ndarray | None) -> None:
    """Effective couplings, from the weight scales of mapped networks."""
    axes = dict(zip(DIMENSIONS, _axes(sweep), strict=True))
    unmapped = np.full([len(axis) for axis in axes.values()], np.nan)
    scales = file["weight_scale"][:] if "weight_scale" in file.variables else unmapped
    found = effective_couplings(sweep, axes, scales)
    file["effective_coupling"][:] = (
        found if simulated is None else np.where(simulated, found, np.nan)
    )


def _axes(sweep: Sweep) -> tuple[Sequence, ...]:
    return sweep.backends, sweep.grid.q_factor, sweep.grid.g_factor, sweep.seeds


def _indices(path: Path, contents: Contents, sweep: Sweep) -> tuple[int, list, list, int]:
    """Where the points of a tile stand in the dataset."""
    backends, *grid, seeds = _axes(sweep)
    places = [{value: i for i, value in enumerate(axis)} for axis in grid]
    try:
        q, g = (
            [place[point[axis]] for point in contents.points] for axis, place in enumerate(places)
        )
        return backends.index(contents.backend), q, g, seeds.index(contents.seed)
    except (KeyError, ValueError):
        raise DatasetError(
            f"{path} holds points of {contents.backend} seed {contents.seed} that the sweep "
            "does not have."
        ) from None


def _blocks(q: list[int], g: list[int]) -> Iterator[tuple[slice, slice, slice]]:
    """The rectangles that points in their order fill: rows, columns, and which points.

    netCDF writes a rectangle in one call; a call for each point would be slow.
    """
    first = 0
    while first < len(q):
        # A row: the points that follow at the same q, each at the next g.
        end = first + 1
        while end < len(q) and q[end] == q[first] and g[end] == g[end - 1] + 1:
            end += 1
        width, columns = end - first, g[first:end]
        n_rows = 1
        # Further rows only if they are whole and have the same columns: tiles may begin and end
        # in the middle of a row, which then is a rectangle of its own.
        while (
            q[end : end + width] == [q[first] + n_rows] * width and g[end : end + width] == columns
        ):
            end += width
            n_rows += 1
        yield (
            slice(q[first], q[first] + n_rows),
            slice(columns[0], columns[-1] + 1),
            slice(first, end),
        )
        first = end


def _check_complete(times_seen: np.ndarray, sweep: Sweep) -> None:
    if (times_seen == 1).all():
        return
    odd = tuple(np.argwhere(times_seen != 1)[0])
    named = zip(DIMENSIONS, _axes(sweep), odd, strict=True)
    point = ", ".join(f"{dimension} {axis[i]}" for dimension, axis, i in named)
    raise DatasetError(f"The tiles hold {point} {times_seen[odd]} times, but need it once.")


def _define(file: netCDF4.Dataset, sweep: Sweep, name: str, *, partial: bool = False) -> None:
    """Dimensions, coordinates, attributes, and what the sweep measures, still empty."""
    what = "Partial phase map" if partial else "Phase map"
    file.setncatts(
        {
            "title": f"{what} of excitatory-inhibitory networks: {name}",
            "summary": "What simulated networks of rate neurons and of LIF neurons do, over "
            "recurrent gain, inhibition and seed.",
            "sweep": name,
            "sweep_config": sweep.model_dump_json(),
            "sweep_digest": sweep.digest,
            **provenance.attributes(),
            **sweep.about.attributes(),
        }
    )
    for dimension, values, dtype in (
        ("backend", np.array(sweep.backends, object), str),
        ("q_factor", sweep.grid.q_factor, "f8"),
        ("g_factor", sweep.grid.g_factor, "f8"),
        ("seed", sweep.seeds, "i8"),
        ("lag", sweep.lags, "i8"),
    ):
        file.createDimension(dimension, len(values))
        coordinate = file.createVariable(dimension, dtype, (dimension,))
        coordinate[:] = values
        coordinate.setncatts(AXES[dimension])
    present = measured(sweep.backends, sweep.model_dump())
    for key, variable in present.items():
        _define_variable(file, key, variable, partial=partial)
        file[key].setncatts(ancillary(key, present))


def _define_variable(file: netCDF4.Dataset, key: str, variable: Variable, *, partial: bool) -> None:
    n_q, n_g, n_lags = (len(file.dimensions[d]) for d in ("q_factor", "g_factor", "lag"))
    # A chunk holds points of one backend and seed, as tiles do: few chunks are written twice.
    sizes = {"backend": 1, "q_factor": n_q, "g_factor": n_g, "seed": 1}
    dimensions = variable.dimensions
    chunk = tuple(sizes[dimension] for dimension in dimensions)
    if variable.lagged:
        dimensions = (*dimensions, "lag")
        chunk = (1, 1, min(n_g, max(1, _CHUNK_BYTES // (8 * n_lags))), 1, n_lags)
    created = file.createVariable(
        key,
        variable.dtype,
        dimensions,
        zlib=True,
        complevel=1,
        shuffle=True,
        chunksizes=chunk,
        chunk_cache=_CACHE_BYTES,
        fill_value=False if variable.flags else variable.fill,
    )
    created.set_auto_mask(False)
    created.setncatts(variable.attributes(partial=partial))
    if variable.dimensions != DIMENSIONS:  # not all that is derived is there for all sweeps
        created[:] = variable.fill
    if partial:
        created[:] = NOT_SIMULATED if variable.flags else variable.fill
