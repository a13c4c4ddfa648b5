import type { Tensor } from '../../../tensor/tensor.ts';
import type { Call } from '../../call.ts';
import { type Floats, type Layer, sequenceShape, stateShape } from './layer.ts';
import { type Product, Products } from './products.ts';

/** What a cell is made from: one direction of the layer. */
export interface Direction {
  readonly index: number;
  /** State of the batch, [batch, hidden], the initial one at first; the cell replaces it step by step. */
  readonly states: readonly Floats[];
  /** The product with rows `start` to `end` of R. */
  recurrent(start: number, end: number, bias?: Floats): Product;
  /** A new array of the layer's type. */
  scratch(length: number): Floats;
}

/**
 * One step of a direction: `projected` holds W·x + bias of all steps, [rows, gates·hidden], and rows[b] is the row of
 * sample b, or −1 when its sequence has ended: its state stays.
 */
export type Cell = (projected: Floats, rows: Int32Array) => void;

/** The bias of a direction that is added with W·x. */
export type InputBias = (b: Floats, start: number) => Floats;

/**
 * Runs the cell over the sequences, in every direction; W·x is one product for all steps. A sequence that is shorter than
 * the others has zeros in Y behind its end, and a reverse direction starts at its own last step. A sequence of no steps
 * has zeros everywhere, in Y_h and Y_c, too: the standard does not say, onnxruntime does so.
 * @param initial the initial states, Y_h's first
 * @returns Y and the last states, those that the node names
 */
export function runSequence(
  call: Call,
  layer: Layer,
  gates: number,
  initial: readonly (Tensor | undefined)[],
  biasOf: InputBias,
  makeCell: (direction: Direction) => Cell,
): (Tensor | undefined)[] {
  const { dtype, steps, batch, hidden } = layer;
  const width = gates * hidden;
  const y = call.wants(0) ? call.allocate(dtype, sequenceShape(layer)) : undefined;
  const finals = initial.map((_, k) =>
    call.wants(1 + k) ? call.allocate(dtype, stateShape(layer)) : undefined,
  );
  (y?.data as Floats | undefined)?.fill(0);
  const scratch = (length: number): Floats =>
    dtype === 'FLOAT' ? new Float32Array(length) : new Float64Array(length);
  const b = call.optional(3)?.data as Floats | undefined;
  const bias = Array.from({ length: layer.directions }, (_, d) => b && biasOf(b, d * 2 * width));
  const products = new Products(call);
  try {
    const projected = scratch(steps * batch * width);
    const rows = new Int32Array(batch);
    for (let d = 0; d < layer.directions; d++) {
      const states = initial.map((tensor) => {
        const state = scratch(batch * hidden);
        if (tensor !== undefined) copyStates(layer, d, tensor.data as Floats, state, false);
        return state;
      });
      const project = products.of(call.input(1), d, 0, width, bias[d]);
      project(call.input(0).data as Floats, projected, steps * batch);
      const cell = makeCell({
        index: d,
        states,
        scratch,
        recurrent: (start, end, added) => products.of(call.input(2), d, start, end, added),
      });
      for (let i = 0; i < steps; i++) {
        const t = layer.reversed[d] === true ? steps - 1 - i : i;
        for (let n = 0; n < batch; n++)
          rows[n] = t >= layer.lengths[n]! ? -1 : layer.batchFirst ? n * steps + t : t * batch + n;
        cell(projected, rows);
        if (y !== undefined) copyStep(layer, d, t, rows, states[0]!, y.data as Floats);
      }
      finals.forEach((tensor, k) => {
        layer.lengths.forEach((length, n) => {
          if (length === 0) states[k]!.fill(0, n * hidden, (n + 1) * hidden);
        });
        if (tensor !== undefined) copyStates(layer, d, tensor.data as Floats, states[k]!, true);
      });
    }
  } finally {
    products.dispose();
  }
  return [y, ...finals];
}

/** Between the state of one direction, [batch, hidden], and a tensor of all of them. */
function copyStates(layer: Layer, d: number, all: Floats, state: Floats, isOut: boolean): void {
  const { batch, hidden, directions } = layer;
  for (let n = 0; n < batch; n++) {
    const at = (layer.batchFirst ? n * directions + d : d * batch + n) * hidden;
    for (let i = 0; i < hidden; i++)
      if (isOut) all[at + i] = state[n * hidden + i]!;
      else state[n * hidden + i] = all[at + i]!;
  }
}

/** The new hidden state into Y, for the sequences that have not ended. */
function copyStep(layer: Layer, d: number, t: number, rows: Int32Array, h: Floats, y: Floats): void {
  const { steps, batch, hidden, directions } = layer;
  for (let n = 0; n < batch; n++) {
    if (rows[n]! < 0) continue;
    const row = layer.batchFirst ? (n * steps + t) * directions + d : (t * directions + d) * batch + n;
    for (let i = 0; i < hidden; i++) y[row * hidden + i] = h[n * hidden + i]!;
  }
}

/** The biases of W and R of all the gates, added up. */
export function sumOfBiases(layer: Layer, gates: number): InputBias {
  const width = gates * layer.hidden;
  return (b, start) => b.slice(start, start + width).map((value, i) => value + b[start + width + i]!);
}

/** x within [−clip, clip]; NaN stays. */
export function clipped(x: number, clip: number): number {
  return Math.max(-clip, Math.min(clip, x));
}
