"""Each statistic against its definition, and on activity whose answer is known on paper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erf

from eiphase.flags import Flag
from eiphase.networks import rate
from eiphase.networks import weights as network
from eiphase.networks.weights import Network, Synapses
from eiphase.observables import fluctuation, statistics
from eiphase.observables.moments import ActivityMoments
from eiphase.observables.samples import Samples


def white_noise(seed, shape):
    return np.random.default_rng(seed).normal(size=shape)


def bernoulli(p, shape, seed=0):
    """Spike trains with probability p in each step, independent."""
    return (np.random.default_rng(seed).random(shape) < p).astype(np.uint8)


def autoregressive(decay, shape, seed=0):
    """x[t+1] = decay x[t] + noise, stationary from the start, with variance 1."""
    x = white_noise(seed, shape)
    x[1:] *= np.sqrt(1 - decay**2)
    for t in range(1, len(x)):
        x[t] += decay * x[t - 1]
    return x


def windows(spikes, length):
    """Counts in consecutive windows."""
    n = len(spikes) // length
    return spikes[: n * length].reshape(n, length, -1).sum(axis=1, dtype=float)


# Participation ratio


@given(seed=st.integers(0, 2**32 - 1), n_samples=st.integers(2, 14), n=st.integers(1, 14))
def test_participation_ratio_equals_its_definition(seed, n_samples, n):
    x = white_noise(seed, (n_samples, n)) * np.arange(1, n + 1)
    eigenvalues = np.linalg.eigvalsh(np.atleast_2d(np.cov(x.T)))
    expected = eigenvalues.sum() ** 2 / (eigenvalues**2).sum()
    assert statistics.participation_ratio(Samples.of(x)) == pytest.approx(expected)


@pytest.mark.parametrize(("n_samples", "n"), [(200, 50), (50, 200), (4000, 20)])
def test_participation_ratio_of_independent_noise(n_samples, n):
    """1 / D = 1 / N + 1 / K, from the second moment of Marchenko and Pastur's eigenvalues."""
    found = [
        statistics.participation_ratio(Samples.of(white_noise(seed, (n_samples, n))))
        for seed in range(10)
    ]
    assert np.mean(found) == pytest.approx(1 / (1 / n + 1 / n_samples), rel=0.02)


def test_participation_ratio_is_too_low_by_what_the_docstring_says():
    """Independent samples of neurons with variances 1 and 9."""
    widths, n_samples = np.repeat([1.0, 3.0], 40), 60
    found = [
        statistics.participation_ratio(Samples.of(widths * white_noise(seed, (n_samples, 80))))
        for seed in range(20)
    ]
    exact = (40 * 1 + 40 * 9) ** 2 / (40 * 1 + 40 * 81)
    assert 1 / np.mean(found) == pytest.approx(1 / exact + 1 / n_samples, rel=0.05)


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_participation_ratio_of_signals_of_equal_power_is_their_number(rank):
    """Sinusoids over whole periods are orthogonal; so are the patterns that they drive."""
    time = 2 * np.pi * np.arange(200) / 200
    signals = np.sin(np.outer(time, np.arange(1, rank + 1)))
    patterns, _ = np.linalg.qr(white_noise(0, (40, rank)))
    assert statistics.participation_ratio(Samples.of(3 + signals @ patterns.T)) == pytest.approx(
        rank
    )


def test_a_limit_cycle_has_dimension_two():
    """One frequency, all phases: half of the power in its sine, half in its cosine."""
    time, phase = 2 * np.pi * np.arange(100) / 20, 2 * np.pi * np.arange(30) / 30
    assert statistics.participation_ratio(
        Samples.of(np.sin(time[:, None] + phase))
    ) == pytest.approx(2)


# Synchrony


def test_synchrony_of_identical_neurons_is_one():
    assert statistics.synchrony(Samples.of(np.tile(white_noise(0, (300, 1)), 20))) == pytest.approx(
        1
    )


def test_synchrony_of_opposite_neurons_is_zero():
    x = white_noise(0, (300, 1))
    assert statistics.synchrony(Samples.of(np.hstack([x, -x]))) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("n", [25, 400])
def test_synchrony_of_independent_neurons_falls_with_the_root_of_their_number(n):
    found = [statistics.synchrony(Samples.of(white_noise(seed, (500, n)))) for seed in range(20)]
    assert np.mean(found) == pytest.approx(1 / np.sqrt(n), rel=0.05)


def test_synchrony_of_a_shared_part():
    """Variances 1 of what all share and 3 of what each has: chi^2 = (1 + 3 / N) / 4."""
    x = white_noise(0, (20_000, 1)) + np.sqrt(3) * white_noise(1, (20_000, 50))
    assert statistics.synchrony(Samples.of(x)) == pytest.approx(np.sqrt((1 + 3 / 50) / 4), rel=0.02)


