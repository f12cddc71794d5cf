"""Damage spreading against slow and obvious oracles, and where its fate is known."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eiphase.chaos import damage, perturbed_run
from eiphase.chaos.damage import Damage, Twin
from eiphase.flags import Fate
from eiphase.mapping import float_to_integer, rate_to_lif
from eiphase.mapping.dynamic_range import dynamic_range
from eiphase.networks import lif, loihi
from eiphase.networks import weights as network
from eiphase.networks.lif import LIFParameters
from eiphase.networks.loihi import LoihiParameters
from eiphase.networks.weights import Network

BURN_IN, N_STEPS = 13, 70  # neither is a multiple of the interval


class OneByOne:
    """A bit-accurate network in Python's integers, neuron by neuron, as Lava's models have it."""

    def __init__(self, parameters):
        self.p, self.w = parameters, parameters.stored_weights.tolist()
        self.n = len(self.w)
        self.u, self.v = [0] * self.n, [0] * self.n
        self.a = [[0] * self.n, [0] * self.n]  # from excitatory and inhibitory neurons
        self.exponents = [parameters.weight_exponent] * 2
        if parameters.inhibitory_weight_exponent is not None:
            self.exponents[1] = parameters.inhibitory_weight_exponent
        self.excitatory = range(network.n_excitatory(self.n))

    @staticmethod
    def _shrunk(x, keep):
        product = x * keep
        return product // 4096 if product >= 0 else -(-product // 4096)

    @staticmethod
    def _in_32_bits(x):
        return (x + 2**31) % 2**32 - 2**31

    def _arriving(self, i):
        """One `Dense` shifts the sum of both, two shift each their own, down to integers."""
        sums = [self.a[0][i], self.a[1][i]]
        if self.p.inhibitory_weight_exponent is None:
            sums = [sum(sums), 0]
        return sum(math.floor(a * 2.0**e) for a, e in zip(sums, self.exponents, strict=True))

    def step(self):
        p, fired = self.p, []
        for i in range(self.n):
            arriving = self._in_32_bits(64 * self._arriving(i))
            u = self._in_32_bits(self._shrunk(self.u[i], 4096 - p.du - 1) + arriving)
            u = u - 2**24 if u > 2**23 else u + 2**24 if u <= -(2**23) else u
            v = self._shrunk(self.v[i], 4096 - p.dv) + u + p.bias_mantissa * 2**p.bias_exponent
            v = max(1 - 2**23, min(2**23 - 1, v))
            fired.append(v > p.vth * 64)
            self.u[i], self.v[i] = u, 0 if fired[i] else v
        self.a = [
            [
                sum(row[j] for j in range(self.n) if fired[j] and (j in self.excitatory) == here)
                for row in self.w
            ]
            for here in (True, False)
        ]
        return fired

    def copy(self):
        other = OneByOne(self.p)
        other.u, other.v, other.a = self.u[:], self.v[:], [a[:] for a in self.a]
        return other

    def flip_bit(self, k):
        self.v[k] = self.v[k] + 1 if self.v[k] % 2 == 0 else self.v[k] - 1

    def fire(self, k):
        self.v[k] = 0
        for i in range(self.n):
            self.a[0 if k in self.excitatory else 1][i] += self.w[i][k]

    def distance(self, other):
        """L1, mean over neurons, in thresholds."""
        total = sum(abs(x - y) for x, y in zip(self.u + self.v, other.u + other.v, strict=True))
        return total / self.n / (self.p.vth * 64)

    def equals(self, other):
        return (self.u, self.v, self.a) == (other.u, other.v, other.a)


def damage_one_by_one(parameters, perturb):
    """Spikes of network and twin after burn-in, distances after each interval, trials, fate."""
    original, twin, trials = OneByOne(parameters), None, 0
    for _ in range(BURN_IN):
        original.step()
    n_measured = N_STEPS - BURN_IN
    spikes, twin_spikes, distances = [], [], np.zeros(n_measured)
    for t in range(n_measured):
        if t == 0 or (BURN_IN + t) % perturbed_run.INTERVAL == 0:
            start = t
        if t == start and twin is None and (t < n_measured / 2 or trials == 0):
            twin = original.copy()
            perturb(twin, trials % twin.n)
            trials += 1
        spikes.append(original.step())
        twin_spikes.append(twin.step() if twin else spikes[-1])
        if twin and ((BURN_IN + t + 1) % perturbed_run.INTERVAL == 0 or t + 1 == n_measured):
            distances[start : t + 1] = twin.distance(original)
            twin = None if twin.equals(original) else twin
    return np.array(spikes), np.array(twin_spikes), distances, trials, twin is None


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    reach=st.sampled_from([0, 3, 40, 300]),
    weight_exponent=st.integers(-3, 9),
    inhibitory_weight_exponent=st.one_of(st.none(), st.integers(-3, 9)),
    du=st.integers(1, 4095),
    dv=st.integers(1, 4095),
    vth=st.integers(1, 3000),
    bias_mantissa=st.integers(1, 4095),
    bias_exponent=st.integers(0, 7),
)
def test_damage_is_what_integers_one_by_one_give(seed, reach, **integers):
    rng = np.random.default_rng(seed)
    parameters = LoihiParameters(weights=rng.integers(-reach, reach + 1, (6, 6)), **integers)
    recording, found = perturbed_run.run_loihi(parameters, N_STEPS, burn_in=BURN_IN)
    for perturb, spread in (
        (OneByOne.fire, found.spike_damage),
        (OneByOne.flip_bit, found.bit_damage),
    ):
        spikes, *expected = damage_one_by_one(parameters, perturb)
        assert np.array_equal(recording.spikes[BURN_IN:], spikes)
        assert np.array_equal(spread.spikes, expected[0])
        np.testing.assert_allclose(spread.state_distance, expected[1], rtol=1e-12)
        assert [spread.trials, spread.healed] == expected[2:]


def random_network(seed, n=40):
    half = network.half_gaussian(network.gaussian_matrix(n, seed))
    point = Network(n_neurons=n, q_factor=6.0, g_factor=5.0, seed=seed)
    return rate_to_lif.rate_to_lif(half, point, "tutorial")[0]


def in_integers(real):
    recording = lif.run(real, 500)
    return float_to_integer.tutorial(real, dynamic_range(recording))


def test_the_network_beside_its_twins_is_that_without():
    real = random_network(1)
    expected = lif.run(real, 500)
    for found, array in zip(
        perturbed_run.run_lif(real, 500, burn_in=123)[0], expected, strict=True
    ):
        assert np.array_equal(found, array)
    integers = in_integers(real)
    alone = loihi.run(integers, 500)
    beside, _ = perturbed_run.run_loihi(integers, 500, burn_in=123)
    assert np.array_equal(beside.spikes, alone.spikes)
    assert beside[1:] == alone[1:]
    assert alone.voltage_clips > 0


def test_a_spike_more_in_floating_point_is_what_a_twin_does():
    """The twin as Lava computes it: the neuron reset, its column added to what arrives."""
    real = random_network(1)
    recording, found = perturbed_run.run_lif(real, 400, burn_in=100)
    u, v = recording.current[99].copy(), recording.voltage[99].copy()
    a = real.weights @ recording.spikes[99] + real.weights[:, 0]
    v[0] = 0
    for t in range(60):  # rounding of sums would change what happens later
        u = u * (1 - real.du) + a
        v = v * (1 - real.dv) + u + real.bias
        spikes = v > real.vth
        v, a = np.where(spikes, 0, v), real.weights @ spikes
        assert np.array_equal(found.spike_damage.spikes[t], spikes)
        if (t + 1) % perturbed_run.INTERVAL == 0:
            difference = np.abs(u - recording.current[100 + t])
            difference += np.abs(v - recording.voltage[100 + t])
            assert found.spike_damage.state_distance[t] == pytest.approx(difference.mean())
    assert (found.spike_damage.spikes[:60] != recording.spikes[100:160]).any()


@pytest.mark.parametrize("backend", [lif, loihi])
def test_a_twin_without_perturbation_stays_equal(backend):
    parameters = random_network(1) if backend is lif else in_integers(random_network(1))
    simulator = backend.Simulator.of(parameters)
    state, twin = simulator.at_rest(), Twin(simulator, lambda *_: None, n_steps=200, negligible=-1)
    fired = 0
    for _ in range(20):
        before = state.copy()
        spikes = simulator.spikes(state, 10)
        found, distance = twin.follow(before, state, spikes)
        assert np.array_equal(found, spikes)
        assert distance == 0
        fired += spikes.sum()
    assert (twin.trials, twin.healed) == (1, False)
    assert fired


def test_a_difference_on_its_way_is_not_healed():
    """Currents and voltages are equal, but another input will arrive, or one neuron rests."""

    class Still:
        n_neurons, threshold = 2, 1.0

        def spikes(self, state, n_steps):
            return np.zeros((n_steps, 2), np.uint8)

    def change_input(simulator, state, neuron):
        state.input[0] = 1

    def let_rest(simulator, state, neuron):
        state.resting[0] = 1

    zeros = np.zeros(2, np.int32)
    still = loihi.State(zeros, zeros, np.zeros((2, 2), np.int32), zeros)
    for perturb in (change_input, let_rest):
        twin = Twin(Still(), perturb, n_steps=40, negligible=0)
        for _ in range(4):
            _, distance = twin.follow(still, still, np.zeros((10, 2), np.uint8))
            assert distance == 0
            assert (twin.trials, twin.healed) == (1, False)


def unconnected(n=10):
    """Neurons that fire every 23 steps or so, each for itself."""
    bias = 3000
    return LoihiParameters(
        weights=np.zeros((n, n), int), weight_exponent=0, du=100, dv=40, vth=1000,
        bias_mantissa=bias, bias_exponent=0,
    )  # fmt: skip


def test_without_connections_a_flipped_bit_heals_with_the_next_spike():
    recording, found = perturbed_run.run_loihi(unconnected(), 1000, burn_in=100)
    spikes = recording.spikes[100:]
    period = int(np.diff(np.flatnonzero(spikes[:, 0]))[0])
    assert period > perturbed_run.INTERVAL
    outcome = damage.outcome(found.bit_damage, spikes)
    assert outcome == (0.0, 0.0, outcome.trials, Fate.HEALED)
    # Trials begin in the first half, and each lasts until the next spike is seen.
    assert 450 / (period + perturbed_run.INTERVAL) <= outcome.trials <= 450 / perturbed_run.INTERVAL
    assert np.array_equal(found.bit_damage.spikes, spikes)


def test_without_connections_an_extra_spike_shifts_one_neuron_for_ever():
    n = 10
    recording, found = perturbed_run.run_loihi(unconnected(n), 1000, burn_in=105)
    spikes = recording.spikes[105:]
    period = int(np.diff(np.flatnonzero(spikes[:, 0]))[0])
    outcome = damage.outcome(found.spike_damage, spikes)
    assert outcome.fate == Fate.CONFINED
    assert outcome.trials == 1
    assert np.array_equal(found.spike_damage.spikes[:, 1:], spikes[:, 1:])
    # Two spikes a period differ, of one neuron in n; independent trains: 2 p (1 - p).
    assert outcome.level == pytest.approx(2 / period / n / (2 / period * (1 - 1 / period)), rel=0.1)


def test_an_extra_spike_lasts_as_long_as_the_rest_of_its_neuron():
    """A lone neuron that the extra spike resets and lets rest: its next spikes are late."""
    resting = replace(unconnected(1), refractory_steps=7)
    recording, found = perturbed_run.run_loihi(resting, 200, burn_in=60)
    fired, late = (
        np.flatnonzero(a[:, 0]) for a in (recording.spikes[60:], found.spike_damage.spikes)
    )
    first = np.flatnonzero(loihi.run(unconnected(1), 60).spikes[:, 0])[0]  # step of the passage
    assert np.diff(fired).tolist() == [first + 1 + 7] * (len(fired) - 1)
    assert late[0] == first + 7
    assert fired[0] != late[0]


def test_in_a_strong_network_a_spike_more_changes_everything():
    n = 200
    half = network.half_gaussian(network.gaussian_matrix(n, 3))
    point = Network(n_neurons=n, q_factor=6.0, g_factor=5.0, seed=3)
    real, _ = rate_to_lif.rate_to_lif(half, point, "tutorial")
    for recording, found in (
        perturbed_run.run_lif(real, 2000, burn_in=500),
        perturbed_run.run_loihi(in_integers(real), 2000, burn_in=500),
    ):
        outcome = damage.outcome(found.spike_damage, recording.spikes[500:])
        assert outcome.fate == Fate.SPREAD
        assert outcome.level == pytest.approx(1, abs=0.25)


def test_networks_of_two_seeds_differ_as_much_as_independent_ones():
    first, second = (lif.run(random_network(seed), 4000).spikes[500:] for seed in (1, 2))
    assert damage.level(first, second) == pytest.approx(1, abs=0.1)
    assert damage.level(first, first) == 0


def test_level_of_independent_trains_is_1():
    rng = np.random.default_rng(0)
    rates = rng.uniform(0, 1, 50)
    trains = [rng.random((20_000, 50)) < rates for _ in range(2)]
    assert damage.level(*trains) == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(damage.hamming_distance(*trains).mean(), 1 / 3, atol=0.05)


def after(spikes, differing_third, differing_last, **changes):
    """A twin in which so many spikes of the last two quarters differ."""
    twin = spikes.copy()
    quarter = len(spikes) // 4
    twin[2 * quarter : 3 * quarter].ravel()[:differing_third] ^= 1
    twin[3 * quarter :].ravel()[:differing_last] ^= 1
    whole = {"state_distance": np.ones(len(spikes)), "trials": 3, "healed": False} | changes
    return Damage(twin, **whole)


SPIKES = (np.random.default_rng(1).random((400, 20)) < 0.5).astype(np.uint8)


@pytest.mark.parametrize(
    ("made", "fate"),
    [
        (partial(after, SPIKES, 1000, 1000), Fate.SPREAD),
        (partial(after, SPIKES, 100, 600), Fate.SPREAD),  # 600 of 2000: 0.6 of independent
        (partial(after, SPIKES, 100, 300), Fate.UNDECIDED),
        (partial(after, SPIKES, 0, 1), Fate.UNDECIDED),
        (partial(after, SPIKES, 200, 300), Fate.CONFINED),
        (partial(after, SPIKES, 300, 20), Fate.CONFINED),
        (partial(after, SPIKES, 0, 0), Fate.CONFINED),  # states differ, spikes do not
        (partial(after, SPIKES, 300, 0, healed=True), Fate.HEALED),
    ],
)
def test_fates(made, fate):
    assert damage.outcome(made(), SPIKES).fate == fate


def test_states_that_are_not_finite_are_flagged():
    weights = np.full((5, 5), 1e308)
    parameters = LIFParameters(weights=weights, du=0.07, dv=0.01, vth=1.0, bias=0.5)
    with np.errstate(all="ignore"):
        recording, found = perturbed_run.run_lif(parameters, 60, burn_in=10)
        outcome = damage.outcome(found.spike_damage, recording.spikes[10:])
    assert outcome.fate == Fate.BROKEN
    assert np.isnan(outcome.level)


def test_distances_of_integers_do_not_wrap():
    """Two currents near either end of 32 bits are more than 2**31 apart."""
    far = 2**31 - 2**25
    parameters = LoihiParameters(
        weights=np.zeros((1, 1), int), weight_exponent=0, du=0, dv=1, vth=1,
        bias_mantissa=1, bias_exponent=0,
    )  # fmt: skip
    simulator = loihi.Simulator.of(parameters)
    before, after = simulator.at_rest(), simulator.at_rest()
    after.current[:] = -far

    def perturb(simulator, state, neuron):
        state.current[neuron] = far

    twin = damage.Twin(simulator, perturb, n_steps=1, negligible=0)
    _, distance = twin.follow(before, after, np.zeros((1, 1), np.uint8))
    assert distance * simulator.threshold == pytest.approx(2 * far, rel=0.02)
