import { BnnqError } from '../../../errors.ts';
import type { Call } from '../../call.ts';
import { numbersOf, shapeText } from '../../shapes.ts';
import type { Floats } from './heads.ts';

/** What is attended: sizes, and the places of the queries among the keys. */
export interface Extent {
  readonly batch: number;
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  /** Length of the cache before the keys that were given. */
  readonly past: number;
}

/** Fills the bias of a head, [queries, keys]; returns which queries may attend to no key at all. */
export type Bias = (batch: number, head: number, to: Floats) => readonly boolean[];

const NONE = Number.NEGATIVE_INFINITY;

/**
 * What is added to the scores: the mask, and −∞ for keys that is_causal, a window or nonpad_kv_seqlen leave out; undefined
 * when nothing is. Query i stands at offset + i: the offset is the length of the cache, or nonpad_kv_seqlen − queries.
 * Source: onnx.ai/onnx/operators, Attention, versions 23 to 25.
 */
export function biasOf(call: Call, extent: Extent): Bias | undefined {
  const { batch, queries, keys, past } = extent;
  const mask = maskOf(call, extent);
  const valid = validKeys(call, extent);
  const isCausal = call.int('is_causal', 0) !== 0;
  const left = windowSize(call, 'left_window_size');
  const right = Math.min(windowSize(call, 'right_window_size'), isCausal ? 0 : Number.POSITIVE_INFINITY);
  const isBounded = left < Number.POSITIVE_INFINITY || right < Number.POSITIVE_INFINITY;
  if (mask === undefined && valid === undefined && !isBounded) return undefined;
  const offsets = Array.from({ length: batch }, (_, b) => (valid === undefined ? past : valid[b]! - queries));
  return (b, h, to) => {
    const masked = mask?.();
    const count = valid?.[b] ?? keys;
    const isEmpty: boolean[] = [];
    for (let i = 0, at = 0; i < queries; i++) {
      const place = offsets[b]! + i;
      let empty = true;
      for (let j = 0; j < keys; j++, at++) {
        const allowed = j < count && (!isBounded || (j >= place - left && j <= place + right));
        const value = masked === undefined ? 0 : masked(b, h, i, j);
        to[at] = allowed ? value : value + NONE;
        if (to[at] !== NONE) empty = false;
      }
      isEmpty.push(empty);
    }
    return isEmpty;
  };
}

function windowSize(call: Call, name: string): number {
  const size = call.int(name, -1);
  if (size < -1)
    throw new BnnqError('malformed', `attribute "${name}" is ${size}, expected −1 or a number of places`);
  return size === -1 ? Number.POSITIVE_INFINITY : size;
}

/** nonpad_kv_seqlen: how many keys of every sample are real. */
function validKeys(call: Call, { batch, keys }: Extent): readonly number[] | undefined {
  const tensor = call.optional(6);
  if (tensor === undefined) return undefined;
  if (call.optional(4) !== undefined || call.optional(5) !== undefined)
    throw new BnnqError('mismatch', 'nonpad_kv_seqlen is given together with past_key or past_value');
  if (tensor.data.length !== batch)
    throw new BnnqError(
      'mismatch',
      `nonpad_kv_seqlen has ${tensor.data.length} elements, the batch has ${batch} samples`,
    );
  const counts = numbersOf(tensor);
  const wrong = counts.find((count) => !(count >= 0 && count <= keys));
  if (wrong !== undefined)
    throw new BnnqError('mismatch', `nonpad_kv_seqlen has ${wrong}, there are ${keys} keys`);
  return counts;
}

/**
 * The bias that attn_mask stands for: false is −∞, numbers are added. From version 24 on a last axis that is shorter than
 * the keys goes on with −∞, be it of one element; in version 23 it broadcasts like the others. What is returned looks at the
 * elements anew, as memory may have grown.
 */
function maskOf(
  call: Call,
  extent: Extent,
): (() => (b: number, h: number, i: number, j: number) => number) | undefined {
  const mask = call.optional(3);
  if (mask === undefined) return undefined;
  const { shape, dtype } = mask;
  if (dtype !== 'BOOL' && dtype !== 'FLOAT' && dtype !== 'DOUBLE')
    throw new BnnqError('unsupported', `an attn_mask of type ${dtype}`);
  const { batch, heads, queries, keys } = extent;
  const pads = call.opset >= 24;
  const columns = shape.at(-1) ?? 0;
  const wanted = [batch, heads, queries, pads ? Math.min(columns, keys) : keys];
  const strides = [0, 0, 0, 0];
  let stride = 1;
  for (let axis = shape.length - 1, at = 3; axis >= 0; axis--, at--) {
    if (at < 0 || (shape[axis] !== wanted[at] && shape[axis] !== 1) || (pads && at === 3 && columns > keys))
      throw new BnnqError(
        'mismatch',
        `attn_mask has shape ${shapeText(shape)}, the scores ${shapeText([batch, heads, queries, keys])}`,
      );
    if (shape[axis] !== 1) strides[at] = stride;
    stride *= shape[axis]!;
  }
  if (shape.length === 0) throw new BnnqError('mismatch', 'attn_mask is a scalar');
  const end = pads ? columns : keys;
  const [sb, sh, si, sj] = strides as [number, number, number, number];
  return () => {
    const data = mask.data as Float32Array;
    return (b, h, i, j) => {
      if (j >= end) return NONE;
      const value = data[b * sb + h * sh + i * si + j * sj]!;
      return dtype === 'BOOL' ? (value === 0 ? NONE : 0) : value;
    };
  };
}
