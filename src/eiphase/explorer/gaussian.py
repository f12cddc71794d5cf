"""Where NumPy's Gaussian matrices differ from those of `gaussian.js`, which the page makes itself.

The logarithm in the page's generator consists of sums, products and quotients alone, which are the
same everywhere. It stands here once more, for many numbers at once, operation by operation.
"""

from typing import NamedTuple

import numpy as np

from eiphase.networks.weights import gaussian_matrix

_LOG_2_HIGH, _LOG_2_LOW = 6.93147180369123816490e-1, 1.90821492927058770002e-10
_SERIES = (
    0.6666666666666735130, 0.3999999999940941908, 0.2857142874366239149, 0.2222219843214978396,
    0.1818357216161805012, 0.1531383769920937332, 0.1479819860511658591,
)  # fmt: skip


class Corrections(NamedTuple):
    """Where NumPy's matrix of a seed differs from the page's, in row-major order."""

    gaps: np.ndarray  # uint32: from each such entry to the next, the first from 0
    ulps: np.ndarray  # int64: units in the last place by which NumPy's is larger in magnitude


def corrections(n_neurons: int, seed: int) -> Corrections:
    """What turns the page's Gaussian matrix into NumPy's.

    About three entries in a hundred with the logarithm of the GNU C library, by a unit or two. They
    are more where NumPy's compiler fuses products and sums.
    """
    difference = gaussian_matrix(n_neurons, seed).ravel().view(np.int64)
    difference = difference - _matrix_of_page(n_neurons**2, seed).view(np.int64)
    positions = np.flatnonzero(difference)
    return Corrections(np.diff(positions, prepend=0).astype(np.uint32), difference[positions])


def _matrix_of_page(size: int, seed: int) -> np.ndarray:
    """`gaussianMatrix` of the page, without corrections."""
    stream = np.random.RandomState(seed)
    kept: list[np.ndarray] = []
    while 2 * sum(map(len, kept)) < size:
        points = 2 * stream.random_sample((size, 2)) - 1
        square = points[:, 0] * points[:, 0] + points[:, 1] * points[:, 1]
        kept.append(np.column_stack([points, square])[(square < 1) & (square != 0)])
    x, y, square = np.concatenate(kept).T
    factor = np.sqrt(-2 * logarithm(square) / square)
    return np.stack([factor * y, factor * x], axis=1).ravel()[:size]


def logarithm(x: np.ndarray) -> np.ndarray:
    """The natural logarithm of positive numbers, as `gaussian.js` computes it."""
    m, e = np.frexp(x)
    low = m < np.sqrt(0.5)
    m, exponent = np.where(low, 2 * m, m), e - low.astype(float)
    f = m - 1
    s = f / (2 + f)
    square, half = s * s, 0.5 * f * f
    series = np.zeros_like(square)
    for coefficient in reversed(_SERIES):
        series = (series + coefficient) * square
    return exponent * _LOG_2_HIGH - ((half - (s * (half + series) + exponent * _LOG_2_LOW)) - f)
