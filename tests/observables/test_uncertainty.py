"""Errors of c(0), decay time and mean: right where the truth is known, and R-hat."""

import numpy as np
import pytest
from scipy.optimize import brentq

from eiphase.flags import Quality
from eiphase.observables.fluctuation import standard_autocovariance
from eiphase.observables.uncertainty import (
    BLOCKS,
    Blocks,
    CountBlocks,
    error_from_scatter,
    errors_from_scatter,
    estimate,
    quality,
    variance_of_mean,
)

TAU, MEAN = 10.0, 3.0  # steps; of Gaussian processes with variance 1


def ornstein_uhlenbeck(random, n_steps, n_neurons):
    """Independent processes with c(k) = exp(-k / TAU), from their stationary state."""
    decay = np.exp(-1 / TAU)
    noise = random.normal(size=(n_steps, n_neurons)) * np.sqrt(1 - decay**2)
    noise[0] = random.normal(size=n_neurons)
    for t in range(1, n_steps):
        noise[t] += decay * noise[t - 1]
    return MEAN + noise


def blocks_of(x, *, max_lag=60, pieces=1):
    found = Blocks(x.shape[1], max_lag=max_lag, length=max(1, len(x) // BLOCKS))
    for piece in np.array_split(x, pieces):
        found.add(piece)
    return found


def estimate_of(*runs, max_lag=60):
    states = [blocks_of(x, max_lag=max_lag) for x in runs]
    return estimate([state.autocovariance() for state in states], states, step=1)


def within(estimates, name, truth, n_errors):
    off = [abs(getattr(e, name) - truth) / getattr(e, f"{name}_error") for e in estimates]
    return np.mean(np.array(off) < n_errors)


@pytest.mark.parametrize(("n_states", "c0_within"), [(1, (0.63, 0.79)), (4, (0.70, 0.84))])
def test_truths_lie_within_one_and_two_errors(n_states, c0_within):
    """Of several states the larger of two errors counts, which is on the safe side."""
    random = np.random.default_rng(0)
    estimates = [
        estimate_of(*(ornstein_uhlenbeck(random, int(40 * TAU), 20) for _ in range(n_states)))
        for _ in range(200)
    ]
    least, most = c0_within
    assert least < within(estimates, "c0", 1.0, 1) < most  # of 200: +- 0.03 by chance
    assert 0.65 < within(estimates, "mean", MEAN, 1) < 0.82  # on the safe side
    for name, truth in (("c0", 1.0), ("mean", MEAN)):
        assert within(estimates, name, truth, 2) > 0.86
    assert within(estimates, "decay_time", TAU, 1) > 0.63
    assert within(estimates, "decay_time", TAU, 2) > 0.90
    assert np.mean([quality(e) != Quality.OK for e in estimates]) < 0.1


def coverage(truth, values, errors):
    return np.mean(np.abs(np.array(values) - truth) < errors)


@pytest.mark.parametrize("n", [2, 3, 4, 10])
def test_few_states_count_how_few_they_are(n):
    """One error holds as much more than 68.3 % of the truths as two hold less than 95.4 %."""
    states = np.random.default_rng(n).normal(MEAN, 2.0, size=(400_000, n))
    errors = errors_from_scatter(states.T)
    one, two = (coverage(MEAN, states.mean(axis=1), k * errors) for k in (1, 2))
    assert one - 0.6827 == pytest.approx(0.9545 - two, abs=0.004)  # ± 0.001 by chance
    assert error_from_scatter(states[0]) == errors[0]
    assert np.isnan(error_from_scatter(states[0, :1]))


def test_errors_of_four_states_hold_68_and_95_percent_to_within_five_points():
    states = np.random.default_rng(7).normal(MEAN, 2.0, size=(100_000, 4))
    means, errors = states.mean(axis=1), errors_from_scatter(states.T)
    assert 0.70 < coverage(MEAN, means, errors) < 0.73
    assert 0.91 < coverage(MEAN, means, 2 * errors) < 0.95
    plain = states.std(axis=1, ddof=1) / np.sqrt(4)
    assert coverage(MEAN, means, plain) < 0.62
    assert coverage(MEAN, means, 2 * plain) < 0.87


def estimate_of_spiking(runs):
    """An estimate from c(lag) of each state, from which centring takes nothing."""
    state = blocks_of(ornstein_uhlenbeck(np.random.default_rng(9), 400, 2))
    regular = CountBlocks(2, length=20)
    regular.add(np.ones((400, 2), np.uint8))
    n = len(runs)
    return estimate(runs, [state] * n, step=1, counts=[regular] * n)


def test_decay_times_of_spiking_states_reach_as_far_as_their_c_may():
    """Student's t of 3 degrees of freedom holds 71.7 % within 1.3046, 92.0 % within twice that."""
    times = np.array([8.0, 9.0, 11.0, 12.0])

    def above(lag):
        """How far c(lag) may lie above c(0)/e."""
        c = np.exp(-lag / times)
        return c.mean() - np.exp(-1) + 1.3046 * c.std(ddof=1) / 2

    c = [np.exp(-lag / times).mean() for lag in range(61)]
    found = estimate_of_spiking(np.exp(-np.arange(61) / times[:, None]))
    expected = brentq(above, 5, 30) - np.interp(-np.exp(-1), -np.array(c), np.arange(61))
    assert found.decay_time_error == pytest.approx(expected, rel=0.02)


def test_a_plateau_beside_the_level_makes_a_decay_time_unsure():
    """All states fall below c(0)/e at lag 10, but might as well have done so at lag 40."""
    plateau = 1 / np.e + np.array([-0.03, -0.02, -0.01, 0.0])[:, None]
    lags = np.arange(61)
    fall = np.interp(lags, [0, 10], [1, 0])
    c = np.where(lags < 40, plateau + (1 - plateau) * fall, np.interp(lags, [40, 60], [0.3, 0]))
    found = estimate_of_spiking(c)
    assert found.decay_time < 11
    assert found.decay_time_error < 2
    found = estimate_of_spiking(c + np.where(lags > 0, 0.012, 0.0))
    assert found.decay_time < 11
    assert 25 < found.decay_time_error < 35


def test_a_decay_time_that_may_lie_beyond_all_lags_has_no_error():
    slow = np.exp(-np.arange(61) / np.array([[54.0], [59.9]]))  # both fall within 60 lags
    found = estimate_of_spiking(slow)
    assert 54 < found.decay_time < 60
    assert np.isnan(found.decay_time_error)
    assert np.isnan(found.precision())
    assert quality(found._replace(n_decay_times=100.0, r_hat=1.0)) == Quality.SHORT


def test_what_centring_takes_is_put_back():
    random = np.random.default_rng(1)
    estimates = [estimate_of(ornstein_uhlenbeck(random, 300, 20)) for _ in range(200)]
    centred = [e.c0 * (1 - 2 * TAU / 300) for e in estimates]  # as the mean square would be
    assert np.mean([e.c0 for e in estimates]) == pytest.approx(1, abs=0.02)
    assert np.mean(centred) < 0.95


@pytest.mark.parametrize("n_steps", [120, 300, 3000])
@pytest.mark.parametrize("max_lag", [30, 60])
def test_variance_of_a_mean_is_that_of_the_process(n_steps, max_lag):
    """Of c(k) = exp(-k / TAU), summed over all pairs of steps."""
    lags = np.arange(n_steps)
    pairs = np.where(lags == 0, 1, 2) * (1 - lags / n_steps)
    true = np.sum(pairs * np.exp(-lags / TAU)) / n_steps
    measured = np.exp(-np.arange(max_lag + 1) / TAU) - true
    assert variance_of_mean(measured, n_steps) == pytest.approx(true, rel=0.02)


@pytest.mark.parametrize("period", [50, 80, 110])
def test_centring_takes_nothing_from_oscillations(period):
    """Over whole periods a mean does not vary; the largest lag, 60, is a period or half of one."""
    t, phases = np.arange(1230), np.random.default_rng(0).uniform(0, 2 * np.pi, 200)
    runs = [np.cos(2 * np.pi * t[:, None] / period + phases + n) for n in range(4)]
    assert estimate_of(*runs).c0 == pytest.approx(0.5, rel=0.003)


@pytest.mark.parametrize("memory", [0.5, 1.0, 4.0])  # in periods
@pytest.mark.parametrize("max_lag", [60, 120])
def test_variance_of_a_mean_of_damped_oscillations(memory, max_lag):
    """The process of c(k) = exp(-k / (80 memory)) cos(2 pi k / 80), with 1 in place of its c(0)."""
    n_steps, lags = 2000, np.arange(2000)
    c = np.exp(-lags / (80 * memory)) * np.cos(2 * np.pi * lags / 80)
    true = (2 * np.sum((1 - lags / n_steps) * c) - c[0]) / n_steps
    found = variance_of_mean(c[: max_lag + 1] - true, n_steps)
    assert found == pytest.approx(true, abs=0.006)


def test_a_run_of_less_than_its_own_memory_tells_no_variance():
    assert np.isinf(variance_of_mean(np.ones(20), 15))


def test_the_first_block_lacks_no_pairs():
    """In place of the pairs that begin before the run there is their mean: blocks are alike."""
    phase = np.random.default_rng(6).uniform(0, 2 * np.pi, 50)
    x = np.cos(2 * np.pi * np.arange(400)[:, None] / TAU + phase)  # two periods in a block
    _, c = blocks_of(x, max_lag=15).by_block()
    expected = np.cos(2 * np.pi * np.arange(16) / TAU) / 2
    assert c == pytest.approx(np.broadcast_to(expected, c.shape), abs=0.02)


def test_states_with_other_activity_are_seen():
    random = np.random.default_rng(2)
    alike = [ornstein_uhlenbeck(random, 600, 20) for _ in range(4)]
    other = [*alike[:3], MEAN + 2 * (alike[3] - MEAN)]
    assert estimate_of(*alike).r_hat < 1.1
    found = estimate_of(*other)
    assert found.r_hat > 1.1
    assert quality(found) == Quality.SEVERAL_STATES
    # c(0) is 1, 1, 1 and 4: 0.75 between the states, widened as 3 degrees of freedom need.
    assert found.c0_error == pytest.approx(1.3046 * 0.75, rel=0.12)
    assert np.isnan(estimate_of(alike[0]).r_hat)


def test_short_runs_are_flagged():
    random = np.random.default_rng(3)
    assert quality(estimate_of(ornstein_uhlenbeck(random, 200, 20))) == Quality.SHORT
    assert quality(estimate_of(ornstein_uhlenbeck(random, 1000, 20))) == Quality.OK
    # A decay time beyond the largest lag: nobody knows how many of them the run lasts.
    censored = estimate_of(ornstein_uhlenbeck(random, 1000, 20), max_lag=5)
    assert quality(censored) == Quality.SHORT
    assert censored.n_decay_times == 200
    few = estimate_of(ornstein_uhlenbeck(random, 5, 20), max_lag=2)
    assert np.isnan(few.c0_error)
    assert quality(few) == Quality.UNKNOWN


def test_pieces_and_joined_blocks_change_no_more_than_rounding():
    x = ornstein_uhlenbeck(np.random.default_rng(4), 390, 7)
    whole = standard_autocovariance(x, max_lag=20)
    for pieces in (1, 3, 50):
        found = Blocks(7, max_lag=20, length=5)  # so that blocks are joined on the way
        for piece in np.array_split(x, pieces):
            found.add(piece)
        assert np.allclose(found.autocovariance(), whole, rtol=1e-12, atol=1e-12)
        assert BLOCKS <= len(found.blocks) < 2 * BLOCKS
        means, c = found.by_block()
        assert means.mean() == pytest.approx(x[: len(found.blocks) * 10].mean(), abs=1e-12)
        assert c[:, 0].mean() == pytest.approx(x.var(axis=0).mean(), rel=0.02)


def counts_of_regular_firing(random, n_steps, *, period=28, window=25, n_neurons=40):
    """Each neuron fires once in a period, at a time of its own."""
    phase = random.integers(period, size=n_neurons)
    spikes = (np.arange(n_steps + window)[:, None] + phase) % period == 0
    sums = np.cumsum(spikes, axis=0)
    return (sums[window:] - sums[:-window]).astype(np.uint8)


def test_regular_firing_does_not_beat_with_the_sampling():
    random = np.random.default_rng(5)
    runs = [counts_of_regular_firing(random, 5600) for _ in range(4)]
    # Of 28 steps, 25 see the spike.
    assert runs[0].mean() == pytest.approx(25 / 28, abs=1e-12)
    counts = [CountBlocks(40, length=140) for _ in runs]
    for one, x in zip(counts, runs, strict=True):
        for piece in np.array_split(x, 37):
            one.add(piece)
        assert len(one.blocks) == BLOCKS  # 40 were joined
        assert one.c0().mean() == pytest.approx(x.var(axis=0).mean(), rel=1e-12)
        assert one.means().mean() == pytest.approx(x.mean(), rel=1e-12)
    samples = [blocks_of(x[::7].astype(float), max_lag=20) for x in runs]
    c = [standard_autocovariance(x.astype(float), max_lag=140) for x in runs]
    sampled = estimate(c, samples, step=7)
    exact = estimate(c, samples, step=7, counts=counts)
    assert exact.c0 == pytest.approx(25 * 3 / 28**2, rel=0.02)
    assert exact.c0_error < 1e-3 * exact.c0
    assert sampled.c0_error > 10 * exact.c0_error


def test_centring_takes_nothing_from_regular_firing():
    """In whole periods each neuron's mean is known exactly; 25 steps of 60 see the spike."""
    runs = [counts_of_regular_firing(np.random.default_rng(8), 1200, period=60) for _ in range(2)]
    counts = [CountBlocks(40, length=60) for _ in runs]
    for one, x in zip(counts, runs, strict=True):
        one.add(x)
    samples = [blocks_of(x[::6].astype(float), max_lag=30) for x in runs]
    c = [standard_autocovariance(x.astype(float), max_lag=180) for x in runs]
    true = 25 * 35 / 60**2
    assert estimate(c, samples, step=6, counts=counts).c0 == pytest.approx(true, rel=1e-9)
    assert estimate(c, samples, step=6).c0 > 1.005 * true  # by the sum of c to its minimum
