"""Mean and variance over time of numbers that come in blocks, without losing digits."""

from typing import Self

import numpy as np

from eiphase.numerics.jit import njit


class ActivityMoments:
    r"""Each neuron's mean over time, and its sum of squared deviations from the mean.

    Each block has its own by two passes, and two parts are joined by

    $$\bar x = \bar x_1 + \frac{n_2}{n} \Delta, \qquad
      S = S_1 + S_2 + \frac{n_1 n_2}{n} \Delta^2, \qquad \Delta = \bar x_2 - \bar x_1$$

    [1]: unlike sums of squares, they stay right where the variance is rounding only.

    [1] Chan, Golub & LeVeque, Am. Stat. 37, 242 (1983).
    """

    def __init__(self, n_neurons: int):
        self.n_steps = 0
        self.mean = np.zeros(n_neurons)
        self.squares = np.zeros(n_neurons)

    def add(self, x: np.ndarray) -> None:
        """Take in the next steps, (time, neuron)."""
        if len(x):
            self._join(len(x), *_of_block(x))

    def joined(self, other: "ActivityMoments") -> "ActivityMoments":
        """The moments of both parts together."""
        found = ActivityMoments(len(self.mean))
        found.n_steps = self.n_steps
        found.mean, found.squares = self.mean.copy(), self.squares.copy()
        if other.n_steps:
            found._join(other.n_steps, other.mean, other.squares)
        return found

    def _join(self, n_steps: int, mean: np.ndarray, squares: np.ndarray) -> None:
        _join(self.n_steps, self.mean, self.squares, n_steps, mean, squares)
        self.n_steps += n_steps

    @classmethod
    def of(cls, x: np.ndarray) -> Self:
        found = cls(x.shape[1])
        found.add(x)
        return found

    @property
    def variance(self) -> float:
        """Variance over time, averaged over neurons; NaN without steps."""
        return float(self.squares.mean() / self.n_steps) if self.n_steps else np.nan

    @property
    def sum_of_squares(self) -> float:
        """Sum of x² over time and neurons."""
        with np.errstate(invalid="ignore", over="ignore"):
            return float((self.squares + self.n_steps * self.mean**2).sum())


@njit(cache=True)
def _of_block(x):
    n_steps, n = x.shape
    mean = np.zeros(n)
    for t in range(n_steps):
        for i in range(n):
            mean[i] += x[t, i]
    mean /= n_steps
    squares = np.zeros(n)
    for t in range(n_steps):
        for i in range(n):
            squares[i] += (x[t, i] - mean[i]) ** 2
    return mean, squares


@njit(cache=True)
def _join(n, mean, squares, n_other, other_mean, other_squares):
    total = n + n_other
    for i in range(len(mean)):
        difference = other_mean[i] - mean[i]
        mean[i] += n_other / total * difference
        squares[i] += other_squares[i] + n * n_other / total * difference**2
