"""The page's Gaussian matrix is NumPy's, to the bit, whatever the C library's logarithm is."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from eiphase.explorer import gaussian
from eiphase.networks import weights


@pytest.mark.parametrize(
    ("n_neurons", "seed"), [(400, 1), (400, 2), (400, 2**32 - 1), (101, 0), (5, 1234), (64, 7)]
)
def test_matrices_equal_numpys_to_the_bit(page, n_neurons, seed):
    page.draw(n_neurons, seed)
    expected = np.random.RandomState(seed).standard_normal((n_neurons, n_neurons))
    assert page.array("z", "f8").tobytes() == expected.tobytes()
    half = weights.half_gaussian(expected)
    assert np.array_equal(page.array("half.columns", "f8").reshape(n_neurons, -1), half.T)


@pytest.mark.parametrize("ulps", [-2, 1, 10**9])
def test_another_logarithm_of_numpys_is_corrected(page, monkeypatch, ulps):
    """As another C library may have it, or a compiler that fuses products and sums."""
    numpys = weights.gaussian_matrix(20, 3)
    bits = numpys.view(np.int64)
    bits[3, ::2] += ulps
    monkeypatch.setattr(gaussian, "gaussian_matrix", lambda n, seed: numpys)
    assert len(gaussian.corrections(20, 3).gaps) >= 10
    page.draw(20, 3)
    assert page.array("z", "f8").tobytes() == numpys.tobytes()


def test_logarithms_are_those_of_the_page_and_wrong_by_less_than_a_unit(page):
    random = np.random.default_rng(1)
    x = np.concatenate(
        [
            random.random(1000), 1 - 1e-6 * random.random(500), 1 - 2.0 ** -np.arange(1, 54),
            2.0 ** -random.uniform(0, 104, 500), 2.0 ** -np.arange(105), [0.5**0.5],
        ]
    )  # fmt: skip
    found = gaussian.logarithm(x)
    with localcontext() as context:
        context.prec = 60
        pairs = zip(x.tolist(), found.tolist(), strict=True)
        errors = [float(Decimal(one).ln() - Decimal(log)) for one, log in pairs]
    assert (np.abs(errors) <= np.spacing(np.abs(found))).all()
    page.define("x", x.tolist())
    assert page.array("Float64Array.from(x, logarithm)", "f8").tobytes() == found.tobytes()


def test_corrections_are_few():
    assert len(gaussian.corrections(100, 1).gaps) < 500
