/** The definition of y [m, n] = a [m, k] · b [k, n], k ascending in float32. */
export function matmulReference(
  a: Float32Array,
  b: Float32Array,
  y: Float32Array,
  m: number,
  k: number,
  n: number,
): void {
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < n; column++) {
      let sum = 0;
      for (let i = 0; i < k; i++) sum = Math.fround(sum + Math.fround(a[row * k + i] * b[i * n + column]));
      y[row * n + column] = sum;
    }
  }
}
