"""Simulates one network through Lava and records it, for notebooks and the command line."""

import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import Any, cast

import numpy as np
import xarray as xr
from pydantic import ValidationError

from eiphase.backends import BACKENDS, is_source
from eiphase.errors import NoSuchIntegers, SweepError
from eiphase.lava.run import ONE_AT_A_TIME
from eiphase.lava.tile.process import NetworkTile
from eiphase.networks import loihi, weights
from eiphase.networks.weights import Network
from eiphase.numerics.arrays import BLOCK_STEPS, available_memory, shared_array
from eiphase.simulation import backends
from eiphase.simulation.backends import Prepared, Settings
from eiphase.simulation.in_lavas_process import Finder, Observer, Work, simulate_group
from eiphase.simulation.measure import kind_of, python_number
from eiphase.simulation.observation import Observation, Values
from eiphase.simulation.recording import Divergence, Kept, labelled, labelled_values
from eiphase.simulation.tile import load_kernels, simulate_tile
from eiphase.sweep.attributes import sweep_of
from eiphase.sweep.load import sentence
from eiphase.sweep.schema import Observables, SingleRun, Sweep
from eiphase.system import progress_bar
from eiphase.variables import AXES, VARIABLES, measured

Show = Callable[[int, int], None]  # how many steps are done, of how many


def simulate(
    point: Network,
    backend: str,
    *,
    steps: int,
    rate_to_lif: str = "tutorial",
    float_to_integer: str = "tutorial",
    weight_bits: int = loihi.WEIGHT_BITS,
    perturb_after: int | None = None,
    record: Sequence[str] | None = None,
    progress: bool | Show = False,
) -> xr.Dataset:
    """Simulate one network through Lava, from rest, and keep what it does in every step.

    **Arguments:**

    - `point`: the network.
    - `backend`: `rate`, `lif_float` or `lif_bit_accurate`.
    - `steps`: length of the simulation.
    - `rate_to_lif`, `float_to_integer`, `weight_bits`: mappings, as in a sweep's config.
    - `perturb_after`: a burn-in, in steps, after which twins with a small perturbation run
      beside the network, as with `observables.chaos` in a sweep.
    - `record`: names of what to keep. Rate neurons have their `state`; LIF neurons have
      `spikes`, which must be among the names, `current` and `voltage`. By default all of these
      but the current and voltage of `lif_bit_accurate`. What is kept needs memory; an empty list
      keeps numbers only.
    - `progress`: `True` shows a bar, in a terminal or a notebook. A function is called, up to ten
      times a second and from another thread, with the number of steps that are done and of
      all steps. `lif_bit_accurate` takes twice `steps`: its ranges come first.

    **Returns** a dataset with dimensions `time` (in steps) and `neuron`, the coordinate
    `population` (E or I), and

    - `state` of rate neurons, dimensionless;
    - or `spikes`, 0 or 1; `current` and `voltage`, of `lif_float` in thresholds, of
      `lif_bit_accurate` Loihi's integers, of which a threshold has 64 `integer_threshold`;
    - how the mappings went, under the names that a phase map has for it;
    - with `perturb_after`: `log_growth` along `time`, of rate neurons and `lif_float`;
      `hamming_distance` and `state_distance` along `time` and `cause` (`spike`, `bit`) and
      `independent_distance` along `cause`, of LIF neurons; the exponents and damages that a
      phase map has. See `chaos.tangent`, `chaos.spiking_tangent` and `chaos.damage`.

    Raises `SweepError`, one sentence, if there is no such network, or no memory for it;
    `NoSuchIntegers` if it is only the integers that cannot be.

    Sources: the networks are those of Lava's tutorial "Excitatory-Inhibitory Neural
    Network with Lava"; LIF neurons are Lava's `LIF` and `Dense`, in floating point and
    bit-accurate; equations in `networks` and `mapping`.
    """
    run = validated(
        point,
        backend,
        steps=steps,
        rate_to_lif=rate_to_lif,
        float_to_integer=float_to_integer,
        weight_bits=weight_bits,
    )
    names = _names(record, run.backend)
    burn_in = _burn_in(run, perturb_after)
    with _followed(progress, run) as steps_done:
        return _recorded(run, names, burn_in, steps_done, None)


