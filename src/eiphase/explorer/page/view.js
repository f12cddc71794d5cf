"use strict";
// What of a phase map is shown, and how numbers become texts, colours and places: plain functions.

const DIMENSIONS = ["backend", "q_factor", "g_factor", "seed"];
const FIRST_VARIABLES = [
  "phase", "c0", "decay_time", "lyapunov_exponent_per_time_constant", "spike_damage", "mean_rate",
];
// As printed figures name them; other variables have their own names.
const LABELS = {
  c0: "c(0)", lyapunov_exponent_per_time_constant: "λ per time constant", spike_damage: "damage",
  weight_scale_status: "weight scale",
};
const AROUND_ONE = ["weight_scale", "weight_strength", "effective_coupling"]; // ideally 1
// Flags of a colour-blind safe palette (Okabe and Ito), lighter; the first for "ok".
const FLAG_COLOURS = [
  "#e8e8e8", "#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#0072b2", "#d55e00",
];
const SEEDS_OF_A_BAND = 4; // as in the printed figures
const LONG_ENOUGH = 30; // decay times, from which eiphase does not call a run short
const NOTHING = { colour: "#ffffff", hatch: "", text: "no number" };

/** How many there are along a dimension. */
function sizeOf(map, dimension) {
  return dimension === "backend" ? map.backends.length : map.axes[dimension].values.length;
}

/** What stands at an index of a dimension, in words. */
function nameAt(map, dimension, index) {
  if (dimension === "backend") return map.backends[index].title;
  return formatted(map.axes[dimension].values[index]);
}

/** Indices of a dimension, lowest value first. */
function ordered(map, dimension) {
  const indices = Array.from({ length: sizeOf(map, dimension) }, (_, index) => index);
  if (dimension === "backend") return indices;
  const { values } = map.axes[dimension];
  return indices.sort((a, b) => values[a] - values[b]);
}

/** Where the ordered cells of a dimension lie: factors at their values, others one after another. */
function places(map, dimension) {
  const order = ordered(map, dimension);
  return dimension.endsWith("_factor") ? order.map((k) => map.axes[dimension].values[k])
    : order.map((_, k) => k);
}

/** Edges of cells around places: in the middle between them. */
function edges(at) {
  if (at.length === 1) return [at[0] - 0.5, at[0] + 0.5];
  const middles = at.slice(1).map((place, k) => (place + at[k]) / 2);
  return [2 * at[0] - middles[0], ...middles, 2 * at.at(-1) - middles.at(-1)];
}

/** Variables that have a value in each cell, those first that most people want. */
function shownVariables(map) {
  const rank = (name) => (FIRST_VARIABLES.indexOf(name) + 100) % 100;
  return Object.keys(map.variables)
    .filter((name) => {
      const { dims } = map.variables[name];
      return dims.includes("q_factor") && dims.includes("g_factor") && !dims.includes("lag");
    })
    .sort((a, b) => rank(a) - rank(b));
}

