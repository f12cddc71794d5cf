"""The one line over all tiles of a sweep."""

import os
import time

import pytest
from tiny_sweep import VALID

from eiphase.sweep import progress
from eiphase.sweep.progress import SweepProgress
from eiphase.sweep.schema import Sweep

SWEEP = Sweep.model_validate(VALID | {"backends": ["rate"], "seeds": [1], "tiles": 3})


class Clock:
    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)


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
    """Two networks a tile; jobs do one in 10 s each, two of the six are left."""
    done = tmp_path / SWEEP.tile_path(SWEEP.tile("rate", 1, 0))
    done.parent.mkdir(parents=True)
    done.touch()
    does_one_in_ten_seconds([job(tmp_path, 1)], clock)
    assert capsys.readouterr().err == "simulated 3 of 6 networks, about 0:30 left\n"
    os.utime(tmp_path / "progress/printed", (0, 0))
    does_one_in_ten_seconds([job(tmp_path, 2)], clock)
    assert capsys.readouterr().err == "simulated 4 of 6 networks, about 0:10 left\n"


def test_jobs_together_print_a_line_every_few_seconds_and_each_tiles_last(tmp_path, clock, capsys):
    jobs = [job(tmp_path, number) for number in (0, 1)]
    does_one_in_ten_seconds(jobs, clock)
    assert capsys.readouterr().err == "simulated 1 of 6 networks, about 0:50 left\n"
    for each in jobs:
        each.show(2, 2)  # the tile's last
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "simulated 3 of 6 networks", "simulated 4 of 6 networks",
    ]  # fmt: skip


def test_what_a_tile_takes_over_is_done_but_says_nothing_of_the_speed(tmp_path, clock, capsys):
    sweep = SWEEP.model_copy(update={"tiles": 1})
    own = job(tmp_path, 0, sweep, known=3)
    does_one_in_ten_seconds([own], clock)
    assert capsys.readouterr().err == "simulated 4 of 6 networks, about 0:20 left\n"


def test_networks_that_end_together_count_with_the_time_that_they_took(tmp_path, clock, capsys):
    own = job(tmp_path, 0, SWEEP.model_copy(update={"tiles": 1}))
    clock.now += 10
    for done in range(1, 5):
        own.show(done, 6)
    assert capsys.readouterr().err == ""
    clock.now += 10
    own.show(5, 6)
    assert capsys.readouterr().err == "simulated 4 of 6 networks, about 0:05 left\n"


def test_a_job_that_died_does_not_count_as_one_that_runs(tmp_path, clock, capsys):
    dead = job(tmp_path, 0)
    does_one_in_ten_seconds([dead], clock)
    capsys.readouterr()
    long_ago = time.time() - 3600
    for path in (tmp_path / "progress").iterdir():
        os.utime(path, (long_ago, long_ago))
    own = job(tmp_path, 1)
    does_one_in_ten_seconds([own], clock)
    assert capsys.readouterr().err == "simulated 2 of 6 networks, about 0:40 left\n"


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
