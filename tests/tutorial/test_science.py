"""The numbers that the pages on science state, computed again.

Each test puts a number into the sentence and looks for it there.
"""

import re
from collections import Counter

import numpy as np
import pytest
from conftest import REPOSITORY

from eiphase.chaos import (
    damage,
    lyapunov,
    perturbation,
    perturbed_run,  # fmt: skip
    tangent,
)
from eiphase.flags import Fate, ScaleStatus
from eiphase.mapping import float_to_integer, rate_to_lif
from eiphase.mapping.dynamic_range import dynamic_range
from eiphase.networks import lif, loihi, rate, weights
from eiphase.networks.weights import Network
from eiphase.observables import fluctuation
from eiphase.sweep.load import load

PAGES = [REPOSITORY / "docs" / name for name in ("science.md", "chaos.md", "mappings.md")]
PAGE = " ".join(" ".join(page.read_text() for page in PAGES).split())
DEMO = load(REPOSITORY / "config/demo.yaml")


def stated(sentence):
    assert sentence in PAGE


def half(seed, n_neurons=400):
    return weights.half_gaussian(weights.gaussian_matrix(n_neurons, seed))


def spiking(half_gaussian, q_factor, g_factor):
    """The LIF network that the tutorial's mapping gives, and its integers of 1000 steps."""
    point = Network(n_neurons=400, q_factor=q_factor, g_factor=g_factor, seed=1)
    real, _ = rate_to_lif.rate_to_lif(half_gaussian, point, "tutorial")
    recording = lif.run(real, 1000)
    ranges = dynamic_range(recording)
    return real, recording, float_to_integer.tutorial(real, ranges)


def test_short_runs_underestimate():
    point = Network(n_neurons=400, q_factor=12.0, g_factor=6.5, seed=1)
    states = rate.run(rate.Batch(half(1), [point]), 60_000)[0]

    def measured(x, max_lag):
        estimator = fluctuation.standard_autocovariance
        return fluctuation.fluctuation_of(x, max_lag=max_lag, autocovariance=estimator)

    long = measured(states[1000:], 2000)
    windows = [measured(states[i : i + 1500], 750) for i in range(1000, 59_500, 1500)]
    c0, time, bias = (
        np.nanmedian([getattr(window, name) for window in windows])
        for name in ("c0", "decay_time", "centring_bias")
    )
    # Chaos: other processors may give another trajectory of the same statistics.
    found = [long.c0, long.decay_time, c0, time, 100 * bias, 100 * (1 - c0 / long.c0)]
    page = re.search(
        r"give c\(0\) = (\d+) and a decay time of (\d+) steps; windows of 1500 steps give a median "
        r"of (\d+) and (\d+). .* \(there (\d+) % of (\d+) %\)",
        PAGE,
    )
    assert [float(number) for number in page.groups()] == pytest.approx(found, rel=0.05)


def test_a_transient_beside_the_border_is_slow():
    stated("At q = 3.5, g = 6.5 (seed 1) the variance is still falling after 15,000 steps")
    point = Network(n_neurons=400, q_factor=3.5, g_factor=6.5, seed=1)
    states = rate.run(rate.Batch(half(1), [point]), 20_000)[0]
    variances = [states[t : t + 1000].var(axis=0).mean() for t in (1000, 5000, 10_000, 15_000)]
    variances.append(states[19_000:].var(axis=0).mean())
    assert (np.diff(np.log(variances)) < -1).all()
    assert variances[-1] > 1e-12  # far above rounding


def test_the_solver_over_the_demos_map():
    statuses = Counter()
    for seed in DEMO.seeds:
        z = half(seed, DEMO.network.neurons)
        for point in DEMO.networks(DEMO.tile("lif_float", seed, 0)):
            statuses[rate_to_lif.rate_to_lif(z, point, "tutorial")[1].status] += 1
    unchanged, stopped = (
        100 * statuses[status] / statuses.total()
        for status in (ScaleStatus.UNCHANGED, ScaleStatus.NOT_SOLVED)
    )
    stated(f"{unchanged:.0f} % of the networks, and {stopped:.0f} % stop elsewhere")


