"""What the page shows of a phase map: the numbers of the dataset, and what they mean in words."""

import ast
import csv
import io
import itertools
import json
import re
import shlex

import numpy as np
import pytest
import xarray as xr
from conftest import REPOSITORY
from tiny_sweep import simulate_and_gather

from eiphase.backends import BACKENDS
from eiphase.chaos import phases as classified
from eiphase.cli import commands
from eiphase.explorer import shown
from eiphase.explorer.page_data import page_data
from eiphase.figures import phase_map as fluctuations
from eiphase.figures import phases
from eiphase.flags import Crossing, Fate, Flag, Phase, Quality, StepLimited
from eiphase.observables import uncertainty
from eiphase.sweep.schema import Sweep
from eiphase.variables import NOT_SIMULATED

CONFIG = {
    "network": {"neurons": 40, "refractory": 0.05},
    "grid": {"q_factor": [1.0, 2.5, 5.3], "g_factor": [4.0, 5.5]},
    "seeds": [3, 8, 5, 2],
    "backends": ["rate", "lif_float", "lif_bit_accurate"],
    "simulation": {"steps": 400, "burn_in": 100, "max_lag": 50},
    "mapping": {"rate_to_lif": "corrected", "float_to_integer": "full_range"},
    "observables": {"chaos": True},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "results/demo"
    simulate_and_gather(Sweep.model_validate(CONFIG), folder)
    return folder


@pytest.fixture(scope="module")
def phase_map(folder):
    with xr.open_dataset(next(folder.rglob("phase_map.nc"))) as opened:
        yield opened.load().sortby("seed")  # as the page has them


@pytest.fixture(scope="module")
def opened(page, phase_map):
    page.open(page_data(phase_map))
    return page


def cells(phase_map):
    """Indices of each backend, q and g."""
    return np.ndindex(*(phase_map.sizes[name] for name in ("backend", "q_factor", "g_factor")))


def cell(b, q, g, seed=4):  # all seeds together
    return f"{{backend: {b}, q_factor: {q}, g_factor: {g}, seed: {seed}}}"


def together(opened, phase_map, name):
    values = [
        opened.found(f"valueOf(map.variables.{name}, {cell(*at)})") for at in cells(phase_map)
    ]
    return np.array(values, float).reshape([phase_map.sizes[d] for d in phase_map[name].dims[:3]])


@pytest.mark.parametrize("name", ["c0", "mean_rate", "lyapunov_exponent"])
def test_numbers_over_seeds_are_medians_of_those_that_there_are(opened, phase_map, name):
    assert phase_map[name].notnull().any()
    expected = phase_map[name].median("seed").values
    assert np.array_equal(together(opened, phase_map, name), expected, equal_nan=True)


def test_phases_over_seeds_are_the_commonest(opened, phase_map):
    assert len(np.unique(phase_map.phase)) > 2
    expected = phase_map.phase_commonest.values
    tied = classified.tied(phase_map.phase.values, axis=-1)
    assert tied.any()
    expected = np.where(tied, Phase.UNDECIDED, expected)  # as printed maps have it
    assert np.array_equal(together(opened, phase_map, "phase"), expected)


def test_of_flags_that_tie_the_page_shows_the_one_that_printed_maps_show(phase_map):
    for pair in itertools.combinations([Flag.CENSORED, Flag.UNDEFINED, Flag.TRANSIENT], 2):
        tied = xr.DataArray([*pair, *pair], dims="seed", attrs=phase_map.c0_flag.attrs)
        assert shown.over_seeds(tied) == min(pair, key=list(fluctuations.FLAGGED).index)


def test_a_number_comes_with_its_error_and_a_lack_with_its_reason(opened, phase_map):
    first = phase_map.isel(backend=1, q_factor=2, g_factor=1, seed=0)
    text = opened.run(f"valueText(map, 'mean_rate', {cell(1, 2, 1, 0)})")
    number, error = text.split(" ± ")
    assert float(number) == pytest.approx(float(first.mean_rate), rel=5e-3)
    assert float(error.split()[0]) == pytest.approx(float(first.mean_rate_error), rel=5e-2)
    unsettled = phase_map.c0_flag.isel(backend=0)
    q, g, seed = np.argwhere((unsettled == 2).values)[0].tolist()
    text = opened.run(f"valueText(map, 'c0', {cell(0, q, g, seed)})")
    assert text.startswith("no number: undefined: the network settles")


def test_over_seeds_a_number_comes_with_its_range_and_flags_are_counted(opened, phase_map):
    ranges, n_mixed = [], 0
    for b, q, g in cells(phase_map):
        each = phase_map.isel(backend=b, q_factor=q, g_factor=g)
        rates = each.mean_rate.dropna("seed").values
        text = opened.run(f"valueText(map, 'mean_rate', {cell(b, q, g)})")
        if len(set(rates.tolist())) > 1:
            found = [float(x.replace("−", "-")) for x in re.findall(r"[−\d.]+", text)[:3]]
            expected = [np.median(rates), rates.min(), rates.max()]
            ranges.append((found, expected, "±" in text))
        kinds = each.phase.values.tolist()
        text = opened.run(f"valueText(map, 'phase', {cell(b, q, g)})")
        if len(set(kinds)) > 1:
            counts = [int(x) for x in re.findall(r"\((\d) of 4 seeds\)", text)]
            assert counts == sorted((kinds.count(one) for one in set(kinds)), reverse=True)
            n_mixed += 1
        else:
            assert text == opened.run(f"map.variables.phase.flags[{kinds[0]}].text")
    assert ranges
    assert n_mixed
    for found, expected, has_error in ranges:
        assert found == pytest.approx(expected, rel=6e-3, abs=1e-3)
        assert not has_error


def test_every_flag_that_the_dataset_explains_is_explained(opened, phase_map):
    n_explained = 0
    for name, variable in phase_map.data_vars.items():
        if "flag_meanings" not in variable.attrs:
            continue
        flags = np.atleast_1d(variable.flag_values).tolist()
        for flag, word in zip(flags, variable.flag_meanings.split(), strict=True):
            text = opened.run(f"map.variables.{name}.flags[{flag}].text")
            assert text.startswith(word.replace("_", " "))
            if f"{word}: " in variable.comment or (name.startswith("phase") and flag >= 0):
                n_explained += 1
                assert len(text) > len(word) + 10, (name, word)
                assert "as for c0" not in text
    assert n_explained > 15


POSITIVE, EFFECT = "Lyapunov exponent is positive beyond two errors", "one spike's effect spreads"
NEGATIVE = "Lyapunov exponent is negative beyond two errors"
NOT_POSITIVE = "Lyapunov exponent is not positive beyond two errors"
STAYS, REGULAR = "one spike's effect heals or stays confined", "c0 is at most 1/4"
NEURONS = {"rate": "rate neurons", "lif_float": "LIF neurons"}
RECURS = "c(lag) falls below zero and returns to 80 % of c0"


@pytest.mark.parametrize(
    ("phase", "conditions"),
    [
        (Phase.FIXED_POINT, {"vanish or decay", NEGATIVE, "counts of LIF neurons do not", STAYS}),
        (Phase.OSCILLATION, {"rate neurons fluctuate", RECURS, NOT_POSITIVE}),
        (Phase.CHAOS, {"fluctuate steadily", POSITIVE, EFFECT, "step_limited is no"}),
        (
            Phase.SENSITIVE,
            {
                EFFECT,
                "not transient",
                NOT_POSITIVE,
                "integers",
                "do not fluctuate",
                "step_limited is yes",
            },
        ),
        (Phase.REGULAR, {STAYS, "fluctuate as", REGULAR, RECURS, "at most 0.5"}),
        (Phase.IRREGULAR, {STAYS, "fluctuate more", "isi_cv is above 0.5"}),
        (Phase.SATURATED, {"over 95 %", "never fire or fire in every step"}),
        (Phase.SILENT, {"over 95 %", "never fire"}),
        (Phase.BROKEN, {"not finite", "no network", "wrapped", "over 20 %"}),
        (Phase.UNDECIDED, {"none of the others"}),
    ],
)
@pytest.mark.parametrize("name", ["phase", "phase_commonest"])
def test_a_phase_is_explained_by_all_its_rules(opened, name, phase, conditions):
    text = opened.run(f"map.variables.{name}.flags[{int(phase)}].text")
    assert {one for one in conditions if one not in text} == set()


def test_a_phase_is_explained_for_the_neurons_that_can_be_in_it(opened):
    """By the rules themselves, on observables drawn at random."""
    random = np.random.default_rng(1)
    n = 5000
    drawn = {name: random.normal(scale=2, size=n) for name in ("lyapunov_exponent", "isi_cv")}
    drawn |= {"lyapunov_error": random.random(n), "c0": random.random(n)}
    drawn |= {"c0_flag": random.choice([Flag.OK, Flag.UNDEFINED, Flag.TRANSIENT], n)}
    drawn |= {"spike_damage_fate": random.choice([*Fate], n)}
    drawn |= {"autocovariance": random.normal(size=(n, 5)), "silent_fraction": np.zeros(n)}
    drawn |= {"step_limited": random.choice([*StepLimited], n)}
    reached = {name: set(classified.classify(name, drawn)) for name in ("rate", "lif_float")}
    for phase in reached["rate"] ^ reached["lif_float"]:
        text = opened.run(f"map.variables.phase.flags[{int(phase)}].text")
        named = {name for name, words in NEURONS.items() if words in text}
        assert named == {name for name in reached if phase in reached[name]}
    assert len(reached["rate"] ^ reached["lif_float"]) == 4


def test_phases_name_the_page_that_has_all_rules(opened):
    file, heading = re.search(
        r"(docs/\S+), (.*)\.$", opened.run("map.variables.phase.comment")
    ).groups()
    assert f"\n## {heading}\n" in (REPOSITORY / file).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("comment", "word", "text"),
    [
        ("one: first; two, three: others.", "two", "others"),
        ("one: first; two, three: others.", "three", "others"),
        ("one: it is 0.5 long. Needs observables.chaos.", "one", "it is 0.5 long"),
        ("one: first; two: second.", "o", None),
    ],
)
def test_a_comment_explains_a_word(comment, word, text):
    assert shown.explained(comment, word) == text


