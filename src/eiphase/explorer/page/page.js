"use strict";
// The page: what is chosen, what is drawn of it, and what people do.

const byId = (id) => document.getElementById(id);
const ONE_COLUMN = "(max-width: 820px)"; // as in the style sheet
const RUN_STEPS = 3000, SHOWN = 100, LAGS = 100;
let map, view, drawn;
const runners = [];
const said = byId("said"); // wherever it stands: it moves to the buttons that were used last

/** An element of HTML with properties and children. */
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// What is chosen --------------------------------------------------------------------------------

function firstView() {
  return {
    variable: shownVariables(map).find((name) => name !== "phase" || map.doubt.phase),
    x: "g_factor", y: "q_factor", at: tellingCell(map), isMedian: true, beside: null, between: null,
    steps: RUN_STEPS, shown: SHOWN, spike: false, neuron: 0,
  };
}

/** The address after `#`, from which the same view can be opened again. */
function addressOf({ variable, x, y, at, isMedian, beside, between, steps, shown, spike, neuron }) {
  const of = (cell) => DIMENSIONS.map((dim) => (
    dim === "backend" ? map.backends[cell[dim]].name : map.axes[dim].values[cell[dim]])).join(",");
  const words = { variable, x, y, at: of(at), steps, shown, neuron };
  if (!isMedian) words.seed = "one";
  if (beside) words.beside = of(beside);
  if (between) words.between = `${between.q},${between.g}`;
  if (spike && hasSpikes({ at, beside })) words.spike = 1;
  return new URLSearchParams(words).toString();
}

/**
 * The view of an address: cells nearest to those that it names; what else it does not say, or the
 * map does not have, is as at first.
 */
function viewOf(address) {
  const words = new URLSearchParams(address);
  const first = firstView();
  const cell = (name, otherwise) => {
    const parts = (words.get(name) ?? "").split(",");
    const found = Object.fromEntries(DIMENSIONS.map((dim, k) => [dim, dim === "backend"
      ? map.backends.findIndex((one) => one.name === parts[k])
      : nearest(map.axes[dim].values, parseFloat(parts[k]))]));
    return Object.values(found).every((index) => index >= 0) ? found : otherwise;
  };
  const number = (name) => wholeNumber(words.get(name) ?? "", byId(name), first[name]);
  const one = (name, known) => (known.includes(words.get(name)) ? words.get(name) : first[name]);
  const at = cell("at", first.at);
  const between = (words.get("between") ?? "").split(",").map(Number);
  const isBetween = between.length === 2 && between.every(Number.isFinite) && runsBetween(at);
  const [x, y] = [one("x", DIMENSIONS), one("y", DIMENSIONS)];
  return {
    ...first, at, beside: cell("beside", null), isMedian: words.get("seed") !== "one",
    variable: one("variable", shownVariables(map)), ...(x !== y && { x, y }),
    between: isBetween ? { q: between[0], g: between[1] } : null, spike: words.has("spike"),
    steps: number("steps"), shown: number("shown"), neuron: number("neuron"),
  };
}

/** Whether networks between grid points are determined: where no mapping changes the weights. */
function runsBetween({ backend }) {
  const { spiking, hasIntegers } = map.backends[backend];
  return !spiking || (map.network.rateToLif === "identity" && !hasIntegers);
}

/** Change what is chosen, and show it; networks run again if what runs has changed. */
function choose(change) {
  const before = orders();
  Object.assign(view, change);
  if (view.between && !runsBetween(view.at)) view.between = null;
  said.textContent = "";
  keepAddress();
  show();
  runChanged(before);
}

function keepAddress() {
  try {
    history.replaceState(null, "", `#${addressOf(view)}`);
  } catch { // a page within a report has no address of its own
  }
}

// What is drawn ---------------------------------------------------------------------------------

function show() {
  const values = {
    variable: view.variable, backend: view.at.backend, x: view.x, y: view.y, steps: view.steps,
    seed: view.isMedian ? "median" : view.at.seed, shown: view.shown, neuron: view.neuron,
    beside: besideChoice(),
  };
  for (const [id, value] of Object.entries(values)) byId(id).value = value;
  showSpike();
  showMap();
  showCell();
}

/** The choice of one more spike, where a network of the view has any. */
function showSpike() {
  const isPossible = hasSpikes(view);
  Object.assign(byId("spike"), { checked: isPossible && view.spike, disabled: !isPossible });
  byId("neuron").disabled = !isPossible;
  byId("spike").parentElement.title = isPossible ? "" : "LIF neurons only";
}

