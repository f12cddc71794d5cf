"use strict";
// Z, the Gaussian matrix of a seed: NumPy's `RandomState(seed).standard_normal((n, n))`, to the bit.
//
// NumPy's generator takes a logarithm and a square root of uniform numbers. The square root is
// exact everywhere; a logarithm's last bit is not, neither of the browser nor of the C library.
// So the logarithm here consists of sums, products and quotients of doubles alone, which IEEE 754
// leaves no choice about, and `gaussian.py` does the same ones in the same order. It finds, when
// the page is written, where NumPy's numbers are others, and the page carries this list.

/** Numbers from 0 to 1, of 53 bits, by MT19937 as `numpy.random.RandomState(seed)` starts it. */
function* uniforms(seed) {
  const key = Uint32Array.of(seed, ...new Uint32Array(623));
  for (let i = 1; i < 624; i++) key[i] = Math.imul(1812433253, key[i - 1] ^ (key[i - 1] >>> 30)) + i;
  while (true) {
    for (let i = 0; i < 624; i++) {
      const y = (key[i] & 0x80000000) | (key[(i + 1) % 624] & 0x7fffffff);
      key[i] = key[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    for (let i = 0; i < 624; i += 2) {
      yield ((tempered(key[i]) >>> 5) * 67108864 + (tempered(key[i + 1]) >>> 6)) / 9007199254740992;
    }
  }
}

function tempered(word) {
  let y = word ^ (word >>> 11);
  y ^= (y << 7) & 0x9d2c5680;
  y ^= (y << 15) & 0xefc60000;
  return (y ^ (y >>> 18)) >>> 0;
}

const LOG_2 = { hi: 6.93147180369123816490e-1, lo: 1.90821492927058770002e-10 };
const SERIES = [
  0.6666666666666735130, 0.3999999999940941908, 0.2857142874366239149, 0.2222219843214978396,
  0.1818357216161805012, 0.1531383769920937332, 0.1479819860511658591,
];
const BITS = new DataView(new ArrayBuffer(8));

/** The natural logarithm of a normal positive number, wrong by less than a unit in the last place.
 *
 * As in fdlibm (Sun Microsystems, 1993): x = m 2^e, f = m - 1, s = f / (2 + f), and a polynomial in
 * s^2. */
function logarithm(x) {
  BITS.setFloat64(0, x);
  const high = BITS.getUint32(0);
  let e = (high >>> 20) - 1022;
  BITS.setUint32(0, (high & 0xfffff) | 0x3fe00000);
  let m = BITS.getFloat64(0); // from 1/2 to 1, as `frexp` has it
  if (m < Math.SQRT1_2) [m, e] = [2 * m, e - 1];
  const f = m - 1, s = f / (2 + f);
  const square = s * s, half = 0.5 * f * f;
  const series = SERIES.reduceRight((sum, coefficient) => (sum + coefficient) * square, 0);
  return e * LOG_2.hi - ((half - (s * (half + series) + e * LOG_2.lo)) - f);
}

/** Z of a seed, row by row, [post, pre].
 *
 * `corrections` has `gaps` between positions in Z, and `ulps`: by how many units in the last place
 * NumPy's number there is larger in magnitude than the one computed here. */
function gaussianMatrix(n, seed, corrections) {
  const z = new Float64Array(n * n);
  const stream = uniforms(seed);
  for (let k = 0; k < z.length; k += 2) {
    let x, y, square;
    do {
      x = 2 * stream.next().value - 1;
      y = 2 * stream.next().value - 1;
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const factor = Math.sqrt((-2 * logarithm(square)) / square);
    z[k] = factor * y;
    z[k + 1] = factor * x; // which a matrix of odd size leaves out
  }
  const bits = new BigInt64Array(z.buffer);
  corrections.gaps.reduce((before, gap, i) => {
    bits[before + gap] += BigInt(corrections.ulps[i]);
    return before + gap;
  }, 0);
  return z;
}

/** Column by column, [pre, post]: max(Z, 0) of excitatory neurons, min(Z, 0) of inhibitory ones. */
function halfGaussian(z, n, nExcitatory) {
  return z.map((_, k) => {
    const j = Math.floor(k / n), value = z[(k % n) * n + j];
    return j < nExcitatory === value > 0 ? value : 0;
  });
}
