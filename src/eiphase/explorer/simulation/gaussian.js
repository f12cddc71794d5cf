"use strict";
// Z, the Gaussian matrix of a seed: NumPy's `RandomState(seed).standard_normal((n, n))`, to the bit.
//
// NumPy's generator takes a logarithm and a square root of uniform numbers. The square root is
// exact everywhere; a logarithm's last bit is not, neither of the browser nor of the C library.
// So the logarithm here consists of sums, products and quotients of doubles alone, which IEEE 754
// leaves no choice about, and `gaussian.py` does the same ones in the same order. It finds, when
// the page is written, where NumPy's numbers are others, and the page carries this short list.

/** The generator MT19937, as `numpy.random.RandomState(seed)` starts it. */
class MersenneTwister {
  constructor(seed) {
    this.key = new Uint32Array(624);
    this.key[0] = seed;
    for (let i = 1; i < 624; i++) {
      const last = this.key[i - 1];
      this.key[i] = Math.imul(1812433253, last ^ (last >>> 30)) + i;
    }
    this.position = 624;
  }

  renew() {
    const key = this.key;
    for (let i = 0; i < 624; i++) {
      const y = (key[i] & 0x80000000) | (key[(i + 1) % 624] & 0x7fffffff);
      key[i] = key[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.position = 0;
  }

  integer() {
    if (this.position === 624) this.renew();
    let y = this.key[this.position++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** A number from 0 to 1, of 53 bits. */
  uniform() {
    const high = this.integer() >>> 5;
    return (high * 67108864 + (this.integer() >>> 6)) / 9007199254740992;
  }
}

// Double-doubles: numbers hi + lo, where hi is their sum, rounded.

/** a + b, where |a| >= |b| or a = 0 (Dekker). */
function fastSum(a, b) {
  const hi = a + b;
  return { hi, lo: b - (hi - a) };
}

/** a + b, exactly (Knuth). */
function exactSum(a, b) {
  const hi = a + b;
  const part = hi - a;
  return { hi, lo: (a - (hi - part)) + (b - part) };
}

/** The upper half of a number's bits (Veltkamp); the rest fits into a double, too. */
function upperHalf(a) {
  const c = 134217729 * a;
  return c - (c - a);
}

/** a * b, exactly (Dekker). */
function exactProduct(a, b) {
  const hi = a * b;
  const aHigh = upperHalf(a);
  const bHigh = upperHalf(b);
  const aLow = a - aHigh;
  const bLow = b - bHigh;
  return { hi, lo: ((aHigh * bHigh - hi) + aHigh * bLow + aLow * bHigh) + aLow * bLow };
}

function sum(x, y) {
  const s = exactSum(x.hi, y.hi);
  return fastSum(s.hi, s.lo + (x.lo + y.lo));
}

function product(x, y) {
  const p = exactProduct(x.hi, y.hi);
  return fastSum(p.hi, p.lo + (x.hi * y.lo + x.lo * y.hi));
}

/** a / y for a double a. */
function quotient(a, y) {
  const q = a / y.hi;
  const p = exactProduct(q, y.hi);
  return fastSum(q, (((a - p.hi) - p.lo) - q * y.lo) / y.hi);
}

const LOG_2 = { hi: 0.6931471805599453, lo: 2.3190468138462996e-17 };
const SQRT_HALF = 0.7071067811865476;
// Of the series, the coefficients 1 / (2k + 1).
const N_TERMS = 21;
const N_DOUBLE_DOUBLE = 10;
const ODD_RECIPROCALS = Array.from({ length: N_TERMS }, (_, k) =>
  quotient(1, { hi: 2 * k + 1, lo: 0 }));
const BITS = new DataView(new ArrayBuffer(8));

/**
 * The natural logarithm of a normal positive number, correctly rounded.
 *
 * With x = m 2^e, sqrt(1/2) <= m < sqrt(2), and s = (m - 1) / (m + 1),
 *
 *   log x = e log 2 + 2 s (1 + s^2 / 3 + s^4 / 5 + ...).
 *
 * m - 1 is exact, s^2 is below 0.0295 = 2^-5.08. The terms from s^42 on are left out: less than
 * 2^-111 of the sum. Those from s^20 on are below 2^-55 of it and need doubles only: their
 * rounding is below 2^-107. The others are sums and products of double-doubles, each wrong by at
 * most 2^-102 of its result; the later a product, the more of its error is multiplied by s^2.
 * Where e is not 0, |e log 2| is at least twice the rest, and cancels half at most. So the whole
 * is wrong by less than 2^-98 of itself, and its upper part is the logarithm rounded to nearest,
 * unless that lies as close as this to the middle between two doubles: one number in 2^44.
 */
function correctlyRoundedLog(x) {
  BITS.setFloat64(0, x);
  const high = BITS.getUint32(0);
  let e = (high >>> 20) - 1022;
  BITS.setUint32(0, (high & 0xfffff) | 0x3fe00000);
  let m = BITS.getFloat64(0); // from 1/2 to 1, as `frexp` has it
  if (m < SQRT_HALF) {
    m *= 2;
    e -= 1;
  }
  const s = quotient(m - 1, exactSum(m, 1));
  const square = product(s, s);
  let small = 0;
  for (let k = N_TERMS - 1; k >= N_DOUBLE_DOUBLE; k--) {
    small = small * square.hi + ODD_RECIPROCALS[k].hi;
  }
  let series = { hi: small, lo: 0 };
  for (let k = N_DOUBLE_DOUBLE - 1; k >= 0; k--) {
    series = sum(product(series, square), ODD_RECIPROCALS[k]);
  }
  const ofMantissa = product({ hi: 2 * s.hi, lo: 2 * s.lo }, series);
  return sum(product({ hi: e, lo: 0 }, LOG_2), ofMantissa).hi;
}

/**
 * Z of a seed, row by row, [post, pre].
 *
 * `corrections` has `positions` in Z and `ulps`, by how many units in the last place the number
 * that NumPy gives there is larger in magnitude than the one computed here.
 */
function gaussianMatrix(n, seed, corrections) {
  const z = new Float64Array(n * n);
  const stream = new MersenneTwister(seed);
  for (let k = 0; k < z.length; k += 2) {
    let x, y, square;
    do {
      x = 2 * stream.uniform() - 1;
      y = 2 * stream.uniform() - 1;
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const factor = Math.sqrt((-2 * correctlyRoundedLog(square)) / square);
    z[k] = factor * y;
    if (k + 1 < z.length) z[k + 1] = factor * x;
  }
  const bits = new BigInt64Array(z.buffer);
  corrections.positions.forEach((position, i) => {
    bits[position] += BigInt(corrections.ulps[i]);
  });
  return z;
}

/** Column by column, [pre, post]: max(Z, 0) of excitatory neurons, min(Z, 0) of inhibitory ones. */
function halfGaussian(z, n, nExcitatory) {
  const half = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const value = z[i * n + j];
      if (j < nExcitatory === value > 0) half[j * n + i] = value;
    }
  }
  return half;
}
