"""The one line over all tiles of a sweep."""

import os
import termios
import time

import pytest
from tiny_sweep import VALID

from eiphase.sweep import progress
from eiphase.sweep.progress import SweepProgress
from eiphase.sweep.schema import Sweep

SWEEP = Sweep.model_validate(VALID | {"backends": ["rate"], "seeds": [1], "tiles": 3})


LEFT = "left, until 12:34\n"


class Clock:
    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(progress.time, "strftime", lambda *_: "12:34")
        monkeypatch.delenv("EIPHASE_STARTED", raising=False)
        monkeypatch.delenv("EIPHASE_TERMINAL", raising=False)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def job(folder, number, sweep=SWEEP, **options):
    tile = sweep.tile("rate", 1, number)
    return SweepProgress(sweep, tile, folder / sweep.tile_path(tile), **options)


def does_one_in_ten_seconds(jobs, clock):
    """Each of them; that is told when the next network is done."""
    clock.now += 10
    for each in jobs:
        each.show(1, 3)
    clock.now += 2
    for each in jobs:
        each.show(2, 3)


def test_it_counts_what_is_there_and_what_all_jobs_have_done(tmp_path, clock, capsys):
    """Two networks a tile; jobs do one in 10 s each, and a job takes 3 s to start."""
    done = tmp_path / SWEEP.tile_path(SWEEP.tile("rate", 1, 0))
    done.parent.mkdir(parents=True)
    done.touch()
    does_one_in_ten_seconds([job(tmp_path, 1)], clock)
    assert (
        capsys.readouterr().err
        == "simulated 3 of 6 networks in 0:12, about 0:33 left, until 12:34\n"
    )
    os.utime(tmp_path / "progress/printed", (0, 0))
    does_one_in_ten_seconds([job(tmp_path, 2)], clock)
    assert (
        capsys.readouterr().err
        == "simulated 4 of 6 networks in 0:12, about 0:10 left, until 12:34\n"
    )


def test_jobs_together_print_a_line_every_few_seconds_and_each_tiles_last(tmp_path, clock, capsys):
    jobs = [job(tmp_path, number) for number in (0, 1)]
    does_one_in_ten_seconds(jobs, clock)
    assert (
        capsys.readouterr().err
        == "simulated 1 of 6 networks in 0:12, about 0:33 left, until 12:34\n"
    )
    for each in jobs:
        each.show(2, 2)  # the tile's last
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" in ")[0] for line in lines] == [
        "simulated 3 of 6 networks", "simulated 4 of 6 networks",
    ]  # fmt: skip


def test_what_a_tile_takes_over_is_done_but_says_nothing_of_the_speed(tmp_path, clock, capsys):
    sweep = SWEEP.model_copy(update={"tiles": 1})
    own = job(tmp_path, 0, sweep, known=3)
    does_one_in_ten_seconds([own], clock)
    assert (
        capsys.readouterr().err
        == "simulated 4 of 6 networks in 0:12, about 0:20 left, until 12:34\n"
    )


def test_networks_that_end_together_count_with_the_time_that_they_took(tmp_path, clock, capsys):
    own = job(tmp_path, 0, SWEEP.model_copy(update={"tiles": 1}))
    clock.now += 10
    for done in range(1, 5):
        own.show(done, 6)
    assert capsys.readouterr().err == ""
    clock.now += 10
    own.show(5, 6)
    assert (
        capsys.readouterr().err
        == "simulated 4 of 6 networks in 0:20, about 0:05 left, until 12:34\n"
    )


def test_a_job_that_died_does_not_count_as_one_that_runs(tmp_path, clock, capsys):
    dead = job(tmp_path, 0)
    does_one_in_ten_seconds([dead], clock)
    capsys.readouterr()
    long_ago = time.time() - 3600
    for path in (tmp_path / "progress").iterdir():
        os.utime(path, (long_ago, long_ago))
    own = job(tmp_path, 1)
    does_one_in_ten_seconds([own], clock)
    # What it had simulated is lost; how long that took is known.
    assert capsys.readouterr().err == (
        "simulated 1 of 6 networks in 0:12, about 0:56 left, until 12:34\n"
    )


MIXED = Sweep.model_validate(VALID | {"backends": ["rate", "lif_float"], "seeds": [1], "tiles": 2})