def test_doubt_is_that_of_the_printed_maps(opened, phase_map):
    printed = {
        "phase": phases.doubt_of(phases.checked(phase_map)),
        "c0": fluctuations.doubt_of(fluctuations.checked(phase_map), "c0"),
    }
    assert printed["phase"].cells.any()
    for name, doubt in printed.items():
        found = [
            opened.run(f"valueOf(map.variables.{name}.doubt, {cell(*at)})")
            for at in cells(phase_map)
        ]
        expected = doubt.cells.transpose("backend", "q_factor", "g_factor").values.ravel()
        assert np.array_equal(np.greater(found, 0), expected)
        assert opened.run(f"map.variables.{name}.doubt.text") == doubt.text


def test_a_cell_in_doubt_has_its_own_reasons(page, phase_map):
    """With how many seeds have each, or which flags they have."""
    changed = phase_map.copy(deep=True)
    fine = {"quality": Quality.OK, "centring_bias": 0, "step_limited": StepLimited.NO}
    for name, value in fine.items():
        changed[name][:] = value
    at = {"backend": 0, "q_factor": 1, "g_factor": 1}
    changed.phase[at] = [Phase.CHAOS, Phase.FIXED_POINT, Phase.CHAOS, Phase.UNDECIDED]
    changed.quality[at] = [Quality.SHORT, Quality.SHORT, Quality.SEVERAL_STATES, Quality.SHORT]
    changed.phase[at | {"g_factor": 0}] = Phase.CHAOS
    changed.step_limited[at | {"g_factor": 0}] = StepLimited.YES
    page.open(page_data(changed))
    own = [
        page.run(f"doubtText(map, 'phase', {cell(0, 1, g, seed)})")
        for g in (0, 1)
        for seed in (0, 4)
    ]
    limited = "rates limited by the time step (4 of 4 seeds)"
    differ = "seeds disagree on the phase: 2 chaos, 1 fixed point, 1 undecided"
    assert own == [limited] * 2 + [f"short run (3 of 4 seeds); {differ}"] * 2
    changed.phase[at] = Phase.CHAOS
    changed.quality[at] = [Quality.SHORT, Quality.OK, Quality.OK, Quality.OK]
    page.open(page_data(changed))
    assert page.run(f"doubtText(map, 'phase', {cell(0, 1, 1)})") == ""


