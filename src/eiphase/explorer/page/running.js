"use strict";
// Networks run in Workers, a slice of steps at a time, so that the page can follow and stop them.

/** What a Worker does, after the simulation's functions: it knows nothing else of the page. */
function work() {
  const SLICE = 20, SAMPLES = 100_000;
  const halves = new Map();
  let map, current;

  function half(seed) {
    if (!halves.has(seed)) halves.set(seed, halfOf(map, seed));
    return halves.get(seed);
  }

  async function run(order) {
    const { steps, spike, lags, measured } = order;
    const network = makeNetwork(order.backend, half(order.seed), order.cell, map.tables);
    const { n } = network;
    const isLIF = network.threshold !== undefined;
    const state = atRest(network);
    const activity = isLIF ? new Uint8Array(steps * n) : new Float64Array(steps * n);
    const others = spike && new Uint8Array(steps * n);
    const [piece, otherPiece] = [makeRecording(network, SLICE, isLIF), makeRecording(network, SLICE)];
    const every = Math.ceil((2 * n * steps) / SAMPLES);
    const u = [], v = [];
    let twin, resting = performance.now();
    for (let t = 0; t < steps;) {
      const end = Math.min(t + SLICE, steps, spike && t < spike.step ? spike.step : steps);
      if (spike && t === spike.step) {
        twin = copyOfState(state);
        fire(network, twin, spike.neuron);
      }
      const copied = (from) => from.activity.slice(0, (end - t) * n);
      advance(network, state, piece, 0, end - t);
      if (twin) advance(network, twin, otherPiece, 0, end - t);
      activity.set(copied(piece), t * n);
      if (spike) others.set(copied(twin ? otherPiece : piece), t * n);
      for (let s = t; s < end && isLIF; s++) {
        if (s % every) continue;
        const row = (numbers) => numbers.slice((s - t) * n, (s - t + 1) * n);
        u.push(row(piece.u));
        v.push(row(piece.v));
      }
      const other = spike && copied(twin ? otherPiece : piece);
      postMessage({ id: order.id, t, n, piece: copied(piece), other });
      t = end;
      const isSlow = performance.now() - resting > 25;
      if (isSlow || twin) await new Promise((go) => setTimeout(go, twin ? 16 : 0));
      if (order.id !== current) return;
      if (isSlow || twin) resting = performance.now();
    }
    const { first } = measured;
    const x = isLIF ? spikeCounts(activity, n, measured.boxcar) : activity;
    const c = autocovariance(x, n, { first, last: steps, lags, ...measured });
    const inThresholds = (rows) => Float32Array.from(
      rows.flatMap((row) => Array.from(row)), (one) => one / network.threshold);
    postMessage({ id: order.id, result: {
      c, lags, every, decay: decayTime(c, lags), mean: meanActivity(activity, n, first, steps),
      ...(isLIF && { u: inThresholds(u), v: inThresholds(v), wraps: state.wraps, clips: state.clips }),
      range: network.threshold > 1000 ? STATE_LIMIT / network.threshold : undefined,
      independent: twin && independentDistance(activity, others, n, spike.step, steps),
      distance: twin && stateDistance(network, state, twin),
    } });
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

  /** Order a run; `order` as `work` takes it, with `title` and `dataset` for the picture. */
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
