"use strict";
// The picture of a run: what its network does, in small plots one below another.

/** What a network does: activity, mean rate, damage, c(lag), and what u and v take of their range.
 * `alike`: the runs, this one among them, whose means, u and v share axes. */
function drawNetwork(map, run, width, shown, alike) {
  const plots = [
    activityPlot(map, run, shown), meanPlot(map, run, alike), ...(run.spike ? [damagePlot(run)] : []),
    autocovariancePlot(map, run), ...(run.spiking ? [distributionPlot(run, alike)] : []),
  ];
  const made = picture(width, `${run.title}: activity, mean rate, autocovariance`, "img");
  made.append(text(8, 16, run.title, { "font-weight": 600, "font-size": 13 }));
  let x = 0, y = 42;
  for (const plot of plots) {
    const isHalf = plot.isHalf && width >= 560; // side by side
    const box = { left: x + 70, top: y, width: isHalf ? width / 2 - 98 : width - 90, height: plot.height };
    if (plot.up) drawPlot(made, box, { across: { low: 0, high: run.steps, label: "step" }, ...plot });
    x = isHalf && x === 0 ? width / 2 : 0;
    if (x === 0) y += plot.height + 64;
  }
  setHeight(made, y - 20);
  return made;
}

/** Axes with an image, or with curves, each [numbers across or null for steps, numbers up, look]. */
function drawPlot(parent, box, { across, up, title, curves = [], image }) {
  const plot = axes(parent, box, across, up, title);
  for (const [xs, ys, look] of curves) {
    const d = pathThrough(Array.from(ys, (y, k) => [plot.x(xs ? xs[k] : k), plot.y(y)]));
    parent.append(svg("path", { d, fill: "none", "stroke-linejoin": "round", ...look }));
  }
  if (image) parent.append(image(box));
}

/** An axis from the least of some numbers, or 0, to a little above the largest. */
function axisOf(numbers, label) {
  const high = numbers.reduce((a, b) => Math.max(a, b), 0);
  return { low: numbers.reduce((a, b) => Math.min(a, b), 0), high: high > 0 ? high * 1.05 : 1, label };
}

/** A raster of spikes; states of many neurons as a raster of colours, of few as lines. */
function activityPlot(map, run, shown) {
  const n = Math.min(shown, run.n), rows = Array.from({ length: n }, (_, k) => Math.floor((k * run.n) / n));
  if (!run.spiking && n <= 20) return { height: 160, ...tracesOf(run, rows) };
  const title = run.spiking ? [["excitatory", EXCITATORY], ["inhibitory", INHIBITORY]]
    : [["state r", INK], ["positive", "#b2182b"], ["negative", "#2166ac"]];
  if (run.spike) title.push(["in one network alone", DIFFERENT]);
  const up = { low: 0, high: run.n, label: "neuron" };
  return { height: 160, title, up, image: (box) => raster(map, run, rows, box) };
}

function tracesOf(run, rows) {
  const traces = rows.map((i) => Array.from({ length: run.done }, (_, t) => run.activity[t * run.n + i]));
  const reach = traces.flat().reduce((a, b) => Math.max(a, Math.abs(b)), 1e-9);
  const colour = (i) => (i < run.nExcitatory ? EXCITATORY : INHIBITORY);
  return {
    title: [[`states of ${rows.length} neurons`, INK]], up: { low: -reach, high: reach, label: "state r" },
    curves: traces.map((trace, k) => [null, trace, { stroke: colour(rows[k]), "stroke-width": 0.9 }]),
  };
}

/** Activity as pixels: a row for each of the neurons shown, the first one at the bottom. */
function raster(map, run, rows, { left: x, top: y, width, height }) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: Math.round(width * 2), height: Math.round(height * 2) });
  const pixels = new Uint32Array(canvas.width * canvas.height);
  const [w, h] = [canvas.width / run.steps, canvas.height / rows.length];
  const every = run.spiking ? 1 : Math.ceil(1 / w); // states of steps that share a pixel are alike
  const [wide, high] = [Math.max(Math.ceil(every * w), 2), Math.ceil(h)];
  const colours = (run.spiking ? [EXCITATORY, INHIBITORY, DIFFERENT] : map.stops.diverging).map((hex) =>
    Number(`0xff${hex.slice(5, 7)}${hex.slice(3, 5)}${hex.slice(1, 3)}`)); // bytes of a pixel, red first
  if (run.spiking) colours.push(0);
  rows.forEach((i, row) => {
    const top = Math.max(0, Math.floor(canvas.height - (row + 1) * h));
    for (let t = 0; t < run.done; t += every) {
      const colour = colours[colourOfNeuron(run, t * run.n + i, i)];
      for (let line = top; colour && line < top + high; line++) {
        const start = line * canvas.width + Math.floor(t * w);
        pixels.fill(colour, start, Math.min(start + wide, (line + 1) * canvas.width));
      }
    }
  });
  const image = new ImageData(new Uint8ClampedArray(pixels.buffer), canvas.width);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return svg("image", { x, y, width, height, preserveAspectRatio: "none", href: canvas.toDataURL() });
}

