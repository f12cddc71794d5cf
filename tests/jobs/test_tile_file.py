"""What a tile's file holds, and what is refused."""

import os
import shutil
import subprocess
import sys

import netCDF4
import numpy as np
import pytest
from tiny_sweep import SWEEP, VALID, values_of

from eiphase.backends import BACKENDS
from eiphase.errors import Damaged, DatasetError
from eiphase.jobs import gather, simulate
from eiphase.jobs.datasets import tile_file
from eiphase.simulation import tile as simulation
from eiphase.sweep import provenance
from eiphase.sweep.schema import Sweep
from eiphase.system import seal
from eiphase.variables import VARIABLES

SMALL = VALID | {"backends": ["rate", "lif_float", "lif_bit_accurate"], "tiles": 1}


def sweep_with(**changes):
    return Sweep.model_validate(SMALL | changes)


def test_what_was_written_is_read(tiles):
    tile = SWEEP.tile("lif_float", 2, 1)
    path = next(path for path in tiles if path.match("lif_float/seed-2/tile-1-*.nc"))
    contents = tile_file.read(path, SWEEP)
    assert (contents.backend, contents.seed) == ("lif_float", 2)
    assert contents.points == [(n.q_factor, n.g_factor) for n in SWEEP.networks(tile)]
    for name, values in values_of(tile).items():
        assert np.array_equal(contents.values[name], values), name


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_truncated_tile_is_damaged(tiles, kept):
    content = tiles[2].read_bytes()
    tiles[2].write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(Damaged, match=f"{tiles[2]} is damaged"):
        tile_file.read(tiles[2], SWEEP)


def test_a_changed_byte_is_found(tiles):
    """Somewhere in the numbers, where nothing but the checksum can tell."""
    content = bytearray(tiles[0].read_bytes())
    number = content.index(np.float64(100.007).tobytes())  # autocovariance at lag 7
    content[number] ^= 1
    tiles[0].write_bytes(content)
    with pytest.raises(Damaged):
        tile_file.read(tiles[0], SWEEP)


def test_another_tile_under_this_name_is_found(tiles):
    shutil.copy(tiles[1], tiles[0])
    with pytest.raises(Damaged, match="holds another tile than its name says"):
        tile_file.read(tiles[0], SWEEP)


@pytest.mark.parametrize(
    ("changes", "backend", "message"),
    [
        ({"network": {"neurons": 30}}, "rate", "with network.neurons = 20, but the sweep has 30"),
        ({"simulation": VALID["simulation"] | {"max_lag": 51}}, "lif_float", "max_lag = 50"),
        ({"observables": {"boxcar": 9}}, "lif_float", "observables.boxcar = 25"),
        ({"mapping": {"rate_to_lif": "identity"}}, "lif_float", "rate_to_lif = tutorial"),
    ],
)
def test_a_tile_of_another_sweep_is_refused(tiles, changes, backend, message):
    other = Sweep.model_validate(VALID | changes)
    path = next(path for path in tiles if backend in str(path))
    with pytest.raises(DatasetError, match=message):
        tile_file.read(path, other)


@pytest.mark.parametrize(
    ("changes", "rate", "lif_float", "lif_bit_accurate"),
    [
        ({"seeds": [5], "grid": {"q_factor": [3], "g_factor": [5]}}, True, True, True),
        ({"network": {"neurons": 30}}, False, False, False),
        ({"network": {"neurons": 20, "step_size": 0.02}}, False, False, False),
        ({"network": {"neurons": 20, "bias": 0.2}}, False, True, True),
        ({"network": {"neurons": 20, "refractory": 0.05}}, True, False, False),
        ({"simulation": VALID["simulation"] | {"steps": 301}}, False, False, False),
        ({"observables": {"boxcar": 9}}, True, False, False),
        ({"observables": {"unbiased": False}}, False, False, False),
        ({"mapping": {"rate_to_lif": "identity"}}, True, False, False),
        ({"backends": ["rate", "lif_float"]}, True, False, True),
    ],
)
def test_a_backend_depends_on_this_part_of_the_config(changes, rate, lif_float, lif_bit_accurate):
    before, after = sweep_with(), sweep_with(**changes)
    same = {b: before.parameters(b) == after.parameters(b) for b in SMALL["backends"]}
    assert same == {"rate": rate, "lif_float": lif_float, "lif_bit_accurate": lif_bit_accurate}


