"""Measures again the numbers that the pages quote from simulations.

A page marks each of them with its name in a comment that readers do not see, as in
`a decay time of 483<!-- long_run_decay_time --> steps`. `make numbers` simulates, prints a table
of all numbers and writes them to their places; a test compares without writing. The sentences
around them are free.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eiphase.chaos import damage, lyapunov, perturbed_run, tangent
from eiphase.flags import Fate, ScaleStatus
from eiphase.mapping import float_to_integer, rate_to_lif
from eiphase.mapping.dynamic_range import dynamic_range
from eiphase.mapping.float_to_integer import LoihiParameters
from eiphase.mapping.rate_to_lif import LIFParameters
from eiphase.networks import lif, loihi, rate, weights
from eiphase.networks.weights import Network
from eiphase.observables import fluctuation

DOCS = Path(__file__).parent
# The range of the tutorial's mapping: 12 values of q_factor, 8 of g_factor, two seeds.
Q_FACTOR, G_FACTOR, SEEDS = np.linspace(1, 12, 12), np.linspace(3, 6.5, 8), (1, 2)
MARKED = re.compile(r"(-?[\d,]*\.?\d+)<!-- (\w+) -->")


class Number(NamedTuple):
    name: str
    value: float
    form: str  # as Python formats it
    spread: float = 0  # how far chaos may carry it on another processor, relative

    @property
    def unit(self) -> float:
        """One of the last digit that is shown."""
        return 10.0 ** -int("0" + self.form.strip(".,fd"))


@cache
def half(seed: int) -> np.ndarray:
    return weights.half_gaussian(weights.gaussian_matrix(400, seed))


def network(q_factor: float, g_factor: float, seed: int = 1) -> Network:
    return Network(n_neurons=400, q_factor=q_factor, g_factor=g_factor, seed=seed)


def short_runs() -> Iterator[Number]:
    """Underestimate c(0) and decay time of the chaotic network at q = 12, g = 6.5."""
    states = rate.run(rate.Batch(half(1), [network(12.0, 6.5)]), 60_000)[0]

    def measured(x: np.ndarray, max_lag: int) -> fluctuation.Fluctuation:
        estimator = fluctuation.standard_autocovariance
        return fluctuation.fluctuation_of(x, max_lag=max_lag, autocovariance=estimator)

    long = measured(states[1000:], 2000)
    windows = [measured(states[i : i + 1500], 750) for i in range(1000, 59_500, 1500)]
    c0, time, bias = (
        np.nanmedian([getattr(window, name) for window in windows])
        for name in ("c0", "decay_time", "centring_bias")
    )
    for name, value in (
        ("long_run_c0", long.c0),
        ("long_run_decay_time", long.decay_time),
        ("short_run_c0", c0),
        ("short_run_decay_time", time),
        ("short_run_bias_percent", 100 * bias),
        ("short_run_loss_percent", 100 * (1 - c0 / long.c0)),
    ):
        yield Number(name, value, ".0f", spread=0.05)


def transients() -> Iterator[Number]:
    """How long the variance of the network at q = 3.5, g = 6.5 falls; decay times by settling."""
    states = rate.run(rate.Batch(half(1), [network(3.5, 6.5)]), 20_000)[0]
    begins = (1000, 5000, 10_000, 15_000, 19_000)
    variances = [states[t : t + 1000].var(axis=0).mean() for t in begins]
    falls = np.diff(np.log(variances)) < -1  # to less than a third until the next one
    assert variances[-1] > 1e-12  # far above rounding
    yield Number("still_falling_steps", (0, *begins)[(*falls, False).index(False)], ",d")
    times = []
    for q in (1.0, 1.5, 2.0):
        states = rate.run(rate.Batch(half(1), [network(q, 4.5)]), 1000)[0]
        c = fluctuation.tutorial_autocovariance(states[200:-200], max_lag=100)
        times.append(fluctuation.decay_time(c)[0])
    assert np.ptp(times) < 4
    yield Number("settling_decay_time", float(np.median(times)), ".0f")


def solver() -> Iterator[Number]:
    """What the tutorial's solver for the LIF weight scale does."""
    statuses = Counter()
    for seed, q, g in product(SEEDS, Q_FACTOR, G_FACTOR):
        point = network(q, g, seed)
        statuses[rate_to_lif.rate_to_lif(half(seed), point, "tutorial")[1].status] += 1
    for name, status in (
        ("solver_unchanged_percent", ScaleStatus.UNCHANGED),
        ("solver_stopped_percent", ScaleStatus.NOT_SOLVED),
    ):
        yield Number(name, 100 * statuses[status] / statuses.total(), ".0f")
    spread = [lif_network(q, 4.5).weights.std() for q in (2.25, 3.75)]
    yield Number("rate_weights_fold", (3.75 / 2.25) ** 2, ".1f")
    yield Number("lif_weights_percent", 100 * abs(spread[0] / spread[1] - 1), ".0f")


def lif_network(q_factor: float, g_factor: float, mapping: str = "tutorial") -> LIFParameters:
    return rate_to_lif.rate_to_lif(half(1), network(q_factor, g_factor), mapping)[0]


def integers(
    real: LIFParameters, mapping: str = "tutorial", steps: int = 1000
) -> tuple[lif.Recording, LoihiParameters]:
    """The LIF network's run, and the integers that the mapping makes of its range."""
    recording = lif.run(real, steps)
    make = float_to_integer.FLOAT_TO_INTEGER[mapping]
    return recording, make(real, dynamic_range(recording), loihi.WEIGHT_BITS)


