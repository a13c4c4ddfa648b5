import type { Model } from '../../ir/graph.ts';

/** Key of `Model.metadata`: what could not be converted, a line for each layer. */
export const NOT_CONVERTED = 'keras.not-converted';

/** The layers of a Keras model that have no operators here, each with place and reason; also after packing. */
export function notConverted(model: Model): string[] {
  return model.metadata.get(NOT_CONVERTED)?.split('\n') ?? [];
}
