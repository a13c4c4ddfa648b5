import { BnnqError } from '../errors.ts';
import type { Graph, Model, Value } from '../ir/graph.ts';
import type { Kernels } from '../kernels/contract.ts';
import { sharesRanges } from '../passes/batch-range.ts';
import { createSession, type MemoryUse } from '../runtime/session.ts';
import { float16ToNumber } from '../tensor/float16.ts';
import { sizeOf, type Tensor } from '../tensor/tensor.ts';
import type { OutputKind } from './metrics.ts';

/** A network with one input that data is fed to and one output that is scored. */
export interface Network {
  readonly input: Value;
  readonly output: string;
  /** Batch size that the input's shape fixes, if it does. */
  readonly fixedBatch: number | undefined;
  /** Whether ranges are found in all images of a batch together, so that what it gives for one depends on the others. */
  readonly sharesRanges: boolean;
  readonly memory: MemoryUse;
  /** What a batch gives: valid until the next run. */
  run(feed: Tensor): Outputs;
  dispose(): void;
}

/** Values of the scored output, an image each. For class indices one value an image, the index. */
export interface Outputs {
  readonly kind: OutputKind;
  /** Values an image; undefined for class indices, which do not say how many classes there are. */
  readonly classes: number | undefined;
  readonly batch: number;
  /** The output as the session gave it. */
  readonly tensor: Tensor;
  valuesOf(index: number): Float32Array;
}

/** Where data goes in and what is looked at: one input, one output of a graph, and the batch size that the input's shape fixes, if it does. */
export type Ends = Pick<Network, 'input' | 'output' | 'fixedBatch'>;

/**
 * @param output name of the output; the first when absent
 * @throws option (no such output), unsupported (several inputs)
 */
export function endsOf(graph: Graph, output?: string): Ends {
  const { inputs, outputs } = graph;
  const [input] = inputs;
  if (input === undefined || inputs.length > 1)
    throw new BnnqError(
      'unsupported',
      `the network has ${inputs.length} inputs${input ? ` (${inputs.map(({ name }) => name).join(', ')})` : ''}, a dataset feeds one`,
    );
  const name = output ?? outputs[0]?.name;
  if (name === undefined || !outputs.some((value) => value.name === name))
    throw new BnnqError(
      'option',
      `the network has no output "${name ?? ''}", only ${outputs.map((value) => value.name).join(', ')}`,
    );
  const batch = input.shape?.[0];
  return { input, output: name, fixedBatch: typeof batch === 'number' && batch > 0 ? batch : undefined };
}

/**
 * @param output name of the output to score; the first when absent
 * @throws option (no such output), unsupported (several inputs, unknown operators)
 */
export function openNetwork(model: Model, kernels: Kernels, output?: string): Network {
  const ends = endsOf(model.graph, output);
  const { input, output: name } = ends;
  const softmax = endsInSoftmax(model.graph, name);
  const session = createSession(model, { kernels });
  return {
    ...ends,
    sharesRanges: sharesRanges(model),
    get memory() {
      return session.memory;
    },
    run: (feed) => readOutputs(name, session.run(new Map([[input.name, feed]])).get(name)!, softmax),
    dispose: () => session.dispose(),
  };
}

/** Operators that hand values on, at most in another shape or width. */
const PASSING = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Cast', 'Dropout']);

/** Whether the output is that of a Softmax, perhaps reshaped. */
export function endsInSoftmax(graph: Graph, output: string): boolean {
  let name = output;
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i]!;
    if (node.outputs[0] !== name) continue;
    if (node.opType === 'Softmax') return true;
    if (!PASSING.has(node.opType)) return false;
    name = node.inputs[0]!;
  }
  return false;
}

function readOutputs(name: string, tensor: Tensor, softmax: boolean): Outputs {
  const { dtype, shape, data } = tensor;
  const [batch = 1, ...rest] = shape;
  const size = sizeOf(rest);
  const wrong = (expected: string): BnnqError =>
    new BnnqError(
      'mismatch',
      `output "${name}" is ${dtype} of shape [${shape.join(',')}]; ${expected} (the option "output" chooses another)`,
    );
  if (dtype === 'INT64' || dtype === 'INT32') {
    if (size !== 1) throw wrong('class indices are expected as [N] or [N,1]');
    const indices = data as BigInt64Array | Int32Array;
    return {
      kind: 'index',
      classes: undefined,
      batch,
      tensor,
      valuesOf: (i) => Float32Array.of(Number(indices[i])),
    };
  }
  if (shape.length < 2 || rest.filter((dim) => dim !== 1).length > 1)
    throw wrong('one value a class is expected, [N, classes]');
  const kind = softmax ? 'probabilities' : 'logits';
  const at = (i: number): [number, number] => [i * size, (i + 1) * size];
  if (dtype === 'FLOAT') {
    const values = data as Float32Array;
    return { kind, classes: size, batch, tensor, valuesOf: (i) => values.subarray(...at(i)) };
  }
  if (dtype === 'FLOAT16') {
    const bits = data as Uint16Array;
    return {
      kind,
      classes: size,
      batch,
      tensor,
      valuesOf: (i) => Float32Array.from(bits.subarray(...at(i)), float16ToNumber),
    };
  }
  if (dtype === 'DOUBLE') {
    const values = data as Float64Array;
    return {
      kind,
      classes: size,
      batch,
      tensor,
      valuesOf: (i) => Float32Array.from(values.subarray(...at(i))),
    };
  }
  throw wrong('FLOAT, FLOAT16 or DOUBLE values, or INT64 class indices, are scored');
}
