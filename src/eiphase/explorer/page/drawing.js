"use strict";
// Pictures as SVG. All looks are attributes, so that a saved picture needs no style sheet.

const INK = "#222222", FAINT = "#767676", DIFFERENT = "#d55e00";
const EXCITATORY = "#333333", INHIBITORY = "#0072b2";
const FONT = { "font-family": "system-ui, sans-serif", "font-size": 12, fill: INK };
const BORDERS = {
  band: { fill: "#000000", "fill-opacity": 0.25, stroke: "none", "stroke-width": 0 },
  seed: { stroke: "#000000", "stroke-width": 0.8 },
  mean: { stroke: "#000000", "stroke-width": 2.4 },
  ring: { ring: true, stroke: "#000000", "stroke-width": 1.5 },
  several: { diamond: true, stroke: "#000000", "stroke-width": 1.3 },
  theory: { stroke: "#000000", "stroke-width": 1.8, "stroke-dasharray": "7 4" },
  own: { stroke: "#000000", "stroke-width": 0.9, "stroke-dasharray": "2 3" },
};

const LIMIT = { stroke: "#ffffff", "stroke-width": 2 };
const LIMIT_WORDS = "strongest coupling: beyond the line, LIF neurons of all seeds cannot couple as "
  + "strongly as the rate network";

/** An element of SVG with attributes and children. */
function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function picture(width, height, label) {
  return svg("svg", {
    xmlns: "http://www.w3.org/2000/svg", width, height, viewBox: `0 0 ${width} ${height}`,
    role: "img", "aria-label": label,
  }, svg("rect", { width, height, fill: "#ffffff" }));
}

function text(x, y, words, attributes = {}) {
  return svg("text", { x, y, ...FONT, ...attributes }, words);
}

