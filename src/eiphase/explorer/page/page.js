"use strict";
// The page: what is chosen, what is drawn of it, and what people do.

const byId = (id) => document.getElementById(id);
const form = byId("form"), said = byId("said"); // which moves to the buttons that were used last
const LAGS = 100;
let map, view, drawn;
const runners = [];

/** An element of HTML with properties and children. */
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// What is chosen: the form holds it, and so does the address --------------------------------------

/** Give the form its choices, and what is chosen at first. */
function fillForm() {
  const fill = (name, choices, first) => form[name].replaceChildren(...choices.map(([value, words]) =>
    new Option(words, value, value === first, value === first)));
  const { backends, axes: { q_factor, g_factor, seed } } = map, first = tellingCell(map);
  const variables = Object.entries(map.variables).filter(([, { isMap }]) => isMap);
  fill("variable", variables.map(([name, { heading }]) => [name, `${name.replaceAll("_", " ")}: ${heading}`]),
    variables.find(([name, { doubt }]) => name !== "phase" || doubt)[0]);
  fill("backend", backends.map(({ name, title }) => [name, title]));
  fill("seed", Array.from(seed.values, (one) => [String(one), formatted(one)]));
  fill("x", DIMENSIONS.map((one) => [one, one]), "g_factor");
  fill("y", DIMENSIONS.map((one) => [one, one]), "q_factor");
  fill("beside", [["", "nothing"], ...backends.map(({ name, title }) => [name, `same cell, ${title}`]),
    ["other", "another cell (Shift and click)"]]);
  const limit = (control, { edges, values }, index, least) => Object.assign(control, {
    min: Math.max(edges[0], least), max: edges.at(-1), defaultValue: values[index],
  });
  limit(form.q, q_factor, first.q_factor, 0.01);
  limit(form.g, g_factor, first.g_factor, 0);
  form.steps.min = 100 * Math.ceil(map.measured.boxcar / 20); // a fifth is burn-in, a window or more
  form.shown.max = map.network.neurons;
  form.neuron.max = map.network.neurons - 1;
}

/** Put words into a control of the form, as far as it can hold them: an address can say anything. Returns
 * what to say if it holds something else. */
function put([name, words]) {
  const control = [...form.elements].find((one) => one.name && one.name === name);
  const label = control?.labels?.[0]?.firstChild.data?.trim();
  if (control?.type === "checkbox") control.checked = words === true || words === "on";
  else if (control?.type === "number") {
    const { min, max, step } = control, kind = step === "any" ? "numbers" : "whole numbers";
    control.value = numberWithin(String(words), control, control.value || view.words[name]);
    if (words !== "" && Number(words) === Number(control.value)) return "";
    return `${label} takes ${kind} from ${min} to ${max}: it is ${control.value}, not ${words || "empty"}.`;
  } else if (control && [...control.options ?? [{ value: words }]].some(({ value }) => value === words)) {
    control.value = words;
  } else if (control) return `${label} has no ${words}: it is ${control.value}.`;
  return "";
}

/** The cell nearest to "backend,q,g,seed"; null if there is none. */
function cellNamed(words) {
  const [name, ...numbers] = words.split(",");
  const backend = map.backends.findIndex((one) => one.name === name);
  const [q_factor, g_factor, seed] = DIMENSIONS.slice(1).map((dim, k) =>
    nearest(map.axes[dim].values, parseFloat(numbers[k])));
  return Math.min(backend, q_factor, g_factor, seed) < 0 ? null : { backend, q_factor, g_factor, seed };
}

const nameOf = (cell) => placeOf(map, cell, DIMENSIONS).join(",");

/** What the form says, once it says nothing that cannot be: `at` is the chosen cell, `beside` the second
 * one, `between` {q, g} of a network that is in no cell. */
