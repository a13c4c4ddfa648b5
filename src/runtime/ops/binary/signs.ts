import { mapBytes } from '../../../kernels/binary/contract.ts';
import { sizeOf, type Tensor } from '../../../tensor/tensor.ts';
import type { Call, Operator } from '../../call.ts';

/** Tells what is memoized for maps from what is for floats. */
export const ON_MAP: readonly number[] = [1];

/** Whether signs come as a map; else they are floats, for there are zeros among them. */
export function isMap(signs: Tensor): boolean {
  return signs.dtype === 'UINT8';
}

/**
 * The signs of x [N, C, …] as a map [N, H, W, bytes], H·W the positions; or −1, 0 and 1 as floats where a value has no sign.
 * @param zero whether 0 counts as +1
 */
export function signsOf(call: Call, x: Tensor, zero: boolean): Tensor {
  const [batch = 0, channels = 0, ...rest] = x.shape;
  const positions = sizeOf(rest);
  const [height, width] = rest.length === 2 ? (rest as [number, number]) : [positions, 1];
  const map = call.allocate('UINT8', [batch, height, width, mapBytes(channels)]);
  const pack = (values: Float32Array): boolean =>
    call.kernels.packSigns(values, map.data as Uint8Array, batch, channels, positions);
  if (!pack(x.data as Float32Array)) return map;
  if (zero) {
    // What is not ≥ 0 is −1, a NaN too, which is not below 0 either.
    const values = x.data as Float32Array;
    if (values.some(Number.isNaN)) pack(values.map((value) => (value >= 0 ? 1 : -1)));
    return map;
  }
  call.release(map);
  const floats = call.allocate('FLOAT', x.shape);
  call.kernels.unary('sign', x.data as Float32Array, floats.data as Float32Array);
  return floats;
}

/** bnnq.Signs */
export const signs: Operator = (call) => signsOf(call, call.input(0), call.int('zero', 0) === 1);
