"""Opens a phase map's page in headless Chromium, uses it, and compares its networks with eiphase's.

Not part of the tests, which need no browser: `make check-explorer`.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import browser
import numpy as np
import xarray as xr

from eiphase.backends import BACKENDS
from eiphase.explorer import write
from eiphase.jobs.datasets import netcdf
from eiphase.jobs.datasets.unmeasured import completed
from eiphase.networks import weights
from eiphase.simulation.backends import Settings, module
from eiphase.sweep.attributes import sweep_of
from eiphase.variables import VARIABLES

WIDTHS = (390, 1280, 1920)
STEPS = 1000
HOSTILE = "</title><img src=x onerror=hacked=1></script><script>hacked=1</script>"
IS_DONE = (
    "document.querySelectorAll('#networks article').length"
    " && seen().every(({ run }) => run && (run.result || run.problem))"
)


def simulated(phase_map: xr.Dataset, at: dict) -> np.ndarray | None:
    """Activity of a cell's network from rest by eiphase's kernels; None if there is no network."""
    sweep, point = sweep_of(phase_map), dict(at)
    backend = point.pop("backend")
    network = sweep.network_at(point["q_factor"], point["g_factor"], int(point["seed"]))
    half = weights.half_gaussian_of(network)
    simulator = module(backend).Simulator(Settings(half, sweep.mapping, STEPS, STEPS))
    source = completed(phase_map, VARIABLES).sel(point)
    source = source.sel(backend=BACKENDS[backend].takes_from or backend)
    prepared = simulator.prepare(network, source)
    if prepared.problem is not None:
        return None
    (block,) = simulator.start([prepared]).advance(STEPS)
    return block.activity


def drawn(phase_map: xr.Dataset, n_cells: int, seed: int) -> Iterator[dict]:
    """Cells at random, of each backend equally many."""
    random = np.random.default_rng(seed)
    for k in range(n_cells):
        at = {"backend": str(phase_map.backend.values[k % phase_map.backend.size])}
        for name in ("q_factor", "g_factor", "seed"):
            at[name] = random.choice(phase_map[name].values).item()
        yield at


def problems_of_cells(
    page: browser.Browser, phase_map: xr.Dataset, cells: Iterable[dict]
) -> Iterator[str]:
    """How networks of the page differ from eiphase's; prints what was compared."""
    counts = {name: np.zeros(3, int) for name in phase_map.backend.values.tolist()}
    for at in cells:
        cell = "&".join(f"{name.removesuffix('_factor')}={value}" for name, value in at.items())
        if not runs(page, cell):
            yield f"{cell}: it does not end"
            continue
        expected = simulated(phase_map, at)
        if expected is not None:
            n_different = count_different(page, expected, at["backend"])
            counts[at["backend"]] += 1, expected.size, n_different
            if n_different:
                yield f"{cell}: {n_different} of {expected.size} values differ"
        elif not page.evaluate("runners[0].run.problem"):
            yield f"{cell}: eiphase has no network"
    for name, (n_cells, n_values, n_different) in counts.items():
        print(f"{name}: {n_cells} networks, {n_values} values, of which {n_different} differ")


def runs(page: browser.Browser, cell: str) -> bool:
    """Whether the page runs a cell's network to its end."""
    page.evaluate(f"location.hash = '{cell}&steps={STEPS}'; openAddress()")
    return page.wait_for(f"runners[0].run.steps === {STEPS} && {IS_DONE}")


def count_different(page: browser.Browser, expected: np.ndarray, backend: str) -> int:
    """How many values of the page's activity differ from eiphase's."""
    dtype = "u1" if BACKENDS[backend].spiking else "f8"
    found = page.array("runners[0].run.activity", dtype).reshape(STEPS, -1)
    return np.count_nonzero(found != expected)


