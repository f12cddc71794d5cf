"use strict";
// What `page_data.py` has put into the page: a header of texts and settings, and numbers.

const ARRAYS = { f8: Float64Array, f4: Float32Array, u4: Uint32Array, i1: Int8Array };

/** The bytes of the page's numbers, from text in base64 that holds them deflated. */
async function inflated(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** The header with arrays in place of `{dtype, shape, offset}`: typed arrays with their `shape`. */
function withArrays(part, buffer) {
  if (part === null || typeof part !== "object") return part;
  if (Array.isArray(part)) return part.map((one) => withArrays(one, buffer));
  const { dtype, shape, offset } = part, size = shape?.reduce((a, b) => a * b, 1);
  if (shape) return Object.assign(new ARRAYS[dtype](buffer, offset, size), { shape });
  return Object.fromEntries(Object.entries(part).map(([name, one]) => [name, withArrays(one, buffer)]));
}

/** A variable's value in a cell, or its array along `lag`. `cell` has an index for each dimension:
 * {backend, q_factor, g_factor, seed}; those that the variable lacks are not looked at. */
function valueOf({ dims, values }, cell) {
  const [inner, size] = dims.includes("lag") ? [dims.slice(0, -1), values.shape.at(-1)] : [dims, 1];
  const index = inner.reduce((at, name, k) => at * values.shape[k] + cell[name], 0);
  return dims.includes("lag") ? values.subarray(index * size, (index + 1) * size) : values[index];
}

/** `half` of a seed, by its index: see `makeNetwork`. Makes N^2 numbers: keep it. */
function halfOf({ network: { neurons: n, nExcitatory }, axes, gaussian }, seed) {
  const z = gaussianMatrix(n, axes.seed.values[seed], gaussian[seed]);
  return { n, nExcitatory, columns: halfGaussian(z, n, nExcitatory) };
}

/** What determines a cell's network, by indices as for `valueOf`. */
function networkCell(map, cell) {
  const found = { ...map.network, isStrongest: map.limit && valueOf(map.limit, cell) === 1 };
  for (const [name, of] of Object.entries(map.determines)) {
    if (map.variables[of]) found[name] = valueOf(map.variables[of], cell);
  }
  const source = map.backends.findIndex(({ name }) => name === map.backends[cell.backend].takesFrom);
  if (source >= 0) {
    found.ranges = ["current_low", "current_high", "voltage_low", "voltage_high"]
      .map((name) => valueOf(map.variables[name], { ...cell, backend: source }));
  }
  return { ...found, g: map.axes.g_factor.values[cell.g_factor], gain: map.gain[cell.q_factor] };
}

/** What determines a network between the map's points, in floating point: of rate neurons, or of LIF
 * neurons that keep the rate network's weights (mapping `identity`). */
function networkBetween(map, q, g) {
  return { ...map.network, g, gain: (2 * q * (2 * q)) / map.network.neurons, weightScale: 1 };
}
