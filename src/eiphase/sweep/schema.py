"""A sweep: what one config file asks for, validated once, and the tiles it falls into.

Imports nothing heavy: the Snakefile reads it at every start.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import product
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from eiphase.backends import BACKENDS, mapped, spiking, with_theory
from eiphase.errors import SweepError, short
from eiphase.networks.weights import Network, n_excitatory
from eiphase.numerics.arrays import block_steps
from eiphase.sweep import provenance
from eiphase.sweep.tiles import Tile, tile_digest

# Of each time constant, so many steps are looked at where all would be costly. States follow
# their input within a time constant; spikes change from step to step.
STATE_SAMPLES = 4
SPIKE_SAMPLES = 10

# Autocovariances from samples are known at so many lags, or a few more.
SAMPLED_LAGS = 50

# Of more neurons the spectra along q_factor take minutes: their time grows as N^3.
LARGEST_SPECTRUM = 500

_MOST_VALUES = 1000  # along an axis of the grid

Backend: Any = Literal.__getitem__(tuple(BACKENDS))  # a new row of the table is allowed at once


def _spread(value: Any) -> Any:
    """A range stands for evenly spaced values, both ends included."""
    return _Range.model_validate(value).values() if isinstance(value, dict) else value


def _whole(value: Any) -> Any:
    """Take 2.0 for 2, as JSON schemas do."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_Whole = BeforeValidator(_whole)
_SPDX = r"[A-Za-z0-9.+-]+"
_LICENCE = rf"https?://\S+|{_SPDX}(?: (?:AND|OR|WITH) {_SPDX})*"
_ORCID = r"(?:[0-9]{4}-){3}[0-9]{3}[0-9X]"


def is_licence(text: str) -> bool:
    """Whether a licence is named as SPDX does, several with AND, OR and WITH, or by its address."""
    return bool(re.fullmatch(_LICENCE, text))


def _checked_licence(text: str) -> str:
    if not is_licence(text):
        raise ValueError("it must be a name of SPDX's, such as CC-BY-4.0, or an address")
    return text


def _printable(text: str) -> str:
    """Attributes of files end at some control characters, and terminals do as they say."""
    if not text.replace("\n", " ").isprintable():
        raise ValueError("it must hold no control characters")
    return text


def _checked_orcid(orcid: str) -> str:
    """An ORCID iD; its last character is the check digit of ISO 7064, MOD 11-2."""
    if not re.fullmatch(_ORCID, orcid):
        raise ValueError("it must be written like 0000-0002-1825-0097")
    *digits, check = list(orcid.replace("-", ""))
    total = 0
    for digit in digits:
        total = (total + int(digit)) * 2
    if "0123456789X"[(12 - total % 11) % 11] != check:
        raise ValueError("its last digit does not fit the others: look for a slip of the pen")
    return orcid


class _Section(BaseModel):
    # The docs' table of keys is written from these fields and their docstrings.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


Positive = Annotated[float, Field(gt=0, le=1e6)]


def _in_editors(**rules: Any) -> Any:
    """What the JSON schema of configs says beside, whose check here has words of its own."""
    return Field(json_schema_extra=rules)


