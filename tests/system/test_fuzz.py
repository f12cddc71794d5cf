"""Whatever a user gives: a clear sentence or a correct run, never a traceback or half a file."""

import contextlib
import copy
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml
from hypothesis import HealthCheck, event, example, given, reject, settings
from hypothesis import strategies as st
from tiny_sweep import SWEEP, VALID, copy_gathered, simulate_and_gather, values_of

from eiphase.cli import commands
from eiphase.errors import DatasetError, SweepError
from eiphase.jobs.datasets import tile_file
from eiphase.sweep import load as config
from eiphase.sweep.schema import Sweep
from eiphase.variables import VARIABLES

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.integers(-3, 40)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["rate", "lif_float", "tutorial", "standard", "identity"])
    | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=6) | st.integers(), inner, max_size=3)
        | st.fixed_dictionaries({"start": inner, "stop": inner, "count": inner})
    ),
    max_leaves=6,
)


def keys_of(config, above=()):
    for key, value in config.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from keys_of(value, (*above, key))


FULL = Sweep.model_validate(VALID).model_dump(mode="json")
KEYS = sorted(keys_of(FULL))


@st.composite
def around_the_schema(draw):
    """A valid config with a few keys replaced, removed or added anywhere."""
    config = copy.deepcopy(FULL)
    for _ in range(draw(st.integers(1, 3))):
        *above, key = draw(st.sampled_from(KEYS))
        section = config
        for name in above:
            section = section.get(name) if isinstance(section, dict) else None
        if not isinstance(section, dict):
            continue
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                section[key] = draw(ANYTHING)
            case "remove":
                section.pop(key, None)
            case "add":
                section[draw(st.text(max_size=6) | st.integers() | st.none())] = draw(ANYTHING)
    return config


def load(text):
    """The sweep, or the sentence that refuses it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fuzz.yaml"
        path.write_bytes(text)
        try:
            return config.load(path)
        except SweepError as error:
            message = str(error)
            assert str(path) in message
            assert "\n" not in message
            assert len(message) < 500
            return message


@settings(max_examples=150)
@given(around_the_schema() | ANYTHING)
def test_a_config_is_a_sweep_or_a_sentence(config):
    found = load(yaml.safe_dump(config, allow_unicode=True).encode("utf-8", "surrogatepass"))
    event("valid" if isinstance(found, Sweep) else "refused")
    if isinstance(found, Sweep):
        assert Sweep.model_validate_json(found.model_dump_json()) == found
        assert list(found.all_tiles())


@settings(max_examples=150)
@given(
    st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))
)
@example(b"network: &a {neurons: *a}")
@example(b"? [1]\n: 2")
@example(b"!!python/object:os.system x")
@example(b"\xff\xfe")
@example(b"a: 2001-13-45")
@example(b"a: !!int x")
@example(b"<<: 3")
def test_a_file_is_a_sweep_or_a_sentence(content):
    load(content)


@st.composite
def small_sweeps(draw):
    """Valid ones, that run in a moment."""
    boxcar = draw(st.integers(1, 12))
    burn_in = draw(st.integers(boxcar - 1, 30))
    steps = 2 * burn_in + draw(st.integers(4, 60))
    rate_to_lif = draw(st.sampled_from(["tutorial", "identity"]))
    step_size = draw(st.floats(0.001, 0.1))

    def factors(smallest):
        one = st.floats(smallest, 1e4)
        return st.lists(one, min_size=1, max_size=3, unique_by=lambda value: f"{value:.12g}")

    config = {
        "network": {
            "neurons": draw(st.integers(5, 30)),
            "step_size": step_size,
            "bias": draw(st.floats(1e-6, 10)),
            "refractory": draw(st.integers(0, 9)) * step_size,
        },
        "grid": {
            "q_factor": draw(factors(0.3)),
            # The tutorial's mapping needs more inhibition than N_I / N_E, which N rounds.
            "g_factor": draw(factors(0.7 if rate_to_lif == "tutorial" else 0.3)),
        },
        "seeds": draw(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=2, unique=True)),
        "backends": ["rate", "lif_float", "lif_bit_accurate"],
        "simulation": {"steps": steps, "burn_in": burn_in, "max_lag": draw(st.integers(1, 3))},
        "mapping": {"rate_to_lif": rate_to_lif},
        "observables": {
            "autocovariance": draw(st.sampled_from(["standard", "tutorial"])),
            "boxcar": boxcar,
        },
    }
    return Sweep.model_validate(config)


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@given(small_sweeps())
def test_a_valid_sweep_runs_and_keeps_its_contract(sweep):
    with tempfile.TemporaryDirectory() as name:
        found = xr.load_dataset(simulate_and_gather(sweep, Path(name)))
    for observable in ("c0", "decay_time"):
        flag = found[f"{observable}_flag"]
        assert (flag >= 0).all()
        assert found[observable].isnull().equals(flag != 0)
        assert (found[observable] >= 0).where(flag == 0, True).all()


def command(*arguments):
    """Exit code and what was printed of a command; a traceback fails the test."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        code = commands.main([str(argument) for argument in arguments])
    return code, error.getvalue()


