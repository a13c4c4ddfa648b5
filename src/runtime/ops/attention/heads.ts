import { BnnqError } from '../../../errors.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import type { Call } from '../../call.ts';
import { shapeText } from '../../shapes.ts';

/** Elements of the types that attention is computed in. */
export type Floats = Float32Array | Float64Array;

/** The heads of a tensor [batch, heads, length, size], or of one packed as [batch, length, heads·size]. */
export interface Heads {
  readonly tensor: Tensor;
  readonly isPacked: boolean;
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
  /** Elements of one head at one place. */
  readonly size: number;
}

/**
 * @param count attribute that gives the number of heads, 0 where it is not set: needed for a packed tensor, for the other
 * it must agree
 * @throws mismatch
 */
export function headsOf(tensor: Tensor, name: string, count: number, attribute: string): Heads {
  const { shape } = tensor;
  if (shape.length === 4) {
    const [batch, heads, length, size] = shape as [number, number, number, number];
    if (count !== 0 && count !== heads)
      throw new BnnqError('mismatch', `attribute "${attribute}" is ${count}, ${name} has ${heads} heads`);
    return { tensor, isPacked: false, batch, heads, length, size };
  }
  if (shape.length !== 3)
    throw new BnnqError('mismatch', `expected ${name} of three or four axes, got ${shapeText(shape)}`);
  const [batch, length, width] = shape as [number, number, number];
  if (!(count > 0) || width % count !== 0)
    throw new BnnqError(
      'mismatch',
      `attribute "${attribute}" is ${count}, the last axis of ${name} ${shapeText(shape)} does not make so many heads`,
    );
  return { tensor, isPacked: true, batch, heads: count, length, size: width / count };
}

/** Throws mismatch unless heads of Q can be multiplied by those of K, which several of them may share, and these weigh those of V. */
export function expectHeadsFit(q: Heads, k: Heads, v: Heads): void {
  const fits =
    q.isPacked === k.isPacked &&
    k.isPacked === v.isPacked &&
    k.batch === q.batch &&
    v.batch === q.batch &&
    k.size === q.size &&
    v.length === k.length &&
    v.heads === k.heads &&
    q.heads % Math.max(k.heads, 1) === 0;
  if (!fits)
    throw new BnnqError(
      'mismatch',
      `Q ${shapeText(q.tensor.shape)} in ${q.heads} heads, K ${shapeText(k.tensor.shape)} and V ${shapeText(v.tensor.shape)} in ${k.heads} and ${v.heads} heads do not fit`,
    );
}

/** √scale in the type of Q; the scale is 1/√size where the node gives none. @throws unsupported for a negative one */
export function rootOfScale(call: Call, { size, tensor }: Heads): number {
  const scale = call.hasAttribute('scale') ? call.float('scale', 0) : 1 / Math.sqrt(size);
  if (scale < 0) throw new BnnqError('unsupported', `a negative scale ${scale}`);
  return tensor.dtype === 'DOUBLE' ? Math.sqrt(scale) : Math.fround(Math.sqrt(scale));
}

/** Where the elements of a head at a place begin. */
export function startOf(of: Omit<Heads, 'tensor'>, batch: number, head: number, place: number): number {
  const { heads, length, size } = of;
  const row = of.isPacked ? (batch * length + place) * heads + head : (batch * heads + head) * length + place;
  return row * size;
}

/** [batch, heads, past + length, size]: the past of a cache, if there is one, and the tensor behind it. */
export function joined(call: Call, past: Tensor | undefined, added: Heads, name: string): Tensor {
  const { batch, heads, length, size } = added;
  const before = past?.shape[2] ?? 0;
  if (past !== undefined) {
    const wanted = [batch, heads, before, size];
    if (past.shape.length !== 4 || past.shape.some((dim, i) => dim !== wanted[i]))
      throw new BnnqError(
        'mismatch',
        `${name} has shape ${shapeText(past.shape)}, expected ${shapeText([batch, heads, '?', size])}`,
      );
  }
  const total = before + length;
  const whole = call.allocate(added.tensor.dtype, [batch, heads, total, size]);
  const to = whole.data as Floats;
  const from = added.tensor.data as Floats;
  const old = past?.data as Floats | undefined;
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++) {
      const at = (b * heads + h) * total * size;
      const first = (b * heads + h) * before * size;
      if (old !== undefined) to.set(old.subarray(first, first + before * size), at);
      for (let i = 0; i < length; i++) {
        const start = startOf(added, b, h, i);
        to.set(from.subarray(start, start + size), at + (before + i) * size);
      }
    }
  return whole;
}

/** The queries of `group` heads from `first` on, [group·length, size], times √scale. */
export function gatherQueries(
  q: Heads,
  b: number,
  first: number,
  group: number,
  root: number,
  to: Floats,
): void {
  const from = q.tensor.data as Floats;
  for (let g = 0, at = 0; g < group; g++)
    for (let i = 0; i < q.length; i++) {
      const start = startOf(q, b, first + g, i);
      for (let d = 0; d < q.size; d++) to[at++] = from[start + d]! * root;
    }
}

/** [size, count] of the [count, size] that begin at `start`, times √scale. */
export function transposeScaled(keys: Tensor, start: number, root: number, to: Floats): void {
  const from = keys.data as Floats;
  const [, , count, size] = keys.shape as [number, number, number, number];
  for (let j = 0, at = start; j < count; j++)
    for (let d = 0; d < size; d++) to[d * count + j] = from[at++]! * root;
}

/** Results of a group of heads, [group·length, width], to their places in Y. */
export function scatterRows(
  from: Floats,
  y: Floats,
  q: Heads,
  b: number,
  first: number,
  group: number,
  width: number,
): void {
  const place = { ...q, size: width };
  for (let g = 0, at = 0; g < group; g++)
    for (let i = 0; i < q.length; i++, at += width)
      y.set(from.subarray(at, at + width), startOf(place, b, first + g, i));
}
