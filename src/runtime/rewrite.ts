import type { Model } from '../ir/graph.ts';
import type { Kernels } from '../kernels/contract.ts';
import { type Evaluate, foldConstants } from '../passes/fold-constants.ts';
import { fuseAffine } from '../passes/fuse-affine.ts';
import { fuseClamp } from '../passes/fuse-clamp.ts';
import { fusePad } from '../passes/fuse-pad.ts';
import { fuseResidual } from '../passes/fuse-residual.ts';
import { liftWeightViews } from '../passes/lift-weight-views.ts';
import { noteHalfTypes } from '../passes/note-half-types.ts';
import { runPasses } from '../passes/pass.ts';
import { removeIdentity } from '../passes/remove-identity.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Call } from './call.ts';
import { ConstantTensor } from './constants.ts';
import { limitedMemory } from './memory.ts';
import { findOperator } from './ops/registry.ts';

/** A constant that would be larger than this is not even tried. */
const MAX_FOLDED_BYTES = 1 << 28;

/**
 * The model as it is executed: constants folded, layers fused with what follows them. Weights stay as they are.
 * @param keep values that must still be there afterwards, besides the outputs
 */
export function rewriteForExecution(model: Model, kernels: Kernels, keep: readonly string[]): Model {
  const { outputs } = model.graph;
  const kept = keep.filter((name) => !outputs.some((output) => output.name === name));
  const watched = [...outputs, ...kept.map((name) => ({ name }))];
  const { model: rewritten } = runPasses({ ...model, graph: { ...model.graph, outputs: watched } }, [
    noteHalfTypes,
    removeIdentity,
    liftWeightViews,
    foldConstants(evaluateWith(model, kernels)),
    fusePad,
    fuseAffine,
    fuseResidual,
    fuseClamp,
  ]);
  return { ...rewritten, graph: { ...rewritten.graph, outputs } };
}

/** Computes single nodes from constants, with the operators of the runtime. A node that cannot be computed is left to the run, which says why. */
function evaluateWith(model: Model, kernels: Kernels): Evaluate {
  return (node, operands) => {
    const version = opsetOf(model, node.domain);
    const operator = findOperator(node.domain, node.opType, version);
    if (operator === undefined) return undefined;
    const call = new Call(node, version, kernels, limitedMemory(MAX_FOLDED_BYTES));
    call.inputs = operands.map((operand) =>
      operand === undefined ? undefined : new ConstantTensor(operand),
    );
    try {
      const result = operator(call);
      const outputs = Array.isArray(result)
        ? (result as readonly (Tensor | undefined)[])
        : [result as Tensor];
      return outputs.map(
        (tensor) => tensor && { dtype: tensor.dtype, shape: tensor.shape, data: tensor.data },
      );
    } catch {
      return undefined;
    } finally {
      for (const input of call.inputs) (input as ConstantTensor | undefined)?.dispose(kernels.heap);
    }
  };
}

/**
 * Version of the operator set of a domain. Where the model does not name it: 0 of ai.onnx, 1 of any other, for files of
 * Brevitas and FINN use operators of domains that they do not import.
 */
export function opsetOf(model: Model, domain: string): number {
  const isDefault = domain === '' || domain === 'ai.onnx';
  if (isDefault) return model.opsets.get('') ?? model.opsets.get('ai.onnx') ?? 0;
  return model.opsets.get(domain) ?? 1;
}
