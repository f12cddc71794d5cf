"""What the page measures is what eiphase measures, and its twins are eiphase's."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from eiphase.chaos import damage
from eiphase.flags import Flag
from eiphase.observables import fluctuation, spike_counts

LAGS = [0, 1, 3, 10, 40]


@pytest.fixture
def activity(page):
    """Smooth noise of 7 neurons around different means, (time, neuron)."""
    random = np.random.default_rng(5)
    noise = random.standard_normal((300, 7)).cumsum(axis=0) + random.standard_normal(7)
    page.define("given", noise.ravel().tolist())
    page.run("globalThis.activity = Float64Array.from(given); 0")
    return noise


def autocovariance(page, **options):
    page.define("options", {"first": 20, "last": 290, "lags": LAGS, **options})
    return page.array("autocovariance(activity, 7, options)", "f8")


@pytest.mark.parametrize("unbiased", [True, False])
def test_autocovariance_is_the_standard_one(page, activity, unbiased):
    found = autocovariance(page, estimator="standard", unbiased=unbiased)
    expected = fluctuation.standard_autocovariance(activity[20:290], max_lag=40, unbiased=unbiased)
    assert_allclose(found, expected[LAGS], rtol=1e-9)


def test_autocovariance_is_the_tutorials(page, activity):
    found = autocovariance(page, estimator="tutorial", unbiased=True)
    expected = fluctuation.tutorial_autocovariance(activity[20:290], max_lag=40)
    assert_allclose(found, expected[LAGS], rtol=1e-9)


@pytest.mark.parametrize(
    ("c", "lags", "time"),
    [
        ([np.e, 2.0, 0.0], [0, 1, 2], 1.5),
        ([np.e, 2.0, 0.0], [0, 12, 24], 18),  # lags of samples
        ([np.e, 2.0, 1.5], [0, 1, 2], np.nan),
        ([0.0, 0.0], [0, 1], np.nan),
    ],
)
def test_decay_time_is_where_c_falls_to_c0_over_e(page, c, lags, time):
    found = page.run(f"decayTime(Float64Array.from({c}), {lags})")
    assert found == pytest.approx(time, nan_ok=True)


@pytest.mark.parametrize("every", [3, 7, 12])
def test_decay_time_between_lags_is_the_one_at_every_lag(page, activity, every):
    """As `eiphase simulate` prints it, while the page has c(lag) at a dataset's lags alone."""
    c = fluctuation.standard_autocovariance(activity[20:290], max_lag=96, unbiased=True)
    expected, _ = fluctuation.decay_time(c)
    assert expected % every
    page.define("lags", list(range(0, 97, every)))
    page.run(
        "globalThis.at = (some) => autocovariance(activity, 7,"
        " {first: 20, last: 290, lags: some, estimator: 'standard', unbiased: true}); 0"
    )
    assert page.run("decayTimeBetween(at(lags), lags, at)") == pytest.approx(expected)
    assert page.run("decayTime(at(lags), lags)") != pytest.approx(expected)


@pytest.mark.parametrize("last", [290, 291])
@pytest.mark.parametrize(
    ("size", "flag"),
    [
        (lambda t: 0.98**t, Flag.UNDEFINED),
        (lambda t: 0.995**t, Flag.OK),
        (lambda t: 1.02**t, Flag.TRANSIENT),
        (lambda t: 0.9**t + 0.05, Flag.TRANSIENT),  # down to what stays
        (lambda t: 0.7**t + 1e-13, Flag.UNDEFINED),  # down to rounding
        (lambda t: np.where(t < 200, 1, 0.1), Flag.OK),
    ],
)
def test_activity_settles_where_eiphase_says_so(page, size, flag, last):
    random = np.random.default_rng(5)
    t = np.arange(-20, 280)[:, np.newaxis]
    x = 3 + size(t) * random.standard_normal((300, 7))
    of = fluctuation.standard_autocovariance
    assert fluctuation.fluctuation_of(x[20:last], max_lag=40, autocovariance=of).c0_flag == flag
    page.define("given", x.ravel().tolist())
    found = page.run(f"isSettling(Float64Array.from(given), 7, 20, {last})")
    assert found == (flag == Flag.UNDEFINED)


