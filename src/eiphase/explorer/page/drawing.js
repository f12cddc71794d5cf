"use strict";
// Pictures as SVG. All looks are attributes, so that a saved picture needs no style sheet.

const INK = "#222222", FAINT = "#767676", DIFFERENT = "#d55e00";
const EXCITATORY = "#333333", INHIBITORY = "#0072b2";
const FONT = { "font-family": "system-ui, sans-serif", "font-size": 12, fill: INK };

// Lines over the map, each drawn as strokes one on another.
const onWhite = (width, dash = "none", halo = 3, opacity = 1) => [
  { stroke: "#ffffff", "stroke-width": width + halo, opacity },
  { stroke: "#000000", "stroke-width": width, "stroke-dasharray": dash },
];
const onHalo = (width, dash) => onWhite(width, dash, 1.6, 0.7);
const LINES = {
  doubt: [{ stroke: "#ffffff", "stroke-width": 3 }, { stroke: "#555555", "stroke-width": 1.2 }],
  limit: [{ stroke: "#000000", "stroke-width": 4 }, { stroke: "#ffffff", "stroke-width": 2 }],
  band: [{ fill: "#000000", opacity: 0.25 }],
  bar: onHalo(1.1), seed: onHalo(0.8), mean: onHalo(2.4), theory: onHalo(1.8, "7 4"), own: onHalo(0.9, "2 3"),
  ring: [{ fill: "#ffffff", stroke: "#000000", "stroke-width": 1.5 }],
  several: [{ fill: "#ffffff", stroke: "#000000", "stroke-width": 1.3 }],
  chosen: onWhite(2), beside: onWhite(2, "4 3"),
};
const SYMBOLS = { ring: "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0", several: "m-5 0l5 -5l5 5l-5 5z" };
const LIMIT_WORDS = "strongest coupling: beyond the line, LIF neurons of all seeds cannot couple as "
  + "strongly as the rate network";

const OWN = ". Point at a cell for its own reasons; the table below the map has the chosen cell's.";

/** An element of SVG with attributes and children. */
function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** An empty picture, whose height is set when all that it holds has its place. */
function picture(width, label, role) {
  return svg("svg", { xmlns: "http://www.w3.org/2000/svg", width, role, "aria-label": label },
    svg("rect", { width: "100%", height: "100%", fill: "#ffffff" }));
}

