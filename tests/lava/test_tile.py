"""The Lava Processes: the step-by-step reference and the fast tile give the same numbers."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lava.magma.core.run_conditions import RunSteps
from lava.proc.io.source import RingBuffer

from eiphase.lava.reference import ei_network
from eiphase.lava.reference.ei_network import EINetwork
from eiphase.lava.reference.recorder import Recorder
from eiphase.lava.tile.process import NetworkTile
from eiphase.mapping import float_to_integer, rate_to_lif
from eiphase.mapping.dynamic_range import dynamic_range
from eiphase.networks import lif, loihi, rate
from eiphase.networks import weights as network
from eiphase.networks.weights import Network
from eiphase.numerics.arrays import shared_array


def on_all_backends(half, point, n_steps):
    """A network on each backend: as EINetwork, and as what NetworkTile takes."""
    weights = network.weights(half, q_factor=point.q_factor, g_factor=point.g_factor)
    lif_network, _ = rate_to_lif.rate_to_lif(half, point, "tutorial")
    recording = lif.run(lif_network, n_steps)
    ranges = dynamic_range(recording)
    integers = float_to_integer.tutorial(lif_network, ranges)
    reference_rate = EINetwork.rate(weights, step_size=point.step_size, bias=point.bias)
    return {
        "rate": (reference_rate, rate.Batch(half, [point])),
        "lif_float": (EINetwork.lif(lif_network), lif_network),
        "lif_bit_accurate": (EINetwork.loihi(integers), integers),
    }


def run_tile(backend, parameters, n_steps):
    """What the kernel of one network did in a NetworkTile, shape (time, neuron)."""
    n_neurons = len(parameters.half if backend == "rate" else parameters.weights)
    data = shared_array((n_steps, n_neurons), "float64")
    kernel = {"rate": rate.run, "lif_float": lif.run, "lif_bit_accurate": loihi.run}[backend]

    def simulate(group):
        assert group == "the only one"
        found = kernel(parameters, n_steps)
        data[:] = found[0] if backend == "rate" else found.spikes

    NetworkTile(groups=["the only one"], simulate=simulate, backend=backend).run_to_the_end()
    return data


def assert_same(half, point, n_steps, rate_tolerance, simulated=None):
    """A tile's activity is the reference's, which may be `simulated` already."""
    for backend, (reference, parameters) in on_all_backends(half, point, n_steps).items():
        if simulated is None:
            expected = ei_network.simulate(reference, backend, n_steps)
        else:
            expected = simulated[backend]
        found = run_tile(backend, parameters, n_steps)
        if backend == "rate":
            scale = np.abs(expected).max()
            np.testing.assert_allclose(found, expected, rtol=0, atol=rate_tolerance * scale)
        else:
            assert expected.any()
            assert np.array_equal(found, expected)


@pytest.fixture(scope="module")
def references(tutorial):
    """Activity of the tutorial's networks on Lava's own models, by name and backend."""
    return {
        name: {
            backend: ei_network.simulate(reference, backend, 1000)
            for backend, (reference, _) in on_all_backends(one.half, one.point, 1000).items()
        }
        for name, one in tutorial.items()
    }


@pytest.mark.parametrize("name", ["balanced", "critical"])
def test_tile_equals_reference_on_the_tutorials_networks(tutorial, references, name):
    # Rounding differs in the summation order; chaos amplifies it, 1e-7 by the last step.
    tolerance = {"balanced": 1e-12, "critical": 1e-7}[name]
    one = tutorial[name]
    assert_same(one.half, one.point, 1000, tolerance, simulated=references[name])


@settings(max_examples=4)
@given(
    n_neurons=st.integers(10, 120),
    q_factor=st.floats(0.3, 12),
    g_factor=st.floats(1.5, 8),
    seed=st.integers(0, 2**32 - 1),
    step_size=st.floats(0.002, 0.1),
)
def test_tile_equals_reference_anywhere(n_neurons, q_factor, g_factor, seed, step_size):
    point = Network(
        n_neurons=n_neurons, q_factor=q_factor, g_factor=g_factor, seed=seed, step_size=step_size
    )
    half = network.half_gaussian(network.gaussian_matrix(n_neurons, seed))
    # Long enough for the first spikes, short enough for chaos not to blow up rounding.
    assert_same(half, point, max(30, int(1 / step_size)), 1e-8)


def test_reference_on_lavas_models_gives_the_tutorials_spikes(tutorial, references):
    for backend, printed in (("lif_float", "lif"), ("lif_bit_accurate", "lif_fixed")):
        spikes = references["critical"][backend]
        assert np.array_equal(spikes, tutorial["critical"].spikes(printed))


@pytest.mark.parametrize("backend", ["rate", "lif_float"])
def test_reference_takes_input_from_other_processes(backend):
    """Without recurrence, external input adds to the state (rate) or to the current (LIF)."""
    external = np.random.default_rng(0).normal(size=(3, 20))
    if backend == "rate":
        process = EINetwork.rate(np.zeros((3, 3)), step_size=0.1, bias=0.2)
    else:
        process = EINetwork.lif(
            lif.LIFParameters(weights=np.zeros((3, 3)), du=0.5, dv=0.1, vth=1.0, bias=0.2)
        )
    source, recorder = RingBuffer(data=external), Recorder(n_neurons=3, n_steps=20)
    source.s_out.connect(process.a_in)
    process.s_out.connect(recorder.a_in)
    process.run(condition=RunSteps(num_steps=20), run_cfg=ei_network.run_config(backend))
    process.stop()

    u, x, expected = np.zeros(3), np.zeros(3), []
    for a in external.T:
        if backend == "rate":
            x = 0.9 * x + 0.2 + a
            expected.append(x)
        else:
            u = 0.5 * u + a
            x = 0.9 * x + u + 0.2
            expected.append(x > 1)
            x = np.where(x > 1, 0, x)
    np.testing.assert_allclose(recorder.data, expected, rtol=1e-12)


def test_a_model_that_raises_says_so():
    def simulate(group):
        raise ZeroDivisionError("the point of this test")

    with pytest.raises(RuntimeError, match="the point of this test"):
        NetworkTile(groups=[0], simulate=simulate, backend="rate").run_to_the_end()


def test_lava_does_without_pandas_which_is_there_again_after_it():
    script = """
import sys
from eiphase.lava.run import _without_pandas
from eiphase.simulation.tile import simulate_tile
from eiphase.sweep.schema import Sweep

steps = {"steps": 300, "burn_in": 100, "max_lag": 50}
grid = {"q_factor": [1.0], "g_factor": [5.0]}
sweep = Sweep(network={"neurons": 20}, grid=grid, seeds=[1], backends=["rate"], simulation=steps)
simulate_tile(sweep, sweep.tile("rate", 1, 0))
print("pandas" in sys.modules)
try:
    with _without_pandas():
        import pandas
except ImportError:
    import pandas
print("pandas" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"], run.stderr
