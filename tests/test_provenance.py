"""Where numbers come from."""

import subprocess

import pytest

from eiphase import provenance


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
    monkeypatch.setattr(provenance, "_PACKAGE", tmp_path)
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
    monkeypatch.setattr(provenance, "_PACKAGE", inner)
    provenance._commit.cache_clear()
    assert provenance._commit() == "unknown"