class _Range(_Section):
    """Evenly spaced values: so many, or in such steps."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": [key], "properties": {key: {"type": "number"}}}
                for key in ("count", "step")
            ]
        }
    )

    start: Positive
    stop: Positive
    count: Annotated[int, Field(ge=1, le=_MOST_VALUES), _Whole] | None = None
    step: Positive | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.count is None) == (self.step is None):
            raise ValueError("it must have either a count or a step")
        if self.count == 1 and self.start != self.stop:
            raise ValueError("a count of 1 leaves room for one end only: write start = stop")
        if self.step is not None:
            self._check_steps(self._n_steps(self.step), self.step)
        return self

    def _check_steps(self, n_steps: int, step: float) -> None:
        if n_steps >= _MOST_VALUES:
            raise ValueError(f"these are more than {_MOST_VALUES} values")
        last = _rounded(self._at(n_steps, step))
        if last != _rounded(self.stop):
            raise ValueError(
                f"steps of {step} from {self.start} lead to {last}, not to {self.stop}: change "
                "the stop, or give a count"
            )

    def _n_steps(self, step: float) -> int:
        return round(min(abs(self.stop - self.start) / step, _MOST_VALUES))

    def _at(self, n_steps: int, step: float) -> float:
        """The value so many steps from the start towards the stop, without errors of rounding."""
        signed = Decimal(repr(step)) if self.stop >= self.start else -Decimal(repr(step))
        return float(Decimal(repr(self.start)) + n_steps * signed)

    def values(self) -> list[float]:
        """The ends as they are written, and what is between them as a person would write it."""
        if self.start == self.stop and self.count in (1, None):
            return [self.start]
        if self.step is not None:
            between = [self._at(n, self.step) for n in range(1, self._n_steps(self.step))]
        else:
            between = np.linspace(self.start, self.stop, self.count or 1)[1:-1].tolist()
        return [self.start, *(_rounded(value) for value in between), self.stop]


def _rounded(value: float) -> float:
    """Round to 12 digits: 0.3, where binary fractions add up to 0.30000000000000004."""
    return float(f"{value:.12g}")


Seed = Annotated[int, Field(ge=0, lt=2**32), _Whole]
Neurons = Annotated[int, Field(ge=5, le=20_000), _Whole]
StepSize = Annotated[float, Field(ge=0.001, le=0.1, json_schema_extra={"unit": "time constants"})]
Refractory = Annotated[float, Field(ge=0, le=100, json_schema_extra={"unit": "time constants"})]
Steps = Annotated[int, Field(ge=1, le=10_000_000, json_schema_extra={"unit": "steps"}), _Whole]
RateToLIF = Literal["tutorial", "corrected", "identity"]
FloatToInteger = Literal["tutorial", "full_range"]
WeightBits = Annotated[int, Field(ge=1, le=8), _Whole]
Text = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_printable)]
Orcid = Annotated[str, AfterValidator(_checked_orcid), _in_editors(pattern=f"^{_ORCID}$")]
Licence = Annotated[str, AfterValidator(_checked_licence), _in_editors(pattern=f"^(?:{_LICENCE})$")]
_Distinct = _in_editors(uniqueItems=True)
_Values = Annotated[tuple[Positive, ...], Field(min_length=1, max_length=_MOST_VALUES), _Distinct]
Axis = Annotated[
    tuple[Positive, ...],
    Field(strict=False, min_length=1, max_length=_MOST_VALUES),
    BeforeValidator(_spread, json_schema_input_type=_Values | _Range),
]


class NetworkConfig(_Section):
    """What all networks of a sweep have in common."""

    neurons: Neurons
    """N, 80 % of them excitatory; at least 5, so that one is inhibitory."""
    step_size: StepSize = 0.01
    """dr = dt / τ, one time step of the rate neurons and of the LIF voltage; the LIF current
    decays 7 times as fast. Smaller ones become too few units of Loihi's 12-bit decays."""
    bias: Annotated[Positive, Field(json_schema_extra={"unit": "per step"})] = 0.1
    """Input to each rate neuron. That of LIF neurons is 5 thresholds x `step_size`."""
    refractory: Refractory = 0.0
    """Refractory period of LIF neurons, a whole number of steps: the voltage stays at 0, while
    the current goes on. Without it, excitation can grow until neurons fire in every step."""

    @property
    def refractory_steps(self) -> int:
        """Steps of a LIF neuron's refractory period."""
        return round(self.refractory / self.step_size)


