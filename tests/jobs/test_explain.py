"""What a sweep takes, before it starts: counted on paper, and from a few real networks."""

import math
import re
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from tiny_sweep import COARSE, VALID, changed

from eiphase.cli.commands import main
from eiphase.jobs.before import explain
from eiphase.jobs.before.explain import Calibration, Speed
from eiphase.sweep.schema import Sweep

SPEEDS = {
    "rate": Speed(together=2, first=10.0, further=0.0),
    "lif_float": Speed(together=1, first=1.0, further=0.0),
    "lif_bit_accurate": Speed(together=1, first=0.5, further=0.0),
}


def sweep_of(**changes):
    return Sweep.model_validate(VALID | changes)


def test_networks_that_advance_together_count_as_one():
    """Six points in two tiles: three networks are a pair and, for half a pair, 7/8 of its time."""
    plan = explain.plan(sweep_of(tiles=2), Calibration(SPEEDS, start=3.0), 300)
    found = {kind: plan.seconds_of(kind) for kind in ("simulate, rate", "simulate, lif_float")}
    assert found == {
        "simulate, rate": 4 * (1.875 * 10.0 + 3.0),
        "simulate, lif_float": 4 * (3.0 + 3.0),
    }
    assert not plan.refine


def test_theory_takes_time_for_each_network_whose_own_border_it_finds():
    """In a job for each seed; of more neurons none has an own border."""
    networks = [{"neurons": n} for n in (100, 400, 501)]
    chaos = {"observables": {"chaos": True}}

    def seconds(**changes):
        plan = explain.plan(sweep_of(**changes), Calibration(SPEEDS, start=1.0), 300)
        assert len(plan.spectra) in (0, len(changes.get("seeds", [1, 2])))
        return plan.seconds_of("spectra")

    small, large, none = (seconds(network=network, **chaos) for network in networks)
    assert seconds() == seconds(backends=["lif_float"], **chaos) == none == 0.0
    assert large - 2.0 == pytest.approx(8 * (small - 2.0))  # as N^1.5, beside two starts
    assert small > 2.0
    assert seconds(network=networks[1], seeds=[1], **chaos) == large / 2


def test_theory_takes_time_for_each_point_that_is_gathered():
    """What is gathered without theory takes two starts."""

    def seconds(**changes):
        plan = explain.plan(sweep_of(**changes), Calibration(SPEEDS, start=1.0), 300)
        return plan.seconds_of("gather")

    assert seconds(backends=["lif_float"]) == 2.0
    grid = VALID["grid"] | {"q_factor": [1.0, 2.0, 3.0, 4.0]}
    assert seconds(grid=grid) - 2.0 == pytest.approx(2 * (seconds() - 2.0))
    assert seconds() > 2.0


def test_what_networks_are_made_from_is_simulated_too():
    sweep = sweep_of(backends=["lif_bit_accurate"])
    assert explain.simulated(sweep) == ["lif_float", "lif_bit_accurate"]
    assert explain.n_networks(sweep) == 2 * 6 * 2
    plan = explain.plan(sweep, Calibration(SPEEDS, 0.0), 300)
    assert plan.seconds_of("simulate, lif_float") == 12.0


def test_networks_that_are_equal_in_a_tile_count_once():
    """At the strongest coupling q_factor 8, 10 and 12 are one LIF network; 1 is another."""
    sweep = Sweep.model_validate(
        VALID
        | {
            "network": {"neurons": 100},
            "grid": {"q_factor": [1.0, 8.0, 10.0, 12.0], "g_factor": [5.0, 6.5]},
            "backends": ["rate", "lif_bit_accurate"],
            "seeds": [1],
            "mapping": {"rate_to_lif": "corrected"},
        }
    )
    whole, halves = (sweep.model_copy(update={"tiles": n}) for n in (1, 2))
    assert explain._distinct(whole) == {"rate": 1.0, "lif_float": 0.5, "lif_bit_accurate": 0.5}
    assert explain._distinct(halves)["lif_float"] == 0.75  # 1 and 8, 10 and 12
    calibration = Calibration(SPEEDS, 0.0, explain._distinct(whole))
    plan = explain.plan(whole, calibration, 300)
    assert plan.seconds_of("simulate, lif_float") == 4 * SPEEDS["lif_float"].first
    assert plan.seconds_of("simulate, rate") == 4 * SPEEDS["rate"].first


