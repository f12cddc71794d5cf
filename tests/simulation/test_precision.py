"""Runs until c(0) and decay time are known to a precision, from several initial states."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from eiphase.backends import BACKENDS
from eiphase.chaos.lyapunov import MeanGrowth
from eiphase.flags import Flag, Quality, Stopped
from eiphase.networks import lif, loihi, weights
from eiphase.networks.weights import Network
from eiphase.numerics.arrays import shared_array
from eiphase.simulation import observation, tile
from eiphase.simulation.backends import Block
from eiphase.simulation.observation import UntilPrecise
from eiphase.simulation.tile import simulate_tile
from eiphase.sweep.schema import Sweep

SWEEP = {
    "network": {"neurons": 100, "step_size": 0.05, "refractory": 0.05},
    "grid": {"q_factor": [1.0, 6.0, 10.0], "g_factor": [4.5, 6.0]},
    "seeds": [1],
    "backends": list(BACKENDS),
    "simulation": {
        "steps": 1500,
        "burn_in": 200,
        "max_lag": 200,
        "precision": 0.1,
        "max_steps": 20_000,
    },
    "mapping": {"rate_to_lif": "identity"},
    "observables": {"chaos": True, "statistics": True},
}


def sweep_with(**changes):
    config = {**SWEEP, **{k: {**SWEEP[k], **v} for k, v in changes.items()}}
    return Sweep.model_validate(config)


def simulated(sweep, tile=None):
    """Variables of each backend's tile, or of some of its points."""
    found = {}
    for backend in sweep.backends:
        whole = sweep.tile(backend, 1, 0)
        part = replace(whole, points=whole.points if tile is None else tile)
        source = found.get(BACKENDS[backend].takes_from)
        found[backend] = simulate_tile(sweep, part, source=source)
    return found


@pytest.fixture(scope="module")
def found():
    return simulated(sweep_with())


@pytest.mark.parametrize("points", [[(2, 1)], [(1, 0), (0, 0), (2, 1), (1, 1)]])
def test_a_networks_numbers_depend_on_no_other(found, points):
    alone = simulated(sweep_with(), tuple(points))
    order = sweep_with().points()
    for backend, values in alone.items():
        for name, array in values.items():
            expected = found[backend][name][[order.index(point) for point in points]]
            assert np.array_equal(array, expected, equal_nan=True), (backend, name)


@pytest.mark.parametrize("precision", [0.5, None])
def test_networks_that_are_equal_are_simulated_once(monkeypatch, precision):
    """At the strongest coupling q_factor 8 and 12 are one network; 1 and 1.5 are two more."""
    sweep = sweep_with(
        grid={"q_factor": [8.0, 1.0, 12.0, 1.5], "g_factor": [6.5]},
        simulation={"steps": 600, "max_steps": 1000, "max_lag": 100, "precision": precision},
        mapping={"rate_to_lif": "corrected", "float_to_integer": "full_range"},
    )
    made = shared_array((1,), "int64")  # Lava's process counts

    def counted(network):
        made[0] += 1
        return network

    for kind in (lif.Simulator, loihi.Simulator):
        of = kind.of
        monkeypatch.setattr(kind, "of", lambda parameters, of=of: counted(of(parameters)))
    monkeypatch.setattr(tile, "load_kernels", lambda *_: None)  # it simulates, too
    source = {}
    for backend in ("lif_float", "lif_bit_accurate"):
        whole = sweep.tile(backend, 1, 0)
        made[0] = 0
        together = simulate_tile(sweep, whole, source=source)
        assert made[0] == 3 * (4 if precision else 1)
        for index, point in enumerate(whole.points):
            of_point = {name: values[[index]] for name, values in source.items()}
            alone = simulate_tile(sweep, replace(whole, points=(point,)), source=of_point)
            for name, values in alone.items():
                assert np.array_equal(values[0], together[name][index], equal_nan=True), name
        assert len(np.unique(together["weight_scale"])) == 4
        source = together


def test_states_that_fluctuate_are_counted(found):
    """All four or none, unless states differ; a quality of several states says that some do not."""
    for backend, values in found.items():
        n = values["fluctuating_states"]
        is_active = values["c0_flag"] == Flag.OK
        assert ((n > 0) == is_active).all(), backend
        assert set(n) <= {0, 1, 2, 3, 4}
        assert (values["quality"][(n > 0) & (n < 4)] == Quality.SEVERAL_STATES).all()
    rates = found["rate"]
    assert {0, 4} <= set(rates["fluctuating_states"])


def test_a_network_stops_when_it_is_precise_or_has_settled_or_is_long(found):
    for backend, values in found.items():
        for i, stopped in enumerate(values["stopped"]):
            n_steps = values["n_steps"][i]
            assert 2000 <= n_steps <= 20_000, backend
            assert n_steps % 1000 == 0
            if stopped == Stopped.PRECISE:
                assert values["c0_error"][i] <= 0.1 * values["c0"][i]
                if values["decay_time_flag"][i] == Flag.OK:
                    assert values["decay_time_error"][i] <= 0.1 * values["decay_time"][i]
                    # Of 1800, 3800, ... steps the second half is measured, of 1800 all.
                    measured = 1800 if n_steps == 2000 else (n_steps - 200) / 2
                    assert measured >= 29 * values["decay_time"][i]
                assert values["quality"][i] in (Quality.OK, Quality.SHORT)
            if stopped == Stopped.SETTLED:
                assert np.isnan(values["c0"][i])
            if stopped == Stopped.LONGEST:
                assert n_steps > 10_000
    assert found["rate"]["stopped"][0] == Stopped.SETTLED  # q_factor 1: far below the border
    assert (found["rate"]["stopped"][2:] == Stopped.PRECISE).any()
    assert (found["lif_float"]["stopped"] == Stopped.PRECISE).any()


