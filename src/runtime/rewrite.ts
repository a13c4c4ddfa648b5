import type { Graph, Model, Node, Value } from '../ir/graph.ts';
import { capturedNames, subgraphsOf, usesOf, withSubgraphs } from '../ir/traverse.ts';
import type { Kernels } from '../kernels/contract.ts';
import { codeWeights } from '../passes/code-weights.ts';
import { type Evaluate, foldConstants } from '../passes/fold-constants.ts';
import { fuseAffine } from '../passes/fuse-affine.ts';
import { fuseBinary } from '../passes/fuse-binary.ts';
import { fuseClamp } from '../passes/fuse-clamp.ts';
import { fuseFixed } from '../passes/fuse-fixed.ts';
import { fuseInteger } from '../passes/fuse-integer.ts';
import { fusePad } from '../passes/fuse-pad.ts';
import { fuseResidual } from '../passes/fuse-residual.ts';
import { inferShapes } from '../passes/infer-shapes.ts';
import { liftWeightViews } from '../passes/lift-weight-views.ts';
import { matrixProducts } from '../passes/matrix-products.ts';
import { noteHalfTypes } from '../passes/note-half-types.ts';
import { type Pass, runPasses } from '../passes/pass.ts';
import { removeIdentity } from '../passes/remove-identity.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Call } from './call.ts';
import { ConstantTensor } from './constants.ts';
import { limitedMemory } from './memory.ts';
import { findOperator } from './ops/registry.ts';
import { isTensor, type RuntimeValue } from './values.ts';

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
  const passes: readonly Pass[] = [
    noteHalfTypes,
    removeIdentity,
    liftWeightViews,
    foldConstants(evaluateWith(model, kernels)),
    fusePad,
    matrixProducts,
    fuseAffine,
    fuseBinary,
    fuseResidual,
    fuseClamp,
    codeWeights,
    fuseInteger,
    fuseFixed,
  ];
  const rewritten = rewriteGraph({ ...model, graph: { ...model.graph, outputs: watched } }, passes);
  return { ...rewritten, graph: { ...rewritten.graph, outputs } };
}

/** Rewrites the main graph of the model, then the subgraphs inside it, each on its own. */
function rewriteGraph(model: Model, passes: readonly Pass[]): Model {
  const { model: rewritten } = runPasses(model, passes);
  const { graph } = rewritten;
  if (!graph.nodes.some((node) => subgraphsOf(node).length > 0)) return rewritten;
  const types = inferShapes(model); // before fusing: nothing is known of what fused operators give
  const nodes = graph.nodes.map((node) =>
    withSubgraphs(node, (body) => rewriteBody(rewritten, body, types, passes)),
  );
  const used = new Set([...graph.outputs.map(({ name }) => name), ...nodes.flatMap(usesOf)]);
  const initializers = new Map([...graph.initializers].filter(([name]) => used.has(name)));
  return { ...rewritten, graph: { ...graph, nodes, initializers } };
}

/**
 * Rewrites a subgraph as a graph that stands alone: what it captures is an input while the passes see it, or, where that
 * is a constant, a constant of its own (the same object, so that its elements are held once).
 */
function rewriteBody(
  model: Model,
  body: Graph,
  types: ReadonlyMap<string, Value>,
  passes: readonly Pass[],
): Graph {
  const captured = [...capturedNames(body)];
  const constants = captured.flatMap((name) => model.graph.initializers.get(name) ?? []);
  const fed = captured.filter((name) => !model.graph.initializers.has(name));
  const inputs = [...body.inputs, ...fed.map((name) => types.get(name) ?? { name })];
  const initializers = new Map([
    ...body.initializers,
    ...constants.map((constant) => [constant.name, constant] as const),
  ]);
  const alone: Model = { ...model, graph: { ...body, inputs, initializers } };
  const known = inferShapes(alone);
  const outputs = body.outputs.map((output) => ({ ...known.get(output.name), ...output }));
  const { graph } = rewriteGraph({ ...alone, graph: { ...alone.graph, outputs } }, passes);
  return { ...graph, inputs: body.inputs };
}

/** Computes single nodes from constants, with the operators of the runtime. A node that cannot be computed is left to the run, which says why. */
function evaluateWith(model: Model, kernels: Kernels): Evaluate {
  return (node, operands) => {
    const version = versionOf(model, node);
    const operator = findOperator(node.domain, node.opType, version);
    if (operator === undefined) return undefined;
    const call = new Call(node, version, kernels, limitedMemory(MAX_FOLDED_BYTES));
    call.inputs = operands.map((operand) =>
      operand === undefined ? undefined : new ConstantTensor(operand),
    );
    try {
      const result = operator(call);
      const outputs = (Array.isArray(result) ? result : [result]) as readonly (RuntimeValue | undefined)[];
      const tensors: (Tensor | undefined)[] = [];
      for (const value of outputs) {
        if (value !== undefined && !isTensor(value)) return undefined;
        tensors.push(value && { dtype: value.dtype, shape: value.shape, data: value.data });
      }
      return tensors;
    } catch {
      return undefined;
    } finally {
      for (const input of call.inputs) (input as ConstantTensor | undefined)?.dispose(kernels.heap);
    }
  };
}

/** Version of the operator set that a node belongs to. */
export function versionOf(model: Model, node: Node): number {
  return node.opset ?? opsetOf(model, node.domain);
}

/**
 * Version of the operator set of a domain. Where the model does not name it: 0 of ai.onnx, 1 of any other, for files of
 * Brevitas and FINN use operators of domains that they do not import.
 */
function opsetOf(model: Model, domain: string): number {
  const isDefault = domain === '' || domain === 'ai.onnx';
  if (isDefault) return model.opsets.get('') ?? model.opsets.get('ai.onnx') ?? 0;
  return model.opsets.get(domain) ?? 1;
}
