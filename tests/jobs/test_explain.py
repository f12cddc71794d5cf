"""What a sweep takes, before it starts: counted on paper, and from a few real networks."""

import math
import os
import re
import time

import numpy as np
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
    """Six points in two tiles: three networks are a pair and, for half a pair, 3/4 of its time."""
    plan = explain.plan(sweep_of(tiles=2), Calibration(SPEEDS, start=3.0, theory=50.0), 300)
    found = {kind: plan.seconds_of(kind) for kind in ("simulate, rate", "simulate, lif_float")}
    assert found == {
        "simulate, rate": 4 * (1.75 * 10.0 + 3.0),
        "simulate, lif_float": 4 * (3.0 + 3.0),
    }
    assert plan.seconds_of("gather") == 53.0
    assert not plan.refine


def test_what_networks_are_made_from_is_simulated_too():
    sweep = sweep_of(backends=["lif_bit_accurate"])
    assert explain.simulated(sweep) == ["lif_float", "lif_bit_accurate"]
    assert explain.n_networks(sweep) == 2 * 6 * 2
    plan = explain.plan(sweep, Calibration(SPEEDS, 0.0, 0.0), 300)
    assert plan.seconds_of("simulate, lif_float") == 12.0


def test_on_several_cores_a_kind_of_job_waits_for_the_one_before():
    sweep = sweep_of(tiles=1, backends=["lif_float"])
    plan = explain.plan(sweep, Calibration(SPEEDS, start=4.0, theory=6.0), 300)
    # Two seeds of 6 + 4 s at once, then 4 + 6 s of gathering, then figures, at once with two pages.
    figures = plan.seconds_of("draw")
    assert plan.wall_seconds(8) == 10.0 + 10.0 + max(figures, plan.seconds_of("write pages") / 2)
    assert plan.wall_seconds(1) == plan.processor_seconds


def test_borders_take_as_many_rounds_as_they_have_halvings():
    """From steps of 2 to 0.25: three rounds of two networks, of both seeds' both backends."""
    sweep = Sweep.model_validate(COARSE | {"refinement": {"precision": 0.25}})
    plan = explain.plan(sweep, Calibration(SPEEDS, start=1.0, theory=0.0), 800)
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
        explain.plan(precise, Calibration(speeds, 0.0, 0.0), n).seconds_of("simulate, rate")
        for n in (first, first + 100)
    )
    assert (low, high) == (12.0, 24.0)


def test_shorter_and_smaller_runs_are_reckoned_up():
    long = Sweep.model_validate(
        changed("simulation.steps", 30_000) | {"network": {"neurons": 2000}}
    )
    short = explain._shortened(long, 10)
    assert (short.simulation.steps, short.network.neurons) == (2000, 1000)
    assert short.simulation.burn_in == 25  # at least the window of spike counts
    assert Sweep.model_validate_json(short.model_dump_json()) == short


def test_new_memory_of_the_first_networks_counts_once():
    """Two groups of two are done after 5 and 7 s: 2 s each, and 3 s beside."""
    points = [(float(q), 1.0) for q in range(4)]
    sample = explain._Sampled(points, {}, np.array([5.0, 5.0, 7.0, 7.0]))
    assert sample.of_groups(2) == (2.0, 3.0)
    speeds = SPEEDS | {"rate": Speed(together=2, first=2.0, once=3.0)}
    plan = explain.plan(sweep_of(tiles=1), Calibration(speeds, 0.0, 0.0), 300)
    assert plan.seconds_of("simulate, rate") == 2 * (3.0 + 3 * 2.0)


def test_samples_are_spread_over_the_grid():
    grid = {"q_factor": {"start": 1, "stop": 16, "count": 16}, "g_factor": [3.0, 4.0, 5.0, 6.0]}
    points = explain._spread(sweep_of(grid=grid), 8)
    assert len(points) == 8
    assert {q for q, _ in points} == {2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0}
    assert {g for _, g in points} == {3.0, 4.0, 5.0, 6.0}


def test_the_command_prints_one_table(tmp_path, capsys, monkeypatch):
    """What this process did before, as that of a notebook may have, counts for no job."""
    here, since_it_began = os.getpid(), time.process_time
    monkeypatch.setattr(
        time, "process_time", lambda: 7200 * (os.getpid() == here) + since_it_began()
    )
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
