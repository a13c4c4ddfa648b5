import { BnnqError, throwIfAny } from '../../../errors.ts';
import type { FunctionBody, Graph, Model, Node } from '../../../ir/graph.ts';
import { nodeLabel } from '../../../ir/print.ts';
import { isQuantDomain } from '../../../ir/quant-domains.ts';
import { allNodes } from '../../../ir/traverse.ts';
import { FunctionWriter } from './function-writer.ts';
import { multiThreshold, type Writer } from './multi-threshold-function.ts';

const FLOAT = 1;

/** What an operator of QONNX is as a function: its inputs, and who writes its nodes. */
interface Kind {
  readonly inputs: readonly string[];
  readonly write: Writer;
}

export interface QuantFunctions {
  readonly functions: readonly FunctionBody[];
  /** Nodes of the main graph that must say which function of their name they mean. */
  readonly overloads: ReadonlyMap<Node, string>;
}

/**
 * The operators of QONNX in a model as ONNX functions of standard operators, so that a runtime which does not know them runs the graph as it
 * stands. Every step is one of float32, in the order of QONNX (see passes/quant-arithmetic.ts). Nodes of one operator with other
 * attributes are other functions: the first has the operator's name alone, the others an overload besides (ONNX 1.16).
 * @param rankOf how many axes a value has, where that is known
 * @throws unsupported with all nodes that cannot be said so
 */
export function quantFunctions(
  model: Model,
  opset: number,
  rankOf: (name: string) => number | undefined,
): QuantFunctions {
  const own = new Set(model.functions.map(({ domain, name }) => `${domain}::${name}`));
  const functions = new Map<string, Map<string, FunctionBody>>();
  const overloads = new Map<Node, string>();
  const problems: BnnqError[] = [];
  const outer = new Set(model.graph.nodes);
  for (const node of allNodes(model.graph.nodes)) {
    const key = `${node.domain}::${node.opType}`;
    if (!isQuantDomain(node.domain) || own.has(key)) continue;
    const refuse = (reason: string): void => {
      problems.push(
        new BnnqError('unsupported', `onnx: ${nodeLabel(node)}: ${reason} what ${node.opType} does here`, {
          node: node.name,
        }),
      );
    };
    const kind = kindOf(node, model.graph, rankOf);
    if (kind === undefined) {
      refuse('no operators of the standard do');
      continue;
    }
    const body = functionOf(node, kind, opset);
    const variants = functions.get(key) ?? new Map<string, FunctionBody>();
    functions.set(key, variants);
    const text = JSON.stringify([body.attributes, body.nodes], withMaps);
    const known = variants.get(text);
    const overload = known?.overload ?? (variants.size === 0 ? '' : `${variants.size + 1}`);
    if (overload !== '' && !outer.has(node)) {
      refuse('others of its kind have other attributes, and nothing in a subgraph says');
      continue;
    }
    if (known === undefined) variants.set(text, { ...body, overload });
    if (overload !== '') overloads.set(node, overload);
  }
  throwIfAny(problems);
  return { functions: [...functions.values()].flatMap((variants) => [...variants.values()]), overloads };
}

/** Maps and what functions read, for comparing bodies as text. */
function withMaps(_: string, value: unknown): unknown {
  if (value instanceof Map) return [...value];
  if (typeof value === 'object' && value !== null && 'read' in value) {
    const { dtype, shape, data } = (
      value as { read(): { dtype: string; shape: unknown; data: unknown } }
    ).read();
    return [dtype, shape, `${data}`];
  }
  return value;
}

function functionOf(node: Node, { inputs, write }: Kind, opset: number): FunctionBody {
  const writer = new FunctionWriter();
  write(writer);
  return {
    ...{ name: node.opType, domain: node.domain, overload: '' },
    ...{ inputs: [...inputs], outputs: ['y'], attributes: [...node.attributes.keys()].toSorted() },
    ...{ defaults: new Map(), nodes: writer.nodes, opsets: new Map([['', opset]]) },
  };
}

