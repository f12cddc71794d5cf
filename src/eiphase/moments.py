"""Mean and variance over time of numbers that come in blocks, without losing digits."""

from typing import Self

import numpy as np
from numba import njit


class Moments:
    r"""Of each neuron: mean over time, and sum of squared deviations from it.

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

    def joined(self, other: "Moments") -> "Moments":
        """Those of both parts together."""
        found = Moments(len(self.mean))
        for part in (self, other):
            if part.n_steps:
                found._join(part.n_steps, part.mean, part.squares)
        return found

    def _join(self, n_steps: int, mean: np.ndarray, squares: np.ndarray) -> None:
        total = self.n_steps + n_steps
        with np.errstate(invalid="ignore", over="ignore"):  # of what is not finite
            difference = mean - self.mean
            self.mean += n_steps / total * difference
            self.squares += squares + self.n_steps * n_steps / total * difference**2
        self.n_steps = total

    @classmethod
    def of(cls, x: np.ndarray) -> Self:
        found = cls(x.shape[1])
        found.add(x)
        return found

    @property
    def variance(self) -> float:
        """Over time, mean over neurons; NaN of no steps."""
        return float(self.squares.mean() / self.n_steps) if self.n_steps else np.nan

    @property
    def sum_of_squares(self) -> float:
        """Of the numbers themselves, over time and neurons."""
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
