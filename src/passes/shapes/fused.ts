import { numberAttribute } from '../constant-values.ts';
import { fact, type Infer, sameAsFirst } from './fact.ts';

/** What the passes make of layers (`fused.ts`); their Conv is inferred as that of ONNX. */
export const FUSED: Readonly<Record<string, Infer>> = {
  Linear: ({ node, inputs: [x, w] }) => {
    const rows = w?.shape?.[numberAttribute(node, 'transB', 0) === 0 ? 1 : 0] ?? null;
    return [fact(x?.dtype, x?.shape && [...x.shape.slice(0, -1), rows])];
  },
  Affine: sameAsFirst,
};