def test_spike_counts_and_means(page):
    random = np.random.default_rng(2)
    spikes = (random.random((60, 5)) < 0.3).astype(np.uint8)
    page.define("given", spikes.ravel().tolist())
    page.run("globalThis.spikes = Uint8Array.from(given); 0")
    counts = page.array("spikeCounts(spikes, 5, 25)", "f8").reshape(60, 5)
    assert np.array_equal(counts, fluctuation.boxcar(spikes, 25))
    part = spikes[10:50]
    assert page.run("meanActivity(spikes, 5, 10, 50)") == pytest.approx(part.mean())
    assert_allclose(page.array("meanOverNeurons(spikes, 5, 10, 50)", "f8"), part.mean(axis=1))
    assert_allclose(page.array("meanOverTime(spikes, 5, 10, 50)", "f8"), part.mean(axis=0))


def test_the_autocovariance_of_spikes_is_that_of_a_sweep(page):
    """Of counts in whole windows, of which the first ones reach back into the burn-in."""
    spikes = (np.random.default_rng(2).random((300, 7)) < 0.3).astype(np.uint8)
    page.define("given", spikes.ravel().tolist())
    page.run("globalThis.activity = spikeCounts(Uint8Array.from(given), 7, 15); 0")
    found = autocovariance(page, estimator="standard", unbiased=True)
    of_sweep = spike_counts.Autocovariance(7, window=15, max_lag=40)
    of_sweep.add(spikes[20:290], spikes[5:20])
    expected = of_sweep.found(spikes[20:290].sum(axis=0, dtype=int))
    assert_allclose(found, expected[LAGS], rtol=1e-9)


def test_distances_of_spike_trains(page):
    random = np.random.default_rng(2)
    pair = (random.random((2, 60, 5)) < 0.3).astype(np.uint8)
    page.define("given", [one.ravel().tolist() for one in pair])
    page.run(
        "globalThis.one = Uint8Array.from(given[0]);globalThis.other = Uint8Array.from(given[1]); 0"
    )
    found = page.array("hammingDistance(one, other, 5, 10, 60)", "f8")
    assert_allclose(found, damage.hamming_distance(*pair[:, 10:]))
    independent = page.run("independentDistance(one, other, 5, 10, 60)")
    assert independent == pytest.approx(damage.independent_distance(*pair[:, 10:]))


def test_a_run_knows_means_and_damage_of_the_steps_that_it_has(page):
    random = np.random.default_rng(2)
    pair = (random.random((2, 60, 5)) < 0.3).astype(np.uint8)
    page.run("globalThis.run = emptyRun({steps: 60, spike: {}}, 5, true); 0")
    for start, end in [(0, 20), (20, 40), (40, 47)]:
        page.define("given", [one[start:end].ravel().tolist() for one in pair])
        page.run(f"addSteps(run, {start}, ...given.map((one) => Uint8Array.from(one))); 0")
        one, other = pair[:, :end]
        assert page.run("run.done") == end
        for name, expected in [
            ("means", one.mean(axis=1)),
            ("damage", damage.hamming_distance(one, other)),
        ]:
            assert_allclose(page.array(f"run.{name}", "f8"), np.pad(expected, (0, 60 - end)))
    assert np.array_equal(page.array("run.others", "u1").reshape(60, 5)[:47], pair[1, :47])


def test_a_run_knows_the_largest_state_so_far(page):
    page.run("globalThis.run = emptyRun({steps: 3, spike: null}, 2, false); 0")
    for t, states, reach in [(0, [0, 0], 1e-9), (1, [0.5, -2], 2), (2, [1, 0], 2)]:
        page.run(f"addSteps(run, {t}, Float64Array.from({states}), null); 0")
        assert page.run("run.reach") == reach
