import type { CodeGrid } from '../../../kernels/integer/contract.ts';
import { sizeOf, type Tensor } from '../../../tensor/tensor.ts';
import type { Call, Operator } from '../../call.ts';

/** What codes stand for, from the attributes of a node. */
export function gridOf(call: Call, prefix = ''): CodeGrid {
  return {
    scale: call.float(`${prefix}scale`, 1),
    zero: call.int(`${prefix}zero`, 0),
    high: call.int(`${prefix}high`, 255),
    rounds: call.int(`${prefix}quotient`, 0) === 0 ? 'sum' : 'quotient',
  };
}

/** Codes of x [N, C, …] as [N, H, W, C], H·W the positions. */
export function codesOf(call: Call, x: Tensor, grid: CodeGrid): Tensor {
  const [batch = 0, channels = 0, ...rest] = x.shape;
  const positions = sizeOf(rest);
  const [height, width] = rest.length === 2 ? (rest as [number, number]) : [positions, 1];
  const codes = call.allocate('UINT8', [batch, height, width, channels]);
  call.kernels.quantizeCodes(
    x.data as Float32Array,
    codes.data as Uint8Array,
    batch,
    channels,
    positions,
    grid,
  );
  return codes;
}

/** bnnq.Codes */
export const codes: Operator = (call) => codesOf(call, call.input(0), gridOf(call));