/** How a node is said by operators of the standard; undefined where it is not. */
function kindOf(node: Node, graph: Graph, rankOf: (name: string) => number | undefined): Kind | undefined {
  const number = (name: string, fallback: number): number => {
    const attribute = node.attributes.get(name);
    return attribute?.type === 'INT' ? attribute.value : fallback;
  };
  switch (node.opType) {
    case 'BipolarQuant':
      return { inputs: ['x', 'scale'], write: writeBipolar };
    case 'MultiThreshold': {
      const write = multiThreshold(node, rankOf(node.inputs[0] ?? ''));
      return write && { inputs: ['x', 'thresholds'], write };
    }
    case 'Quant':
    case 'IntQuant': {
      const mode = node.attributes.get('rounding_mode')?.value ?? 'ROUND';
      const key = typeof mode === 'string' ? mode.toUpperCase() : '';
      const round = Object.hasOwn(ROUNDINGS, key) ? ROUNDINGS[key]! : undefined;
      if (round === undefined) return undefined;
      const isSigned = number('signed', 1) !== 0;
      const bits = graph.initializers.get(node.inputs[3] ?? '')?.read().data;
      // Signed integers of one bit are −1 and +1; a width that is computed is taken for more bits.
      const isSign = isSigned && bits?.length === 1 && Number(bits[0]) === 1;
      const isNarrow = number('narrow', 0) !== 0;
      return {
        inputs: ['x', 'scale', 'zero', 'bits'],
        write: (write) => writeQuant(write, isSign ? writeSign : toIntegers(isSigned, isNarrow, round)),
      };
    }
    default:
      return undefined;
  }
}

type Round = (write: FunctionWriter, x: string) => string;

const operator =
  (opType: string): Round =>
  (write, x) =>
    write.node(opType, [x]);

/** A rounding of sizes, taken for both signs. */
const bySize =
  (round: Round): Round =>
  (write, x) =>
    write.node('Mul', [write.node('Sign', [x]), round(write, write.node('Abs', [x]))]);

/** Down, and one more where a half is left, or more than a half. */
const halves =
  (isUp: (write: FunctionWriter, rest: string) => string): Round =>
  (write, x) => {
    const low = write.node('Floor', [x]);
    const more = write.node('Cast', [isUp(write, write.node('Sub', [x, low]))], { to: write.int(FLOAT) });
    return write.node('Add', [low, more]);
  };

const ZERO = Float32Array.of(0);
const HALF = Float32Array.of(0.5);

const ROUNDINGS: Readonly<Record<string, Round>> = {
  ROUND: operator('Round'),
  HALF_EVEN: operator('Round'),
  CEIL: operator('Ceil'),
  FLOOR: operator('Floor'),
  UP: bySize(operator('Ceil')),
  DOWN: bySize(operator('Floor')),
  ROUND_TO_ZERO: bySize(operator('Floor')),
  HALF_UP: bySize(halves((write, rest) => atLeast(write, rest, HALF))),
  HALF_DOWN: bySize(
    halves((write, rest) => write.node('Greater', [rest, write.constant('FLOAT', [], HALF)])),
  ),
};

/** (round(clamp(x / scale + zero, low, high)) − zero) · scale */
function writeQuant(write: FunctionWriter, whole: Round): void {
  const shifted = write.node('Add', [write.node('Div', ['x', 'scale']), 'zero']);
  const back = write.node('Sub', [whole(write, shifted), 'zero']);
  write.node('Mul', [back, 'scale'], {}, 'y');
}

function toIntegers(isSigned: boolean, isNarrow: boolean, round: Round): Round {
  return (write, shifted) => {
    const scalar = (value: number): string => write.constant('FLOAT', [], Float32Array.of(value));
    const steps = isSigned ? write.node('Sub', ['bits', scalar(1)]) : 'bits';
    const size = write.node('Pow', [scalar(2), steps]);
    const high = write.node('Sub', [size, scalar(isNarrow && !isSigned ? 2 : 1)]);
    const low = isSigned
      ? write.node('Add', [write.node('Neg', [size]), scalar(isNarrow ? 1 : 0)])
      : scalar(0);
    return round(write, write.node('Min', [write.node('Max', [shifted, low]), high]));
  };
}

const writeSign: Round = (write, x) => {
  const one = (value: number): string => write.constant('FLOAT', [], Float32Array.of(value));
  return write.node('Where', [atLeast(write, x, ZERO), one(1), one(-1)]);
};

/** +scale where x ≥ 0, else −scale. */
function writeBipolar(write: FunctionWriter): void {
  write.node('Where', [atLeast(write, 'x', ZERO), 'scale', write.node('Neg', ['scale'])], {}, 'y');
}

/** x ≥ a, which no operator of set 11 says; not so for NaN. */
function atLeast(write: FunctionWriter, x: string, a: Float32Array): string {
  const operands = [x, write.constant('FLOAT', [], a)];
  return write.node('Or', [write.node('Greater', operands), write.node('Equal', operands)]);
}