def problems_of_use(page: browser.Browser, file: Path) -> Iterator[str]:
    """What a visitor would miss, a sentence each."""
    for width in WIDTHS:
        page.open(file, width)
        if not page.wait_for("globalThis.runners !== null && document.readyState === 'complete'"):
            yield f"{width} pixels: it does not open"
        if not page.wait_for(IS_DONE):
            yield f"{width} pixels: the first network does not end"
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            yield f"{width} pixels: it is wider than the screen"
    for words in ("", "abc"):
        told = page.evaluate(f"location.hash = 'steps={words}'; openAddress(); said.textContent")
        if page.evaluate("form.steps.value !== form.steps.defaultValue"):
            yield f"steps={words} in the address: it does not run the usual number of steps"
        if "Steps takes whole numbers" not in told:
            yield f"steps={words} in the address: nothing is said of it"
    yield from problems_of_numbers(page)
    before = page.evaluate("location.hash")
    page.evaluate("document.getElementById('picture').focus()")
    for key in ("ArrowLeft", "ArrowUp", "Enter"):
        page.press(key)
    if page.evaluate("location.hash") == before:
        yield "keys change nothing"
    if page.evaluate("document.querySelectorAll('#networks article').length") != 2:
        yield "Enter puts no network beside"
    page.evaluate("showCellTip(view.at, { clientX: 99, clientY: 99 })")
    page.press("2")  # LIF neurons, as only they fire once more
    if page.evaluate("runners[0].run.backend === seen().at(1)?.run.backend"):
        yield "a network stands beside itself"
    if not page.evaluate("document.getElementById('tip').hidden"):
        yield "a tooltip stays when another backend is chosen"
    page.evaluate("form.spike.click()")
    if not page.evaluate("location.hash.includes('spike')"):
        yield "one more spike cannot be chosen"
    for name in page.evaluate("[...form.variable.options].map(({ value }) => value)"):
        page.evaluate(f"choose({{ variable: '{name}' }})")
    if not page.wait_for(IS_DONE):
        yield "one more spike does not end"
    yield from page.complaints()


def problems_of_numbers(page: browser.Browser) -> Iterator[str]:
    """What is not told of numbers that a network cannot have."""
    page.evaluate("choose({ q: '-3' })")
    if "q_factor takes numbers" not in page.evaluate("said.textContent"):
        yield "q = -3: nothing is said of it"
    backends = page.evaluate("map.backends.map(({ name, runsBetween }) => [name, runsBetween])")
    for name, runs_between in backends:
        page.evaluate(f"choose({{ backend: '{name}', q: map.axes.q_factor.values[0] + 1e-3 }})")
        if ("at grid points only" in page.evaluate("said.textContent")) == runs_between:
            yield f"{name} between grid points: what is said of it is wrong"
    page.evaluate("openAddress()")


def problems_of_hostile_texts(
    page: browser.Browser, phase_map: xr.Dataset, file: Path
) -> Iterator[str]:
    """What a text of the dataset does that it should not do."""
    changed = phase_map.assign_attrs(title=HOSTILE, sweep=HOSTILE, commit=HOSTILE)
    for variable in changed.data_vars.values():
        variable.attrs["comment"] = HOSTILE
    write.write(changed, file)
    page.open(file)
    page.wait_for(IS_DONE)
    page.evaluate(
        "location.hash = 'length=1&innerHTML=%3Cimg%3E&action=x&=png&steps=500'; openAddress()"
    )
    if page.evaluate("view.steps !== 500"):
        yield "an address with words that the page does not know is not read"
    page.evaluate(
        "location.hash = 'x=q_factor&y=q_factor&spike=false&steps=1';"
        "view = undefined; openAddress()"  # as where the page opens with it
    )
    if page.evaluate("view.x === view.y"):
        yield "an address draws an axis against itself"
    if page.evaluate("form.spike.checked || view.steps < 5 * map.measured.boxcar"):
        yield "an address asks for a spike, or for less than a burn-in, that there is not"
    if page.evaluate("globalThis.hacked !== undefined || document.querySelector('img') !== null"):
        yield "a text of the dataset becomes a part of the page"
    if page.evaluate("document.querySelector('h1').textContent") != HOSTILE:
        yield "the title is not shown as it is"
    yield from page.complaints()


def problems(program: str, dataset: Path, n_cells: int, seed: int) -> Iterator[str]:
    """What is wrong with the page of a dataset, a sentence each."""
    with netcdf.open_phase_map(dataset) as opened, tempfile.TemporaryDirectory() as folder:
        phase_map = opened.load()
        file = Path(folder, "explorer.html")
        write.write(phase_map, file)
        with browser.Browser(program) as page:
            yield from problems_of_use(page, file)
            page.open(file)
            page.wait_for(IS_DONE)
            yield from problems_of_cells(page, phase_map, drawn(phase_map, n_cells, seed))
            yield from problems_of_hostile_texts(page, phase_map, Path(folder, "hostile.html"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--cells", type=int, default=9, help="how many networks to compare")
    parser.add_argument("--seed", type=int, default=1, help="of their draw")
    options = parser.parse_args()
    well = f"is as it should be, and {options.cells} networks equal eiphase's"
    return browser.checked(
        "check-explorer",
        options.dataset,
        lambda program: problems(program, options.dataset, options.cells, options.seed),
        well,
    )


if __name__ == "__main__":
    sys.exit(main())