def test_on_several_cores_a_kind_of_job_waits_for_the_one_before():
    sweep = sweep_of(tiles=1, backends=["lif_float"])
    plan = explain.plan(sweep, Calibration(SPEEDS, start=4.0), 300)
    # Two seeds of 6 + 4 s at once, then 8 s of gathering, then figures, at once with two pages.
    figures = plan.seconds_of("draw")
    assert plan.wall_seconds(8) == 10.0 + 8.0 + max(figures, plan.seconds_of("write pages") / 2)
    assert plan.wall_seconds(1) == plan.processor_seconds


def test_spectra_fill_cores_that_simulations_leave_idle():
    chaos = sweep_of(tiles=1, backends=["rate"], observables={"chaos": True})
    with_spectra = explain.plan(chaos, Calibration(SPEEDS, start=1.0), 300)
    simulated = [job.seconds for job in with_spectra.simulate]
    longest = max(job.seconds for job in with_spectra.spectra)
    assert longest < max(simulated)
    without = replace(with_spectra, spectra=[])
    assert with_spectra.wall_seconds(4) == without.wall_seconds(4)
    assert with_spectra.wall_seconds(2) == without.wall_seconds(2) + longest


def test_borders_take_as_many_rounds_as_they_have_halvings():
    """From steps of 2 to 0.25: three rounds of two networks, of both seeds' both backends."""
    sweep = Sweep.model_validate(COARSE | {"refinement": {"precision": 0.25}})
    plan = explain.plan(sweep, Calibration(SPEEDS, start=1.0), 800)
    assert [job.seconds for job in plan.refine] == [1.0 + 3 * 2 * 1.0, 1.0 + 3 * 2 * 0.5]


def test_without_precision_the_length_is_known_and_with_it_there_is_a_range():
    assert explain.lengths(sweep_of()) == (300, 300, 300)
    precise = Sweep.model_validate(
        changed("simulation.precision", 0.1) | {"observables": {"chaos": False}}
    )
    first = precise.simulation.first_steps
    assert first >= 300
    assert explain.lengths(precise) == (first, round(math.sqrt(first * 300_000)), 300_000)
    speeds = SPEEDS | {"rate": Speed(together=1, first=1.0, further=0.01)}
    low, high = (
        explain.plan(precise, Calibration(speeds, 0.0), n).seconds_of("simulate, rate")
        for n in (first, first + 100)
    )
    assert (low, high) == (12.0, 24.0)


class Clock:
    """Fake networks, and the processor seconds that they take."""

    def __init__(self, sweep, n):
        self.seconds, self.n_steps, self.n_first = 0.0, 0, sweep.steps_together
        self.n_runs, self.networks = 0, range(n)
        self.settings, self.simulator = SimpleNamespace(block_steps=1000), self

    def take(self, seconds):
        self.seconds += seconds

    def prepared(self, index):
        self.take(3.0)
        return SimpleNamespace(problem=None if index else "None can be made.")

    def watch(self, index, prepared):
        return [SimpleNamespace(add=lambda where, block: self.take(0.25 * block))]

    def lanes(self):
        return self

    def put(self, key, *_):
        self.n_runs += 1

    def advance(self, n_steps):
        """A step takes 100 s while memory is new, then 1, and 0.5 beyond the first look."""
        assert n_steps <= 1000  # a block, for which there is memory
        is_new, is_first = self.n_steps < 150, self.n_steps < self.n_first
        self.n_steps += n_steps
        self.take(self.n_runs * n_steps * (100.0 if is_new else 1.0 if is_first else 0.5))
        return {(1, number): n_steps for number in range(self.n_runs)}

    def keep(self, index, prepared, observers):
        assert len(observers) == bool(index)
        self.take(7.0)


@pytest.fixture
def clock(monkeypatch):
    """Time is what fake networks have taken; of those of a sample the first cannot be made."""
    clocks = []

    def work_on(sweep, tile, source):
        clocks.append(Clock(sweep, len(tile.points)))
        return clocks[-1], SimpleNamespace(arrays={})

    monkeypatch.setattr(explain, "work_on", work_on)
    monkeypatch.setattr(time, "process_time", lambda: clocks[-1].seconds)
    return clocks


