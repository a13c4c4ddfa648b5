import type { LayerConverter, LayerTable } from '../layer-call.ts';
import type { KerasTensor } from '../tensor.ts';

/** Embedding: a row of the table for each number; with `mask_zero`, steps of number 0 do not count. */
const embedding: LayerConverter = (call) => {
  const { config } = call;
  const x = call.kerasOrder(call.input);
  const width = config.integer('output_dim', undefined, 1);
  const table = call.weight('embeddings', 0, [config.integer('input_dim', undefined, 1), width]);
  // Keras cuts floating-point numbers to whole ones.
  const isIndex = x.dtype === 'INT32' || x.dtype === 'INT64';
  const indices = isIndex ? x.value : call.cast(x.value, 'INT32', 'indices');
  const value = call.node('Gather', [table, indices]);
  const shape = x.shape && [...x.shape, width];
  if (!config.flag('mask_zero', false)) return x.with({ value, dtype: 'FLOAT', shape, mask: undefined });
  const zero = call.graph.constant(
    call.stepName('zero'),
    x.dtype === 'INT64'
      ? { dtype: 'INT64', shape: [], data: new BigInt64Array(1) }
      : { dtype: 'INT32', shape: [], data: new Int32Array(1) },
  );
  const isZero = call.node('Equal', [indices, zero], {}, 'is_zero');
  return x.with({ value, dtype: 'FLOAT', shape, mask: call.node('Not', [isZero], {}, 'mask') });
};

/** Masking: steps whose features all have one value do not count; they become zeros. */
const masking: LayerConverter = (call) => {
  const x: KerasTensor = call.kerasOrder(call.float(call.inputOfKnownRank()));
  const value = call.floats('mask_value', call.config.number('mask_value', 0));
  const isValue = call.node('Equal', [x.value, value], {}, 'is_value');
  const others = call.cast(call.node('Not', [isValue], {}, 'differs'), 'INT32', 'others');
  const axes = call.integers('axes', [-1]);
  const counts = call.node('ReduceMax', [others, axes], { keepdims: 1 }, 'any');
  const flag = call.cast(counts, 'BOOL', 'flag');
  const masked = call.node('Where', [flag, x.value, call.floats('zero', 0)]);
  return x.with({ value: masked, mask: call.node('Squeeze', [flag, axes], {}, 'mask') });
};

export const EMBEDDING_LAYERS: LayerTable = { Embedding: embedding, Masking: masking };
