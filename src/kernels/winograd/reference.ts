import type { Conv2dShape, Epilogue } from '../contract.ts';
import { applyEpilogue } from '../epilogue.ts';
import type { HeapRows } from '../rows.ts';

/*
 * The definition of a 3 × 3 convolution of stride 1 with many channels: F(2×2, 3×3) of Winograd's algorithms (Lavin and
 * Gray, arXiv 1509.09308, section 4.1), 16 products where a sum over the taps has 36. For every tile of 2 × 2 outputs
 *
 *     Y = Aᵀ [Σ_c (G g Gᵀ) ⊙ (Bᵀ d B)] A
 *
 *           1  0 −1  0         1  0  0
 *      Bᵀ = 0  1  1  0     G = ½  ½  ½    Aᵀ = 1  1  1  0
 *           0 −1  1  0         ½ −½  ½         0  1 −1 −1
 *           0  1  0 −1         0  0  1
 *
 * with d the 4 × 4 inputs of channel c under it, g the weights. Each operation below is rounded to float32; the matrix on
 * the left is applied first, to whole columns, then the one on the right. The sum takes its products from +0 in ascending c,
 * as every dot product does. Halves and sums of whole numbers below 2²² are exact: such layers keep the bits of a direct sum.
 */

const { fround } = Math;
const PLACES = 16;

/** v0 … v3 at `at`, `at + step` … become Bᵀ v. */
function transformFour(v: Float32Array, at: number, step: number): void {
  const [v0, v1, v2, v3] = [v[at], v[at + step], v[at + 2 * step], v[at + 3 * step]];
  v[at] = v0 - v2;
  v[at + step] = v1 + v2;
  v[at + 2 * step] = v2 - v1;
  v[at + 3 * step] = v1 - v3;
}

/** G g of three values. Assigning to a Float32Array rounds, and halving is exact but for the smallest numbers. */
function transformThree(
  g0: number,
  g1: number,
  g2: number,
  out: Float32Array,
  at: number,
  step: number,
): void {
  const ends = fround(g0 + g2);
  out[at] = g0;
  out[at + step] = fround(ends + g1) * 0.5;
  out[at + 2 * step] = fround(ends - g1) * 0.5;
  out[at + 3 * step] = g2;
}

/** Both of Aᵀ m: the output on the left (or above) and the one beside it. */
function firstOfTwo(m0: number, m1: number, m2: number): number {
  return fround(fround(m0 + m1) + m2);
}
function secondOfTwo(m1: number, m2: number, m3: number): number {
  return fround(fround(m1 - m2) - m3);
}

/** U = G g Gᵀ of a row of weights [channels, 3, 3], as [channels][16]. */
function transformWeights(row: Float32Array, channels: number, u: Float32Array): void {
  const columns = new Float32Array(12);
  for (let c = 0; c < channels; c++) {
    const g = row.subarray(9 * c, 9 * c + 9);
    for (let j = 0; j < 3; j++) transformThree(g[j], g[3 + j], g[6 + j], columns, j, 3);
    for (let i = 0; i < 4; i++) {
      const [t0, t1, t2] = columns.subarray(3 * i, 3 * i + 3);
      transformThree(t0, t1, t2, u, PLACES * c + 4 * i, 1);
    }
  }
}

/** Convolution of a shape that `isWinograd` says to be one of this definition. Tiles start at output (0, 0). */
export function winogradReference(
  x: Float32Array,
  weights: HeapRows,
  y: Float32Array,
  shape: Conv2dShape,
  epilogue: Epilogue,
): void {
  const { batch, inChannels, inHeight, inWidth, outChannels, outHeight, outWidth, padTop, padLeft } = shape;
  const scratch = new Float32Array(weights.columns);
  const u = Array.from({ length: outChannels }, (_, c) => {
    const transformed = new Float32Array(inChannels * PLACES);
    transformWeights(weights.row(c, scratch), inChannels, transformed);
    return transformed;
  });
  const v = new Float32Array(inChannels * PLACES);
  const m = new Float32Array(PLACES);
  const lines = new Float32Array(8);

  for (let n = 0; n < batch; n++) {
    for (let oy = 0; oy < outHeight; oy += 2) {
      for (let ox = 0; ox < outWidth; ox += 2) {
        for (let c = 0; c < inChannels; c++) {
          const plane = (n * inChannels + c) * inHeight;
          for (let i = 0; i < PLACES; i++) {
            const iy = oy - padTop + (i >> 2);
            const ix = ox - padLeft + (i & 3);
            const isInside = iy >= 0 && iy < inHeight && ix >= 0 && ix < inWidth;
            v[PLACES * c + i] = isInside ? x[(plane + iy) * inWidth + ix] : 0;
          }
          for (let j = 0; j < 4; j++) transformFour(v, PLACES * c + j, 4);
          for (let i = 0; i < 4; i++) transformFour(v, PLACES * c + 4 * i, 1);
        }
        for (let k = 0; k < outChannels; k++) {
          m.fill(0);
          for (let c = 0; c < inChannels; c++) {
            for (let i = 0; i < PLACES; i++) m[i] += fround(u[k][PLACES * c + i] * v[PLACES * c + i]);
          }
          for (let j = 0; j < 4; j++) {
            lines[j] = firstOfTwo(m[j], m[4 + j], m[8 + j]);
            lines[4 + j] = secondOfTwo(m[4 + j], m[8 + j], m[12 + j]);
          }
          for (let i = 0; i < 2 && oy + i < outHeight; i++) {
            const [l0, l1, l2, l3] = lines.subarray(4 * i, 4 * i + 4);
            const at = ((n * outChannels + k) * outHeight + oy + i) * outWidth + ox;
            y[at] = applyEpilogue(firstOfTwo(l0, l1, l2), epilogue, k, at);
            if (ox + 1 < outWidth) y[at + 1] = applyEpilogue(secondOfTwo(l1, l2, l3), epilogue, k, at + 1);
          }
        }
      }
    }
  }
}
