import type { Model } from '../../ir/graph.ts';
import { dequantize } from '../../ir/quantized-tensor.ts';
import { absorb, findAbsorber } from '../../passes/layer-affine.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import { planWeights } from '../plan/plan-weights.ts';
import { readWeight } from '../plan/read-weight.ts';
import type { QuantizedModel } from '../quantize-model.ts';
import { inRowOrder, weightValues } from '../weight-values.ts';
import { dataFreeShift, expectedInputs, expectedValues } from './expected-inputs.ts';

/**
 * The discretized model with the mean of every output channel as it was, as far as the statistics of BatchNormalization tell
 * what a layer is fed: bias correction without data (see `expectedValues`). Layers of which that is not known, or that have
 * no constant behind them to be changed, stay as they are.
 * @param float the model that was discretized
 */
export function dataFreeBias(float: Model, discretized: QuantizedModel): Model {
  const known = expectedValues(float);
  const done = new Set(discretized.layers.filter(({ kept }) => !kept).map(({ name }) => name));
  let model = discretized.model;
  for (const planned of planWeights(float).chosen) {
    if (!done.has(planned.name)) continue;
    const { chain, layout, rows, name } = planned;
    const operand = chain.views.at(-1)?.node.outputs[0] ?? chain.value;
    const users = model.graph.nodes.filter(({ inputs }) => inputs[1] === operand);
    const [node] = users;
    const expected = node && users.length === 1 ? expectedInputs(float, node, known) : undefined;
    const absorber = node && findAbsorber(model, node);
    const elements = expected && readWeight(float, planned);
    const quantized = model.graph.initializers.get(name)?.quantized;
    if (absorber === undefined || elements === undefined || typeof elements === 'string') continue;
    const kernel =
      node!.opType === 'Conv' || node!.opType === 'ConvTranspose' ? sizeOf(chain.shape.slice(2)) : 1;
    const before = inRowOrder(weightValues(elements.tensor, name), layout);
    const after = inRowOrder(dequantize(quantized!), layout);
    model = absorb(model, absorber, { shift: dataFreeShift(before, after, rows, expected!, kernel) });
  }
  return model;
}