function median(values) {
  const sorted = values.filter((x) => !Number.isNaN(x)).sort((a, b) => a - b);
  const half = sorted.length >> 1;
  if (!sorted.length) return NaN;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** What most are; of two that are equally often, the one of lower rank, or `tie` if there is one. */
function commonest(values, rank, tie) {
  const count = (one) => values.filter((x) => x === one).length;
  const [first, ...others] = [...new Set(values)].sort((a, b) => count(b) - count(a) || rank(a) - rank(b));
  return tie !== undefined && others.length && count(others[0]) === count(first) ? tie : first;
}

/** The number of a flag. */
function flagNamed({ flags }, word) {
  return Number(Object.keys(flags).find((value) => flags[value] === word));
}

/** The value of a cell, or over all seeds (`seed` is null) the median, of flags the commonest. */
function shownValue(map, name, cell) {
  const variable = map.variables[name];
  if (cell.seed !== null || !variable.dims.includes("seed")) return valueOf(variable, cell);
  const values = ordered(map, "seed").map((seed) => valueOf(variable, { ...cell, seed }));
  const tie = name === "phase" ? flagNamed(variable, "undecided") : undefined;
  const lacks = Object.keys(map.looks.lacks); // in the order in which printed maps choose
  const rank = (value) => lacks.indexOf(variable.flags[value]) + value / 100;
  return variable.flags ? commonest(values, rank, tie) : median(values);
}

/** The name of a variable's companion that ends so: "flag", "error". */
function companion(map, name, ending) {
  return map.variables[name].ancillary.find((one) => one.endsWith(`_${ending}`) && map.variables[one]);
}

/** The index of the value nearest to a number; -1 if it is no number. */
function nearest(values, number) {
  const distances = Array.from(values, (x) => Math.abs(x - number));
  return distances.indexOf(Math.min(...distances));
}

/** A number with so many digits as one reads. */
function formatted(x, digits = 3) {
  if (typeof x !== "number" || Number.isNaN(x)) return "none";
  const isCount = Number.isInteger(x) && Math.abs(x) < 1e6;
  const words = String(isCount ? x : Number(x.toPrecision(digits)));
  return words.replace(/e\+?(.*)$/, " × 10^$1").replaceAll("-", "−");
}

/** The whole number next to a text, within {min, max}; `otherwise` if the text is no number. */
function wholeNumber(words, { min, max }, otherwise) {
  const number = words.trim() === "" ? NaN : Number(words);
  return Number.isFinite(number) ? Math.min(Math.max(Math.round(number), min), max) : otherwise;
}

function unitOf({ units, flags }) {
  return flags || ["", "1"].includes(units) ? "" : ` (${units})`;
}

/** What a flag means: its name, and what the variable's comment says of it; of phases, `phase` does. */
function meaning(map, name, value) {
  const { flags } = map.variables[name];
  const { comment } = map.variables[name === "phase_commonest" ? "phase" : name];
  const flag = flags[value] ?? `flag ${value}`;
  const words = flag.replaceAll("_", " ");
  let text = explained(comment, flag);
  if (flag !== "ok" && /as for c0/.test(text ?? comment) && name !== "c0_flag") {
    text = map.variables.c0_flag ? explained(map.variables.c0_flag.comment, flag) ?? text : text;
  }
  return text ? `${words}: ${text}` : words;
}

/** From "one: text; two, three: text", the text of a word. */
function explained(comment, word) {
  return comment.match(new RegExp(`(?:^|[;:,.] )${word}(?:, \\w+)*: ([^;:]+?)(?:;|\\. |\\.?$)`))?.[1];
}

/** From numbers to colours: logarithmic, around a middle, or from zero, as numbers ask for. */
function colourScale(map, name, backend) {
  const { dims, values } = map.variables[name];
  const { spiking } = map.backends[backend];
  const block = values.length / map.backends.length;
  const isIn = (k) => dims[0] !== "backend" || map.backends[Math.floor(k / block)].spiking === spiking;
  const numbers = Array.from(values).filter((x, k) => Number.isFinite(x) && isIn(k));
  const low = numbers.reduce((a, b) => Math.min(a, b), Infinity);
  const high = numbers.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!numbers.length) return { low: 0, high: 1, log: false, stops: map.looks.sequential };
  if (AROUND_ONE.includes(name) && low > 0) {
    const reach = Math.min(Math.max(high, 1 / low, 1.1), 10);
    return { low: 1 / reach, high: reach, log: true, stops: map.looks.diverging };
  }
  if (name.endsWith("_damage")) return { low: 0, high: 1, log: false, stops: map.looks.sequential };
  if (low < 0) {
    const reach = Math.max(-low, high);
    return { low: -reach, high: reach, log: false, stops: map.looks.diverging };
  }
  const stops = map.looks.sequential;
  if (low > 0 && (name === "c0" || high / low > 30)) return { low, high, log: true, stops };
  return { low: 0, high: high || 1, log: false, stops };
}

/** Where a number lies between the ends of a scale, 0 to 1. */
function fraction({ low, high, log }, x) {
  const part = log ? Math.log(x / low) / Math.log(high / low) : (x - low) / (high - low);
  return Math.min(Math.max(part, 0), 1);
}

function colourOf(scale, x) {
  return scale.stops[Math.round(fraction(scale, x) * (scale.stops.length - 1))];
}

/** Colour, hatch and words of a flag, as in the printed figures. */
function flagLook(map, name, value) {
  const text = meaning(map, name, value);
  const phases = map.looks.phases;
  if (name.startsWith("phase")) return { ...(phases[value] ?? NOTHING), text };
  const index = Object.keys(map.variables[name].flags).map(Number).filter((k) => k >= 0)
    .indexOf(value);
  return index < 0 ? { ...NOTHING, text } : { colour: FLAG_COLOURS[index % 8], hatch: "", text };
}

/** The look of a cell that has no number, by its flag. */
function lackLook(map, name, cell) {
  const flag = companion(map, name, "flag");
  if (!flag) return NOTHING;
  const value = shownValue(map, flag, cell);
  const look = map.looks.lacks[map.variables[flag].flags[value]] ?? NOTHING;
  return { ...look, text: meaning(map, flag, value) };
}

