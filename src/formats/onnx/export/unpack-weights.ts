import { constantInitializer } from '../../../ir/constant-initializer.ts';
import type { Attribute, FunctionBody, Initializer, Node } from '../../../ir/graph.ts';
import { isInRowOrder, type QuantizedTensor, tableCount } from '../../../ir/quantized-tensor.ts';
import { packBits, planeBytes, unpackBits } from '../../../tensor/bits.ts';
import { floats } from '../../../tensor/tensor.ts';
import { UNPACK_DOMAIN, unpackFunction, unpackName } from './unpack-function.ts';

/** What makes weights of their bit-planes, to be put before the nodes of a graph. */
export interface Unpacking {
  readonly nodes: readonly Node[];
  readonly initializers: readonly Initializer[];
  readonly functions: readonly FunctionBody[];
}

/**
 * Bit-planes and level parameters of weights as initializers, and a node that makes each weight of them under its old name.
 * @param opset of the operators of the standard, from `UNPACK_OPSET` on
 * @param free gives a name that nothing in the graph has
 */
export function unpackWeights(
  weights: ReadonlyMap<string, QuantizedTensor>,
  opset: number,
  free: (wanted: string) => string,
): Unpacking {
  const nodes: Node[] = [];
  const initializers: Initializer[] = [];
  const functions = new Map<string, FunctionBody>();
  const shapes = new Map<string, string>();
  const add = (initializer: Initializer): string => {
    initializers.push(initializer);
    return initializer.name;
  };
  const shapeInput = (shape: readonly number[]): string => {
    const key = `${shape}`;
    let name = shapes.get(key);
    if (name === undefined) {
      name = add(int64s(free(`shape.${shapes.size}`), shape));
      shapes.set(key, name);
    }
    return name;
  };
  let number = 0;
  for (const [name, weight] of weights) {
    const q = withWholeGroups(weight);
    const kind = { rule: q.rule, bits: q.bits, dtype: q.dtype };
    const opType = unpackName(kind);
    if (!functions.has(opType)) functions.set(opType, unpackFunction(kind, opset));
    const tables = tableCount(q);
    const planes = {
      dtype: 'UINT8',
      shape: [q.bits, planeBytes(q.rows * q.columns), 1],
      data: q.planes,
    } as const;
    const codes = add(constantInitializer(free(`codes.${number}`), planes));
    const params = add(
      constantInitializer(free(`levels.${number}`), floats([tables, q.params.length / tables], q.params)),
    );
    number++;
    const steps = stepsFrom(q, weight);
    const inputs = [codes, params, shapeInput(steps.shape)];
    let made = name;
    const chain: Node[] = [];
    // From the last step to the first, so that the last one makes the weight under its name. What a step reads is called
    // after what it makes: so a reader tells it from the model's own nodes.
    for (const step of steps.rest.toReversed()) {
      const before = free(`${made}.${step.opType}`);
      const operands = step.inputs.map((input) => (typeof input === 'string' ? input : shapeInput(input)));
      chain.unshift(nodeOf(step.opType, [before, ...operands], made, step.attributes));
      made = before;
    }
    nodes.push({ ...nodeOf(opType, inputs, made, {}), domain: UNPACK_DOMAIN }, ...chain);
  }
  return { nodes, initializers, functions: [...functions.values()] };
}

interface Step {
  readonly opType: string;
  /** Besides the value: names, or numbers as INT64. */
  readonly inputs: readonly (string | readonly number[])[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** The shape that the function is to give, and what makes the weight of that. */
function stepsFrom(q: QuantizedTensor, weight: QuantizedTensor): { shape: readonly number[]; rest: Step[] } {
  const { split, perm } = weight.layout;
  const isWhole = q.columns === weight.columns;
  const isOrdered = isInRowOrder(weight.layout);
  if (isWhole && isOrdered) return { shape: weight.shape, rest: [] };
  const rest: Step[] = [];
  const permuted = perm.map((axis) => split[axis]!);
  const reshape = (shape: readonly number[]): Step => ({
    opType: 'Reshape',
    inputs: [shape],
    attributes: {},
  });
  if (!isWhole) {
    rest.push({ opType: 'Slice', inputs: [[0], [weight.columns], [1]], attributes: {} });
    rest.push(reshape(isOrdered ? weight.shape : permuted));
  }
  if (!isOrdered) {
    const inverse = split.map((_, axis) => perm.indexOf(axis));
    rest.push({ opType: 'Transpose', inputs: [], attributes: { perm: { type: 'INTS', value: inverse } } });
    if (`${split}` !== `${weight.shape}`) rest.push(reshape(weight.shape));
  }
  return { shape: isWhole ? permuted : [q.rows, q.columns], rest };
}

/** The same weight with rows filled up to whole groups: every table then has as many codes. */
function withWholeGroups(q: QuantizedTensor): QuantizedTensor {
  const isWhole = q.columns <= q.groupSize || q.columns % q.groupSize === 0;
  if (!q.granularity.startsWith('group:') || isWhole) return q;
  const columns = Math.ceil(q.columns / q.groupSize) * q.groupSize;
  const codes = new Uint8Array(q.rows * columns);
  for (let r = 0; r < q.rows; r++)
    codes.set(unpackBits(q.planes, q.bits, q.rows * q.columns, r * q.columns, q.columns), r * columns);
  return { ...q, columns, shape: [q.rows, columns], planes: packBits(codes, q.bits) };
}

function int64s(name: string, values: readonly number[]): Initializer {
  const data = BigInt64Array.from(values, BigInt);
  return constantInitializer(name, { dtype: 'INT64', shape: [values.length], data });
}

function nodeOf(
  opType: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, Attribute>>,
): Node {
  return {
    ...{ name: '', opType, domain: '', inputs, outputs: [output] },
    attributes: new Map(Object.entries(attributes)),
  };
}