def test_the_border_is_the_mean_over_seeds_where_all_have_one(opened, phase_map):
    for b, backend in enumerate(phase_map.backend.values.tolist()):
        lines = {one["kind"]: one["points"] for one in opened.found(f"map.backends[{b}].lines")}
        each = phase_map.measured_critical_q.sel(backend=backend).sortby("g_factor")
        mean = each.mean("seed").where(each.notnull().all("seed"))
        expected = [[float(g), q if q == q else None] for g, q in zip(
            mean.g_factor, mean.values.tolist(), strict=True)]  # fmt: skip
        points = lines.get("mean", [[g, None] for g, _ in expected])
        assert [g for g, _ in points] == [g for g, _ in expected]
        for (_, found), (_, wanted) in zip(points, expected, strict=True):
            assert (found is None) == (wanted is None)
            assert found is None or found == pytest.approx(wanted, rel=1e-14)
        theory = [q for _, q in lines["theory"]]
        assert theory == phase_map.theory_critical_q.values.tolist()


def test_from_four_seeds_on_the_border_has_a_band(opened, phase_map):
    n_bands = 0
    for b, backend in enumerate(phase_map.backend.values.tolist()):
        one = phase_map.sel(backend=backend).sortby("g_factor")
        low, high = one.measured_critical_q_low, one.measured_critical_q_high
        bands = [
            x["points"] for x in opened.found(f"map.backends[{b}].lines") if x["kind"] == "band"
        ]
        there = (low.notnull() & high.notnull()).values
        assert len(bands) == there.any()
        for points in bands:
            n_bands += 1
            assert [q for _, q in points] == [*low.values[there], *high.values[there][::-1]]
    assert n_bands


