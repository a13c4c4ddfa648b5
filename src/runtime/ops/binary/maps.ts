import { type ChannelMove, mapBytes, SIGN_COMBINATIONS } from '../../../kernels/binary/contract.ts';
import { sizeOf, type Tensor } from '../../../tensor/tensor.ts';
import type { Call, Operator } from '../../call.ts';
import { floatsOf, isMap } from './signs.ts';

/*
 * What works on maps alone. Where a 0 had no sign, so that an operand comes as floats [N, C, H, W], the others are made floats, too, and
 * the result is what the operators that these were made of give.
 */

/** bnnq.SignCombine: product, larger or smaller of two signs; of floats what the attribute `table` says of +1, −1 and 0. */
export const signCombine: Operator = (call) => {
  const how = SIGN_COMBINATIONS.find((name) => name === call.text('how', 'xor'))!;
  const [a, b] = [call.input(0), call.input(1)];
  if (isMap(a) && isMap(b)) {
    const y = call.inPlace(0);
    call.kernels.combineSigns(how, a.data as Uint8Array, b.data as Uint8Array, y.data as Uint8Array);
    return y;
  }
  return onFloats(call, [call.int('channels', 0)], ([p, q]) => {
    const y = call.allocate('FLOAT', p!.shape);
    const table = call.ints('table') ?? [];
    const [from, other, to] = [p!.data as Float32Array, q!.data as Float32Array, y.data as Float32Array];
    for (let i = 0; i < to.length; i++)
      to[i] = table[digitOf(from[i]!) + 3 * digitOf(other[i]!)] ?? Number.NaN;
    return y;
  });
};

/** The place of a value in a table; of a NaN none. */
function digitOf(value: number): number {
  return value > 0 ? 0 : value < 0 ? 1 : value === 0 ? 2 : Number.NaN;
}

/** bnnq.SignMove: channels of maps, put together anew. */
export const signMove: Operator = (call) => {
  const channels = call.ints('channels') ?? [];
  const { runs, outChannels } = runsOf(call, channels.length);
  if (call.inputs.every((_, i) => isMap(call.input(i)))) {
    const [batch = 0, height = 0, width = 0] = call.input(0).shape;
    const y = call.allocate('UINT8', [batch, height, width, mapBytes(outChannels)]);
    const parts = channels.map(
      (count, i): ChannelMove => ({
        map: call.input(i).data as Uint8Array,
        channels: count,
        runs: runs[i]!,
      }),
    );
    call.kernels.moveChannels(parts, y.data as Uint8Array, batch * height * width, outChannels);
    return y;
  }
  return onFloats(call, channels, (inputs) => {
    const [batch = 0, , ...rest] = inputs[0]!.shape;
    const positions = sizeOf(rest);
    const y = call.allocate('FLOAT', [batch, outChannels, ...rest]);
    const to = y.data as Float32Array;
    inputs.forEach((input, i) => {
      const from = input.data as Float32Array;
      for (let n = 0; n < batch; n++)
        for (let run = 0; run < runs[i]!.length; run += 3) {
          const [first, put, length] = runs[i]!.subarray(run, run + 3) as unknown as [number, number, number];
          const start = (n * channels[i]! + first) * positions;
          to.set(from.subarray(start, start + length * positions), (n * outChannels + put) * positions);
        }
    });
    return y;
  });
};

/** The runs of each input, as the kernel takes them, from [input, first channel, length] in the order of the output. */
function runsOf(call: Call, inputs: number): { runs: Int32Array[]; outChannels: number } {
  const flat = call.ints('runs') ?? [];
  const runs = Array.from({ length: inputs }, (): number[] => []);
  let to = 0;
  for (let i = 0; i < flat.length; i += 3) {
    runs[flat[i]!]!.push(flat[i + 1]!, to, flat[i + 2]!);
    to += flat[i + 2]!;
  }
  return { runs: runs.map((own) => Int32Array.from(own)), outChannels: to };
}

/** bnnq.SignFloats: signs as floats in the shape [N, dims…] or [N, dims…, H, W]. */
export const signFloats: Operator = (call) => {
  const x = call.input(0);
  const dims = call.ints('dims') ?? [];
  const floats = floatsOf(call, x, sizeOf(dims));
  const [batch = 0, , ...space] = floats.shape;
  const y = call.view(floats, [batch, ...dims, ...(call.int('space', 1) === 1 ? space : [])]);
  call.release(floats);
  return y;
};

/** bnnq.SignPad: pixels around an image, those of its edge or +1. */
export const signPad: Operator = (call) => {
  const x = call.input(0);
  const [top = 0, left = 0, bottom = 0, right = 0] = call.ints('pads') ?? [];
  const isEdge = call.int('edge', 0) === 1;
  const [batch = 0, inHeight = 0, inWidth = 0, bytes = 0] = isMap(x)
    ? x.shape
    : [x.shape[0], x.shape[2], x.shape[3]];
  const [outHeight, outWidth] = [inHeight + top + bottom, inWidth + left + right];
  const shape = { batch, inHeight, inWidth, outHeight, outWidth, padTop: top, padLeft: left };
  if (isMap(x)) {
    const y = call.allocate('UINT8', [batch, outHeight, outWidth, bytes]);
    call.kernels.padSigns(x.data as Uint8Array, y.data as Uint8Array, bytes, shape, isEdge);
    return y;
  }
  const y = call.allocate('FLOAT', [batch, x.shape[1]!, outHeight, outWidth]);
  const [from, to] = [x.data as Float32Array, y.data as Float32Array];
  const nearest = (at: number, length: number): number => Math.min(Math.max(at, 0), length - 1);
  for (let i = 0; i < to.length; i++) {
    const [ox, oy] = [i % outWidth, Math.floor(i / outWidth) % outHeight];
    const [h, w] = [nearest(oy - top, inHeight), nearest(ox - left, inWidth)];
    const plane = Math.floor(i / (outWidth * outHeight));
    const isInside = h === oy - top && w === ox - left;
    to[i] = isInside || isEdge ? from[(plane * inHeight + h) * inWidth + w]! : 1;
  }
  return y;
};

/** All inputs as floats, for a moment. @param channels of each input, or of all of them */
function onFloats(
  call: Call,
  channels: readonly number[],
  compute: (inputs: readonly Tensor[]) => Tensor,
): Tensor {
  const inputs = call.inputs.map((_, i) => floatsOf(call, call.input(i), channels[i] ?? channels[0]!));
  const y = compute(inputs);
  for (const input of inputs) call.release(input);
  return y;
}
