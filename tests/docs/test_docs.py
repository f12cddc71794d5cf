"""The docs say what the code does."""

import ast
import json
import re

import live_map
import mathml
import pytest
import tables
from conftest import PACKAGE, REPOSITORY
from jsonschema import Draft202012Validator
from mkdocs.exceptions import PluginError
from pydantic import ValidationError
from tiny_sweep import changed

import eiphase
from eiphase.flags import Flag
from eiphase.sweep import config_file
from eiphase.sweep.schema import (
    About,
    Grid,
    Mapping,
    NetworkConfig,
    Observables,
    Refinement,
    Simulation,
    Sweep,
)
from eiphase.variables import DERIVED, VARIABLES


@pytest.mark.parametrize("page", tables.TABLES)
def test_tables_are_those_of_the_code(page):
    """If not: `make tables`."""
    text = (REPOSITORY / "docs" / page).read_text()
    for table in tables.TABLES[page]:
        assert table() in text
    assert tables.written(page, text) == text


def test_docstrings_begin_with_a_verb_or_a_noun():
    """Not with a word that leaves open what the docstring is about."""
    odd = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                first = (ast.get_docstring(node) or "").partition("\n")[0]
                if re.match(r"(Of|Those|That of|The same|By|As|Also)\b", first):
                    odd.append(f"{path.name}: {first}")
    assert odd == []


def test_the_schema_of_configs_is_that_of_the_code():
    """If not: `make tables`."""
    assert tables.SCHEMA.read_text() == tables.json_schema()


def test_the_schema_of_configs_knows_right_from_wrong():
    validator = Draft202012Validator(json.loads(tables.SCHEMA.read_text()))
    for path in (REPOSITORY / "config").glob("*.yaml"):
        config = config_file.read(path)
        assert validator.is_valid(config)
        assert not validator.is_valid(config | {"seed": [1]})
        assert not validator.is_valid(config | {"grid": {"q_factor": "1 to 8", "g_factor": [4.0]}})
        del config["network"]["neurons"]
        assert not validator.is_valid(config)
        assert f"$schema=../{tables.SCHEMA.relative_to(REPOSITORY)}\n" in path.read_text()


@pytest.mark.parametrize(
    ("section", "right", "wrong"),
    [
        ("seeds", [1, 2], [1, 1]),
        ("backends", ["rate"], ["rate", "rate"]),
        ("grid.q_factor", [1.0, 2.0], [1.0, 1.0]),
        ("grid.q_factor", {"start": 1, "stop": 2, "count": 2}, {"start": 1, "stop": 2}),
        (
            "grid.g_factor",
            {"start": 1, "stop": 2, "step": 1},
            {"start": 1, "stop": 2, "count": 2, "step": 1},
        ),
        (
            "grid.q_factor",
            {"start": 1, "stop": 2, "count": None, "step": 0.5},
            {"start": 1, "stop": 2, "count": None, "step": None},
        ),
        ("seeds", [1.0, 2], [1.5]),
        ("tiles", 2.0, 2.5),
        ("simulation.steps", 400.0, "400"),
        (
            "grid.q_factor",
            {"start": 1, "stop": 2, "count": 2.0},
            {"start": 1, "stop": 2, "count": 2.5},
        ),
        ("about.creator_orcid", "0000-0002-1825-0097", "https://orcid.org/0000-0002-1825-0097"),
        ("about.license", "MIT OR CC-BY-4.0", "my own"),
        ("about.license", "https://example.org/terms", "https://example.org/my terms"),
    ],
)
def test_editors_know_of_such_mistakes(section, right, wrong):
    validator = Draft202012Validator(json.loads(tables.SCHEMA.read_text()))
    for value, is_right in ((right, True), (wrong, False)):
        config = changed(section, value)
        assert validator.is_valid(config) == is_right
        if is_right:
            Sweep.model_validate(config)
        else:
            with pytest.raises(ValidationError):
                Sweep.model_validate(config)


def test_a_number_is_the_same_with_and_without_a_point():
    """Numbers that differ in this alone are those of one sweep, and of one digest."""
    plain, with_point = (changed("simulation.steps", steps) for steps in (400, 400.0))
    assert Sweep.model_validate(with_point).digest == Sweep.model_validate(plain).digest


def test_what_a_schema_cannot_say_eiphase_refuses():
    """The last digit of an ORCID iD follows from the others, by ISO 7064."""
    validator = Draft202012Validator(json.loads(tables.SCHEMA.read_text()))
    config = changed("about.creator_orcid", "0000-0002-1825-0098")
    assert validator.is_valid(config)
    with pytest.raises(ValidationError, match="last digit does not fit"):
        Sweep.model_validate(config)


