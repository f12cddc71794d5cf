"""Simulates one network through Lava and records it step by step, for notebooks and the command
line."""

import reprlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, astuple, dataclass
from typing import Any

import numpy as np
import xarray as xr
from pydantic import ValidationError

from eiphase import loihi, mapping, network, provenance, quantisation, rate
from eiphase.blocks import BLOCK_STEPS
from eiphase.dataset import VARIABLES
from eiphase.divergence import Divergence
from eiphase.lava_run import ONE_AT_A_TIME
from eiphase.memory import available_memory, shared_array
from eiphase.network import Network
from eiphase.processes.network_tile import NetworkTile
from eiphase.quantisation import DynamicRange
from eiphase.ranges import RangeOfStates
from eiphase.recording import half_gaussian_of, kind_of, python_number
from eiphase.simulation import integer_diagnostics, load_kernels, scale_diagnostics
from eiphase.sweep import Mapping, Observables, SingleRun, SweepError, sentence

Show = Callable[[int, int], None]  # how many steps are done, of how many


@dataclass(frozen=True)
class _Variable:
    """What a recording may hold along time and neurons."""

    dtype: str
    long_name: str
    units: str
    comment: str | None = None

    def attributes(self) -> dict[str, str]:
        found = {"long_name": self.long_name, "units": self.units, "comment": self.comment}
        return {name: text for name, text in found.items() if text}


_SPIKES = _Variable("uint8", "1 where a neuron fires, else 0", "1")
_INTEGER = "in integers, of which the threshold has 64 integer_threshold"
# Of each backend; its activity, from which all is measured, comes first.
_VARIABLES = {
    "rate": {"state": _Variable("float64", "state of rate neurons", "1")},
    "lif_float": {
        "spikes": _SPIKES,
        "current": _Variable("float64", "current u of LIF neurons", "threshold"),
        "voltage": _Variable("float64", "voltage v of LIF neurons, after the reset", "threshold"),
    },
    "lif_bit_accurate": {
        "spikes": _SPIKES,
        "current": _Variable("int32", "current u of LIF neurons", "1", _INTEGER),
        "voltage": _Variable("int32", "voltage v of LIF neurons, after the reset", "1", _INTEGER),
    },
}
_BY_DEFAULT = {
    "rate": ("state",),
    "lif_float": ("spikes", "current", "voltage"),
    "lif_bit_accurate": ("spikes",),
}


class NoSuchIntegers(SweepError):
    """A network that the mapping to integers makes nothing of."""


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
      but the current and voltage of `lif_bit_accurate`. What is kept needs memory.
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
      phase map has. See `tangent`, `perturbation` and `damage`.

    Raises `SweepError`, one sentence, if there is no such network, or no memory for it;
    `NoSuchIntegers` if it is only the integers that cannot be.

    Sources: the networks are those of Lava's tutorial "Excitatory-Inhibitory Neural
    Network with Lava"; LIF neurons are Lava's `LIF` and `Dense`, in floating point and
    bit-accurate; equations in `rate`, `lif`, `loihi` and `mapping`.
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
    _check_memory(run, names)
    divergence = _divergence(run, perturb_after)
    with _followed(progress, run) as steps_done, ONE_AT_A_TIME:
        arrays, found = _simulated(run, names, divergence, steps_done)
    return _labelled(run, arrays, found, divergence)


