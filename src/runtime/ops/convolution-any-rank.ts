import type { Epilogue } from '../../kernels/contract.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import { eachIndex, eachTap, type Window } from './window.ts';

/**
 * A convolution over any number of spatial axes in plain loops, for what the kernels do not have: three axes, DOUBLE.
 * Summed over (channel, taps in row-major order), like the kernels; FLOAT rounds every product and sum to float32.
 */
export function convolveAnyRank(
  x: Tensor,
  w: Tensor,
  y: Tensor,
  window: Window,
  groups: number,
  epilogue: Epilogue,
): void {
  const round = x.dtype === 'FLOAT' ? Math.fround : (value: number) => value;
  const from = x.data as Float64Array;
  const weights = w.data as Float64Array;
  const to = y.data as Float64Array;
  const [batch = 0, channels = 0] = x.shape;
  const outChannels = w.shape[0]!;
  const groupChannels = channels / groups;
  const groupOutputs = outChannels / groups;
  const inSize = sizeOf(window.input);
  const taps = sizeOf(window.kernel);
  const outSize = sizeOf(window.output);
  eachIndex(window.output, (at, offset) => {
    const seen: [tap: number, position: number][] = [];
    eachTap(window, at, (tap, position) => seen.push([tap, position]));
    for (let n = 0; n < batch; n++)
      for (let m = 0; m < outChannels; m++) {
        const firstChannel = Math.floor(m / groupOutputs) * groupChannels;
        let sum = 0;
        for (let c = 0; c < groupChannels; c++) {
          const plane = (n * channels + firstChannel + c) * inSize;
          const row = (m * groupChannels + c) * taps;
          for (const [tap, position] of seen)
            sum = round(sum + round(from[plane + position]! * weights[row + tap]!));
        }
        const out = (n * outChannels + m) * outSize + offset;
        to[out] = finish(sum, m, out, epilogue, round);
      }
  });
}

/** The epilogue of one value; see kernels/contract.ts. */
function finish(
  value: number,
  channel: number,
  at: number,
  epilogue: Epilogue,
  round: (value: number) => number,
): number {
  let v = value;
  if (epilogue.scale !== undefined) v = round(v * epilogue.scale[channel]!);
  if (epilogue.bias !== undefined) v = round(v + epilogue.bias[channel]!);
  if (epilogue.addend !== undefined) v = round(v + epilogue.addend[at]!);
  if (epilogue.low !== undefined) v = Math.max(epilogue.low, v);
  if (epilogue.high !== undefined) v = Math.min(epilogue.high, v);
  return v;
}
