import { exponentOf, scaleByPowerOfTwo } from './power-of-two.ts';

/*
 * sin and cos of a float32 argument. x = (n + f)·π/2 with whole n and |f| ≤ ½; then Taylor series in f·π/2.
 *
 * Up to 2^17 the reduction subtracts n·π/2 with π/2 split so that n times the first parts is exact. Beyond, after
 * Payne and Hanek: x = m·2^e with a 24-bit whole m, and 2/π is a string of 24-bit digits d_i, so each product m·d_i is
 * exact (48 bits), whole periods of 4 quarter turns drop out exactly, and only the first products that are left matter.
 * One source for TypeScript and AssemblyScript; there x is a float32 value held in float64.
 */

const TWO_OVER_PI: number = 0.6366197723675814;
const HALF_PI_HIGH: number = 1.570796325802803; // 30 bits
const HALF_PI_MIDDLE: number = 9.920935791635221e-10; // 30 bits
const HALF_PI_LOW: number = 5.170182981794105e-19;
const HALF_PI: number = 1.5707963267948966;

/** Digit i of 2/π in base 2^24. */
function digit(i: number): number {
  if (i === 0) return 10680707;
  if (i === 1) return 7228996;
  if (i === 2) return 1387004;
  if (i === 3) return 2578385;
  if (i === 4) return 16069853;
  if (i === 5) return 12639074;
  if (i === 6) return 9804092;
  if (i === 7) return 4427841;
  if (i === 8) return 16666979;
  return 11263675;
}

/** t modulo 4, exact. */
function modulo4(t: number): number {
  return t - 4 * Math.floor(t * 0.25);
}

function sinTaylor(r: number): number {
  const t = r * r;
  let p: number = -7.647163731819816e-13; // -1/15!
  p = p * t + 1.6059043836821613e-10;
  p = p * t - 2.505210838544172e-8;
  p = p * t + 0.0000027557319223985893;
  p = p * t - 0.0001984126984126984;
  p = p * t + 0.008333333333333333;
  p = p * t - 0.16666666666666666;
  return p * t * r + r;
}

function cosTaylor(r: number): number {
  const t = r * r;
  let p: number = 4.779477332387385e-14; // 1/16!
  p = p * t - 1.1470745597729725e-11;
  p = p * t + 2.08767569878681e-9;
  p = p * t - 2.755731922398589e-7;
  p = p * t + 0.0000248015873015873;
  p = p * t - 0.001388888888888889;
  p = p * t + 0.041666666666666664;
  p = p * t - 0.5;
  return p * t + 1;
}

/** sin(x + quarter·π/2) for a float32 x ≥ 0. */
function sinOfQuarter(x: number, quarter: number): number {
  let n: number = 0;
  let r: number = 0;
  if (x < 131072) {
    n = Math.floor(x * TWO_OVER_PI + 0.5);
    r = x - n * HALF_PI_HIGH - n * HALF_PI_MIDDLE - n * HALF_PI_LOW;
  } else {
    const e: number = exponentOf(x) - 23;
    const m = scaleByPowerOfTwo(x, -e);
    let f: number = 0;
    for (let i: number = 0; i < 10; i++) {
      const shift: number = e - 24 * (i + 1);
      if (shift < -140) break; // below 2^-92
      f += modulo4(scaleByPowerOfTwo(m * digit(i), shift));
      const whole = Math.floor(f + 0.5);
      f -= whole;
      n += whole;
    }
    r = f * HALF_PI;
  }
  const turn = modulo4(n + quarter);
  if (turn === 0) return sinTaylor(r);
  if (turn === 1) return cosTaylor(r);
  if (turn === 2) return -sinTaylor(r);
  return -cosTaylor(r);
}

export function sin(x: number): number {
  if (!(x - x === 0)) return NaN;
  return x < 0 ? -sinOfQuarter(-x, 0) : x === 0 ? x : sinOfQuarter(x, 0);
}

export function cos(x: number): number {
  if (!(x - x === 0)) return NaN;
  return sinOfQuarter(x < 0 ? -x : x, 1);
}