def test_workflows_elsewhere_call_targets_that_there_are():
    makefile = (REPOSITORY / "Makefile").read_text()
    for path in (".github/workflows/tests.yml", ".readthedocs.yaml"):
        text = (REPOSITORY / path).read_text()
        called = re.findall(r"make ([a-z -]+)", text)
        assert called
        for target in " ".join(called).split():
            assert re.search(rf"^{target}:", makefile, re.M)


def rows(table):
    """Cells of a table, by what stands in its first column."""
    lines = [line.strip("| \n").split(" | ") for line in table.splitlines()[2:]]
    return {cells[0].strip("`"): cells for cells in lines}


def test_every_key_of_a_sweep_has_a_row_with_its_meaning():
    found = rows(tables.keys())
    sections = {
        "network": NetworkConfig, "grid": Grid, "simulation": Simulation,
        "mapping": Mapping, "observables": Observables, "refinement": Refinement, "about": About,
    }  # fmt: skip
    expected = []
    for key in Sweep.model_fields:
        names = sections[key].model_fields if key in sections else [None]
        expected += [f"{key}.{name}" if name else key for name in names]
    assert list(found) == expected


def test_the_table_of_keys_says_units_defaults_and_bounds():
    """Cells that were read off the schema by hand."""
    table = tables.keys()
    for row in (
        "| `network.neurons` | | | 5 to 20,000 | N, 80 % of them excitatory; ",
        "| `network.step_size` | time constants | `0.01` | 0.001 to 0.1 | dr = dt / τ, ",
        "| `network.bias` | per step | `0.1` | above 0, up to 1,000,000 | Input ",
        "| `grid.q_factor` | | | list: above 0, up to 1,000,000 | Recurrent gain: ",
        "| `seeds` | | | list: 0 to 4,294,967,295 | ",
        "| `backends` | | | list: `rate`, `lif_float`, `lif_bit_accurate` | ",
        "| `simulation.burn_in` | steps | | 0 to 10,000,000 | ",
        "| `mapping.rate_to_lif` | | `tutorial` | `tutorial`, `corrected`, `identity` | ",
        "| `observables.unbiased` | | `true` | `true`, `false` | ",
        "| `observables.boxcar` | steps | `25` | 1 to 10,000 | ",
        "| `refinement.precision` | | | 0.001 to 1,000,000 | ",
        "| `tiles` | | `1` | at least 1 | ",
    ):
        assert row in table


def test_every_variable_has_its_row():
    found = rows(tables.variables())
    assert list(found) == list(VARIABLES | DERIVED)
    assert found["decay_time"][1:3] == ["step", VARIABLES["decay_time"].long_name]
    assert found["decay_time_flag"][3].startswith("-1 not applicable, 0 ok, 1 censored, 2 undef")


def test_the_readme_names_every_top_key():
    text = (REPOSITORY / "README.md").read_text()
    for key in Sweep.model_fields:
        assert f"`{key}`" in text


def test_every_flag_is_explained():
    text = (REPOSITORY / "docs/first-steps.md").read_text()
    for flag in Flag:
        assert f"| `{flag.name.lower()}` |" in text


def test_the_example_of_a_sweep_is_valid():
    import yaml

    text = (REPOSITORY / "docs/sweeps.md").read_text()
    Sweep.model_validate(yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1]))


def test_the_public_names_are_documented():
    text = (REPOSITORY / "docs/python.md").read_text()
    for name in eiphase.__all__:
        assert f"::: eiphase.{name}\n" in text


@pytest.mark.parametrize("delimiter", ["langle", "rangle", "lfloor", "rceil", "lVert"])
@pytest.mark.parametrize("size", ["", r"\big", r"\Big"])
def test_no_tex_is_left_in_an_equation(size, delimiter):
    page = f"<p>\\({size}\\{delimiter} x\\)</p>"
    assert mathml.tex_shown(mathml.on_page_content(page)) == []


def test_tex_that_a_page_would_show_stops_the_build():
    mathml.on_post_page(r"<p>In <code>\n</code> it is meant.</p>", "a.md")
    with pytest.raises(PluginError, match=r"a\.md shows TeX as it was typed: \\nosuch\."):
        mathml.on_post_page(r"<p>A <mo>\nosuch</mo> is not.</p>", "a.md")


def test_the_docs_have_the_demos_map_live(tmp_path):
    """If the phase map is not one that this code opens: `make live-map`."""
    assert live_map.DEMO.stat().st_size < 200_000
    live_map.on_post_build({"site_dir": str(tmp_path)})
    page = (tmp_path / "explorer/map.html").read_text(encoding="utf-8")
    assert '"sweep":"demo"' in page
    assert 'src="map.html"' in (REPOSITORY / "docs/explorer.md").read_text(encoding="utf-8")
