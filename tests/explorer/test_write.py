"""The page is one file, in which texts of the dataset stay texts and nothing asks for more."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest
import xarray as xr
from conftest import PACKAGE
from tiny_sweep import copy_gathered

from eiphase.explorer import write

HOSTILE = "</script></title><!--<script>alert(1)</script> @@numbers@@ & \"'"


class Elements(HTMLParser):
    """Elements of a page: name, attributes and text of each."""

    def __init__(self, text):
        super().__init__()
        self.found, self._is_open = [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes), []))
        self._is_open = True

    def handle_endtag(self, tag):
        self._is_open = False

    def handle_data(self, data):
        if self._is_open:
            self.found[-1][2].append(data)

    def texts(self, tag):
        return ["".join(text) for name, _, text in self.found if name == tag]


@pytest.fixture(scope="module")
def phase_map(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gathered")
    copy_gathered(folder)
    with xr.open_dataset(folder / "phase_map.nc") as opened:
        yield opened.load()


@pytest.fixture(scope="module")
def page(phase_map):
    return write.html(phase_map)


def test_the_policy_allows_the_scripts_and_styles_that_are_there_alone(page):
    elements = Elements(page)
    (policy,) = [a["content"] for _, a, _ in elements.found if "http-equiv" in a]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        kinds = [a.get("type") for name, a, _ in elements.found if name == tag]
        texts = [t for t, kind in zip(elements.texts(tag), kinds, strict=True) if kind is None]
        digests = [b64encode(sha256(text.encode()).digest()).decode() for text in texts]
        assert rules[rule].split() == [f"'sha256-{digest}'" for digest in digests]
    assert "unsafe" not in policy


def test_nothing_asks_for_another_file(page):
    attributes = [name for _, found, _ in Elements(page).found for name in found]
    assert not {"src", "href", "action", "style"} & set(attributes)
    assert not [name for name in attributes if name.startswith("on")]


def test_hostile_texts_stay_texts(page, phase_map):
    changed = phase_map.assign_attrs(title=HOSTILE)
    changed["c0"] = changed.c0.assign_attrs(comment=HOSTILE)
    elements, plain = Elements(write.html(changed)), Elements(page)
    assert [name for name, _, _ in elements.found] == [name for name, _, _ in plain.found]
    assert elements.texts("title") == [HOSTILE]
    numbers = ["".join(t) for _, a, t in elements.found if a.get("id") == "numbers"]
    assert re.fullmatch("[A-Za-z0-9+/=]+", *numbers)


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "explorer").rglob("*.[jc]s*")), ids=lambda p: p.name
)
def test_sources_end_no_element_and_evaluate_no_text(path):
    source = path.read_text(encoding="utf-8")
    assert not re.search(r"</script|</style|<!--|\beval\(|new Function|innerHTML", source)


def test_the_page_is_written_as_a_whole(tmp_path, phase_map, page):
    write.write(phase_map, tmp_path / "new/explorer.html")
    assert (tmp_path / "new/explorer.html").read_text(encoding="utf-8") == page
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["explorer.html"]
