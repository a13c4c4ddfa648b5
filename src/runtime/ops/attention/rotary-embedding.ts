import { BnnqError } from '../../../errors.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import type { Operator } from '../../call.ts';
import { numbersOf, shapeText } from '../../shapes.ts';
import { type Floats, headsOf, startOf } from './heads.ts';

/**
 * Rotates pairs of the first rotary_embedding_dim elements of every head by the angle of their place: the pair is
 * (i, i + dim/2), or (2i, 2i + 1) if interleaved. Cosines and sines lie in caches, by position_ids or by sample and
 * place. Source: onnx.ai/onnx/operators, RotaryEmbedding.
 */
export const rotaryEmbedding: Operator = (call) => {
  const x = headsOf(call.input(0), 'X', call.int('num_heads', 0), 'num_heads');
  const rotated = call.int('rotary_embedding_dim', 0) || x.size;
  const half = rotated / 2;
  if (!Number.isInteger(half) || rotated < 0 || rotated > x.size)
    throw new BnnqError('mismatch', `${rotated} elements of a head of ${x.size} cannot be rotated in pairs`);
  const [cos, sin] = [call.input(1), call.input(2)];
  const isInterleaved = call.int('interleaved', 0) !== 0;
  const rows = cacheRows(cos, sin, call.optional(3), x.batch, x.length, half);
  const y = call.allocate(x.tensor.dtype, x.tensor.shape);
  const from = x.tensor.data as Floats;
  const to = y.data as Floats;
  to.set(from);
  const [c, s] = [cos.data as Floats, sin.data as Floats];
  for (let b = 0; b < x.batch; b++)
    for (let i = 0; i < x.length; i++) {
      const row = rows[b * x.length + i]! * half;
      for (let h = 0; h < x.heads; h++) {
        const start = startOf(x, b, h, i);
        for (let d = 0; d < half; d++) {
          const p = start + (isInterleaved ? 2 * d : d);
          const q = isInterleaved ? p + 1 : p + half;
          to[p] = c[row + d]! * from[p]! - s[row + d]! * from[q]!;
          to[q] = s[row + d]! * from[p]! + c[row + d]! * from[q]!;
        }
      }
    }
  return y;
};

/** The row of the caches, [rows, half], of every sample and place. @throws mismatch */
function cacheRows(
  cos: Tensor,
  sin: Tensor,
  positions: Tensor | undefined,
  batch: number,
  length: number,
  half: number,
): readonly number[] {
  const wanted = positions === undefined ? [batch, length, half] : [cos.shape[0]!, half];
  for (const { shape } of [cos, sin])
    if (shape.length !== wanted.length || shape.some((dim, axis) => dim !== wanted[axis]))
      throw new BnnqError('mismatch', `a cache has shape ${shapeText(shape)}, expected ${shapeText(wanted)}`);
  if (positions === undefined) return Array.from({ length: batch * length }, (_, i) => i);
  if (positions.data.length !== batch * length)
    throw new BnnqError(
      'mismatch',
      `position_ids has shape ${shapeText(positions.shape)}, expected ${shapeText([batch, length])}`,
    );
  const rows = numbersOf(positions);
  const wrong = rows.find((row) => !(row >= 0 && row < wanted[0]!));
  if (wrong !== undefined)
    throw new BnnqError('mismatch', `position_ids has ${wrong}, the caches have ${wanted[0]} rows`);
  return rows;
}
