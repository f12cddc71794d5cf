"use strict";
// The networks of eiphase's backends, as plain functions on typed arrays: no page, no clock. They
// compute what the kernels of `eiphase.networks` do, operation by operation, in the same order.
//
// A network is made once (`makeNetwork`), a state changes in place (`advance`), and activity is
// written into a recording (time, neuron), which the caller may fill in slices of steps.

// Of Loihi; ALIGNMENT is the left shift of threshold and of synaptic input.
const ALIGNMENT = 6, WEIGHT_BITS = 8, DECAY_UNIT = 1 << 12, STATE_LIMIT = 1 << 23;
const ERF_NODES_PER_UNIT = 256, ERF_LAST = 6;

/** A network of a backend, or throws an Error whose message says why there is none.
 *
 * `half`: {n, nExcitatory, columns} with columns from `halfGaussian`. `cell`: what determines the
 * network, see `page_data.py`. `tables`: {erfValues, erfSlopes}. */
function makeNetwork(backend, half, cell, tables) {
  const make = { rate: rateNetwork, lif_float: lifNetwork, lif_bit_accurate: integerNetwork }[backend];
  if (!make) throw new Error(`Networks of ${backend} do not run in this page.`);
  return { n: half.n, refractorySteps: cell.refractorySteps, ...make(half, cell, tables) };
}

/** u = v = 0 and nothing has fired, or r = 0. */
function atRest({ n, parts, Numbers }) {
  if (!parts) return { r: new Numbers(n), y: new Numbers(n) };
  return {
    u: new Numbers(n),
    v: new Numbers(n),
    inputs: new Numbers(parts.length * n), // W s of the last step, part by part
    resting: new Int32Array(n), // steps for which the voltage still stays as it is
    wraps: 0, // how often a current left its 24 bits
    clips: 0, // how often a voltage was clipped to them
  };
}

/** Room for so many steps: `activity` (time, neuron), states of rate neurons (Float64Array) or spikes
 * (Uint8Array); with `withStates` also `u` and `v` of LIF neurons, after the reset. */
function makeRecording({ n, parts, Numbers }, nSteps, withStates = false) {
  const states = () => new Numbers(nSteps * n);
  if (!parts) return { activity: states() };
  return { activity: new Uint8Array(nSteps * n), ...(withStates && { u: states(), v: states() }) };
}

/** Advance a state by the steps `first` to `last` - 1 of a recording, and record them there. */
function advance(network, state, recording, first, last) {
  const { n, step } = network;
  for (let t = first; t < last; t++) {
    step(network, state, recording.activity.subarray(t * n, (t + 1) * n));
    recording.u?.set(state.u, t * n);
    recording.v?.set(state.v, t * n);
  }
}

/** Let a spiking neuron fire once more than it did in the last step. */
function fire(network, state, neuron) {
  state.v[neuron] = 0;
  state.resting[neuron] = network.refractorySteps;
  addColumn(network, state, network.parts.findIndex(({ last }) => neuron < last), neuron);
}

/** Let a neuron's spike arrive at all neurons, in the input of its part. */
function addColumn({ n, columns }, { inputs }, part, neuron) {
  for (let i = part * n, k = neuron * n; i < (part + 1) * n; i++, k++) inputs[i] += columns[k];
}

/** Let the spikes of a step arrive. */
function addColumns(network, state, spikes) {
  state.inputs.fill(0);
  network.parts.forEach(({ first, last }, part) => {
    for (let j = first; j < last; j++) if (spikes[j]) addColumn(network, state, part, j);
  });
}

/** A voltage above the threshold is a spike, sets itself to 0, and then stays for `refractorySteps`. */
function fireOrStay({ threshold, refractorySteps }, { v, resting }, spikes, i, voltage) {
  const spike = voltage > threshold;
  v[i] = spike ? 0 : voltage;
  resting[i] = spike ? refractorySteps : Math.max(resting[i] - 1, 0);
  spikes[i] = spike ? 1 : 0;
}

// Rate neurons ---------------------------------------------------------------------------------

/** r <- (1 - dr) r + b + M y, y_j = dr (2q)^2 / N erf(r_j), times g of inhibitory neurons.
 *
 * Zeros of M are left out. `upper` are the upper halves of its entries' bits: see `addProduct`. */
function rateNetwork({ n, nExcitatory, columns }, { stepSize, bias, gain, g }, tables) {
  const rows = [], values = [], ends = [];
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < n; i++) {
      const value = columns[j * n + i];
      if (value === 0) continue;
      rows.push(i);
      values.push(value);
    }
    ends.push(rows.length);
  }
  return {
    Numbers: Float64Array, step: rateStep, nExcitatory, stepSize, bias, ...tables,
    gain: stepSize * gain, inhibitoryGain: stepSize * gain * g, ends, rows: Uint32Array.from(rows),
    values: Float64Array.from(values), upper: Float64Array.from(values, upperHalf),
  };
}