function viewOfForm() {
  const at = cellNamed(["backend", "q", "g", "seed"].map((name) => form[name].value).join(","));
  const [q, g] = ["q_factor", "g_factor"].map((dim) => map.axes[dim].values[at[dim]]);
  const isOff = Number(form.q.value) !== q || Number(form.g.value) !== g;
  const isBetween = isOff && map.backends[at.backend].runsBetween;
  if (!isBetween) Object.entries({ q, g }).forEach(put);
  const second = cellNamed(form.beside.value === "other" ? form.other.value
    : nameOf(at).replace(/^[^,]*/, form.beside.value));
  const beside = second && nameOf(second) !== nameOf(at) ? second : null;
  const canSpike = [at, beside].some((cell) => cell && map.backends[cell.backend].spiking);
  form.spike.disabled = !canSpike;
  form.neuron.disabled = !canSpike || !form.spike.checked;
  const words = Object.fromEntries(new FormData(form));
  return {
    words, at, beside, variable: words.variable, x: words.x, y: words.y, isMedian: !words.alone,
    moved: isOff && !isBetween
      ? `${map.backends[at.backend].title}: networks run at grid points only, the nearest at q ${q}, g ${g}.` : "",
    between: isBetween ? { q: Number(words.q), g: Number(words.g) } : null,
    steps: Number(words.steps), shown: Number(words.shown), neuron: Number(words.neuron),
  };
}

/** Change what is chosen, and show it; networks run again if what runs has changed. */
function choose(change = {}) {
  const notes = Object.entries(change).map(put);
  for (const [one, other] of [["x", "y"], ["y", "x"], ["backend", "beside"]]) { // not the same in both
    const before = view?.words[one] ?? form[one].value;
    if (form[one].value === form[other].value && form[one].value !== before) form[other].value = before;
  }
  view = viewOfForm();
  keepAddress();
  hideTip();
  showMap();
  showCell();
  note([...notes, view.moved].filter(Boolean).join(" "));
  run();
}

function keepAddress() {
  const words = [...new FormData(form)].filter(([, one]) => one !== "");
  try {
    history.replaceState(null, "", `#${new URLSearchParams(words)}`);
  } catch { // a page within a report has no address of its own
  }
}

/** Choose what the address says; what it does not say, or the map does not have, is as at first. */
function openAddress() {
  form.reset();
  view = viewOfForm();
  choose(Object.fromEntries(new URLSearchParams(location.hash.slice(1))));
}

// What is drawn -----------------------------------------------------------------------------------

/** Say what became of what was typed, below it, until something else is chosen. */
function note(words) {
  clearTimeout(say.timer);
  if (words) (document.activeElement.closest(".choices") ?? form.querySelector(".choices")).after(said);
  said.textContent = words;
}

function showMap() {
  for (const option of form.beside.options) option.disabled = option.value === form.backend.value;
  drawn = drawMap(map, view, Math.max(280, byId("picture").clientWidth));
  byId("picture").replaceChildren(drawn.picture);
}

function showCell() {
  const { comment } = map.variables[view.variable], { at, between } = view, over = shownCell(map, view, at);
  byId("comment").textContent = comment;
  byId("comment").parentElement.hidden = !comment;
  byId("cell").textContent = (between ? "Nearest cell of the map: " : "") + titleOf(map, at);
  const cells = over.seed === at.seed ? [at] : [at, over], why = doubtText(map, view.variable, at);
  const heads = [`seed ${nameAt(map, "seed", at.seed)}`, "all seeds: median (range)"]
    .map((words) => element("th", { scope: "col" }, words));
  byId("table").replaceChildren(...(cells.length > 1 ? [element("tr", {}, element("td"), ...heads)] : []),
    ...description(map, view.variable, cells).map(([name, ...texts]) => element("tr", {},
      element("th", { scope: "row", title: map.variables[name].long_name }, map.variables[name].label),
      ...texts.map((words, k) => element("td", {}, k && words === texts[0] ? "the same" : words)))),
    ...(why ? [element("tr", {}, element("th", { scope: "row" }, "in doubt"),
      element("td", { colSpan: cells.length }, why))] : []));
}

