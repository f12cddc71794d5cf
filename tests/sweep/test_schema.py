import time

import pytest
import yaml
from conftest import REPOSITORY
from pydantic import ValidationError
from tiny_sweep import VALID, changed

from eiphase.errors import SweepError
from eiphase.networks.weights import Network
from eiphase.simulation.single import simulate
from eiphase.sweep.load import load
from eiphase.sweep.schema import Grid, Sweep

CONFIGS = sorted((REPOSITORY / "config").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_are_valid(path):
    load(path)


def test_a_range_includes_both_ends():
    assert Sweep.model_validate(VALID).grid.g_factor == (4.0, 4.5, 5.0)


# A key (dots between levels), the value put there (None: the key is removed), and what the
# message must say: the key, the value, and what is allowed.
BAD = [
    ("grid.q_factor", [], "q_factor is [], but it needs at least one value"),
    ("grid.g_factor", {"start": 1, "stop": 2, "count": 0}, "greater than or equal to 1"),
    (
        "grid.q_factor",
        ["strong"],
        "grid.q_factor.0 is 'strong', but input should be a valid number",
    ),
    ("grid.q_factor", [float("nan")], "is nan, but input should be a finite number"),
    ("grid.q_factor", [-1.0], "is -1.0, but input should be greater than 0"),
    ("grid.q_factor", [0], "is 0, but input should be greater than 0"),
    ("grid.q_factor", 3.0, "grid.q_factor is 3.0, but it must be a list"),
    ("grid.q_factor", [True], "grid.q_factor.0 is True"),
    ("grid.q_factor", [1, 1.0], "values must be distinct, and 1.0 stands there twice"),
    (
        "grid.g_factor",
        [4, 0.25],
        "holds 0.25, but the tutorial mapping is defined for g_factor > N_I",
    ),
    ("seeds", [3, 3], "values must be distinct, and 3 stands there twice"),
    ("seeds", [-1], "seeds.0 is -1"),
    ("seeds", [], "seeds is [], but it needs at least one value"),
    ("network.neurons", 4, "network.neurons is 4, but input should be greater than or equal to 5"),
    ("network.neurons", 20.5, "network.neurons is 20.5, but input should be a valid integer"),
    ("network.step_size", 0.5, "step_size is 0.5, but input should be less than or equal to 0.1"),
    ("network", None, "network is missing"),
    ("network", "big", "it must hold the keys neurons, step_size, bias, refractory"),
    (
        "network.refractory",
        0.054,
        "network.refractory is 0.054, but it must be a whole number of steps of 0.01: the nearest "
        "are 0.05 and 0.06",
    ),
    ("network.refractory", -0.01, "is -0.01, but input should be greater than or equal to 0"),
    ("network.refractory", float("inf"), "refractory is inf, but input should be a finite number"),
    ("simulation.burn_in", 300, "burn_in is 300, but it must fit once into simulation.steps = 300"),
    ("simulation.burn_in", 10, "burn_in is 10, but with spiking backends it must be at least"),
    ("simulation.max_lag", 200, "max_lag is 200, but it must be less than the 200 steps"),
    (
        "simulation.steps",
        "1k",
        "steps is '1k', but input should be a valid integer, written like 400 or 1e3",
    ),
    (
        "backends",
        ["rate", "gpu"],
        "backends.1 is 'gpu', but input should be 'rate', 'lif_float' or",
    ),
    ("backends", "rate", "backends is 'rate', but it must be a list"),
    (
        "observables.autocovariance",
        "fast",
        "is 'fast', but input should be 'standard' or 'tutorial'",
    ),
    ("mapping.rate_to_lif", "best", "input should be 'tutorial', 'corrected' or 'identity'"),
    ("tiles", 7, "tiles is 7, but it must be at most the number of grid points, 6"),
    ("tiles", 0, "tiles is 0, but input should be greater than or equal to 1"),
    ("network.neurons", 10**9, "neurons is 1000000000, but input should be less than or equal to"),
    ("grid.q_factor", {"start": 1, "stop": 1e308, "count": 3}, "stop is 1e+308, but input"),
    ("observables", {"autocovariance": "tutorial", "unbiased": False}, "only the standard"),
    ("refinement.precision", 0, "precision is 0, but input should be greater than or equal to"),
    ("refinement.precision", 0.1, "precision is 0.1, but there is a border to refine only where"),
    ("refinement.accuracy", 1, "accuracy is not a key that a sweep knows; allowed are precision"),
    ("grid.q_faktor", [1], "grid.q_faktor is not a key that a sweep knows; did you mean q_factor?"),
    ("Seed", [1], "Seed is not a key that a sweep knows; did you mean seeds? allowed are network"),
    ("boxcar", 25, "boxcar is not a key that a sweep knows; did you mean observables.boxcar?"),
    ("simulation.neurons", 9, "did you mean network.neurons? allowed are steps, burn_in, max_lag"),
    ("grid.g_factor", {"start": 4, "stop": 5, "n": 3}, "allowed are start, stop, count, step"),
    ("grid.g_factor", {"start": 4, "stop": 5}, "it must have either a count or a step"),
    ("grid.g_factor", {"start": 4, "stop": 5, "count": 2, "step": 1}, "either a count or a step"),
    ("grid.g_factor", {"start": 4, "stop": 5, "count": 1}, "a count of 1 leaves room for one end"),
    ("grid.g_factor", {"start": 4, "stop": 5, "step": 0.3}, "lead to 4.9, not to 5.0: change the"),
    ("grid.g_factor", {"start": 4, "stop": 5, "step": 5e-324}, "these are more than 1000 values"),
    ("grid.g_factor", {"start": 4, "stop": 5, "count": 10**12}, "count is 1000000000000, but"),
    ("grid.g_factor", {"start": 4, "stop": 4.0000000000001, "count": 5}, "stands there twice"),
    ("grid.q_factor", [0.3, 0.1 + 0.2], "within 12 digits, and 0.3 and 0.30000000000000004 do not"),
    ("grid.q_factor", list(range(1, 2000)), "[1, 2, 3, 4, 5, 6, ...], but"),
    ("colour", "red", "colour is not a key that a sweep knows; allowed are network, grid, seeds"),
    (
        "grid.width",
        [1],
        "grid.width is not a key that a sweep knows; allowed are q_factor",
    ),
]


@pytest.mark.parametrize(("key", "value", "message"), BAD)
def test_bad_input_is_named_in_one_sentence(tmp_path, key, value, message):
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(changed(key, value)))
    with pytest.raises(SweepError) as caught:
        load(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [", "line 1, is not valid YAML"),
        ("- 1", "must hold keys and values"),
        ("", "must hold"),
        ("seeds: [1]\nseeds: [2]", "line 1, is not valid YAML: seeds stands there twice"),
        ("[" * 20_000, "line 1, is not valid YAML: nested too deeply"),
        ("a: " + "{b: " * 20_000, "line 1, is not valid YAML: nested too deeply"),
        ("network:\n\tneurons: 20", "line 2, is not valid YAML: a tab stands there, but only"),
        ("# a\0b", r"line 1, is not valid YAML: it holds the control character U\+0000"),
        ("a: 1\n# \x1b[2J", r"line 2, is not valid YAML: it holds the control character U\+001B"),
        ("tiles: " + "9" * 5000, "line 1, is not valid YAML: a number of 5000 characters stands"),
        *(
            (f"tiles: {tagged}", "is not valid YAML: a value is not of the type that its tag says")
            for tagged in (
                "!!int x",
                "!!int ''",
                "!!float ''",
                "!!bool maybe",
                "!!timestamp x",
                "!!map [1]",
            )
        ),
        ("a: &b [1]\nc: *b", r"line 2, is not valid YAML: \*b repeats another value"),
        ("# " + "a" * 100_000, "is larger than 100 kB"),
    ],
)
def test_what_is_no_config_is_said_so(tmp_path, content, message):
    path = tmp_path / "bad.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SweepError, match=message):
        load(path)


