import type { Dim } from '../../../ir/graph.ts';
import { applyActivation } from '../activations.ts';
import type { LayerCall, LayerConverter, LayerTable } from '../layer-call.ts';
import type { KerasTensor, Scramble } from '../tensor.ts';
import { transposed } from '../weight-views.ts';

/** Dense: activation(x · kernel + bias) over the last axis. */
const dense: LayerConverter = (call) => {
  const units = call.config.integer('units', undefined, 1);
  const x = call.float(call.input);
  const y =
    x.rank === 2
      ? rankTwo(call, x.order === undefined ? x : call.kerasOrder(x), units)
      : anyRank(call, call.kerasOrder(x), units);
  return applyActivation(call, y);
};

function rankTwo(call: LayerCall, x: KerasTensor, units: number): KerasTensor {
  const width = x.shape![1];
  const inputs = [x.value, kernelOf(call, typeof width === 'number' ? width : -1, units, x.scramble)];
  if (call.config.flag('use_bias', true)) inputs.push(call.weight('bias', 1, [units]));
  return x.with({ value: call.node('Gemm', inputs), shape: [x.shape![0]!, units], scramble: undefined });
}

/** The kernel [in, units], its rows in the order in which the input's elements lie in memory. */
function kernelOf(call: LayerCall, width: number, units: number, scramble?: Scramble): string {
  const variable = () => call.variable('kernel', 0, [width, units]);
  if (scramble === undefined) return call.initializer('kernel', variable);
  const { dims, order } = scramble;
  const permuted = () => transposed(variable(), [...dims, units], [...order, dims.length], [width, units]);
  return call.initializer('kernel', permuted, `rows ${dims} ${order}`);
}

function anyRank(call: LayerCall, x: KerasTensor, units: number): KerasTensor {
  const width = x.shape?.at(-1);
  const kernel = kernelOf(call, typeof width === 'number' ? width : -1, units);
  let value = call.node('MatMul', [x.value, kernel]);
  if (call.config.flag('use_bias', true)) value = call.node('Add', [value, call.weight('bias', 1, [units])]);
  const shape: readonly Dim[] | undefined = x.shape && [...x.shape.slice(0, -1), units];
  return x.with({ value, shape });
}

export const DENSE_LAYERS: LayerTable = { Dense: dense };