/** Which of the raster's colours neuron `i` has in the step in which its activity has index `k`. */
function colourOfNeuron({ spiking, activity, others, nExcitatory, reach }, k, i) {
  if (!spiking) return Math.round((activity[k] / reach + 1) * 31.5); // of 64 colours
  if (others && others[k] !== activity[k]) return 2;
  if (!activity[k]) return 3; // none
  return i < nExcitatory ? 0 : 1;
}

function meanPlot(map, run, alike) {
  const settled = ({ means, done, first }) => // the start can be far off
    Array.from(means.subarray(done > first ? first : 0, done));
  return {
    height: 82, title: [["mean over neurons", INK]],
    up: axisOf(alike.flatMap(settled), run.spiking ? "spikes / step" : "mean r"),
    curves: [[null, run.means.subarray(0, run.done), { stroke: run.colour, "stroke-width": 1.2 }]],
  };
}

function damagePlot(run) {
  const damage = run.damage.subarray(0, run.done), level = run.result?.independent ?? 0;
  const dashed = [[0, run.steps], [level, level], { stroke: INK, "stroke-dasharray": "5 4" }];
  return {
    height: 82, title: [[`damage${level ? "; dashed: independent trains" : ""}`, INK]],
    up: axisOf([...damage, level, 1 / run.n], "fraction"),
    curves: [[null, damage, { stroke: DIFFERENT, "stroke-width": 1.2 }], ...(level ? [dashed] : [])],
  };
}

function autocovariancePlot(map, run) {
  const room = { height: 145, isHalf: run.spiking };
  if (!run.result) return room;
  const { lags, c } = run.result, last = Math.max(lags.at(-1), 1);
  const curves = [[lags, c, { stroke: run.colour, "stroke-width": 2 }]];
  if (run.dataset) {
    const known = map.axes.lag.values, isShown = (_, k) => known[k] <= last;
    curves.push([known.filter(isShown), run.dataset.filter(isShown), {
      stroke: INK, "stroke-width": 1.4, "stroke-dasharray": "5 3",
    }]);
  }
  return {
    ...room, curves, title: [[`autocovariance${run.dataset ? "; dashed: the dataset's" : ""}`, INK]],
    across: { low: 0, high: last, label: "lag (steps)" },
    up: axisOf(curves.flatMap(([, values]) => [...values]).filter(Number.isFinite), "c(lag)"),
  };
}

/** How often u and v have each value, counts on a logarithmic scale, over the range of integers. */
function distributionPlot(run, alike) {
  const room = { height: 145, isHalf: true };
  if (!run.result) return room;
  const bins = 80, ends = ({ u, v, range }) => (range ? [-range, range] : [...u, ...v, 1]);
  const results = alike.map(({ result }) => result).filter(Boolean);
  const values = results.flatMap(ends);
  const [low, high] = [Math.min, Math.max].map((end) => values.reduce((a, b) => end(a, b)));
  const counted = (numbers) => {
    const counts = new Array(bins).fill(0);
    for (const x of numbers) counts[Math.min(bins - 1, Math.floor(((x - low) / (high - low)) * bins))]++;
    return counts.flatMap((count) => [Math.max(count, 0.5), Math.max(count, 0.5)]); // both sides of a bin
  };
  const sides = Array.from({ length: 2 * bins }, (_, k) => low + (Math.ceil(k / 2) / bins) * (high - low));
  const counts = [run.result.u, run.result.v].map(counted);
  const most = Math.max(...counts.flat(), 10) * 1.5;
  const span = results.some(({ range }) => range) ? "(across: the whole 24 bits of integers)" : "";
  return {
    ...room, title: [["u", INHIBITORY], ["v", DIFFERENT], [span, INK]],
    across: { low, high, label: "thresholds" }, up: { low: 0.5, high: most, log: true, label: "counts" },
    curves: [
      ...counts.map((ys, k) => [sides, ys, { stroke: [INHIBITORY, DIFFERENT][k], "stroke-width": 1.6 }]),
      [[1, 1], [0.5, most], { stroke: INK, "stroke-dasharray": "2 3" }],
    ],
  };
}