def test_a_table_holds_every_bit(opened, phase_map):
    rows = list(csv.DictReader(io.StringIO(opened.run("csvOf(map, 'c0')"))))
    assert len(rows) == phase_map.c0.size
    for row in rows:
        point = {name: float(row[name]) for name in ("q_factor", "g_factor")}
        one = phase_map.sel(backend=row["backend"], seed=int(row["seed"]), **point)
        assert np.array_equal(float(row["c0"] or "nan"), float(one.c0), equal_nan=True)
        assert (row["c0_flag"] == "ok") == (int(one.c0_flag) == 0)


def test_the_command_simulates_this_network(opened):
    run = "{backend: 'lif_float', at: {seed: 3}, q: 5.3, g: 4, steps: 1000, first: 200}"
    command = opened.run(f"commandOf(map, {run})")
    program, *arguments = shlex.split(command)
    assert program == "eiphase"
    options = commands._parser().parse_args(arguments)
    assert (options.q, options.g, options.backend, options.seed) == (5.3, 4.0, "lif_float", 8)
    assert (options.neurons, options.refractory, options.steps) == (40, 0.05, 1000)
    assert (options.rate_to_lif, options.float_to_integer) == ("corrected", "full_range")
    assert options.burn_in + options.max_lag < options.steps


def test_four_lines_of_python_simulate_the_cell(opened, phase_map, folder, tmp_path, monkeypatch):
    code = opened.run(
        "pythonOf(map, {backend: 'lif_bit_accurate', at: {seed: 1}, steps: 90, q: 5.3, g: 5.5})"
    )
    assert code.count("\n") == 4  # one of them a comment
    assert "isel(step=slice(90))" in code  # as many as the page shows
    (tmp_path / f"results/{phase_map.sweep}").mkdir(parents=True)
    file = next(folder.rglob("phase_map.nc"))
    (tmp_path / f"results/{phase_map.sweep}/phase_map.nc").symlink_to(file)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(code, names)
    assert names["cell"].spikes.any()
    assert (tmp_path / "cell.png").stat().st_size
    expected = phase_map.sel(backend="lif_bit_accurate", q_factor=5.3, g_factor=5.5, seed=3)
    assert float(names["cell"].mean_rate) == float(expected.mean_rate)


