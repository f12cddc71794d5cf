"""The error function and its slope, of many numbers at once, to the bit the same everywhere."""

import math
from decimal import Decimal, localcontext

import numpy as np

from eiphase.numerics.jit import njit

# erf is known at the multiples of 1 / NODES_PER_UNIT, and is 1 to double precision from LAST.
# Fewer nodes would need more terms; these tables (25 kB) still fit into the first cache.
NODES_PER_UNIT = 256
LAST = 6


def node_values() -> tuple[np.ndarray, np.ndarray]:
    r"""erf(c) and its slope $\frac{2}{\sqrt\pi} e^{-c^2}$ at the nodes c, rounded once.

    From node to node by the series that `erf` uses, in decimals.
    """
    with localcontext() as context:
        context.prec = 32
        pi = Decimal("3.1415926535897932384626433832795")
        h = 1 / Decimal(NODES_PER_UNIT)
        value, slope, step, bend = Decimal(0), 2 / pi.sqrt(), (-h * h).exp(), (-2 * h * h).exp()
        factor, values, slopes = -2 * h * h, [], []
        for i in range(LAST * NODES_PER_UNIT + 1):
            values.append(float(value))
            slopes.append(float(slope))
            before, term = Decimal(1), factor * i
            total = 1 + term / 2
            for n in range(2, 12):
                before, term = term, factor * (i * term + before) / n
                total += term / (n + 1)
            value += slope * h * total
            slope, step = slope * step, step * bend
    return np.array(values), np.array(slopes)


_VALUES, _SLOPES = node_values()


@njit(cache=True)
def erf(x, out):
    """out = erf(x), both of shape (n,), see `erf_of`."""
    for k in range(len(x)):
        out[k] = erf_of(x[k])


@njit(cache=True)
def erf_slope(x, out):
    """out = the slope of erf at x, both of shape (n,), see `erf_slope_of`."""
    for k in range(len(x)):
        out[k] = erf_slope_of(x[k])


@njit(cache=True)
def erf_of(x):
    r"""erf(x) of one number, with an error below 2 units in the last place.

    By the Taylor series at the nearest node c, with h = |x| - c and Hermite polynomials H,

    $$\mathrm{erf}(c + h) = \mathrm{erf}(c) + \frac{2}{\sqrt\pi} e^{-c^2} h
      \sum_{n=0}^{4} \frac{(-h)^n H_n(c)}{(n + 1)!}$$

    Sums and products alone, each rounded. NaN stays NaN. Without a branch, so that in loops
    the processor's vectors do it.
    """
    node, c, h = _nearest(x)
    square = c * c
    second = square * (2 / 3) - 1 / 3
    third = c * (0.5 - square * (1 / 3))
    fourth = square * (square * (2 / 15) - 0.4) + 0.1
    curvature = h * (h * (h * (h * fourth + third) + second) - c)
    linear = _SLOPES[node] * h
    found = math.copysign(_VALUES[node] + (linear + linear * curvature), x)
    return found if x == x else x


@njit(cache=True)
def erf_slope_of(x):
    r"""$\frac{2}{\sqrt\pi} e^{-x^2}$ of one number, with a relative error below 1e-15.

    By the series that `erf_of` integrates, at the nearest node c with h = |x| - c:

    $$e^{-(c + h)^2} = e^{-c^2} \sum_{n=0}^{7} a_n, \quad a_n = \frac{(-h)^n H_n(c)}{n!}
      = \frac{-2 c h\, a_{n-1} - 2 h^2 a_{n-2}}{n}$$

    0 where |x| is `LAST` or more, and the slope below 3e-16. NaN stays NaN.
    """
    node, c, h = _nearest(x)
    before, term = 1.0, -2 * c * h
    total = term
    for n in range(2, 8):
        before, term = term, (-2 * c * h * term - 2 * h * h * before) * (1 / n)
        total += term
    found = _SLOPES[node] * (1.0 + total)
    found = 0.0 if abs(x) >= LAST else found
    return found if x == x else x


@njit(cache=True)
def _nearest(x):
    """Number and place of the node nearest to |x|, and how far behind it that lies.

    Of |x| from `LAST` on, and of NaN, it is the last, and nothing lies behind it.
    """
    magnitude = abs(x) if abs(x) < LAST else float(LAST)
    node = np.uint32(np.int32(magnitude * NODES_PER_UNIT + 0.5))
    c = node * (1 / NODES_PER_UNIT)
    return node, c, magnitude - c
