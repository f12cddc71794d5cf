from dataclasses import replace

import pytest
from tiny_sweep import VALID, changed

from eiphase.backends import BACKENDS
from eiphase.cli import commands
from eiphase.errors import SweepError
from eiphase.sweep import remapping
from eiphase.sweep.load import load
from eiphase.sweep.remapping import name_of, remapped, with_bits
from eiphase.sweep.schema import Mapping, Sweep

SWEEP = Sweep.model_validate(
    VALID
    | {
        "backends": ["rate", "lif_float", "lif_bit_accurate"],
        "mapping": {"rate_to_lif": "corrected"},
        "observables": {"autocovariance": "tutorial"},
    }
)


def test_a_mapping_has_a_name_that_says_all_of_it():
    mapping = Mapping(rate_to_lif="identity", float_to_integer="full_range", weight_bits=6)
    assert name_of(mapping) == "identity-full_range-6"
    assert with_bits(mapping, 3) == "identity-full_range-3"


@pytest.mark.parametrize("rate_to_lif", ["tutorial", "corrected", "identity"])
@pytest.mark.parametrize("float_to_integer", ["tutorial", "full_range"])
def test_every_mapping_can_be_named(rate_to_lif, float_to_integer):
    mapping = Mapping(rate_to_lif=rate_to_lif, float_to_integer=float_to_integer, weight_bits=4)
    assert remapped(SWEEP, name_of(mapping)).mapping == mapping


def test_only_the_mapping_is_another_and_rate_neurons_are_left_out():
    found = remapped(SWEEP, "identity-full_range-5")
    assert found.backends == ("lif_float", "lif_bit_accurate")
    kept = {"network", "grid", "seeds", "simulation", "observables", "tiles"}
    assert found.model_dump(include=kept) == SWEEP.model_dump(include=kept)


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("corrected-tutorial-5", True),
        ("corrected-full_range-8", True),
        ("identity-tutorial-8", False),
    ],
)
def test_tiles_in_floating_point_are_the_sweeps_own_unless_their_mapping_is_another(name, same):
    found = remapped(SWEEP, name)
    for tile in found.all_tiles():
        if tile.backend == "lif_float":
            assert (found.tile_path(tile) == SWEEP.tile_path(tile)) is same
        else:
            assert found.tile_path(tile) != SWEEP.tile_path(tile)


def test_a_remapped_sweep_is_a_config_file(tmp_path):
    path = tmp_path / "corrected-full_range-5.yaml"
    remapping.write(remapped(SWEEP, path.stem), path)
    assert load(path) == remapped(SWEEP, path.stem)


@pytest.mark.parametrize(
    "name", ["", "corrected", "corrected-full_range-9", "corrected-full_range-five", "a-b-5",
             "corrected-full_range-5-6"],
)  # fmt: skip
def test_what_names_no_mapping_is_one_sentence(name):
    with pytest.raises(SweepError, match=f"{name} names no mapping; one is called corrected-tut"):
        remapped(SWEEP, name)


def test_mappings_are_compared_on_both_kinds(tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text(str(changed("backends", ["rate", "lif_float"])))
    arguments = ["remap", str(tmp_path / "mine.yaml"), str(tmp_path / "out.yaml")]
    assert commands.main([*arguments, "--mapping", "corrected-full_range-5"]) == 1
    assert "needs lif_float and lif_bit_accurate" in capsys.readouterr().err


def test_a_mapped_backend_beyond_the_pair_is_not_dropped(monkeypatch):
    third = replace(BACKENDS["lif_float"], name="third")
    monkeypatch.setitem(BACKENDS, "third", third)
    sweep = SWEEP.model_copy(update={"backends": (*SWEEP.backends, "third")})
    found = remapped(sweep, "identity-full_range-5").backends
    assert found == ("lif_float", "lif_bit_accurate", "third")
