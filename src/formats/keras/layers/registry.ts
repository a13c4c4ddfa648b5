import type { LayerConverter, LayerTable } from '../layer-call.ts';
import { OPERATION } from '../model/layer-json.ts';
import { ACTIVATION_LAYERS } from './activation.ts';
import { APPLICATION_LAYERS } from './application.ts';
import { ATTENTION_LAYERS } from './attention.ts';
import { BIDIRECTIONAL_LAYERS } from './bidirectional.ts';
import { CONVOLUTION_LAYERS } from './convolution.ts';
import { DENSE_LAYERS } from './dense.ts';
import { EMBEDDING_LAYERS } from './embedding.ts';
import { IDENTITY_LAYERS } from './identity.ts';
import { LARQ_LAYERS } from './larq.ts';
import { MERGE_LAYERS } from './merge.ts';
import { MULTI_HEAD_ATTENTION_LAYERS } from './multi-head-attention.ts';
import { NORMALIZATION_LAYERS } from './normalization.ts';
import { kerasOperation, OPERATION_LAYERS } from './operation.ts';
import { PADDING_LAYERS } from './padding.ts';
import { POOLING_LAYERS } from './pooling.ts';
import { PREPROCESSING_LAYERS } from './preprocessing.ts';
import { RECURRENT_LAYERS } from './recurrent.ts';
import { RESHAPE_LAYERS } from './reshape.ts';
import { RESIZE_LAYERS } from './resize.ts';
import { SPECTRAL_NORMALIZATION_LAYERS } from './spectral-normalization.ts';
import { TIME_DISTRIBUTED_LAYERS } from './time-distributed.ts';

/** Every layer that can be converted. A new family is a file and a line here. */
const TABLES: readonly LayerTable[] = [
  ACTIVATION_LAYERS,
  APPLICATION_LAYERS,
  ATTENTION_LAYERS,
  BIDIRECTIONAL_LAYERS,
  CONVOLUTION_LAYERS,
  DENSE_LAYERS,
  EMBEDDING_LAYERS,
  IDENTITY_LAYERS,
  LARQ_LAYERS,
  MERGE_LAYERS,
  MULTI_HEAD_ATTENTION_LAYERS,
  NORMALIZATION_LAYERS,
  OPERATION_LAYERS,
  PADDING_LAYERS,
  POOLING_LAYERS,
  PREPROCESSING_LAYERS,
  RECURRENT_LAYERS,
  RESHAPE_LAYERS,
  RESIZE_LAYERS,
  SPECTRAL_NORMALIZATION_LAYERS,
  TIME_DISTRIBUTED_LAYERS,
];

const LAYERS: ReadonlyMap<string, LayerConverter> = new Map(TABLES.flatMap((table) => Object.entries(table)));

/** The converter of a layer by its key (`layerKey`), or undefined. */
export function findLayer(key: string): LayerConverter | undefined {
  return key.startsWith(OPERATION) ? kerasOperation : LAYERS.get(key);
}
