"""The table of backends: all that the rest of eiphase may ask about one.

A new backend is a row here, a kernel in `networks/`, and a file of its name in
`simulation/backends/`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Backend:
    """How a network is simulated.

    - `name`: as in a sweep's config and in datasets.
    - `title`: as figures and summaries write it.
    - `spiking`: whether activity is spikes; else it is the state of rate neurons.
    - `takes_from`: the backend whose simulation of the same network this one is made from; that
      one is made from none itself.
    - `has_integers`: whether its networks are Loihi's integers, mapped from floating point.
    - `perturbations`: what damage spreading perturbs, e.g. a `spike`.
    - `has_exponent`: whether a Lyapunov exponent is measured.
    - `measure_of_sensitivity`: the variable that says what becomes of a perturbation. An
      exponent tells chaos; damage by a spike tells whether its effect spreads, and no more.
      Without one, no network of the backend has a phase that rests on it, and there is no border.
    - `has_theory`: whether mean-field theory says where its networks lose their fixed point.
    - `cost`: processor time of a network in `config/demo.yaml`, exponents and damages included;
      only ratios count. In runs of a fixed length `lif_float` takes longest, for its exponents.
    - `depends_on`: keys of a config, beyond those that all backends share, that its numbers
      depend on; the keys of the backend that it takes from count without being listed.
    """

    name: str
    title: str
    spiking: bool
    takes_from: str | None = None
    has_integers: bool = False
    perturbations: tuple[str, ...] = ()
    has_exponent: bool = False
    measure_of_sensitivity: Literal["lyapunov_exponent", "spike_damage"] | None = None
    has_theory: bool = False
    cost: float = 10.0
    depends_on: tuple[str, ...] = ()

    @property
    def kinds(self) -> set[str]:
        """What variables may need of a backend: see `variables.Variable.needs`."""
        kinds = {
            "spiking": self.spiking,
            "states": not self.spiking,
            "exponent": self.has_exponent,
            "theory": self.has_theory,
            "mapped": self.is_mapped,
            "integers": self.has_integers,
            "source": is_source(self.name),
        }
        found = {kind for kind, is_of_it in kinds.items() if is_of_it}
        return found | {f"damage by a {cause}" for cause in self.perturbations}

    @property
    def lineage(self) -> list["Backend"]:
        """This backend, and the one that it takes from, if any."""
        return [self, BACKENDS[self.takes_from]] if self.takes_from else [self]

    @property
    def keys(self) -> set[str]:
        """Keys of a config that its numbers depend on, beyond those that all backends share."""
        return {key for backend in self.lineage for key in backend.depends_on}

    @property
    def may_rest(self) -> bool:
        """Whether its neurons have the refractory period that a config asks for."""
        return "network.refractory" in self.keys

    @property
    def is_mapped(self) -> bool:
        """Whether its networks are mapped from rate networks."""
        return "mapping.rate_to_lif" in self.keys


_TABLE = (
    Backend(
        name="rate",
        title="Rate neurons",
        spiking=False,
        has_exponent=True,
        measure_of_sensitivity="lyapunov_exponent",
        has_theory=True,
        cost=12.0,
        depends_on=("network.bias",),
    ),
    Backend(
        name="lif_float",
        title="LIF, floating point",
        spiking=True,
        perturbations=("spike",),
        has_exponent=True,
        measure_of_sensitivity="spike_damage",
        cost=7.0,
        depends_on=("network.refractory", "observables.boxcar", "mapping.rate_to_lif"),
    ),
    Backend(
        name="lif_bit_accurate",
        title="LIF, bit-accurate",
        spiking=True,
        takes_from="lif_float",
        has_integers=True,
        cost=4.0,
        perturbations=("spike", "bit"),
        measure_of_sensitivity="spike_damage",
        depends_on=("mapping.float_to_integer", "mapping.weight_bits"),
    ),
)
BACKENDS: dict[str, Backend] = {backend.name: backend for backend in _TABLE}
# A sweep makes the tiles of a source, but not of a source's source: see `Sweep.tile`.
assert all(len(one.lineage) == 1 or one.lineage[1].takes_from is None for one in _TABLE)


def is_source(name: str) -> bool:
    """Whether some backend is made from this one's simulations."""
    return any(backend.takes_from == name for backend in BACKENDS.values())


def spiking(names: Iterable[str]) -> list[str]:
    """The spiking backends among some, in the order given."""
    return [name for name in names if BACKENDS[name].spiking]


def mapped(names: Iterable[str]) -> list[str]:
    """Names of the backends whose networks are mapped from rate networks, in the order given."""
    return [name for name in names if BACKENDS[name].is_mapped]


def integers_first(names: Iterable[str]) -> list[str]:
    """Some backends, those in integers before the others, else in the order given."""
    return sorted(names, key=lambda name: not BACKENDS[name].has_integers)


def with_damage(names: Iterable[str]) -> list[str]:
    """Names of the backends that are perturbed to see whether damage spreads."""
    return [name for name in names if BACKENDS[name].perturbations]


def with_theory(names: Iterable[str]) -> list[str]:
    """The backends among some whose mean-field theory is known."""
    return [name for name in names if BACKENDS[name].has_theory]


def pairs_in_words() -> str:
    """Which backends come in pairs, e.g. `a and b`."""
    return " or ".join(f"{source} and {made}" for source, made in pairs(BACKENDS))


def pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of backends of which one is made from the other, as integers from floats."""
    present = list(names)
    made = [(BACKENDS[name].takes_from, name) for name in present]
    return [(source, name) for source, name in made if source in present]