def integer_weights() -> Iterator[Number]:
    """How strong integer weights are, and how many are clipped, with the tutorial's mapping."""
    real = lif_network(1.0, 4.5)
    strength = float_to_integer.weight_use(integers(real)[1], real).strength
    yield Number("integer_strength", strength, ".1f")
    clipped = []
    for seed in SEEDS:
        for q in Q_FACTOR:
            real, _ = rate_to_lif.rate_to_lif(half(seed), network(q, 3.0, seed), "tutorial")
            clipped.append(float_to_integer.weight_use(integers(real)[1], real).clipped_fraction)
    yield Number("clipped_percent", 100 * max(clipped), ".0f")


def critical_network() -> Iterator[Number]:
    """Integer voltages, and the autocovariance, of the tutorial's critical network."""
    of_tutorial = weights.half_gaussian(weights.gaussian_matrix(400, 1234, draw=1))
    point = network((400 / 6) ** 0.5, 4.5, seed=1234)
    real, _ = rate_to_lif.rate_to_lif(of_tutorial, point, "tutorial")
    recording, parameters = integers(real)
    found = loihi.run(parameters, 1000)
    lowest = -loihi.STATE_LIMIT / 2**loihi.ALIGNMENT / parameters.vth
    yield Number("lowest_voltage", lowest, ".0f")
    yield Number("voltages_below_percent", 100 * np.mean(recording.voltage < lowest), ".0f")
    yield Number("clipped_voltages", found.voltage_clips, ",d")
    yield Number("all_voltages", recording.voltage.size, ",d")
    yield Number(
        "fires_less_percent", 100 * (1 - found.spikes.mean() / recording.spikes.mean()), ".0f"
    )
    states = rate.run(rate.Batch(of_tutorial, [point]), 1000)[0]
    linear = fluctuation.standard_autocovariance(states[200:], max_lag=100)
    circular = fluctuation.tutorial_autocovariance(states[200:-200], max_lag=100)
    yield Number("linear_c100", linear[-1] / linear[0], ".2f")
    yield Number("circular_c100", circular[-1] / circular[0], ".2f")


def example_of_chaos() -> Iterator[Number]:
    """Exponents and damage on all backends at q = 8, g = 4.5, and of regular LIF neurons."""
    batch = rate.Batch(half(1), [network(8.0, 4.5)])
    growth = tangent.log_growth(batch, rate.run(batch, 4000))[0]
    found = lyapunov.exponent(growth[1000:])
    yield Number("rate_exponent", 100 * found.value, ".2f")
    yield Number("rate_exponent_error", 100 * found.error, ".2f")
    real = lif_network(8.0, 4.5)
    yield Number("lif_damage", lif_damage(real).level, ".2f")
    spike, bit = integer_damage(integers(real, steps=4000)[1])
    assert bit.fate == Fate.HEALED
    yield Number("integer_damage", spike.level, ".2f")
    yield Number("healed_bits", bit.trials, ",d")
    yield Number("regular_damage", lif_damage(lif_network(1.0, 4.5)).level, ".2f")


def lif_damage(real: LIFParameters) -> damage.Outcome:
    """What one extra spike does in 4000 steps."""
    recording, found = perturbed_run.run_lif(real, 4000, burn_in=1000)
    return damage.outcome(found.spike_damage, recording.spikes[1000:])


def integer_damage(parameters: LoihiParameters) -> tuple[damage.Outcome, damage.Outcome]:
    """What one extra spike, and one flipped bit, do in 4000 steps."""
    recording, found = perturbed_run.run_loihi(parameters, 4000, burn_in=1000)
    after = recording.spikes[1000:]
    return damage.outcome(found.spike_damage, after), damage.outcome(found.bit_damage, after)


def border_of_damage() -> Iterator[Number]:
    """Damage below and above its border with the mappings `corrected` and `full_range`."""
    for place, q, fate in (("below", 3.0, Fate.CONFINED), ("above", 4.0, Fate.SPREAD)):
        real = lif_network(q, 4.5, "corrected")
        spread = lif_damage(real)
        spike, _ = integer_damage(integers(real, "full_range", steps=4000)[1])
        assert spread.fate == spike.fate == fate
        yield Number(f"lif_damage_{place}", spread.level, ".2f")
        yield Number(f"integer_damage_{place}", spike.level, ".2f")


MEASUREMENTS: tuple[Callable[[], Iterator[Number]], ...] = (
    short_runs, transients, solver, integer_weights, critical_network, example_of_chaos,
    border_of_damage,
)  # fmt: skip


def quoted(text: str) -> list[tuple[str, float]]:
    """Names and values of all numbers that a page quotes."""
    return [(name, float(value.replace(",", ""))) for value, name in MARKED.findall(text)]


def written(text: str, numbers: dict[str, Number]) -> str:
    """A page with its quoted numbers as they were measured."""

    def again(match: re.Match) -> str:
        number = numbers[match[2]]
        return f"{shown(number)}<!-- {number.name} -->"

    return MARKED.sub(again, text)


def shown(number: Number) -> str:
    return format(int(number.value) if "d" in number.form else number.value, number.form)


def measured() -> dict[str, Number]:
    return {number.name: number for measure in MEASUREMENTS for number in measure()}


def main() -> None:
    numbers = measured()
    for name, number in numbers.items():
        print(f"{name:26} {shown(number):>10}")
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        page.write_text(written(text, numbers), encoding="utf-8")


if __name__ == "__main__":
    main()
