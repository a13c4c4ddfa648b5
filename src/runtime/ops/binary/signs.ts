import { mapBytes } from '../../../kernels/binary/contract.ts';
import { sizeOf, type Tensor } from '../../../tensor/tensor.ts';
import type { Call, Operator } from '../../call.ts';

/** Tells what is memoized for maps from what is for floats. */
export const ON_MAP: readonly number[] = [1];

/** Whether signs come as a map; else they are floats, for there are zeros among them. */
export function isMap(signs: Tensor): boolean {
  return signs.dtype === 'UINT8';
}

/** What values are compared with. */
export interface SignRule {
  /** Whether what is neither above nor below counts as +1; else it has no sign. */
  readonly zero: boolean;
  /** [slices·C], or one for all channels of one slice; absent where they are 0. */
  readonly thresholds: Tensor | undefined;
}

/**
 * The signs of x [N, C, …] as a map [N, H, W, bytes] of slices·C channels, H·W the positions; or −1, 0 and 1 as floats where a value
 * has no sign.
 */
export function signsOf(call: Call, x: Tensor, { zero, thresholds }: SignRule): Tensor {
  const [batch = 0, channels = 0, ...rest] = x.shape;
  const positions = sizeOf(rest);
  const [height, width] = rest.length === 2 ? (rest as [number, number]) : [positions, 1];
  const bounds = thresholds && perChannel(thresholds.data as Float32Array, channels);
  const outChannels = bounds?.length ?? channels;
  const map = call.allocate('UINT8', [batch, height, width, mapBytes(outChannels)]);
  const { kernels } = call;
  const hasNone = kernels.packSigns(
    x.data as Float32Array,
    map.data as Uint8Array,
    batch,
    channels,
    positions,
    bounds,
  );
  if (!hasNone) return map;
  if (zero) {
    // What is not ≥ its threshold is −1, a NaN too, which is not below it either.
    if (!(x.data as Float32Array).some(Number.isNaN)) return map;
    const signs = new Float32Array(batch * outChannels * positions);
    compare(x.data as Float32Array, bounds, channels, positions, signs, (v, t) => (v >= t ? 1 : -1));
    kernels.packSigns(signs, map.data as Uint8Array, batch, outChannels, positions);
    return map;
  }
  call.release(map);
  const floats = call.allocate('FLOAT', [batch, outChannels, ...rest]);
  const y = floats.data as Float32Array;
  if (bounds === undefined) kernels.unary('sign', x.data as Float32Array, y);
  else {
    compare(x.data as Float32Array, bounds, channels, positions, y, (v, t) => v - t);
    kernels.unary('sign', y, y);
  }
  return floats;
}

/** A copy, for taking memory detaches views of the heap. */
function perChannel(thresholds: Float32Array, channels: number): Float32Array {
  return thresholds.length === 1
    ? new Float32Array(channels).fill(thresholds[0]!)
    : Float32Array.from(thresholds);
}

/** f of each value and its threshold, slice by slice. */
function compare(
  x: Float32Array,
  bounds: Float32Array | undefined,
  channels: number,
  positions: number,
  y: Float32Array,
  f: (value: number, threshold: number) => number,
): void {
  const all = bounds?.length ?? channels;
  for (let row = 0, i = 0; i < y.length; row++) {
    const [n, c] = [Math.floor(row / all), row % all];
    const from = (n * channels + (c % channels)) * positions;
    for (let p = 0; p < positions; p++, i++) y[i] = f(x[from + p]!, bounds?.[c] ?? 0);
  }
}

/** bnnq.Signs */
export const signs: Operator = (call) =>
  signsOf(call, call.input(0), { zero: call.int('zero', 0) === 1, thresholds: call.optional(1) });

/** The signs as floats [N, channels, H, W], allocated or a reference more. */
export function floatsOf(call: Call, x: Tensor, channels: number): Tensor {
  if (!isMap(x)) return call.retain(x);
  const [batch = 0, height = 0, width = 0] = x.shape;
  const y = call.allocate('FLOAT', [batch, channels, height, width]);
  call.kernels.unpackSigns(x.data as Uint8Array, y.data as Float32Array, batch, channels, height * width);
  return y;
}