@pytest.mark.parametrize("estimator", ["standard", "tutorial"])
def test_a_sweep_is_read_again_as_a_phase_map_keeps_it(estimator):
    sweep = Sweep.model_validate(VALID | {"observables": {"autocovariance": estimator}})
    assert Sweep.model_validate_json(sweep.model_dump_json()) == sweep


def test_text_that_is_not_utf_8_is_said_so(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes("# so\n# groß".encode("latin-1"))
    with pytest.raises(SweepError, match=r"latin\.yaml, line 2, cannot be read: it is not text in"):
        load(path)


TEXT = yaml.safe_dump(VALID)


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("\n", "\r\n"),
        "\ufeff" + TEXT,
        "# groß, Größe\n" + TEXT,
        TEXT.replace("steps: 300", "steps: 3e2").replace("burn_in: 100", "burn_in: 1.0E+2"),
        TEXT.replace("steps: 300", "steps: +3_00"),
        TEXT.replace("- 6.0", "- 6e0").replace("- 1.0", "- 1."),
    ],
    ids=["CRLF", "BOM", "UTF-8", "exponents", "plus", "point"],
)
def test_a_config_may_be_written_in_these_ways_too(tmp_path, text):
    path = tmp_path / "same.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    assert load(path) == Sweep.model_validate(VALID)