def simulate_cell(
    phase_map: xr.Dataset,
    *,
    backend: str,
    q_factor: float,
    g_factor: float,
    seed: int,
    record: Sequence[str] | None = None,
    progress: bool | Show = False,
) -> xr.Dataset:
    """Simulate a network of a phase map again, with all settings of the map's sweep.

    **Arguments:** the `phase_map`; the cell's `backend`, `q_factor`, `g_factor` and `seed`, where
    numbers between the map's are allowed; `record` and `progress` as for `simulate`.

    **Returns** what `simulate` returns, with all that the sweep measures: at a point of the map
    these variables equal the map's to the bit. With `simulation.precision` they are those of all
    states, while what is recorded are the first `simulation.steps` from rest. Integers also have
    the ranges of the network in floating point that they are made from.

    Raises `DatasetError` if the dataset does not say which sweep it is of, and `SweepError` or
    `NoSuchIntegers` as `simulate` does.
    """
    sweep = sweep_of(phase_map)
    run = validated(
        sweep.network_at(*map(python_number, (q_factor, g_factor, seed))),
        backend,
        steps=sweep.simulation.steps,
        **sweep.mapping.model_dump(),
    )
    names = _names(record, run.backend)
    with _followed(progress, run) as steps_done:
        if sweep.simulation.precision is None:
            return _recorded(run, names, sweep.perturb_after, steps_done, sweep)
        source, found = _until_precise(run, sweep)
        recording = _recorded(run, names, sweep.perturb_after, steps_done, None, source)
    lag = ("lag", sweep.lags, AXES["lag"])
    return recording.assign(labelled_values(found) | {"lag": lag})


def follow_damage(sweep: Sweep, point: Network, backend: str) -> xr.Dataset:
    """Simulate the first `simulation.steps` of a sweep's network from rest, with perturbed twins.

    **Returns** what `simulate` returns with `perturb_after`, of spikes alone: fate and trials are
    those of the run that is recorded, also where the sweep's `simulation.precision` has several.
    Integers have the ranges that the sweep gives them. Raises as `simulate` does.
    """
    options = sweep.mapping.model_dump()
    run = validated(point, backend, steps=sweep.simulation.steps, **options)
    longer = run.model_copy(update={"steps": sweep.steps_together})
    with ONE_AT_A_TIME:
        source = _source(longer, _settings(longer, [], None, None))
    return _recorded(run, ["spikes"], sweep.perturb_after, None, None, source)


def _until_precise(run: SingleRun, sweep: Sweep) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a sweep with a precision finds of the run's network, and what that is made from."""
    alone = sweep.at([(run.q_factor, run.g_factor)])
    alone = alone.model_copy(update={"seeds": (run.seed,), "tiles": 1})
    source: dict[str, np.ndarray] = {}
    found: dict[str, np.ndarray] = {}
    for one in reversed(BACKENDS[run.backend].lineage):
        source = found
        with ONE_AT_A_TIME:
            found = simulate_tile(alone, alone.tile(one.name, run.seed, 0), source=source)
    taken = backends.module(run.backend).TAKEN
    names = measured(sweep.backends, sweep.model_dump())
    return {name: source[name][0] for name in taken}, {
        name: values[0]
        for name, values in found.items()
        if name in names and not np.array_equal(values[0], VARIABLES[name].fill)
    }