@pytest.mark.parametrize(
    ("changes", "backend"),
    [
        ({"observables": {"boxcar": 9}}, "rate"),
        ({"mapping": {"rate_to_lif": "identity"}}, "rate"),
        ({"network": {"neurons": 20, "bias": 0.2}}, "lif_float"),
        ({"network": {"neurons": 20, "refractory": 0.05}}, "rate"),
        ({"seeds": [1, 7]}, "lif_bit_accurate"),
    ],
)
def test_what_a_backend_does_not_depend_on_changes_no_bit(changes, backend):
    found = []
    for sweep in (sweep_with(), sweep_with(**changes)):
        ranges = None
        if backend == "lif_bit_accurate":
            ranges = simulation.simulate_tile(sweep, sweep.tile("lif_float", 1, 0))
        tile = sweep.tile(backend, 1, 0)
        found.append(simulation.simulate_tile(sweep, tile, source=ranges))
    for name in VARIABLES:
        assert np.array_equal(found[0][name], found[1][name], equal_nan=True), name


def test_a_tile_by_other_code_is_refused(tiles, monkeypatch):
    monkeypatch.setattr(provenance, "code_digest", lambda *_: "0" * 64)
    with pytest.raises(DatasetError, match=r"was simulated by code .*, but 000000000000 is what"):
        tile_file.read(tiles[0], SWEEP)


def test_code_of_one_backend_is_not_that_of_another():
    digests = {provenance.code_digest(b) for b in ("rate", "lif_float")}
    assert len({*digests, provenance.code_digest()}) == 3


def counted(backend):
    """Modules whose code the digest of a backend's numbers is of."""
    modules = ["simulation.tile", f"simulation.backends.{backend}"]
    left_out = {provenance._PACKAGE / name for name in provenance._NO_NUMBERS}
    paths = provenance._imported(modules, left_out)
    return {".".join(p.relative_to(provenance._PACKAGE).with_suffix("").parts) for p in paths}