/** Show words beside an element, or a place {left, top, bottom}, not over the networks. */
function showTip(anchor, lines) {
  const tip = byId("tip");
  tip.replaceChildren(...lines.map((words) => element("div", {}, words)));
  tip.hidden = false;
  const { left, bottom, top } = anchor.getBoundingClientRect?.() ?? anchor;
  const { offsetWidth: w, offsetHeight: h } = tip;
  tip.style.left = `${Math.max(4, Math.min(left, byId("map").getBoundingClientRect().right - w))}px`;
  tip.style.top = `${bottom + h + 8 > innerHeight ? Math.max(4, top - h - 8) : bottom + 8}px`;
}

const hideTip = () => { byId("tip").hidden = true; };

function showCellTip(cell, { clientX, clientY }) {
  const of = shownCell(map, view, cell), why = doubtText(map, view.variable, cell);
  const place = ["q_factor", "g_factor"].map((dim) => `${dim[0]} ${nameAt(map, dim, cell[dim])}`).join(", ");
  const rows = description(map, view.variable, [of]).slice(0, 5);
  showTip({ left: clientX + 12, top: clientY - 8, bottom: clientY + 8 }, [
    `${map.backends[cell.backend].title}, ${place}`,
    ...rows.map(([name, words]) => `${map.variables[name].label}: ${words}`),
    ...(why ? [`in doubt: ${why}`] : []),
  ]);
}

// What runs ---------------------------------------------------------------------------------------

/** The networks to be seen, each as the order that runs it. */
function orders() {
  const { at, between, beside, steps, neuron } = view, first = Math.round(steps / 5);
  const lags = Array.from(map.axes.lag.values).filter((lag) => lag <= (steps - first) / 2).slice(0, LAGS);
  return [[at, between], ...(beside ? [[beside, null]] : [])].map(([cell, off]) => {
    const { name: backend, spiking, colour } = map.backends[cell.backend], { q_factor, g_factor } = map.axes;
    const { q, g } = off ?? { q: q_factor.values[cell.q_factor], g: g_factor.values[cell.g_factor] };
    const spike = view.words.spike && spiking ? { neuron, step: first } : null;
    const title = titleOf(map, cell, off);
    return { backend, spiking, colour, at: cell, between: off, q, g, title, steps, first, lags, spike };
  });
}

/** Run the networks to be seen that do not run already. */
function run() {
  const now = orders();
  now.forEach((order, k) => {
    runners[k] ??= newRunner();
    const { at, between, q, g } = order, key = JSON.stringify(order);
    if (key === runners[k].key) return;
    const c = !between && map.variables.autocovariance;
    const dataset = c ? valueOf(c, at).slice() : null;
    const cell = between ? networkBetween(map, q, g) : networkCell(map, at);
    runners[k].start({ ...order, cell, dataset });
    runners[k].key = key;
  });
  byId("networks").replaceChildren(...now.map((_, k) => runners[k].element));
  seen().forEach(showNetwork);
}

function newRunner() {
  const runner = new Runner(map, () => showSoon(runner));
  runner.element = byId("network").content.firstElementChild.cloneNode(true);
  return runner;
}

/** The runners of the networks to be seen. */
const seen = () => runners.slice(0, view.beside ? 2 : 1);

/** Draw a network: at its end at once, and before not for every slice. Drawing goes through the whole
 * run, so that pauses grow with it: otherwise long runs would mostly be drawn. */
function showSoon(runner) {
  const isOver = () => runner.run.result || runner.run.problem;
  if (isOver()) seen().forEach(showNetwork); // they can share an axis
  if (isOver() || runner.waits) return;
  runner.waits = true;
  setTimeout(() => {
    runner.waits = false;
    if (!isOver()) showNetwork(runner);
  }, Math.max(runner.run.spike ? 100 : 300, 3 * runner.run.drawing)); // damage is seen as it spreads
}

