r"""How strongly a network couples around its working point, the same for rate and LIF neurons.

A small change of one neuron's output reaches the others through effective couplings. R is the
radius of the disc that holds their eigenvalues:

$$R^2 = \sum_j \mathrm{var}(W_{ij})\, \langle \mathrm{erf}'^2 r \rangle \quad \text{(rate)},
  \qquad R^2 = \sum_j \mathrm{var}(\alpha J_{ij} + \beta J_{ij}^2) \quad \text{(LIF)},$$

by `meanfield.fixed_point` and `lif_working_point.lif_working_point`. In mean-field theory a working
point is stable below R = 1. Above it, R describes the state around which a network fluctuates
no longer small: it is a coordinate there, not a prediction. The mapping `corrected` equates both.
"""

from dataclasses import dataclass

import numpy as np

from eiphase.mapping.rate_to_lif import lif_neuron
from eiphase.networks import weights as network
from eiphase.networks.weights import Network
from eiphase.theory import lif_working_point, meanfield
from eiphase.theory.lif_working_point import WeightMoments
from eiphase.theory.meanfield import Coupling

_POWERS = np.array([1, 2, 2, 3, 4])  # of a weight in each of `WeightMoments`


@dataclass(frozen=True)
class HalfMoments:
    """Moments of `weights.half_gaussian(Z)`, shape (population, moment): of all its networks."""

    of_populations: np.ndarray

    @classmethod
    def of(cls, half: np.ndarray) -> "HalfMoments":
        n_exc = network.n_excitatory(len(half))
        found = []
        for columns in (slice(None, n_exc), slice(n_exc, None)):
            alone = np.zeros_like(half)
            alone[:, columns] = half[:, columns]
            moments = WeightMoments.of(alone)
            found.append([getattr(moments, name) for name in WeightMoments.__dataclass_fields__])
        return cls(np.array(found))

    def at(self, point: Network) -> WeightMoments:
        """Moments of the weights of a network with this Z."""
        factor = network.gain(point.n_neurons, point.q_factor)
        factors = np.array([[factor], [factor * point.g_factor]])
        return WeightMoments(*(self.of_populations * factors**_POWERS).sum(axis=0).tolist())


def of_rate(half: HalfMoments, point: Network) -> float:
    """R of the rate network, with the moments of its own weights."""
    moments, drive = half.at(point), point.bias / point.step_size
    return meanfield.fixed_point(Coupling(moments.mean, moments.variance, drive)).radius


def of_lif(half: HalfMoments, point: Network, scale: float) -> float:
    """R of the LIF network whose weights are `scale` times the rate network's."""
    neuron = lif_neuron(point.step_size, point.refractory_steps)
    return lif_working_point.lif_working_point(neuron, half.at(point), scale).radius