def test_more_precision_takes_longer_and_agrees(found):
    fine = simulated(sweep_with(simulation={"precision": 0.03}))
    longer = 0
    for backend, rough in found.items():
        values = fine[backend]
        longer += np.count_nonzero(values["n_steps"] > rough["n_steps"])
        assert (values["n_steps"] >= rough["n_steps"]).all()
        known = (values["quality"] == Quality.OK) & (rough["quality"] == Quality.OK)
        for name in ("c0", "mean_rate"):
            error = np.hypot(values[f"{name}_error"], rough[f"{name}_error"])[known]
            assert (np.abs(values[name] - rough[name])[known] <= 5 * error + 1e-12).all(), name
    assert longer > 0


def judge_fed_with(x_of, **simulation):
    """The judge of a rate network when it is content; `x_of` are the states at some steps."""
    sweep = sweep_with(simulation=simulation, observables={"chaos": False, "statistics": False})
    judge = UntilPrecise("rate", sweep, None, needed=False)
    randoms = [np.random.default_rng(n) for n in range(judge.n_states)]
    first = 0
    while judge.wants_more():
        steps = np.arange(first, first + sweep.simulation.block_steps)
        for number, random in enumerate(randoms):
            judge.add(number, Block({"state": x_of(steps, random)}, {}))
        first += len(steps)
    return judge.found()


def noise(steps, random, amplitude):
    """White noise that all neurons share."""
    shared = random.normal(size=len(steps)) * amplitude
    return np.tile(shared[:, None], 100)


def test_what_a_run_began_with_is_forgotten():
    """c(0) is that of what lasts, though half of the steps until the second look had more."""

    def begins_with_more(steps, random):
        return noise(steps, random, np.where(steps < 2000, 3, 1))

    found = judge_fed_with(begins_with_more, precision=0.005, max_steps=4000)
    assert found["n_steps"] == 4000
    assert found["c0"] == pytest.approx(1, abs=0.15)


def test_a_last_look_that_comes_soon_keeps_what_is_known():
    """After 4000 steps there are 1000 to come, which join the 2000 that were measured before."""

    def ends_with_more(steps, random):
        return noise(steps, random, np.where(steps < 4000, 1, 2))

    found = judge_fed_with(ends_with_more, precision=0.005, max_steps=5000)
    assert (found["n_steps"], found["stopped"]) == (5000, Stopped.LONGEST)
    assert found["c0"] == pytest.approx(2, abs=0.3)


def test_initial_states_differ_and_are_the_networks_own():
    network = Network(n_neurons=400, q_factor=3.0, g_factor=4.5, seed=1)
    assert not weights.initial_rates(network, 0).any()
    assert not weights.initial_voltages(network, 0).any()
    first, second = (weights.initial_rates(network, n) for n in (1, 2))
    assert first.std() == pytest.approx(3.0, rel=0.1)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.2
    assert np.array_equal(first, weights.initial_rates(network, 1))
    for number in (1, 2, 3):
        voltages = weights.initial_voltages(network, number)
        assert voltages.min() >= 0
        assert np.mean(voltages > 1) == pytest.approx(1 - 1 / number, abs=0.08)
    other = Network(n_neurons=400, q_factor=3.0, g_factor=4.5, seed=2)
    assert not np.array_equal(weights.initial_rates(other, 1), first)


def test_errors_of_other_numbers_come_from_the_states(found):
    values = found["lif_float"]
    fluctuates = values["quality"] == Quality.OK
    assert fluctuates.any()
    for name in ("fano_factor_error", "participation_ratio_error", "spike_damage_error"):
        assert (values[name][fluctuates] >= 0).all(), name
    assert (found["rate"]["lyapunov_error"] > 0).all()


def test_few_states_count_how_few_they_are():
    """Student's t of 3 degrees of freedom holds 71.7 % within 1.3046, 92.0 % within twice that."""
    scattered = [1.0, 2.0, 3.0, 4.0]
    expected = 1.3046 * np.sqrt(5 / 3) / 2
    pooled = observation._pooled([{"fano_factor": value} for value in scattered])
    assert pooled["fano_factor_error"] == pytest.approx(expected, rel=1e-4)
    growths = []
    for value in scattered:
        growths.append(MeanGrowth(400))
        growths[-1].add(np.full(400, value))
    grown = observation._pooled_growth(growths, 0.1)
    assert grown["lyapunov_error"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"simulation": {"max_steps": 1500}}, "max_steps is 1500"),
        ({"simulation": {"precision": 0.001}}, "precision"),
        ({"observables": {"autocovariance": "tutorial"}}, "simulation.precision is 0.1"),
    ],
)
def test_what_does_not_fit_is_said(changes, words):
    with pytest.raises(ValidationError, match=words):
        sweep_with(**changes)
