"""Where numbers come from."""

import os
import subprocess

import pytest

from eiphase.sweep import provenance


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