function rateStep(network, { r, y }, activity) {
  const { n, nExcitatory, gain, inhibitoryGain, stepSize, bias } = network;
  for (let i = 0; i < n; i++) {
    y[i] = (i < nExcitatory ? gain : inhibitoryGain) * erf(r[i], network);
    r[i] = (1 - stepSize) * r[i] + bias; // all but M's part, which is then added in place
  }
  addProduct(network, y, r);
  activity.set(r);
}

/** The upper half of a number's bits (Veltkamp); the rest fits into a double, too. */
function upperHalf(a) {
  const c = 134217729 * a;
  return c - (c - a);
}

/** total += M y, with columns ascending, each product and sum rounded once, together: the fused
 * multiply-add that eiphase's kernel uses and JavaScript lacks.
 *
 * The product is made exactly (Dekker), as p + e, and the sum of p and `total` exactly (Knuth), as s +
 * t. Then s + (t + e) is the fused result, unless the rounding of t + e itself leads to the middle
 * between two doubles: about once in 2^52 times. */
function addProduct({ n, ends, rows, values, upper }, y, total) {
  for (let j = 0, entry = 0; j < n; j++) {
    const factor = y[j];
    const high = upperHalf(factor), low = factor - high;
    for (const end = ends[j]; entry < end; entry++) {
      const value = values[entry], valueHigh = upper[entry], valueLow = value - valueHigh;
      const p = value * factor;
      const e = ((valueHigh * high - p) + valueHigh * low + valueLow * high) + valueLow * low;
      const i = rows[entry], before = total[i];
      const s = p + before, part = s - p;
      const t = (p - (s - part)) + (before - part);
      total[i] = s + (t + e);
    }
  }
}

/** erf(x) by a series of fourth order around the nearest node: `eiphase.numerics.erf`, to the bit. */
function erf(x, { erfValues, erfSlopes }) {
  const magnitude = Math.abs(x) < ERF_LAST ? Math.abs(x) : ERF_LAST;
  const node = (magnitude * ERF_NODES_PER_UNIT + 0.5) | 0;
  const c = node * (1 / ERF_NODES_PER_UNIT), square = c * c, h = magnitude - c;
  const second = square * (2 / 3) - 1 / 3;
  const third = c * (0.5 - square * (1 / 3));
  const fourth = square * (square * (2 / 15) - 0.4) + 0.1;
  const curvature = h * (h * (h * (h * fourth + third) + second) - c);
  const linear = erfSlopes[node] * h;
  const found = erfValues[node] + (linear + linear * curvature);
  return x < 0 ? -found : found;
}

// LIF neurons in floating point ----------------------------------------------------------------

/** Weights are the rate network's, times the mapping's scale and du: `rate_to_lif.lif_parameters`. */
function lifColumns({ n, nExcitatory, columns }, { gain, g, weightScale, isStrongest, du }) {
  const [a, b] = isStrongest ? [1, Math.fround(gain * weightScale)] : [gain, weightScale];
  return columns.map((weight, k) => weight * a * (k < nExcitatory * n ? 1 : g) * b * du);
}

function lifNetwork(half, cell) {
  if (!Number.isFinite(cell.weightScale)) throw new Error("The phase map has no network here.");
  const { du, dv, threshold, lifBias: bias } = cell, parts = [{ first: 0, last: half.n }];
  return {
    Numbers: Float64Array, step: lifStep, columns: lifColumns(half, cell), parts, du, dv, threshold, bias,
  };
}

/** u <- u (1 - du) + a, v <- v (1 - dv) + u + bias; with and without rests they add in another order. */
function lifStep(network, state, spikes) {
  const { n, du, dv, bias, refractorySteps } = network;
  const { u, v, inputs, resting } = state;
  for (let i = 0; i < n; i++) {
    u[i] = u[i] * (1 - du) + inputs[i];
    let integrated = v[i];
    if (refractorySteps === 0) integrated = v[i] * (1 - dv) + u[i] + bias;
    else if (resting[i] === 0) integrated = v[i] * (1 - dv) + (u[i] + bias);
    fireOrStay(network, state, spikes, i, integrated);
  }
  addColumns(network, state, spikes);
}

// LIF neurons in Loihi's integers --------------------------------------------------------------

/** The rounding of `numpy.rint`: to nearest, halves to even; of |x| below 2^51. */
function rint(x) {
  return x + 6755399441055744 - 6755399441055744;
}

/** 2 to an exponent, exactly. */
function power(exponent) {
  return exponent < 0 ? 1 / (1 << -exponent) : 1 << exponent;
}

