"""What is measured does not depend on where the steps are cut into blocks, but for rounding."""

from dataclasses import replace

import numpy as np
import pytest

from eiphase.mapping import rate_to_lif
from eiphase.networks import lif, rate, weights
from eiphase.networks.weights import Network
from eiphase.simulation.measurement import OfSpikes, OfStates
from eiphase.sweep.schema import Observables, Simulation

POINT = Network(n_neurons=40, q_factor=7.0, g_factor=5.0, seed=1)
HALF = weights.half_gaussian(weights.gaussian_matrix(40, 1))
SIMULATION = Simulation(steps=3000, burn_in=210, max_lag=90)


def activity_of(of):
    if of is OfStates:
        return rate.run(rate.Batch(HALF, [POINT]), 3000)[0], weights.synapses(HALF, POINT)
    weaker = replace(POINT, q_factor=1.5)
    parameters, _ = rate_to_lif.rate_to_lif(HALF, weaker, "identity")
    return lif.run(parameters, 3000).spikes, parameters.synapses


@pytest.mark.parametrize("estimator", ["standard", "tutorial"])
@pytest.mark.parametrize("of", [OfStates, OfSpikes])
def test_blocks_of_any_length_give_the_same(of, estimator):
    activity, synapses = activity_of(of)
    observables = Observables(autocovariance=estimator, statistics=True)
    found = []
    for cuts in ([], [5, 7, 209, 211, 240, 1000, 1001, 2789, 2791, 2999]):
        measured = of(40, SIMULATION, observables, synapses=synapses, step_size=0.01)
        for block in np.split(activity, cuts):
            measured.add(block)
        found.append(measured.found())
    whole, in_blocks = found
    assert whole.keys() == in_blocks.keys()
    assert whole["c0"] > 0
    for name in whole:
        tolerance = 1e-11 * np.max(np.abs(whole[name]))
        np.testing.assert_allclose(
            in_blocks[name], whole[name], rtol=1e-11, atol=tolerance, err_msg=name
        )


@pytest.mark.parametrize("estimator", ["standard", "tutorial"])
def test_spikes_in_blocks_of_any_length_give_the_same_bits(estimator):
    """But for what the tutorial's estimator gives, which transforms counts block by block."""
    rounded = (
        "autocovariance",
        "c0",
        "decay_time",
        "centring_bias",
        "c0_error",
        "decay_time_error",
    )
    activity, _ = activity_of(OfSpikes)
    found = []
    for cuts in ([], [190, 205, 210, 211, 1003, 2791], range(0, 3000, 7)):
        measured = OfSpikes(40, SIMULATION, Observables(autocovariance=estimator))
        for block in np.split(activity, cuts):
            measured.add(block)
        found.append(measured.found())
    for in_blocks in found[1:]:
        for name, value in found[0].items():
            if estimator == "tutorial" and name in rounded:
                atol = 1e-13 * found[0]["c0"]
                np.testing.assert_allclose(in_blocks[name], value, rtol=1e-11, atol=atol)
            else:
                assert np.array_equal(in_blocks[name], value), name
