"""Further statistics of a network's activity, each by itself: dimension, synchrony, irregularity.

Samples are states of rate neurons, or spike counts in consecutive windows, of stationary
activity. No function calls BLAS, whose bits depend on its threads.
"""

from typing import Self

import numpy as np

from eiphase.flags import Flag
from eiphase.networks.weights import Synapses, n_excitatory
from eiphase.numerics import simd
from eiphase.numerics.jit import njit
from eiphase.observables.moments import ActivityMoments
from eiphase.observables.samples import Samples

# Sokal's c: the window of the integrated autocorrelation time reaches so many times as far.
WINDOW_FACTOR = 5
# Of fewer intervals between spikes, a neuron's CV is mostly chance.
LEAST_INTERVALS = 10


def participation_ratio(samples: Samples) -> float:
    r"""Dimension of the activity: how many principal components hold most of its variance.

    $$D = \frac{(\sum_a \lambda_a)^2}{\sum_a \lambda_a^2} = \frac{(\mathrm{tr}\, C)^2}
      {\mathrm{tr}\, C^2}, \qquad C_{ij} = \langle \delta x_i\, \delta x_j \rangle_t$$

    with $\lambda_a$ the eigenvalues of the covariance matrix C [1, 2]; between 1 and N.
    From the traces, exactly: of C, or of the matrix of scalar products between samples,
    which has the same eigenvalues other than 0, whichever is smaller.

    Cost: K N min(K, N) / 2 products for K samples of N neurons. Limits: D is less than K, and
    too low: K independent samples make 1 / D larger by about 1 / K, and samples within a
    correlation time are hardly independent.

    [1] Abbott, Rajan & Sompolinsky, in The Dynamic Brain, Oxford Univ. Press, 65 (2011).
    [2] Clark, Abbott & Litwin-Kumar, Phys. Rev. Lett. 131, 118401 (2023).
    """
    if len(samples) < 2:
        return np.nan
    trace, trace_of_square = samples.traces()
    return trace**2 / trace_of_square if trace > 0 else np.nan


def synchrony(samples: Samples) -> float:
    r"""Golomb's chi: how much of single neurons' fluctuations the network's mean shares.

    $$\chi^2 = \frac{\mathrm{Var}_t\big( \frac{1}{N} \sum_i x_i \big)}
      {\frac{1}{N} \sum_i \mathrm{Var}_t(x_i)}$$

    1 where all neurons do the same, of order $1 / \sqrt{N}$ where each is independent. NaN
    if nothing fluctuates. Golomb's x is the membrane potential [1]; here it is the activity
    that all backends have. Cost: a few operations for each number.

    [1] Golomb, Scholarpedia 2, 1347 (2007).
    """
    single, n = samples.moments.variance, len(samples.moments.mean)
    if len(samples) < 2 or not single > 0:
        return np.nan
    return float(np.sqrt(samples.variance_of_sum(np.full(n, 1 / n)) / single))


def integrated_autocorrelation_time(c: np.ndarray) -> tuple[float, Flag]:
    r"""Area under the autocorrelation function, with Sokal's automatic window; in steps.

    $$\tau_{int} = \frac{1}{2} + \sum_{k=1}^M \frac{c(k)}{c(0)}, \qquad
      M = \min \{ M \ge 1 : M \ge 5\, \tau_{int}(M) \}$$

    A mean over T steps has the variance $2 \tau_{int}\, c(0) / T$. The window leaves out
    the tail, where noise adds up and signal does not: about $e^{-5}$ of an exponential [1, 2].

    NaN and `CENSORED` if there is no such M within the lags given, NaN and `UNDEFINED` if
    c(0) or the area is not positive, NaN and `BROKEN` if c is not finite. Limits: the
    standard error is $\tau_{int} \sqrt{2 (2 M + 1) / T}$ for one neuron [1], and less by up
    to $\sqrt{N}$ for the mean over N; centring makes the time too short, see
    `fluctuation.centring_bias`; an oscillation's area has no limit, and the window then
    closes within its first half period, on a negative area if the oscillation is fast.

    [1] Madras & Sokal, J. Stat. Phys. 50, 109 (1988).
    [2] Sokal, in Functional Integration, NATO ASI B 361, Plenum, 131 (1997).
    """
    if not np.isfinite(c).all():
        return np.nan, Flag.BROKEN
    if not c[0] > 0:
        return np.nan, Flag.UNDEFINED
    times = 0.5 + np.cumsum(c[1:] / c[0])
    closed = np.flatnonzero(np.arange(1, len(c)) >= WINDOW_FACTOR * times)
    if not closed.size:
        return np.nan, Flag.CENSORED
    time = float(times[closed[0]])
    return (time, Flag.OK) if time > 0 else (np.nan, Flag.UNDEFINED)


