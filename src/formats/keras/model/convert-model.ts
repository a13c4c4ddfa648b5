import { BnnqError } from '../../../errors.ts';
import { MAX_GRAPH_DEPTH } from '../../limits.ts';
import { convertFunctional } from './functional.ts';
import { type ModelCall, type ModelOutputs, modelKind } from './model-call.ts';
import { convertSequential } from './sequential.ts';

/** Writes the layers of a model to the graph. @throws unsupported where the configuration does not describe them */
export function convertModel(call: ModelCall): ModelOutputs {
  const { model, path } = call;
  if (path.length > MAX_GRAPH_DEPTH)
    throw new BnnqError('limit', `keras: models are nested more than ${MAX_GRAPH_DEPTH} deep`);
  const kind = modelKind(model);
  if (kind === 'sequential') return convertSequential(call);
  if (kind === 'functional') return convertFunctional(call);
  throw new BnnqError(
    'unsupported',
    `keras: the model "${model.name}" (${model.className}) is written in Python code of its own, which is not in the file: only Sequential and Functional models can be imported`,
  );
}
