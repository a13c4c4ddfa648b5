import type { Call, Operator } from '../../call.ts';
import { poolOverMap } from '../map-geometry.ts';

/** bnnq.CodePool: the largest code under each window of [N, H, W, C]. */
export const codePool: Operator = (call) => {
  const x = call.input(0);
  const { shape, outputShape } = call.memo(() => geometryOf(call, x.shape), x.shape);
  const y = call.allocate('UINT8', outputShape);
  call.kernels.poolCodes(x.data as Uint8Array, y.data as Uint8Array, shape);
  return y;
};

export function geometryOf(call: Call, map: readonly number[]): ReturnType<typeof poolOverMap> {
  return poolOverMap(call, map, map[3] ?? 0, 'codes');
}