def refused_or_read(*arguments):
    code, error = command(*arguments)
    assert "Traceback" not in error
    if code:
        assert error.startswith("eiphase: ")
        assert error.count("\n") == 1
    event("refused" if code else "read")
    return code


@dataclass(frozen=True)
class Files:
    tile: Path
    phase_map: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A tile and a phase map."""
    folder = tmp_path_factory.mktemp("fuzz")
    return Files(copy_gathered(folder)[0], folder / "phase_map.nc")


damages = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=20
)


def damaged(path, damage, kept):
    """A file's bytes, some of them changed, and in half of the cases the end cut off."""
    content = bytearray(path.read_bytes())
    for where, byte in damage:
        content[int(where * len(content))] = byte
    return content[: int(2 * kept * len(content))] if kept < 0.5 else content


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damages, st.floats(0, 1))
def test_a_damaged_tile_is_refused_or_equal(files, damage, kept):
    """Bytes changed anywhere, and the end cut off: the numbers are right, or there are none."""
    content = damaged(files.tile, damage, kept)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tile.nc"
        path.write_bytes(content)
        try:
            contents = tile_file.read(path, SWEEP)
        except DatasetError:
            event("refused")
            return
    event("read")
    (tile,) = (t for t in SWEEP.all_tiles() if (t.backend, t.seed, t.number) == ("rate", 1, 0))
    for name, values in values_of(tile).items():
        assert np.array_equal(contents.values[name], values), name


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damages, st.floats(0, 1))
def test_a_damaged_phase_map_is_shown_or_refused(files, damage, kept):
    content = damaged(files.phase_map, damage, kept)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "phase_map.nc"
        path.write_bytes(content)
        refused_or_read("show", path)


@st.composite
def strange_datasets(draw, path):
    """A phase map that someone has worked on."""
    found = xr.load_dataset(path)
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from([*VARIABLES, "seed", "lag", "backend", "q_factor"]))
        match draw(st.sampled_from(["drop", "type", "mean", "nan", "attribute", "empty", "text"])):
            case "drop":
                found = found.drop_vars(name, errors="ignore")
            case "type" if name in found.data_vars:
                found[name] = found[name].astype(draw(st.sampled_from(["i8", "f4", "?", "str"])))
            case "mean":
                numbers = [n for n in found.data_vars if found[n].dtype.kind in "fi"]
                found = found[numbers].mean(draw(st.sampled_from(sorted(found[numbers].dims))))
            case "nan" if name in found.data_vars:
                found[name] = found[name] * np.nan if found[name].dtype != object else found[name]
            case "attribute":
                found.attrs[draw(st.sampled_from(sorted(found.attrs) or ["title"]))] = draw(
                    st.integers(0, 9)
                    | st.text(st.characters(codec="ascii", min_codepoint=32), max_size=5)
                )
            case "empty":
                dimension = draw(st.sampled_from(sorted(found.dims) or ["lag"]))
                found = found.isel({dimension: slice(0, 0)}) if dimension in found.dims else found
            case "text" if name in found.data_vars:
                found[name] = "text"
    return found


@settings(max_examples=10, suppress_health_check=[*HealthCheck])
@given(data=st.data())
@pytest.mark.parametrize("name", ["show", "draw"])
def test_a_strange_dataset_is_read_or_refused(files, name, data):
    strange = data.draw(strange_datasets(files.phase_map))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "phase_map.nc"
        try:
            strange.to_netcdf(path)
        except (RuntimeError, ValueError, TypeError):  # nothing that netCDF can hold
            reject()
        outputs = [Path(folder) / "phase_maps.png", Path(folder) / "cut.png"]
        if name == "show":
            refused_or_read("show", path)
        elif refused_or_read("draw", path, *outputs):
            assert not [p for p in Path(folder).iterdir() if p.name.startswith(".")]
