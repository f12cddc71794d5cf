"""The real workflow, end to end: Snakemake, Lava, netCDF, figures."""

import re

import jupytext
import numpy as np
import pytest
import warm
import xarray as xr
import yaml
from conftest import REPOSITORY
from counts import autocovariance_of_counts
from tiny_sweep import changed, simulate_and_gather
from tiny_workflow import TINY, run_sweep, snakemake

from eiphase import figures
from eiphase.errors import DatasetError
from eiphase.flags import Flag
from eiphase.jobs.notebook import execute
from eiphase.lava.reference import ei_network
from eiphase.lava.reference.ei_network import EINetwork
from eiphase.mapping import float_to_integer, rate_to_lif
from eiphase.networks import weights as network
from eiphase.networks.weights import Network
from eiphase.observables import fluctuation
from eiphase.sweep.schema import Sweep


def test_draws_what_it_promises(sweep):
    _, results, _, _ = sweep
    for name in ("phase_maps", "fluctuations", "cut", "autocovariance", "mapping", "phases"):
        assert (results / f"figures/{name}.png").stat().st_size > 10_000
        assert (results / f"figures/{name}.pdf").stat().st_size > 5_000


def test_shows_progress_over_all_tiles_and_jobs_and_no_rules(sweep):
    _, results, _, log = sweep
    counts = [int(n) for n in re.findall(r"simulated (\d+) of 36 networks", log)]
    assert counts == sorted(counts)
    assert counts[-1] == 36
    assert "16 of 16 steps (100%) done" in log  # two of them find spectra, one for each seed
    assert "rule simulate:" not in log
    # Of the jobs' own files none stays; `printed` is there if a tile took long enough to tell.
    assert {path.name for path in (results / "tiles/progress").iterdir()} <= {"printed"}


def test_every_point_is_there(sweep):
    _, _, dataset, _ = sweep
    assert dict(dataset.sizes) == {
        "backend": 3, "q_factor": 3, "g_factor": 2, "seed": 2, "lag": 101,
    }  # fmt: skip
    assert np.isfinite(dataset.autocovariance).all()
    assert (dataset.c0_flag >= 0).all()
    assert dataset.c0.isnull().equals(dataset.c0_flag != Flag.OK)
    assert dataset.decay_time.isnull().equals(dataset.decay_time_flag != Flag.OK)
    spiking = dataset.sel(backend=["lif_float", "lif_bit_accurate"])
    assert np.isfinite(spiking.weight_scale).all()
    assert np.isfinite(dataset.integer_threshold.sel(backend="lif_bit_accurate")).all()
    assert dataset.weight_scale.sel(backend="rate").isnull().all()


def test_a_weak_rate_network_is_at_a_fixed_point_and_a_strong_one_is_not(sweep):
    _, _, dataset, _ = sweep
    flags = dataset.c0_flag.sel(backend="rate", g_factor=6.0)
    assert (flags.sel(q_factor=0.5) == Flag.UNDEFINED).all()
    assert (flags.sel(q_factor=9.0) == Flag.OK).all()


@pytest.mark.parametrize("backend", TINY["backends"])
def test_a_point_equals_the_step_by_step_reference(sweep, backend):
    """The whole way, against Lava's own models and the estimator's kernel."""
    _, _, dataset, _ = sweep
    point = Network(n_neurons=40, q_factor=4.0, g_factor=6.0, seed=7)
    half = network.half_gaussian(network.gaussian_matrix(40, 7))
    lif_network, _ = rate_to_lif.rate_to_lif(half, point, "tutorial")
    if backend == "rate":
        weights = network.weights(half, q_factor=4.0, g_factor=6.0)
        process = EINetwork.rate(weights, step_size=0.01, bias=0.1)
    elif backend == "lif_float":
        process = EINetwork.lif(lif_network)
    else:
        cell = dataset.sel(backend="lif_float", q_factor=4.0, g_factor=6.0, seed=7)
        names = float_to_integer.DynamicRange.__dataclass_fields__
        ranges = float_to_integer.DynamicRange(**{name: float(cell[name]) for name in names})
        process = EINetwork.loihi(float_to_integer.tutorial(lif_network, ranges))
    activity = ei_network.simulate(process, backend, 500)
    if backend == "rate":
        expected = fluctuation.standard_autocovariance(activity[200:], max_lag=100)
    else:
        expected = autocovariance_of_counts(activity, first=200, window=25, max_lag=100)
    found = dataset.autocovariance.sel(backend=backend, q_factor=4.0, g_factor=6.0, seed=7)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * expected[0])


