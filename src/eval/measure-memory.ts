import { messageOf } from '../errors.ts';
import type { Model } from '../ir/graph.ts';
import { singleSampleShapes } from '../passes/infer-shapes.ts';
import { createSession, type LayerArithmetic, type MemoryUse } from '../runtime/session.ts';
import { arrayClassOf, sizeOf, type Tensor } from '../tensor/tensor.ts';

/** What running one sample takes in memory; a sentence where it cannot be run. */
export type SampleMemory = (Omit<MemoryUse, 'peakBytes'> & { readonly layers: LayerArithmetic }) | string;

/** Runs one sample of zeros twice, the second time from the places that the first has found. */
export function measureMemory(model: Model): SampleMemory {
  const shapes = singleSampleShapes(model);
  const feeds: Record<string, Tensor> = {};
  for (const { name, dtype = 'FLOAT' } of model.graph.inputs) {
    const shape = shapes.get(name);
    if (shape === undefined) return `the shape of input "${name}" is not known`;
    feeds[name] = { dtype, shape, data: new (arrayClassOf(dtype))(sizeOf(shape)) };
  }
  try {
    const session = createSession(model);
    try {
      for (let run = 0; run < 2; run++) session.run(feeds);
      const { weightBytes, activationBytes, aliveBytes } = session.memory;
      return { weightBytes, activationBytes, aliveBytes, layers: session.layers };
    } finally {
      session.dispose();
    }
  } catch (thrown) {
    return messageOf(thrown);
  }
}
