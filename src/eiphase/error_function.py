"""The error function and its slope, of many numbers at once, to the bit the same everywhere."""

import math
from decimal import Decimal, localcontext

import numpy as np
from numba import njit

# erf is known at the multiples of 1 / NODES_PER_UNIT, and is 1 to double precision from LAST.
NODES_PER_UNIT = 64
LAST = 6
_CHUNK = 512  # numbers at a time, so that what the loops hand on stays in the cache


def node_values() -> tuple[np.ndarray, np.ndarray]:
    r"""erf(c) and its slope $\frac{2}{\sqrt\pi} e^{-c^2}$ at the nodes c, rounded once.

    From node to node by the series that `erf` uses, in decimals.
    """
    with localcontext() as context:
        context.prec = 32
        pi = Decimal("3.1415926535897932384626433832795")
        h = 1 / Decimal(NODES_PER_UNIT)
        value, values, slopes = Decimal(0), [], []
        for i in range(LAST * NODES_PER_UNIT + 1):
            c = i * h
            slope = 2 / pi.sqrt() * (-c * c).exp()
            values.append(float(value))
            slopes.append(float(slope))
            before, term, total = Decimal(1), -2 * c * h, 1 - c * h
            for n in range(2, 20):
                before, term = term, (-2 * c * h * term - 2 * h * h * before) / n
                total += term / (n + 1)
            value += slope * h * total
    return np.array(values), np.array(slopes)


_VALUES, _SLOPES = node_values()


@njit(cache=True)
def erf(x, out):
    r"""out = erf(x), both of shape (n,), with an error below 2 units in the last place.

    By the Taylor series at the nearest node c, with h = |x| - c and Hermite polynomials H,

    $$\mathrm{erf}(c + h) = \mathrm{erf}(c) + \frac{2}{\sqrt\pi} e^{-c^2} h
      \sum_{n=0}^{6} \frac{a_n}{n + 1}, \quad a_n = \frac{(-h)^n H_n(c)}{n!}
      = \frac{-2 c h\, a_{n-1} - 2 h^2 a_{n-2}}{n}.$$

    Sums and products alone, each rounded. NaN stays NaN.
    """
    node = np.empty(_CHUNK, np.int32)
    value = np.empty(_CHUNK)
    slope = np.empty(_CHUNK)
    for first in range(0, len(x), _CHUNK):
        part, result = x[first : first + _CHUNK], out[first : first + _CHUNK]
        # Three loops, for the processor's vectors do not look numbers up.
        for k in range(len(part)):
            node[k] = np.int32(_magnitude(part[k]) * NODES_PER_UNIT + 0.5)
        for k in range(len(part)):
            index = np.uint32(node[k])
            value[k] = _VALUES[index]
            slope[k] = _SLOPES[index]
        for k in range(len(part)):
            c = node[k] * (1 / NODES_PER_UNIT)
            h = _magnitude(part[k]) - c
            linear = slope[k] * h
            found = math.copysign(value[k] + (linear + linear * _curvature(c, h)), part[k])
            result[k] = found if part[k] == part[k] else part[k]


@njit(cache=True)
def slope(x, out):
    r"""out = $\frac{2}{\sqrt\pi} e^{-x^2}$, both of shape (n,), with a relative error below 1e-15.

    By the series that `erf` integrates, at the nearest node c with h = |x| - c:

    $$e^{-(c + h)^2} = e^{-c^2} \sum_{n=0}^{11} a_n$$

    0 where |x| is `LAST` or more, and the slope below 3e-16. NaN stays NaN.
    """
    node = np.empty(_CHUNK, np.int32)
    at_node = np.empty(_CHUNK)
    for first in range(0, len(x), _CHUNK):
        part, result = x[first : first + _CHUNK], out[first : first + _CHUNK]
        for k in range(len(part)):
            node[k] = np.int32(_magnitude(part[k]) * NODES_PER_UNIT + 0.5)
        for k in range(len(part)):
            at_node[k] = _SLOPES[np.uint32(node[k])]
        for k in range(len(part)):
            c = node[k] * (1 / NODES_PER_UNIT)
            found = at_node[k] * _gaussian_ratio(c, _magnitude(part[k]) - c)
            found = 0.0 if abs(part[k]) >= LAST else found
            result[k] = found if part[k] == part[k] else part[k]


@njit(cache=True)
def _magnitude(x):
    """|x|, at most `LAST`, which NaN becomes too."""
    return abs(x) if abs(x) < LAST else float(LAST)


@njit(cache=True)
def _curvature(c, h):
    """The series of `erf` without its first term, 1."""
    before, term = 1.0, -2 * c * h
    total = term / 2
    for n in range(2, 7):
        before, term = term, (-2 * c * h * term - 2 * h * h * before) * (1 / n)
        total += term * (1 / (n + 1))
    return total


@njit(cache=True)
def _gaussian_ratio(c, h):
    """exp(-(c + h)^2) / exp(-c^2), by the series of `slope`."""
    before, term = 1.0, -2 * c * h
    total = term
    for n in range(2, 12):
        before, term = term, (-2 * c * h * term - 2 * h * h * before) * (1 / n)
        total += term
    return 1.0 + total
