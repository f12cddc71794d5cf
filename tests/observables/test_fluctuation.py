import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiphase.flags import Flag
from eiphase.mapping import rate_to_lif
from eiphase.networks import lif, rate
from eiphase.observables import fluctuation


def white_noise(seed, shape):
    return np.random.default_rng(seed).normal(size=shape)


@given(seed=st.integers(0, 2**32 - 1), n_steps=st.integers(2, 50), data=st.data())
def test_standard_estimator_equals_its_definition(seed, n_steps, data):
    max_lag = data.draw(st.integers(0, n_steps - 1))
    unbiased = data.draw(st.booleans())
    x = white_noise(seed, (n_steps, 3))
    dx = x - x.mean(axis=0)
    sums = [np.sum(dx[: n_steps - lag] * dx[lag:]) / 3 for lag in range(max_lag + 1)]
    pairs = n_steps - np.arange(max_lag + 1) if unbiased else n_steps
    found = fluctuation.standard_autocovariance(x, max_lag=max_lag, unbiased=unbiased)
    np.testing.assert_allclose(found, np.array(sums) / pairs, atol=1e-10)


@given(seed=st.integers(0, 2**32 - 1), n_steps=st.integers(2, 50))
def test_tutorial_estimator_equals_its_definition(seed, n_steps):
    x = white_noise(seed, (n_steps, 4))
    y = x - x.mean(axis=0)
    y = y - y.mean(axis=1)[:, None]
    expected = [np.mean(y * np.roll(y, lag, axis=0)) for lag in range(n_steps)]
    found = fluctuation.tutorial_autocovariance(x, max_lag=n_steps - 1)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("name", ["balanced", "critical"])
def test_tutorial_estimator_on_rate_neurons_gives_the_tutorials_curve(tutorial, name):
    states = rate.run(rate.Batch(tutorial[name].half, [tutorial[name].point]), 1000)[0]
    c = fluctuation.tutorial_autocovariance(states[200:-200], max_lag=100)
    np.testing.assert_allclose(c, tutorial[name].autocovariance("rate"), rtol=1e-10)


@pytest.mark.parametrize("name", ["balanced", "critical"])
def test_tutorial_estimator_on_spikes_gives_the_tutorials_curve(tutorial, name):
    parameters, _ = rate_to_lif.rate_to_lif(tutorial[name].half, tutorial[name].point, "tutorial")
    counts = fluctuation.boxcar(lif.run(parameters, 1000).spikes, 25)
    c = fluctuation.tutorial_autocovariance(counts[200:-200], max_lag=100)
    np.testing.assert_allclose(c, tutorial[name].autocovariance("lif"), rtol=1e-10)


def test_tutorial_estimator_on_bit_accurate_spikes_gives_the_tutorials_curve(tutorial):
    counts = fluctuation.boxcar(tutorial["critical"].spikes("lif_fixed"), 25)
    c = fluctuation.tutorial_autocovariance(counts[200:-200], max_lag=100)
    np.testing.assert_allclose(c, tutorial["critical"].autocovariance("lif_fixed"), rtol=1e-10)


@pytest.mark.parametrize("decay", [0.5, 0.9])
def test_recovers_ornstein_uhlenbeck(decay):
    """x[t+1] = a x[t] + noise has c(lag) = a**lag / (1 - a**2) and decay time -1 / log a."""
    x = white_noise(0, (20_000, 100))
    for t in range(1, len(x)):
        x[t] += decay * x[t - 1]
    found = fluctuation.fluctuation_of(
        x[500:], max_lag=40, autocovariance=fluctuation.standard_autocovariance
    )
    lags = np.arange(6)
    exact = decay**lags / (1 - decay**2)
    np.testing.assert_allclose(found.autocovariance[:6], exact, rtol=0.03)
    assert found.c0 == found.autocovariance[0]
    assert (found.c0_flag, found.decay_time_flag) == (Flag.OK, Flag.OK)
    # Linear between lags, where the exact curve is convex: at most this much later.
    assert found.decay_time == pytest.approx(-1 / np.log(decay), rel=0.1)


def test_decay_time_of_ornstein_uhlenbeck_with_a_long_memory():
    """Lags are so fine against -1 / log a = 32.8 steps that only chance is left."""
    decay = 0.97
    x = white_noise(0, (20_500, 100))
    for t in range(1, len(x)):
        x[t] += decay * x[t - 1]
    found = measure(x[500:], max_lag=100)
    assert found.decay_time_flag == Flag.OK
    assert found.decay_time == pytest.approx(-1 / np.log(decay), rel=0.02)


@given(spikes=st.integers(0, 2**32 - 1), window=st.integers(1, 30), n_steps=st.integers(1, 60))
def test_boxcar_counts_the_last_steps(spikes, window, n_steps):
    s = np.random.default_rng(spikes).integers(0, 2, (n_steps, 3), np.uint8)
    expected = [s[max(0, t - window + 1) : t + 1].sum(axis=0) for t in range(n_steps)]
    assert np.array_equal(fluctuation.boxcar(s, window), expected)


def test_decay_time_is_linear_between_lags():
    level = 1 / np.e
    assert fluctuation.decay_time(np.array([1.0, 0.5, 0.0])) == (1 + (0.5 - level) / 0.5, Flag.OK)
    assert fluctuation.decay_time(np.array([1.0, -1.0])) == ((1 - level) / 2, Flag.OK)


