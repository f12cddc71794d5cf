"""Samples of activity that come in blocks: what statistics of second order need of them."""

from typing import Self

import numpy as np

from eiphase.numerics.jit import njit
from eiphase.observables.moments import ActivityMoments


class Samples:
    r"""`n_samples` samples of all neurons, reduced to what second-order statistics need.

    As long as they are no more than neurons they stay as they are; of more, only the N x N sums
    of their products stay. So memory does not grow with the run beyond $8 N^2$ bytes. No
    function calls BLAS, whose bits depend on its threads.
    """

    def __init__(self, n_samples: int, n_neurons: int):
        self.moments = ActivityMoments(n_neurons)
        self._kept = np.empty((n_samples, n_neurons)) if n_samples <= n_neurons else None
        self._reference = np.zeros(n_neurons)
        self._products = np.zeros((0 if self._kept is not None else n_neurons,) * 2)

    @classmethod
    def of(cls, x: np.ndarray) -> Self:
        """Take all samples, (sample, neuron), at once."""
        found = cls(*x.shape)
        found.add(x)
        return found

    def __len__(self) -> int:
        return self.moments.n_steps

    def add(self, x: np.ndarray) -> None:
        """Take in the next samples, (sample, neuron)."""
        if not len(x):
            return
        if self._kept is not None:
            self._kept[len(self) : len(self) + len(x)] = x
        else:
            if not len(self):
                self._reference = x.mean(axis=0)
            _add_products(x - self._reference, self._products)
        self.moments.add(x)

    def traces(self) -> tuple[float, float]:
        """Traces of the covariance matrix times the number of samples, and of its square.

        From the scalar products between samples where these are fewer: that matrix has the
        same eigenvalues other than 0.
        """
        if self._kept is None:
            products = self._central_products()
        else:
            products = np.zeros((len(self), len(self)))
            _add_products(np.ascontiguousarray(self._deviations().T), products)
        diagonal = products.diagonal()
        trace_of_square = 2 * np.square(products).sum() - np.square(diagonal).sum()
        return float(diagonal.sum()), float(trace_of_square)

    def variance_of_sum(self, weights: np.ndarray) -> float:
        """Over samples, of the sum over neurons with these weights."""
        if self._kept is None:
            products = self._central_products()
            np.fill_diagonal(products, products.diagonal() / 2)
            total = 2 * np.einsum("ij,j->i", products, weights)
            return float((weights * total).sum() / len(self))
        sums = (self._deviations() * weights).sum(axis=1)
        return float((sums**2).mean())

    def _deviations(self) -> np.ndarray:
        assert self._kept is not None
        return self._kept[: len(self)] - self.moments.mean

    def _central_products(self) -> np.ndarray:
        """Upper triangle of the sums over samples of deviations' products, (neuron, neuron)."""
        left = self.moments.mean - self._reference
        return self._products - np.triu(len(self) * np.outer(left, left))


@njit(cache=True)
def _add_products(x, total):
    """total += x^T x, the upper triangle; every sum in ascending order."""
    length, n = x.shape
    unrolled = length // 4 * 4
    for a in range(n):
        row = total[a]
        for t in range(0, unrolled, 4):  # so that `row` is loaded and stored a quarter as often
            x0, x1, x2, x3 = x[t, a], x[t + 1, a], x[t + 2, a], x[t + 3, a]
            for b in range(a, n):
                s = row[b]
                s += x0 * x[t, b]
                s += x1 * x[t + 1, b]
                s += x2 * x[t + 2, b]
                s += x3 * x[t + 3, b]
                row[b] = s
        for t in range(unrolled, length):
            for b in range(a, n):
                row[b] += x[t, a] * x[t, b]
