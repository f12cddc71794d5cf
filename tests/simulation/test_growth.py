"""Memory of a tile's job: it does not grow with the steps, and is what the job asks for."""

import json
import subprocess
import sys

import pytest
from tiny_sweep import VALID

from eiphase.sweep.schema import Sweep

BACKENDS = ["rate", "lif_float", "lif_bit_accurate"]
JOBS = """
import json, re, resource, sys
from pathlib import Path
import numpy as np
from eiphase.mapping.dynamic_range import DynamicRange
from eiphase.simulation.tile import simulate_tile
from eiphase.sweep.schema import Sweep

for config in json.loads(sys.argv[1]):
    sweep = Sweep.model_validate(config)
    given = vars(DynamicRange(-0.1, 0.1, -1.0, 1.0, -0.2, 0.2, -2.0))
    given |= {"weight_scale": 1.0, "weight_scale_status": 0, "predicted_rate": np.nan}
    ranges = {name: np.full(len(sweep.points()), value) for name, value in given.items()}
    simulate_tile(sweep, sweep.tile(sys.argv[2], 1, 0), source=ranges)
    # Of this process itself, what it holds; getrusage would count the one that has started it.
    own = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
    print(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peaks_mb(backend, *configs):
    """Of the job itself and of its largest model so far, after each tile: the smaller ones first.

    What a process sees of others counts, too.
    """
    words = [sys.executable, "-c", JOBS, json.dumps(configs), backend]
    run = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return [tuple(int(kb) / 1024 for kb in line.split()) for line in run.stdout.splitlines()]


def config_of(n_neurons, n_steps, **changes):
    simulation = {"steps": n_steps, "burn_in": min(500, n_steps // 2), "max_lag": 100}
    return VALID | {
        "network": {"neurons": n_neurons},
        "grid": {"q_factor": [8.0, 8.1], "g_factor": [4.5]},
        "backends": BACKENDS,
        "simulation": simulation,
        "mapping": {"rate_to_lif": "identity"},
        "tiles": 1,
        **changes,
    }


@pytest.mark.parametrize("backend", BACKENDS)
def test_memory_does_not_grow_with_the_steps(backend):
    """All that can be measured is; trajectories of 28,000 more steps would take 22 MB or more.

    The shorter run has more values already than are kept for quantiles.
    """
    changes = {
        "observables": {"statistics": True, "chaos": True},
        "grid": {"q_factor": [8.0], "g_factor": [4.5]},
    }
    (_, short), (_, long) = peaks_mb(
        backend, *(config_of(100, n_steps, **changes) for n_steps in (22_000, 50_000))
    )
    assert long < 1.1 * short


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_tile_needs_what_its_job_asks_for(backend):
    """Rate neurons in a full batch."""
    count = 32 if backend == "rate" else 2
    grid = {"q_factor": {"start": 8.0, "stop": 8.3, "count": count}, "g_factor": [4.5]}
    configs = [config_of(n_neurons, 210, grid=grid) for n_neurons in (400, 1500)]
    for config, peaks in zip(configs, peaks_mb(backend, *configs), strict=True):
        asked = Sweep.model_validate(config).tile_memory_mb
        assert 0.15 * asked < max(peaks) < asked