def test_where_the_solver_solves_weights_hardly_depend_on_q():
    z = half(1)
    points = [Network(n_neurons=400, q_factor=q, g_factor=4.5, seed=1) for q in (2.25, 3.75)]
    low, high = (rate_to_lif.rate_to_lif(z, point, "tutorial")[0].weights.std() for point in points)
    stated(
        f"from q = 2.25 to 3.75 the rate network's weights grow {(3.75 / 2.25) ** 2:.1f}-fold, "
        f"the LIF network's change by {100 * abs(high / low - 1):.0f} %"
    )


def test_integer_weights_are_twice_as_strong_or_clipped():
    stated("at q = 1, g = 4.5 integer weights are about twice as strong")
    real, _, integers = spiking(half(1), 1.0, 4.5)
    assert float_to_integer.weight_use(integers, real).strength == pytest.approx(2, abs=0.2)
    stated("at g = 3, up to a third of the weights are clipped")
    clipped = []
    for z in map(half, DEMO.seeds):
        for q in DEMO.grid.q_factor:
            real, _, integers = spiking(z, q, 3.0)
            clipped.append(float_to_integer.weight_use(integers, real).clipped_fraction)
    assert max(clipped) == pytest.approx(1 / 3, abs=0.02)


@pytest.fixture(scope="module")
def critical():
    gaussian = weights.gaussian_matrix(400, 1234, draw=1)
    return weights.half_gaussian(gaussian), (400 / 6) ** 0.5


def test_voltages_of_the_critical_network_are_clipped(critical):
    _, recording, integers = spiking(*critical, 4.5)
    found = loihi.run(integers, 1000)
    lowest = -(2**23) / 2**6 / integers.vth  # v has 24 bits with its sign, vth counts 2**6
    stated(f"it ends at {lowest:.0f} thresholds")
    stated("where a fifth of the voltages in floating point lie below")
    assert np.mean(recording.voltage < lowest) == pytest.approx(0.2, abs=0.02)
    stated(f"{found.voltage_clips:,} of {recording.voltage.size:,} are clipped")
    stated("it fires a quarter less")
    assert found.spikes.mean() / recording.spikes.mean() == pytest.approx(0.75, abs=0.05)


def test_decay_times_at_a_fixed_point_are_the_transients():
    """By the tutorial's estimator and settings, which do not see that the network settles."""
    times = []
    for q in (1.0, 1.5, 2.0):
        point = Network(n_neurons=400, q_factor=q, g_factor=4.5, seed=1)
        states = rate.run(rate.Batch(half(1), [point]), 1000)[0]
        c = fluctuation.tutorial_autocovariance(states[200:-200], max_lag=100)
        times.append(fluctuation.decay_time(c)[0])
    typical = int(re.search(r"about (\d+) steps everywhere in the fixed-point phase", PAGE)[1])
    assert times == pytest.approx([typical] * 3, abs=2)


def test_the_critical_network_remembers_longer_than_the_tutorials_lags(critical):
    gaussian, q = critical
    point = Network(n_neurons=400, q_factor=q, g_factor=4.5, seed=1234)
    states = rate.run(rate.Batch(gaussian, [point]), 1000)[0]
    linear = fluctuation.standard_autocovariance(states[200:], max_lag=100)
    circular = fluctuation.tutorial_autocovariance(states[200:-200], max_lag=100)
    stated(f"c(100) = {linear[-1] / linear[0]:.2f} c(0), no decay time within that lag")
    stated(f"(the circular one bends c down to {circular[-1] / circular[0]:.2f})")


def per_time_constant(log_growth):
    found = lyapunov.exponent(log_growth[1000:])
    return 100 * found.value, 100 * found.error