/** Words in lines that are not longer than `width` pixels, more or less. */
function wrapped(words, width) {
  const lines = [""];
  for (const word of words.split(" ")) {
    const line = lines.at(-1);
    if (line && (line.length + word.length) * 7 > width) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines;
}

/**
 * Axes in a box {left, top, width, height}: functions `x` and `y` from numbers to pixels.
 *
 * An axis is {low, high, log, label, marks}; marks are [number, words], or round numbers. A title is
 * a text, or texts with colours.
 */
function axes(parent, box, across, up, title = "") {
  const { left, top, width, height } = box;
  const x = (value) => left + fraction(across, value) * width;
  const y = (value) => top + (1 - fraction(up, value)) * height;
  const marks = (axis, space) => axis.marks
    ?? ticks(axis, Math.max(2, Math.floor(space))).map((one) => [one, formatted(one)]);
  parent.append(svg("rect", { x: left, y: top, width, height, fill: "none", stroke: FAINT }));
  for (const [at, words] of marks(across, Math.max(3, width / 80))) {
    parent.append(svg("path", { d: `M${x(at)} ${top + height}v4`, stroke: FAINT }),
      text(x(at), top + height + 17, words, { "text-anchor": "middle" }));
  }
  for (const [at, words] of marks(up, Math.max(3, height / 36))) {
    parent.append(svg("path", { d: `M${left} ${y(at)}h-4`, stroke: FAINT }),
      text(left - 7, y(at) + 4, words, { "text-anchor": "end" }));
  }
  parent.append(
    text(left + width / 2, top + height + 34, across.label, { "text-anchor": "middle" }),
    text(0, 0, up.label, {
      "text-anchor": "middle", transform: `translate(${up.marks ? 14 : left - 48} ${top + height / 2}) rotate(-90)`,
    }),
    svg("text", { x: left, y: top - 7, ...FONT, "font-weight": 600 }, ...(
      Array.isArray(title) ? title : [[title, INK]]).map(([words, fill], k) =>
      svg("tspan", { fill, dx: k ? 8 : 0 }, words))));
  return { ...box, x, y };
}

/** A line through points [x, y] in pixels, broken where one is not a number. */
function line(points, attributes) {
  let isOn = false;
  const steps = points.map(([x, y]) => {
    const isThere = Number.isFinite(x) && Number.isFinite(y);
    const step = isThere ? `${isOn ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}` : "";
    isOn = isThere;
    return step;
  });
  return svg("path", { d: steps.join(""), fill: "none", "stroke-linejoin": "round", ...attributes });
}

function hatches() {
  const tile = (id, size, path, width) => svg("pattern", {
    id, width: size, height: size, patternUnits: "userSpaceOnUse",
  }, svg("path", { d: path, stroke: "#666666", "stroke-width": width, "stroke-linecap": "round" }));
  return svg("defs", {}, tile("crosses", 8, "M0 0L8 8M8 0L0 8", 1), tile("dots", 6, "M3 3h0", 1.8));
}

/**
 * The map of a variable. Returns {picture, isUsual, cellAt, numbersAt, texts}: whether axes are q
 * and g, from pixels to a cell and to numbers along both axes, and what looks and lines mean,
 * [{look, line or dots, words}].
 */
function drawMap(map, view, width) {
  const grid = gridOf(map, view, width);
  const texts = new Map(); // each entry of the legend once, by its words
  const add = (entry) => texts.set(entry.words, entry);
  drawCells(map, view, grid).forEach(add);
  drawRegions(map, view, grid).forEach(add);
  drawLines(map, view, grid).forEach(add);
  drawChoice(map, view, grid);
  const numbersAt = (x, y) => numbersOf(grid, x, y);
  const cellAt = (x, y) => cellOf(view, grid, x, y);
  return { picture: grid.picture, isUsual: grid.isUsual, cellAt, numbersAt, texts: [...texts.values()] };
}

/** The empty map: its picture with title, colour bar and axes, and where each cell lies. */
function gridOf(map, view, width) {
  const variable = map.variables[view.variable];
  const label = variable.long_name + unitOf(variable);
  const headings = wrapped(label, width - 70);
  const scale = variable.flags ? null : colourScale(map, view.variable, view.at.backend);
  const left = view.y === "backend" ? 96 : 62;
  const top = 16 * headings.length + (scale ? 44 : 12);
  const box = { left, top, width: width - left - 14, height: Math.min(0.75 * width, 520) };
  const made = picture(width, top + box.height + 44, `Map: ${label}`);
  headings.forEach((words, k) => made.append(text(left, 14 + 16 * k, words, { "font-weight": 600 })));
  if (scale) drawColourBar(made, { ...box, top: 16 * headings.length + 6 }, scale);
  const [columns, rows] = [view.x, view.y].map((one) => edges(places(map, one)));
  const cells = svg("g");
  made.append(hatches(), cells); // under the axes
  const plot = axes(made, box, mapAxis(map, view.x, columns), mapAxis(map, view.y, rows));
  const xOrder = ordered(map, view.x), yOrder = ordered(map, view.y);
  const isUsual = view.x.endsWith("_factor") && view.y.endsWith("_factor");
  return { picture: made, cells, plot, scale, columns, rows, xOrder, yOrder, isUsual };
}

function mapAxis(map, name, sides) {
  const marks = name.endsWith("_factor") ? undefined
    : ordered(map, name).map((k, place) => [place, shortName(map, name, k)]);
  return { low: sides[0], high: sides.at(-1), label: axisLabel(map, name), marks };
}

/** A cell's rectangle, by its column and row. */
function rectangle({ plot, columns, rows }, [i, j], attributes) {
  const x = plot.x(columns[i]), y = plot.y(rows[j + 1]);
  const size = { width: plot.x(columns[i + 1]) - x, height: plot.y(rows[j]) - y };
  return svg("rect", { x, y, ...size, ...attributes });
}

/** Column, row and cell of each cell on the map. */
function eachCell(view, { xOrder, yOrder }) {
  const cell = shownCell(view, view.at);
  return yOrder.flatMap((row, j) => xOrder.map((column, i) =>
    [[i, j], { ...cell, [view.x]: column, [view.y]: row }]));
}

/** Returns what the looks of cells mean that have no colour of the scale. */
function drawCells(map, { variable, ...view }, grid) {
  return eachCell(view, grid).flatMap(([place, cell]) => {
    const look = cellLook(map, variable, cell, grid.scale);
    const seam = { fill: look.colour, stroke: look.colour, "stroke-width": 0.5 };
    grid.cells.append(rectangle(grid, place, seam));
    if (look.hatch) grid.cells.append(rectangle(grid, place, { fill: "url(#crosses)" }));
    return look.text ? [{ look, words: look.text, isLack: grid.scale !== null }] : [];
  });
}

/** Draw where cells are in doubt, and where LIF neurons are at their strongest. */
function drawRegions(map, view, grid) {
  const doubt = doubtOf(map, view.variable);
  const places = (isThere) => eachCell(view, grid).filter(([, cell]) => isThere(cell)).map(([at]) => at);
  const doubted = doubt ? places((cell) => valueOf(doubt, cell)) : [];
  for (const cell of doubted) grid.cells.append(rectangle(grid, cell, { fill: "url(#dots)" }));
  outline(doubted, grid, true, [["#ffffff", 3], ["#555555", 1.2]]);
  const limited = places((cell) => isAtLimit(map, view.variable, cell));
  const isLimited = outline(limited, grid, false, [["#000000", 4], ["#ffffff", 2]]);
  return [
    ...(doubted.length ? [{ dots: true, words: `in doubt: ${doubt.text}` }] : []),
    ...(isLimited ? [{ line: LIMIT, words: LIMIT_WORDS }] : []),
  ];
}

/** Draw borders and theory, where the axes are q and g. */
function drawLines(map, { x, at }, { picture: made, plot, columns, rows, isUsual }) {
  const isInside = (sides, value) => value >= sides[0] && value <= sides.at(-1);
  return (isUsual ? borderLines(map, at.backend) : []).map(({ points, kind, text: words }) => {
    const inPixels = points.map(([g, q]) => (x === "g_factor" ? [g, q] : [q, g])).map(([a, b]) =>
      (isInside(columns, a) && isInside(rows, b) ? [plot.x(a), plot.y(b)] : [NaN, NaN]));
    drawBorder(made, inPixels, BORDERS[kind]);
    return { line: BORDERS[kind], words };
  });
}

/** Frame the chosen cell, and the one beside it; between cells a ring stands for the network. */
function drawChoice(map, view, grid) {
  const made = svg("g", { class: "choice" }), { plot } = grid;
  grid.picture.append(made);
  const mark = (cell, attributes) => {
    const place = [grid.xOrder.indexOf(cell[view.x]), grid.yOrder.indexOf(cell[view.y])];
    for (const [stroke, width] of [["#ffffff", 5], ["#000000", 2]]) {
      made.append(rectangle(grid, place, { fill: "none", stroke, "stroke-width": width, ...attributes }));
    }
  };
  if (view.beside) mark(view.beside, { "stroke-dasharray": "4 3" });
  if (!view.between || !grid.isUsual) return mark(view.at, {});
  const { q, g } = view.between;
  const [a, b] = view.x === "g_factor" ? [g, q] : [q, g];
  made.append(svg("circle", {
    cx: plot.x(a), cy: plot.y(b), r: 7, fill: "#ffffff", stroke: "#000000", "stroke-width": 3,
  }));
}

/** The numbers along both axes at a place in pixels; outside of the map those of its sides. */
function numbersOf({ plot, columns, rows }, x, y) {
  const parts = [(x - plot.left) / plot.width, 1 - (y - plot.top) / plot.height];
  return [columns, rows].map((sides, k) =>
    sides[0] + Math.min(Math.max(parts[k], 0), 1) * (sides.at(-1) - sides[0]));
}

/** The cell at a place in pixels; null outside of the map. */
function cellOf(view, grid, x, y) {
  const { left, top, width, height } = grid.plot;
  if (x < left || x > left + width || y < top || y > top + height) return null;
  const [a, b] = numbersOf(grid, x, y);
  const index = (sides, value) => sides.slice(1, -1).filter((side) => side <= value).length;
  return {
    ...view.at, [view.x]: grid.xOrder[index(grid.columns, a)], [view.y]: grid.yOrder[index(grid.rows, b)],
  };
}

function axisLabel(map, name) {
  return name.endsWith("_factor") ? `${name} (${map.axes[name].long_name})` : name;
}

function shortName(map, name, k) {
  return name === "backend" ? map.backends[k].name.replace("lif_", "").replace("_", " ") : nameAt(map, name, k);
}

function drawColourBar(parent, { left, top, width }, scale) {
  const step = width / scale.stops.length;
  scale.stops.forEach((fill, k) => parent.append(
    svg("rect", { x: left + k * step, y: top, width: step + 0.5, height: 10, fill })));
  for (const one of ticks(scale, width / 80)) {
    const x = left + fraction(scale, one) * width;
    parent.append(svg("path", { d: `M${x} ${top + 10}v3`, stroke: FAINT }),
      text(x, top + 24, formatted(one), { "text-anchor": "middle" }));
  }
}

/** Draw lines, each [colour, width], around cells; `isWhole`: along the map's own sides, too. */
function outline(cells, { plot, columns, rows, xOrder, yOrder, cells: parent }, isWhole, lines) {
  const keys = new Set(cells.map(String));
  const isOther = ([[i, j]]) => !keys.has(String([i, j])) && (isWhole || (i in xOrder && j in yOrder));
  const d = cells.flatMap(([i, j]) => {
    const [left, right] = [plot.x(columns[i]), plot.x(columns[i + 1])];
    const [bottom, top] = [plot.y(rows[j]), plot.y(rows[j + 1])];
    return [
      [[i - 1, j], `M${left} ${top}V${bottom}`], [[i + 1, j], `M${right} ${top}V${bottom}`],
      [[i, j - 1], `M${left} ${bottom}H${right}`], [[i, j + 1], `M${left} ${top}H${right}`],
    ].filter(isOther).map(([, path]) => path);
  }).join("");
  for (const [stroke, width] of lines) parent.append(svg("path", { d, stroke, "stroke-width": width }));
  return d !== "";
}

/** A border through points in pixels; rings, and points without a neighbour, are circles. */
function drawBorder(parent, points, { ring, diamond, ...attributes }) {
  if (diamond) return parent.append(...points.filter(([x]) => Number.isFinite(x)).map(([x, y]) => diamondAt(x, y)));
  const isThere = (k) => Number.isFinite(points[k]?.[0]);
  const halo = { stroke: "#ffffff", "stroke-width": attributes["stroke-width"] + 1.6, opacity: 0.7 };
  if (!ring) parent.append(line(points, halo), line(points, attributes));
  const [r, fill] = ring ? [4, "#ffffff"] : [1 + attributes["stroke-width"], attributes.stroke];
  points.forEach(([cx, cy], k) => {
    if (!isThere(k) || (!ring && (isThere(k - 1) || isThere(k + 1)))) return;
    parent.append(svg("circle", { cx, cy, r, fill, ...(ring ? attributes : { stroke: "#ffffff" }) }));
  });
}

function diamondAt(x, y) {
  const { diamond, ...attributes } = BORDERS.several;
  return svg("path", { d: `M${x - 5} ${y}l5 -5l5 5l-5 5z`, fill: "#ffffff", ...attributes });
}

/** The sign of an entry of a legend. */
function swatch({ look, line: border, dots }) {
  const made = svg("svg", { width: 26, height: 16, "aria-hidden": "true" });
  if (border?.ring) made.append(svg("circle", { cx: 13, cy: 8, r: 4, fill: "#fff", stroke: "#000" }));
  else if (border?.diamond) made.append(diamondAt(13, 8));
  else if (border?.fill) made.append(svg("path", { d: "M1 3h24v10h-24z", ...border }));
  else if (border) {
    if (border === LIMIT) made.append(svg("path", { d: "M1 8h24", stroke: "#000", "stroke-width": 4 }));
    made.append(svg("path", { d: "M1 8h24", ...border }));
  }
  else {
    made.append(svg("rect", { x: 1, y: 1, width: 24, height: 14, fill: look?.colour ?? "#fff", stroke: FAINT }));
    if (dots) made.append(svg("path", { d: "M5 5h0M11 5h0M17 5h0M8 10h0M14 10h0M20 10h0", stroke: "#555", "stroke-width": 2, "stroke-linecap": "round" }));
    if (look?.hatch) made.append(svg("path", { d: "M1 1l14 14M11 1l14 14M15 1l-14 14M25 1l-14 14", stroke: "#666" }));
  }
  return made;
}

/** A map for a file: with a title and its legend, without frames around what is chosen. */
function savedMap(map, view, { picture: shown, texts }) {
  const { width, height } = shown.viewBox.baseVal;
  const title = mapTitle(map, view), lines = wrapped(title, width - 24);
  const entries = texts.map((entry) => [entry, wrapped(legendWords(entry), width - 60)]);
  const top = 16 * lines.length + 12;
  const rows = entries.reduce((sum, [, words]) => sum + words.length, 0);
  const made = picture(width, top + height + 20 * rows + 12, title);
  lines.forEach((words, k) => made.append(text(12, 18 + 16 * k, words, { "font-weight": 600 })));
  const whole = shown.cloneNode(true);
  whole.querySelector(".choice").remove();
  whole.setAttribute("y", top);
  made.append(whole);
  let y = top + height + 16;
  for (const [entry, words] of entries) {
    const sign = swatch(entry);
    sign.setAttribute("x", 12);
    sign.setAttribute("y", y - 12);
    made.append(sign, ...words.map((line, k) => text(46, y + 20 * k, line)));
    y += 20 * words.length;
  }
  return made;
}

/** An entry's words in the legend, where those after the colon show on hover. */
function legendWords({ isLack, words }) {
  return isLack ? words : words.split(": ")[0];
}

// A network -------------------------------------------------------------------------------------

/**
 * What a network does: activity, mean rate, damage, c(lag), and what u and v take of their range.
 * `alike`: the runs, this one among them, whose means share an axis.
 */
function drawNetwork(map, run, width, shown, alike) {
  const isSplit = run.spiking && width >= 560; // c(lag), u and v side by side
  const heights = [160, 82, ...(run.spike ? [82] : []), 145, ...(run.spiking && !isSplit ? [145] : [])];
  const above = (k) => heights.slice(0, k).reduce((sum, height) => sum + height + 64, 42);
  const made = picture(width, above(heights.length) - 20, `${run.title}: activity, mean rate, autocovariance`);
  const boxes = heights.map((height, k) => ({ left: 62, top: above(k), width: width - 82, height }));
  made.append(text(8, 16, run.title, { "font-weight": 600, "font-size": 13 }));
  const time = { low: 0, high: run.steps, label: "step" };
  drawActivity(made, boxes.shift(), { map, run, shown, time });
  drawMean(made, boxes.shift(), run, alike, time, map.looks.backends[run.backend]);
  if (run.spike) drawDamage(made, boxes.shift(), run, time);
  if (!run.result) return made;
  if (isSplit) {
    const half = { ...boxes.pop(), width: (width - 180) / 2 };
    boxes.push(half, { ...half, left: half.left + width / 2 });
  }
  drawAutocovariance(made, boxes[0], run, map);
  if (run.spiking) drawDistribution(made, boxes[1], run);
  return made;
}

/** An axis from the least of some numbers, or 0, to a little above the largest. */
function axisOf(numbers, label) {
  const high = numbers.reduce((a, b) => Math.max(a, b), 0);
  return { low: numbers.reduce((a, b) => Math.min(a, b), 0), high: high > 0 ? high * 1.05 : 1, label };
}

/** Axes with lines, each [numbers across or null for steps, numbers up, look]. */
function drawCurves(parent, box, across, up, title, curves) {
  const plot = axes(parent, box, across, up, title);
  for (const [xs, ys, look] of curves) {
    parent.append(line(Array.from(ys, (y, k) => [plot.x(xs ? xs[k] : k), plot.y(y)]), look));
  }
}

function drawMean(parent, box, run, alike, time, stroke) {
  const means = run.means.subarray(0, run.done);
  const settled = ({ means: all, done, measured: { first } }) => // the start can be far off
    Array.from(all.subarray(done > first ? first : 0, done));
  const up = axisOf(alike.flatMap(settled), run.spiking ? "spikes / step" : "mean r");
  drawCurves(parent, box, time, up, "mean over neurons", [[null, means, { stroke, "stroke-width": 1.2 }]]);
}

function drawDamage(parent, box, run, time) {
  const damage = run.damage.subarray(0, run.done), level = run.result?.independent ?? 0;
  drawCurves(parent, box, time, axisOf([...damage, level, 1 / run.n], "fraction"),
    `damage${level ? "; dashed: independent trains" : ""}`, [
      [null, damage, { stroke: DIFFERENT, "stroke-width": 1.2 }],
      ...(level ? [[[0, run.steps], [level, level], { stroke: INK, "stroke-dasharray": "5 4" }]] : []),
    ]);
}

/** A raster of spikes; states of many neurons as a raster of colours, of few as lines. */
function drawActivity(parent, box, { map, run, shown, time }) {
  const n = Math.min(shown, run.n);
  const rows = Array.from({ length: n }, (_, k) => Math.floor((k * run.n) / n));
  if (!run.spiking && n <= 20) return drawTraces(parent, box, run, rows, time);
  const words = run.spiking ? [["excitatory", EXCITATORY], ["inhibitory", INHIBITORY]]
    : [["state r", INK], ["positive", "#b2182b"], ["negative", "#2166ac"]];
  if (run.spike) words.push(["in one network alone", DIFFERENT]);
  axes(parent, box, time, { low: 0, high: run.n, label: "neuron" }, words);
  parent.append(raster(map, run, rows, box));
}

function drawTraces(parent, box, run, rows, time) {
  const traces = rows.map((i) => Array.from({ length: run.done }, (_, t) => run.activity[t * run.n + i]));
  const reach = traces.flat().reduce((a, b) => Math.max(a, Math.abs(b)), 1e-9);
  drawCurves(parent, box, time, { low: -reach, high: reach, label: "state r" }, `states of ${rows.length} neurons`,
    traces.map((trace, k) => [null, trace, {
      stroke: rows[k] < run.nExcitatory ? EXCITATORY : INHIBITORY, "stroke-width": 0.9,
    }]));
}

/** Activity as pixels: a row for each of the neurons shown, the first one at the bottom. */
function raster(map, run, rows, box) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: Math.round(box.width * 2), height: Math.round(box.height * 2) });
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  const [w, h] = [canvas.width / run.steps, canvas.height / rows.length];
  const [wide, high] = [Math.max(Math.ceil(w), run.spiking ? 2 : 1), Math.ceil(h)];
  const colourAt = (run.spiking ? spikeColours : stateColours)(run, map);
  rows.forEach((i, row) => {
    const top = Math.max(0, Math.floor(canvas.height - (row + 1) * h));
    for (let t = 0; t < run.done; t++) {
      const colour = colourAt(t * run.n + i, i);
      for (let y = top; colour && y < top + high; y++) {
        const start = y * canvas.width + Math.floor(t * w);
        pixels.fill(colour, start, Math.min(start + wide, (y + 1) * canvas.width));
      }
    }
  });
  context.putImageData(image, 0, 0);
  return svg("image", { ...box, x: box.left, y: box.top, preserveAspectRatio: "none", href: canvas.toDataURL() });
}