@pytest.mark.parametrize(
    ("number", "value"),
    [("1e-2", 0.01), ("1E-2", 0.01), (".1e-1", 0.01), ("10e-3", 0.01), ("0.01", 0.01)],
)
def test_numbers_are_read_as_they_are_written_elsewhere(tmp_path, number, value):
    path = tmp_path / "step.yaml"
    path.write_text(TEXT.replace("neurons: 20", f"neurons: 20\n  step_size: {number}"))
    assert load(path).network.step_size == value


@pytest.mark.parametrize("value", ["010", "1:30", "2001-01-01", "1e400", "1.5e0", "1e-1", "ten"])
def test_what_could_be_read_as_another_number_is_refused(tmp_path, value):
    """YAML 1.1 has 8 for 010, and 90 for 1:30."""
    path = tmp_path / "seeds.yaml"
    path.write_text(TEXT.replace("seeds:\n- 1\n", f"seeds:\n- {value}\n"))
    with pytest.raises(SweepError, match=r"seeds\.0 is .*, but input should be a valid integer"):
        load(path)


def bomb(levels, tail):
    """Each level holds the one before nine times."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for level in range(1, levels):
        names = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level} [{names}]")
    return "\n".join([*lines, tail.format(levels - 1)])


@pytest.mark.parametrize(
    "tail", ["seeds: *a{}", "<<: {{seeds: *a{}}}", "network: {{neurons: *a{}}}"]
)
def test_a_small_file_cannot_become_large(tmp_path, tail):
    path = tmp_path / "bomb.yaml"
    path.write_text(bomb(9, tail))
    assert path.stat().st_size < 800
    began = time.process_time()
    with pytest.raises(SweepError, match=r"line 2, is not valid YAML: \*a0 repeats another value"):
        load(path)
    assert time.process_time() - began < 1


def test_values_between_two_ends_are_those_that_a_person_would_type():
    grid = Grid(q_factor={"start": 0.1, "stop": 1.0, "count": 10}, g_factor=[1.0])
    typed = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    assert grid.q_factor == typed
    for step in ({"start": 0.1, "stop": 1.0, "step": 0.1}, list(typed)):
        assert Grid(q_factor=step, g_factor=[1.0]).q_factor == typed
    down = Grid(q_factor={"start": 1.0, "stop": 0.1, "step": 0.1}, g_factor=[1.0])
    assert down.q_factor == typed[::-1]


def test_a_list_and_both_ends_stay_as_they_are_typed():
    third = 1 / 3
    assert Grid(q_factor=[third], g_factor=[1]).q_factor == (0.3333333333333333,)
    ends = Grid(q_factor={"start": third, "stop": 2 * third, "count": 2}, g_factor=[1]).q_factor
    assert ends == (0.3333333333333333, 0.6666666666666666)
    one = Grid(q_factor={"start": 2, "stop": 2, "count": 1}, g_factor=[1]).q_factor
    assert one == (2.0,)


def test_a_longer_range_in_steps_keeps_the_points_that_it_had():
    short, long = (
        Grid(q_factor={"start": 0.3, "stop": stop, "step": 0.1}, g_factor=[1]).q_factor
        for stop in (1.7, 5.3)
    )
    assert long[: len(short)] == short
    assert len(short) == 15


def test_a_message_never_formats_a_whole_value():
    """Python itself refuses to print an integer of more than 4300 digits."""
    for value, shown in ((10**5000, "an integer of 16610 bits"), ("x" * 10**6, "'xxxx")):
        with pytest.raises(SweepError, match=rf"n_neurons is {shown}.*, but input") as caught:
            simulate(Network(n_neurons=value, q_factor=1.0, g_factor=5.0, seed=1), "rate", steps=9)
        assert len(str(caught.value)) < 200


def test_a_missing_file_is_said_so(tmp_path):
    with pytest.raises(SweepError, match=r"nowhere\.yaml cannot be read: No such file"):
        load(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    "name", ["my sweep.yaml", "a'b.yaml", "a\0b.yaml", "-rf.yaml", "a\nb.yaml", "a=b.yaml"]
)
def test_a_name_that_could_not_be_a_folders_is_refused(tmp_path, name):
    with pytest.raises(SweepError, match="characters"):
        load(f"{tmp_path}/{name}")


@pytest.mark.parametrize("name", ["tutorial.yaml", "simulate.yaml", ".hidden.yaml", "...yaml"])
def test_a_name_that_is_another_folders_is_refused(tmp_path, name):
    """results/tutorial is the tutorial's; and results/.. would be a folder above."""
    (tmp_path / name).write_text(yaml.safe_dump(VALID))
    with pytest.raises(SweepError, match=r"names its results, but the name .* is taken"):
        load(tmp_path / name)


