import type { Conv2dShape, Epilogue } from '../contract.ts';
import type { PanelWeights } from '../gemm/panels.ts';
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
  const { batch, inChannels, outChannels, outHeight, outWidth } = shape;
  if (batch * outChannels * outHeight * outWidth === 0) return;
  const plan = planDepthwise(shape);
  workspace.call(
    y,
    [x, epilogue.scale, epilogue.bias, epilogue.addend],
    plan.scratchBytes + weights.scratchBytes(outChannels),
    (yAt, scratch, [xAt, scale, bias, addend]) => {
      plan.run(workspace, scratch, {
        x: xAt!,
        weights: weights.panels(0, 0, outChannels, scratch + plan.scratchBytes),
        y: yAt,
        images: batch,
        channels: inChannels,
        multiplier: outChannels / inChannels,
        scale: scale!,
        bias: bias!,
        addend: addend!,
        low: epilogue.low ?? Number.NEGATIVE_INFINITY,
        high: epilogue.high ?? Number.POSITIVE_INFINITY,
      });
    },
  );
}
