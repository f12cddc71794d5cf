"use strict";
// Networks run in Workers, a slice of steps at a time, so that the page can follow and stop them.

/** What a Worker does, after the simulation's functions: it knows nothing else of the page. */
function work() {
  const SLICE = 20, SAMPLES = 100_000; // steps; values of u and v that are kept, about
  const halves = new Map();
  let map, current;

  /** A run that has not begun. `order` is described at `Runner`. */
  function begun({ backend, seed, cell, steps, spike }) {
    if (!halves.has(seed)) halves.set(seed, halfOf(map, seed));
    const network = makeNetwork(backend, halves.get(seed), cell, map.tables);
    const isLIF = network.threshold !== undefined;
    const Numbers = isLIF ? Uint8Array : Float64Array;
    const size = steps * network.n;
    return {
      network, isLIF, state: atRest(network), twin: null, u: [], v: [],
      activity: new Numbers(size), others: spike && new Numbers(size),
      every: Math.ceil((2 * size) / SAMPLES),
      slices: [makeRecording(network, SLICE, isLIF), makeRecording(network, SLICE)],
    };
  }

  /** Advance from step `t` to `end`; returns activity there, and the twin's if there is to be one. */
  function advanced(run, spike, t, end) {
    const { network, slices: [slice, twins] } = run;
    if (spike && t === spike.step) {
      run.twin = copyOfState(run.state);
      fire(network, run.twin, spike.neuron);
    }
    advance(network, run.state, slice, 0, end - t);
    if (run.twin) advance(network, run.twin, twins, 0, end - t);
    const part = ({ activity }) => activity.slice(0, (end - t) * network.n);
    const piece = part(slice), other = spike && part(run.twin ? twins : slice);
    run.activity.set(piece, t * network.n);
    run.others?.set(other, t * network.n);
    return { piece, other };
  }

  /** Keep u and v of some of the steps. */
  function sample({ network: { n }, slices: [slice], isLIF, every, u, v }, t, end) {
    for (let step = t; step < end && isLIF; step++) {
      if (step % every) continue;
      const row = (numbers) => numbers.slice((step - t) * n, (step - t + 1) * n);
      u.push(row(slice.u));
      v.push(row(slice.v));
    }
  }

  function resultOf(run, { steps, spike, lags, measured }) {
    const { network, isLIF, state, twin, activity, others, every } = run;
    const { n, threshold } = network, { first } = measured;
    const x = isLIF ? spikeCounts(activity, n, measured.boxcar) : activity;
    const c = autocovariance(x, n, { first, last: steps, lags, ...measured });
    const inThresholds = (rows) =>
      Float32Array.from(rows.flatMap((row) => Array.from(row)), (one) => one / threshold);
    return {
      c, lags, decay: decayTime(c, lags), mean: meanActivity(activity, n, first, steps),
      ...(isLIF && { u: inThresholds(run.u), v: inThresholds(run.v), every }),
      ...(threshold > 1000 && { range: STATE_LIMIT / threshold, wraps: state.wraps, clips: state.clips }),
      ...(twin && { independent: independentDistance(activity, others, n, spike.step, steps) }),
    };
  }

  async function run(order) {
    const { id, steps, spike } = order;
    const run = begun(order);
    for (let t = 0, since = performance.now(); t < steps;) {
      const end = Math.min(t + SLICE, spike && t < spike.step ? spike.step : steps, steps);
      postMessage({ id, t, n: run.network.n, ...advanced(run, spike, t, end) });
      sample(run, t, end);
      t = end;
      if (!run.twin && performance.now() - since < 25) continue;
      await new Promise((go) => setTimeout(go, run.twin ? 16 : 0)); // damage is to be seen as it spreads
      if (id !== current) return;
      since = performance.now();
    }
    postMessage({ id, result: resultOf(run, order) });
  }

  onmessage = ({ data }) => {
    if (data.map) {
      map = data.map;
      return;
    }
    current = data.id;
    run(data).catch(({ message }) => postMessage({ id: data.id, problem: message }));
  };
}

/** A Worker that runs one network at a time; a new order ends the one before. */
class Runner {
  constructor(map, show) {
    const { network, gaussian, tables } = map;
    const source = document.getElementById("simulation").textContent;
    const blob = new Blob([`${source}\n(${work})();`], { type: "text/javascript" });
    this.worker = new Worker(URL.createObjectURL(blob));
    this.worker.postMessage({ map: { network, gaussian, tables, axes: { seed: map.axes.seed } } });
    this.worker.onmessage = ({ data }) => this.take(data);
    this.show = show;
    this.id = 0;
  }

  /**
   * Order a run: {backend, seed, cell, steps, lags, measured, spike}; `spike` is {neuron, step} or
   * null, `measured` what `autocovariance` takes. `title` and `dataset` are for the picture.
   */
  start(order, map) {
    const { neurons: n, nExcitatory } = map.network;
    const { spiking } = map.backends.find((one) => one.name === order.backend);
    const Numbers = spiking ? Uint8Array : Float64Array;
    this.run = {
      ...order, n, nExcitatory, done: 0, id: ++this.id, started: performance.now(),
      activity: new Numbers(order.steps * n), rates: new Float64Array(order.steps),
      others: order.spike && new Uint8Array(order.steps * n),
      damage: order.spike && new Float64Array(order.steps),
    };
    const { title, dataset, ...rest } = order;
    this.worker.postMessage({ ...rest, id: this.id });
  }

  take({ id, t, n, piece, other, result, problem }) {
    const { run } = this;
    if (id !== this.id) return;
    if (piece) {
      const steps = piece.length / n;
      run.activity.set(piece, t * n);
      run.rates.set(meanOverNeurons(piece, n, 0, steps), t);
      if (other) {
        run.others.set(other, t * n);
        run.damage.set(hammingDistance(piece, other, n, 0, steps), t);
      }
      run.done = t + steps;
    }
    if (result || problem) {
      Object.assign(run, { result, problem, took: performance.now() - run.started });
    }
    this.show(run);
  }
}
