/* AssemblyScript's half of power-of-two.ts. */

export function scaleByPowerOfTwo(x: f64, exponent: f64): f64 {
  return x * reinterpret<f64>((<i64>exponent + 1023) << 52);
}

export function exponentOf(x: f64): f64 {
  return <f64>(<i64>(reinterpret<u64>(x) >> 52) - 1023);
}