@pytest.mark.parametrize("x", [np.ones((50, 4)), np.ones((1, 4)), np.ones((0, 4))])
def test_what_does_not_vary_has_neither_dimension_nor_synchrony(x):
    assert np.isnan(
        [statistics.participation_ratio(Samples.of(x)), statistics.synchrony(Samples.of(x))]
    ).all()


# Integrated autocorrelation time


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.98])
def test_integrated_autocorrelation_time_of_an_exponential(decay):
    """1/2 + sum of decay^k = (1 + decay) / (2 (1 - decay)); the window leaves out e^-5."""
    exact = (1 + decay) / (2 * (1 - decay))
    time, flag = statistics.integrated_autocorrelation_time(3.0 * decay ** np.arange(1000.0))
    assert flag == Flag.OK
    assert exact * (1 - 2 * np.exp(-5)) < time <= exact


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.97])
def test_integrated_autocorrelation_time_of_an_ornstein_uhlenbeck_process(decay):
    x = autoregressive(decay, (20_000, 100))
    c = fluctuation.standard_autocovariance(x, max_lag=400)
    time, flag = statistics.integrated_autocorrelation_time(c)
    assert flag == Flag.OK
    assert time == pytest.approx((1 + decay) / (2 * (1 - decay)), rel=0.03)


def test_integrated_autocorrelation_time_gives_the_variance_of_a_mean():
    x = autoregressive(0.9, (2000, 2000))
    c = fluctuation.standard_autocovariance(x, max_lag=100)
    time, _ = statistics.integrated_autocorrelation_time(c)
    assert x.mean(axis=0).var() == pytest.approx(2 * time * c[0] / 2000, rel=0.1)


def test_standard_error_of_the_integrated_autocorrelation_time():
    """That of one neuron, as the docstring gives it, against the spread over neurons."""
    decay, n_steps = 0.9, 10_000
    x = autoregressive(decay, (n_steps, 100))
    found = [
        statistics.integrated_autocorrelation_time(
            fluctuation.standard_autocovariance(x[:, [i]], max_lag=200)
        )[0]
        for i in range(x.shape[1])
    ]
    exact = (1 + decay) / (2 * (1 - decay))
    expected = exact * np.sqrt(2 * (2 * 5 * exact + 1) / n_steps)
    assert np.std(found) == pytest.approx(expected, rel=0.25)


def test_the_window_closes_at_five_times_the_time():
    c = np.array([2.0, 1.0, 0.0, 0.0, 0.0, 0.0, 9.0])
    assert statistics.integrated_autocorrelation_time(c) == (1.0, Flag.OK)
    assert statistics.integrated_autocorrelation_time(c[:6]) == (1.0, Flag.OK)
    time, flag = statistics.integrated_autocorrelation_time(c[:5])
    assert np.isnan(time)
    assert flag == Flag.CENSORED


def test_integrated_autocorrelation_time_flags():
    for c, flag in (
        ([1.0], Flag.CENSORED),
        ([0.0, 0.0], Flag.UNDEFINED),
        ([1.0, -0.9, 0.8, -0.7], Flag.UNDEFINED),
        ([1.0, np.inf], Flag.BROKEN),
    ):
        time, found = statistics.integrated_autocorrelation_time(np.array(c))
        assert np.isnan(time)
        assert found == flag


# Distance to a fixed point


def test_distance_to_a_fixed_point_is_the_residual_of_its_equation():
    point = Network(n_neurons=60, q_factor=7.0, g_factor=5.0, seed=2, step_size=0.02, bias=0.3)
    half = network.half_gaussian(network.gaussian_matrix(60, 2))
    r = rate.run(rate.Batch(half, [point]), 200)[0]
    weights = network.weights(half, q_factor=7.0, g_factor=5.0)
    residual = erf(r) @ weights.T + 0.3 / 0.02 - r
    expected = np.sqrt((residual**2).mean(axis=1))
    found = statistics.fixed_point_distance(r[:-1], r[1:], 0.02)
    np.testing.assert_allclose(found, expected[:-1], rtol=1e-9)


# Irregularity of spikes


@given(seed=st.integers(0, 2**32 - 1), p=st.floats(0.05, 0.9))
def test_isi_variation_equals_its_definition(seed, p):
    spikes = bernoulli(p, (100, 5), seed)
    intervals = [np.diff(np.flatnonzero(train)) for train in spikes.T]
    enough = [i for i in intervals if len(i) >= 10]
    found, fraction = statistics.isi_variation(statistics.Intervals.of(spikes))
    assert fraction == len(enough) / 5
    if enough:
        expected = np.mean([i.std(ddof=1) / i.mean() for i in enough])
        assert found == pytest.approx(expected, abs=1e-9)
    else:
        assert np.isnan(found)


@pytest.mark.parametrize("p", [0.05, 0.3, 0.8])
def test_isi_variation_of_random_spikes(p):
    """Geometric intervals: mean 1 / p, variance (1 - p) / p^2."""
    found, fraction = statistics.isi_variation(statistics.Intervals.of(bernoulli(p, (20_000, 50))))
    assert found == pytest.approx(np.sqrt(1 - p), rel=0.01)
    assert fraction == 1


