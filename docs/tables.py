"""Writes the pages' tables of keys and variables, and the JSON schema of configs, from the code.

`make tables` after a change of the schema, of `variables.py` or of a room; a test compares.
"""

import ast
import inspect
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

from eiphase.sweep import schema as sweep
from eiphase.variables import DERIVED, DIMENSIONS, VARIABLES, Variable

Rows = Iterator[tuple[str, ...]]


def keys() -> str:
    """Every key of a sweep's config, from its schema and what its code says below each field."""
    schema, meanings = sweep.Sweep.model_json_schema(), _docstrings_of_fields(sweep)

    def rows(section: dict[str, Any], prefix: str = "") -> Rows:
        for name, field in section["properties"].items():
            if "$ref" in field:
                yield from rows(schema["$defs"][field["$ref"].rpartition("/")[2]], f"{name}.")
            else:
                optional = "anyOf" in field  # or null, by default
                unset = name in section.get("required", []) or optional
                default = "" if unset else f"`{json.dumps(field['default'])}`"
                unit, meaning = field.get("unit", ""), meanings[section["title"], name]
                key = f"`{prefix}{name}`"
                yield key, unit, default.replace('"', ""), _allowed(field), meaning

    header = ("key", "unit", "default", "allowed", "meaning")
    return _table(header, rows(schema))


def json_schema() -> str:
    """The schema by which editors complete a config's keys and check its values."""
    schema, meanings = sweep.Sweep.model_json_schema(), _docstrings_of_fields(sweep)
    sections = {"Sweep": schema, **schema["$defs"]}
    for name, section in sections.items():
        for key, field in section["properties"].items():
            if meaning := meanings.get((name, key)):
                field["description"] = meaning
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(dialect | schema, indent=2, ensure_ascii=False) + "\n"


def variables() -> str:
    """Every variable of a phase map."""
    header = ("variable", "unit", "meaning", "")
    every = (VARIABLES | DERIVED).items()
    return _table(header, ((f"`{name}`", _unit(v), v.long_name, _comment(v)) for name, v in every))


def floors() -> str:
    """The floors of the house, as the linter has them."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    rows = (
        (str(len(layers) - height), ", ".join(f"`{room}`" for room in layer.split(" | ")))
        for height, layer in enumerate(layers)
    )
    return _table(("floor", "rooms"), rows)


def rooms() -> str:
    """Each room and module at the top, with the first sentence of its docstring."""
    package = REPOSITORY / "src/eiphase"
    paths = [*package.glob("*/__init__.py"), *package.glob("[a-z]*.py")]
    named = {path.parent.name if path.stem == "__init__" else path.stem: path for path in paths}
    rows = ((f"`{name}`", _first_sentence(path)) for name, path in sorted(named.items()))
    return _table(("room", "what is in it"), rows)


def _first_sentence(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


REPOSITORY = Path(__file__).parents[1]
SCHEMA = REPOSITORY / "workflow/schemas/sweep.schema.json"
TABLES = {
    "sweeps.md": (keys,),
    "dataset.md": (variables,),
    "extending.md": (floors, rooms),
}


def written(page: str, text: str) -> str:
    """A page's text with its tables, those whose headers it holds, as they should be."""
    for make in TABLES[page]:
        table = make()
        header = re.escape(table.splitlines()[0])
        text = re.sub(rf"{header}\n(?:\|.*\n)*", lambda _, table=table: table, text)
    return text


def _table(header: tuple[str, ...], rows: Rows) -> str:
    lines = [header, ("---",) * len(header), *rows]
    filled = ("|".join(f" {cell} " if cell else " " for cell in cells) for cells in lines)
    return "".join(f"|{line}|\n" for line in filled)


def _docstrings_of_fields(module: ModuleType) -> dict[tuple[str, str], str]:
    """By class and field; Pydantic could read them, too, but at every import of the module."""
    found = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ClassDef):
            for field, below in pairwise(node.body):
                match field, below:
                    case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                        found[node.name, name] = " ".join(text.split())
    return found


def _allowed(field: dict[str, Any]) -> str:
    """What a key may be, in words."""
    if "anyOf" in field:  # of null too, which is to leave the key out
        return _allowed(field["anyOf"][0])
    if "items" in field:
        return f"list: {_allowed(field['items'])}"
    if field["type"] == "boolean":
        return "`true`, `false`"
    if field["type"] == "string":
        values = field.get("enum", [field["const"]] if "const" in field else [])
        return ", ".join(f"`{value}`" for value in values) or "text"
    if "maximum" not in field and "exclusiveMaximum" not in field:
        return f"at least {field['minimum']:,}"
    high = field.get("maximum", field.get("exclusiveMaximum", 0) - 1)
    if "exclusiveMinimum" in field:
        return f"above {field['exclusiveMinimum']}, up to {high:,.16g}"
    return f"{field['minimum']:,} to {high:,.16g}"


def _unit(variable: Variable) -> str:
    return "flag" if variable.flags else "" if variable.units == "1" else variable.units


def _comment(variable: Variable) -> str:
    """A flag's begins with its values; dimensions are named where they are not the usual."""
    if variable.dimensions != DIMENSIONS:
        named = ", ".join(f"`{dimension}`" for dimension in variable.dimensions)
        usual = replace(variable, dimensions=DIMENSIONS)
        return f"{_comment(usual)} Along {named}.".strip()
    if not variable.flags:
        return variable.comment
    attributes = variable.attributes()
    meanings = (name.replace("_", " ") for name in str(attributes["flag_meanings"]).split())
    pairs = zip(attributes["flag_values"], meanings, strict=True)
    return f"{', '.join(f'{value} {name}' for value, name in pairs)}. {variable.comment}"


if __name__ == "__main__":
    for name in TABLES:
        page = Path(__file__).parent / name
        page.write_text(written(name, page.read_text(encoding="utf-8")), encoding="utf-8")
    SCHEMA.write_text(json_schema(), encoding="utf-8")