function showNetwork({ run: shown, element: { children: [progress, place, words, buttons] } }) {
  const started = performance.now();
  const width = Math.max(280, place.clientWidth || byId("networks").clientWidth);
  const alike = seen().map((one) => one.run).filter((one) => one?.spiking === shown.spiking);
  place.replaceChildren(...(shown.problem ? [] : [drawNetwork(map, shown, width, view.shown, alike)]));
  Object.assign(progress, { max: shown.steps, value: shown.done, hidden: shown.result || shown.problem });
  words.textContent = shown.problem ?? (shown.result ? wordsOf(shown) : "");
  buttons.querySelector("[value=python]").hidden = Boolean(shown.between); // it is no cell of the dataset
  shown.drawing = performance.now() - started;
}

/** What the pictures of a run do not say. */
function wordsOf(run) {
  const { steps, first, took, spike, damage } = run, short = shortness(map, run);
  const { mean, decay, wraps, clips, range, independent } = run.result;
  const level = () => meanActivity(damage, 1, Math.round(steps * 0.75), steps) / independent;
  return [
    `${steps} steps from rest in ${formatted(took / 1000, 2)} s.`,
    `From step ${first} on: mean ${formatted(mean)}, `
      + (isSettled(map, run) ? "and the network settles: what is seen is the way there."
        : `decay time ${Number.isNaN(decay) ? "beyond the lags shown" : `${formatted(decay)} steps`}.`),
    short, short && steps < form.steps.max ? "Take more steps." : "",
    spike && independent ? `Neuron ${spike.neuron} fires once more before step ${spike.step}; damage in the `
      + `last quarter: ${formatted(level())} (1: as independent trains).` : "",
    range ? `Currents wrapped ${wraps} times, voltages were clipped ${clips} times.` : "",
    run.dataset ? map.measured.dataset : "",
  ].filter(Boolean).join(" ");
}

// What is kept ------------------------------------------------------------------------------------

const KEEP = {
  command: ({ run: one }) => copy(commandOf(map, one)),
  python: ({ run: one }) => copy(pythonOf(map, one)),
  svg: ({ name, source }) => save(source, "image/svg+xml", `${name}.svg`),
  png: async ({ name, source }) => save(await pixelsOf(source), "image/png", `${name}.png`),
  csv: ({ name, csv }) => save(csv(), "text/csv", `${name}.csv`),
};

async function onButton({ target }) {
  const { value } = target.closest("button") ?? {}, articles = [...byId("networks").children];
  if (value) say(await KEEP[value](kept(articles.indexOf(target.closest("article")))), target);
}

/** What can be kept of a network, or of the map: its name, the source of its picture, its numbers. */
function kept(k) {
  const name = `${map.sweep || "map"}-${runners[k] ? `network-${k + 1}` : view.variable}`;
  const drawing = (runners[k]?.element.querySelector("svg") ?? drawn.picture).cloneNode(true);
  drawing.querySelector(".choice")?.remove();
  const csv = () => (runners[k] ? csvOfRun(runners[k].run) : csvOf(map, view.variable));
  return { name, csv, run: runners[k]?.run, source: new XMLSerializer().serializeToString(drawing) };
}