def test_no_name_of_a_sweep_becomes_python(page, phase_map):
    name = 'x"); exit(); ("\\\n'
    page.open(page_data(phase_map.assign_attrs(sweep=name)))
    code = page.run("pythonOf(map, {backend: 'rate', at: {seed: 1}, steps: 90, q: 5.3, g: 5.5})")
    opened = next(node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call))
    assert ast.unparse(opened.func) == "xr.open_dataset"
    assert ast.literal_eval(opened.args[0]) == f"results/{name}/phase_map.nc"


def test_what_does_not_hold_of_a_cell_has_no_row(opened, phase_map):
    b, q, g, seed = np.argwhere(phase_map.step_limited.values == StepLimited.NO)[0].tolist()
    rows = dict(opened.found(f"description(map, 'phase', [{cell(b, q, g, seed)}])"))
    assert {"phase", "mean_rate"} < set(rows)
    assert "step_limited" not in rows


def test_cells_lie_in_the_order_of_their_values(page, phase_map):
    page.open(page_data(phase_map.isel(q_factor=[1, 0, 2], g_factor=[0], seed=[2, 0, 3, 1])))
    assert page.found("[...map.axes.q_factor.values]") == phase_map.q_factor.values.tolist()
    assert page.found("[...map.axes.q_factor.edges]") == pytest.approx([0.25, 1.75, 3.9, 6.7])
    assert page.found("[...map.axes.g_factor.edges]") == [3.5, 4.5]
    assert page.found("[...map.axes.backend.edges]") == [-0.5, 0.5, 1.5, 2.5]
    expected = phase_map.mean_rate.isel(backend=1, q_factor=2, g_factor=0).values.tolist()
    cells = [cell(1, 2, 0, seed) for seed in range(4)]
    found = [page.run(f"valueOf(map.variables.mean_rate, {one})") for one in cells]
    assert found == expected


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        ("{low: 0, high: 1000}", [0, 200, 400, 600, 800, 1000]),
        ("{low: -0.1, high: 0.4}", [-0.1, 0, 0.1, 0.2, 0.3, 0.4]),
        ("{low: 0.5, high: 2e4, log: true}", [1, 10, 100, 1000, 10000]),
    ],
)
def test_marks_are_round_numbers(page, axis, expected):
    assert page.found(f"ticks({axis})") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0.012345", "0.0123"),
        ("-3", "−3"),
        ("NaN", "none"),
        ("1.5e-9", "1.5 × 10^−9"),
        ("400", "400"),
    ],
)
def test_numbers_have_so_many_digits_as_one_reads(page, number, text):
    assert page.run(f"formatted({number})") == text


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("2500", 2500),
        ("99.6", 100),
        ("3", 100),
        ("1e9", 10000),
        ("", 1000),
        (" ", 1000),
        ("abc", 1000),
        ("Infinity", 1000),
    ],
)
def test_a_text_that_is_no_number_leaves_the_number_as_it_was(page, words, number):
    limits = "{min: '100', max: '10000'}"  # texts, as inputs have them
    assert page.run(f"numberWithin({json.dumps(words)}, {limits}, 1000)") == number