def test_decay_time_takes_the_first_crossing():
    c = np.array([1.0, 0.5, 0.2, 0.9, 0.1])
    assert fluctuation.decay_time(c) == fluctuation.decay_time(c[:3])


def test_decay_time_flags():
    nan = np.nan
    for c, flag in (
        ([1.0, 0.9, 0.8], Flag.CENSORED),
        ([0.0, 0.0], Flag.UNDEFINED),
        ([1.0, nan], Flag.BROKEN),
    ):
        value, found = fluctuation.decay_time(np.array(c))
        assert np.isnan(value)
        assert found == flag


def measure(x, max_lag=20):
    return fluctuation.fluctuation_of(
        x, max_lag=max_lag, autocovariance=fluctuation.standard_autocovariance
    )


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_a_fixed_point_fluctuates_nowhere(scale):
    """Neurons differ, and rounding makes them tremble: neither counts as activity."""
    x = scale * np.tile(np.linspace(-1.0, 1.0, 40), (200, 1))
    x *= 1 + 1e-16 * white_noise(0, x.shape)
    found = measure(x)
    assert np.isnan([found.c0, found.decay_time]).all()
    assert (found.c0_flag, found.decay_time_flag) == (Flag.UNDEFINED, Flag.UNDEFINED)


@pytest.mark.parametrize("value", [0.0, 25.0])
def test_silent_and_always_firing_networks_do_not_fluctuate(value):
    found = measure(np.full((200, 10), value))
    assert found.c0_flag == found.decay_time_flag == Flag.UNDEFINED


def test_a_transient_is_not_taken_for_activity():
    """Relaxing with time constant 100 steps, the variance falls by e^-10 from half to half."""
    x = np.exp(-np.arange(1000) / 100)[:, None] * np.linspace(1, 2, 30)
    found = measure(x)
    assert found.persistence == pytest.approx(np.exp(-10), rel=0.05)
    assert found.decay_time_flag == found.c0_flag == Flag.UNDEFINED
    assert found.autocovariance[0] > 0  # what there was can still be looked at


def test_a_transient_into_steady_activity_is_not_settling():
    """The first half holds a large transient; what remains fluctuates on and on."""
    decaying = 30 * np.exp(-np.arange(1000) / 50)[:, None]
    found = measure(white_noise(0, (1000, 30)) + decaying)
    assert found.persistence < 0.1
    assert found.c0_flag == found.decay_time_flag == Flag.TRANSIENT
    assert np.isnan([found.c0, found.decay_time]).all()


def test_activity_that_sets_in_late_is_not_stationary():
    x = white_noise(0, (1000, 30))
    x[:500] *= 0.1
    assert measure(x).c0_flag == Flag.TRANSIENT


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_activity_may_vary_by_less_than_the_bound(factor):
    x = white_noise(0, (1000, 30))
    x[500:] *= np.sqrt(factor)
    found = measure(x)
    assert found.persistence == pytest.approx(factor, rel=0.1)
    assert found.c0_flag == Flag.OK


def test_centring_bias_is_the_variance_of_a_mean():
    """Ornstein-Uhlenbeck with memory 50 steps, runs of 1000: known in closed form."""
    decay, n_steps = np.exp(-1 / 50), 1000
    x = white_noise(0, (n_steps + 500, 4000)) * np.sqrt(1 - decay**2)
    for t in range(1, len(x)):
        x[t] += decay * x[t - 1]
    x = x[500:]
    lost = x.mean(axis=0).var()  # c(0) is 1
    c = fluctuation.standard_autocovariance(x, max_lag=300)
    assert c[0] == pytest.approx(1 - lost, rel=0.02)
    assert fluctuation.centring_bias(c, n_steps) == pytest.approx(lost, rel=0.2)


def test_centring_bias_of_a_run_shorter_than_its_memory_is_total():
    assert fluctuation.centring_bias(np.ones(50), 99) == 1


def test_slow_activity_is_censored():
    x = np.sin(np.arange(2000) / 100)[:, None] * np.ones(5)
    found = measure(x)
    assert found.c0 == pytest.approx(0.5, rel=0.1)
    assert np.isnan(found.decay_time)
    assert found.decay_time_flag == Flag.CENSORED


def test_a_cosine_decays_where_its_covariance_says():
    """c(lag) = cos(2 pi lag / period) / 2 falls to c(0) / e at period * arccos(1/e) / 2 pi."""
    x = np.sin(2 * np.pi * np.arange(10_000) / 100)[:, None] * np.ones(3)
    exact = 100 * np.arccos(1 / np.e) / (2 * np.pi)
    assert measure(x, max_lag=50).decay_time == pytest.approx(exact, abs=0.05)


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_what_is_not_finite_is_broken(poison):
    x = white_noise(0, (200, 5))
    x[17, 3] = poison
    found = measure(x)
    assert np.isnan([*found.autocovariance, found.c0, found.decay_time]).all()
    assert found.c0_flag == found.decay_time_flag == Flag.BROKEN


def test_only_the_standard_estimator_sees_what_all_neurons_share():
    shared = np.repeat(white_noise(1, (500, 1)), 8, axis=1)
    c0 = fluctuation.standard_autocovariance(shared, max_lag=1)[0]
    assert c0 == pytest.approx(shared.var(axis=0).mean())
    assert fluctuation.tutorial_autocovariance(shared, max_lag=1)[0] < 1e-20
