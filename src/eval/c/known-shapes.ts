import { constantInitializer } from '../../ir/constant-initializer.ts';
import type { Initializer, Model, Node } from '../../ir/graph.ts';
import { withConstants } from '../../ir/with-constants.ts';
import { inferShapes, singleSampleShapes } from '../../passes/infer-shapes.ts';

/**
 * The model for one sample: what `Shape` gives is a constant where all dimensions are known, so that the arithmetic on shapes that
 * exporters write in front of a Reshape folds away.
 */
export function withKnownShapes(model: Model): Model {
  const { nodes } = model.graph;
  if (!nodes.some(isShape)) return model;
  const shapes = inferShapes(model, singleSampleShapes(model));
  const known = new Map<string, Initializer>();
  for (const node of nodes.filter(isShape)) {
    const dims = shapes.get(node.inputs[0]!)?.shape;
    if (dims === undefined || !dims.every((dim): dim is number => typeof dim === 'number')) continue;
    const [output] = node.outputs as [string];
    const data = BigInt64Array.from(dims, BigInt);
    known.set(output, constantInitializer(output, { dtype: 'INT64', shape: [dims.length], data }));
  }
  return withConstants(model, known);
}

/** Shape of all dimensions: since opset 15 it may give some of them alone. */
function isShape({ domain, opType, attributes }: Node): boolean {
  return domain === '' && opType === 'Shape' && attributes.size === 0;
}
