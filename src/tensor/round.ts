/** The nearest whole number, ties to even; −0 for what a number below 0 rounds to. */
export function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  const rounded = rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
  return rounded === 0 && x < 0 ? -0 : rounded;
}
