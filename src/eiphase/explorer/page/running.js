"use strict";
// Networks run in Workers, a slice of steps at a time, so that the page can follow and stop them.

/** What a Worker does, after the simulation's functions: it knows nothing else of the page. */
function work() {
  const SLICE = 20, SAMPLES = 50_000; // steps; values of u and of v that are kept, at most
  const halves = new Map();
  let map, current;

  /** Some of the values, at equal distances, in thresholds. */
  function sampled(values, threshold) {
    const every = Math.ceil(values.length / SAMPLES);
    return Float32Array.from({ length: values.length / every }, (_, k) => values[k * every] / threshold);
  }

  function resultOf({ steps, first, lags, spike }, network, { state, recording }, twin) {
    const { n, threshold } = network, { activity, u, v } = recording;
    const x = u ? spikeCounts(activity, n, map.measured.boxcar) : activity;
    const cAt = (some) => autocovariance(x, n, { first, last: steps, lags: some, ...map.measured });
    const c = cAt(lags);
    return {
      c, lags, decay: decayTimeBetween(c, lags, cAt), mean: meanActivity(activity, n, first, steps),
      settles: isSettling(x, n, first, steps),
      ...(u && { u: sampled(u, threshold), v: sampled(v, threshold) }),
      ...(threshold > 1000 && { range: STATE_LIMIT / threshold, wraps: state.wraps, clips: state.clips }),
      ...(twin && {
        independent: independentDistance(activity, twin.recording.activity, n, spike.step, steps),
      }),
    };
  }

  async function run({ id, ...order }) {
    const { backend, at: { seed }, cell, steps, spike } = order;
    if (!halves.has(seed)) halves.set(seed, halfOf(map, seed));
    const network = makeNetwork(backend, halves.get(seed), cell, map.tables);
    const started = (withStates) => (
      { state: atRest(network), recording: makeRecording(network, steps, withStates) });
    const [first, twin] = [started(true), spike && started(false)];
    for (let t = 0, end, since = performance.now(); t < steps; t = end) {
      const spreads = spike && t >= spike.step;
      end = Math.min(t + SLICE, spike && !spreads ? spike.step : steps, steps);
      if (t === spike?.step) fire(network, twin.state, spike.neuron);
      const [piece, other] = [first, twin].map((one) => {
        if (one) advance(network, one.state, one.recording, t, end);
        return one?.recording.activity.slice(t * network.n, end * network.n);
      });
      postMessage({ id, t, piece, other });
      if (!spreads && performance.now() - since < 25) continue;
      await new Promise((go) => setTimeout(go, spreads ? 16 : 0)); // damage is to be seen as it spreads
      if (id !== current) return;
      since = performance.now();
    }
    postMessage({ id, result: resultOf(order, network, first, twin) });
  }

  onmessage = ({ data }) => {
    map ??= data.map;
    if (data.map) return;
    current = data.id;
    run(data).catch(({ message }) => postMessage({ id: data.id, problem: message }));
  };
}

/** What a run knows before its first step; `others` is the activity with one more spike. */
function emptyRun({ steps, spike }, n, spiking) {
  const activity = () => new (spiking ? Uint8Array : Float64Array)(steps * n);
  return {
    n, done: 0, activity: activity(), means: new Float64Array(steps), reach: 1e-9,
    ...(spike && { others: activity(), damage: new Float64Array(steps) }),
  };
}

/** Add the next steps to a run, with their means over neurons and their damage: the fraction of neurons
 * that differ with one more spike. Each drawing would otherwise go through the whole run. */
function addSteps(run, t, piece, other) {
  const { n } = run, count = piece.length / n;
  run.activity.set(piece, t * n);
  run.means.set(meanOverNeurons(piece, n, 0, count), t);
  run.reach = piece.reduce((most, x) => Math.max(most, Math.abs(x)), run.reach);
  if (other) {
    run.others.set(other, t * n);
    run.damage.set(hammingDistance(piece, other, n, 0, count), t);
  }
  run.done = t + count;
}

/** A Worker that runs one network at a time; a new order ends the one before. */
class Runner {
  constructor({ network, gaussian, tables, measured, axes: { seed } }, show) {
    const source = document.getElementById("simulation").textContent;
    const blob = new Blob([`${source}\n(${work})();`], { type: "text/javascript" });
    this.worker = new Worker(URL.createObjectURL(blob));
    this.worker.postMessage({ map: { network, gaussian, tables, measured, axes: { seed } } });
    this.worker.onmessage = ({ data }) => this.take(data);
    Object.assign(this, { network, show, id: 0 });
  }

  /** Run an order, see `orders` of the page. */
  start(order) {
    const { neurons, nExcitatory } = this.network;
    this.run = {
      ...order, ...emptyRun(order, neurons, order.spiking), nExcitatory, started: performance.now(),
      drawing: 0, // milliseconds that the last one took
    };
    this.worker.postMessage({ ...order, id: ++this.id });
  }

  take({ id, t, piece, other, ...end }) {
    const { run } = this;
    if (id !== this.id) return;
    if (piece) addSteps(run, t, piece, other);
    else Object.assign(run, end, { took: performance.now() - run.started });
    this.show();
  }
}
