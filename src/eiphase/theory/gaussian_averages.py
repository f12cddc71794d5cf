r"""Averages of erf, the output of rate neurons, over Gaussian states, in closed form.

x and y have the same mean µ and variance s, and the covariance c. All functions take arrays
or numbers, dimensionless, s >= 0 and |c| <= s. T is Owen's function [1].

[1] Owen, Ann. Math. Stat. 27, 1075 (1956), as `scipy.special.owens_t`. That averages of erf
over one or two Gaussian variables are normal probabilities follows from erf(x) = 2 Φ(√2 x) - 1,
where Φ(√2 x) is the probability that a normal variable of variance 1/2 is below x.
"""

import numpy as np
from scipy.special import erf, owens_t


def erf_slope(x):
    r"""erf'(x) = 2 / √π exp(-x²)."""
    return 2 / np.sqrt(np.pi) * np.exp(-np.square(x))


def mean_output(mean, variance):
    r"""$$\langle \mathrm{erf}\, x \rangle = \mathrm{erf} \frac{\mu}{\sqrt{1 + 2 s}}$$"""
    return erf(mean / np.sqrt(1 + 2 * variance))


def output_product(mean, variance, covariance):
    r"""$$\langle \mathrm{erf}\, x\; \mathrm{erf}\, y \rangle = 1 - 8\, T\left(
      \mu \sqrt{\frac{2}{1 + 2 s}}, \sqrt{\frac{1 + 2 s - 2 c}{1 + 2 s + 2 c}} \right)$$

    With c = s it is the mean of erf² x.
    """
    ratio = (1 + 2 * (variance - covariance)) / (1 + 2 * (variance + covariance))
    return 1 - 8 * owens_t(mean * np.sqrt(2 / (1 + 2 * variance)), np.sqrt(ratio))


def mean_slope(mean, variance):
    r"""$$\langle \mathrm{erf}' x \rangle = \frac{2}{\sqrt{\pi (1 + 2 s)}}
    \exp\left( -\frac{\mu^2}{1 + 2 s} \right)$$"""
    spread = 1 + 2 * variance
    return 2 / np.sqrt(np.pi * spread) * np.exp(-np.square(mean) / spread)


def squared_slope(mean, variance):
    r"""$$\langle (\mathrm{erf}' x)^2 \rangle = \frac{4}{\pi \sqrt{1 + 4 s}}
    \exp\left( -\frac{2 \mu^2}{1 + 4 s} \right)$$"""
    spread = 1 + 4 * variance
    return 4 / (np.pi * np.sqrt(spread)) * np.exp(-2 * np.square(mean) / spread)


def slope_product(mean, variance, covariance):
    r"""$$\langle \mathrm{erf}' x\; \mathrm{erf}' y \rangle =
    \frac{4}{\pi \sqrt{(1 + 2 s)^2 - 4 c^2}} \exp\left( -\frac{2 \mu^2}{1 + 2 s + 2 c} \right)$$

    The derivative of `output_product` by c; with c = s, `squared_slope`.
    """
    along = 1 + 2 * (variance + covariance)
    across = 1 + 2 * (variance - covariance)  # no difference of squares: these may be huge
    return 4 / (np.pi * np.sqrt(along * across)) * np.exp(-2 * np.square(mean) / along)


def mean_curvature(mean, variance):
    r"""$$\langle \mathrm{erf}'' x \rangle =
      -\frac{2 \mu}{1 + 2 s} \langle \mathrm{erf}' x \rangle$$

    By erf'' x = -2 x erf' x and integration by parts.
    """
    return -2 * mean / (1 + 2 * variance) * mean_slope(mean, variance)


def output_slope(mean, variance):
    r"""$$\langle \mathrm{erf}\, x\; \mathrm{erf}' x \rangle = \langle \mathrm{erf}' x \rangle\,
      \mathrm{erf} \frac{\mu}{\sqrt{(1 + 2 s)(1 + 4 s)}}$$

    Half the derivative of the mean of erf² x by µ.
    """
    argument = mean / np.sqrt((1 + 2 * variance) * (1 + 4 * variance))
    return mean_slope(mean, variance) * erf(argument)


def output_curvature(mean, variance):
    r"""$$\langle \mathrm{erf}\, x\; \mathrm{erf}'' x \rangle = -\frac{2}{1 + 2 s} \left( \mu
      \langle \mathrm{erf}\, x\; \mathrm{erf}' x \rangle
      + s \langle (\mathrm{erf}' x)^2 \rangle \right)$$

    By erf'' x = -2 x erf' x and integration by parts.
    """
    product = mean * output_slope(mean, variance) + variance * squared_slope(mean, variance)
    return -2 / (1 + 2 * variance) * product