def fixed_point_distance(states: np.ndarray, following: np.ndarray, step_size: float) -> np.ndarray:
    r"""How far states are from solving a rate network's fixed-point equation; (sample,).

    $$d(t) = \sqrt{\frac{1}{N} \sum_i \big( -r_i + [W \mathrm{erf}(r)]_i + b / dr \big)^2}
      = \frac{1}{dr} \sqrt{\frac{1}{N} \sum_i \big( r_i(t + 1) - r_i(t) \big)^2}$$

    in units of the state, from states at some steps and at those that follow them; the
    second form is the first by the equation of motion. It is the speed of the network
    per time constant, whose minima are fixed and slow points [1]. Limits: a residual,
    not a distance between states, and small in a slow passage too; rounding keeps it above
    about $10^{-16} |r| / dr$.

    [1] Sussillo & Barak, Neural Comput. 25, 626 (2013).
    """
    return np.sqrt(((following - states) ** 2).mean(axis=1)) / step_size


class Intervals:
    """Inter-spike intervals of single neurons, from spikes that come in blocks."""

    def __init__(self, n_neurons: int):
        self.number, self.sums, self.squares = np.zeros((3, n_neurons), np.int64)
        self._last = np.full(n_neurons, -1)  # step of each neuron's last spike
        self._n_steps = 0

    @classmethod
    def of(cls, spikes: np.ndarray) -> Self:
        """Take all spikes, (time, neuron), at once."""
        found = cls(spikes.shape[1])
        found.add(spikes)
        return found

    def add(self, spikes: np.ndarray) -> None:
        """Take in the next steps, (time, neuron), 0 or 1."""
        _intervals(spikes, self._n_steps, self._last, self.number, self.sums, self.squares)
        self._n_steps += len(spikes)


@njit(cache=True)
def _intervals(spikes, first, last, number, sums, squares):
    n_steps, n = spikes.shape
    for t in range(n_steps):
        for i in range(n):
            if spikes[t, i]:
                if last[i] >= 0:
                    interval = first + t - last[i]
                    number[i] += 1
                    sums[i] += interval
                    squares[i] += interval * interval
                last[i] = first + t


def isi_variation(intervals: Intervals) -> tuple[float, float]:
    r"""Coefficient of variation of inter-spike intervals, mean over neurons.

    $$CV = \frac{\sqrt{\mathrm{Var}(I)}}{\langle I \rangle}$$

    over the intervals I of one neuron within the run, the variance with n - 1: 0 for
    regular firing, $\sqrt{1 - p}$ if each step has a spike with probability p [1].
    Returns the mean over neurons with `LEAST_INTERVALS` or more, NaN if there are none,
    and the fraction of neurons that these are. Limits: neurons that fire too rarely do not
    count, and intervals that do not fit into the run are not seen: both lower it. Slow
    changes of a neuron's rate raise it.

    Cost: one pass over the spikes; integers, so exact.

    [1] Softky & Koch, J. Neurosci. 13, 334 (1993).
    """
    enough = intervals.number >= LEAST_INTERVALS
    counted = (intervals.number, intervals.sums, intervals.squares)
    n, total, square = (a[enough].astype(float) for a in counted)
    variance = (square - total**2 / n) / (n - 1)
    variations = np.sqrt(variance) / (total / n)
    return float(variations.mean()) if enough.any() else np.nan, float(enough.mean())


