"use strict";
// What is measured on activity, an array (time, neuron) of a network of n neurons, row by row.
// Steps run from `first` to `last` - 1. The definitions are those of `eiphase.observables`.

/** Spikes of each neuron in the `window` steps that end at each step, (time, neuron). */
function spikeCounts(spikes, n, window) {
  const counts = new Float64Array(spikes.length);
  for (let k = 0; k < spikes.length; k++) {
    const before = k >= n ? counts[k - n] : 0;
    counts[k] = before + spikes[k] - (k >= window * n ? spikes[k - window * n] : 0);
  }
  return counts;
}

/** Mean over neurons and steps. */
function meanActivity(activity, n, first, last) {
  return activity.subarray(first * n, last * n).reduce((sum, x) => sum + x, 0) / ((last - first) * n);
}

/** Mean over neurons in each step. */
function meanOverNeurons(activity, n, first, last) {
  const steps = Float64Array.from({ length: last - first }, (_, t) => first + t);
  return steps.map((t) => meanActivity(activity, n, t, t + 1));
}

/** Mean over the steps of each neuron. */
function meanOverTime(activity, n, first, last) {
  const means = new Float64Array(n);
  for (let k = first * n; k < last * n; k++) means[k % n] += activity[k];
  return means.map((total) => total / (last - first));
}

/** Autocovariance of single neurons, mean over neurons, at the given lags in steps.
 *
 * `estimator`: "standard", linear and centred on each neuron's mean over the steps, divided by the
 * number of pairs if `unbiased`; or "tutorial", circular and without what all neurons share. */
function autocovariance(activity, n, { first, last, lags, estimator, unbiased }) {
  const nSteps = last - first;
  const centred = centredActivity(activity, n, first, last, estimator === "tutorial");
  return Float64Array.from(lags, (lag) => {
    const linear = laggedProducts(centred, 0, lag * n, (nSteps - lag) * n);
    if (estimator !== "tutorial") return linear / (n * (unbiased ? nSteps - lag : nSteps));
    const around = laggedProducts(centred, (nSteps - lag) * n, 0, lag * n);
    return (linear + around) / (n * nSteps);
  });
}

function centredActivity(activity, n, first, last, withoutCommon) {
  const centred = Float64Array.from(activity.subarray(first * n, last * n));
  const means = meanOverTime(centred, n, 0, last - first);
  for (let t = 0; t < last - first; t++) {
    const row = centred.subarray(t * n, (t + 1) * n);
    row.forEach((x, i) => { row[i] = x - means[i]; });
    const common = withoutCommon ? meanActivity(row, n, 0, 1) : 0;
    if (withoutCommon) row.forEach((x, i) => { row[i] = x - common; });
  }
  return centred;
}

/** Whether the network settles, by the rule of `eiphase.observables.fluctuation`: rounding is left in the
 * second half, or variance falls tenfold from half to half, at a pace that the second half keeps. */
function isSettling(x, n, first, last) {
  const half = (last - first) >> 1, middle = first + half;
  const square = (values) => laggedProducts(values, 0, 0, values.length) / values.length;
  const variance = (from, to) => square(centredActivity(x, n, from, to, false));
  const persistence = (from, size) => variance(from + size, from + 2 * size) / variance(from, from + size);
  if (variance(middle, last) <= 1e-24 * square(x.subarray(first * n, last * n))) return true;
  return persistence(first, half) < 0.1 && persistence(middle, (last - middle) >> 1) < Math.sqrt(0.1);
}

/** Sum of x[start + k] x[other + k], in four sums: one would wait for each addition. */
function laggedProducts(x, start, other, count) {
  let a = 0, b = 0, c = 0, d = 0;
  const inFours = count - (count % 4);
  for (let k = 0; k < inFours; k += 4) {
    a += x[start + k] * x[other + k];
    b += x[start + k + 1] * x[other + k + 1];
    c += x[start + k + 2] * x[other + k + 2];
    d += x[start + k + 3] * x[other + k + 3];
  }
  for (let k = inFours; k < count; k++) a += x[start + k] * x[other + k];
  return a + b + c + d;
}

/** First lag at which c falls to c(0) / e, linear between lags; NaN if it does not. */
function decayTime(c, lags) {
  const level = c[0] / Math.E;
  const after = c.findIndex((value) => value <= level);
  if (!(c[0] > 0) || after < 1) return NaN;
  const part = (c[after - 1] - level) / (c[after - 1] - c[after]);
  return lags[after - 1] + part * (lags[after] - lags[after - 1]);
}

/** The same where lags lie apart: from c at each lag between the two where it falls so far. */
function decayTimeBetween(c, lags, autocovarianceAt) {
  const rough = decayTime(c, lags);
  if (Number.isNaN(rough)) return NaN;
  const from = Math.max(...lags.filter((lag) => lag < rough)), to = lags.find((lag) => lag >= rough);
  const fine = [0, ...Array.from({ length: to - from + 1 }, (_, k) => from + k)];
  return decayTime(autocovarianceAt(fine), fine);
}

/** Part of the neurons that fire in one of two networks alone, in each step. */
function hammingDistance(spikes, others, n, first, last) {
  const different = spikes.map((spike, k) => (spike !== others[k] ? 1 : 0));
  return meanOverNeurons(different, n, first, last);
}

/** The mean of `hammingDistance` for independent spike trains of the same rates. */
function independentDistance(spikes, others, n, first, last) {
  const p = meanOverTime(spikes, n, first, last);
  const q = meanOverTime(others, n, first, last);
  return p.reduce((total, rate, i) => total + rate * (1 - q[i]) + q[i] * (1 - rate), 0) / n;
}
