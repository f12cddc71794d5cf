"""Spikes packed into bits against the spikes themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiphase.observables.coincidences import Firing, LaggedSums, packed, population


def spikes_of(seed, n_steps, n_neurons):
    return np.random.default_rng(seed).integers(0, 2, (n_steps, n_neurons), np.uint8)


@pytest.mark.parametrize("n_neurons", [1, 8, 63, 64, 65, 200, 400])
def test_each_neuron_has_its_bit(n_neurons):
    spikes = spikes_of(n_neurons, 9, n_neurons)
    bits = np.unpackbits(packed(spikes).view(np.uint8), axis=1, bitorder="little")
    assert np.array_equal(bits[:, :n_neurons], spikes)
    assert not bits[:, n_neurons:].any()
    assert np.array_equal(population(packed(spikes)), spikes.sum(axis=1))


@given(
    seed=st.integers(0, 2**32 - 1),
    n_neurons=st.sampled_from([3, 64, 130]),
    n_steps=st.integers(1, 40),
    data=st.data(),
)
def test_coincidences_in_blocks_are_those_of_the_whole(seed, n_neurons, n_steps, data):
    n_lags = data.draw(st.integers(1, n_steps))
    cuts = sorted(data.draw(st.lists(st.integers(0, n_steps), max_size=5)))
    spikes = spikes_of(seed, n_steps, n_neurons)
    rows = packed(spikes)
    coincidences = LaggedSums.of_coincidences(n_neurons, n_lags)
    for block in np.split(rows, cuts):
        coincidences.add(block)
    s = spikes.astype(int)
    expected = [np.sum(s[: n_steps - d] * s[d:]) for d in range(n_lags)]
    assert np.array_equal(coincidences.sums, expected)
    assert np.array_equal(coincidences.first, rows[: n_lags - 1])
    assert np.array_equal(coincidences.last, rows[n_steps + 1 - n_lags :])
    assert coincidences.n_steps == n_steps


def test_only_ends_stay_in_memory():
    coincidences = LaggedSums.of_coincidences(40, 30)
    for seed in range(20):
        coincidences.add(packed(spikes_of(seed, 1000, 40)))
    kept = (coincidences.first, coincidences.last)
    assert sum(array.nbytes if array.base is None else array.base.nbytes for array in kept) < 20_000


@pytest.mark.parametrize("n_neurons", [5, 64, 70])
def test_firing_counts_spikes_and_neurons(n_neurons):
    spikes = spikes_of(1, 60, n_neurons)
    spikes[:, :2], spikes[:, 2], spikes[0, 3], spikes[59, 4] = 0, 1, 1, 1
    spikes[31, 1] = 1
    firing = Firing(n_neurons)
    for block in np.split(packed(spikes), [10, 31]):
        firing.add(block)
    assert firing.n_steps == 60
    assert firing.rate == spikes.mean()
    assert firing.silent == np.mean(~spikes.any(axis=0)) == 1 / n_neurons
    assert firing.always == np.mean(spikes.all(axis=0)) == 1 / n_neurons