function integerNetwork(half, cell) {
  const { n, nExcitatory } = half;
  const { vth, integerDu, integerDv, biasMantissa, biasExponent } = cell;
  if (![vth, integerDu, integerDv, biasMantissa].every((x) => Number.isFinite(x) && x !== 0)) {
    throw new Error("The mapping leaves no threshold, bias or decay in integers.");
  }
  const isFullRange = cell.floatToInteger === "full_range";
  if (!isFullRange && !cell.ranges?.every(Number.isFinite)) {
    throw new Error("The phase map lacks the network in floating point that integers follow from.");
  }
  const part = (first, last, exponent) => ({ first, last, exponent }); // whose sum is shifted, then added
  const { weightExponent, inhibitoryWeightExponent } = cell;
  const parts = isFullRange
    ? [part(0, nExcitatory, weightExponent), part(nExcitatory, n, inhibitoryWeightExponent)]
    : [part(0, n, weightExponent)];
  const real = lifColumns(half, cell);
  const columns = new Int16Array(n * n);
  for (const { first, last, exponent } of parts) {
    const round = isFullRange ? fullRange(cell, exponent) : tutorialRounding(cell, real);
    columns.set(stored(real.subarray(first * n, last * n).map(round), cell.weightBits), first * n);
  }
  return {
    Numbers: Int32Array, step: integerStep, columns, parts,
    keepU: DECAY_UNIT - (integerDu + 1), keepV: DECAY_UNIT - integerDv,
    threshold: vth << ALIGNMENT, bias: biasMantissa << biasExponent,
  };
}

/** From a weight of the float network to an integer: `float_to_integer.full_range`. */
function fullRange({ vth, weightBits, threshold }, exponent) {
  const step = 1 << (WEIGHT_BITS - weightBits), factor = vth / threshold, divisor = power(exponent) * step;
  return (weight) => step * rint((factor * weight) / divisor);
}

/** The same, of the tutorial's mapping: `float_to_integer.tutorial` and `tutorial_factor`. */
function tutorialRounding({ threshold, lifBias, ranges }, weights) {
  const extremes = [Math.min, Math.max].map((extreme) => weights.reduce((a, b) => extreme(a, b)));
  const quantities = [ // values, and the largest mantissa and exponent for them
    [[threshold], 2 ** 17, ALIGNMENT], [[lifBias], 2 ** 12, 2], [extremes, 2 ** (WEIGHT_BITS - 1), 21],
    [ranges.slice(0, 2), STATE_LIMIT, 0], [ranges.slice(2), STATE_LIMIT, 0],
  ].map(([values, limit, exponent]) => {
    const largest = Math.max(...values.map(Math.abs));
    return { largest, most: (limit - (Math.max(...values) === largest ? 1 : 0)) * 2 ** exponent };
  }).sort((a, b) => b.largest - a.largest);
  const factor = quantities.reduce((found, { largest, most }) =>
    (found * largest > most ? most / largest : found), Infinity);
  return (weight) => rint(rint(weight * factor) * (1 / 64));
}

/** Weights as Loihi holds them: `loihi.Connections.stored`. */
function stored(weights, bits) {
  const mixesSigns = weights.some((w) => w < 0) && weights.some((w) => w > 0) ? 1 : 0;
  const largest = (1 << WEIGHT_BITS) - 1, dropped = WEIGHT_BITS - bits + mixesSigns;
  const up = mixesSigns ? 0 : (1 << dropped) - 1; // added to what is negative
  return weights.map((weight) => {
    const clipped = Math.min(Math.max(weight, -largest - mixesSigns), largest);
    return ((clipped + (clipped < 0 ? up : 0)) >> dropped) << dropped;
  });
}

/** x * keep / 2^12, rounded towards zero: exact, as a double holds the 36 bits of the product. */
function remaining(x, keep) {
  return Math.trunc((x * keep) / DECAY_UNIT);
}

/** The step of `loihi.run`: u wraps at 24 bits, v is clipped to them. */
function integerStep(network, state, spikes) {
  const { n, keepU, keepV, bias, parts } = network;
  const { u, v, inputs, resting } = state;
  for (let i = 0; i < n; i++) {
    let arrived = 0;
    for (let part = 0; part < parts.length; part++) {
      const { exponent } = parts[part], a = inputs[part * n + i];
      arrived += exponent < 0 ? a >> -exponent : a << exponent;
    }
    const decayed = (remaining(u[i], keepU) + (arrived << ALIGNMENT)) | 0;
    u[i] = decayed;
    if (decayed > STATE_LIMIT) u[i] = decayed - 2 * STATE_LIMIT;
    else if (decayed <= -STATE_LIMIT) u[i] = decayed + 2 * STATE_LIMIT;
    if (u[i] !== decayed) state.wraps++;
    const updated = resting[i] > 0 ? v[i] : (remaining(v[i], keepV) + u[i] + bias) | 0;
    const clipped = Math.min(Math.max(updated, 1 - STATE_LIMIT), STATE_LIMIT - 1);
    if (clipped !== updated) state.clips++;
    fireOrStay(network, state, spikes, i, clipped);
  }
  addColumns(network, state, spikes);
}