/** The look of a cell: {colour, hatch, text}; `text` only if it is no number on the scale. */
function cellLook(map, name, cell, scale) {
  const value = shownValue(map, name, cell);
  if (map.variables[name].flags) {
    const look = flagLook(map, name, value);
    const isTied = name === "phase" && cell.seed === null && map.axes.seed.values.length > 1;
    return isTied ? { ...look, text: look.text.replace(/^undecided/, "undecided, or a tie of seeds") } : look;
  }
  if (Number.isNaN(value)) return lackLook(map, name, cell);
  return { colour: colourOf(scale, value), hatch: "" };
}

/** Round numbers between two ends, some five of them; on a logarithmic scale powers of ten. */
function ticks({ low, high, log }, count = 5) {
  if (log && high / low >= 100) {
    const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
    const every = Math.ceil((last - first + 1) / (count + 1));
    return Array.from({ length: last - first + 1 }, (_, k) => 10 ** (first + k))
      .filter((_, k) => k % every === 0);
  }
  if (log) {
    return Array.from({ length: 3 }, (_, k) => Number((low * (high / low) ** (k / 2)).toPrecision(2)));
  }
  const rough = (high - low) / count;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((factor) => factor * unit >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 },
    (_, k) => Number(((first + k) * step).toPrecision(12)));
}

/** Lines over the map: points [g, q] in the order of g, each with its look and words. */
function borderLines(map, backend) {
  const order = ordered(map, "g_factor");
  const seeds = ordered(map, "seed");
  const line = (name, seed) => map.variables[name] && order.map((g_factor) => [
    map.axes.g_factor.values[g_factor], valueOf(map.variables[name], { backend, g_factor, seed }),
  ]);
  const border = (seed) => {
    const coarse = line("measured_critical_q", seed);
    const refined = line("refined_q", seed);
    return coarse?.map((point, k) => (refined && Number.isFinite(refined[k][1]) ? refined[k] : point));
  };
  const found = [];
  const add = (points, kind, text) => {
    if (points?.some(([, q]) => Number.isFinite(q))) found.push({ points, kind, text });
  };
  const each = seeds.map(border);
  if (seeds.length >= SEEDS_OF_A_BAND && !map.variables.refined_q && map.variables.measured_critical_q_low) {
    const low = line("measured_critical_q_low"), high = line("measured_critical_q_high");
    const isThere = (_, k) => Number.isFinite(low[k][1]) && Number.isFinite(high[k][1]);
    add([...low.filter(isThere), ...high.filter(isThere).reverse()], "band", "95 % interval of the mean");
  }
  if (each[0] && seeds.length > 1) {
    each.forEach((points) => add(points, "seed", "border of each seed"));
  }
  if (each[0]) {
    const means = each[0].map(([g], k) => {
      const there = each.map((points) => points[k][1]).filter(Number.isFinite);
      return [g, there.reduce((a, b) => a + b, 0) / there.length, there.length];
    });
    const part = (isThere) => means.map(([g, q, n]) => [g, isThere(n) ? q : NaN]);
    const kind = map.backends[backend].spiking
      ? "border of sensitivity: above it one spike's effect spreads" : "border of chaos";
    add(part((n) => n === seeds.length), "mean", `${kind}, mean over seeds`);
    add(part((n) => n < seeds.length), "ring", "border on some seeds only: their mean");
  }
  each.forEach((points, seed) => {
    const flags = line("measured_critical_q_flag", seeds[seed]);
    const several = flags && flagNamed(map.variables.measured_critical_q_flag, "several");
    add(flags && points?.map(([g, q], k) => [g, flags[k][1] === several ? q : NaN]), "several",
      "the measure changes sign more than once: its lowest rise");
  });
  add(line("theory_critical_q"), "theory", "mean-field theory: where the rate network's fixed point "
    + "loses stability");
  if (!map.backends[backend].spiking) {
    seeds.forEach((seed) => add(line("network_critical_q", seed), "own",
      "each seed's own matrix: where its rate network's fixed point loses stability"));
  }
  return found;
}

/**
 * The cell to begin with: of the first backend, one that fluctuates and is not in doubt, as little
 * above the border as possible; without any, the one in the middle.
 */
