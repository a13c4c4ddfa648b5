import { BnnqError } from '../../../errors.ts';
import type { Conv2dShape } from '../../../kernels/contract.ts';
import type { Call, Operator } from '../../call.ts';
import { shapeText } from '../../shapes.ts';
import { maxPoolOfWindows } from '../pooling.ts';
import { conv2dShape, expectElements, windowOf } from '../window.ts';
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

export function geometryOf(
  call: Call,
  map: readonly number[],
): { readonly shape: Conv2dShape; readonly outputShape: readonly number[] } {
  const [batch = 0, height = 0, width = 0, bytes = 0] = map;
  const window = windowOf(call, [height, width], call.ints('kernel_shape') ?? []);
  expectElements(window);
  // As many channels as the words have room for: spare bits are 0 under any window.
  const shape = conv2dShape(window, batch, bytes * 8, bytes * 8, bytes * 8);
  if (shape === undefined)
    throw new BnnqError('unsupported', `pads below 0 over signs of shape ${shapeText(map)}`);
  return { shape, outputShape: [batch, ...window.output, bytes] };
}