def test_shorter_and_smaller_runs_are_reckoned_up(clock):
    """Networks take 10 s each to make and reduce and 1.25 s a step, and twice the neurons 2^1.6."""
    grid = {"q_factor": [1.0, 2.0, 3.0], "g_factor": [4.0, 5.0]}
    simulation = {"steps": 30_000, "burn_in": 5000, "max_lag": 900}
    sweep = sweep_of(
        tiles=1, grid=grid, backends=["lif_float"], simulation=simulation, network={"neurons": 800}
    )
    speeds = explain._speeds(sweep)
    n = len(clock[0].networks)
    assert 3 <= n <= 6
    seconds = 10.0 * n + 1.25 * (n - 1) * 30_000
    assert speeds["lif_float"].first == pytest.approx(2**1.6 * seconds / n)
    assert clock[0].n_steps <= 1000


def test_steps_beyond_the_first_look_are_timed_by_themselves(clock):
    """Two networks of which one, from four states, takes four times 1 + 0.25 and 0.5 + 0.25 s.

    Of the 7000 steps from 2000 to the 9000 that are expected, 2000 before each of the looks at
    3000, 5000 and 9000 steps count as followed.
    """
    steps = {"steps": 2000, "burn_in": 1000, "max_lag": 50, "max_steps": 40_500}
    sweep = sweep_of(tiles=1, backends=["lif_float"], simulation={"precision": 0.1, **steps})
    speed = explain._speeds(sweep)["lif_float"]
    n_steps = sweep.simulation.first_steps
    assert len(clock[0].networks) == 2
    assert speed.first == pytest.approx((20.0 + 5.0 * n_steps) / 2)
    assert speed.further == pytest.approx((3.0 + 6 / 7 * (5.0 - 3.0)) / 2)


def test_the_start_of_a_job_is_measured_in_another_process(monkeypatch, tmp_path):
    """What this process did counts for no job, nor does a file that is called numpy."""
    (tmp_path / "numpy.py").write_text("raise SystemExit('This is not NumPy.')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "process_time", lambda: 7200.0)
    assert 0.3 < explain.calibrated(sweep_of(backends=["rate"])).start < 30.0


def test_samples_are_spread_over_the_grid():
    grid = {"q_factor": {"start": 1, "stop": 16, "count": 16}, "g_factor": [3.0, 4.0, 5.0, 6.0]}
    points = explain._spread(sweep_of(grid=grid), 8)
    assert len(points) == 8
    assert {q for q, _ in points} == {2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0}
    assert {g for _, g in points} == {3.0, 4.0, 5.0, 6.0}


def test_the_command_prints_one_table(tmp_path, capsys):
    config = tmp_path / "mine.yaml"
    config.write_text(sweep_of().model_dump_json(exclude_none=True))
    assert main(["explain", str(config), "--cores", "3"]) == 0
    table = capsys.readouterr().out
    rows = dict(re.findall(r"^ *(\S.*?\S) {2,}(\S.*?) *$", table, re.MULTILINE))
    assert rows["networks"] == "24"
    assert rows["jobs"] == str(16 + 4)
    assert rows["memory of a job"].endswith(" MB")
    assert re.fullmatch(r"\d+ min \d+ s", rows["time on 3 idle cores"])
    assert "at least" not in table
    assert not list(tmp_path.glob("results"))


def test_with_precision_the_table_has_a_range_and_says_what_is_expected(tmp_path, capsys):
    config = tmp_path / "mine.yaml"
    config.write_text(
        Sweep.model_validate(changed("simulation.precision", 0.3)).model_dump_json(
            exclude_none=True
        )
    )
    assert main(["explain", str(config)]) == 0
    table = capsys.readouterr().out
    assert re.search("expected +at least +at most", table)
    assert "geometric mean" in table


@pytest.mark.parametrize("cores", ["0", "-2"])
def test_a_number_of_cores_that_cannot_be_is_refused(tmp_path, capsys, cores):
    assert main(["explain", str(tmp_path / "mine.yaml"), "--cores", cores]) == 1
    assert f"--cores is {cores}, but must be at least 1" in capsys.readouterr().err
