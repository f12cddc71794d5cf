"""Where NumPy's Gaussian matrices differ from those of `gaussian.js`, which the page makes itself.

The logarithm in the page's generator consists of sums, products and quotients alone, which are the
same everywhere. Its functions stand here once more, for many numbers at once, operation by
operation.
"""

from typing import NamedTuple

import numpy as np

from eiphase.networks.weights import gaussian_matrix

_LOG_2 = 0.6931471805599453, 2.3190468138462996e-17
_SQRT_HALF = 0.7071067811865476
_N_TERMS = 21
_N_DOUBLE_DOUBLE = 10  # of them; the smaller ones need doubles only


class DoubleDouble(NamedTuple):
    """Numbers hi + lo, where hi is their sum, rounded."""

    hi: np.ndarray
    lo: np.ndarray

    def __add__(self, other: "DoubleDouble") -> "DoubleDouble":  # type: ignore[override]
        hi, lo = _exact_sum(self.hi, other.hi)
        return _fast_sum(hi, lo + (self.lo + other.lo))

    def __mul__(self, other: "DoubleDouble") -> "DoubleDouble":  # type: ignore[override]
        hi, lo = _exact_product(self.hi, other.hi)
        return _fast_sum(hi, lo + (self.hi * other.lo + self.lo * other.hi))


class Corrections(NamedTuple):
    """Where NumPy's matrix of a seed differs from the page's, in row-major order."""

    positions: np.ndarray  # uint32
    ulps: np.ndarray  # int64: units in the last place by which NumPy's is larger in magnitude


def corrections(n_neurons: int, seed: int) -> Corrections:
    """What turns the page's Gaussian matrix into NumPy's.

    About one entry in 2000 with the logarithm of the GNU C library, by a unit or two. They are more
    where NumPy's compiler fuses products and sums, and larger near the circle's edge, where the
    logarithm vanishes.
    """
    difference = gaussian_matrix(n_neurons, seed).ravel().view(np.int64)
    difference = difference - _rounded_matrix(n_neurons**2, seed).view(np.int64)
    positions = np.flatnonzero(difference)
    return Corrections(positions.astype(np.uint32), difference[positions])


def _rounded_matrix(size: int, seed: int) -> np.ndarray:
    """`gaussianMatrix` of the page, without corrections."""
    x, y, square = _pairs_in_circle((size + 1) // 2, seed)
    factor = np.sqrt(-2 * correctly_rounded_log(square) / square)
    return np.stack([factor * y, factor * x], axis=1).ravel()[:size]


def _pairs_in_circle(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y and x² + y² of the seed's first points in the unit circle."""
    stream = np.random.RandomState(seed)
    kept: list[np.ndarray] = []
    while sum(map(len, kept)) < count:
        points = 2 * stream.random_sample((count, 2)) - 1
        square = points[:, 0] * points[:, 0] + points[:, 1] * points[:, 1]
        inside = (square < 1) & (square != 0)
        kept.append(np.column_stack([points, square])[inside])
    x, y, square = np.concatenate(kept)[:count].T
    return x, y, square


def correctly_rounded_log(x: np.ndarray) -> np.ndarray:
    """The natural logarithm of positive numbers; `gaussian.js` says how and how well."""
    m, e = np.frexp(x)
    low = m < _SQRT_HALF
    m, exponent = np.where(low, 2 * m, m), e - low.astype(float)
    s = _quotient(m - 1, DoubleDouble(*_exact_sum(m, np.ones_like(m))))
    square = s * s
    small = np.zeros_like(m)
    for k in range(_N_TERMS - 1, _N_DOUBLE_DOUBLE - 1, -1):
        small = small * square.hi + _ODD_RECIPROCALS[k].hi
    series = DoubleDouble(small, np.zeros_like(m))
    for k in range(_N_DOUBLE_DOUBLE - 1, -1, -1):
        series = series * square + _ODD_RECIPROCALS[k]
    of_mantissa = DoubleDouble(2 * s.hi, 2 * s.lo) * series
    log_2 = DoubleDouble(*map(np.array, _LOG_2))
    return (DoubleDouble(exponent, np.zeros_like(m)) * log_2 + of_mantissa).hi


def _fast_sum(a: np.ndarray, b: np.ndarray) -> DoubleDouble:
    hi = a + b
    return DoubleDouble(hi, b - (hi - a))


def _exact_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hi = a + b
    part = hi - a
    return hi, (a - (hi - part)) + (b - part)


def _upper_half(a: np.ndarray) -> np.ndarray:
    c = 134217729 * a
    return c - (c - a)


def _exact_product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hi = a * b
    a_high, b_high = _upper_half(a), _upper_half(b)
    a_low, b_low = a - a_high, b - b_high
    return hi, ((a_high * b_high - hi) + a_high * b_low + a_low * b_high) + a_low * b_low


def _quotient(a: np.ndarray, y: DoubleDouble) -> DoubleDouble:
    q = a / y.hi
    hi, lo = _exact_product(q, y.hi)
    return _fast_sum(q, (((a - hi) - lo) - q * y.lo) / y.hi)


_ODD_RECIPROCALS = [  # coefficients of the series, 1 / (2k + 1)
    _quotient(np.ones(1), DoubleDouble(np.array([2.0 * k + 1]), np.zeros(1)))
    for k in range(_N_TERMS)
]
