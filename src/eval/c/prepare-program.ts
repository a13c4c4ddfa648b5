import { BnnqError, messageOf } from '../../errors.ts';
import type { CodesEntry, CProgram, CStep } from '../../formats/c/program.ts';
import type { Model, Node } from '../../ir/graph.ts';
import { isQuantDomain } from '../../ir/quant-domains.ts';
import { createKernels } from '../../kernels/select.ts';
import { FUSED_DOMAIN } from '../../passes/fused.ts';
import { singleSampleShapes } from '../../passes/infer-shapes.ts';
import { withMissingFunctions } from '../../runtime/operator-support.ts';
import { orderedNodes } from '../../runtime/plan.ts';
import { rewriteForExecution } from '../../runtime/rewrite.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import { ELEMENTWISE } from './elementwise.ts';
import { FIXED } from './fixed.ts';
import { withKnownShapes } from './known-shapes.ts';
import { LAYERS, type Lower } from './layers.ts';
import { Lowering, type Slot } from './lowering.ts';
import { MOVEMENT } from './movement.ts';
import { SPATIAL } from './spatial.ts';

const OPERATORS: ReadonlyMap<string, Lower> = new Map(
  [LAYERS, FIXED, ELEMENTWISE, SPATIAL, MOVEMENT].flatMap((family) => Object.entries(family)),
);

/**
 * The steps of a network over one sample, with the layers that the runtime would run and the places that it would compute in.
 * @throws unsupported with all operators that cannot be written in C, or the first node that uses one in a way that cannot
 */
export function prepareProgram(model: Model, name: string): CProgram {
  const expanded = withKnownShapes(withMissingFunctions(model));
  const kernels = createKernels('auto');
  try {
    const whole = rewriteForExecution(expanded, kernels, []);
    const outputs = whole.graph.outputs.map((output) => output.name);
    const rewritten = { ...whole, graph: { ...whole.graph, nodes: orderedNodes(whole.graph, outputs) } };
    expectOperators(rewritten);
    return lowered(rewritten, new Lowering(rewritten, kernels), name);
  } finally {
    kernels.dispose();
  }
}

function keyOf({ domain, opType }: Node): string {
  if (domain === FUSED_DOMAIN) return `${FUSED_DOMAIN}::${opType}`;
  return isQuantDomain(domain) ? `quant::${opType}` : domain === '' ? opType : `${domain}::${opType}`;
}

function expectOperators(model: Model): void {
  const missing = new Map<string, number>();
  for (const node of model.graph.nodes) {
    const key = keyOf(node);
    if (!OPERATORS.has(key)) missing.set(key, (missing.get(key) ?? 0) + 1);
  }
  if (missing.size === 0) return;
  const list = [...missing].map(([key, count]) => `${key} (${count} ${count === 1 ? 'node' : 'nodes'})`);
  throw new BnnqError('unsupported', `c: operators that cannot be written in C: ${list.join(', ')}`);
}

function lowered(model: Model, to: Lowering, name: string): CProgram {
  const { inputs, outputs, nodes } = model.graph;
  if (inputs.length !== 1 || outputs.length !== 1)
    throw new BnnqError(
      'unsupported',
      `c: a network of one input and one output is needed, this has ${inputs.length} and ${outputs.length}`,
    );
  const [input, output] = [inputs[0]!, outputs[0]!];
  const shape = singleSampleShapes(model).get(input.name);
  if (shape === undefined || input.dtype !== 'FLOAT')
    throw new BnnqError(
      'unsupported',
      `c: input "${input.name}" is ${input.dtype ?? '?'} [${input.shape ?? '?'}], FLOAT with known dimensions is needed`,
    );
  const given = to.floatSlot(shape);
  given.at = 'in';
  to.define(input.name, 'floats', shape, given);
  for (const node of nodes) lower(to, node);
  const made = to.floats(output.name);
  if (made.slot.at === 'in') throw new BnnqError('unsupported', 'c: the output is the input itself');
  made.slot.at = 'out';
  const arenaBytes = to.place();
  const codesEntry = entryOf(to.steps, given);
  return {
    name,
    input: { name: input.name, shape, count: sizeOf(shape) },
    output: { name: output.name, shape: made.shape, count: sizeOf(made.shape) },
    steps: to.steps,
    arenaBytes,
    ...(codesEntry !== undefined && { codesEntry }),
  };
}

function lower(to: Lowering, node: Node): void {
  try {
    OPERATORS.get(keyOf(node))!(to, node, to.call(node));
  } catch (thrown) {
    const code = thrown instanceof BnnqError ? thrown.code : 'internal';
    const message = `c: node "${node.name}" (${node.opType}): ${messageOf(thrown)}`;
    throw new BnnqError(code, message, { node: node.name }, thrown);
  }
  to.done(node);
}

/**
 * Where codes can be given instead: behind the step that makes them of the input, or of the input with its channels moved to the
 * front, if nothing else reads the input.
 */
function entryOf(steps: readonly CStep[], given: Slot): CodesEntry | undefined {
  const first = steps[0];
  const isMoved = first?.op === 'copy';
  if (isMoved && !movesChannels(first, given)) return undefined;
  const at = isMoved ? 1 : 0;
  const step = steps[at];
  const source = isMoved ? first.y : given;
  if (step?.op !== 'codes' || step.x !== source) return undefined;
  const isReadLater = steps.slice(at + 1).some((later) => {
    const read = Object.values(later) as unknown[];
    return read.includes(given) || ('x' in later && later.x === source && isMoved);
  });
  if (isReadLater) return undefined;
  const { y, channels, pixels, scale, zero, high } = step;
  return { step: at + 1, place: y, byteLength: channels * pixels, scale, zero, high };
}

/** Whether a step makes [1, c, h, w] of the whole input [1, h, w, c]. */
function movesChannels({ dims, fromStrides }: CStep & { op: 'copy' }, given: Slot): boolean {
  const [, c = 0, h = 0, w = 0] = dims;
  const isChannelsLast = fromStrides[1] === 1 && fromStrides[2] === w * c && fromStrides[3] === c;
  return dims.length === 4 && isChannelsLast && 4 * c * h * w === given.byteLength;
}
