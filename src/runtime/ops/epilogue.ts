import { BnnqError } from '../../errors.ts';
import type { Epilogue } from '../../kernels/contract.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import { broadcastShape } from '../broadcast.ts';
import type { Call } from '../call.ts';
import { sameShape, shapeText } from '../shapes.ts';
import { binaryInto } from './elementwise.ts';

/** What follows a convolution or matrix product in one go: v·scale[c] + bias[c] + addend, clamped to [low, high]. */
export interface Tail {
  readonly scale?: Tensor | undefined;
  readonly bias?: Tensor | undefined;
  readonly addend?: Tensor | undefined;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

/** The tail of a node of domain bnnq: inputs 2 scale, 3 bias, 4 addend, attributes low and high (see passes/fused.ts). */
export function tailOf(call: Call): Tail {
  return {
    scale: call.optional(2),
    bias: call.optional(3),
    addend: call.optional(4),
    low: call.hasAttribute('low') ? call.float('low', 0) : undefined,
    high: call.hasAttribute('high') ? call.float('high', 0) : undefined,
  };
}

/** Whether the kernels can apply the whole tail themselves: an addend that broadcasts is added afterwards. */
export function isWholeTail(tail: Tail, shape: readonly number[]): boolean {
  return tail.addend === undefined || sameShape(tail.addend.shape, shape);
}

/** The tail as the kernels take it, with or without addend and clamp. Make it after the last allocation. */
export function epilogueOf(tail: Tail, channels: number, isWhole: boolean): Epilogue {
  return {
    scale: channelData(tail.scale, channels),
    bias: channelData(tail.bias, channels),
    addend: isWhole ? (tail.addend?.data as Float32Array | undefined) : undefined,
    low: isWhole ? tail.low : undefined,
    high: isWhole ? tail.high : undefined,
  };
}

function channelData(tensor: Tensor | undefined, channels: number): Float32Array | undefined {
  if (tensor === undefined) return undefined;
  if (sizeOf(tensor.shape) !== channels)
    throw new BnnqError(
      'mismatch',
      `a value for each of the ${channels} output channels expected, got ${shapeText(tensor.shape)}`,
    );
  return tensor.data as Float32Array;
}

/** Adds an addend of another shape to `y` and clamps: the same steps as in the kernels, one at a time. Releases `y`. */
export function addAndClamp(call: Call, y: Tensor, tail: Tail): Tensor {
  const addend = tail.addend!;
  const sum = call.allocate('FLOAT', broadcastShape(y.shape, addend.shape));
  binaryInto(call, { kernel: 'add', f: (a, b) => a + b }, y, addend, sum);
  call.release(y);
  if (tail.low !== undefined || tail.high !== undefined) {
    const data = sum.data as Float32Array;
    const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = tail;
    call.kernels.unary('clip', data, data, low, high);
  }
  return sum;
}
