"""The table of backends: all that the rest of eiphase may ask about one.

A new backend is a row here, a kernel in `networks/`, and a file of its name in
`simulation/backends/`.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Backend:
    """How a network is simulated.

    - `name`: as in a sweep's config and in datasets.
    - `title`: as figures and summaries write it.
    - `spiking`: whether activity is spikes; else it is the state of rate neurons.
    - `takes_from`: the backend whose simulation of the same network this one is made from.
    - `perturbations`: what damage spreading perturbs, e.g. a `spike`.
    - `has_exponent`: whether a Lyapunov exponent is measured.
    - `has_theory`: whether mean-field theory says where its networks lose their fixed point.
    - `cost`: milliseconds for a network of 400 neurons and 1000 steps; only ratios count.
    - `depends_on`: keys of a config, beyond those that all backends share, that its numbers
      depend on.
    """

    name: str
    title: str
    spiking: bool
    takes_from: str | None = None
    perturbations: tuple[str, ...] = ()
    has_exponent: bool = False
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
            "integers": self.takes_from is not None,
            "source": is_source(self.name),
        }
        return {kind for kind, is_of_it in kinds.items() if is_of_it}

    @property
    def measure_of_chaos(self) -> str:
        """The variable that tells chaos, above `chaotic_from`."""
        return "spike_damage" if self.spiking else "lyapunov_exponent"

    @property
    def chaotic_from(self) -> float:
        """Half of what independent spike trains differ by; or an exponent of zero."""
        return 0.5 if self.spiking else 0.0


_TABLE = (
    Backend(
        name="rate",
        title="Rate neurons",
        spiking=False,
        has_exponent=True,
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
        depends_on=("observables.boxcar", "mapping.rate_to_lif"),
    ),
    Backend(
        name="lif_bit_accurate",
        title="LIF, bit-accurate",
        spiking=True,
        takes_from="lif_float",
        cost=4.0,
        perturbations=("spike", "bit"),
        depends_on=(
            "observables.boxcar",
            "mapping.rate_to_lif",
            "mapping.float_to_integer",
            "mapping.weight_bits",
        ),
    ),
)
BACKENDS: dict[str, Backend] = {backend.name: backend for backend in _TABLE}


def is_source(name: str) -> bool:
    """Whether some backend is made from this one's simulations."""
    return any(backend.takes_from == name for backend in BACKENDS.values())


def spiking(names: Iterable[str]) -> list[str]:
    """The spiking backends among some, in the order given."""
    return [name for name in names if BACKENDS[name].spiking]


def with_theory(names: Iterable[str]) -> list[str]:
    """The backends among some whose mean-field theory is known."""
    return [name for name in names if BACKENDS[name].has_theory]


def pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of backends of which one is made from the other, as integers from floats."""
    present = list(names)
    made = [(BACKENDS[name].takes_from, name) for name in present]
    return [(source, name) for source, name in made if source in present]
