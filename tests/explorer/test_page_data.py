"""What the page is given determines its networks, to the bit, and says what its numbers mean."""

import json
import zlib
from base64 import b64decode

import numpy as np
import pytest
import xarray as xr
from tiny_sweep import simulate_and_gather

from eiphase.backends import BACKENDS
from eiphase.explorer import shown
from eiphase.explorer.page_data import page_data
from eiphase.jobs.datasets.unmeasured import completed
from eiphase.networks import weights
from eiphase.simulation.backends import Settings, module
from eiphase.sweep.attributes import sweep_of
from eiphase.sweep.schema import Sweep
from eiphase.variables import DERIVED, VARIABLES

STEPS = 400
BASE = {
    "network": {"neurons": 40, "refractory": 0.05},
    "grid": {"q_factor": [2.0, 5.3], "g_factor": [4.0, 5.5]},
    "seeds": [3, 8],
    "backends": ["rate", "lif_float", "lif_bit_accurate"],
    "simulation": {"steps": STEPS, "burn_in": 100, "max_lag": 50},
    "observables": {"chaos": True},
}
MAPPINGS = {
    "tutorial, 5 bits": {
        "rate_to_lif": "tutorial", "float_to_integer": "tutorial", "weight_bits": 5
    },
    "full range": {"rate_to_lif": "corrected", "float_to_integer": "full_range"},
}  # fmt: skip


@pytest.fixture(scope="module", params=MAPPINGS)
def phase_map(request, tmp_path_factory):
    sweep = Sweep.model_validate(BASE | {"mapping": MAPPINGS[request.param]})
    with xr.open_dataset(simulate_and_gather(sweep, tmp_path_factory.mktemp("sweep"))) as opened:
        yield opened.load()


@pytest.fixture
def opened(page, phase_map):
    page.open(page_data(phase_map))
    return page


def simulated(phase_map, backend, q_factor, g_factor, seed):
    """What eiphase's kernels do with a network of the phase map."""
    sweep = sweep_of(phase_map)
    network = sweep.network_at(q_factor, g_factor, seed)
    half = weights.half_gaussian_of(network)
    simulator = module(backend).Simulator(Settings(half, sweep.mapping, STEPS, STEPS))
    source = completed(phase_map, VARIABLES).sel(q_factor=q_factor, g_factor=g_factor, seed=seed)
    source = source.sel(backend=BACKENDS[backend].takes_from or backend)
    prepared = simulator.prepare(network, source)
    assert prepared.problem is None
    (block,) = simulator.start([prepared]).advance(STEPS)
    return block.activity


def test_every_network_runs_as_eiphase_runs_it(opened, phase_map):
    """Rate neurons' states and all spikes, to the bit."""
    for s, seed in enumerate(phase_map.seed.values.tolist()):
        opened.run(f"globalThis.half = halfOf(map, {s}); globalThis.tables = map.tables; 0")
        for b, backend in enumerate(phase_map.backend.values.tolist()):
            for q, g in np.ndindex(2, 2):
                point = float(phase_map.q_factor[q]), float(phase_map.g_factor[g]), seed
                expected = simulated(phase_map, backend, *point)
                assert expected.any()
                cell = f"{{backend: {b}, q_factor: {q}, g_factor: {g}, seed: {s}}}"
                found = opened.advance(backend, f"networkCell(map, {cell})", STEPS)
                assert np.array_equal(found, expected), (backend, point)


def test_the_exponent_per_time_constant_has_its_error(opened, phase_map):
    cell = "{backend: 0, q_factor: 1, g_factor: 0, seed: 1}"
    text = opened.run(f"valueText(map, 'lyapunov_exponent_per_time_constant', {cell})")
    error = 100 * float(phase_map.lyapunov_error.isel(backend=0, q_factor=1, g_factor=0, seed=1))
    assert float(text.split(" ± ")[1].split()[0]) == pytest.approx(error, rel=0.05)


def test_every_variable_is_there_with_what_it_means(opened, phase_map):
    lags = phase_map.lag.size
    for name, variable in phase_map.data_vars.items():
        of_page = f"map.variables.{name}"
        values = [
            np.array(json.loads(opened.run(
                f"JSON.stringify([valueOf({of_page}, {{backend: 1, q_factor: 1, g_factor: 0,"
                f" seed: {seed}}})].flatMap((x) => [...(x.length ? x : [x])]).map(String))"
            )), float)
            for seed in range(2)
        ]  # fmt: skip
        for seed, found in enumerate(values):
            place = {"backend": 1, "q_factor": 1, "g_factor": 0, "seed": seed}
            expected = variable[{d: i for d, i in place.items() if d in variable.dims}].values
            if "lag" in variable.dims:
                assert len(found) == lags
                expected = expected.astype("f4")
            assert np.array_equal(found, np.atleast_1d(expected), equal_nan=True), name
        known = (VARIABLES | DERIVED)[name]  # with units in words, which the file's attributes lack
        assert opened.run(f"{of_page}.long_name") == known.long_name
        if "flag_values" in variable.attrs:
            meanings = dict(
                zip(
                    map(str, variable.attrs["flag_values"]),
                    variable.attrs["flag_meanings"].split(),
                    strict=True,
                )
            )
            words = f"Object.entries({of_page}.flags).map(([flag, {{word}}]) => [flag, word])"
            assert opened.found(f"Object.fromEntries({words})") == meanings
        else:
            assert opened.run(f"{of_page}.units") == known.units


def test_between_points_rate_networks_are_those_of_their_own_q_and_g(page, phase_map):
    page.open(page_data(phase_map))
    page.run("globalThis.half = halfOf(map, 0); globalThis.tables = map.tables; 0")
    states = page.advance("rate", "networkBetween(map, 3.37, 4.71)", STEPS)
    assert np.array_equal(states, simulated_between(phase_map, 3.37, 4.71))


def simulated_between(phase_map, q_factor, g_factor):
    network = sweep_of(phase_map).network_at(q_factor, g_factor, int(phase_map.seed[0]))
    half = weights.half_gaussian_of(network)
    simulator = module("rate").Simulator(Settings(half, sweep_of(phase_map).mapping, STEPS, STEPS))
    (block,) = simulator.start([simulator.prepare(network, {})]).advance(STEPS)
    return block.activity


def test_hostile_texts_stay_texts(phase_map):
    hostile = "</script><!-- <img src=x onerror=alert(1)> & \u2028 \"'`${}"
    changed = phase_map.assign_attrs(title=hostile, sweep=hostile)
    changed["c0"] = changed.c0.assign_attrs(comment=hostile)
    data = page_data(changed)
    assert not set("<>&") & set(data.json())
    header = json.loads(data.json())
    assert header["title"] == header["sweep"] == hostile
    assert header["variables"]["c0"]["comment"] == hostile


def test_numbers_are_deflated(phase_map):
    data = page_data(phase_map)
    assert zlib.decompress(b64decode(data.base64())) == data.numbers


def test_large_maps_keep_fewer_bits_and_no_autocovariances(page, phase_map, monkeypatch):
    monkeypatch.setattr(shown, "EXACT_VALUES", 1000)
    monkeypatch.setattr(shown, "LARGEST_AUTOCOVARIANCES", 1000)
    header = page_data(phase_map).header
    assert "autocovariance" not in header["variables"]
    dtypes = {name: one["values"]["dtype"] for name, one in header["variables"].items()}
    ranges = ("current_low", "current_high", "voltage_low", "voltage_high")
    determining = [dtypes.pop(name) for name in ("weight_scale", *ranges)]
    assert determining == ["f8"] * 5
    assert {*dtypes.values()} == {"f4", "i1"}
