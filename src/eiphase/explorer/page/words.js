"use strict";
// How a phase map's numbers become words, colours and places: plain functions.

const DIMENSIONS = ["backend", "q_factor", "g_factor", "seed"];

/** The index along `seed` of what holds over all seeds together: the median, the commonest flag. */
const together = ({ axes: { seed } }) => seed.values.length;

/** What stands at an index of a dimension, in words. */
function nameAt(map, dimension, index) {
  return dimension === "backend" ? map.backends[index].title : formatted(map.axes[dimension].values[index]);
}

/** Where a cell lies: the backend's name, and numbers along other dimensions. */
function placeOf(map, cell, dims) {
  const { backends, axes } = map;
  return dims.map((dim) => (dim === "backend" ? backends[cell[dim]].name : axes[dim].values[cell[dim]]));
}

/** How the network of a cell, or one {q, g} between cells, is called. */
function titleOf(map, { backend, q_factor, g_factor, seed }, between) {
  const q = between ? formatted(between.q) : nameAt(map, "q_factor", q_factor);
  const g = between ? formatted(between.g) : nameAt(map, "g_factor", g_factor);
  return `${map.backends[backend].title}, q ${q}, g ${g}, seed ${nameAt(map, "seed", seed)}`;
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

/** The number of a text, within {min, max} and whole unless `step` is "any"; or else `otherwise`. */
function numberWithin(words, { min, max, step }, otherwise) {
  const number = words.trim() === "" ? NaN : Number(words);
  if (!Number.isFinite(number)) return otherwise;
  return Math.min(Math.max(step === "any" ? number : Math.round(number), min), max);
}

/** Where a number lies between the ends of a scale, 0 to 1. */
function fraction({ low, high, log }, x) {
  const part = log ? Math.log(x / low) / Math.log(high / low) : (x - low) / (high - low);
  return Math.min(Math.max(part, 0), 1);
}

/** Round numbers between two ends, some five of them; on a logarithmic scale powers of ten. */
function ticks({ low, high, log }, count = 5) {
  const whole = (from, to) => {
    const first = Math.ceil(from - 1e-9);
    return Array.from({ length: Math.floor(to + 1e-9) - first + 1 }, (_, k) => first + k);
  };
  if (log && high / low >= 100) {
    const powers = whole(Math.log10(low), Math.log10(high));
    const every = Math.ceil(powers.length / (count + 1));
    return powers.filter((_, k) => k % every === 0).map((power) => 10 ** power);
  }
  if (log) return [0, 0.5, 1].map((part) => Number((low * (high / low) ** part).toPrecision(2)));
  const unit = 10 ** Math.floor(Math.log10((high - low) / count));
  const step = unit * [1, 2, 5, 10].find((factor) => factor * unit >= ((high - low) / count) * 0.999);
  return whole(low / step, high / step).map((k) => Number((k * step).toPrecision(12)));
}

/** A variable's companion that ends so: "flag", "error". */
function companion(map, name, ending) {
  return map.variables[map.variables[name].ancillary.find((one) => one.endsWith(`_${ending}`))];
}

/** From numbers to colours: {low, high, log, stops}; flags have none. */
function scaleOf(map, name, backend) {
  const { scales } = map.variables[name];
  const scale = scales && (scales[backend] ?? scales[0]);
  return scale && { ...scale, stops: map.stops[scale.colours] };
}

function colourOf(scale, x) {
  return scale.stops[Math.round(fraction(scale, x) * (scale.stops.length - 1))];
}

/** The looks of a cell, {colour, hatch, text}: one, or those of the phases that tie over seeds; `text` only
 * if it is no number on the scale. */
function cellLooks(map, name, cell) {
  const variable = map.variables[name], { flags } = variable, value = valueOf(variable, cell);
  if (flags && name === "phase" && cell.seed === together(map)) {
    const { kinds, count } = counted(eachSeed(map, variable, cell).filter((kind) => kind >= 0));
    const most = kinds.filter((kind) => count(kind) === count(kinds[0]));
    return (most.length ? most.sort((a, b) => a - b) : [value]).map((kind) => flags[kind]);
  }
  if (flags) return [flags[value]];
  if (!Number.isNaN(value)) return [{ colour: colourOf(scaleOf(map, name, cell.backend), value) }];
  const flag = companion(map, name, "flag"), why = flag?.flags[valueOf(flag, cell)];
  return [{ colour: "#ffffff", ...why?.lack, text: why?.text ?? "no number" }];
}

/** A variable's value on each seed. */
function eachSeed(map, variable, cell) {
  return Array.from(map.axes.seed.values, (_, seed) => valueOf(variable, { ...cell, seed }));
}

/** The different ones of some flags, the commonest first, and how often each is there. */
function counted(flags) {
  const count = (kind) => flags.filter((x) => x === kind).length;
  return { kinds: [...new Set(flags)].sort((a, b) => count(b) - count(a)), count };
}

/** A value with its error and unit, or what its flag means. Of all seeds together the median and the
 * range, as seeds scatter by more than each one's error; flags are counted. */
function valueText(map, name, cell) {
  const variable = map.variables[name], value = valueOf(variable, cell);
  const isTogether = variable.dims.includes("seed") && cell.seed === together(map);
  const each = isTogether ? eachSeed(map, variable, cell) : [value];
  if (variable.flags) return flagsText(variable.flags, each);
  if (Number.isNaN(value)) return lackText(map, name, cell);
  const there = each.filter((x) => !Number.isNaN(x)), errors = companion(map, name, "error");
  const error = errors && !isTogether ? valueOf(errors, cell) : NaN;
  return [
    formatted(value), Number.isNaN(error) ? "" : ` ± ${formatted(error, 2)}`,
    there.length > 1 ? ` (${formatted(Math.min(...there))} to ${formatted(Math.max(...there))})` : "",
    variable.unit, there.length < each.length ? `, ${there.length} of ${each.length} seeds` : "",
  ].join("");
}

/** What a flag means if all seeds have it; otherwise how many seeds have which. */
function flagsText(flags, each) {
  const { kinds, count } = counted(each);
  if (kinds.length === 1) return flags[kinds[0]].text;
  const word = (kind) => flags[kind].word.replaceAll("_", " ");
  return kinds.map((kind) => `${word(kind)} (${count(kind)} of ${each.length} seeds)`).join(", ");
}

/** Why a cell has no number. */
function lackText(map, name, cell) {
  const flag = companion(map, name, "flag");
  const why = flag ? flag.flags[valueOf(flag, cell)].text : "not applicable";
  return why === "not applicable" ? why : `no number: ${why}`;
}

/** Why a cell is in doubt, if it is. */
function doubtText(map, name, cell) {
  const { doubt } = map.variables[name];
  return doubt && doubt.texts[valueOf(doubt, cell)];
}

/** Rows that describe a cell, [name of the variable, text for each of `cells`]: the shown variable
 * first, then what matters, if there is anything to say of it. */
function description(map, name, cells) {
  const isEmpty = (words) => ["none", "not applicable", "ok", "no"].includes(words);
  return [...new Set([name, ...map.describing])].filter((one) => map.variables[one])
    .map((one) => [one, ...cells.map((cell) => valueText(map, one, cell))])
    .filter(([, ...texts], k) => k === 0 || !texts.every(isEmpty));
}

/** The cell whose value is shown: where seeds are taken together, all of them. */
function shownCell(map, { isMedian, x, y }, cell) {
  const isTogether = isMedian && x !== "seed" && y !== "seed" && together(map) > 1;
  return isTogether ? { ...cell, seed: together(map) } : cell;
}

/** What a map shows, for a picture that stands alone. */
function mapTitle(map, view) {
  const { variable, x, y, at } = view, n = together(map);
  const over = map.variables[variable].flags ? "commonest of" : "median over";
  const words = {
    backend: nameAt(map, "backend", at.backend), q_factor: `q ${nameAt(map, "q_factor", at.q_factor)}`,
    g_factor: `g ${nameAt(map, "g_factor", at.g_factor)}`,
    seed: view.isMedian && n > 1 ? `${over} ${n} seeds` : `seed ${nameAt(map, "seed", at.seed)}`,
  };
  const fixed = DIMENSIONS.filter((dim) => dim !== x && dim !== y).map((dim) => words[dim]);
  return `Sweep ${map.sweep}: ${[map.variables[variable].label, ...fixed].join(", ")}`;
}

/** The cell to begin with: of the first backend, one that fluctuates and is not in doubt, as little
 * above the border as possible; without any, the one in the middle. */
function tellingCell(map) {
  const { c0, phase, measured_critical_q: border } = map.variables;
  const { q_factor: { values: qs }, g_factor: { values: gs } } = map.axes;
  const first = { backend: 0, q_factor: qs.length >> 1, g_factor: gs.length >> 1, seed: 0 };
  const cells = Array.from({ length: qs.length * gs.length }, (_, k) =>
    ({ ...first, q_factor: Math.floor(k / gs.length), g_factor: k % gs.length }));
  const above = (cell) => qs[cell.q_factor] - (border ? valueOf(border, cell) : NaN);
  const isSure = (cell) => ![phase, c0].some((one) => one?.doubt && valueOf(one.doubt, cell));
  const [best] = cells.filter((cell) => above(cell) > 0 && valueOf(c0, cell) > 0 && isSure(cell))
    .sort((a, b) => above(a) - above(b));
  return best ?? first;
}

/** Whether a run's network settles: what the dataset says, or between cells the run itself. */
function isSettled(map, { at, between, result }) {
  const { c0_flag: flag } = map.variables;
  return between || !flag ? result.settles : flag.flags[valueOf(flag, at)].word === "undefined";
}

/** What to say of a run that is short against the decay time, the dataset's or the run's own; nothing
 * where the network settles, or the dataset has no c(0). */
function shortness(map, run) {
  const { at, between, steps, first, result: { decay, lags } } = run, { c0, decay_time } = map.variables;
  if (isSettled(map, run) || (!between && Number.isNaN(valueOf(c0, at)))) return "";
  const known = between ? NaN : valueOf(decay_time, at);
  const isBeyond = !known && Number.isNaN(decay), { longEnough } = map.measured;
  const length = (steps - first) / (known || (isBeyond ? lags.at(-1) : decay));
  if (length >= longEnough) return "";
  const whose = known ? ` (the dataset's, ${formatted(known)} steps)` : "";
  return `This run is ${isBeyond ? "less than " : ""}${formatted(Math.floor(10 * length) / 10)} decay times `
    + `long${whose}, where ${longEnough} are needed: c(lag) tends to come out too small.`;
}

/** All cells of a variable with its errors and flags, as a table. */
function csvOf(map, name) {
  const columns = [name, ...map.variables[name].ancillary].filter((one) => map.variables[one]);
  const dims = DIMENSIONS.filter((one) => map.variables[name].dims.includes(one));
  const cells = dims.reduce((found, dim) => found.flatMap((cell) =>
    Array.from(map.axes[dim].values, (_, index) => ({ ...cell, [dim]: index }))), [{}]);
  const value = (one, cell) => {
    const { flags } = map.variables[one], x = valueOf(map.variables[one], cell);
    return flags ? flags[x].word : Number.isNaN(x) ? "" : x;
  };
  const rows = cells.map((cell) => [...placeOf(map, cell, dims), ...columns.map((one) => value(one, cell))]);
  return [[...dims, ...columns], ...rows].map((row) => row.join(",")).join("\n") + "\n";
}

/** The command that simulates such a network. */
function commandOf(map, { backend, at, steps, first, q, g }) {
  const seed = map.axes.seed.values[at.seed];
  const lags = Math.min(map.measured.maxLag, Math.round(steps * 0.4));
  return `eiphase simulate --q ${q} --g ${g} --backend ${backend} --seed ${seed} ${map.command} `
    + `--steps ${steps} --burn-in ${first} --max-lag ${lags} --plot`;
}

/** Python that simulates a cell again, to the bit, and shows the steps that the page shows. */
function pythonOf(map, { backend, at, steps, q, g }) {
  const cell = `q_factor=${q}, g_factor=${g}, seed=${map.axes.seed.values[at.seed]}`;
  const part = steps < map.measured.steps ? `.isel(step=slice(${steps}))` : "";
  return [
    "import eiphase, xarray as xr",
    `phase_map = xr.open_dataset(${JSON.stringify(`results/${map.sweep}/phase_map.nc`)})`,
    `cell = eiphase.simulate_cell(phase_map, backend="${backend}", ${cell})`,
    "# The decay time in the figure is the dataset's, of the whole run.",
    `eiphase.plot_recording(cell${part}).savefig("cell.png")`,
  ].join("\n");
}
