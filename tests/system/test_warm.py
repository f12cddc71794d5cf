"""What tests run by `warm` is what a process that is started would do."""

import os
import signal
import subprocess
import sys

import pytest
import warm


@pytest.mark.parametrize("words", ["--version", "show nowhere.nc", "cook", "show --help"])
def test_a_command_says_and_returns_the_same(tmp_path, words):
    found = warm.eiphase(*words.split(), folder=tmp_path, COLUMNS="80")
    started = subprocess.run(
        [sys.executable, "-m", "eiphase.cli.commands", *words.split()], cwd=tmp_path,
        env={**os.environ, "COLUMNS": "80"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == started.returncode
    assert (found.stdout, found.stderr) == (started.stdout, started.stderr)
    assert found.stdout + found.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_program_that_is_killed_is_seen_to_be(tmp_path, number):
    (tmp_path / "program.py").write_text(f"import os; os.kill(os.getpid(), {int(number)})")
    warm.server().wait()
    run = subprocess.run(
        [*warm.server().command("python"), "program.py"], cwd=tmp_path, check=False
    )
    assert run.returncode == -number


def test_nothing_stays_from_one_program_to_the_next(tmp_path):
    changed = "import eiphase, os; eiphase.left = 1; os.environ['LEFT'] = '1'"
    looks = "import eiphase, os; print(hasattr(eiphase, 'left'), 'LEFT' in os.environ, os.getcwd())"
    warm.server().wait()
    for number, script in enumerate((changed, looks)):
        (tmp_path / f"{number}.py").write_text(script)
        run = subprocess.run(
            [*warm.server().command("python"), f"{number}.py"], cwd=tmp_path,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    assert run.stdout == f"False False {tmp_path}\n"


def test_tests_that_share_what_takes_long_are_in_one_worker(request):
    """Where pytest-xdist and pytest do not fit together, groups are lost without a word."""
    if request.config.getoption("loadgroup", default=False):
        assert request.node.nodeid.endswith("@system/test_warm")