class Grid(_Section):
    """The grid points: every q_factor with every g_factor."""

    q_factor: Axis
    """Recurrent gain: a list, or `{start, stop, count}` or `{start, stop, step}` with both ends."""
    g_factor: Axis
    """Strength of inhibition relative to excitation: likewise. With LIF neurons and the
    tutorial mapping it must be above N_I / N_E."""

    @field_validator("q_factor", "g_factor")
    @classmethod
    def _distinct(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        _without_duplicates(values)
        near = Counter(_rounded(value) for value in values)
        if twice := [value for value in values if near[_rounded(value)] > 1]:
            raise ValueError(
                f"values must differ within 12 digits, and {twice[0]!r} and {twice[1]!r} do not"
            )
        return values


class Simulation(_Section):
    """Durations, in time steps."""

    steps: Steps
    """Length of each simulation, burn-in included."""
    burn_in: Annotated[int, Field(ge=0, le=10_000_000, json_schema_extra={"unit": "steps"}), _Whole]
    """Not measured, at the start; at least `boxcar` - 1 with LIF neurons."""
    max_lag: Steps
    """Largest lag of the autocovariance; less than the steps that are measured."""
    precision: Annotated[float, Field(ge=0.005, le=0.5)] | None = None
    """Relative standard error to which c(0) and decay time are to be known. Each network then
    starts from 4 states, and the steps after burn-in are doubled, their second half measured,
    until it is reached, or the network has settled. Without it, each network runs once, for
    `steps`."""
    max_steps: Steps = 300_000
    """With `precision`: no state is simulated for longer."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.precision is not None and self.first_steps > self.max_steps:
            raise ValueError(
                f"max_steps is {self.max_steps}, but with precision it must be at least "
                f"{self.first_steps}: steps, in whole blocks of {self.block_steps}"
            )
        return self

    @property
    def block_steps(self) -> int:
        """Steps that are simulated and then measured at a time."""
        return block_steps(self.max_lag)

    @property
    def first_steps(self) -> int:
        """With `precision`: steps before the first look, in whole blocks."""
        return -(-self.steps // self.block_steps) * self.block_steps


class Mapping(_Section):
    """From rate to LIF neurons, and from there to integers."""

    rate_to_lif: RateToLIF = "tutorial"
    """Weights of LIF neurons. `tutorial`: scaled, as in Lava's tutorial; `corrected`: so that
    effective couplings are those of the rate network; `identity`: the rate network's own."""
    float_to_integer: FloatToInteger = "tutorial"
    """How parameters become Loihi's integers. `tutorial`: as in Lava's tutorial; `full_range`:
    using all bits of the weights, with room for four times the float range."""
    weight_bits: WeightBits = 8
    """Bits of each weight on Loihi, sign included where one `Dense` holds both signs."""


class Observables(_Section):
    """How activity is measured."""

    autocovariance: Literal["standard", "tutorial"] = "standard"
    """Estimator. `standard`: linear, centred on each neuron's mean; `tutorial`: circular, and
    without what all neurons share."""
    unbiased: bool = True
    """Divide by the number of pairs at each lag, not by that at lag 0; with `standard` only."""
    boxcar: Annotated[int, Field(ge=1, le=10_000, json_schema_extra={"unit": "steps"}), _Whole] = 25
    """Causal window in which spikes are counted; very long runs allow only shorter ones."""
    statistics: bool = False
    """Also measure dimension, synchrony, irregularity of spikes, received input, and so on."""
    chaos: bool = False
    """Also measure Lyapunov exponents and damage spreading; takes two to three times as long."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.autocovariance == "tutorial" and not self.unbiased:
            raise ValueError("only the standard autocovariance can be unbiased or not")
        return self


class Refinement(_Section):
    """Further simulations where sensitivity begins."""

    precision: Annotated[float, Field(ge=0.001, le=1e6)] | None = None
    """How narrowly each border is to be known in q_factor, by simulations near it alone; needs
    `observables.chaos`. Without it, borders are interpolated between grid points."""


def measured_steps(simulation: Simulation, observables: Observables, *, spiking: bool) -> slice:
    """The steps that are measured; the tutorial's estimator trims both ends.

    Raises `ValueError` if the durations do not fit each other.
    """
    s, both_ends = simulation, observables.autocovariance == "tutorial"
    measured = s.steps - s.burn_in * (2 if both_ends else 1)
    trimmed = "twice (the tutorial estimator trims both ends)" if both_ends else "once"
    if measured < 4:
        raise ValueError(
            f"simulation.burn_in is {s.burn_in}, but it must fit {trimmed} into "
            f"simulation.steps = {s.steps} and leave at least 4 steps to measure: lower burn_in or "
            "raise steps"
        )
    if s.max_lag >= measured:
        raise ValueError(
            f"simulation.max_lag is {s.max_lag}, but it must be less than the {measured} "
            "steps that simulation.burn_in leaves of simulation.steps"
        )
    if spiking and s.burn_in < observables.boxcar - 1:
        raise ValueError(
            f"simulation.burn_in is {s.burn_in}, but with spiking backends it must be at least "
            f"observables.boxcar - 1 = {observables.boxcar - 1}, the steps in which the "
            "window is not yet full"
        )
    return slice(s.burn_in, s.burn_in + measured)


def sample_step(simulation: Simulation) -> int:
    """Steps from one sample of activity to the next, where errors are estimated.

    So that there are `SAMPLED_LAGS` lags up to the largest.
    """
    return max(1, simulation.max_lag // SAMPLED_LAGS)


def check_counts(neurons: int, simulation: Simulation, observables: Observables) -> None:
    """Raises `ValueError` if sums of spike counts' products may not fit into 64 bits."""
    largest = math.isqrt((2**63 - 1) // (neurons * simulation.steps))
    if observables.boxcar > largest:
        raise ValueError(
            f"observables.boxcar is {observables.boxcar}, but for {neurons} neurons and "
            f"simulation.steps = {simulation.steps} it must be at most {largest}, so that sums of "
            "counts stay exact"
        )


def stride(samples_per_time_constant: int, step_size: float) -> int:
    """Steps from one sample to the next."""
    return max(1, round(1 / (samples_per_time_constant * step_size)))


def _check_refractory(what: str, refractory: float, step_size: float) -> None:
    """Raises `ValueError` for a part of a step."""
    steps = refractory / step_size
    if not math.isclose(steps, round(steps), rel_tol=1e-9, abs_tol=1e-9):
        below, above = (_rounded(n * step_size) for n in (math.floor(steps), math.ceil(steps)))
        raise ValueError(
            f"{what} is {refractory}, but it must be a whole number of steps of {step_size}: "
            f"the nearest are {below} and {above}"
        )


def _check_inhibition(what: str, g_factor: float, neurons: int, rate_to_lif: str) -> None:
    """Raises `ValueError` where inhibition is too weak for the tutorial mapping."""
    n_exc = n_excitatory(neurons)
    n_inh = neurons - n_exc
    if rate_to_lif == "tutorial" and not n_exc / n_inh * g_factor > 1:
        raise ValueError(
            f"{what} {g_factor}, but the tutorial mapping is defined for "
            f"g_factor > N_I / N_E = {n_inh / n_exc:g} only"
        )


class SingleRun(_Section):
    """One network on one backend: what `eiphase.simulate` takes, under the same names."""

    n_neurons: Neurons
    q_factor: Positive
    g_factor: Positive
    seed: Seed
    draw: Annotated[int, Field(ge=0, le=1000), _Whole]
    step_size: StepSize
    bias: Positive
    refractory: Refractory
    backend: Backend
    steps: Steps
    rate_to_lif: RateToLIF
    float_to_integer: FloatToInteger
    weight_bits: WeightBits

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_refractory("refractory", self.refractory, self.step_size)
        if BACKENDS[self.backend].is_mapped:
            _check_inhibition("g_factor is", self.g_factor, self.n_neurons, self.rate_to_lif)
        return self

    @property
    def point(self) -> Network:
        """The network, with numbers of Python's own."""
        return Network(**{name: getattr(self, name) for name in Network.__dataclass_fields__})

    @property
    def mapping(self) -> Mapping:
        return Mapping(**{name: getattr(self, name) for name in Mapping.model_fields})


class About(_Section):
    """Who made a dataset and what for: attributes by which others find it, and cite it."""

    title: Text | None = None
    """Of the dataset; without it, one that names the sweep."""
    summary: Text | None = None
    """What the dataset is, in a paragraph."""
    creator_name: Text | None = None
    """Who made it."""
    creator_orcid: Orcid | None = None
    """The creator's ORCID iD, such as 0000-0002-1825-0097."""
    institution: Text | None = None
    """Where it was made."""
    license: Licence | None = None
    """Under which others may use it, such as CC-BY-4.0."""
    keywords: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] | None = None
    """Words to find it by; without them, some that fit every phase map."""

    def attributes(self) -> dict[str, str]:
        """What is set, by the names of the conventions ACDD."""
        found = self.model_dump(exclude={"creator_orcid", "keywords"}, exclude_none=True)
        if self.creator_orcid:
            url = f"https://orcid.org/{self.creator_orcid}"
            found |= {"creator_type": "person", "creator_url": url}
        return found | ({"keywords": ", ".join(self.keywords)} if self.keywords else {})


class Sweep(_Section):
    """A grid x backends x seeds with everything that its numbers depend on."""

    network: NetworkConfig
    grid: Grid
    seeds: Annotated[tuple[Seed, ...], Field(strict=False, min_length=1), _Distinct]
    """One draw of the weights each; all grid points and backends share it."""
    backends: Annotated[tuple[Backend, ...], Field(strict=False, min_length=1), _Distinct]
    """How networks are simulated."""
    simulation: Simulation
    mapping: Mapping = Mapping()
    observables: Observables = Observables()
    refinement: Refinement = Refinement()
    about: About = About()
    tiles: Annotated[int, Field(ge=1), _Whole] = 1
    """Jobs for each backend and seed, at most as many as grid points; changes no number."""

    @field_validator("seeds", "backends")
    @classmethod
    def _distinct(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        return _without_duplicates(values)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_refractory("network.refractory", self.network.refractory, self.network.step_size)
        spikes = bool(spiking(self.backends))
        measured_steps(self.simulation, self.observables, spiking=spikes)
        if spikes:
            check_counts(self.network.neurons, self.simulation, self.observables)
        if mapped(self.backends):
            for g in self.grid.g_factor:
                _check_inhibition(
                    "grid.g_factor holds", g, self.network.neurons, self.mapping.rate_to_lif
                )
        if self.simulation.precision is not None and self.observables.autocovariance == "tutorial":
            raise ValueError(
                f"simulation.precision is {self.simulation.precision}, but it needs "
                "observables.autocovariance = standard"
            )
        precision = self.refinement.precision
        if precision is not None and not self.observables.chaos:
            raise ValueError(
                f"refinement.precision is {precision}, but there is a border to refine only "
                "where observables.chaos is true"
            )
        points = len(self.grid.q_factor) * len(self.grid.g_factor)
        if self.tiles > points:
            raise ValueError(
                f"tiles is {self.tiles}, but it must be at most the number of grid points, {points}"
            )
        return self

    @property
    def lags(self) -> np.ndarray:
        """Lags of autocovariances, in steps: all, or those of samples with `precision`."""
        is_precise = self.simulation.precision is not None
        step = sample_step(self.simulation) if is_precise else 1
        return np.arange(0, self.simulation.max_lag + 1, step)

    @property
    def steps_together(self) -> int:
        """Steps that all networks are simulated for, before some may end."""
        s = self.simulation
        return s.steps if s.precision is None else s.first_steps

    @property
    def network_bytes(self) -> int:
        """What one of the networks that advance together needs.

        A block of its trajectory, the first and the last steps of the run up to the largest
        lag, and what is kept of samples: themselves, or their products.
        """
        n, s = self.network.neurons, self.simulation
        rows = min(s.block_steps, s.steps) + 2 * s.max_lag
        if self.observables.statistics:
            n_samples = s.steps // stride(STATE_SAMPLES, self.network.step_size) + 1
            rows += min(n_samples, n)
        return 8 * n * (rows + 40)

    @property
    def batch_bytes(self) -> int:
        """What networks that advance together may take: as four weight matrices, or 512 MB."""
        return max(512 * 2**20, 4 * 8 * self.network.neurons**2)

    @property
    def tile_memory_mb(self) -> int:
        """What a job needs, in MB: networks that advance together, and what lies around them.

        It does not grow with the steps beyond a block.
        """
        n = self.network.neurons
        together = max(4 * self.network_bytes, min(32 * self.network_bytes, self.batch_bytes))
        weights = 8 * n * n * 8
        variables = 8 * len(self.points()) * (self.simulation.max_lag + 50)
        return 500 + (together + weights + variables) // 2**20

    @property
    def digest(self) -> str:
        """Hash of everything that the numbers of the sweep depend on."""
        return hashlib.sha256(self.model_dump_json(exclude={"about", "tiles"}).encode()).hexdigest()

    def parameters(self, backend: str) -> dict[str, dict[str, Any]]:
        """Keys and values on which a backend's numbers at one seed and grid point depend."""
        kept = {"network", "simulation", "mapping", "observables"}
        config = self.model_dump(mode="json", include=kept)
        row = BACKENDS[backend]
        depends_on = row.keys
        if row.is_mapped and self.mapping.rate_to_lif == "corrected":
            depends_on.add("network.bias")  # else LIF neurons have their own, see `lif_bias`
        for key in {key for one in BACKENDS.values() for key in one.depends_on} - depends_on:
            section, name = key.split(".")
            del config[section][name]
        if self.is_needed(backend):
            config["observables"]["given_to_others"] = True
        return {section: keys for section, keys in config.items() if keys}

    @property
    def perturb_after(self) -> int | None:
        """Steps before perturbations are followed; None if none is."""
        return self.simulation.burn_in if self.observables.chaos else None

    def is_needed(self, backend: str) -> bool:
        """Whether another backend of the sweep is made from this one's simulations."""
        return any(BACKENDS[other].takes_from == backend for other in self.backends)

    def points(self) -> list[tuple[int, int]]:
        """Indices (q_factor, g_factor) of all grid points, q_factor the slower."""
        return list(product(range(len(self.grid.q_factor)), range(len(self.grid.g_factor))))

    def tile(self, backend: str, seed: int, number: int) -> "Tile":
        """One of the tiles; raises `SweepError` if the sweep has no such tile.

        A backend has its tiles also where only one that is made from it is asked for.
        """
        sources = [BACKENDS[name].takes_from for name in self.backends]
        backends = tuple(dict.fromkeys([*(s for s in sources if s), *self.backends]))
        for name, value, allowed in (
            ("backend", backend, backends),
            ("seed", seed, self.seeds),
            ("tile", number, range(self.tiles)),
        ):
            if value not in allowed:
                raise SweepError(f"{name} is {value}, but the sweep has {_list(allowed)} only.")
        points = self.points()
        first, last = (i * len(points) // self.tiles for i in (number, number + 1))
        return Tile(backend, seed, number, tuple(points[first:last]))

    def tile_path(self, tile: "Tile") -> str:
        """Path of a tile's file, in the folder of the sweep's tiles.

        It names all that the tile's numbers depend on: a file that is there is up to date.
        """
        points = [(n.q_factor, n.g_factor) for n in self.networks(tile)]
        digest = tile_digest(tile.backend, tile.seed, self.parameters(tile.backend), points)
        return f"{tile.backend}/seed-{tile.seed}/tile-{tile.number}-{digest}.nc"

    def refined_path(self, backend: str, seed: int) -> str:
        """Path of the file of all points near the border, in the folder of the sweep's tiles.

        It names all that these depend on, as `tile_path` does.
        """
        parameters = self.parameters(backend) | {"refinement": self.refinement.model_dump()}
        points = list(product(self.grid.q_factor, self.grid.g_factor))
        code = provenance.code_digest(backend, refinement=True)
        digest = tile_digest(backend, seed, parameters, points, code)
        return f"{backend}/seed-{seed}/refined-{digest}.nc"

    @property
    def has_spectra(self) -> bool:
        """Whether theory finds the border of each rate network from that network's spectrum."""
        wanted = self.observables.chaos and bool(with_theory(self.backends))
        return wanted and self.network.neurons <= LARGEST_SPECTRUM

    def spectra_digest(self, seed: int) -> str:
        """Hash of all that these borders of one seed depend on."""
        network = self.network.model_dump(exclude={"refractory"})
        code = provenance.sources_digest("theory.fixed_point", "networks.weights")
        everything = network, self.grid.g_factor, max(self.grid.q_factor), seed, code
        return hashlib.sha256(repr(everything).encode()).hexdigest()[:16]

    def spectra_path(self, seed: int) -> str:
        """Path of the file of these borders, in the sweep's folder; it names what they rest on."""
        return f"spectra/seed-{seed}-{self.spectra_digest(seed)}.nc"

    def at(self, points: Sequence[tuple[float, float]]) -> "Sweep":
        """This sweep on the smallest grid that holds some points, q_factor and g_factor."""
        q_factor, g_factor = (tuple(sorted({point[axis] for point in points})) for axis in (0, 1))
        # Not validated: of a large sweep these may be more values than a config may list.
        grid = Grid.model_construct(q_factor=q_factor, g_factor=g_factor)
        return self.model_copy(update={"grid": grid})

    def all_tiles(self) -> Iterator["Tile"]:
        """Every tile of every backend and seed."""
        for backend in self.backends:
            for seed in self.seeds:
                for number in range(self.tiles):
                    yield self.tile(backend, seed, number)

    def networks(self, tile: "Tile") -> Iterator[Network]:
        """The networks of a tile, in its order."""
        for q, g in tile.points:
            yield self.network_at(self.grid.q_factor[q], self.grid.g_factor[g], tile.seed)

    def network_at(self, q_factor: float, g_factor: float, seed: int) -> Network:
        """A network with the sweep's settings, also between grid points."""
        return Network(
            n_neurons=self.network.neurons,
            q_factor=q_factor,
            g_factor=g_factor,
            seed=seed,
            step_size=self.network.step_size,
            bias=self.network.bias,
            refractory=self.network.refractory,
        )


def _list(values: Sequence[Any]) -> str:
    return ", ".join(str(value) for value in values)


def _without_duplicates(values: tuple[Any, ...]) -> tuple[Any, ...]:
    twice = [value for value, n in Counter(values).items() if n > 1]
    if twice:
        raise ValueError(f"values must be distinct, and {short(twice[0])} stands there twice")
    return values
