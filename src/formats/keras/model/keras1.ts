import { entryOf } from '../config.ts';
import type { Json, JsonObject } from '../contract.ts';
import type { LayerJson } from '../layer-call.ts';

/** Classes of Keras 1 that Keras 2 renamed. Those that are not here, or in `KEPT`, are left alone: they are unknown. */
const RENAMED: Readonly<Record<string, string>> = {
  Convolution1D: 'Conv1D',
  Convolution2D: 'Conv2D',
  Convolution3D: 'Conv3D',
  AtrousConvolution2D: 'Conv2D',
};

const MERGES: Readonly<Record<string, string>> = {
  sum: 'Add',
  mul: 'Multiply',
  ave: 'Average',
  max: 'Maximum',
  concat: 'Concatenate',
};

/** Layers whose variables Keras 1 kept in another form: a matrix for each gate, kernels of another order of axes. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set([
  'LSTM',
  'GRU',
  'SimpleRNN',
  'Bidirectional',
  'Deconvolution2D',
  'SeparableConvolution2D',
]);

/** Keys of a configuration that Keras 2 renamed. */
const KEYS: Readonly<Record<string, string>> = {
  output_dim: 'units',
  bias: 'use_bias',
  nb_filter: 'filters',
  border_mode: 'padding',
  subsample: 'strides',
  subsample_length: 'strides',
  filter_length: 'kernel_size',
  atrous_rate: 'dilation_rate',
  pool_length: 'pool_size',
  stride: 'strides',
  length: 'size',
  concat_axis: 'axis',
};

const ORDERINGS: Readonly<Record<string, string>> = { tf: 'channels_last', th: 'channels_first' };

/** A layer of Keras 1 as Keras 2 writes it (keras/legacy/interfaces.py of Keras 2.0 to 2.3). */
export function modernLayer(layer: LayerJson): LayerJson {
  const { className, config } = layer;
  const mode = config.mode;
  const merge = className === 'Merge' && typeof mode === 'string' ? entryOf(MERGES, mode) : undefined;
  const name = merge ?? entryOf(RENAMED, className) ?? className;
  const isForeign =
    OTHER_VARIABLES.has(className) || (isConvolution(className) && config.dim_ordering === 'th');
  return {
    ...layer,
    className: isForeign ? `Keras1>${className}` : name,
    config: modernConfig(className, config),
  };
}

function isConvolution(className: string): boolean {
  return className.includes('Convolution');
}

function modernConfig(className: string, config: JsonObject): JsonObject {
  const entries: [string, Json][] = [];
  for (const [key, value] of Object.entries(config)) {
    // An embedding still has an output_dim, a padding of zeros its own padding.
    const renamed = className === 'Embedding' ? undefined : entryOf(KEYS, key);
    entries.push([renamed ?? key, value]);
  }
  const { nb_row: rows, nb_col: columns, dim_ordering: ordering } = config;
  if (rows !== undefined && columns !== undefined) entries.push(['kernel_size', [rows, columns]]);
  const depths = [config.kernel_dim1, config.kernel_dim2, config.kernel_dim3];
  if (depths.every((size) => size !== undefined)) entries.push(['kernel_size', depths as Json[]]);
  const format = typeof ordering === 'string' ? entryOf(ORDERINGS, ordering) : undefined;
  if (format !== undefined) entries.push(['data_format', format]);
  return Object.fromEntries(entries);
}
