"""A sweep on one page: phases and borders, what integers change, exponents and damage."""

from string import ascii_lowercase
from typing import Any

import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from eiphase.backends import BACKENDS, pairs, pairs_in_words
from eiphase.chaos.damage import SPREAD_FROM
from eiphase.errors import DatasetError
from eiphase.figures import panels, phases
from eiphase.flags import Fate, Phase

_INTEGERS_BROKEN = (*phases.LOOKS[Phase.BROKEN][:2], "broken mapping")
_NO_C0 = ("white", "", "no c(0) to compare")
_RATIO = "Colour: c(0), integers / floating point"
_DIFFERS = "seeds disagree on which c(0) is larger"
_BEYOND = "c(0) differs by more than two errors on every seed"
_TRIANGLE = "border: mean over seeds"
_LINEAR = "exponents between -1 and 1: linear, logarithmic beyond"
_PLACES = {"below": "below the border", "at": "at the border", "above": "above the border"}
# What was perturbed, in words, and how its line looks.
_CAUSES = {"spike": ("one extra spike", "-"), "bit": ("one flipped bit", ":")}
_NOT_BELOW = 5e-4  # of damage on a logarithmic axis; less is off the axis


@panels.in_our_look
def plot_overview(dataset: xr.Dataset, divergence: xr.Dataset) -> Figure:
    """One page on the chaos of a sweep.

    Top: phases of each backend, with the measured border (see `phases.draw_border`) and
    the rate network's by theory. Middle: c(0) of integers over that of floating point, the
    geometric mean over seeds, with both borders; the largest Lyapunov exponent, and damage, on a
    cut at one g_factor: thick lines are medians over seeds, thin ones seeds, triangles borders.
    Bottom: damage against time below, at and above the border on the same cut, a line for each
    seed's run from rest.

    `dataset` is a phase map, `divergence` what `divergence.simulate_across_border` gives
    of it. What a sweep lacks is said in its panel. Raises `DatasetError`, one sentence, if
    the sweep did not measure chaos or the two are not of one sweep.
    """
    if dataset.attrs.get("sweep_digest") != divergence.attrs.get("sweep_digest"):
        raise DatasetError("The phase map and the damage against time are not of the same sweep.")
    damages = [f"{cause}_damage" for cause in _causes()]
    c0 = "c0", "c0_flag", "c0_error"
    dataset = phases.checked(
        dataset, *c0, "network_critical_q", "theory_lyapunov_exponent", *damages
    )
    name, n_seeds = panels.as_text(dataset.attrs.get("sweep", "")), dataset.sizes["seed"]
    figure = panels.page(10, 13.6)
    rows = figure.subfigures(3, 1, squeeze=False, height_ratios=[5.0, 5.0, 3.5])
    top, middle, bottom = rows[:, 0]
    _phase_maps(top, dataset)
    _middle(middle, dataset, float(divergence.g_factor))
    _across_border(bottom, divergence)
    axes = [axis for part in (top, middle, bottom) for axis in part.axes if axis.get_title("left")]
    for letter, axis in zip(ascii_lowercase, axes, strict=False):
        axis.set_title(f"{letter}  {axis.get_title('left')}", loc="left", fontsize="medium")
    figure.suptitle(f"Sweep {name}, {n_seeds} seed{'s' if n_seeds > 1 else ''}", fontsize="medium")
    return figure


def _phase_maps(figure: SubFigure, dataset: xr.Dataset) -> None:
    axes = figure.subplots(1, len(panels.BACKEND_TITLES), sharex=True, sharey=True)
    there = [backend for backend in panels.BACKEND_TITLES if backend in dataset.backend]
    panel = dict(zip(panels.BACKEND_TITLES, axes, strict=True))
    legend = phases.draw_row([panel[backend] for backend in there], dataset.sel(backend=there))
    for backend, axis in panel.items():
        axis.set_title(panels.BACKEND_TITLES[backend], loc="left")
        axis.set_title("")
        axis.set_xlabel("g_factor (inhibition)")
        if backend not in there:
            _say(axis, "not in this sweep")
            continue
        one = dataset.sel(backend=backend)
        if BACKENDS[backend].has_theory:
            _spectra(axis, one, legend)
        if phases.borders(one).isnull().all():
            axis.set_title(f"{panels.BACKEND_TITLES[backend]}: no border in range", loc="left")
    axes[0].set_ylabel("q_factor (recurrent gain)")
    panels.explain(figure, legend)


def _spectra(axis: Axes, one: xr.Dataset, legend: dict) -> None:
    border = one.network_critical_q.mean("seed").sortby("g_factor")
    if border.notnull().any():
        text = "theory of the seeds' own matrices: mean"
        look: dict[str, Any] = {"color": "black", "linewidth": 1.6, "linestyle": "-."}
        axis.plot(border.g_factor, border, path_effects=panels.HALO, **look)
        legend[text] = Line2D([], [], label=text, **look)


