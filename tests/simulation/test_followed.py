"""Exponents and damages of runs with a precision: those of the last steps before the last look."""

from dataclasses import replace

import numpy as np
import pytest

from eiphase.chaos import damage, lyapunov
from eiphase.chaos.damage import Damage, Twin
from eiphase.chaos.perturbed_run import INTERVAL
from eiphase.chaos.spiking_tangent import Tangent
from eiphase.networks import lif, loihi
from eiphase.networks.weights import initial_voltages
from eiphase.numerics.arrays import blocks
from eiphase.simulation.in_lavas_process import simulate_until_known
from eiphase.simulation.tile import work_on
from eiphase.sweep.schema import Sweep

PERTURBATIONS = {
    "lif_float": {"spike": damage.extra_spike},
    "lif_bit_accurate": {"spike": damage.extra_spike, "bit": damage.flip_lowest_bit},
}
NEGLIGIBLE = {"lif_float": damage.NEGLIGIBLE, "lif_bit_accurate": 0}
SWEEP = {
    "network": {"neurons": 100, "step_size": 0.05, "refractory": 0.05},
    "grid": {"q_factor": [10.0], "g_factor": [6.0]},
    "seeds": [1],
    "backends": list(PERTURBATIONS),
    "mapping": {"rate_to_lif": "identity", "float_to_integer": "full_range"},
    "observables": {"chaos": True},
}
# Burn-in and steps at most, of runs with looks at 2000, 4000 and 8000 steps or at 2000, 3000 and
# 5000; from which step on the vector turns, when twins are perturbed.
WINDOWS = [
    (205, 2000, 0, 205),
    (205, 4000, 2000, 2205),
    (205, 8000, 6000, 6205),
    (205, 9000, 6000, 8000),  # the last look comes soon: the vector goes on
    (1205, 3000, 0, 2205),  # it goes on, as it takes longer to turn than there was between looks
    (1205, 5000, 3000, 4205),
]


class Plain:
    """A network in one of its states, without anything beside it."""

    def __init__(self, parameters, network, number):
        is_float = isinstance(parameters, lif.LIFParameters)
        self.simulator = (lif if is_float else loihi).Simulator.of(parameters)
        self.state = self.simulator.at_rest()
        unit = parameters.vth if is_float else parameters.vth << loihi.ALIGNMENT
        self.state.voltage[:] = unit * initial_voltages(network, number)

    def to(self, n_steps):
        """The same network after so many steps."""
        self.simulator.spikes(self.state, n_steps)
        return self


def exponent(plain, start, release, stop):
    tangent = Tangent.of(plain.simulator.parameters, plain.to(start).state)
    return lyapunov.exponent(tangent.log_growth(stop - start)[release - start :]).value


def outcome(plain, perturb, negligible, release, stop):
    simulator, state = plain.simulator, plain.to(release).state
    twin = Twin(simulator, perturb, n_steps=stop - release, negligible=negligible)
    spikes, followed = [], []
    for steps in blocks(release, stop, INTERVAL):
        before = state.copy()
        spikes.append(simulator.spikes(state, steps.stop - steps.start))
        followed.append(twin.follow(before, state, spikes[-1]))
    twin_spikes = np.concatenate([one for one, _ in followed])
    distance = np.repeat([d for _, d in followed], [len(one) for one, _ in followed])
    return damage.outcome(
        Damage(twin_spikes, distance, twin.trials, twin.healed), np.concatenate(spikes)
    )


def states_of(sweep, backend, source):
    """The only network of a sweep, and what was measured from each of its states and in all."""
    work, values = work_on(sweep, sweep.tile(backend, 1, 0), source)
    judges = []

    def keep(index, prepared, observers):
        judges.extend(observers)
        work.keep(index, prepared, observers)

    simulate_until_known(replace(work, keep=keep), [0])
    return work.prepared(0).parameters, work.networks[0], judges[0]._states, values.arrays


@pytest.mark.parametrize(("burn_in", "stop", "start", "release"), WINDOWS)
def test_perturbations_are_followed_before_the_last_look(burn_in, stop, start, release):
    """To the bit, as for a plain network beside which they are released by hand."""
    simulation = {"steps": 2000, "burn_in": burn_in, "precision": 0.005, "max_steps": stop}
    sweep = Sweep.model_validate(SWEEP | {"simulation": {"max_lag": 200, **simulation}})
    source = {}
    for backend, perturbations in PERTURBATIONS.items():
        parameters, network, states, source = states_of(sweep, backend, source)
        for number, state in enumerate(states):
            assert state.n_steps == stop
            if backend == "lif_float":
                expected = exponent(Plain(parameters, network, number), start, release, stop)
                assert state.growth.exponent().value == expected
            for cause, perturb in perturbations.items():
                plain = Plain(parameters, network, number)
                expected = outcome(plain, perturb, NEGLIGIBLE[backend], release, stop)
                assert state.damages[cause].outcome() == expected, (backend, number, cause)
