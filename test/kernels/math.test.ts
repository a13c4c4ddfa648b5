import { describe, expect, it } from 'vitest';
import { erf, gelu } from '../../src/kernels/math/erf.ts';
import { exp, expm1, sigmoid, tanh } from '../../src/kernels/math/exp.ts';
import { acosh, asinh, atanh, cosh, sinh } from '../../src/kernels/math/hyperbolic.ts';
import { acos, asin, atan } from '../../src/kernels/math/inverse-trigonometry.ts';
import { log, log1p, softplus } from '../../src/kernels/math/log.ts';
import { pow } from '../../src/kernels/math/pow.ts';
import { exponentOf, scaleByPowerOfTwo } from '../../src/kernels/math/power-of-two.ts';
import { cos, sin } from '../../src/kernels/math/trigonometry.ts';
import { cosDouble, sinDouble } from '../../src/kernels/math/trigonometry-double.ts';
import { Random } from './support/random.ts';

const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);

/** The place of a float32 among all of them in ascending order. */
function ordinal(x: number): number {
  float[0] = x;
  return bits[0]! < 0 ? -(2 ** 31) - bits[0]! : bits[0]!;
}

/** Float32 values of every size and sign, and the special ones. */
function* floats(count: number): Generator<number> {
  yield* [0, -0, 1, -1, 2 ** -149, -(2 ** -149), 2 ** -126, 3.4028234663852886e38, -3.4028234663852886e38];
  yield* [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 88.72283, 88.72284, -103.97208];
  const random = new Random(7);
  for (let i = 0; i < count; i++) {
    bits[0] = random.whole(-(2 ** 31), 2 ** 31 - 1) ^ (random.whole(0, 255) << 1);
    const any = float[0]!;
    if (Number.isFinite(any)) yield any;
    yield Math.fround((random.unit() - 0.5) * 2 ** random.whole(-3, 8));
  }
}

/** Fails where f and the other, rounded to float32, are more than one unit in the last place apart. */
function expectWithinOneUlp(f: (x: number) => number, oracle: (x: number) => number): void {
  for (const x of floats(40_000)) {
    const [mine, theirs] = [Math.fround(f(x)), Math.fround(oracle(x))];
    if (Number.isNaN(mine) && Number.isNaN(theirs)) continue;
    const apart = Math.abs(ordinal(mine) - ordinal(theirs));
    if (!(apart <= 1)) expect.fail(`f(${x}) is ${mine}, expected ${theirs}: ${apart} units apart`);
  }
}