function setHeight(made, height) {
  made.setAttribute("height", height);
  made.setAttribute("viewBox", `0 0 ${made.getAttribute("width")} ${height}`);
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

/** A number in few characters, as there is little room beside an axis. */
function narrow(x) {
  return x !== 0 && Math.abs(x) < 1e-3 ? x.toExponential().replaceAll("-", "−") : formatted(x);
}

/** Axes in a box {left, top, width, height}: functions `x` and `y` from numbers to pixels.
 *
 * An axis is {low, high, log, label, marks}; marks are [number, words], or round numbers. A title is
 * texts, each with its colour. */
function axes(parent, box, across, up, title = []) {
  const { left, top, width, height } = box, bottom = top + height;
  const x = (value) => left + fraction(across, value) * width;
  const y = (value) => top + (1 - fraction(up, value)) * height;
  const marks = (axis, space) => axis.marks
    ?? ticks(axis, Math.max(3, Math.floor(space))).map((one) => [one, narrow(one)]);
  const middle = { "text-anchor": "middle" };
  parent.append(svg("rect", { x: left, y: top, width, height, fill: "none", stroke: FAINT }));
  for (const [at, words] of marks(across, width / 80)) {
    parent.append(svg("path", { d: `M${x(at)} ${bottom}v4`, stroke: FAINT }),
      text(x(at), bottom + 17, words, middle));
  }
  for (const [at, words] of marks(up, height / 36)) {
    parent.append(svg("path", { d: `M${left} ${y(at)}h-4`, stroke: FAINT }),
      text(left - 7, y(at) + 4, words, { "text-anchor": "end" }));
  }
  const turned = `translate(${up.marks ? 14 : left - 57} ${top + height / 2}) rotate(-90)`;
  parent.append(text(left + width / 2, bottom + 34, across.label, middle),
    text(0, 0, up.label, { ...middle, transform: turned }),
    text(left, top - 7, "", { "font-weight": 600 }));
  parent.lastChild.append(...title.map(([words, fill], k) => svg("tspan", { fill, dx: k ? 8 : 0 }, words)));
  return { ...box, x, y };
}

/** A path through points [x, y] in pixels, broken where one is no number; a lone point is a dash. */
function pathThrough(points) {
  const isThere = (k) => Number.isFinite(points[k]?.[0]) && Number.isFinite(points[k][1]);
  return points.map(([x, y], k) => {
    if (!isThere(k)) return "";
    if (!isThere(k - 1) && !isThere(k + 1)) return `M${x - 5} ${y}h10`;
    return `${isThere(k - 1) ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
  }).join("");
}

/** A kind of line along a path, or its symbol at each of some points. */
function drawnLine(kind, points, path = pathThrough(points)) {
  const there = points.filter(([x]) => Number.isFinite(x));
  const d = SYMBOLS[kind] ? there.map(([x, y]) => `M${x} ${y}${SYMBOLS[kind]}`).join("") : path;
  return svg("g", { fill: "none" }, ...LINES[kind].map((stroke) => svg("path", { d, ...stroke })));
}

function hatches() {
  const tile = (id, size, path, width) => svg("pattern", {
    id, width: size, height: size, patternUnits: "userSpaceOnUse",
  }, svg("path", { d: path, stroke: "#666666", "stroke-width": width, "stroke-linecap": "round" }));
  return svg("defs", {}, tile("crosses", 8, "M0 0L8 8M8 0L0 8", 1), tile("dots", 6, "M3 3h0", 1.8),
  tile("half", 48, "M6.5 -48v96", 13));
}

// The map ---------------------------------------------------------------------------------------

/** The map of a variable, with its legend: {picture, isUsual, placeAt}: whether axes are q and g, and
 * from pixels to {cell, numbers}: the numbers along both axes, and the cell if it is on the map. */
function drawMap(map, view, width) {
  const { x: across, y: up } = view, { heading } = map.variables[view.variable];
  const scale = scaleOf(map, view.variable, view.at.backend);
  const titles = [mapTitle(map, view), heading].flatMap((words) => wrapped(words, width - 24));
  const left = up === "backend" ? 96 : 70, top = 16 * titles.length + (scale ? 44 : 12);
  const box = { left, top, width: width - left - 14, height: Math.min(0.75 * width, 520) };
  const made = picture(width, titles.join(", "), "group");
  titles.forEach((words, k) => made.append(text(12, 16 + 16 * k, words, { "font-weight": 600 })));
  if (scale) drawColourBar(made, { ...box, top: 16 * titles.length + 8 }, scale);
  const cells = svg("g"), choice = svg("g", { class: "choice" });
  made.append(hatches(), cells); // under the axes
  const plot = axes(made, box, mapAxis(map, across), mapAxis(map, up));
  const isUsual = across.endsWith("_factor") && up.endsWith("_factor");
  const grid = { plot, cells, columns: map.axes[across].edges, rows: map.axes[up].edges };
  const legend = [...drawCells(map, view, grid), ...drawRegions(map, view, grid)];
  if (isUsual) legend.push(...drawLines(made, map, view, grid));
  made.append(choice);
  drawChoice(choice, view, grid, isUsual);
  setHeight(made, drawLegend(made, legend, width, top + box.height + 60));
  return { picture: made, isUsual, placeAt: (x, y) => placeAt(view, grid, x, y) };
}

function mapAxis(map, name) {
  const { edges, values, label } = map.axes[name];
  const words = (k) => (name === "backend" ? map.backends[k].name.replace("lif_", "").replace("_", " ")
    : nameAt(map, name, k));
  const marks = name.endsWith("_factor") ? undefined : Array.from(values, (_, k) => [k, words(k)]);
  return { low: edges[0], high: edges.at(-1), label, marks };
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

/** Column, row and cell of each cell on the map. */
function eachCell(map, view, { columns, rows }) {
  const cell = shownCell(map, view, view.at);
  return Array.from(rows.slice(1), (_, j) => Array.from(columns.slice(1), (__, i) =>
    [i, j, { ...cell, [view.x]: i, [view.y]: j }])).flat();
}

/** Over a cell, or an upright band of it. */
function rectangle({ plot, columns, rows }, i, j, attributes, band = [0, 1]) {
  const left = plot.x(columns[i]), wide = plot.x(columns[i + 1]) - left, y = plot.y(rows[j + 1]);
  const across = { x: left + band[0] * wide, width: (band[1] - band[0]) * wide };
  return svg("rect", { ...across, y, height: plot.y(rows[j]) - y, ...attributes });
}

/** Returns what the looks of cells mean that have no colour of the scale. */
function drawCells(map, view, grid) {
  return eachCell(map, view, grid).flatMap(([i, j, cell]) => {
    const looks = cellLooks(map, view.variable, cell);
    const entries = looks.flatMap(({ colour, hatch, text: words }, k) => {
      const band = [k / looks.length, (k + 1) / looks.length];
      grid.cells.append(rectangle(grid, i, j, { fill: colour, stroke: colour, "stroke-width": 0.5 }, band));
      if (hatch) grid.cells.append(rectangle(grid, i, j, { fill: "url(#crosses)" }, band));
      const fills = [colour, ...(hatch ? ["url(#crosses)"] : [])];
      return words ? [{ fills, words, isWhole: !map.variables[view.variable].flags }] : [];
    });
    return looks.length > 1 ? [...entries, { fills: ["#e5e5e5", "url(#half)"], words: map.tie, isWhole: true }] : entries;
  });
}

/** Draw where cells are in doubt, and where LIF neurons are at their strongest. */
function drawRegions(map, view, grid) {
  const { doubt } = map.variables[view.variable], all = eachCell(map, view, grid);
  const doubted = all.filter(([, , cell]) => doubt && valueOf(doubt, cell));
  const limited = all.filter(([, , cell]) => doubt && map.limit && valueOf(map.limit, cell));
  for (const [i, j] of doubted) grid.cells.append(rectangle(grid, i, j, { fill: "url(#dots)" }));
  const limit = outline(limited, grid, false);
  grid.cells.append(drawnLine("doubt", [], outline(doubted, grid, true)), drawnLine("limit", [], limit));
  return [
    ...(doubted.length ? [{ fills: ["#ffffff", "url(#dots)"], words: `in doubt: ${doubt.text}${OWN}` }] : []),
    ...(limit ? [{ kind: "limit", words: LIMIT_WORDS }] : []),
  ];
}

/** A path around cells [column, row]; `isWhole`: along the map's own sides, too. */
function outline(cells, { plot, columns, rows }, isWhole) {
  const inside = new Set(cells.map(([i, j]) => `${i},${j}`));
  const isOn = (i, j) => isWhole || (i >= 0 && j >= 0 && i < columns.length - 1 && j < rows.length - 1);
  return cells.flatMap(([i, j]) => {
    const [left, right] = [plot.x(columns[i]), plot.x(columns[i + 1])];
    const [bottom, top] = [plot.y(rows[j]), plot.y(rows[j + 1])];
    const sides = [
      [i - 1, j, `M${left} ${top}V${bottom}`], [i + 1, j, `M${right} ${top}V${bottom}`],
      [i, j - 1, `M${left} ${bottom}H${right}`], [i, j + 1, `M${left} ${top}H${right}`],
    ];
    return sides.filter(([a, b]) => !inside.has(`${a},${b}`) && isOn(a, b)).map((side) => side[2]);
  }).join("");
}

/** Draw borders and theory, where the axes are q and g. */
function drawLines(parent, map, { x, at }, { plot, columns, rows }) {
  const isInside = (sides, value) => value !== null && value >= sides[0] && value <= sides.at(-1);
  return map.backends[at.backend].lines.map(({ kind, text: words, points }) => {
    const along = points.map(([g, q]) => (x === "g_factor" ? [g, q] : [q, g]));
    parent.append(drawnLine(kind, along.map(([a, b]) =>
      (isInside(columns, a) && isInside(rows, b) ? [plot.x(a), plot.y(b)] : [NaN, NaN]))));
    return { kind, words };
  });
}

/** Frame the chosen cell, and the one beside it; between cells a ring stands for the network. */
function drawChoice(parent, { x, y, at, beside, between }, grid, isUsual) {
  const frame = (kind, cell) => parent.append(drawnLine(kind, [], outline([[cell[x], cell[y]]], grid, true)));
  if (beside) frame("beside", beside);
  if (!between || !isUsual) return frame("chosen", at);
  const [a, b] = x === "g_factor" ? [between.g, between.q] : [between.q, between.g];
  parent.append(svg("circle", {
    cx: grid.plot.x(a), cy: grid.plot.y(b), r: 7, fill: "#ffffff", stroke: "#000000", "stroke-width": 3,
  }));
}

/** Entries of a legend one after another, each once and with its sign; returns where they end. */
function drawLegend(parent, entries, width, top) {
  let x = 8, y = top;
  const once = new Map(entries.map((one) => [one.words, one]));
  for (const { fills = [], kind, words, isWhole } of once.values()) {
    const lines = wrapped(isWhole ? words : words.split(": ")[0], width - 60); // the rest of it on hover
    const wide = 56 + 6.5 * Math.max(...lines.map(({ length }) => length));
    if (x > 8 && x + wide > width) [x, y] = [8, y + 22];
    const band = [[1, -10], [25, -10], [25, 2], [1, 2]];
    const points = kind === "band" ? band : SYMBOLS[kind] ? [[13, -4]] : [[1, -4], [25, -4]];
    parent.append(svg("g", {
      transform: `translate(${x} ${y})`, tabindex: 0, role: "note", "aria-label": words, "data-words": words,
    }, svg("rect", { x: -4, y: -15, width: wide - 6, height: 4 + 17 * lines.length, fill: "#ffffff" }),
    ...fills.map((fill) => svg("rect", { x: 1, y: -11, width: 24, height: 14, fill, stroke: FAINT })),
    ...(kind ? [drawnLine(kind, points)] : []),
    ...lines.map((line, k) => text(33, 17 * k, line))));
    [x, y] = lines.length > 1 ? [8, y + 17 * lines.length + 5] : [x + wide, y];
  }
  return y + 22;
}

/** What is at a place in pixels; outside of the map the numbers are those of its sides. */
function placeAt(view, { plot, columns, rows }, x, y) {
  const parts = [(x - plot.left) / plot.width, 1 - (y - plot.top) / plot.height];
  const isOn = parts.every((part) => part >= 0 && part <= 1);
  const numbers = [columns, rows].map((sides, k) =>
    sides[0] + Math.min(Math.max(parts[k], 0), 1) * (sides.at(-1) - sides[0]));
  const [i, j] = [columns, rows].map((sides, k) =>
    sides.slice(1, -1).filter((side) => side <= numbers[k]).length);
  return { numbers, cell: isOn ? { ...view.at, [view.x]: i, [view.y]: j } : null };
}
