"""Phase maps that are joined: as if one sweep had simulated them."""

import pytest
import xarray as xr
from tiny_sweep import VALID, made_up_own_borders, simulate_and_gather, write_tiles

import eiphase
from eiphase.errors import DatasetError
from eiphase.jobs import gather, verify
from eiphase.jobs.datasets import netcdf
from eiphase.sweep.schema import Sweep
from eiphase.variables import DERIVED, VARIABLES

CONFIG = VALID | {
    "grid": {"q_factor": [1.0, 3.0, 6.0], "g_factor": [4.0, 5.0]},
    "backends": ["rate", "lif_float", "lif_bit_accurate"],
    "observables": {"chaos": True},
    "refinement": {"precision": 0.5},
    "tiles": 1,
}
NAMES = list(VARIABLES | DERIVED)
REFINED = [name for name in DERIVED if name.startswith("refined_q")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A real phase map, with refined borders."""
    folder = tmp_path_factory.mktemp("combined")
    return xr.load_dataset(simulate_and_gather(Sweep.model_validate(CONFIG), folder))


def made_up(folder, **changes):
    """A phase map of made-up numbers, gathered as a sweep of its own."""
    config = {key: value for key, value in (CONFIG | changes).items() if key != "refinement"}
    sweep = Sweep.model_validate(config)
    with made_up_own_borders():
        gather.gather(write_tiles(folder, sweep), sweep, folder / "phase_map.nc", name="part")
    return xr.load_dataset(folder / "phase_map.nc")


def different(found, expected, names=NAMES):
    assert dict(found.sizes) == dict(expected.sizes)
    assert set(found.data_vars) == set(expected.data_vars)
    return [n for n in names if n in expected and not found[n].identical(expected[n])]


@pytest.mark.parametrize("dimension", ["seed", "g_factor", "q_factor"])
@pytest.mark.parametrize("overlap", [0, 1])
def test_parts_of_a_phase_map_give_it_back_to_the_bit(whole, dimension, overlap):
    parts = whole.isel({dimension: slice(0, 1 + overlap)}), whole.isel({dimension: slice(1, None)})
    found = eiphase.combine(*reversed(parts))
    names = [name for name in NAMES if name not in REFINED or dimension != "q_factor"]
    assert different(found, whole, names) == []
    assert found.attrs["sweep_digest"] == whole.attrs["sweep_digest"]
    assert {key: found.attrs[key] for key in ("commit", "machine", "code_digest", "versions")} == {
        key: whole.attrs[key] for key in ("commit", "machine", "code_digest", "versions")
    }
    if dimension == "q_factor" and not overlap:
        assert found.refined_q.isnull().all()
        assert (found.refined_q_flag == -1).all()


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """Two phase maps of made-up numbers, of seed 1 and of seed 2."""
    folder = tmp_path_factory.mktemp("seeds")
    return [made_up(folder / f"{seed}", seeds=[seed]) for seed in (1, 2)]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """One of both seeds."""
    return made_up(tmp_path_factory.mktemp("plain"))


def test_sweeps_of_other_seeds_give_what_one_sweep_gives(seeds, plain):
    together = plain
    found = eiphase.combine(*reversed(seeds))
    assert different(found, together) == []
    assert found.attrs["sweep_digest"] == together.attrs["sweep_digest"]


def test_what_is_joined_is_a_phase_map_that_can_be_written_verified_and_drawn(whole, tmp_path):
    joint = eiphase.combine(whole.isel(seed=[0]), whole.isel(seed=[1]))
    joint.to_netcdf(tmp_path / "joint.nc")
    with netcdf.open_phase_map(tmp_path / "joint.nc") as found:
        assert verify.not_derived(found) == []
        points = verify.sample(found, 3, seed=1)
        assert all(wrong == [] for _, wrong in verify.differences(found, points))
        eiphase.plot_phases(found)
        eiphase.plot_phase_maps(found)


def changed(phase_map, name, **where):
    other = phase_map.copy(deep=True)
    other[name][where] += 1
    return other


def test_what_does_not_fit_is_named(whole, plain, tmp_path):
    neurons = made_up(tmp_path / "neurons", network={"neurons": 40})
    floats = made_up(tmp_path / "floats", backends=["rate", "lif_float"])
    older = whole.assign_attrs(code_digest="0" * 64)
    for parts, message in (
        ((), r"There is no phase map to combine\."),
        ((whole, None), r"phase map 2 is a NoneType\."),
        (
            (whole.isel(seed=0), whole),
            r"phase map 1 \(test\) is not a phase map: it has no seed: select with a list, as "
            r"isel\(seed=\[0\]\)\.",
        ),
        ((whole, whole[["c0"]]), r"phase map 2 \(test\) is not a phase map: it has no lag\."),
        (
            (plain, neurons),
            r"phase map 1 \(part\) was simulated with network\.neurons = 20, "
            r"phase map 2 \(part\) with 40: only grid, seeds and backends may differ\.",
        ),
        ((whole, older), r"simulated with code_digest = \w{16}, phase map 2 \(test\) with 0{16}"),
        (
            (whole.isel(seed=[0], q_factor=[0]), whole.isel(seed=[1], q_factor=[1])),
            r"lack 12 of 24 points, the first at backend rate, q_factor 1\.0, g_factor 4\.0, "
            r"seed 2: a phase map needs all of them\.",
        ),
        (
            (whole, changed(whole, "mean_rate", backend=1, q_factor=2, g_factor=1, seed=0)),
            r"mean_rate of phase map 2 \(test\) differs from that of another phase map at backend "
            r"lif_float, q_factor 6\.0, g_factor 5\.0, seed 1\.",
        ),
        ((floats, plain), r"phase map 1 \(part\) has lif_float without lif_bit_accurate, which"),
    ):
        with pytest.raises(DatasetError, match=message):
            eiphase.combine(*parts)


@pytest.mark.parametrize(
    "join",
    [
        lambda a, b: xr.concat([a, b], "seed", data_vars="all"),
        lambda a, b: xr.concat([a, b], "seed", data_vars="minimal", coords="minimal",
                               compat="override"),
        lambda a, b: a.combine_first(b),
    ],
    ids=["concat", "concat of what has seeds", "combine_first"],
)  # fmt: skip
def test_plots_refuse_what_was_joined_otherwise(seeds, join):
    joined = join(*seeds)
    for plot in (eiphase.plot_phases, eiphase.plot_phase_maps):
        with pytest.raises(DatasetError, match=r"join phase maps with eiphase\.combine\."):
            plot(joined)


def test_flags_that_a_selection_has_made_floats_are_read_all_the_same(whole):
    part = whole.where(whole.q_factor > 2)
    assert part.phase.dtype.kind == "f"
    figure = eiphase.plot_phases(part)
    without = eiphase.plot_phases(whole.sel(q_factor=[3.0, 6.0]))
    texts = [[text.get_text() for text in one.legends[0].get_texts()] for one in (figure, without)]
    assert texts[0] == texts[1]
    with pytest.raises(DatasetError, match="phase is averaged over seeds"):
        eiphase.plot_phases(whole.mean("seed"))
