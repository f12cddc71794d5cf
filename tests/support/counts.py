"""The autocovariance of spike counts from its definition, for tests to compare with."""

import numpy as np


def autocovariance_of_counts(spikes, *, first, window, max_lag, unbiased=True):
    """c at lags 0 to `max_lag` of counts in windows that end from step `first` on, (time, neuron).

    Windows of the first steps see spikes before `first`.
    """
    ends = range(first, len(spikes))
    x = np.array([spikes[t + 1 - window : t + 1].sum(axis=0, dtype=float) for t in ends])
    x -= x.mean(axis=0)
    sums = np.array([np.sum(x[: len(x) - k] * x[k:]) for k in range(max_lag + 1)])
    pairs = len(x) - np.arange(max_lag + 1) if unbiased else len(x)
    return sums / (x.shape[1] * pairs)
