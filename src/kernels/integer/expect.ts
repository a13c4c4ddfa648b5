/** What the integer kernels are handed must be as long as its shape says: they do not look again. */
export function expectLength(what: string, length: number, wanted: number): void {
  if (length !== wanted) throw new RangeError(`kernels: ${what} has ${length} elements, expected ${wanted}`);
}

/** Throws RangeError unless `value` is a whole number from `low` to `high`. */
export function expectWhole(what: string, value: number, low: number, high: number): void {
  if (!(Number.isInteger(value) && value >= low && value <= high))
    throw new RangeError(`kernels: ${what}: expected a whole number from ${low} to ${high}, got ${value}`);
}