# As a notebook draws the figures of a cell when it ends.
DRAWN = """
for number in plt.get_fignums():
    plt.figure(number).draw_without_rendering()
    print("drawn")
plt.close("all")
"""


@pytest.mark.parametrize(
    ("changes", "n_figures"),  # beside maps, strong maps, border, cut and the network
    [
        ({"backends": ["lif_bit_accurate"]}, 2),
        ({"backends": ["rate"], "observables": {"unbiased": False},
          "grid": {"q_factor": [9.0, 0.5, 4.0], "g_factor": [5.0]}}, 0),
        ({"backends": ["lif_float"], "observables": {"autocovariance": "tutorial", "boxcar": 10},
          "simulation": {"steps": 600, "burn_in": 200, "max_lag": 100},
          "grid": {"q_factor": [2.0], "g_factor": [6.0, 4.5]},
          "mapping": {"rate_to_lif": "identity"}}, 1),
    ],
    ids=str,
)  # fmt: skip
def test_the_notebook_runs_on_any_sweep(tmp_path, changes, n_figures):
    """Its cells, without a kernel; another test starts one."""
    config = TINY | {"seeds": [3]} | changes
    sweep = Sweep.model_validate(config)
    simulate_and_gather(sweep, tmp_path)
    cells = jupytext.read(REPOSITORY / "notebooks/phase_map.py", fmt="py:percent").cells
    code = [cell.source + DRAWN for cell in cells if cell.cell_type == "code"]
    (tmp_path / "walk.py").write_text("\n".join(code))
    run = warm.server().run("python", "walk.py", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("drawn") == 5 + n_figures


def test_a_notebook_that_fails_says_where(tmp_path):
    (tmp_path / "bad.py").write_text("# %%\nraise ValueError('the point of this test')\n")
    with pytest.raises(DatasetError, match=r"bad\.py: a cell failed: ValueError: the point"):
        execute(tmp_path / "bad.py", tmp_path / "bad.ipynb")
    assert not (tmp_path / "bad.ipynb").exists()


def test_the_report_is_one_page_that_needs_no_network(sweep):
    folder, *_ = sweep
    page = folder / "report.html"
    run = snakemake(folder, "--report", page, "--config", "sweep=tiny.yaml")
    assert run.returncode == 0, run.stderr
    html = page.read_text()
    loaded = re.findall(r"""<(?:script|img|link)[^>]*(?:src|href)=["']([^"']+)""", html)
    assert not [url for url in loaded if url.startswith(("http:", "https:", "//"))]
    pages = ("summary.html", "explorer.html")
    for text in ("phase_maps.png", "cut.png", "mapping.png", *pages, "Diagnostics"):
        assert text in html
    assert len(re.findall(r"data:image/png[^,]*base64,iVBORw0K", html)) == 7
    opening = re.search(r"workflow_desc = (.*)", html)[1]
    assert "data:image/png,%89%50%4e%47" in opening
    assert "System Message" not in html
    for _, title in figures.PHASE_MAP.values():
        assert html.count(f'"figure": "{title}"') == 1


def test_a_sweep_with_chaos_has_an_overview(sweep):
    _, results, *_ = sweep
    assert (results / "figures/overview.png").stat().st_size > 50_000
    assert (results / "figures/overview.pdf").stat().st_size > 20_000
    with xr.open_dataset(results / "divergence.nc") as divergence:
        assert float(divergence.g_factor) in TINY["grid"]["g_factor"]


def test_bits_without_chaos_are_refused_before_anything_runs(tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY | {"observables": {}}))
    run = snakemake(tmp_path, "precision", "--cores", "1", "--config", "sweep=tiny.yaml")
    assert run.returncode != 0
    assert "tiny.yaml does not measure chaos, which precision needs" in run.stderr
    assert not (tmp_path / "results").exists()