@pytest.mark.parametrize(
    ("number", "index"), [("3.3", 1), ("3.25", 1), ("-9", 2), ("99", 0), ("NaN", -1)]
)
def test_a_number_that_the_map_does_not_have_means_the_nearest(page, number, index):
    assert page.run(f"nearest(Float64Array.of(4.5, 3.25, 2), {number})") == index


def test_backends_of_one_unit_share_a_scale(opened, phase_map):
    scales = [opened.found(f"scaleOf(map, 'c0', {b})") for b in range(3)]
    spiking = [b for b, name in enumerate(phase_map.backend.values) if BACKENDS[name].spiking]
    assert scales[spiking[0]] == scales[spiking[1]] != scales[0]
    around_zero = opened.found("scaleOf(map, 'lyapunov_exponent', 0)")
    assert around_zero["low"] == -around_zero["high"]
    assert around_zero["stops"] == opened.found("map.stops.diverging")
    assert opened.run(f"colourOf({json.dumps(around_zero)}, 0)") in around_zero["stops"][31:33]


def test_the_page_begins_with_a_network_that_fluctuates_just_above_the_border(page, phase_map):
    page.open(page_data(phase_map))
    page.run(
        "const numbers = (dims, shape, ...x) =>"
        " ({dims, values: Object.assign(Float64Array.from(x), {shape})});"
        "map.variables.measured_critical_q = numbers(['g_factor'], [2], 2, 2.4);"
        "map.variables.c0 = numbers(['q_factor', 'g_factor'], [3, 2], 1, 1, NaN, 1, 1, 1);"
        "map.variables.c0.doubt = numbers(['q_factor', 'g_factor'], [3, 2], 0, 0, 0, 0, 0, 1);"
        "delete map.variables.phase; 0"
    )
    begun = {"backend": 0, "q_factor": 1, "g_factor": 1, "seed": 0}
    assert page.found("tellingCell(map)") == begun
    page.run("map.variables.c0.doubt.values[3] = 1; 0")
    assert page.found("tellingCell(map)") == begun | {"q_factor": 2, "g_factor": 0}
    page.run("map.variables.c0.values.fill(NaN); 0")
    assert page.found("tellingCell(map)") == begun  # the middle


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({"steps": 1000, "first": 200}, "8 decay times long (the dataset's, 100 steps)"),
        ({"steps": 3700, "first": 700}, None),
        ({"steps": 3698, "first": 700}, "29.9 decay times long (the dataset's, 100 steps)"),
        ({"between": {"q": 2, "g": 4}}, "20 decay times long"),
        ({"between": {"q": 2, "g": 4}, "decay": "NaN"}, "less than 10 decay times long"),
        ({"between": {"q": 2, "g": 4}, "settles": True}, None),
        ({"between": {"q": 2, "g": 4}, "at": 2}, "20 decay times long"),  # whatever the cell does
        ({"at": 1}, "20 decay times long"),  # the dataset's is beyond its lags
        ({"at": 1, "settles": True}, "20 decay times long"),  # the dataset knows better
        ({"at": 2}, None),
        ({"at": 3}, None),  # transient
    ],
    ids=str,
)
def test_a_run_that_is_short_against_the_decay_time_is_called_short(page, phase_map, run, words):
    page.open(page_data(phase_map))
    run = (
        {"between": None, "decay": 40, "settles": False, "at": 0}
        | {"steps": 1000, "first": 200}
        | run
    )
    page.run(
        "globalThis.along = (...x) => ({dims: ['seed'], values: Object.assign(Float64Array.from(x),"
        " {shape: [4]})});"
        "Object.assign(map.variables, {c0: along(1, 1, NaN, NaN),"
        " decay_time: along(100, NaN, NaN, NaN),"
        " c0_flag: {...along(0, 0, 2, 4), flags: map.variables.c0_flag.flags}}); 0"
    )
    settles = json.dumps(run["settles"])
    result = f"{{decay: {run['decay']}, settles: {settles}, lags: [0, 40, 80]}}"
    found = page.run(
        f"shortness(map, {{at: {{seed: {run['at']}}}, between: {json.dumps(run['between'])},"
        f" steps: {run['steps']}, first: {run['first']}, result: {result}}})"
    )
    least = f"{uncertainty.LEAST_DECAY_TIMES:g}"
    rest = f", where {least} are needed: c(lag) tends to come out too small."
    assert found == (f"This run is {words}{rest}" if words else "")