function hasSpikes({ at, beside }) {
  return [at, ...(beside ? [beside] : [])].some(({ backend }) => map.backends[backend].spiking);
}

function besideChoice() {
  const { beside, at } = view;
  if (!beside) return "none";
  const isHere = ["q_factor", "g_factor", "seed"].every((dim) => beside[dim] === at[dim]);
  return isHere ? String(beside.backend) : "other";
}

function showMap() {
  drawn = drawMap(map, view, Math.max(280, byId("picture").clientWidth));
  byId("picture").replaceChildren(drawn.picture);
  byId("legend").replaceChildren(...drawn.texts.map((entry) => {
    const button = element("button", { type: "button" }, swatch(entry),
      element("span", {}, legendWords(entry)));
    button.addEventListener("focus", () => showTip(button, [["", entry.words]]));
    button.addEventListener("pointerenter", () => showTip(button, [["", entry.words]]));
    for (const end of ["blur", "pointerleave"]) button.addEventListener(end, hideTip);
    return element("li", {}, button);
  }));
}

/** q and g of a network, in a cell or between cells. */
function pointOf({ between, at }) {
  return between ? [between.q, between.g]
    : [map.axes.q_factor.values[at.q_factor], map.axes.g_factor.values[at.g_factor]];
}

function titleOf({ between = null, at }) {
  const [q, g] = pointOf({ between, at }).map((x) => formatted(x));
  return `${map.backends[at.backend].title}, q ${q}, g ${g}, seed ${nameAt(map, "seed", at.seed)}`;
}

function showCell() {
  const { comment } = map.variables[view.variable];
  byId("comment").textContent = comment;
  byId("comment").parentElement.hidden = !comment;
  byId("cell").textContent = (view.between ? "Nearest cell of the map: " : "") + titleOf({ at: view.at });
  const over = shownCell(view, view.at);
  const isOver = over.seed === null && map.axes.seed.values.length > 1;
  const heads = element("tr", {}, element("td"), ...[`seed ${nameAt(map, "seed", view.at.seed)}`,
    "all seeds: median (range)"].map((words) => element("th", { scope: "col" }, words)));
  const rows = description(map, view.variable, isOver ? [view.at, over] : [view.at]);
  byId("numbers-of-cell").replaceChildren(...(isOver ? [heads] : []), ...rows.map(([name, ...texts]) =>
    element("tr", {}, element("th", { scope: "row", title: map.variables[name].long_name }, labelOf(name)),
      ...texts.map((words, k) => element("td", {}, k && words === texts[0] ? "the same" : words)))));
}

function showTip(anchor, rows) {
  const tip = byId("tip");
  tip.replaceChildren(...rows.map(([name, words]) => element("div", {}, name ? `${name}: ${words}` : words)));
  tip.hidden = false;
  const { left, bottom, top } = anchor.getBoundingClientRect?.() ?? anchor;
  const { offsetWidth: w, offsetHeight: h } = tip;
  tip.style.left = `${Math.max(4, Math.min(left, innerWidth - w - 8))}px`;
  tip.style.top = `${bottom + h + 8 > innerHeight ? Math.max(4, top - h - 8) : bottom + 8}px`;
}

function hideTip() {
  byId("tip").hidden = true;
}

// What runs -------------------------------------------------------------------------------------

/** The cells whose networks are to be seen, each as the order that runs it. */
function orders() {
  return [[view.at, view.between], ...(view.beside ? [[view.beside, null]] : [])]
    .map(([cell, between]) => orderOf({ ...cell }, between && { ...between }));
}

function orderOf(cell, between) {
  const { steps, spike, neuron } = view;
  const { name, spiking } = map.backends[cell.backend];
  const first = Math.round(steps / 5);
  const { autocovariance: estimator, unbiased, boxcar } = map.config.observables;
  const lags = Array.from(map.axes.lag.values).sort((a, b) => a - b)
    .filter((lag) => lag <= (steps - first) / 2).slice(0, LAGS);
  return {
    backend: name, seed: cell.seed, at: cell, between, steps, lags,
    measured: { first, estimator, unbiased, boxcar },
    spike: spike && spiking ? { neuron, step: first } : null,
  };
}

function runChanged(before) {
  const now = orders();
  now.forEach((order, k) => {
    if (JSON.stringify(order) !== JSON.stringify(before[k])) run(order, k);
    else if (runners[k]?.run) showNetwork(k);
  });
  byId("networks").replaceChildren(...now.map((_, k) => article(k)));
}

