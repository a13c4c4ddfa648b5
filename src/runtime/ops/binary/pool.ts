import type { Call, Operator } from '../../call.ts';
import { poolOverMap } from '../map-geometry.ts';
import { maxPoolOfWindows } from '../pooling.ts';
import { isMap, ON_MAP } from './signs.ts';

/** bnnq.SignPool: the largest sign under each window. */
export const signPool: Operator = (call) => {
  const x = call.input(0);
  if (!isMap(x)) return maxPoolOfWindows(call);
  const { shape, outputShape } = call.memo(() => geometryOf(call, x.shape), ON_MAP, x.shape);
  const y = call.allocate('UINT8', outputShape);
  call.kernels.poolSigns(x.data as Uint8Array, y.data as Uint8Array, shape);
  return y;
};

export function geometryOf(call: Call, map: readonly number[]): ReturnType<typeof poolOverMap> {
  // As many channels as the words have room for: spare bits are 0 under any window.
  return poolOverMap(call, map, (map[3] ?? 0) * 8, 'signs');
}