def test_what_is_left_counts_by_what_networks_of_its_backend_take(tmp_path, clock, capsys):
    """Three networks a tile. One tile of rate neurons took 3 s, and one of LIF neurons begins."""
    fast = job(tmp_path, 0, MIXED)
    clock.now += 3
    fast.show(3, 3)
    (tmp_path / fast._paths[fast._tile]).parent.mkdir(parents=True)
    (tmp_path / fast._paths[fast._tile]).touch()
    fast.end()
    capsys.readouterr()
    tile = MIXED.tile("lif_float", 1, 0)
    slow = SweepProgress(MIXED, tile, tmp_path / MIXED.tile_path(tile))
    clock.now += 100
    slow.show(1, 3)
    clock.now += 2
    slow.show(2, 3)
    # Five LIF networks of 100 s, three of rate neurons of 1 s, and twice 3 s to start.
    assert "4 of 12 networks in 1:42, about 8:29 left" in capsys.readouterr().err


def test_tiles_that_wait_take_the_place_that_is_free_first():
    """Of 10, 1, 1 and 5 s on two cores, the last ends after 10 s, not after 17 / 2."""
    assert progress.until_last([10.0, 1.0, 1.0, 5.0], 2) == 10.0
    assert progress.until_last([1.0, 1.0, 10.0], 2) == 11.0


def test_the_last_job_clears_up_and_the_others_leave_their_speed(tmp_path, clock):
    jobs = [job(tmp_path, number) for number in range(3)]
    for number, each in enumerate(jobs):
        clock.now += 1
        each.show(2, 2)
        path = tmp_path / SWEEP.tile_path(SWEEP.tile("rate", 1, number))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        each.end()
        told = [path for path in (tmp_path / "progress").iterdir() if path.name != "printed"]
        assert len(told) == (3 if number < 2 else 0)


def test_time_since_the_workflow_began_is_told(tmp_path, clock, capsys, monkeypatch):
    monkeypatch.setenv("EIPHASE_STARTED", repr(time.time() - 3600))
    does_one_in_ten_seconds([job(tmp_path, 0)], clock)
    assert " networks in 1:00:00, about" in capsys.readouterr().err


def test_a_terminal_has_one_line_that_is_written_over(tmp_path, clock, capsys, monkeypatch):
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 60))
    monkeypatch.setattr(progress.sys.stderr, "fileno", lambda: theirs)
    progress.tell_jobs()
    monkeypatch.setattr(progress.sys.stderr, "fileno", lambda: 1 / 0)
    own = job(tmp_path, 0)
    does_one_in_ten_seconds([own], clock)
    assert capsys.readouterr().err == ""
    line = os.read(ours, 1000).decode()
    assert line.startswith("\r\x1b[2Ksimulated 1 of 6 networks in 0:")
    assert len(line) == len("\r\x1b[2K") + 59 + len("\r")
    own.show(2, 2)
    assert os.read(ours, 1000) == b"\r\x1b[2K\r"
    assert capsys.readouterr().err.startswith("simulated 2 of 6 networks in 0:")
    for file in (ours, theirs):
        os.close(file)


def test_a_terminal_of_another_machine_is_left_alone(tmp_path, clock, capsys, monkeypatch):
    monkeypatch.setenv("EIPHASE_TERMINAL", "elsewhere:/dev/null")
    does_one_in_ten_seconds([job(tmp_path, 0)], clock)
    assert capsys.readouterr().err.startswith("simulated 1 of 6 networks")


def test_a_disk_that_takes_no_files_costs_no_job(tmp_path, clock, capsys):
    (tmp_path / "progress").write_text("in the way")
    own = job(tmp_path, 0)
    own.show(2, 2)
    own.end()
    assert "networks" in capsys.readouterr().err


def test_a_tile_elsewhere_speaks_for_itself(tmp_path, clock, capsys):
    SweepProgress(SWEEP, SWEEP.tile("rate", 1, 0), tmp_path / "mine.nc").show(2, 2)
    assert capsys.readouterr().err == "rate seed 1 tile 0: simulated 2 networks\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (80, "1:20"), (7280, "2:01:20")])
def test_time_is_written_as_on_a_clock(seconds, text):
    assert progress._clock(seconds) == text