/** A colour as the bytes of a pixel, red first. */
function pixelOf(hex) {
  return Number(`0xff${hex.slice(5, 7)}${hex.slice(3, 5)}${hex.slice(1, 3)}`);
}

function spikeColours({ activity, others, nExcitatory }) {
  const [different, excitatory, inhibitory] = [DIFFERENT, EXCITATORY, INHIBITORY].map(pixelOf);
  return (k, i) => {
    if (others && others[k] !== activity[k]) return different;
    return activity[k] && (i < nExcitatory ? excitatory : inhibitory);
  };
}

function stateColours({ activity, reach }, { looks: { diverging } }) {
  const colours = diverging.map(pixelOf), half = (colours.length - 1) / 2;
  return (k) => colours[Math.round((activity[k] / reach + 1) * half)];
}

function drawAutocovariance(parent, box, run, map) {
  const { lags, c } = run.result;
  const last = Math.max(lags.at(-1), 1);
  const curves = [[lags, c, { stroke: map.looks.backends[run.backend], "stroke-width": 2 }]];
  if (run.dataset) {
    const look = { stroke: INK, "stroke-width": 1.4, "stroke-dasharray": "5 3" };
    const isShown = (_, k) => run.dataset.lags[k] <= last;
    curves.push([run.dataset.lags.filter(isShown), run.dataset.c.filter(isShown), look]);
  }
  const up = axisOf(curves.flatMap(([, values]) => [...values]).filter(Number.isFinite), "c(lag)");
  drawCurves(parent, box, { low: 0, high: last, label: "lag (steps)" }, up,
    `autocovariance${run.dataset ? "; dashed: the dataset's" : ""}`, curves);
}