def test_nothing_runs_twice(sweep):
    folder, *_ = sweep
    run = snakemake(folder, "--cores", "1", "--config", "sweep=tiny.yaml")
    assert run.returncode == 0
    assert "Nothing to be done" in run.stdout + run.stderr


def test_a_network_beyond_all_bounds_is_a_flagged_result(tmp_path):
    config = TINY | {"grid": {"q_factor": [1e6], "g_factor": [1e6]}, "seeds": [1]}
    results, _ = run_sweep(tmp_path, config, "2", "gather")
    with xr.open_dataset(results / "phase_map.nc") as dataset:
        assert (dataset.c0_flag >= 0).all()
        assert dataset.c0_flag.sel(backend="lif_bit_accurate") == Flag.BROKEN


def test_a_job_that_fails_is_told_from_one_that_lost_its_file(tmp_path):
    """Its code must pass through what keeps its log."""
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY | {"backends": ["rate"]}))
    no_time = ["--set-resources", "simulate:runtime=0"]
    run = snakemake(tmp_path, "--cores", "1", *no_time, "--config", "sweep=tiny.yaml")
    assert run.returncode != 0
    assert "0 is not a number of seconds above 0" in run.stderr
    assert "CalledProcessError" in run.stderr
    assert "MissingOutputException" not in run.stderr


@pytest.mark.quick
def test_a_folder_with_a_space_is_fine(tmp_path):
    folder = tmp_path / "my sweeps"
    folder.mkdir()
    config = TINY | {"backends": ["rate"], "seeds": [1]}
    results, _ = run_sweep(folder, config, cores="1")
    assert sorted(path.name for path in (results / "figures").glob("*.png")) == [
        "autocovariance.png", "cut.png", "fluctuations.png", "phase_maps.png", "phases.png",
    ]  # fmt: skip


@pytest.mark.parametrize("option", ["swep=tiny.yaml", "sweep=3", "sweep=nowhere.yaml"])
def test_a_mistyped_option_is_said_so(tmp_path, option):
    run = snakemake(tmp_path, "--cores", "1", "--config", option)
    assert run.returncode != 0
    assert "only sweep is allowed" in run.stderr or "cannot be read" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (changed("grid.q_factor", []), "grid.q_factor is [], but it needs at least one value"),
        (changed("simulation.burn_in", 400), "simulation.burn_in is 400, but it must fit"),
        (changed("backends", ["gpu"]), "backends.0 is 'gpu', but input should be 'rate'"),
    ],
)
def test_bad_input_is_one_sentence_before_anything_runs(tmp_path, config, message):
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(config))
    run = snakemake(tmp_path, "--cores", "1", "--config", "sweep=bad.yaml")
    assert run.returncode != 0
    assert message in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "results").exists()


def test_each_rule_says_what_it_needs():
    for path in (REPOSITORY / "workflow/rules").glob("*.smk"):
        for rule in re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            for key in ("log:", "benchmark:", "threads:", "mem_mb=", "runtime="):
                assert key in rule, f"{path.name} lacks {key}"


def test_lint_finds_only_that_the_lock_is_the_environment(tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    run = snakemake(tmp_path, "--lint", "--config", "sweep=tiny.yaml")
    found = set(re.findall(r"^    \* (.*)", run.stdout + run.stderr, flags=re.MULTILINE))
    assert found == {"Specify a conda environment or container for each rule.:"}


def test_the_time_limit_of_jobs_is_set_where_snakemake_is_called(tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    limit = ["--set-resources", "simulate:runtime=5"]
    run = snakemake(
        tmp_path, "-n", "-p", "--quiet", "reason", *limit, "--config", "sweep=tiny.yaml"
    )
    commands = [line for line in run.stdout.splitlines() if "simulate-tile" in line]
    assert commands
    assert all("--time-limit $(( 5 * 60 ))" in line for line in commands)
