"""Links of the README and the docs: those within the project lead somewhere."""

import functools
import http.server
import re
import subprocess
import threading

import check_links
import pytest
from check_links import PAGES, REPOSITORY, anchors, external, links, problem


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page):
    listed = subprocess.run(
        ["git", "-C", REPOSITORY, "ls-files"], capture_output=True, text=True, check=True
    )
    tracked = {REPOSITORY / name for name in listed.stdout.splitlines()}
    for link in set(links(page)) - set(external()):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target in tracked or any(target in file.parents for file in tracked), link
        assert not anchor or anchor in anchors(target), link


def test_links_elsewhere_are_well_formed():
    assert len(external()) >= 7
    for link in external():
        assert re.fullmatch(r"https://[a-z0-9-]+(\.[a-z0-9-]+)+/[\w/.:-]+", link), link
        assert not link.endswith((".", ":")), link


def test_links_and_anchors_are_found(tmp_path):
    """So that the tests above look at all there are."""
    page = tmp_path / "page.md"
    page.write_text(
        "# A page: `of` ours\n[a](b.md#c) and ![p](p.png), [two\nlines](\nhttps://x.org/y)\n"
        "`[no](no.md)`\n```\n[no](no.md)\n```\n"
    )
    assert links(page) == ["b.md#c", "p.png", "https://x.org/y"]
    assert anchors(page) == {"a-page-of-ours"}


@pytest.fixture
def server(tmp_path):
    """A web server of this machine's own, with one page."""
    (tmp_path / "here").write_text("")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


def test_a_page_that_does_not_answer_is_named(server, monkeypatch, capsys):
    assert problem(f"{server}/here") is None
    assert problem(f"{server}/nowhere") == "404 File not found"
    assert "refused" in problem("http://127.0.0.1:9/")
    monkeypatch.setattr(check_links, "external", lambda: [f"{server}/here", f"{server}/nowhere"])
    assert check_links.main() == 1
    printed = capsys.readouterr()
    assert f"{server}/nowhere: 404" in printed.err
    assert "1 of 2 links answer" in printed.out
