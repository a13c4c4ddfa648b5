import { cos, sin } from '../../kernels/math/trigonometry.ts';

/** Complex numbers, real and imaginary parts apart. */
export interface Spectrum {
  readonly re: Float32Array | Float64Array;
  readonly im: Float32Array | Float64Array;
}

type Round = (x: number) => number;

/** A transform of one length in the precision of one element type. */
export interface Transform {
  readonly length: number;
  /** Prime factors, ascending. */
  readonly factors: readonly number[];
  /** e^(2πi·k/length), computed in float64 and rounded. */
  readonly roots: Spectrum;
  readonly round: Round;
  /** Two buffers that the passes fill in turn. */
  readonly buffers: readonly [Spectrum, Spectrum];
}

const TWO_PI = 6.283185307179586;

function spectrum(length: number, isDouble: boolean): Spectrum {
  const make = isDouble ? Float64Array : Float32Array;
  return { re: new make(length), im: new make(length) };
}

export function makeTransform(length: number, isDouble: boolean): Transform {
  const roots = spectrum(length, isDouble);
  for (let k = 0; k < length; k++) {
    const quarter = (4 * k) / length; // whole quarters are exact
    roots.re[k] = quarter === 1 || quarter === 3 ? 0 : quarter === 2 ? -1 : cos((TWO_PI * k) / length);
    roots.im[k] = quarter === 2 ? 0 : quarter === 1 ? 1 : quarter === 3 ? -1 : sin((TWO_PI * k) / length);
  }
  const factors: number[] = [];
  for (let rest = length, p = 2; rest > 1; p = p * p > rest ? rest : p + 1)
    for (; rest % p === 0; rest /= p) factors.push(p);
  const round: Round = isDouble ? (x) => x : Math.fround;
  return { length, factors, roots, round, buffers: [spectrum(length, isDouble), spectrum(length, isDouble)] };
}

/**
 * X[k] = Σ x[j]·e^(∓2πi·jk/n), not scaled; `x` is the first of the buffers, the result one of the two. One pass a prime
 * factor, decimation in frequency with results in order (Stockham); every product and sum is rounded to the element type, in
 * the order that pocketfft, which NumPy and with it the tests of the standard use, has them.
 */
export function transform(
  { length, factors, roots, round, buffers }: Transform,
  isInverse: boolean,
): Spectrum {
  let [from, to] = buffers;
  let done = 1;
  for (const p of factors) {
    const inner = length / (done * p);
    for (let k = 0; k < done; k++)
      for (let i = 0; i < inner; i++)
        butterfly(
          from,
          to,
          i + inner * p * k,
          inner,
          i + inner * k,
          inner * done,
          p,
          i * done,
          roots,
          isInverse,
          round,
        );
    [from, to] = [to, from];
    done *= p;
  }
  return from;
}

/**
 * The transform of length p of the elements of `from` at `start`, `start + step`, … put at `out`, `out + outStep`, …, the u-th
 * times the root `twiddle`·u. Pairs of elements are added and subtracted first: their coefficients differ in sign alone.
 */
function butterfly(
  from: Spectrum,
  to: Spectrum,
  start: number,
  step: number,
  out: number,
  outStep: number,
  p: number,
  twiddle: number,
  roots: Spectrum,
  isInverse: boolean,
  round: Round,
): void {
  const order = roots.re.length;
  const half = (p - 1) >> 1;
  const put = (u: number, re: number, im: number): void => {
    const at = out + u * outStep;
    const c = roots.re[(twiddle * u) % order]!;
    const s = isInverse ? roots.im[(twiddle * u) % order]! : -roots.im[(twiddle * u) % order]!;
    to.re[at] = twiddle === 0 ? re : round(round(re * c) - round(im * s));
    to.im[at] = twiddle === 0 ? im : round(round(re * s) + round(im * c));
  };
  const [r0, i0] = [from.re[start]!, from.im[start]!];
  if (p === 2) {
    const [r1, i1] = [from.re[start + step]!, from.im[start + step]!];
    put(0, round(r0 + r1), round(i0 + i1));
    put(1, round(r0 - r1), round(i0 - i1));
    return;
  }
  const sums: [number, number][] = [];
  const gaps: [number, number][] = [];
  let [re, im] = [r0, i0];
  for (let j = 1; j <= half; j++) {
    const [a, b] = [start + j * step, start + (p - j) * step];
    sums.push([round(from.re[a]! + from.re[b]!), round(from.im[a]! + from.im[b]!)]);
    gaps.push([round(from.re[a]! - from.re[b]!), round(from.im[a]! - from.im[b]!)]);
    re = round(re + sums[j - 1]![0]);
    im = round(im + sums[j - 1]![1]);
  }
  put(0, re, im);
  for (let u = 1; u <= half; u++) {
    let [evenRe, evenIm, oddRe, oddIm] = [r0, i0, 0, 0];
    for (let j = 1; j <= half; j++) {
      const root = (((j * u) % p) * order) / p;
      const c = roots.re[root]!;
      const s = isInverse ? roots.im[root]! : -roots.im[root]!;
      evenRe = round(evenRe + round(c * sums[j - 1]![0]));
      evenIm = round(evenIm + round(c * sums[j - 1]![1]));
      oddRe = round(oddRe + round(s * gaps[j - 1]![1]));
      oddIm = round(oddIm + round(s * gaps[j - 1]![0]));
    }
    put(u, round(evenRe - oddRe), round(evenIm + oddIm));
    put(p - u, round(evenRe + oddRe), round(evenIm - oddIm));
  }
}