def _middle(figure: SubFigure, dataset: xr.Dataset, g_factor: float) -> None:
    integers, exponents, damages = figure.subplots(1, 3)
    legend = panels.colours_of(dataset.backend.values.tolist())
    integers.set_title(_moves(dataset), loc="left")
    integers.set(xlabel="g_factor (inhibition)", ylabel="q_factor (recurrent gain)")
    if pairs(dataset.backend.values):
        _integers(figure, integers, dataset, legend)
    else:
        _say(integers, f"needs {pairs_in_words()}".replace(" and ", "\nand "))
    one = dataset.sel(g_factor=g_factor).sortby("q_factor")
    _exponents(exponents, one, legend)
    _damage_along_q(damages, one, legend)
    for axis, what in ((exponents, "Exponents"), (damages, "Damage")):
        axis.set_title(f"{what} at g_factor {g_factor:g}", loc="left")
        axis.set_xlabel("q_factor (recurrent gain)")
        sns.despine(ax=axis)
    panels.explain(figure, legend)


def _moves(dataset: xr.Dataset) -> str:
    """What colour is; how far integers move the border: the range of networks that have both."""
    found = pairs(dataset.backend.values)
    if not found:
        return _RATIO
    real, integer = found[0]
    borders = phases.borders(dataset)
    moved = 100 * (borders.sel(backend=integer) / borders.sel(backend=real) - 1)
    if moved.isnull().all():
        return _RATIO
    low, high = (f"{float(end):+z.1f}".replace("-", "−") for end in (moved.min(), moved.max()))
    how = "refined" if dataset.refined_q.notnull().any() else "interpolated on this grid"
    return (
        f"{_RATIO};\nintegers move borders by {low} to {high} %,\n"
        f"the range of {int(moved.notnull().sum())} pairs, {how}"
    )


def _exponents(axis: Axes, one: xr.Dataset, legend: phases.Legend) -> None:
    axis.set_ylabel("largest Lyapunov exponent\n(1 / time constant)")
    band: dict[str, Any] = {"color": "0.93", "linewidth": 0}
    axis.axhspan(-1, 1, zorder=0, **band)
    legend[_LINEAR] = Patch(label=_LINEAR, **band)
    for backend in (name for name, row in BACKENDS.items() if row.has_exponent):
        _along_q(axis, one, "lyapunov_exponent_per_time_constant", backend, legend)
    theory = one.theory_lyapunov_exponent
    if theory.notnull().any():
        theory = theory.mean([name for name in theory.dims if name != "q_factor"])
        look: dict[str, Any] = {"color": "black", "linestyle": "--"}
        axis.plot(one.q_factor, theory, **look)
        legend["theory"] = Line2D([], [], label="mean-field theory of the exponent", **look)
    axis.axhline(0, color="0.4", linewidth=0.8)
    axis.set_yscale("symlog", linthresh=1, linscale=1)
    low, high = axis.get_ylim()
    ticks = [tick for tick in (-20, -10, -5, -2, -1, 0, 1, 2, 5) if low <= tick <= high]
    axis.set_yticks(ticks, [f"{tick}" for tick in ticks])
    axis.minorticks_off()


def _damage_along_q(axis: Axes, one: xr.Dataset, legend: phases.Legend) -> None:
    axis.set_ylabel("damage\n(1: as independent trains)")
    for cause in _causes():
        text, line = _look(cause)
        for backend in (name for name, row in BACKENDS.items() if cause in row.perturbations):
            breadth = panels.BREADTH[backend]
            if _along_q(axis, one, f"{cause}_damage", backend, legend, breadth, linestyle=line):
                label = f"damage by {text}"
                look: dict[str, Any] = {"color": "0.4", "linestyle": line}
                legend[label] = Line2D([], [], label=label, **look)
    axis.axhline(SPREAD_FROM, color="0.4", linewidth=0.8)


def _causes() -> list[str]:
    """What the backends perturb, in the order of their rows."""
    return list(dict.fromkeys(cause for row in BACKENDS.values() for cause in row.perturbations))


def _look(cause: str) -> tuple[str, str]:
    return _CAUSES.get(cause, (f"one {cause}", "-."))


def _integers(figure: SubFigure, axis: Axes, dataset: xr.Dataset, legend: phases.Legend) -> None:
    names = pairs(dataset.backend.values)[0]
    real, integer = (dataset.sel(backend=name) for name in names)
    ratio = integer.c0 / real.c0
    found = ratio.where(ratio > 0)
    mean = np.exp(np.log(found).mean("seed"))
    norm = panels.norm_around_one(mean)
    image = panels.draw_map(axis, mean.expand_dims("seed"), norm, colours=panels.RATIO_COLOURS)
    panels.log_bar(figure, image, axis)
    broken = (integer.phase == Phase.BROKEN).mean("seed") > 0.5
    panels.fill(axis, broken, _INTEGERS_BROKEN, legend)
    panels.fill(axis, found.isnull().all("seed") & ~broken, _NO_C0, legend)
    either = (found > 1).any("seed") & (found < 1).any("seed")
    doubt = panels.doubt_of_numbers(dataset.sel(backend=list(names)), either, _DIFFERS)
    cells = doubt.cells.any("backend") & found.notnull().any("seed") & ~broken
    panels.Doubt(cells.expand_dims(backend=names[1:]), doubt.text).draw(axis, names[1], legend)
    _mark_differences(axis, real, integer, ~cells, legend)
    for name, one in zip(names, (real, integer), strict=True):
        phases.draw_border(axis, one, {}, panels.BACKEND_COLOURS[name], panels.BREADTH[name])


