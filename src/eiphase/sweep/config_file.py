"""A config file's text as plain values: YAML without its surprises.

Numbers may be written as in YAML 1.2 (`1e3`), which PyYAML, made for YAML 1.1, takes for text. What
YAML 1.1 reads in a way that nobody expects stays text, so that the schema refuses it by name:
`010` (8), `1:30` (90) and dates.
"""

import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from eiphase.errors import SweepError, short

_LARGEST = 100_000  # bytes; room for a thousand values along both axes, and as many seeds
_DEEPEST = 20  # levels; a sweep has four
_LONGEST_NUMBER = 50  # characters
_EXPONENT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|0b[01_]+)")


def read(path: Path) -> dict[Any, Any]:
    """The keys and values of a config file; raises `SweepError`, one sentence, if it has none."""
    text = _text(path)
    try:
        content = yaml.load(text, _Loader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SweepError(
            f"Sweep config {path}, line {line}, is not valid YAML: it holds the control character "
            f"U+{error.character:04X}."
        ) from None
    except yaml.MarkedYAMLError as error:
        where = f", line {error.problem_mark.line + 1}," if error.problem_mark else ""
        raise SweepError(
            f"Sweep config {path}{where} is not valid YAML: {_problem(error)}."
        ) from None
    except (AttributeError, LookupError, TypeError, ValueError):  # of a tag such as `!!int x`
        raise SweepError(
            f"Sweep config {path} is not valid YAML: a value is not of the type that its tag says."
        ) from None
    if not isinstance(content, dict):
        raise SweepError(f"Sweep config {path} must hold keys and values, like config/demo.yaml.")
    return content


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is none"
        raise SweepError(f"Sweep config {path.absolute()} cannot be read: {reason}.") from None
    if len(content) > _LARGEST:
        raise SweepError(f"Sweep config {path} is larger than {_LARGEST // 1000} kB.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SweepError(
            f"Sweep config {path}, line {line}, cannot be read: it is not text in UTF-8."
        ) from None


def _problem(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem)
    if problem.startswith("found character '\\t'"):
        return "a tab stands there, but only spaces can indent"
    return problem if len(problem) < 200 else f"{problem[:196]} ..."


class _Loader(yaml.SafeLoader):
    """PyYAML's, but for what the module's docstring names; small files cannot become large."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            problem = f"*{short(event.anchor)[1:-1]} repeats another value, which a config may not"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        if self._depth > _DEEPEST:
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, "nested too deeply", mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuses a key that stands twice, where YAML's own loader keeps the last one."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key, n in Counter(keys).items():
            if n > 1:
                problem = f"{short(key)[1:-1]} stands there twice"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return super().construct_mapping(node, deep)

    def construct_integer(self, node: yaml.ScalarNode) -> int:
        _check_length(node)
        return self.construct_yaml_int(node)

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """`1.5e3` is the integer 1500, for keys that take integers; others take it as well."""
        _check_length(node)
        if not _EXPONENT.fullmatch(node.value):
            return self.construct_yaml_float(node)
        number = Decimal(node.value)
        is_integer = abs(number) < 10**15 and number == number.to_integral_value()
        return int(number) if is_integer else float(number)


def _check_length(node: yaml.ScalarNode) -> None:
    if len(node.value) > _LONGEST_NUMBER:
        problem = f"a number of {len(node.value)} characters stands there"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_FLOAT = re.compile(
    rf"{_EXPONENT.pattern}|[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_Loader.yaml_implicit_resolvers = {  # its own: that of SafeLoader is shared by all who use PyYAML
    first: [pair for pair in pairs if not pair[0].endswith((":int", ":float", ":timestamp"))]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern in (("int", _INTEGER), ("float", _FLOAT)):
    _whole = re.compile(rf"(?:{_pattern.pattern})\Z")
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _whole, list("-+.0123456789"))
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_number)