function csvOfRun({ means, damage, spike, done }) {
  const columns = { mean: means, ...(spike && { differing_fraction: damage }) };
  const rows = Array.from({ length: done }, (_, t) => [t, ...Object.values(columns).map((one) => one[t])]);
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

async function pixelsOf(source) {
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(source)}`;
  await image.decode();
  const canvas = element("canvas", { width: image.width * 2, height: image.height * 2 });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => { canvas.toBlob(done); });
}

// What people do ----------------------------------------------------------------------------------

function moveTo(cell) {
  const [backend, q, g, seed] = placeOf(map, cell, DIMENSIONS).map(String);
  choose({ backend, q, g, seed });
}

const STEPS = { ArrowLeft: ["x", -1], ArrowRight: ["x", 1], ArrowDown: ["y", -1], ArrowUp: ["y", 1] };

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const step = STEPS[event.key];
  const isOnMap = event.target === byId("picture"), { at, beside } = view, { backends } = map;
  if (step && isOnMap) {
    const dim = view[step[0]], second = event.shiftKey && beside, index = (second || at)[dim] + step[1];
    const moved = { ...(second || at), [dim]: index };
    if (index < 0 || index >= map.axes[dim].values.length) return;
    if (second) choose({ beside: "other", other: nameOf(moved) });
    else moveTo(moved);
  } else if (event.key === "Enter" && isOnMap) {
    choose({ beside: beside ? "" : backends[(at.backend + 1) % backends.length].name });
  } else if (backends[event.key - 1] && event.target.type !== "number") {
    choose({ backend: backends[event.key - 1].name });
  } else return;
  event.preventDefault();
}

const held = { from: null, drags: false }; // where the pointer went down, and whether it moved since

function onPointer(event) {
  const { type, clientX, clientY, pointerId, pointerType, shiftKey, target } = event;
  const { left, top } = byId("picture").getBoundingClientRect();
  const [x, y] = [clientX - left, clientY - top], { cell, numbers } = drawn.placeAt(x, y);
  const entry = target.closest("[data-words]");
  const canDrag = drawn.isUsual && map.backends[view.at.backend].runsBetween;
  if (type === "pointerdown" && cell) {
    held.from = [x, y];
    byId("picture").setPointerCapture(pointerId);
  } else if (type === "pointermove" && held.from && canDrag) {
    held.drags ||= Math.hypot(x - held.from[0], y - held.from[1]) > 6;
    const [a, b] = numbers.map((one) => one.toPrecision(4));
    if (held.drags) choose(view.x === "g_factor" ? { g: a, q: b } : { q: a, g: b });
  } else if (type === "pointerup" && held.from && cell && !held.drags) {
    if (shiftKey) choose({ beside: "other", other: nameOf(cell) });
    else moveTo(cell);
    if (matchMedia("(max-width: 820px)").matches) byId("networks").scrollIntoView(); // one column
  }
  if (!["pointermove", "pointerdown"].includes(type)) Object.assign(held, { from: null, drags: false });
  if (entry && type === "pointermove") showTip(entry, [entry.dataset.words]);
  else if (!cell || type !== "pointermove" || held.drags) hideTip();
  else if (pointerType !== "touch") showCellTip(cell, event);
}

function listen() {
  form.addEventListener("change", ({ target: { name, type, checked, value } }) =>
    choose({ [name]: type === "checkbox" ? checked : value }));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("click", onButton);
  for (const type of ["pointerdown", "pointermove", "pointerup", "pointercancel", "pointerleave"]) {
    byId("picture").addEventListener(type, onPointer);
  }
  byId("picture").addEventListener("focusin", ({ target }) =>
    target.dataset.words && showTip(target, [target.dataset.words]));
  byId("picture").addEventListener("focusout", hideTip);
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", openAddress);
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return; // a phone's address bar, which comes and goes
    width = innerWidth;
    showMap();
    seen().forEach(showNetwork);
  });
}

async function open() {
  const content = (id) => byId(id).textContent;
  map = withArrays(JSON.parse(content("header")), await inflated(content("numbers")));
  const { sweep, network: { neurons }, commit } = map;
  byId("origin").textContent = `Sweep ${sweep}: ${neurons} neurons, commit ${commit.slice(0, 12)}. Networks `
    + "run in this page, bit for bit as eiphase computes them, and nothing leaves it.";
  byId("hint").textContent = map.backends.some(({ runsBetween }) => runsBetween)
    ? "On maps of rate neurons, drag to run networks between the cells." : "";
  fillForm();
  listen();
  openAddress();
}

open();
