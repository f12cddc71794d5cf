"""The autocovariance of spike counts from its definition, for tests to compare with."""

import numpy as np


def autocovariance_of_counts(spikes, *, window, max_lag, unbiased=True):
    """c at lags 0 to `max_lag` of spikes, (time, neuron).

    Counts of centred spikes in all windows that see a step of the run, with zeros outside of it.
    """
    n_steps, n_neurons = spikes.shape
    outside = np.zeros((window - 1, n_neurons))
    y = np.concatenate([outside, spikes - spikes.mean(axis=0), outside])
    z = np.array([y[t : t + window].sum(axis=0) for t in range(n_steps + window - 1)])
    sums = np.array([np.sum(z[: len(z) - k] * z[k:]) for k in range(max_lag + 1)])
    pairs = n_steps - np.arange(max_lag + 1) if unbiased else n_steps
    return sums / (n_neurons * pairs)
