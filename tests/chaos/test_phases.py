"""Rules of phases, each on values that only it fits; and curves that recur, or do not."""

from dataclasses import replace

import numpy as np
import pytest

from eiphase.backends import BACKENDS
from eiphase.chaos import border, phases
from eiphase.flags import Fate, Flag, Phase, StepLimited
from eiphase.variables import NOT_SIMULATED

LAGS = np.arange(200)
DECAYING = np.exp(-LAGS / 30)
OSCILLATING = np.cos(2 * np.pi * LAGS / 80)
DAMPED = DECAYING * OSCILLATING


def of(backend, **values):
    """The phase of one point; what is not said is unremarkable."""
    usual = {
        "c0_flag": Flag.OK, "autocovariance": DECAYING, "silent_fraction": 0.1,
        "lyapunov_exponent": np.nan, "lyapunov_error": np.nan,
        "spike_damage_fate": -1, "weight_strength": 1.0, "current_wraps": 0,
        "c0": 1.0, "isi_cv": np.nan, "step_limited": StepLimited.NO,
    }  # fmt: skip
    points = {name: np.array([value]) for name, value in (usual | values).items()}
    return Phase(phases.classify(backend, points)[0])


def exponent(value, error=0.001):
    return {"lyapunov_exponent": value, "lyapunov_error": error}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (exponent(0.01), Phase.CHAOS),
        (exponent(0.0015), Phase.UNDECIDED),
        (exponent(-0.01) | {"c0_flag": Flag.UNDEFINED}, Phase.FIXED_POINT),
        (exponent(-0.01) | {"c0_flag": Flag.TRANSIENT}, Phase.FIXED_POINT),
        (exponent(0.01) | {"c0_flag": Flag.TRANSIENT}, Phase.UNDECIDED),
        (exponent(-0.01), Phase.UNDECIDED),
        (exponent(0.0005) | {"autocovariance": OSCILLATING}, Phase.OSCILLATION),
        (exponent(0.01) | {"autocovariance": OSCILLATING}, Phase.CHAOS),
        (exponent(0.0005) | {"autocovariance": DAMPED}, Phase.UNDECIDED),
        ({"c0_flag": Flag.UNDEFINED}, Phase.FIXED_POINT),
        ({}, Phase.UNDECIDED),
        (exponent(0.01) | {"c0_flag": Flag.BROKEN}, Phase.BROKEN),
    ],
    ids=str,
)
def test_rate_neurons(values, expected):
    assert of("rate", **values) == expected


@pytest.mark.parametrize("backend", ["lif_float", "lif_bit_accurate"])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"spike_damage_fate": Fate.SPREAD}, Phase.SENSITIVE),
        ({"spike_damage_fate": Fate.SPREAD, "autocovariance": OSCILLATING}, Phase.SENSITIVE),
        ({"spike_damage_fate": Fate.SPREAD, "c0": 0.2}, Phase.SENSITIVE),
        ({"spike_damage_fate": Fate.SPREAD} | exponent(0.01), Phase.CHAOS),
        ({"spike_damage_fate": Fate.SPREAD} | exponent(0.0015), Phase.SENSITIVE),
        (
            {"spike_damage_fate": Fate.SPREAD, "step_limited": StepLimited.YES} | exponent(0.01),
            Phase.SENSITIVE,
        ),
        ({"spike_damage_fate": Fate.SPREAD, "c0_flag": Flag.UNDEFINED}, Phase.SENSITIVE),
        ({"spike_damage_fate": Fate.SPREAD, "c0_flag": Flag.TRANSIENT}, Phase.UNDECIDED),
        ({"spike_damage_fate": Fate.HEALED}, Phase.IRREGULAR),
        ({"spike_damage_fate": Fate.HEALED, "c0": 0.2}, Phase.REGULAR),
        ({"spike_damage_fate": Fate.HEALED, "c0": 0.2, "isi_cv": 0.1}, Phase.REGULAR),
        ({"spike_damage_fate": Fate.CONFINED, "c0": 0.2, "isi_cv": 0.9}, Phase.IRREGULAR),
        ({"spike_damage_fate": Fate.HEALED, "c0_flag": Flag.UNDEFINED}, Phase.FIXED_POINT),
        ({"spike_damage_fate": Fate.HEALED, "c0_flag": Flag.TRANSIENT}, Phase.UNDECIDED),
        ({"spike_damage_fate": Fate.CONFINED, "autocovariance": OSCILLATING}, Phase.REGULAR),
        ({"spike_damage_fate": Fate.UNDECIDED, "autocovariance": OSCILLATING}, Phase.UNDECIDED),
        ({"spike_damage_fate": Fate.HEALED, "c0_flag": Flag.SATURATED}, Phase.SATURATED),
        ({"silent_fraction": 0.97, "c0_flag": Flag.SATURATED}, Phase.SILENT),
        ({"spike_damage_fate": Fate.SPREAD, "c0_flag": Flag.BROKEN}, Phase.BROKEN),
    ],
    ids=str,
)
def test_spiking_neurons(backend, values, expected):
    assert of(backend, **values) == expected


