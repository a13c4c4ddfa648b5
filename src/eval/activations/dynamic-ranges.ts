import type { Model } from '../../ir/graph.ts';
import { nodeName } from '../../ir/print.ts';
import { activationBits } from '../../passes/activation-bits.ts';
import { inferShapes } from '../../passes/infer-shapes.ts';
import { insertActivationQuant } from '../../passes/insert-activation-quant.ts';
import { layerInputs } from '../../quantizers/activations/layer-inputs.ts';
import { DYNAMIC_BITS } from '../../quantizers/activations/range.ts';
import type { PlanOptions } from '../../quantizers/plan/plan-weights.ts';
import type { QuantizedActivations } from './quantize-activations.ts';

/**
 * Rounds the inputs of layers, the same ones as `quantizeActivations`, to 8 bits of the range that they have in each run. No images
 * are needed, and none are run. What is known not to be FLOAT stays as it is, and so do values of 8 bits or fewer.
 * @throws option (globs that match nothing), unsupported (an operator set before 11)
 */
export function roundByRunRange(model: Model, options: PlanOptions): QuantizedActivations {
  const { chosen, skipped } = layerInputs(model, options);
  const left = [...skipped];
  const already = activationBits(model);
  const types = inferShapes(model);
  const inputs = chosen.filter(({ value }) => {
    const known = already(value);
    const dtype = types.get(value)?.dtype ?? 'FLOAT';
    if (known !== undefined && known.bits <= DYNAMIC_BITS)
      left.push({ value, reason: `${known.by} gives it few bits already: ${known.bits}` });
    else if (dtype !== 'FLOAT')
      left.push({ value, reason: `its elements are ${dtype}, FLOAT is rounded here` });
    else return true;
    return false;
  });
  const rule = { kind: 'dynamic' } as const;
  return {
    model: insertActivationQuant(
      model,
      inputs.map(({ value, layers }) => ({ value, layers, rule })),
    ),
    activations: inputs.map(({ value, layers }) => ({
      ...{ value, node: nodeName(layers[0]!.node), bits: DYNAMIC_BITS, kind: 'dynamic', channels: 1 },
      ...{ low: null, high: null, snrDb: null },
    })),
    skipped: left,
  };
}