# In a process of its own for each backend, forked from one that has imported none of eiphase, but
# what eiphase imports.
SIMULATED = """
import os, sys
import llvmlite.binding, numba, numpy, pydantic, scipy.linalg, scipy.optimize, xarray, yaml
for backend in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        from eiphase.simulation.tile import load_kernels
        from eiphase.sweep.schema import Mapping, Observables
        load_kernels(backend, Mapping(rate_to_lif="corrected"), Observables(chaos=True))
        ours = (name for name in sys.modules if name.startswith("eiphase."))
        print(*(name.removeprefix("eiphase.") for name in ours), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.fixture(scope="module")
def imported():
    """By backend, modules that a simulation has imported at its end, in words."""
    command = [sys.executable, "-c", SIMULATED, *BACKENDS]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(zip(BACKENDS, run.stdout.splitlines(), strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_code_that_simulates_counts(imported, backend):
    """Whatever a simulation has imported at its end, but for what gives no number."""
    left_out = tuple(name.replace("/", ".") for name in provenance._NO_NUMBERS)
    counts = {
        name
        for name in imported[backend].split()
        if not f"{name}.".startswith(tuple(f"{n}." for n in left_out))
    }
    found = {name.removesuffix(".__init__") for name in counted(backend)}
    assert counts
    assert counts <= found


def test_what_one_backend_has_of_its_own_does_not_count_for_another():
    assert "networks.loihi" not in counted("rate")
    assert "chaos.tangent" in counted("rate")
    assert "networks.loihi" in counted("lif_bit_accurate")


def test_an_extended_grid_simulates_only_what_is_new(tmp_path, capfd):
    """The tiles are cut otherwise too; the file is what a run from scratch writes."""
    before = sweep_with(tiles=2)
    grid = {"q_factor": [1.0, 3.0, 6.0], "g_factor": VALID["grid"]["g_factor"]}
    after = sweep_with(grid=grid, tiles=1)
    for number in (0, 1):
        tile = before.tile("rate", 1, number)
        simulate.run(before, tile, tmp_path / before.tile_path(tile))
    capfd.readouterr()
    tile = after.tile("rate", 1, 0)
    simulate.run(after, tile, tmp_path / after.tile_path(tile))
    progress = capfd.readouterr().err
    assert "rate seed 1 tile 0: 6 of 9 networks are known" in progress
    assert "simulated 9 of 54 networks" in progress
    simulate.run(after, tile, tmp_path / "scratch" / after.tile_path(tile))
    found, scratch = (
        tile_file.read(folder / after.tile_path(tile), after).values
        for folder in (tmp_path, tmp_path / "scratch")
    )
    for name in VARIABLES:
        assert np.array_equal(found[name], scratch[name], equal_nan=True), name


def test_what_is_taken_over_is_not_simulated(tmp_path, monkeypatch):
    sweep = sweep_with()
    tile = sweep.tile("rate", 1, 0)
    simulate.run(sweep, tile, tmp_path / sweep.tile_path(tile))
    monkeypatch.setattr(simulate, "simulate_tile", None)
    cut = sweep_with(tiles=3)
    tile = cut.tile("rate", 1, 1)
    simulate.run(cut, tile, tmp_path / cut.tile_path(tile))
    assert tile_file.read(tmp_path / cut.tile_path(tile), cut).points == [(1.0, 5.0), (6.0, 4.0)]


def test_points_that_are_taken_over_keep_their_origin(tmp_path):
    """The dataset names all commits and machines that simulated, beside the one that gathered."""
    grid = {"q_factor": [1.0, 3.0], "g_factor": [4.0]}
    after = sweep_with(grid=grid, seeds=[1], backends=["rate"], tiles=2)
    before = sweep_with(grid=grid | {"q_factor": [1.0, 6.0]}, seeds=[1], backends=["rate"])
    old, unused = ("old commit", "old machine"), ("unused", "unused")
    tile = before.tile("rate", 1, 0)
    path = tmp_path / before.tile_path(tile)
    tile_file.write(path, values_of(tile, before), before, tile, origins=[old])
    other = sweep_with(grid=grid | {"q_factor": [9.0]}, seeds=[1], backends=["rate"])
    tile = other.tile("rate", 1, 0)
    path = tmp_path / other.tile_path(tile)
    tile_file.write(path, values_of(tile, other), other, tile, origins=[unused])

    here, paths, origins = provenance.origin(), [], []
    for tile in after.all_tiles():
        paths.append(tmp_path / after.tile_path(tile))
        simulate.run(after, tile, paths[-1])
        origins.append(tile_file.read(paths[-1], after).origins)
    assert origins == [{old}, {here}]
    gather.gather(paths, after, tmp_path / "phase_map.nc", name="test")
    with netCDF4.Dataset(tmp_path / "phase_map.nc") as file:
        assert file.commit == "; ".join(sorted([old[0], here[0]]))
        assert file.machine == "; ".join(sorted([old[1], here[1]]))
        assert file.gathered_by == here[0]


@pytest.mark.parametrize(
    ("changes", "seed"), [({}, 2), ({"network": {"neurons": 30}}, 1), ({"seeds": [1, 9]}, 9)]
)
def test_what_is_of_another_network_is_not_taken_over(tmp_path, changes, seed):
    sweep = sweep_with()
    tile = sweep.tile("rate", 1, 0)
    tile_file.write(tmp_path / sweep.tile_path(tile), values_of(tile), sweep, tile)
    other = sweep_with(**changes)
    assert tile_file.known(tmp_path / "rate/seed-1", sweep, tile)[0]
    assert not tile_file.known(tmp_path / "rate/seed-1", other, other.tile("rate", seed, 0))[0]


def test_no_tile_is_opened_that_has_none_of_the_points(tiles, monkeypatch):
    """Nor one of other parameters or code: a job's time does not grow with its folder."""
    opened = []
    monkeypatch.setattr(seal, "content", lambda path: opened.append(path.name))
    folder = tiles[0].parent
    grid = {"q_factor": [2.0], "g_factor": [4.5]}
    other = Sweep.model_validate(VALID | {"grid": grid, "tiles": 1})
    assert not tile_file.known(folder, other, other.tile("rate", 1, 0))[0]
    other = Sweep.model_validate(VALID | {"network": {"neurons": 30}})
    assert not tile_file.known(folder, other, other.tile("rate", 1, 0))[0]
    monkeypatch.setattr(provenance, "code_digest", lambda *_: "0" * 64)
    assert not tile_file.known(folder, SWEEP, SWEEP.tile("rate", 1, 0))[0]
    assert not opened


def test_a_damaged_tile_is_not_taken_over(tmp_path):
    sweep = sweep_with()
    tile = sweep.tile("rate", 1, 0)
    path = tmp_path / sweep.tile_path(tile)
    tile_file.write(path, values_of(tile), sweep, tile)
    os.truncate(path, path.stat().st_size // 2)
    assert not tile_file.known(path.parent, sweep, tile)[0]


@pytest.mark.parametrize(
    ("backend", "seed", "number", "message"),
    [
        ("rate", 1, 0, "is rate seed 1, but lif_bit_accurate seed 1 tile 0 is made from lif_float"),
        ("lif_float", 2, 0, "is lif_float seed 2, but"),
        ("lif_float", 1, 1, "lacks q_factor 1.0, g_factor 4.0, which lif_bit_accurate seed 1"),
    ],
)
def test_dynamic_ranges_are_of_the_same_networks(tmp_path, backend, seed, number, message):
    sweep = sweep_with(tiles=2)
    tile = sweep.tile(backend, seed, number)
    path = tmp_path / "ranges.nc"
    tile_file.write(path, values_of(tile), sweep, tile)
    with pytest.raises(DatasetError, match=message):
        tile_file.source(path, sweep, sweep.tile("lif_bit_accurate", 1, 0))


def test_a_tile_says_where_it_comes_from(tiles):
    with netCDF4.Dataset(tiles[0]) as file:
        assert file.commit
        assert file.machine.startswith("Linux")
        assert "lava-nc" in file.versions