@pytest.mark.parametrize(
    "values", [{"weight_strength": 2.0}, {"weight_strength": 0.75}, {"current_wraps": 1}]
)
def test_integers_that_are_another_network_are_broken(values):
    spread = {"spike_damage_fate": Fate.SPREAD}
    assert of("lif_bit_accurate", **spread, **values) == Phase.BROKEN
    assert of("lif_float", **spread, **values) == Phase.SENSITIVE


@pytest.mark.parametrize("interval", [7, 25, 60, 90])
@pytest.mark.parametrize("window", [25, 40])
def test_counts_of_regular_firing_vary_by_a_quarter_at_most(interval, window):
    """At any interval: what `REGULAR` rests on. Firing at random varies more."""
    train = np.arange(20_000) % interval == 0
    random = np.random.default_rng(0).permutation(train)
    regular, irregular = (
        np.convolve(x, np.ones(window), "valid").var() for x in (train, random)
    )  # fmt: skip
    assert regular <= phases.REGULAR_VARIANCE
    assert irregular > regular


def test_the_commonest_phase_and_how_many_seeds_have_it():
    seeds = np.array([[Phase.CHAOS, Phase.CHAOS, Phase.FIXED_POINT], [Phase.SILENT] * 3])
    commonest, part = phases.agreement(seeds, axis=1)
    assert commonest.tolist() == [Phase.CHAOS, Phase.SILENT]
    assert part.tolist() == [pytest.approx(2 / 3), 1]


def test_where_seeds_tie_the_commonest_phase_is_undecided():
    seeds = np.array([[Phase.CHAOS, Phase.FIXED_POINT], [Phase.SILENT] * 2])
    found = phases.over_seeds(seeds)
    assert found["phase_commonest"].tolist() == [Phase.UNDECIDED, Phase.SILENT]
    assert found["phase_agreement"].tolist() == [0.5, 1]


@pytest.mark.parametrize(
    ("seeds", "is_tied"),
    [
        ([Phase.CHAOS, Phase.FIXED_POINT], True),
        ([Phase.CHAOS, Phase.CHAOS, Phase.FIXED_POINT], False),
        ([Phase.CHAOS, NOT_SIMULATED, NOT_SIMULATED], False),
        ([NOT_SIMULATED, NOT_SIMULATED], False),
    ],
)
def test_phases_are_tied_if_none_has_most_of_the_simulated_seeds(seeds, is_tied):
    assert phases.tied(np.array([seeds]), axis=1).tolist() == [is_tied]


def test_what_returns_recurs_and_what_decays_does_not():
    curves = np.array([OSCILLATING, DAMPED, DECAYING, 0 * LAGS, OSCILLATING * np.nan])
    assert phases.recurs(curves).tolist() == [True, False, False, False, False]


CHAOTIC = exponent(0.01) | {"spike_damage_fate": Fate.SPREAD}


@pytest.mark.parametrize(
    ("measure", "values", "expected"),
    [
        ("lyapunov_exponent", exponent(0.01) | {"spike_damage_fate": Fate.HEALED}, Phase.CHAOS),
        ("spike_damage", exponent(0.01) | {"spike_damage_fate": Fate.HEALED}, Phase.IRREGULAR),
        (None, CHAOTIC, Phase.UNDECIDED),
        (None, CHAOTIC | {"autocovariance": OSCILLATING}, Phase.UNDECIDED),
        (None, {"c0_flag": Flag.UNDEFINED}, Phase.UNDECIDED),
        (None, CHAOTIC | {"c0_flag": Flag.SATURATED}, Phase.SATURATED),
        (None, CHAOTIC | {"c0_flag": Flag.BROKEN}, Phase.BROKEN),
    ],
)
@pytest.mark.parametrize("spiking", [False, True])
def test_the_row_says_what_decides_phases(monkeypatch, spiking, measure, values, expected):
    row = replace(BACKENDS["rate"], name="other", spiking=spiking, measure_of_sensitivity=measure)
    monkeypatch.setitem(BACKENDS, "other", row)
    assert of("other", **values) == expected


@pytest.mark.parametrize(
    ("measure", "expected"),
    [("lyapunov_exponent", 0.3), ("spike_damage", 0.4), (None, np.nan)],
)
def test_the_border_is_where_the_rows_measure_changes_sign(monkeypatch, measure, expected):
    monkeypatch.setitem(
        BACKENDS, "other", replace(BACKENDS["rate"], measure_of_sensitivity=measure)
    )
    values = {"lyapunov_exponent": [0.3], "spike_damage": [0.9], "phase": [Phase.UNDECIDED]}
    found = border.driver("other", {name: np.array(v) for name, v in values.items()})
    np.testing.assert_allclose(found, [expected])