def fano_factor(counts: ActivityMoments) -> float:
    r"""Variance of spike counts over their mean, averaged over the neurons that fire.

    $$F = \frac{\mathrm{Var}(n)}{\langle n \rangle}$$

    over K consecutive windows, the variance with K - 1: 1 for a Poisson process, 1 - p if
    each step has a spike with probability p, 0 for neurons that fire in every step [1]. NaN
    if no neuron fires. Limits: it depends on the window; as that becomes short
    against the intervals, F goes to 1 for any train.

    [1] Fano, Phys. Rev. 72, 26 (1947).
    """
    firing = counts.mean > 0
    if counts.n_steps < 2 or not firing.any():
        return np.nan
    variance = counts.squares[firing] / (counts.n_steps - 1)
    return float((variance / counts.mean[firing]).mean())


def spike_count_correlation(counts: Samples) -> float:
    r"""Pearson's correlation of spike counts, mean over all pairs of neurons.

    $$\bar\rho = \frac{2}{n (n - 1)} \sum_{i < j} \rho_{ij}
      = \frac{\mathrm{Var}\big( \sum_i z_i \big) - n}{n (n - 1)}$$

    with $z_i$ the counts of neuron i, centred and divided by their standard deviation,
    over the n neurons whose counts vary [1]; NaN if these are fewer than two. The second
    form is the first exactly, without n^2 pairs. Between -1 / (n - 1) and 1. Limits: for
    independent neurons and K windows it is 0 within $\sqrt{2 / K} / n$; it depends on the
    window as the Fano factor does.

    `counts` are those in K consecutive windows.

    [1] Cohen & Kohn, Nat. Neurosci. 14, 811 (2011).
    """
    variances = counts.moments.squares / max(len(counts), 1)
    varying = variances > 0
    n = np.count_nonzero(varying)
    if n < 2:
        return np.nan
    weights = np.zeros(len(variances))
    weights[varying] = 1 / np.sqrt(variances[varying])
    return float((counts.variance_of_sum(weights) - n) / (n * (n - 1)))


def received_input(outputs: np.ndarray, synapses: Synapses) -> tuple[np.ndarray, np.ndarray]:
    r"""What each neuron receives from excitatory and from inhibitory ones.

    $$h^E_i = \sum_{j \in E} W_{ij} s_j, \qquad h^I_i = \sum_{j \in I} W_{ij} s_j$$

    `outputs` s, (sample, neuron), are spikes or erf(r). Returns $h^E$ and $h^I$, each
    (sample, neuron), summed in ascending order of j. Cost: N fused multiply-adds for each
    output that is not zero.
    """
    columns = simd.columns_in_rows(synapses.matrix)
    n_exc = n_excitatory(len(synapses.matrix))
    excitatory = _received(columns, outputs, 0, n_exc)
    inhibitory = _received(columns, outputs, n_exc, len(synapses.matrix))
    return synapses.excitatory_gain * excitatory, synapses.inhibitory_gain * inhibitory


def _received(columns: np.ndarray, outputs: np.ndarray, first: int, last: int) -> np.ndarray:
    """What the neurons from `first` up to `last` give to all; (sample, neuron)."""
    part = outputs[:, first:last]
    sample, neuron = np.nonzero(part)
    ends = np.cumsum(np.count_nonzero(part, axis=1))
    n_samples, n = outputs.shape
    n_blocks = simd.n_blocks(n)
    total = simd.aligned(n_samples * n_blocks)
    _add_columns(columns, part[sample, neuron].astype(float), neuron + first, ends, n, total)
    return total.reshape(n_samples, -1)[:, :n]


@njit(cache=True)
def _add_columns(columns, values, neurons, ends, n, total):
    """total[sample] = sum of values times columns; entries of a sample end at ends[sample]."""
    n_blocks = len(columns) // n
    for block in range(n_blocks):  # whose rows stay in the processor's second cache
        start = 0
        for sample in range(len(ends)):
            row = simd.zero_row()
            for entry in range(start, ends[sample]):
                column = simd.load_row(columns, block * n + neurons[entry])
                row = simd.multiply_add(values[entry], column, row)
            simd.store_row(total, sample * n_blocks + block, row)
            start = ends[sample]