function run(order, k) {
  const { at, between } = order;
  runners[k] ??= new Runner(map, () => showSoon(k));
  const cell = between ? networkBetween(map, between.q, between.g) : networkCell(map, at);
  const c = !between && map.variables.autocovariance && valueOf(map.variables.autocovariance, at);
  const dataset = c && { c, lags: map.axes.lag.values };
  const { spiking } = map.backends[at.backend];
  runners[k].start({ ...order, cell }, map, { spiking, title: titleOf(order), dataset });
  showSoon(k);
}

/** The element of a network: its picture, its progress, what is to say, and buttons. */
function article(k) {
  const runner = runners[k];
  if (runner.element) return runner.element;
  const button = (words, act) => {
    const made = element("button", { type: "button" }, words);
    made.addEventListener("click", async () => say(await act(), made));
    return made;
  };
  const name = () => `${map.sweep || "map"}-network-${k + 1}`;
  runner.picture = element("div");
  runner.progress = element("progress", { ariaLabel: "Steps done" });
  runner.words = element("p");
  runner.python = button("Copy Python", () => copy(pythonOf(map, runner.run, ...pointOf(runner.run))));
  runner.element = element("article", {}, runner.progress, runner.picture, runner.words,
    element("p", { className: "buttons" },
      button("Copy command", () => copy(commandOf(map, runner.run, ...pointOf(runner.run)))),
      runner.python,
      button("Save PNG", () => savePNG(runner.picture.firstChild, name())),
      button("SVG", () => saveSVG(runner.picture.firstChild, name())),
      button("CSV", () => save(csvOfRun(runner.run), "text/csv", `${name()}.csv`))));
  return runner.element;
}

const waiting = new Set();

/**
 * Draw a network: at its end at once, and before not for every slice. Drawing goes through the
 * whole run, so that pauses grow with it: otherwise long runs would mostly be drawn.
 */
function showSoon(k) {
  const isOver = () => Boolean(runners[k].run.result || runners[k].run.problem);
  const usual = runners[k].run.spike ? 100 : 300; // damage is to be seen as it spreads
  if (isOver()) orders().forEach((_, j) => runners[j]?.run && showNetwork(j)); // they can share an axis
  if (isOver() || waiting.has(k)) return;
  waiting.add(k);
  setTimeout(() => {
    waiting.delete(k);
    if (!isOver()) showNetwork(k);
  }, Math.max(usual, 3 * runners[k].run.drawing));
}

function showNetwork(k) {
  const runner = runners[k];
  const { run } = runner;
  const started = performance.now();
  if (!runner.element) article(k);
  const width = Math.max(280, runner.element.clientWidth || byId("networks").clientWidth);
  const alike = orders().map((_, j) => runners[j]?.run).filter((one) => one?.spiking === run.spiking);
  if (!run.problem) runner.picture.replaceChildren(drawNetwork(map, run, width, view.shown, alike));
  else runner.picture.replaceChildren();
  Object.assign(runner.progress, { max: run.steps, value: run.done });
  runner.progress.hidden = Boolean(run.result || run.problem);
  runner.python.hidden = Boolean(run.between); // it is no cell of the dataset
  runner.words.textContent = run.problem ?? (run.result ? wordsOf(run) : "");
  run.drawing = performance.now() - started;
}

/** What the pictures of a run do not say. */
function wordsOf(run) {
  const { result: { mean, decay, wraps, clips, range }, steps, took, measured } = run;
  const short = shortness(map, run);
  const said = [
    `${steps} steps from rest in ${formatted(took / 1000, 2)} s.`,
    `From step ${measured.first} on: mean ${formatted(mean)}, decay time `
      + `${Number.isNaN(decay) ? "beyond the lags shown" : `${formatted(decay)} steps`}.`,
    short, short && steps < byId("steps").max ? "Take more steps." : "",
    wordsOfSpike(run),
    range ? `Currents wrapped ${wraps} times, voltages were clipped ${clips} times.` : "",
    run.dataset ? wordsOfDataset() : "",
  ];
  return said.filter(Boolean).join(" ");
}

function wordsOfSpike({ result: { independent }, steps, spike, damage }) {
  if (!spike || !independent) return "";
  const level = meanActivity(damage, 1, Math.round(steps * 0.75), steps) / independent;
  return `Neuron ${spike.neuron} fires once more before step ${spike.step}; damage in the last `
    + `quarter: ${formatted(level)} (1: as independent trains).`;
}

function wordsOfDataset() {
  const { precision, steps } = map.config.simulation;
  return precision === null ? `The dataset's curve is of ${steps} steps.`
    : "The dataset's curve is of a longer run, pooled over initial states: expect scatter.";
}

