import { BnnqError } from '../../../errors.ts';
import type { Conv2dShape } from '../../../kernels/contract.ts';
import type { Call, Operator } from '../../call.ts';
import { shapeText } from '../../shapes.ts';
import { conv2dShape, expectElements, windowOf } from '../window.ts';

/** bnnq.CodePool: the largest code under each window of [N, H, W, C]. */
export const codePool: Operator = (call) => {
  const x = call.input(0);
  const { shape, outputShape } = call.memo(() => geometryOf(call, x.shape), x.shape);
  const y = call.allocate('UINT8', outputShape);
  call.kernels.poolCodes(x.data as Uint8Array, y.data as Uint8Array, shape);
  return y;
};

function geometryOf(
  call: Call,
  map: readonly number[],
): { readonly shape: Conv2dShape; readonly outputShape: readonly number[] } {
  const [batch = 0, height = 0, width = 0, channels = 0] = map;
  const window = windowOf(call, [height, width], call.ints('kernel_shape') ?? []);
  expectElements(window);
  const shape = conv2dShape(window, batch, channels, channels, channels);
  if (shape === undefined)
    throw new BnnqError('unsupported', `pads below 0 over codes of shape ${shapeText(map)}`);
  return { shape, outputShape: [batch, ...window.output, channels] };
}