def test_the_page_calls_runs_short_that_eiphase_calls_short(opened):
    assert opened.run("map.measured.longEnough") == uncertainty.LEAST_DECAY_TIMES


def test_seeds_whose_measure_changes_sign_again_have_a_diamond(page, phase_map):
    changed = phase_map.copy(deep=True)
    flags, places = changed.measured_critical_q_flag, changed.measured_critical_q
    flags[:] = Crossing.RISE
    flags[1, 1, 2], places[1, 1, 2] = Crossing.SEVERAL, 3.7  # (backend, g_factor, seed)
    page.open(page_data(changed))
    kinds = [
        [
            one["points"]
            for one in page.found(f"map.backends[{b}].lines")
            if one["kind"] == "several"
        ]
        for b in range(3)
    ]
    assert kinds == [[], [[[4.0, None], [5.5, 3.7]]], []]


@pytest.mark.parametrize(
    ("seeds", "bands"),
    [
        ([Phase.CHAOS, Phase.FIXED_POINT, Phase.CHAOS, Phase.FIXED_POINT], [0, 2]),
        ([Phase.CHAOS, Phase.FIXED_POINT, Phase.UNDECIDED, Phase.CHAOS], [2]),
        ([Phase.CHAOS, Phase.UNDECIDED, NOT_SIMULATED, NOT_SIMULATED], [2, 6]),
        ([NOT_SIMULATED] * 4, [NOT_SIMULATED]),
    ],
)
def test_phases_that_tie_over_seeds_share_a_cell(page, phase_map, seeds, bands):
    """In the order of printed maps; one seed's own cell is whole."""
    changed = phase_map.copy(deep=True)
    changed.phase[{"backend": 0, "q_factor": 1, "g_factor": 1}] = seeds
    page.open(page_data(changed))
    looks = page.found(f"cellLooks(map, 'phase', {cell(0, 1, 1)})")
    flags = page.found("map.variables.phase.flags")
    assert looks == [flags[str(int(phase))] for phase in bands]
    own = page.found(f"cellLooks(map, 'phase', {cell(0, 1, 1, 1)})")
    assert own == [flags[str(int(seeds[1]))]]


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "Sweep tiny: phase, Rate neurons, commonest of 4 seeds"),
        ({"variable": "c0"}, "Sweep tiny: c(0), Rate neurons, median over 4 seeds"),
        ({"isMedian": False}, "Sweep tiny: phase, Rate neurons, seed 8"),
        ({"x": "backend"}, "Sweep tiny: phase, g 5.5, commonest of 4 seeds"),
        ({"x": "seed", "y": "backend"}, "Sweep tiny: phase, q 2.5, g 5.5"),
    ],
)
def test_a_saved_map_names_the_sweep_and_what_is_fixed(page, phase_map, changes, title):
    page.open(page_data(phase_map.assign_attrs(sweep="tiny")))
    at = {"backend": 0, "q_factor": 1, "g_factor": 1, "seed": 3}
    view = {"variable": "phase", "x": "g_factor", "y": "q_factor", "at": at, "isMedian": True}
    assert page.run(f"mapTitle(map, {json.dumps(view | changes)})") == title
