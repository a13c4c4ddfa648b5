import type { Dim, Graph, Node } from '../../ir/graph.ts';
import { numberAttribute, numbersAttribute } from '../constant-values.ts';
import { axisIn, type Fact, fact, type Infer, type InferCall } from './fact.ts';

/** What both facts say. */
function joined(a: Fact | undefined, b: Fact | undefined): Fact {
  const dtype = a?.dtype === b?.dtype ? a?.dtype : undefined;
  const [left, right] = [a?.shape, b?.shape];
  if (left === undefined || left.length !== right?.length) return fact(dtype, undefined);
  return fact(
    dtype,
    left.map((dim, i) => (dim === right[i] ? dim : null)),
  );
}

/** What is known of the outputs of a node's subgraph; symbols of the subgraph mean nothing outside of it. */
function bodyFacts({ node, body }: InferCall, name: string, inputs: readonly Fact[]): readonly Fact[] {
  const attribute = node.attributes.get(name);
  const graph: Graph | undefined = attribute?.type === 'GRAPH' ? attribute.value : undefined;
  if (graph === undefined || body === undefined) return [];
  return body(graph, inputs).map(({ dtype, shape }) =>
    fact(
      dtype,
      shape?.map((dim) => (typeof dim === 'number' ? dim : null)),
    ),
  );
}

const branches: Infer = (call) => {
  const then = bodyFacts(call, 'then_branch', []);
  const otherwise = bodyFacts(call, 'else_branch', []);
  return call.node.outputs.map((_, i) => joined(then[i], otherwise[i]));
};

/** A carried value keeps its type; its shape may change from one iteration to the next. */
const loop: Infer = (call) => {
  const initial = call.inputs.slice(2);
  const carried = initial.map(({ dtype }) => fact(dtype, undefined));
  const made = bodyFacts(call, 'body', [fact('INT64', []), fact('BOOL', []), ...carried]).slice(1);
  return call.node.outputs.map((_, i) =>
    i < initial.length ? joined(initial[i], made[i]) : withAxis(made[i], 0, null),
  );
};

/** Operator set 8 has a batch in front of everything. */
const scan: Infer = (call) => {
  const { node, opset } = call;
  const isBatched = opset < 9;
  const operands = isBatched ? call.inputs.slice(1) : call.inputs;
  const count = operands.length - numberAttribute(node, 'num_scan_inputs', 0);
  if (count < 0 || count > operands.length) return [];
  const states = operands.slice(0, count);
  const scanned = operands.slice(count).map((known, i) => {
    const axis = isBatched ? 1 : axisOf(node, 'scan_input_axes', i, known.shape?.length ?? 0);
    const rest = axis === undefined ? undefined : known.shape?.toSpliced(axis, 1);
    return {
      length: (axis === undefined ? undefined : known.shape?.[axis]) ?? null,
      slice: fact(known.dtype, isBatched ? rest?.slice(1) : rest),
    };
  });
  const batch = isBatched ? (operands[0]?.shape?.[0] ?? null) : null;
  const length = scanned[0]?.length ?? null;
  const given = states.map(({ dtype }) => fact(dtype, undefined));
  const made = bodyFacts(call, 'body', [...given, ...scanned.map(({ slice }) => slice)]);
  return node.outputs.map((_, i) => {
    const value = isBatched ? withAxis(made[i], 0, batch) : made[i];
    if (i < count) return joined(states[i], value);
    if (isBatched) return withAxis(value, 1, length);
    const axis = axisOf(node, 'scan_output_axes', i - count, (value?.shape?.length ?? 0) + 1);
    return withAxis(value, axis, length);
  });
};

function axisOf(node: Node, attribute: string, index: number, rank: number): number | undefined {
  return axisIn(numbersAttribute(node, attribute)?.[index] ?? 0, rank);
}

/** The fact with an axis more. */
function withAxis(known: Fact | undefined, axis: number | undefined, dim: Dim): Fact {
  const shape = axis === undefined ? undefined : known?.shape?.toSpliced(axis, 0, dim);
  return fact(known?.dtype, shape);
}

export const CONTROL_FLOW: Readonly<Record<string, Infer>> = { If: branches, Loop: loop, Scan: scan };