// What people do --------------------------------------------------------------------------------

function csvOfRun(run) {
  const columns = { mean: run.means, ...(run.spike && { differing_fraction: run.damage }) };
  const rows = Array.from({ length: run.done }, (_, t) => [t, ...Object.values(columns).map((one) => one[t])]);
  return [["step", ...Object.keys(columns)], ...rows].join("\n") + "\n";
}

const BY_HAND = "Copy this by hand: ";

/** Say something below the buttons that were used, for some seconds, or until it is copied. */
function say(words, button) {
  button.closest(".buttons").after(said);
  said.textContent = words;
  clearTimeout(say.timer);
  if (!words.startsWith(BY_HAND)) say.timer = setTimeout(() => { said.textContent = ""; }, 8000);
}

/** Copy words; returns what is to be said of it, as saving does. */
async function copy(words) {
  try {
    await navigator.clipboard.writeText(words);
    return `Copied: ${words}`;
  } catch { // pages within others have no clipboard in some browsers
    return `${BY_HAND}${words}`;
  }
}

function save(content, type, name) {
  const link = element("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  return `Saved: ${name}`;
}

const sourceOf = (drawing) => new XMLSerializer().serializeToString(drawing);
const saveSVG = (drawing, name) => save(sourceOf(drawing), "image/svg+xml", `${name}.svg`);

async function savePNG(drawing, name) {
  const { width, height } = drawing.viewBox.baseVal;
  const image = new Image(width, height);
  image.src = `data:image/svg+xml,${encodeURIComponent(sourceOf(drawing))}`;
  await image.decode();
  const canvas = element("canvas", { width: width * 2, height: height * 2 });
  canvas.getContext("2d").drawImage(image, 0, 0, width * 2, height * 2);
  const blob = await new Promise((done) => { canvas.toBlob(done); });
  return save(blob, "image/png", `${name}.png`);
}

function fill(id, choices) {
  byId(id).replaceChildren(...choices.map(([value, words]) => element("option", { value }, words)));
}

function fillChoices() {
  const backends = map.backends.map(({ title }, k) => [k, title]);
  const variables = shownVariables(map).map((name) =>
    [name, `${name.replaceAll("_", " ")}: ${map.variables[name].long_name}${unitOf(map.variables[name])}`]);
  const dimensions = DIMENSIONS.map((dim) => [dim, dim]);
  fill("variable", variables);
  fill("backend", backends);
  fill("seed", [["median", "median over seeds"], ...ordered(map, "seed").map((k) => [k, nameAt(map, "seed", k)])]);
  fill("x", dimensions);
  fill("y", dimensions);
  fill("beside", [["none", "nothing"], ...backends.map(([k, title]) => [k, `same cell, ${title}`]),
    ["other", "another cell (Shift and click)"]]);
  byId("shown").max = map.network.neurons;
  byId("neuron").max = map.network.neurons - 1;
}

function onChoice({ target }) {
  const { id, value } = target;
  const { at, x, y } = view;
  const changes = {
    variable: () => ({ variable: value }),
    backend: () => ({ at: { ...at, backend: Number(value) } }),
    seed: () => (value === "median" ? { isMedian: true } : { isMedian: false, at: { ...at, seed: Number(value) } }),
    x: () => ({ x: value, y: value === y ? x : y }),
    y: () => ({ y: value, x: value === x ? y : x }),
    beside: () => ({ beside: value === "none" ? null : value === "other" ? view.beside ?? at
      : { ...at, backend: Number(value) } }),
    spike: () => ({ spike: target.checked }),
  };
  choose(changes[id]?.() ?? { [id]: wholeNumber(value, target, view[id]) });
}

/** Put the chosen cell elsewhere; a network of the same cell beside it goes along. */
function moveTo(at) {
  const goesAlong = !["none", "other"].includes(besideChoice());
  choose({ at, between: null, ...(goesAlong && { beside: { ...at, backend: view.beside.backend } }) });
}

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const step = { ArrowLeft: ["x", -1], ArrowRight: ["x", 1], ArrowDown: ["y", -1], ArrowUp: ["y", 1] }[event.key];
  if (step && event.currentTarget === byId("picture")) {
    const [axis, by] = step;
    const order = ordered(map, view[axis]);
    const place = order.indexOf(view.at[view[axis]]) + by;
    if (order[place] !== undefined) moveTo({ ...view.at, [view[axis]]: order[place] });
  } else if (event.key === "Enter" && event.currentTarget === byId("picture")) {
    choose({ beside: view.beside ? null : { ...view.at } });
  } else if (/^[1-9]$/.test(event.key) && map.backends[event.key - 1]
    && event.target.type !== "number") {
    moveTo({ ...view.at, backend: event.key - 1 });
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

function onPointer(event) {
  const { left, top } = byId("picture").getBoundingClientRect();
  const place = [event.clientX - left, event.clientY - top];
  const cell = drawn.cellAt(...place);
  if (event.type === "pointerdown" && cell) {
    onPointer.from = place;
    byId("picture").setPointerCapture(event.pointerId);
  }
  if (event.type === "pointermove" && onPointer.from && drawn.isUsual && runsBetween(view.at)) {
    const far = Math.hypot(place[0] - onPointer.from[0], place[1] - onPointer.from[1]);
    if (far > 6 || onPointer.drags) dragTo(drawn.numbersAt(...place), cell);
  }
  if (event.type === "pointerup" && onPointer.from) {
    if (cell && !onPointer.drags && event.shiftKey) choose({ beside: cell });
    else if (cell && !onPointer.drags) moveTo(cell);
    if (cell && !onPointer.drags && matchMedia(ONE_COLUMN).matches) byId("networks").scrollIntoView();
  }
  if (event.type !== "pointermove" && event.type !== "pointerdown") {
    Object.assign(onPointer, { from: null, drags: false });
  }
  if (!cell || event.type === "pointerleave" || onPointer.drags) hideTip();
  else if (event.pointerType !== "touch") showCellTip(cell, event);
}

/** Run the network at any q and g while the pointer moves. */
function dragTo([a, b], cell) {
  onPointer.drags = true;
  const [g, q] = (view.x === "g_factor" ? [a, b] : [b, a]).map((x) => Number(x.toPrecision(4)));
  choose({ between: { q: Math.max(q, 0.01), g: Math.max(g, 0) }, ...(cell && { at: cell }) });
}

function showCellTip(cell, { clientX, clientY }) {
  const of = shownCell(view, cell);
  const reasons = doubtOf(map, view.variable);
  const doubt = reasons && valueOf(reasons, of) ? [["in doubt", reasons.text]] : [];
  const place = ["q_factor", "g_factor"].map((dim) => `${dim[0]} ${nameAt(map, dim, cell[dim])}`).join(", ");
  const rows = [["", `${map.backends[cell.backend].title}, ${place}`],
    ...description(map, view.variable, [of]).slice(0, 5).map(([name, words]) => [labelOf(name), words]), ...doubt];
  showTip({ left: clientX + 12, top: clientY - 8, bottom: clientY + 8 }, rows);
}

async function saveMap({ target }) {
  if (target.dataset.save) say(await savedAs(target.dataset.save), target);
}

function savedAs(kind) {
  const name = `${map.sweep || "map"}-${view.variable}`;
  if (kind === "csv") return save(csvOf(map, view.variable), "text/csv", `${name}.csv`);
  return (kind === "svg" ? saveSVG : savePNG)(savedMap(map, view, drawn), name);
}

function listen() {
  for (const id of ["choices", "runs"]) {
    byId(id).addEventListener("change", onChoice);
    byId(id).addEventListener("submit", (event) => event.preventDefault());
  }
  for (const type of ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave"]) {
    byId("picture").addEventListener(type, onPointer);
  }
  byId("picture").addEventListener("keydown", onKey);
  document.addEventListener("keydown", onKey);
  byId("map").addEventListener("click", saveMap);
  addEventListener("hashchange", () => {
    const before = orders();
    view = viewOf(location.hash.slice(1));
    keepAddress();
    show();
    runChanged(before);
  });
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return; // a phone's address bar, which comes and goes
    width = innerWidth;
    showMap();
    runners.forEach((runner, k) => runner.run && showNetwork(k));
  });
}

async function open() {
  const content = (id) => byId(id).textContent;
  map = withArrays(JSON.parse(content("header")), await inflated(content("numbers")));
  const { commit } = map.attributes;
  byId("origin").textContent = `Sweep ${map.sweep}: ${map.network.neurons} neurons, commit `
    + `${(commit ?? "unknown").slice(0, 12)}. Networks run in this page, bit for bit as eiphase computes `
    + "them, and nothing leaves it.";
  fillChoices();
  byId("hint").textContent = map.backends.some((_, backend) => runsBetween({ backend }))
    ? "On maps of rate neurons, drag to run networks between the cells." : "";
  view = viewOf(location.hash.slice(1));
  if (location.hash) keepAddress(); // which may name what the map does not have
  show();
  runChanged([]);
  listen();
}

open();
