import type { Initializer } from '../../ir/graph.ts';

/** A JSON value as Keras serialises its configurations; nothing in it is trusted. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export type JsonObject = { readonly [key: string]: Json };

/** Which variable of which layer. The names differ from container to container; a variable's place does not. */
export interface VariableRef {
  /** Names of the nested models around the layer, outermost first, then the layer's own name. */
  readonly layer: readonly string[];
  /** Attributes that lead from the layer to the part that owns the variable: `['forward_layer', 'cell']`; mostly empty. */
  readonly part: readonly string[];
  /** The variable's own name: `kernel`, `bias`, `gamma`, `moving_mean`. */
  readonly name: string;
  /** Place among the variables of that part in the order in which Keras makes them. */
  readonly index: number;
}

/** The weights of a Keras model. Arrays are in Keras's own layout, `[height, width, in, out]` for a convolution. */
export interface KerasWeights {
  /**
   * The stored variable, not decoded before it is read; undefined where the file has none at that place.
   * @param shape the shape that the layer's configuration asks for; −1 where it does not say
   * @throws malformed where the file has one of another shape, with both
   */
  find(ref: VariableRef, shape: readonly number[]): Initializer | undefined;
  /** Variables of the file that `find` never returned, by their names in the file: optimizer state is not among them. */
  unused(): readonly string[];
}

/** What a Keras file holds, whatever its container. */
export interface KerasSource {
  /** How the container is called in messages: `.h5`, `.keras`, `TensorFlow.js`. */
  readonly container: string;
  /** The model as Keras serialises it: `{class_name, config, …}`. */
  readonly config: JsonObject;
  /** `2.4.0`; empty where the file does not say. What a layer does by default depends on its first number. */
  readonly kerasVersion: string;
  readonly weights: KerasWeights;
}
