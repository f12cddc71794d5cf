"""A job as the command line runs it, with one fault put into it from outside.

`python faulty_job.py KIND BACKEND FAULT TIME_LIMIT`, in a folder with `sweep.yaml`, writes
`tile.nc`. KIND is the model of Lava's that simulates: `tile`, asynchronous, as in sweeps, or
`network`, the step-by-step `EINetwork`. Says on standard output, a line each, what runs as
which pid and, as `model`, when the model is about to meet its fault: role, pid, time.
"""

import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import eiphase.lava.compatibility  # noqa: F401  before Lava's own modules

# isort: split
import numpy as np
from lava.magma.runtime.runtime_services import runtime_service
from lava.proc.lif.models import PyLifModelFloat

from eiphase.cli import commands
from eiphase.jobs import simulate
from eiphase.lava.reference import ei_network
from eiphase.lava.reference.ei_network import EINetwork
from eiphase.lava.tile import process
from eiphase.mapping import rate_to_lif
from eiphase.networks import lif
from eiphase.networks import weights as network
from eiphase.simulation import backends, measurement
from eiphase.simulation.backends import lif_float, rate  # noqa: F401
from eiphase.simulation.tile import load_kernels
from eiphase.sweep.load import load
from eiphase.variables import VARIABLES

CONTROL_GROUP = "eiphase-faults"  # of limited memory, see `faults.control_group`
# Which class simulates, and which of its methods.
MODELS = {
    ("tile", "rate"): (backends.rate._Run, "advance"),
    ("tile", "lif_float"): (backends.lif_float._Run, "advance"),
    ("network", "rate"): (ei_network.RateModel, "run_spk"),
    ("network", "lif_float"): (PyLifModelFloat, "run_spk"),
}


def out_of_memory():
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, used + 2**26))
    np.ones(2**28)


def fill():
    """More memory than its control group has, once it is in it."""
    while CONTROL_GROUP not in Path("/proc/self/cgroup").read_text():
        time.sleep(0.01)
    np.ones(2**28)


def loop():
    while True:
        pass


def kill(number):
    os.kill(os.getpid(), number)


FAULTS: dict[str, Callable[[], object]] = {
    "none": lambda: None,
    "wait": lambda: time.sleep(60),  # for what comes from outside
    "dawdle": lambda: time.sleep(0.02),
    "raise": lambda: 1 / 0,
    "exit": lambda: sys.exit(3),
    "leave": lambda: os._exit(0),
    "segfault": lambda: ctypes.string_at(0),
    "kill": lambda: kill(signal.SIGKILL),
    "memory": out_of_memory,
    "fill": fill,
    "loop": loop,
    "stop": lambda: kill(signal.SIGSTOP),
}


def say(role: str) -> None:
    os.write(1, f"{role} {os.getpid()} {time.monotonic()}\n".encode())


def before(original, role, *, call=1, fault=lambda: None):
    """The function, which says so when it is called for the n-th time, and meets a fault."""
    calls = 0

    def function(*arguments, **options):
        nonlocal calls
        calls += 1
        if calls == call:
            say(role)
            fault()
        return original(*arguments, **options)

    return function


def broken(original, states):
    """A method that simulates, whose states are then not numbers."""

    def function(*arguments):
        found = original(*arguments)
        for array in states(found, *arguments):
            array[...] = np.nan
        return found

    return function


# Which class simulates, which of its methods, and the arrays that hold the states.
NAN_STATES = {
    ("tile", "rate"): (backends.rate._Run, "advance", lambda blocks, *_: [
        blocks[0].recorded["state"]
    ]),
    ("tile", "lif_float"): (lif.Simulator, "advance", lambda _, model, state, recording, *__: [
        recording.current, recording.voltage
    ]),
    ("network", "rate"): (ei_network.RateModel, "run_spk", lambda _, model: [model.state]),
}  # fmt: skip


def by_network(sweep, tile, *, source, show):
    """A tile of one point, simulated step by step."""
    (point,) = sweep.networks(tile)
    half = network.half_gaussian(network.gaussian_matrix(point.n_neurons, point.seed))
    if tile.backend == "rate":
        weights = network.weights(half, q_factor=point.q_factor, g_factor=point.g_factor)
        reference = EINetwork.rate(weights, step_size=point.step_size, bias=point.bias)
        of = measurement.OfStates
    else:
        reference = EINetwork.lif(rate_to_lif.rate_to_lif(half, point, "identity")[0])
        of = measurement.OfSpikes
    activity = ei_network.simulate(reference, tile.backend, sweep.simulation.steps)
    measured = of(point.n_neurons, sweep.simulation, sweep.observables)
    found = measurement.of_whole(measured, activity, sweep.simulation)
    return {name: np.array([found.get(name, v.fill)]) for name, v in VARIABLES.items()}


def main(arguments: list[str]) -> int:
    kind, backend, fault, time_limit = arguments
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)  # even where they were ignored,
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as in the background
    sweep = load(Path("sweep.yaml"))
    # What else the model would be called for first, and meet its fault outside of Lava.
    load_kernels(backend, sweep.mapping, sweep.observables)
    model, method = MODELS[kind, backend]
    where, _, what = fault.rpartition(":")
    replace = {(simulate, "simulate_tile"): before(simulate.simulate_tile, "worker")}
    if kind == "network":
        replace[simulate, "simulate_tile"] = before(by_network, "worker")
    for service in ("AsyncPyRuntimeService", "LoihiPyRuntimeService"):
        class_ = getattr(runtime_service, service)
        replace[class_, "run"] = before(class_.run, "service")
    if fault == "nan":
        owner, name, states = NAN_STATES[kind, backend]
        replace[owner, name] = broken(getattr(owner, name), states)
    elif fault == "file_size":
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    elif where == "init":
        of_lava = process.NetworkTileModel if kind == "tile" else model
        replace[of_lava, "__init__"] = before(of_lava.__init__, "model", fault=FAULTS[what])
    else:
        call = 3 if method == "run_spk" else 1
        original = getattr(model, method)
        replace[model, method] = before(original, "model", call=call, fault=FAULTS[what])
    with ExitStack() as stack:
        for (owner, name), value in replace.items():
            stack.enter_context(mock.patch.object(owner, name, value))
        say("supervisor")
        options = ["--backend", backend, "--seed", "1", "--tile", "0", "--time-limit", time_limit]
        return commands.main(["simulate-tile", "sweep.yaml", "results/tile.nc", *options])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
