"""The command line as a user meets it."""

import json
import subprocess
import sys
import webbrowser
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import warm
import xarray as xr
import yaml
from pseudo_terminal import counts, on_a_terminal
from tiny_sweep import SWEEP, VALID, with_all_variables

import eiphase
from eiphase.cli import commands, terminal, user_commands
from eiphase.flags import Flag, Phase
from eiphase.jobs.datasets import netcdf
from eiphase.simulation import single
from eiphase.sweep import provenance
from eiphase.variables import VARIABLES

QUICK = ["--neurons", "40", "--steps", "300", "--burn-in", "100", "--max-lag", "50"]
QUICK += ["--output", "recording.nc"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("backend", ["rate", "lif_float", "lif_bit_accurate"])
def test_simulate_prints_saves_and_draws(capsys, backend):
    arguments = ["simulate", "--q", "6", "--g", "5", "--backend", backend, *QUICK, "--plot"]
    assert commands.main(arguments) == 0
    printed = capsys.readouterr().out
    rows = [line.split()[0] for line in printed.splitlines() if line.strip()]
    looked_for = ["mean_rate", "c0", "c0_flag", "decay_time", "decay_time_flag"]
    assert [row for row in rows if row in VARIABLES][:5] == looked_for
    assert ("weight_scale" in printed) == (backend != "rate")
    assert ("voltage_clips" in printed) == (backend == "lif_bit_accurate")
    assert "\x1b[" not in printed  # no colours where there is no terminal
    assert Path("recording.png").read_bytes().startswith(b"\x89PNG")
    with xr.open_dataset("recording.nc") as found:
        assert found.sizes["step"] == 300
        assert found.autocovariance.sizes["lag"] == 51


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--q", "0", "--g", "5"], "--q is 0.0, but input should be greater than 0"),
        (
            ["--q", "1", "--g", "0.1", "--backend", "lif_float"],
            "--g is 0.1, but the tutorial mapping",
        ),
        (["--q", "1", "--g", "5", "--backend", "gpu"], "backend is 'gpu'"),
        (["--q", "1", "--g", "5", "--burn-in", "300"], "burn_in is 300"),
        (["--q", "1", "--g", "5", "--seed", "-1"], "seed is -1"),
        (["--q", "1", "--g", "5", "--neurons", "3"], "--neurons is 3, but input"),
        (
            ["--q", "1", "--g", "5", "--neurons", "20000", "--steps", "10000000"],
            "20000 neurons over 10000000 steps need 3,213.1 GB of memory, but",
        ),
    ],
)
def test_simulate_says_what_is_wrong_and_writes_nothing(capfd, tmp_path, arguments, message):
    assert commands.main(["simulate", *QUICK, *arguments]) == 1
    error = capfd.readouterr().err
    assert error.startswith("eiphase: ")
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_show_prints_what_is_in_a_phase_map(capsys, phase_map_file):
    assert commands.main(["show", "phase_map.nc"]) == 0
    printed = capsys.readouterr().out
    for text in ("rate, lif_float", "c0_flag", "censored", "decay_time", SWEEP.digest[:20]):
        assert text in printed
    assert commands.main(["show", "phase_map.nc", "--html", "summary.html"]) == 0
    page = Path("summary.html").read_text()
    assert "rate, lif_float" in page
    assert "decay_time_flag" in page


@pytest.mark.parametrize(
    ("platform", "screen", "has_screen"),
    [("linux", ":0", True), ("linux", None, False), ("darwin", None, True)],
)
def test_explore_writes_a_page_and_opens_it_where_there_is_a_screen(
    capsys, monkeypatch, phase_map_file, platform, screen, has_screen
):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    if screen:
        monkeypatch.setenv("DISPLAY", screen)
    monkeypatch.setattr(user_commands, "sys", SimpleNamespace(platform=platform))
    assert commands.main(["explore", "phase_map.nc"]) == 0
    assert "written: explorer.html" in capsys.readouterr().out
    page = Path("explorer.html").resolve()
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert opened == [page.as_uri()] * has_screen
    assert commands.main(["explore", "phase_map.nc", "--output", "a/b.html", "--no-open"]) == 0
    assert Path("a/b.html").read_bytes() == page.read_bytes()
    assert len(opened) == has_screen


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explore", "nowhere.nc"], "nowhere.nc cannot be read: No such file or directory."),
        (["explore", "recording.nc", "--output", "recording.nc"], "recording.nc is a file that is"),
        (["show", "nowhere.nc"], "nowhere.nc cannot be read: No such file or directory."),
        (["draw", "nowhere.nc", "cut.png"], "nowhere.nc cannot be read"),
        (["draw", "nowhere.nc", "cat.png"], "cat.png names no figure"),
        (["gather", "nowhere.yaml", "out.nc", "tile.nc"], "nowhere.yaml cannot be read"),
        (
            ["gather", "tiny.yaml", "out.nc", "tile.nc"],
            "tile.nc cannot be read: No such file",
        ),
        (
            ["refine", "tiny.yaml", "o.nc", "--tiles", ".", "--backend", "rate", "--seed", "1"],
            "tiny.yaml has no refinement.precision: nothing is to be refined.",
        ),
        (
            [
                "simulate-tile",
                "tiny.yaml",
                "o.nc",
                "--backend",
                "gpu",
                "--seed",
                "1",
                "--tile",
                "0",
            ],
            "backend is gpu, but the sweep has rate, lif_float only",
        ),
    ],
)
def test_errors_are_one_sentence(capfd, tmp_path, arguments, message):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(VALID))
    assert commands.main(arguments) == 1
    error = capfd.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]