def _recorded(
    run: SingleRun,
    names: Sequence[str],
    burn_in: int | None,
    steps_done: np.ndarray | None,
    sweep: Sweep | None,
    source: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Simulate a network and keep what it does; with a sweep, also what that measures.

    `source` is what its backend takes from another, if that is known.
    """
    _check_memory(run, names)
    settings = _settings(run, names, steps_done, sweep)
    kept = Kept(run.backend, names, steps=run.steps, n_neurons=run.n_neurons)
    recorders: list[Kept | Divergence] = [kept]
    if burn_in is not None and (names or sweep is None):  # else the sweep's numbers say it all
        recorders.append(Divergence(run.point, run.backend, kept, steps=run.steps, burn_in=burn_in))
    with ONE_AT_A_TIME:
        source = source or _source(run, settings)
        settings = replace(settings, perturb_after=burn_in)
        found = _through_lava(run.backend, run, settings, source, recorders, sweep)
    variables = labelled_values({**source, **found})
    for recorder in recorders:
        variables |= recorder.variables()
    return labelled(run, variables)


def _source(run: SingleRun, settings: Settings) -> dict[str, Any]:
    """What the run's network is made from, if that is another backend's simulation."""
    takes_from = BACKENDS[run.backend].takes_from
    return _through_lava(takes_from, run, settings, {}, [], None) if takes_from else {}


def _settings(
    run: SingleRun, names: Sequence[str], steps_done: np.ndarray | None, sweep: Sweep | None
) -> Settings:
    return Settings(
        half=weights.half_gaussian_of(run.point),
        mapping=run.mapping,
        steps=run.steps,
        block_steps=sweep.simulation.block_steps if sweep else BLOCK_STEPS,
        recorded=tuple(names),
        steps_done=np.zeros(1, np.int64) if steps_done is None else steps_done,
    )


def _through_lava(
    backend: str,
    run: SingleRun,
    settings: Settings,
    source: Mapping[str, Any],
    recorders: Sequence[Observer],
    sweep: Sweep | None,
) -> dict[str, Any]:
    """Simulate the run's network on a backend, which the recorders watch.

    Returns what was found of it: how it was mapped, and what the sweep measures or, without a
    sweep, what another backend's network is made from. Raises `NoSuchIntegers`.
    """
    values, is_lost = Values(1, len(sweep.lags) if sweep else 1), shared_array((1,), "?")
    simulator = backends.module(backend).Simulator(settings)

    def watch(_: int, prepared: Prepared) -> list[Observer]:
        return [*recorders, *_finders(backend, run, prepared, sweep)]

    def keep(index: int, prepared: Prepared, observers: Sequence[Any]) -> None:
        is_lost[:] = prepared.problem is not None
        values.store(index, prepared.found)
        for finder in cast(Sequence[Finder], observers[len(recorders) :]):
            values.store(index, finder.found())

    taken = {name: np.array([value]) for name, value in source.items()}
    work = Work(simulator, settings, [run.point], taken, watch, keep)
    chaos = settings.perturb_after is not None
    load_kernels(
        backend, settings.mapping, sweep.observables if sweep else Observables(chaos=chaos)
    )
    simulate = partial(simulate_group, work)
    NetworkTile(groups=[[0]], simulate=simulate, backend=backend).run_to_the_end()
    if is_lost and (problem := work.prepared(0).problem):
        raise NoSuchIntegers(problem, values.of(0))
    return values.of(0)


def _finders(backend: str, run: SingleRun, prepared: Prepared, sweep: Sweep | None) -> list[Finder]:
    """What finds numbers while a network runs."""
    if sweep is None:
        module = backends.module(backend)
        return [module.Given(run.steps, run.n_neurons)] if is_source(backend) else []
    return [Observation.of(prepared, backend, sweep)]


def validated(point: Network, backend: str, **options: Any) -> SingleRun:
    """What `simulate` is asked for; raises `SweepError` if there is no such network."""
    if not isinstance(point, Network):
        raise SweepError(f"The network must be an eiphase.Network, not {kind_of(point)}.")
    values = {"backend": backend, **asdict(point), **options}
    try:
        return SingleRun.model_validate(
            {name: python_number(value) for name, value in values.items()}
        )
    except ValidationError as error:
        raise SweepError(f"{sentence(error)}.") from None


def _names(record: Sequence[str] | None, backend: str) -> tuple[str, ...]:
    """What to record, in the order in which it is described."""
    if record is None:
        return tuple(backends.module(backend).BY_DEFAULT)
    known = tuple(backends.module(backend).RECORDED)
    is_list = isinstance(record, list | tuple | set | frozenset)
    unknown = [name for name in record if name not in known] if is_list else []
    if unknown or not is_list or (record and known[0] not in record):
        what = f"has no {reprlib.repr(unknown[0])}" if unknown else f"always has {known[0]!r}"
        raise SweepError(
            f"record is {reprlib.repr(record)}, but {backend} {what}: give a list of some of "
            f"{', '.join(known)}, {known[0]!r} among them."
        )
    return tuple(name for name in known if name in record)


def _burn_in(run: SingleRun, perturb_after: Any) -> int | None:
    burn_in = python_number(perturb_after)
    if burn_in is None or (isinstance(burn_in, int) and 0 <= burn_in <= run.steps - 4):
        return burn_in
    raise SweepError(
        f"perturb_after is {burn_in!r}, but it must be a number of steps from 0 to "
        f"steps - 4 = {run.steps - 4}."
    )


def _check_memory(run: SingleRun, names: Sequence[str]) -> None:
    """Raises `SweepError` if this machine cannot hold the simulation.

    What is recorded is counted twice, for it will be measured. A block of steps is computed at a
    time. Z, the weights and what lies between them stand four times.
    """
    a_step = Kept.bytes_per_step(run.backend, names)
    steps = 2 * run.steps * a_step + min(run.steps, BLOCK_STEPS) * 17
    needed = run.n_neurons * steps + 4 * 8 * run.n_neurons**2
    available = available_memory()
    if needed > available:
        raise SweepError(
            f"{run.n_neurons} neurons over {run.steps} steps need {needed / 1e9:,.1f} GB of "
            f"memory, but {available / 1e9:,.1f} GB are available."
        )


@contextmanager
def _followed(progress: bool | Show, run: SingleRun) -> Iterator[np.ndarray | None]:
    """A shared array in which steps are counted, while `progress` is told of them."""
    if progress is False:
        yield None
        return
    if not (progress is True or callable(progress)):
        raise SweepError(
            f"progress is {reprlib.repr(progress)}, but it must be True, False or a function of "
            "two numbers: steps that are done, and all steps."
        )
    counts = shared_array((2,), "int64")
    counts[1] = run.steps * (2 if BACKENDS[run.backend].takes_from else 1)
    with ExitStack() as stack:
        if progress is True:
            progress = stack.enter_context(progress_bar.progress(f"simulating, {run.backend}"))
        stack.enter_context(progress_bar.followed(counts, progress))
        yield counts[:1]
