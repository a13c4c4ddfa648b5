import { checkMatrix } from '../check.ts';

/** The definition of `subtractProduct`. */
export function subtractProductReference(
  c: Float64Array,
  a: Float64Array,
  b: Float64Array,
  m: number,
  n: number,
  p: number,
): void {
  checkProduct(c, a, b, m, n, p);
  for (let i = 0; i < m; i++) {
    for (let k = 0; k < n; k++) {
      for (let j = 0; j < p; j++) c[i * p + j] -= a[i * n + k] * b[k * p + j];
    }
  }
}

/** Throws RangeError unless the matrices fit together. */
export function checkProduct(
  c: Float64Array,
  a: Float64Array,
  b: Float64Array,
  m: number,
  n: number,
  p: number,
): void {
  checkMatrix('c', c, m, p);
  checkMatrix('a', a, m, n);
  checkMatrix('b', b, n, p);
}
