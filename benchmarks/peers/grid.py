"""The grids of networks that are compared, mapped to LIF neurons and to integers by eiphase."""

import numpy as np
from networks import Networks

from eiphase.mapping import dynamic_range, float_to_integer, rate_to_lif
from eiphase.networks import lif
from eiphase.networks import weights as network
from eiphase.networks.lif import LIFParameters
from eiphase.networks.loihi import ALIGNMENT, DECAY_BITS
from eiphase.networks.weights import Network

N_NEURONS, N_STEPS = 400, 1000
Q_FACTOR, G_FACTOR = (1.0, 12.0), (3.0, 6.5)  # the demo's range
MAPPING = "tutorial"  # to LIF neurons, the sweeps' default


def networks(side: int, seed: int, *, integers: bool) -> Networks:
    """side x side networks, at the centres of equal cells of the range."""
    points = [
        Network(n_neurons=N_NEURONS, q_factor=float(q), g_factor=float(g), seed=seed)
        for q in _centres(*Q_FACTOR, side)
        for g in _centres(*G_FACTOR, side)
    ]
    half = network.half_gaussian(network.gaussian_matrix(N_NEURONS, seed))
    scales, stored, numbers = [], [], []
    for point in points:
        real, scale = rate_to_lif.rate_to_lif(half, point, MAPPING)
        scales.append(scale.value)
        if integers:
            weights, parameters = _integers(real)
            stored.append(weights)
            numbers.append(parameters)
    return Networks(
        half=half,
        n_excitatory=network.n_excitatory(N_NEURONS),
        seed=seed,
        q_factor=np.array([point.q_factor for point in points]),
        g_factor=np.array([point.g_factor for point in points]),
        step_size=points[0].step_size,
        bias=points[0].bias,
        weight_scale=np.array(scales),
        du=real.du,
        dv=real.dv,
        threshold=real.vth,
        lif_bias=real.bias,
        stored_weights=np.array(stored, np.int16),
        integers=np.array(numbers, np.int64),
    )


def _centres(start: float, stop: float, count: int) -> np.ndarray:
    return start + (np.arange(count) + 0.5) / count * (stop - start)


def _integers(real: LIFParameters) -> tuple[np.ndarray, tuple[int, ...]]:
    """Stored weights and the other integers, as `Networks` has them."""
    found = float_to_integer.tutorial(real, dynamic_range.dynamic_range(lif.run(real, N_STEPS)))
    return found.stored_weights, (
        found.weight_exponent,
        2**DECAY_BITS - (found.du + 1),
        2**DECAY_BITS - found.dv,
        found.vth << ALIGNMENT,
        found.bias_mantissa << found.bias_exponent,
    )