/** How often u and v have each value, counts on a logarithmic scale, with the range of integers. */
function drawDistribution(parent, box, run) {
  const { u, v, range } = run.result;
  const bins = 80;
  const values = [...u, ...v, 1];
  const low = range ? -range : values.reduce((a, b) => Math.min(a, b));
  const high = range ?? values.reduce((a, b) => Math.max(a, b));
  const counted = (numbers) => {
    const counts = new Array(bins).fill(0);
    for (const x of numbers) counts[Math.min(bins - 1, Math.floor(((x - low) / (high - low)) * bins))]++;
    return counts.flatMap((count) => [Math.max(count, 0.5), Math.max(count, 0.5)]); // both sides of a bin
  };
  const sides = Array.from({ length: 2 * bins }, (_, k) => low + (Math.ceil(k / 2) / bins) * (high - low));
  const counts = [counted(u), counted(v)];
  const most = Math.max(...counts.flat(), 10) * 1.5;
  const colours = [INHIBITORY, DIFFERENT];
  drawCurves(parent, box, { low, high, label: "thresholds" }, { low: 0.5, high: most, log: true, label: "counts" },
    [["u", colours[0]], ["v", colours[1]], [range ? "(across: the whole 24 bits)" : "", INK]], [
      ...counts.map((ys, k) => [sides, ys, { stroke: colours[k], "stroke-width": 1.6 }]),
      [[1, 1], [0.5, most], { stroke: INK, "stroke-dasharray": "2 3" }],
    ]);
}