def _mark_differences(
    axis: Axes, real: xr.Dataset, integer: xr.Dataset, sure: xr.DataArray, legend: phases.Legend
) -> None:
    """A plus where c(0) of integers differs on every seed that has both, by the errors of both.

    Only where cells are `sure`, as errors in doubt tell no difference.
    """
    distance = abs(integer.c0 - real.c0) / np.hypot(integer.c0_error, real.c0_error)
    both = (integer.c0 * real.c0).notnull()
    cells = ((distance > 2) | ~both).all("seed") & both.any("seed") & sure
    q, g = np.nonzero(cells.transpose("q_factor", "g_factor").values)
    if q.size:
        look: dict[str, Any] = {"linestyle": "none", "marker": "+", "color": "black"}
        axis.plot(cells.g_factor.values[g], cells.q_factor.values[q], **look)
        legend[_BEYOND] = Line2D([], [], label=_BEYOND, **look)


def _along_q(
    axis: Axes, one: xr.Dataset, name: str, backend: str, legend: phases.Legend,
    breadth: float = 1.0, **style: Any,
) -> bool:  # fmt: skip
    """Median over seeds, and each seed; a triangle stands at the mean border. False: no numbers."""
    if backend not in one.backend.values or one[name].sel(backend=backend).isnull().all():
        return False
    one = one.sel(backend=backend)
    values = one[name].transpose("q_factor", "seed")
    colour = panels.BACKEND_COLOURS[backend]
    axis.plot(one.q_factor, values, color=colour, linewidth=0.6 * breadth, alpha=0.6, **style)
    axis.plot(
        one.q_factor, values.median("seed"), color=colour, linewidth=2 * breadth,
        marker=".", markersize=6 * breadth, **style,
    )  # fmt: skip
    at, bottom = [float(phases.borders(one).mean())], axis.get_xaxis_transform()
    axis.plot(at, [0.0], "^", color=colour, clip_on=False, transform=bottom, markersize=5 * breadth)
    if np.isfinite(at).any():
        legend["triangle"] = Line2D(
            [], [], linestyle="none", marker="^", color="0.4", label=_TRIANGLE
        )
    return True


def _across_border(figure: SubFigure, divergence: xr.Dataset) -> None:
    axes = figure.subplots(1, len(_PLACES), sharex=True, sharey=True)
    legend: dict[str, Line2D] = {}
    for axis, (place, title) in zip(axes, _PLACES.items(), strict=True):
        axis.set_xlabel("time since the perturbation (steps)")
        axis.set_title(title.capitalize(), loc="left")
        if place not in divergence.place.values:
            _say(axis, "no border in the sweep's range")
            continue
        one = divergence.sel(place=place)
        at = f"q_factor {float(one.q_factor):.3g}, g_factor {float(one.g_factor):g}"
        axis.set_title(f"{title.capitalize()}:\n{at}", loc="left")
        for backend in one.backend.values:
            for cause in one.cause.values:
                _damages(axis, one.sel(backend=backend, cause=cause), legend)
        axis.axhline(1, color="0.4", linewidth=0.8)
        axis.set(yscale="log", ylim=(_NOT_BELOW, 3), xlim=(0, None))
        sns.despine(ax=axis)
    axes[0].set_ylabel("damage (1: as independent trains)")
    panels.explain(figure, legend, n_columns=2)


def _damages(axis: Axes, one: xr.Dataset, legend: dict) -> None:
    backend, cause = str(one.backend.values), str(one.cause.values)
    text, line = _look(cause)
    style: dict[str, Any] = {"color": panels.BACKEND_COLOURS[backend], "linestyle": line}
    for seed in one.seed.values:
        damage = one.damage.sel(seed=seed)
        axis.plot(one.step, damage.where(damage > 0), linewidth=0.9, alpha=0.8, **style)
    if (one.fate == Fate.BROKEN).any():
        _say(axis, "broken mapping", keep=True)
    if cause == "bit" and (one.fate == Fate.HEALED).all() and not one.damage.any():
        n = int(one.trials.sum())
        note = f"fraction of flipped bits that heal:\n{n} of {n}, and none changes a spike"
        axis.set_xlabel(f"{axis.get_xlabel()}\n{note}")  # below, where it covers no curve
    label = f"{panels.BACKEND_TITLES[backend]}, {text}"
    if (one.damage > 0).any():
        legend[label] = Line2D([], [], label=label, **style)


def _say(axis: Axes, text: str, *, keep: bool = False) -> None:
    axis.text(0.5, 0.5, text, transform=axis.transAxes, ha="center", va="center", color="0.4")
    if not keep:
        axis.set(xticks=[], yticks=[])
