import type { Gram } from '../contract.ts';
import { checkAdded } from './check.ts';

/**
 * Columns whose products are summed in float32 before the sum is added in float64. Measured: as fast as 256, and half the
 * error (2e-7 of Σ |a · b| in the worst of sums of one sign).
 */
const CHUNK = 128;

/** The definition of `Gram`. */
export class ReferenceGram implements Gram {
  readonly rowsA: number;
  readonly rowsB: number;
  readonly isSymmetric: boolean;
  readonly #sums: Float64Array;

  constructor(rowsA: number, rowsB?: number) {
    this.rowsA = rowsA;
    this.rowsB = rowsB ?? rowsA;
    this.isSymmetric = rowsB === undefined;
    this.#sums = new Float64Array(this.rowsA * this.rowsB);
  }

  add(a: Float32Array, length: number, b?: Float32Array): void {
    checkAdded(this, a, length, b);
    const other = b ?? a;
    for (let i = 0; i < this.rowsA; i++) {
      for (let j = 0; j < this.rowsB; j++) {
        for (let from = 0; from < length; from += CHUNK) {
          const to = Math.min(from + CHUNK, length);
          let sum = 0;
          for (let n = from; n < to; n++) {
            sum = Math.fround(sum + Math.fround(a[i * length + n] * other[j * length + n]));
          }
          this.#sums[i * this.rowsB + j] += sum;
        }
      }
    }
  }

  result(): Float64Array {
    return this.#sums.slice();
  }

  dispose(): void {}
}
