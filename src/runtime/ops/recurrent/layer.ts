import { BnnqError } from '../../../errors.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import type { Call } from '../../call.ts';
import { numbersOf, sameShape, shapeText } from '../../shapes.ts';

/** Elements of the type that the layer computes in. */
export type Floats = Float32Array | Float64Array;

/** Geometry of an RNN, GRU or LSTM node. */
export interface Layer {
  readonly dtype: 'FLOAT' | 'DOUBLE';
  readonly steps: number;
  readonly batch: number;
  readonly inputs: number;
  readonly hidden: number;
  readonly directions: number;
  /** Whether a direction runs from the last step to the first. */
  readonly reversed: readonly boolean[];
  /** Layout 1: the batch is the first axis of X, Y and the states. */
  readonly batchFirst: boolean;
  /** Number of steps of every sequence of the batch. */
  readonly lengths: readonly number[];
  /** Bound of the gates before their activation; Infinity for none. */
  readonly clip: number;
}

/** Whether each direction of the layer is a reverse one. */
const DIRECTIONS: Readonly<Record<string, readonly boolean[]>> = {
  forward: [false],
  reverse: [true],
  bidirectional: [false, true],
};

/**
 * Reads what RNN, GRU and LSTM have in common: X, W, R, B, sequence_lens and initial_h are inputs 0 to 5.
 * @throws mismatch, all wrong shapes at once
 */
export function layerOf(call: Call, gates: number): Layer {
  const x = call.input(0);
  const w = call.input(1);
  const r = call.input(2);
  const { dtype } = x;
  if (dtype !== 'FLOAT' && dtype !== 'DOUBLE')
    throw new BnnqError('unsupported', `${call.node.opType} of type ${dtype}`);
  const direction = call.text('direction', 'forward').toLowerCase();
  const reversed = Object.hasOwn(DIRECTIONS, direction) ? DIRECTIONS[direction] : undefined;
  if (reversed === undefined)
    throw new BnnqError(
      'malformed',
      `attribute "direction" is "${direction}", expected forward, reverse or bidirectional`,
    );
  const directions = reversed.length;
  const batchFirst = call.int('layout', 0) !== 0;
  if (x.shape.length !== 3 || r.shape.length !== 3)
    throw new BnnqError(
      'mismatch',
      `expected X and R of three axes, got ${shapeText(x.shape)} and ${shapeText(r.shape)}`,
    );
  const [steps, batch] = (batchFirst ? [x.shape[1], x.shape[0]] : x.shape) as [number, number];
  const inputs = x.shape[2]!;
  const hidden = r.shape[2]!;
  const clip = call.float('clip', 0);
  const layer = { dtype, steps, batch, inputs, hidden, directions, reversed, batchFirst } as const;
  expectShapes(layer, {
    W: [w, [directions, gates * hidden, inputs]],
    R: [r, [directions, gates * hidden, hidden]],
    B: [call.optional(3), [directions, 2 * gates * hidden]],
    sequence_lens: [call.optional(4), [batch]],
    initial_h: [call.optional(5), stateShape(layer)],
  });
  const given = call.int('hidden_size', hidden);
  if (given !== hidden)
    throw new BnnqError('mismatch', `attribute "hidden_size" is ${given}, R has ${hidden} columns`);
  return {
    ...layer,
    lengths: lengthsOf(call.optional(4), steps, batch),
    clip: clip > 0 ? clip : Number.POSITIVE_INFINITY,
  };
}

/** Shape of initial states and of Y_h and Y_c. */
export function stateShape(
  layer: Pick<Layer, 'batch' | 'hidden' | 'directions' | 'batchFirst'>,
): readonly number[] {
  const { batch, hidden, directions } = layer;
  return layer.batchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
}

/** Shape of Y. */
export function sequenceShape(layer: Layer): readonly number[] {
  const { steps, batch, hidden, directions } = layer;
  return layer.batchFirst ? [batch, steps, directions, hidden] : [steps, directions, batch, hidden];
}

/** Throws for operands of other shapes, or of another type than the layer's. */
export function expectShapes(
  layer: Pick<Layer, 'dtype'>,
  operands: Readonly<Record<string, readonly [operand: Tensor | undefined, shape: readonly number[]]>>,
): void {
  const problems: string[] = [];
  for (const [name, [tensor, shape]] of Object.entries(operands)) {
    if (tensor === undefined) continue;
    if (!sameShape(tensor.shape, shape))
      problems.push(`${name} has shape ${shapeText(tensor.shape)}, expected ${shapeText(shape)}`);
    if (name !== 'sequence_lens' && tensor.dtype !== layer.dtype)
      problems.push(`${name} is of type ${tensor.dtype}, X of type ${layer.dtype}`);
  }
  if (problems.length > 0) throw new BnnqError('mismatch', problems.join('; '));
}

function lengthsOf(tensor: Tensor | undefined, steps: number, batch: number): readonly number[] {
  if (tensor === undefined) return new Array<number>(batch).fill(steps);
  const lengths = numbersOf(tensor);
  const wrong = lengths.find((length) => !(length >= 0 && length <= steps));
  if (wrong !== undefined)
    throw new BnnqError('mismatch', `sequence_lens has ${wrong}, X has ${steps} steps`);
  return lengths;
}
