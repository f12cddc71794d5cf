r"""Sums of lagged products of spike counts, from coincidences of spikes.

Counts $x_i(t) = \sum_{a < w} s_i(t - a)$ see the w - 1 steps before the run. Rows of spikes,
(time, word), are `first`: these steps and the first K of the run, K the largest lag; and `last`:
as many at its end. Sums are integers, so exact, as long as they fit into 64 bits.
"""

import numpy as np

from eiphase.numerics.jit import njit
from eiphase.observables.coincidences import WORD, ones


@njit(cache=True)
def linear(coincidences, first, last, window):
    r"""$\sum_{t = 0}^{T - k - 1} \sum_i x_i(t)\, x_i(t + k)$ at lags k from 0 to K.

    If nobody fired but in the run and the w - 1 steps before it, counts would rise in these
    steps, and fall to 0 within w - 1 steps after the run. With C(d) the coincidences of spikes
    d steps apart,

    $$\sum_{t = -\infty}^\infty \sum_i x_i(t)\, x_i(t + k)
      = \sum_{|e| < w} (w - |e|)\, C(|k + e|)$$

    of which the pairs with a step outside of the run do not belong to it.
    """
    found = np.zeros(len(first) - window + 2, np.int64)
    _subtract_products_outside(_by_word(first, 1), window, found)
    _subtract_products_outside(_by_word(last, -1), window, found)
    for e in range(1 - window, window):
        for k in range(len(found)):
            found[k] += (window - abs(e)) * coincidences[abs(k + e)]
    return found


@njit(cache=True)
def _subtract_products_outside(words, window, found):
    r"""$\sum_{j < w - 1} \sum_i x_i(j)\, x_i(j + k)$, of counts x of spikes in these steps only.

    At the end of the run it is the same with time reversed.
    """
    total = np.zeros(words.shape[1] + 1, np.int64)
    for u in range(window - 1):  # the spikes of step u are in x(j) if u <= j < u + w
        _add_up_products(words[:, u], words, window, total)
        for k in range(len(found)):
            found[k] -= total[window - 1 + k] - total[u + k]


@njit(cache=True)
def around(first, last, window):
    r"""$\sum_{t = 0}^{k - 1} \sum_i x_i(t)\, x_i(T - k + t)$: pairs across the end of the run."""
    rows, words, n = _by_word(first, 1), _by_word(last, 1), len(last)
    total = np.zeros(n + 1, np.int64)
    found = np.zeros(n - window + 2, np.int64)
    for u in range(n):  # the spikes of row u are in x(t) if u - w < t <= u
        _add_up_products(rows[:, u], words, window, total)
        start = max(0, u - window + 1)
        for k in range(start + 1, len(found)):
            found[k] += total[n - k + min(u + 1, k)] - total[n - k + start]
    return found


@njit(cache=True)
def _by_word(rows, direction):
    """Rows as (word, time), so that innermost loops run over neighbours; in reverse if -1."""
    n_steps, n_words = rows.shape
    words = np.empty((n_words, n_steps), np.uint64)
    for j in range(n_steps):
        for word in range(n_words):
            words[word, j] = rows[j if direction > 0 else n_steps - 1 - j, word]
    return words


@njit(cache=True)
def _add_up_products(row, words, window, total):
    """total[j] = sum over steps before j of the spikes of `row` times counts x at that step.

    Of these steps, the words are (word, time).
    """
    n_words, n_steps = words.shape
    common = np.zeros(n_steps, np.int64)
    for word in range(n_words):
        for j in range(n_steps):
            common[j] += ones(row[word] & words[word, j])
    counted = 0
    for j in range(n_steps):
        counted += common[j] - (common[j - window] if j >= window else 0)
        total[j + 1] = total[j] + counted


@njit(cache=True)
def ends(first, last, window, weights):
    r"""$\sum_i z_i \big[ \sum_{t < k} x_i(t) + \sum_{t \ge T - k} x_i(t) \big]$ with weights z."""
    n = len(first)
    fired, found = np.zeros(n, np.int64), np.zeros(n - window + 2, np.int64)
    for j in range(n):
        fired[j] = _weight(first[j], weights) + _weight(last[n - 1 - j], weights)
    counted = 0
    for j in range(n):
        counted += fired[j]
        if j >= window - 1:
            k = j - window + 2
            found[k] = found[k - 1] + counted
            counted -= fired[k - 1]
    return found


@njit(cache=True)
def _weight(row, weights):
    """The sum of the weights of those who fire."""
    total, n = 0, len(weights)
    for word in range(len(row)):
        bits, part = row[word], weights[word * WORD :]
        for i in range(min(WORD, n - word * WORD)):
            total += part[i] if (bits >> np.uint64(i)) & np.uint64(1) else 0
    return total