@pytest.mark.parametrize("limit", ["0", "-3", "1.1e9", "inf", "nan", "soon"])
@pytest.mark.parametrize("command", ["simulate", "simulate-tile", "notebook"])
def test_a_time_limit_that_is_none_is_refused(capsys, tmp_path, command, limit):
    """A deadline that has passed, or that the system's clock cannot wait for."""
    arguments = {
        "simulate": ["--q", "1", "--g", "5"],
        "simulate-tile": ["a.yaml", "a.nc", "--backend", "rate", "--seed", "1", "--tile", "0"],
        "notebook": ["a.py", "a.ipynb"],
    }
    with pytest.raises(SystemExit):
        commands.main([command, *arguments[command], f"--time-limit={limit}"])
    said = f"--time-limit: {limit} is not a number of seconds above 0, up to 1e9"
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("limit", ["0.5", "1e9"])
def test_a_time_limit_is_in_seconds(limit):
    arguments = ["simulate", "--q", "1", "--g", "5", "--time-limit", limit]
    assert commands._parser().parse_args(arguments).time_limit == float(limit)


def test_an_output_that_cannot_be_written_is_said_so(capfd, tmp_path):
    (tmp_path / "file").write_text("")
    arguments = ["simulate", "--q", "6", "--g", "5", *QUICK, "--output", "file/recording.nc"]
    assert commands.main(arguments) == 1
    assert "file" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--steps", "300", "--max-lag", "400"],
            "max_lag is 400, but it must be less",
        ),
        (["--max-lag", "0"], "max_lag is 0"),
        (["--burn-in", "400"], "burn_in is 400"),
        (["--boxcar", "0"], "boxcar is 0"),
        (["--autocovariance", "fast"], "autocovariance is 'fast'"),
        (
            ["--backend", "lif_float", "--boxcar", "200"],
            "burn_in is 100, but with spiking",
        ),
        (["--output", "."], ". is a folder"),
        (["--output", "file/recording.nc"], "Not a directory"),
        (["--output", "/proc/recording.nc"], "/proc/recording.nc: "),
        (["--plot", "--output", "taken.nc"], "taken.png is a folder"),
    ],
    ids=str,
)
def test_everything_is_checked_before_a_simulation(
    capfd, tmp_path, monkeypatch, arguments, message
):
    """It may take hours."""
    monkeypatch.setattr(single, "simulate", lambda *_, **__: pytest.fail("it has begun"))
    (tmp_path / "file").write_text("")
    (tmp_path / "taken.png").mkdir()
    assert commands.main(["simulate", "--q", "6", "--g", "5", *QUICK, *arguments]) == 1
    error = capfd.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "taken.png"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "map.nc", "--html", "/proc/a.html"],
        ["gather", "a.yaml", "/proc/a.nc", "tile.nc"],
        ["draw", "map.nc", "cut.png", "/proc/cut.png"],
        ["draw-overview", "map.nc", "divergence.nc", "/proc/overview.png"],
        ["draw-tutorial", "--recordings", "a.nc", "--figures", "/proc/states.png"],
        ["compare", "map.nc", "--figures", "/proc/mappings.png"],
        ["remap", "a.yaml", "/proc/b.yaml", "--mapping", "corrected-full_range-5"],
        ["notebook", "a.py", "/proc/a.ipynb"],
        ["simulate-divergence", "map.nc", "/proc/divergence.nc"],
        ["refine", "a.yaml", "/proc/a.nc", "--tiles", ".", "--backend", "rate", "--seed", "1"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_output_is_checked_before_inputs_are_read(capsys, arguments):
    """Of which there are none here."""
    assert commands.main(arguments) == 1
    assert capsys.readouterr().err.startswith("eiphase: /proc/")


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "map.nc", "--html", "link.html"],
        ["gather", "a.yaml", "map.nc", "tile.nc", "link.html"],
        ["remap", "map.nc", "./map.nc", "--mapping", "corrected-full_range-5"],
        ["simulate-divergence", "map.nc", "map.nc"],
        ["notebook", "map.nc", "../{}/map.nc"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_is_read_is_never_written(capsys, tmp_path, arguments):
    Path("map.nc").write_text("precious")
    Path("link.html").symlink_to("map.nc")
    assert commands.main([argument.format(tmp_path.name) for argument in arguments]) == 1
    assert "is a file that is read: name another one to write." in capsys.readouterr().err
    assert Path("map.nc").read_text() == "precious"


# Runs several commands, and ends with the first exit code that is not 0.
ONE_BY_ONE = """
import json, sys
from eiphase.cli import commands
for words in json.loads(sys.argv[1]):
    try:
        code = commands.main(words)
    except SystemExit as ended:
        code = ended.code
    if code:
        sys.exit(code)
"""


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_fail_no_command(closed):
    Path("one_by_one.py").write_text(ONE_BY_ONE)
    simulate = ["simulate", "--q", "6", "--g", "5", *QUICK]
    words = json.dumps([["--version"], simulate, ["show", "recording.nc"]])
    run = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' one_by_one.py '{words}' {closed}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stderr) == (0, "")
    assert Path("recording.nc").exists()


def test_too_few_open_files_are_one_sentence():
    simulate = " ".join(["simulate --q 6 --g 5", *QUICK])
    run = subprocess.run(
        ["bash", "-c", f"ulimit -n 14; '{sys.executable}' -m eiphase.cli.commands {simulate}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1, run.stderr
    assert "The job needs more than its limits allow (Too many open files): raise" in run.stderr


def test_the_version_names_the_commit(capsys):
    with pytest.raises(SystemExit) as ended:
        commands.main(["--version"])
    assert ended.value.code == 0
    commit = provenance.origin()[0]
    assert capsys.readouterr().out == f"eiphase {metadata.version('eiphase')}, commit {commit}\n"


COMMANDS = (
    "simulate",
    "show",
    "compare",
    "simulate-tile",
    "remap",
    "refine",
    "spectra",
    "gather",
    "simulate-divergence",
    "draw",
    "draw-overview",
    "draw-tutorial",
    "notebook",
)


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_has_examples(capsys, command):
    with pytest.raises(SystemExit) as ended:
        commands.main([*command, "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "example" in printed
    assert "eiphase " + " ".join(command) in printed.split("example")[1]


def test_every_option_of_simulate_is_heeded(monkeypatch):
    given = {
        "--q": 6.5, "--g": 5.5, "--neurons": 41, "--seed": 2, "--draw": 1, "--step-size": 0.02,
        "--bias": 0.3, "--refractory": 0.04, "--rate-to-lif": "identity",
        "--float-to-integer": "tutorial", "--steps": 310, "--burn-in": 90, "--max-lag": 40,
        "--boxcar": 9, "--autocovariance": "tutorial", "--backend": "lif_bit_accurate",
    }  # fmt: skip
    assert commands.main(["simulate", *(str(word) for pair in given.items() for word in pair)]) == 0
    point = eiphase.Network(
        n_neurons=41, q_factor=6.5, g_factor=5.5, seed=2, draw=1, step_size=0.02, bias=0.3,
        refractory=0.04,
    )  # fmt: skip
    expected = eiphase.simulate(point, "lif_bit_accurate", steps=310, rate_to_lif="identity")
    observed = eiphase.measure(
        expected, burn_in=90, max_lag=40, boxcar=9, autocovariance="tutorial"
    )
    with xr.open_dataset("results/simulate/lif_bit_accurate-q6.5-g5.5-seed2.nc") as found:
        xr.testing.assert_identical(found.load(), expected.merge(observed))


def test_show_begins_with_each_backend_in_words(capsys, phase_map_file):
    """Of 12 networks each, made up."""
    found = xr.load_dataset(phase_map_file)
    found["phase"][:] = Phase.UNDECIDED
    found.c0_flag[0, 0, :, 0] = Flag.UNDEFINED
    found.c0_flag[0, 1, 0, 0] = Flag.TRANSIENT
    found.phase[0, 1, 1, :] = Phase.BROKEN
    found.phase[1, 0, :, 0] = Phase.SILENT
    found.phase[1, 1, 0, 0] = Phase.SATURATED
    netcdf.write(found, phase_map_file)
    assert commands.main(["show", "phase_map.nc"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "rate: of 12 networks 3 settle, 6 fluctuate, 1 is not stationary, "
        "2 are broken (see phase).",
        "lif_float: of 12 networks 8 fluctuate, 4 are saturated or silent.",
    ]
    with_chaos = with_all_variables(found)
    with_chaos.phase[0, 0, 0, 0] = Phase.CHAOS
    with_chaos.phase[1, 1, 1, :] = Phase.SENSITIVE
    netcdf.write(with_chaos, phase_map_file)
    commands.main(["show", "phase_map.nc"])
    rate, lif = capsys.readouterr().out.splitlines()[:2]
    assert rate.endswith(", 2 are broken (see phase); 1 is chaotic.")
    assert lif.endswith("silent; 2 are sensitive to one spike.")


def test_show_leaves_out_what_was_not_measured_and_cuts_no_word(
    capsys, phase_map_file, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "40")
    phase_map = with_all_variables(xr.load_dataset(phase_map_file))
    for name in set(VARIABLES) - set(xr.load_dataset(phase_map_file).data_vars):
        phase_map[name][:] = VARIABLES[name].fill
    netcdf.write(phase_map, phase_map_file)
    commands.main(["show", "phase_map.nc"])
    printed = capsys.readouterr().out
    assert not [line for line in printed.splitlines() if line.strip().startswith("lyapunov")]
    assert "fraction of neurons that fire in every step" in printed
    assert SWEEP.digest in printed
    assert "…" not in printed
    commands.main(["show", "phase_map.nc", "--html", "page.html"])
    assert "…" not in Path("page.html").read_text(encoding="utf-8")


def test_show_counts_flags_by_backend(capsys, phase_map_file):
    phase_map = xr.load_dataset(phase_map_file)
    phase_map.c0_flag.loc[{"backend": "lif_float", "q_factor": 6.0}] = 4
    netcdf.write(phase_map, phase_map_file)
    commands.main(["show", "phase_map.nc"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    rows = {words[0]: words[1:] for words in lines[: lines.index([]) + 25] if len(words) == 7}
    assert rows["c0_flag"] == ["ok", "censored", "undefined", "broken", "transient", "saturated"]
    counts = [words[1:] for words in lines if words[:1] == ["lif_float"] and len(words) == 7]
    assert counts[0] == ["6", "0", "0", "0", "6", "0"]
    counts = [words[1:] for words in lines if words[:1] == ["rate"] and len(words) == 7]
    assert counts[0] == ["12", "0", "0", "0", "0", "0"]
    span = next(words for words in lines if words[:1] == ["mean_rate"])
    assert span[1:4] == [
        f"{phase_map.mean_rate.min():.3g}",
        "to",
        f"{phase_map.mean_rate.max():.3g}",
    ]


@pytest.mark.parametrize("backend", ["rate", "lif_bit_accurate"])
def test_show_prints_what_is_in_a_recording(capsys, backend):
    arguments = ["simulate", "--q", "6", "--g", "5", "--backend", backend, *QUICK]
    assert commands.main(arguments) == 0
    observables = capsys.readouterr().out.split("written:")[0]
    assert commands.main(["show", "recording.nc"]) == 0
    printed = capsys.readouterr().out
    assert observables.strip() in printed
    words = [line.split() for line in printed.splitlines()]
    assert ["q_factor", "6.0"] in words
    assert ["seed", "1"] in words
    name = "state" if backend == "rate" else "spikes"
    assert [name, "300", "step", "x", "40", "neuron"] in [line[:6] for line in words]
    assert "code_digest" in printed
    assert commands.main(["show", "recording.nc", "--html", "recording.html"]) == 0
    assert "decay_time_flag" in Path("recording.html").read_text()


def test_show_of_a_tile_says_that_it_is_none(capsys, tiles):
    assert commands.main(["show", str(tiles[0])]) == 1
    assert "is not a phase map: it has no backend" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backend": None}, "it has no attribute backend"),
        ({"n_neurons": None}, "it has no attribute n_neurons"),
        ({"q_factor": None}, "it has no attribute q_factor"),
        ({"state": "text"}, "its state is of another kind"),
        ({"c0": [1.0, 2.0]}, "its c0 is of another kind"),
        ({"decay_time": "long"}, "its decay_time is of another kind"),
        ({"c0_flag": 77}, "its c0_flag is 77"),
    ],
    ids=str,
)
def test_show_refuses_what_only_looks_like_a_recording(capsys, change, message):
    """Of time and neurons, but from elsewhere."""
    found = xr.Dataset(
        {"state": (("step", "neuron"), np.zeros((3, 2))), "c0": 0.5, "c0_flag": 0},
        attrs={"backend": "rate", "n_neurons": 2, "q_factor": 1.0},
    )
    found.to_netcdf("recording.nc")
    assert commands.main(["show", "recording.nc"]) == 0
    ((name, value),) = change.items()
    if value is None:
        del found.attrs[name]
    elif np.ndim(value):
        found[name] = "time_of_day", value
    else:
        found[name] = xr.full_like(found[name], value, object) if name == "state" else value
    found.to_netcdf("foreign.nc")
    capsys.readouterr()
    assert commands.main(["show", "foreign.nc"]) == 1
    printed = capsys.readouterr()
    assert printed.err == f"eiphase: foreign.nc is no recording: {message}.\n"
    assert printed.out == ""


def test_a_picture_does_not_replace_its_recording(capsys):
    arguments = ["simulate", "--q", "6", "--g", "5", *QUICK, "--plot", "--output", "x.png"]
    assert commands.main(arguments) == 1
    assert "where --plot is to put the picture" in capsys.readouterr().err


def test_a_terminal_sees_the_steps_of_a_simulation(tmp_path):
    code, shown = on_a_terminal("simulate", "--q", "6", "--g", "5", *QUICK)
    assert code == 0
    assert "simulating, rate" in shown
    assert counts(shown)[-1] == ("300", "300")
    assert "\x1b[" in shown


def test_a_terminal_sees_tiles_figures_and_cells_counted(tiles, tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(VALID))
    code, shown = on_a_terminal("gather", "tiny.yaml", "phase_map.nc", *tiles)
    assert (code, counts(shown)[-1]) == (0, (str(len(tiles)), str(len(tiles))))
    assert "gathering" in shown
    code, shown = on_a_terminal("draw", "phase_map.nc", "cut.png", "cut.pdf", "mapping.png")
    assert (code, counts(shown)) == (0, [("1", "2"), ("2", "2")])
    (tmp_path / "walk.py").write_text("# %% [markdown]\n# # A walk\n\n# %%\n1\n\n# %%\n2\n")
    code, shown = on_a_terminal("notebook", "walk.py", "walk.ipynb")
    assert (code, counts(shown)[-1]) == (0, ("3", "3"))
    assert "running the notebook" in shown


def test_a_file_sees_no_bar(tiles, tmp_path):
    """Standard error of a job goes into its log."""
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(VALID))
    for arguments in (
        ["gather", "tiny.yaml", "phase_map.nc", *tiles],
        ["draw", "phase_map.nc", "cut.png"],
        ["simulate", "--q", "6", "--g", "5", *QUICK],
    ):
        run = warm.eiphase(*arguments, folder=tmp_path)
        assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize(
    ("output", "picture"),
    [("q8.1", "q8.1.png"), ("q8.2", "q8.2.png"), ("a.b.nc", "a.b.png"), ("x.NC", "x.png")],
)
def test_two_recordings_have_two_pictures(output, picture):
    """A name is cut at no dot but that of an ending, as in `q8.1` and `q8.2`."""
    assert user_commands._picture(Path("results", output)) == Path("results", picture)


def test_a_picture_that_cannot_be_written_is_said_before_anything_is_simulated(
    tmp_path, monkeypatch, capsys
):
    def began(*_, **__):
        raise AssertionError

    monkeypatch.setattr(user_commands.supervisor, "supervised", began)
    (tmp_path / "q8.1.png").mkdir()
    arguments = ["simulate", "--q", "6", "--g", "5", "--plot", "--output", tmp_path / "q8.1"]
    assert commands.main(list(map(str, arguments))) == 1
    assert "q8.1.png is a folder, which is never replaced" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 min 0 s"),
        (59.6, "1 min 0 s"),
        (119.7, "2 min 0 s"),
        (3599.6, "1 h 0 min"),
        (7185.0, "2 h 0 min"),
        (3_600_000.0, "1,000 h 0 min"),
    ],
)
def test_a_time_has_no_sixtieth_second_or_minute(seconds, words):
    assert terminal.time_in_words(seconds) == words