def test_the_example_of_chaos():
    """Sums and logarithms of other processors may differ in the last bit: hence a range."""
    z = half(1)
    point = Network(n_neurons=400, q_factor=8.0, g_factor=4.5, seed=1)
    batch = rate.Batch(z, [point])
    growth = tangent.log_growth(batch, rate.run(batch, 4000))[0]
    page = re.search(r"rate neurons have λ = (\S+) ± (\S+) per time constant", PAGE)
    assert [float(n) for n in page.groups()] == pytest.approx(per_time_constant(growth), abs=0.005)

    real, _ = rate_to_lif.rate_to_lif(z, point, "tutorial")
    recording, found = perturbed_run.run_lif(real, 4000, burn_in=1000)
    exponent, _ = per_time_constant(found.log_growth)
    spread = damage.outcome(found.spike_damage, recording.spikes[1000:])
    ranges = dynamic_range(recording)
    recording, found = perturbed_run.run_loihi(
        float_to_integer.tutorial(real, ranges), 4000, burn_in=1000
    )
    spike = damage.outcome(found.spike_damage, recording.spikes[1000:])
    bit = damage.outcome(found.bit_damage, recording.spikes[1000:])
    stated(
        f"mapping has {exponent:.2f}, and yet one spike more leads to a damage of "
        f"{spread.level:.2f}; in integers to {spike.level:.2f}, while all {bit.trials} flipped "
        "bits heal"
    )
    assert bit.fate == Fate.HEALED


def test_damage_has_a_border_with_mappings_that_keep_what_they_map():
    z, levels = half(1), []
    for q in (3.0, 4.0):
        point = Network(n_neurons=400, q_factor=q, g_factor=4.5, seed=1)
        real, _ = rate_to_lif.rate_to_lif(z, point, "corrected")
        recording, found = perturbed_run.run_lif(real, 4000, burn_in=1000)
        levels.append(damage.outcome(found.spike_damage, recording.spikes[1000:]))
        ranges = dynamic_range(recording)
        recording, found = perturbed_run.run_loihi(
            float_to_integer.full_range(real, ranges), 4000, burn_in=1000
        )
        levels.append(damage.outcome(found.spike_damage, recording.spikes[1000:]))
    numbers = [f"{found.level:.2f}" for found in levels]
    stated(
        f"stays confined ({numbers[0]} in floating point, {numbers[1]} in integers), at q = 4 it "
        f"spreads ({numbers[2]} and {numbers[3]})"
    )
    confined, spread = Fate.CONFINED, Fate.SPREAD
    assert [found.fate for found in levels] == [confined, confined, spread, spread]


def test_regular_neurons_are_sensitive_too():
    real, *_ = spiking(half(1), 1.0, 4.5)
    recording, found = perturbed_run.run_lif(real, 4000, burn_in=1000)
    exponent, _ = per_time_constant(found.log_growth)
    level = damage.outcome(found.spike_damage, recording.spikes[1000:]).level
    stated(f"has λ = {exponent:.1f} per time constant, and a damage of {level:.2f}")
    intervals = [np.diff(np.flatnonzero(train)) for train in recording.spikes[1000:].T]
    variation = [x.std() / x.mean() for x in intervals if len(x) > 5]
    assert np.mean(variation) < 0.2


def test_lif_networks_are_stable_to_small_perturbations_alone(monkeypatch):
    stated("It is positive at g = 4.5, q = 2, 8 and 12 (seed 1) where twins are set 10 thresholds")
    z = half(1)
    for q in (2.0, 8.0, 12.0):
        real, *_ = spiking(z, q, 4.5)
        recording = lif.run(real, 3000)
        for size, sign in ((perturbation.SIZE, -1), (10.0, 1)):
            monkeypatch.setattr(perturbation, "SIZE", size)
            found = lyapunov.exponent(perturbation.log_growth(real, recording)[1000:])
            assert sign * found.value > 2 * found.error
        monkeypatch.undo()
