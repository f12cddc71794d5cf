"""Fixtures that several test modules share."""

import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import warm
from hypothesis import settings
from tiny_sweep import SWEEP, copy_gathered

import eiphase.lava.compatibility  # noqa: F401  before any test imports Lava
from eiphase.networks import weights as network
from eiphase.networks.weights import Network

# Runs through Lava fork processes and compile kernels: their time says nothing.
settings.register_profile("default", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("default")

# A shell's background job has SIGINT ignored, as have the jobs that tests then start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).parents[1]
PACKAGE = REPOSITORY / "src/eiphase"


TESTS = Path(__file__).parent
# Marked by the folder that they are in, or here: nobody has to write a marker.
FOLDERS = ("workflow", "system")
SLOW = (
    "chaos/test_lyapunov", "chaos/test_tangent", "cli/test_cli::test_a_file",
    "cli/test_cli::test_a_terminal",
    "cli/test_cli::test_closed_streams", "cli/test_cli::test_too_few", "figures/",
    "jobs/test_borders", "jobs/test_combining", "jobs/test_divergence", "jobs/test_gather",
    "jobs/test_refine", "jobs/test_tile_file::test_all_code", "jobs/test_verify", "lava/",
    "networks/test_loihi::test_runs_as", "numerics/test_jit",
    "observables/test_statistics::test_standard_error", "observables/test_uncertainty",
    "simulation/test_blas_threads", "simulation/test_growth", "simulation/test_precision",
    "simulation/test_tile", "test_house::test_a_fourth_backend",
    "theory/test_exponent::test_simulated", "theory/test_fixed_point",
    "theory/test_gaussian_averages::test_product",
    "theory/test_gaussian_averages::test_slope_product",
    "theory/test_meanfield::test_sampled", "tutorial/test_science",
)  # fmt: skip
# Begun first, so that they do not keep one worker for the end.
LONG = ("system/", *SLOW)
LONGEST = ("workflow/", "tutorial/test_science")
# No two tests share what takes long to make, so that they can be spread over workers.
SPREAD = ("simulation/test_growth", "system/test_faults", "system/test_supervisor")


def pytest_configure(config: pytest.Config) -> None:
    """Share one warm server among pytest-xdist's workers, which begin later than this."""
    if config.getoption("dist", "no") == "loadgroup" and not hasattr(config, "workerinput"):
        warm.share()


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test its markers, and its place among the others (pytest-xdist's `loadgroup`)."""
    for item in items:
        file = _name(item).split("::")[0]
        folder = file.split("/")[0]
        if folder in FOLDERS and item.get_closest_marker("quick") is None:
            item.add_marker(folder)
        if _name(item).startswith(SLOW):
            item.add_marker("slow")
        if "tiny_results" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("tiny_results"))
        elif not file.startswith(SPREAD):
            item.add_marker(pytest.mark.xdist_group(file))
    items.sort(
        key=lambda item: (not _name(item).startswith(LONGEST), not _name(item).startswith(LONG))
    )


def _name(item: pytest.Item) -> str:
    """File and test, such as `chaos/test_border::test_a_border`."""
    return f"{item.path.relative_to(TESTS).with_suffix('')}::{item.name}"


def copied_package(folder: Path) -> Path:
    """All of the code, without what is compiled of it, in a folder of its own, to be changed."""
    package = folder / "eiphase"
    return shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))


class Tutorial:
    """One of the source tutorial's two networks, with what the tutorial printed of it."""

    def __init__(self, name: str, gaussian: np.ndarray):
        self.name = name
        with np.load(Path(__file__).parent / "data/tutorial02.npz") as printed:
            self.printed = dict(printed)
        self.half = network.half_gaussian(gaussian)
        self.point = Network(
            n_neurons=400, q_factor=float(self.printed[f"q_{name}"]), g_factor=4.5, seed=1234
        )

    @property
    def weights(self) -> np.ndarray:
        point = self.point
        return network.weights(self.half, q_factor=point.q_factor, g_factor=point.g_factor)

    @property
    def rate_states(self) -> dict[int, np.ndarray]:
        """States that were printed, by step."""
        suffix = "_critical" if self.name == "critical" else ""
        steps = self.printed[f"rate_states{suffix}_steps"]
        return dict(zip(steps.tolist(), self.printed[f"rate_states_{self.name}"], strict=True))

    def spikes(self, backend: str) -> np.ndarray:
        """(time, neuron)"""
        packed = self.printed[f"{backend}_spikes_{self.name}"]
        return np.unpackbits(packed, axis=1)[:, :1000].T

    def autocovariance(self, backend: str) -> np.ndarray:
        """At lags 0 to 100."""
        return self.printed[f"autocov_{backend}_{self.name}"][100:]


@pytest.fixture(scope="session")
def tutorial() -> dict[str, Tutorial]:
    stream = np.random.RandomState(1234)
    return {
        name: Tutorial(name, stream.standard_normal((400, 400)))
        for name in ("balanced", "critical")
    }


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A folder with the files that `tiles` and `phase_map_file` copy."""
    folder = tmp_path_factory.mktemp("made")
    copy_gathered(folder)
    return folder


@pytest.fixture
def tiles(made, tmp_path) -> list[Path]:
    """Files of all tiles of `tiny_sweep.SWEEP`, with `tiny_sweep.values_of` in them."""
    paths = [SWEEP.tile_path(tile) for tile in SWEEP.all_tiles()]
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(made / path, tmp_path / path)
    return [tmp_path / path for path in paths]


@pytest.fixture
def phase_map_file(made, tmp_path) -> Path:
    """All of them, gathered."""
    return Path(shutil.copy(made / "phase_map.nc", tmp_path))