def test_sums_of_counts_fit_into_64_bits():
    """N T w^2, the largest that they can be."""
    long = {"steps": 10_000_000, "burn_in": 10_000, "max_lag": 1000}
    config = VALID | {"network": {"neurons": 20_000}, "simulation": long}
    Sweep.model_validate(config | {"observables": {"boxcar": 6790}})
    assert 20_000 * 6790**2 * 10**7 < 2**63 < 20_000 * 6791**2 * 10**7
    with pytest.raises(ValueError, match=r"boxcar is 6791, but .* at most 6790, so that sums"):
        Sweep.model_validate(config | {"observables": {"boxcar": 6791}})
    Sweep.model_validate(config | {"observables": {"boxcar": 6791}, "backends": ["rate"]})


def test_the_boxcar_fits_into_burn_in_exactly():
    config = VALID | {"observables": {"boxcar": 101}}
    Sweep.model_validate(config)
    with pytest.raises(ValueError, match=r"at least observables\.boxcar - 1 = 101"):
        Sweep.model_validate(VALID | {"observables": {"boxcar": 102}})


def test_the_tutorial_estimator_needs_burn_in_at_both_ends():
    config = changed("simulation.burn_in", 150)
    Sweep.model_validate(config)
    config["observables"] = {"autocovariance": "tutorial"}
    with pytest.raises(ValueError, match="twice"):
        Sweep.model_validate(config)


@pytest.mark.parametrize(
    "config",
    [
        changed("mapping.rate_to_lif", "identity") | {"grid": {"q_factor": [1], "g_factor": [0.1]}},
        changed("backends", ["rate"]) | {"grid": {"q_factor": [1], "g_factor": [0.1]}},
    ],
)
def test_low_inhibition_is_fine_without_the_tutorial_mapping(config):
    Sweep.model_validate(config | {"tiles": 1})


@pytest.mark.parametrize("tiles", [1, 2, 3, 4, 6])
def test_tiles_hold_every_point_once(tiles):
    sweep = Sweep.model_validate(VALID | {"tiles": tiles})
    for backend in sweep.backends:
        for seed in sweep.seeds:
            points = [p for n in range(tiles) for p in sweep.tile(backend, seed, n).points]
            assert points == sweep.points()
    paths = [sweep.tile_path(tile) for tile in sweep.all_tiles()]
    assert len(set(paths)) == len(paths) == 2 * 2 * tiles


