"""Averages over Gaussian variables by the trapezoidal rule, slow and obvious."""

import numpy as np

Z = np.linspace(-9, 9, 1201)
DENSITY = np.exp(-(Z**2) / 2) / np.sqrt(2 * np.pi) * (Z[1] - Z[0])


def average(function, mean, variance):
    """<f(x)>"""
    return np.sum(DENSITY * function(mean + np.sqrt(variance) * Z))


def average_of_product(function, mean, variance, covariance):
    """<f(x) f(y)>"""
    correlation = covariance / variance
    z = correlation * Z[:, None] + np.sqrt(max(1 - correlation**2, 0)) * Z[None, :]
    inner = function(mean + np.sqrt(variance) * z) @ DENSITY
    return np.sum(DENSITY * function(mean + np.sqrt(variance) * Z) * inner)