function tellingCell(map) {
  const middle = (dimension) => ordered(map, dimension)[sizeOf(map, dimension) >> 1];
  const first = { backend: 0, q_factor: middle("q_factor"), g_factor: middle("g_factor"), seed: 0 };
  const { c0, measured_critical_q: border } = map.variables;
  const cells = ordered(map, "q_factor").flatMap((q_factor) =>
    ordered(map, "g_factor").map((g_factor) => ({ ...first, q_factor, g_factor })));
  const above = (cell) => map.axes.q_factor.values[cell.q_factor] - (border ? valueOf(border, cell) : NaN);
  const isSure = (cell) => !["phase", "c0"].some((name) => map.doubt[name] && valueOf(map.doubt[name], cell));
  const [best] = cells.filter((cell) => above(cell) > 0 && valueOf(c0, cell) > 0 && isSure(cell))
    .sort((a, b) => above(a) - above(b));
  return best ?? first;
}

/** The cell whose value is shown: `seed` is null where all seeds' numbers are taken together. */
function shownCell({ isMedian, x, y }, cell) {
  return isMedian && x !== "seed" && y !== "seed" ? { ...cell, seed: null } : cell;
}

/**
 * What to say of a run that is short against the decay time: the dataset's, or at least the run's
 * own. Nothing where the dataset has no c(0), as where activity settles.
 */
function shortness(map, { at, between, steps, measured, result: { decay, lags } }) {
  const { c0, decay_time } = map.variables;
  if (Number.isNaN(valueOf(c0, at))) return "";
  const known = between ? NaN : valueOf(decay_time, at);
  const atLeast = Number.isNaN(decay) ? lags.at(-1) : decay; // a short run makes it too small
  const length = (steps - measured.first) / (known || atLeast);
  if (length >= LONG_ENOUGH) return "";
  const times = `${formatted(Math.floor(10 * length) / 10)} decay times long`;
  const words = known ? `${times} (the dataset's, ${formatted(known)} steps)` : `at most ${times}`;
  return `This run is ${words}: too short for c(lag), which tends to come out too small.`;
}

/** Which cells are in doubt on the map of a variable, and why, as in the printed figures. */
function doubtOf(map, name) {
  return map.doubt[name.startsWith("phase") ? "phase" : name];
}

/** Whether all seeds' LIF neurons cannot couple as strongly as the rate network asks. */
function isAtLimit(map, name, cell) {
  const status = map.variables.weight_scale_status;
  if (!status || !doubtOf(map, name)) return false;
  const seeds = cell.seed === null ? ordered(map, "seed") : [cell.seed];
  return seeds.every(
    (seed) => valueOf(status, { ...cell, seed }) === flagNamed(status, "strongest"));
}

/** The names of variables that describe a cell: the shown one first, then what matters. */
function describing(map, name) {
  const names = [name, ...FIRST_VARIABLES, "quality", "step_limited", "weight_scale_status"];
  return [...new Set(names)].filter((one) => map.variables[one]);
}

/**
 * Rows that describe a cell, [name of the variable, text for each of `cells`]: one seed's numbers,
 * or all seeds' together. Apart from the first, rows without anything to say are left out.
 */
function description(map, name, cells) {
  const isEmpty = (words) => ["none", "not applicable", "ok"].includes(words);
  return describing(map, name)
    .map((one) => [one, ...cells.map((cell) => valueText(map, one, cell))])
    .filter(([, ...texts], k) => k === 0 || !texts.every(isEmpty));
}

/** A variable's name as figures have it. */
function labelOf(name) {
  return LABELS[name] ?? name.replaceAll("_", " ");
}

function unitWords({ units }) {
  return ["", "1"].includes(units) ? "" : ` ${units.replace(/^1 /, "")}`;
}

/** A value with its error and unit, or what its flag means; `seed` null: over all seeds. */
function valueText(map, name, cell) {
  const variable = map.variables[name];
  if (cell.seed === null && variable.dims.includes("seed")) return textOverSeeds(map, name, cell);
  const value = valueOf(variable, cell);
  if (variable.flags) return meaning(map, name, value);
  if (Number.isNaN(value)) return lackText(map, name, cell);
  const error = companion(map, name, "error");
  const size = error ? shownValue(map, error, cell) : NaN;
  return `${formatted(value)}${Number.isNaN(size) ? "" : ` ± ${formatted(size, 2)}`}${unitWords(variable)}`;
}

/** Why a cell has no number. */
function lackText(map, name, cell) {
  const flag = companion(map, name, "flag");
  const why = flag ? meaning(map, flag, shownValue(map, flag, cell)) : "not applicable";
  return why === "not applicable" ? why : `no number: ${why}`;
}

