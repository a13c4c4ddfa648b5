import type { Epilogue } from './contract.ts';

/** max(low, v), then min(high, ·); NaN stays NaN and −0 stays −0 at a bound of 0. */
export function clamp(v: number, low: number, high: number): number {
  // Not Math.max: it would turn −0 into +0 at a bound of 0.
  // biome-ignore lint/complexity/useMathMinMax: see above
  const raised = v < low ? low : v;
  // biome-ignore lint/complexity/useMathMinMax: see above
  return high < raised ? high : raised;
}

/** The finished sum v of channel c, for output element i. */
export function applyEpilogue(v: number, epilogue: Epilogue, c: number, i: number): number {
  let y = v;
  if (epilogue.scale) y = Math.fround(y * epilogue.scale[c]);
  if (epilogue.bias) y = Math.fround(y + epilogue.bias[c]);
  if (epilogue.addend) y = Math.fround(y + epilogue.addend[i]);
  const low = Math.fround(epilogue.low ?? Number.NEGATIVE_INFINITY);
  const high = Math.fround(epilogue.high ?? Number.POSITIVE_INFINITY);
  return clamp(y, low, high);
}