def test_networks_follow_the_tiles_points():
    sweep = Sweep.model_validate(VALID)
    networks = list(sweep.networks(sweep.tile("rate", 2, 3)))
    assert [(n.q_factor, n.g_factor, n.seed) for n in networks] == [(6.0, 4.5, 2), (6.0, 5.0, 2)]


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        (("rate", 9, 0), "seed is 9, but the sweep has 1, 2 only"),
        (("rate", 1, 4), "tile is 4, but the sweep has 0, 1, 2, 3 only"),
        (("rate", 1, -1), "tile is -1"),
        (("gpu", 1, 0), "backend is gpu, but the sweep has rate, lif_float only"),
    ],
)
def test_a_tile_that_is_not_there_is_said_so(identity, message):
    with pytest.raises(SweepError, match=message):
        Sweep.model_validate(VALID).tile(*identity)


def test_lif_float_has_tiles_where_only_bit_accurate_is_asked_for():
    sweep = Sweep.model_validate(changed("backends", ["lif_bit_accurate"]))
    sweep.tile("lif_float", 1, 0)
    assert {tile.backend for tile in sweep.all_tiles()} == {"lif_bit_accurate"}


def test_digest_depends_on_what_numbers_depend_on():
    sweep = Sweep.model_validate(VALID)
    assert Sweep.model_validate(VALID | {"tiles": 1}).digest == sweep.digest
    assert Sweep.model_validate(changed("simulation.burn_in", 101)).digest != sweep.digest


def test_who_made_a_dataset_stands_in_its_attributes_and_changes_no_number():
    about = {"title": "A map", "creator_name": "A. Person", "creator_orcid": "0000-0002-1694-233X"}
    told = Sweep.model_validate(VALID | {"about": about | {"keywords": ["one", "two"]}})
    assert told.digest == Sweep.model_validate(VALID).digest
    assert told.about.attributes() == {
        "title": "A map",
        "creator_name": "A. Person",
        "creator_type": "person",
        "creator_url": "https://orcid.org/0000-0002-1694-233X",
        "keywords": "one, two",
    }


@pytest.mark.parametrize(
    ("orcid", "message"),
    [
        ("0000-0002-1694-2339", "its last digit does not fit"),
        ("0000", "must be written like 0000-"),
    ],
)
def test_an_orcid_with_a_slip_of_the_pen_is_refused(orcid, message):
    with pytest.raises(ValidationError, match=message):
        Sweep.model_validate(VALID | {"about": {"creator_orcid": orcid}})


def test_a_precision_changes_no_tile_but_what_refines():
    config = VALID | {"observables": {"chaos": True}}
    coarse, fine, finer = (
        Sweep.model_validate(config | {"refinement": {"precision": p}}) for p in (None, 0.1, 0.05)
    )
    assert len({sweep.digest for sweep in (coarse, fine, finer)}) == 3
    tiles = [[s.tile_path(tile) for tile in s.all_tiles()] for s in (coarse, fine, finer)]
    assert tiles[0] == tiles[1] == tiles[2]
    assert fine.refined_path("rate", 1) != finer.refined_path("rate", 1)
    assert fine.refined_path("rate", 1) != fine.refined_path("rate", 2)


@pytest.mark.parametrize(
    ("change", "same"),
    [({"tiles": 1}, True), ({"seeds": [1, 9]}, True), ({"network": {"neurons": 21}}, False),
     ({"grid": {"q_factor": [1.0, 5.0, 6.0], "g_factor": [4.0, 4.5, 5.0]}}, False)],
)  # fmt: skip
def test_a_refinement_is_named_after_what_it_depends_on(change, same):
    config = VALID | {"observables": {"chaos": True}, "refinement": {"precision": 0.1}}
    before, after = (Sweep.model_validate(config | c) for c in ({}, change))
    assert (before.refined_path("rate", 1) == after.refined_path("rate", 1)) == same