def _simulated(
    run: SingleRun,
    names: Sequence[str],
    divergence: Divergence | None,
    steps_done: np.ndarray | None,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What is recorded, and how the mappings went."""
    half = half_gaussian_of(run.point)
    last = _Run(run, run.backend, names, divergence, steps_done)
    if run.backend == "rate":
        last.through_lava(rate.Batch(half, [run.point]))
        return last.arrays, {}
    real, scale = mapping.rate_to_lif(half, run.point, run.rate_to_lif)
    of_float = last
    if run.backend == "lif_bit_accurate":
        of_float = _Run(run, "lif_float", (), None, steps_done)
    of_float.through_lava(real)
    found = scale_diagnostics(scale) | asdict(of_float.ranges)
    if run.backend == "lif_bit_accurate":
        if not of_float.ranges.is_finite():
            raise NoSuchIntegers("The network diverges in floating point: integers have no range.")
        quantise = quantisation.FLOAT_TO_INTEGER[run.float_to_integer]
        integers = quantise(real, of_float.ranges, run.weight_bits)
        found |= integer_diagnostics(integers, real)
        if integers.is_degenerate():
            raise NoSuchIntegers("The mapping leaves no threshold, bias or decay in integers.")
        last.through_lava(integers)
        found |= last.overflows
    return last.arrays, found


class _Run:
    """Runs one network on a backend, in shared arrays that its model fills."""

    def __init__(
        self,
        run: SingleRun,
        backend: str,
        names: Sequence[str],
        divergence: Divergence | None,
        steps_done: np.ndarray | None,
    ):
        self._steps, self._backend = run.steps, backend
        self._divergence, self._steps_done = divergence, steps_done
        shape = run.steps, run.n_neurons
        self.arrays = {name: shared_array(shape, _VARIABLES[backend][name].dtype) for name in names}
        self._states = RangeOfStates(*shape) if backend == "lif_float" else None
        self._ranges = shared_array((len(DynamicRange.__dataclass_fields__),), "float64")
        self._overflows = shared_array((2,), "int64")

    @property
    def ranges(self) -> DynamicRange:
        """Of current and voltage, which `lif_float` has."""
        return DynamicRange(*self._ranges.tolist())

    @property
    def overflows(self) -> dict[str, int]:
        """Of current and voltage, which `lif_bit_accurate` has."""
        current_wraps, voltage_clips = self._overflows.tolist()
        return {"current_wraps": current_wraps, "voltage_clips": voltage_clips}

    def through_lava(self, parameters: Any) -> None:
        chaos = self._divergence is not None
        load_kernels(self._backend, Mapping(), Observables(chaos=chaos))
        NetworkTile(
            networks=[(None, parameters)],
            record=self._keep,
            n_steps=self._steps,
            perturb_after=self._divergence.burn_in if self._divergence else None,
            with_states=not {"current", "voltage"}.isdisjoint(self.arrays),
            steps_done=self._steps_done,
        ).simulate(self._backend)

    def _keep(self, _: None, steps: slice, recording: Any, perturbed: Any) -> None:
        """Called in the model's process after each block of steps."""
        for name, array in self.arrays.items():
            array[steps] = recording[0] if name == "state" else getattr(recording, name)
        if self._states is not None:
            self._states.add(recording)
            if steps.stop == self._steps:
                self._ranges[:] = astuple(self._states.found())
        if self._backend == "lif_bit_accurate":
            self._overflows += recording.current_wraps, recording.voltage_clips
        if self._divergence is not None:
            self._divergence.keep(steps, perturbed)


def _labelled(
    run: SingleRun,
    arrays: dict[str, np.ndarray],
    found: dict[str, Any],
    divergence: Divergence | None,
) -> xr.Dataset:
    known, n_neurons = _VARIABLES[run.backend], run.n_neurons
    population = np.where(np.arange(n_neurons) < network.n_excitatory(n_neurons), "E", "I")
    diverged = divergence.variables(arrays.get("spikes")) if divergence else {}
    return xr.Dataset(
        {name: (("time", "neuron"), a, known[name].attributes()) for name, a in arrays.items()}
        | {name: ((), value, VARIABLES[name].attributes()) for name, value in found.items()}
        | diverged,
        coords={
            "time": ("time", np.arange(1, run.steps + 1), {"long_name": "time", "units": "step"}),
            "neuron": ("neuron", np.arange(n_neurons), {"long_name": "neuron"}),
            "population": ("neuron", population, {"long_name": "population"}),
        },
        attrs={
            "title": "One excitatory-inhibitory network",
            "backend": run.backend,
            **asdict(run.point),
            "rate_to_lif": run.rate_to_lif,
            "float_to_integer": run.float_to_integer,
            "weight_bits": run.weight_bits,
            **provenance.attributes(),
        },
    )


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
        return _BY_DEFAULT[backend]
    known = tuple(_VARIABLES[backend])
    is_list = isinstance(record, list | tuple | set | frozenset)
    unknown = [name for name in record if name not in known] if is_list else []
    if unknown or not (is_list and known[0] in record):
        what = f"has no {reprlib.repr(unknown[0])}" if unknown else f"always has {known[0]!r}"
        raise SweepError(
            f"record is {reprlib.repr(record)}, but {backend} {what}: give a list of some of "
            f"{', '.join(known)}, {known[0]!r} among them."
        )
    return tuple(name for name in known if name in record)


def _divergence(run: SingleRun, perturb_after: Any) -> Divergence | None:
    if perturb_after is None:
        return None
    burn_in = python_number(perturb_after)
    if not (isinstance(burn_in, int) and 0 <= burn_in <= run.steps - 4):
        raise SweepError(
            f"perturb_after is {burn_in!r}, but it must be a number of steps from 0 to "
            f"steps - 4 = {run.steps - 4}."
        )
    return Divergence(run.point, run.backend, n_steps=run.steps, burn_in=burn_in)


def _check_memory(run: SingleRun, names: Sequence[str]) -> None:
    """Raises `SweepError` if this machine cannot hold the simulation.

    What is recorded is counted twice, for it will be measured. A block of steps is computed at a
    time. Z, the weights and what lies between them stand four times.
    """
    a_step = sum(np.dtype(_VARIABLES[run.backend][name].dtype).itemsize for name in names)
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
    from eiphase import terminal

    counts = shared_array((2,), "int64")
    counts[1] = run.steps * (2 if run.backend == "lif_bit_accurate" else 1)
    with ExitStack() as stack:
        if progress is True:
            progress = stack.enter_context(terminal.progress(f"simulating, {run.backend}"))
        stack.enter_context(terminal.followed(counts, progress))
        yield counts[:1]