/** Over seeds the median and the range, as seeds scatter by more than each one's error; flags counted. */
function textOverSeeds(map, name, cell) {
  const seeds = ordered(map, "seed");
  if (seeds.length === 1) return valueText(map, name, { ...cell, seed: seeds[0] });
  const variable = map.variables[name];
  const values = seeds.map((seed) => valueOf(variable, { ...cell, seed }));
  if (variable.flags) return countedFlags(map, name, values);
  const there = values.filter((x) => !Number.isNaN(x));
  if (!there.length) return lackText(map, name, cell);
  const range = there.length > 1 ? ` (${formatted(Math.min(...there))} to ${formatted(Math.max(...there))})` : "";
  const few = there.length < seeds.length ? `, ${there.length} of ${seeds.length} seeds` : "";
  return `${formatted(median(there))}${range}${unitWords(variable)}${few}`;
}

/** What a flag means if all seeds have it; otherwise how many seeds have which. */
function countedFlags(map, name, values) {
  const { flags } = map.variables[name];
  const kinds = [...new Set(values)];
  if (kinds.length === 1) return meaning(map, name, kinds[0]);
  const count = (kind) => values.filter((x) => x === kind).length;
  return kinds.sort((a, b) => count(b) - count(a))
    .map((kind) => `${flags[kind].replaceAll("_", " ")} (${count(kind)} of ${values.length} seeds)`).join(", ");
}

/** What a map shows, for a picture that stands alone. */
function mapTitle(map, { variable, x, y, at, isMedian }) {
  const n = map.axes.seed.values.length;
  const over = map.variables[variable].flags ? "commonest of" : "median over";
  const words = {
    backend: nameAt(map, "backend", at.backend), q_factor: `q ${nameAt(map, "q_factor", at.q_factor)}`,
    g_factor: `g ${nameAt(map, "g_factor", at.g_factor)}`,
    seed: isMedian && n > 1 ? `${over} ${n} seeds` : `seed ${nameAt(map, "seed", at.seed)}`,
  };
  const fixed = DIMENSIONS.filter((dim) => dim !== x && dim !== y).map((dim) => words[dim]);
  return `Sweep ${map.sweep}: ${[labelOf(variable), ...fixed].join(", ")}`;
}

/** All cells of a variable with its errors and flags, as a table. */
function csvOf(map, name) {
  const names = [name, ...map.variables[name].ancillary].filter((one) => map.variables[one]);
  const dims = DIMENSIONS.filter((one) => map.variables[name].dims.includes(one));
  const quoted = (x) => (/[",\n]/.test(x) ? `"${String(x).replaceAll('"', '""')}"` : String(x));
  let cells = [{}];
  for (const dim of dims) {
    cells = cells.flatMap((cell) => ordered(map, dim).map((k) => ({ ...cell, [dim]: k })));
  }
  const place = (cell) => dims.map((dim) =>
    dim === "backend" ? map.backends[cell[dim]].name : map.axes[dim].values[cell[dim]]);
  const value = (one, cell) => {
    const x = valueOf(map.variables[one], cell);
    return map.variables[one].flags ? map.variables[one].flags[x] : Number.isNaN(x) ? "" : x;
  };
  const rows = cells.map((cell) => [...place(cell), ...names.map((one) => value(one, cell))]);
  return [[...dims, ...names], ...rows].map((row) => row.map(quoted).join(",")).join("\n") + "\n";
}

/** The command that simulates such a network. */
function commandOf(map, { backend, seed, steps }, q, g) {
  const { network, mapping, simulation, observables } = map.config;
  const options = {
    q, g, backend, neurons: network.neurons, seed: map.axes.seed.values[seed],
    "step-size": network.step_size, bias: network.bias, refractory: network.refractory,
    "rate-to-lif": mapping.rate_to_lif, "float-to-integer": mapping.float_to_integer,
    "weight-bits": mapping.weight_bits, steps, "burn-in": Math.round(steps / 5),
    "max-lag": Math.min(simulation.max_lag, Math.round(steps * 0.4)), boxcar: observables.boxcar,
    autocovariance: observables.autocovariance,
  };
  return `eiphase simulate ${Object.entries(options).map(([k, x]) => `--${k} ${x}`).join(" ")} --plot`;
}

/** Python that simulates a cell again, to the bit. */
function pythonOf(map, { backend, seed }, q, g) {
  const cell = `q_factor=${q}, g_factor=${g}, seed=${map.axes.seed.values[seed]}`;
  return [
    "import eiphase, xarray",
    `phase_map = xarray.open_dataset("results/${map.sweep}/phase_map.nc")`,
    `recording = eiphase.simulate_cell(phase_map, backend="${backend}", ${cell})`,
    "eiphase.plot_recording(recording, recording)",
  ].join("\n");
}