describe('elementary functions, rounded to float32', () => {
  const functions: Record<string, [f: (x: number) => number, oracle: (x: number) => number]> = {
    exp: [exp, Math.exp],
    expm1: [expm1, Math.expm1],
    log: [log, Math.log],
    log1p: [(x) => log1p(Math.abs(x)), (x) => Math.log1p(Math.abs(x))],
    tanh: [tanh, Math.tanh],
    sigmoid: [sigmoid, (x) => 1 / (1 + Math.exp(-x))],
    softplus: [softplus, (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))],
    sin: [sin, Math.sin],
    cos: [cos, Math.cos],
    asin: [asin, Math.asin],
    acos: [acos, Math.acos],
    atan: [atan, Math.atan],
    sinh: [sinh, Math.sinh],
    cosh: [cosh, Math.cosh],
    asinh: [asinh, Math.asinh],
    acosh: [(x) => acosh(1 + Math.abs(x)), (x) => Math.acosh(1 + Math.abs(x))],
    atanh: [atanh, Math.atanh],
    'x^1.37': [(x) => pow(x, 1.37), (x) => x ** 1.37],
    'x^3': [(x) => pow(x, 3), (x) => x ** 3],
    'x^-7': [(x) => pow(x, -7), (x) => x ** -7],
    'x^0.5': [(x) => pow(x, 0.5), (x) => x ** 0.5],
    '1.0003^x': [(x) => pow(Math.fround(1.0003), x), (x) => Math.fround(1.0003) ** x],
  };
  for (const [name, [f, oracle]] of Object.entries(functions)) {
    it(`${name} is within one unit in the last place of Math's over the whole range`, () => {
      expectWithinOneUlp(f, oracle);
    });
  }

  it("inverse and hyperbolic functions are within 1e-13 of Math's in float64, at the ends of their domains too", () => {
    const pairs: readonly [f: (x: number) => number, oracle: (x: number) => number, xs: readonly number[]][] =
      [
        [
          atan,
          Math.atan,
          [-0, 1e-9, 0.41421356, 0.4142136, 1, 2.414213, 2.414214, 1e300, Infinity, -Infinity],
        ],
        [asin, Math.asin, [-0, 1, -1, 0.9999999999, 0.7, 1.0000001, -2]],
        [acos, Math.acos, [1, -1, 0, 0.9999999, -0.9999999, 1.0000001]],
        [sinh, Math.sinh, [-0, 1e-9, 0.3, 39.9, 40.1, 709.5, 710.3, 711, -Infinity]],
        [cosh, Math.cosh, [0, 1e-9, 39.9, 40.1, -710.3, 711, Infinity]],
        [asinh, Math.asinh, [-0, 1e-9, 0.4, 2.7e8, 2.6e8, -1e300, Infinity]],
        [acosh, Math.acosh, [1, 1.0000001, 1.5, 2.7e8, 1e300, Infinity, 0.5, -2]],
        [atanh, Math.atanh, [-0, 1e-9, 0.999999, 1, -1, 1.1]],
        [sinDouble, Math.sin, [0.7, 131072.37, 1e6 + 0.1, -123456789.12345, 1e15 / 3, Infinity]],
        [cosDouble, Math.cos, [0.7, 131072.37, 1e6 + 0.1, -123456789.12345, 1e15 / 3, NaN]],
      ];
    for (const [f, oracle, xs] of pairs)
      for (const x of xs) {
        const [mine, theirs] = [f(x), oracle(x)];
        if (Object.is(mine, theirs)) continue;
        expect(Math.abs(mine / theirs - 1), `${oracle.name}(${x}) = ${mine}, not ${theirs}`).toBeLessThan(
          1e-13,
        );
      }
  });

  it('pow treats zeros, infinities, NaN and whole exponents as Math.pow does', () => {
    const values = [
      0,
      -0,
      1,
      -1,
      2,
      -2,
      3,
      -3,
      0.5,
      -0.5,
      1e30,
      -1e30,
      65,
      67,
      -65,
      Infinity,
      -Infinity,
      NaN,
    ];
    for (const a of values) {
      for (const b of values) expect(Math.fround(pow(a, b)), `${a}^${b}`).toBe(Math.fround(a ** b));
    }
  });

  // Computed with 30 digits by mpmath 1.3.
  const ERF: readonly [x: number, y: number][] = [
    [1.0000000031710769e-30, 1.1283791706736896e-30],
    [1.000000013351432e-10, 1.1283791821609903e-10],
    [0.0010000000474974513, 0.0011283788445643173],
    [0.10000000149011612, 0.11246291768297051],
    [0.25, 0.27632639016823696],
    [0.5, 0.5204998778130465],
    [0.699999988079071, 0.6778011855967799],
    [0.8999999761581421, 0.7969082004549685],
    [0.9990000128746033, 0.8422852755615352],
    [1.0, 0.8427007929497149],
    [1.0010000467300415, 0.8431155048372895],
    [1.100000023841858, 0.8802050775963802],
    [1.5, 0.9661051464753108],
    [2.0, 0.9953222650189527],
    [2.5, 0.999593047982555],
    [3.0, 0.9999779095030014],
    [3.5, 0.9999992569016276],
    [3.9000000953674316, 0.9999999652077781],
    [4.0, 0.9999999845827421],
    [5.0, 0.9999999999984626],
  ];
  const GELU: readonly [x: number, y: number][] = [
    [-15.0, -5.5064492989691265e-50],
    [-14.0, -1.091095154686992e-43],
    [-13.5, -1.0555389862638154e-40],
    [-12.0, -2.1317785344932147e-32],
    [-10.0, -7.619853024160526e-23],
    [-6.0, -5.9195258702261885e-9],
    [-3.0, -0.0040496940948902835],
    [-1.5, -0.1002108019032871],
    [-1.0, -0.15865525393145705],
    [-0.5, -0.15426876936299344],
    [-0.009999999776482582, -0.004960106326878326],
    [9.999999682655225e-21, 4.999999841327613e-21],
    [0.30000001192092896, 0.18537343538671314],
    [1.0, 0.8413447460685429],
    [2.0, 1.9544997361036416],
    [4.0, 3.9998733150326675],
    [9.0, 9.0],
  ];

  it('erf is within 1e-13 of values computed with 30 digits, and odd', () => {
    for (const [x, y] of ERF) {
      expect(Math.abs(erf(x) / y - 1), `erf(${x})`).toBeLessThan(1e-13);
      expect(erf(-x)).toBe(-erf(x));
    }
    expect([erf(Infinity), erf(-Infinity), erf(0), erf(NaN)]).toEqual([1, -1, 0, NaN]);
  });

  it('gelu is within 1e-12 of values computed with 30 digits, in the far tail too', () => {
    for (const [x, y] of GELU) expect(Math.abs(gelu(x) / y - 1), `gelu(${x})`).toBeLessThan(1e-12);
  });

  it('scale and take apart by powers of two exactly', () => {
    for (let e = -1022; e <= 1022; e += 7) {
      expect(scaleByPowerOfTwo(1.75, e)).toBe(1.75 * 2 ** e);
      expect(exponentOf(2 ** e)).toBe(e);
      expect(exponentOf(1.999 * 2 ** e)).toBe(e);
    }
  });
});
