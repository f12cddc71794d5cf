"""Where numbers come from."""

import ast
import os
import subprocess
from dataclasses import replace

import pytest
from conftest import PACKAGE, copied_package
from tiny_sweep import VALID

from eiphase.backends import BACKENDS
from eiphase.sweep import provenance
from eiphase.sweep.schema import Sweep


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """One with a committed `provenance.py`, in place of the project's."""

    def git(*arguments):
        who = ["-c", "user.name=A", "-c", "user.email=a@b"]
        command = ["git", "-C", str(tmp_path), *who, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init")
    (tmp_path / "provenance.py").write_text("committed")
    git("add", ".")
    git("commit", "-m", "first")
    monkeypatch.setattr(provenance, "_HERE", tmp_path)
    provenance._commit.cache_clear()
    yield git
    provenance._commit.cache_clear()


def test_the_commit_is_named_and_changes_are(repository, tmp_path):
    commit = repository("rev-parse", "HEAD")
    (tmp_path / "something else").write_text("not part of it")
    assert provenance._commit() == commit
    (tmp_path / "provenance.py").write_text("changed")
    provenance._commit.cache_clear()
    assert provenance._commit() == commit + "+changes"


def test_the_repository_is_not_locked_or_written(repository, tmp_path):
    """Who is killed meanwhile would leave it locked."""
    index = tmp_path / ".git/index"
    (tmp_path / "provenance.py").touch()  # git would note that it looked
    before = index.stat().st_ino, index.stat().st_mtime_ns
    provenance._commit()
    assert (index.stat().st_ino, index.stat().st_mtime_ns) == before


def test_another_repository_is_none(repository, tmp_path, monkeypatch):
    inner = tmp_path / "environment"
    inner.mkdir()
    (inner / "provenance.py").write_text("not committed")
    monkeypatch.setattr(provenance, "_HERE", inner)
    provenance._commit.cache_clear()
    assert provenance._commit().startswith("unknown: git says: error: pathspec 'provenance.py'")


def test_the_commit_is_known_in_a_checkout_of_another_owner(repository, tmp_path):
    commit = repository("rev-parse", "HEAD")
    owner = 12345 if os.geteuid() == 0 else -1  # only root can give a file away
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, owner, owner)
    assert provenance._commit() == commit


def test_no_git_is_said(repository, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert provenance._commit() == "unknown: git is not installed"


def test_a_hook_of_another_repository_does_not_count(repository, tmp_path, monkeypatch):
    commit = repository("rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert provenance._commit() == commit


def digest(*backends):
    """As `code_digest` finds it now, whatever it found before."""
    return provenance.code_digest.__wrapped__(*backends)


@pytest.fixture
def third(tmp_path, monkeypatch):
    """A backend that is made from `lif_float`, in a copy of the code; the folder of the copy."""
    package = copied_package(tmp_path)
    (package / "simulation/backends/third.py").write_text("")
    monkeypatch.setattr(provenance, "_PACKAGE", package)
    row = replace(BACKENDS["rate"], name="third", takes_from="lif_float", depends_on=())
    monkeypatch.setitem(BACKENDS, "third", row)
    return package


def test_a_backend_depends_on_the_code_of_the_one_that_it_is_made_from(third):
    before = digest("third"), digest("rate")
    source = third / "simulation/backends/lif_float.py"
    source.write_text(source.read_text() + "# changed")
    assert digest("third") != before[0]
    assert digest("rate") == before[1]


def test_a_backend_depends_on_the_keys_of_the_one_that_it_is_made_from(third):
    sweep = Sweep.model_validate(VALID).model_copy(update={"backends": ("third",)})
    of_source, found = sweep.parameters("lif_float"), sweep.parameters("third")
    assert found["mapping"] == of_source["mapping"] == {"rate_to_lif": "tutorial"}
    assert found["observables"]["boxcar"] == 25
    assert "bias" not in found["network"]


def test_a_new_backend_renames_no_tile(third, monkeypatch):
    def names():
        sweep = Sweep.model_validate(VALID)
        return [sweep.parameters(b) for b in sweep.backends], [digest(b) for b in sweep.backends]

    with_it = names()
    (third / "simulation/backends/third.py").unlink()
    monkeypatch.delitem(BACKENDS, "third")
    assert names() == with_it


@pytest.mark.parametrize(
    ("backend", "changes", "same"),
    [
        ("lif_float", {"title": "LIF neurons", "cost": 99.0, "has_theory": True}, True),
        ("lif_float", {"perturbations": ()}, False),
        ("lif_float", {"has_exponent": False}, False),
        ("lif_float", {"spiking": False}, False),
        ("lif_float", {"depends_on": ("mapping.rate_to_lif",)}, False),
        ("rate", {"spiking": True}, True),
    ],
)
@pytest.mark.parametrize("asked", ["lif_float", "lif_bit_accurate"])
def test_of_a_row_counts_what_numbers_depend_on(monkeypatch, asked, backend, changes, same):
    before = digest(asked)
    monkeypatch.setitem(BACKENDS, backend, replace(BACKENDS[backend], **changes))
    assert (digest(asked) == before) is same


def imported(path):
    """The project's modules that a file imports, as Python itself reads it; not for types alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not ast.unparse(node).startswith("if TYPE_CHECKING")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            inside = path.relative_to(PACKAGE.parent).parent.parts
            inside = inside[: len(inside) + 1 - node.level] if node.level else ()
            module = ".".join([*inside, *filter(None, [node.module])])
            yield from (module, *(f"{module}.{one.name}" for one in node.names))


def test_every_import_is_seen():
    """Whatever its form: to miss one would miss a change of what it imports."""
    for path in PACKAGE.rglob("*.py"):
        modules = {name for name in imported(path) if name.startswith("eiphase.")}
        assert modules <= provenance._imports(path), path
