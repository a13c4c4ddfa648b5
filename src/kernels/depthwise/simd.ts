import type { Conv2dShape, Epilogue } from '../contract.ts';
import { PANEL_ROWS, type PanelWeights } from '../gemm/panels.ts';
import { type Block, blocksOf } from '../threads/blocks.ts';
import type { KernelCall } from '../threads/team.ts';
import type { Workspace } from '../wasm/workspace.ts';
import { planDepthwise } from './plan.ts';

/** Whether every output channel reads one input channel. */
export function isDepthwise(shape: Pick<Conv2dShape, 'inChannels' | 'outChannels' | 'groups'>): boolean {
  return shape.groups === shape.inChannels && shape.groups > 1 && shape.outChannels % shape.groups === 0;
}

/** Depthwise convolution, with a channel multiplier; `weights` in one group. */
export function depthwiseSimd(
  workspace: Workspace,
  x: Float32Array,
  weights: PanelWeights,
  y: Float32Array,
  shape: Conv2dShape,
  epilogue: Epilogue,
): void {
  const { batch, inChannels, outChannels, inHeight, inWidth, outHeight, outWidth } = shape;
  if (batch * outChannels * outHeight * outWidth === 0) return;
  const plan = planDepthwise(shape);
  const multiplier = outChannels / inChannels;
  const taps = weights.columns;
  const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = epilogue;
  workspace.call(
    y,
    [x, epilogue.scale, epilogue.bias, epilogue.addend],
    plan.sharedBytes + weights.scratchBytes(outChannels),
    (yAt, shared, [xAt, scale, bias, addend]) => {
      plan.prepare(workspace, shared);
      const panels = weights.panels(0, 0, outChannels, shared + plan.sharedBytes);
      const callOf = ({ outer, count, channel, channels }: Block): KernelCall => {
        const row = channel * multiplier;
        const at = (outer * outChannels + row) * outHeight * outWidth * 4;
        return plan.call(shared, {
          x: xAt! + (outer * inChannels + channel) * inHeight * inWidth * 4,
          weights: panels + row * taps * 4,
          y: yAt + at,
          images: count,
          channels,
          multiplier,
          scale: scale! && scale! + row * 4,
          bias: bias! && bias! + row * 4,
          addend: addend! && addend! + at,
          low,
          high,
        });
      };
      // Panels hold 4 rows, so parts begin at multiples of 4 channels, or at an image where channels are none.
      const planes = batch * inChannels;
      const nanoseconds = planes * multiplier * plan.planeNanoseconds;
      const step = inChannels % PANEL_ROWS === 0 || batch === 1 ? PANEL_ROWS : inChannels;
      workspace.run(
        workspace
          .ranges(planes, { nanoseconds, step })
          .map(({ from, to }) => blocksOf(from, to, inChannels).map(callOf)),
      );
    },
    plan.ownBytes,
  );
}