@pytest.mark.parametrize("period", [1, 7])
def test_regular_spikes_do_not_vary(period):
    spikes = np.zeros((1000, 3), np.uint8)
    for neuron in range(2):  # the third is silent
        spikes[neuron::period, neuron] = 1
    found, fraction = statistics.isi_variation(statistics.Intervals.of(spikes))
    assert found == 0
    assert fraction == pytest.approx(2 / 3)


@pytest.mark.parametrize("p", [0.05, 0.5])
def test_fano_factor_of_random_spikes(p):
    """Binomial counts: mean n p, variance n p (1 - p)."""
    counts = windows(bernoulli(p, (20_000, 50)), 25)
    assert statistics.fano_factor(ActivityMoments.of(counts)) == pytest.approx(1 - p, rel=0.02)


def test_fano_factor_of_a_process_with_two_rates():
    """Poisson counts of mean 2 or 6: variance 4 + 4, mean 4."""
    random = np.random.default_rng(0)
    counts = random.poisson(random.choice([2.0, 6.0], (5000, 40))).astype(float)
    assert statistics.fano_factor(ActivityMoments.of(counts)) == pytest.approx(2, rel=0.02)


def test_fano_factor_is_over_neurons_that_fire():
    counts = np.zeros((4, 3))
    counts[:, 1] = [0, 2, 0, 2]
    counts[:, 2] = 5
    assert statistics.fano_factor(ActivityMoments.of(counts)) == pytest.approx(
        ((4 / 3) / 1 + 0) / 2
    )
    assert np.isnan(statistics.fano_factor(ActivityMoments.of(np.zeros((4, 3)))))
    assert np.isnan(statistics.fano_factor(ActivityMoments.of(counts[:1])))


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 8))
def test_spike_count_correlation_equals_its_definition(seed, n):
    counts = np.random.default_rng(seed).integers(0, 6, (30, n)).astype(float)
    coefficients = np.corrcoef(counts.T)
    expected = coefficients[np.triu_indices(n, 1)].mean()
    silent_too = np.hstack([counts, np.zeros((30, 2)), np.full((30, 1), 25.0)])
    assert statistics.spike_count_correlation(Samples.of(silent_too)) == pytest.approx(
        expected, abs=1e-12
    )


def test_spike_count_correlation_of_identical_and_of_opposite_trains():
    counts = np.random.default_rng(0).integers(0, 9, (50, 1)).astype(float)
    assert statistics.spike_count_correlation(Samples.of(np.tile(counts, 6))) == pytest.approx(1)
    assert statistics.spike_count_correlation(
        Samples.of(np.hstack([counts, 9 - counts]))
    ) == pytest.approx(-1)


def test_spike_count_correlation_of_independent_trains_is_within_its_chance():
    """0 with the standard deviation sqrt(2 / K) / n that the docstring gives."""
    found = [
        statistics.spike_count_correlation(
            Samples.of(windows(bernoulli(0.1, (2500, 60), seed), 25))
        )
        for seed in range(100)
    ]
    chance = np.sqrt(2 / 100) / 60
    assert abs(np.mean(found)) < 4 * chance / np.sqrt(100)
    assert np.std(found) == pytest.approx(chance, rel=0.3)


@pytest.mark.parametrize("counts", [np.ones((9, 4)), np.eye(9)[:, :1], np.ones((1, 4))])
def test_fewer_than_two_neurons_that_vary_have_no_correlation(counts):
    assert np.isnan(statistics.spike_count_correlation(Samples.of(counts)))


# Received input


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(5, 80), p=st.floats(0, 1))
def test_input_is_weights_times_outputs(seed, n, p):
    matrix = white_noise(seed, (n, n))
    outputs = white_noise(seed, (7, n)) * bernoulli(p, (7, n), seed)
    synapses = Synapses(matrix=matrix, excitatory_gain=0.5, inhibitory_gain=3.0)
    excitatory, inhibitory = statistics.received_input(outputs, synapses)
    n_exc = network.n_excitatory(n)
    np.testing.assert_allclose(
        excitatory, 0.5 * outputs[:, :n_exc] @ matrix[:, :n_exc].T, atol=1e-11
    )
    np.testing.assert_allclose(inhibitory, 3 * outputs[:, n_exc:] @ matrix[:, n_exc:].T, atol=1e-11)


def test_input_of_a_sample_does_not_depend_on_the_others():
    synapses = Synapses(matrix=white_noise(0, (50, 50)), excitatory_gain=1.0, inhibitory_gain=1.0)
    outputs = white_noise(1, (30, 50))
    together = statistics.received_input(outputs, synapses)
    alone = statistics.received_input(outputs[11:12], synapses)
    for found, expected in zip(alone, together, strict=True):
        assert np.array_equal(found[0], expected[11])
