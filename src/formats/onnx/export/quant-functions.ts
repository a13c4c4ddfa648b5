import { BnnqError, throwIfAny } from '../../../errors.ts';
import type { FunctionBody, Model, Node } from '../../../ir/graph.ts';
import { nodeLabel } from '../../../ir/print.ts';
import { isQuantDomain } from '../../../ir/quant-domains.ts';
import { allNodes } from '../../../ir/traverse.ts';
import { FunctionWriter } from './function-writer.ts';

const OPERATORS: ReadonlySet<string> = new Set(['Quant', 'IntQuant', 'BipolarQuant']);

/**
 * The operators of QONNX in a model as ONNX functions of standard operators, so that a runtime which does not know them runs the graph as it
 * stands. Every step is one of float32, in the order of QONNX (see passes/quant-arithmetic.ts).
 * @throws unsupported with all nodes that cannot be said so: other operators, one with several sets of attributes
 */
export function quantFunctions(model: Model, opset: number): FunctionBody[] {
  const own = new Set(model.functions.map(({ domain, name }) => `${domain}::${name}`));
  const functions = new Map<string, FunctionBody>();
  const problems: BnnqError[] = [];
  for (const node of allNodes(model.graph.nodes)) {
    const key = `${node.domain}::${node.opType}`;
    if (!isQuantDomain(node.domain) || own.has(key)) continue;
    const body = bodyOf(node, opset);
    const known = functions.get(key);
    if (body === undefined || (known !== undefined && known.name !== body.name)) {
      const reason =
        body === undefined ? 'no operators of the standard do' : 'others of its kind have other attributes';
      problems.push(
        new BnnqError('unsupported', `onnx: ${nodeLabel(node)}: ${reason} what ${node.opType} does here`, {
          node: node.name,
        }),
      );
    } else functions.set(key, body);
  }
  throwIfAny(problems);
  return [...functions.values()].map((body) => ({ ...body, name: body.name.split(' ')[0]! }));
}

/** A function whose name has the attributes behind it; undefined where there is none. */
function bodyOf(node: Node, opset: number): FunctionBody | undefined {
  if (!OPERATORS.has(node.opType)) return undefined;
  const number = (name: string, fallback: number): number => {
    const attribute = node.attributes.get(name);
    return attribute?.type === 'INT' ? attribute.value : fallback;
  };
  const rounding = node.attributes.get('rounding_mode');
  const mode = rounding?.type === 'STRING' ? rounding.value.toUpperCase() : 'ROUND';
  const write = new FunctionWriter();
  let inputs: string[];
  if (node.opType === 'BipolarQuant') {
    inputs = ['x', 'scale'];
    writeBipolar(write);
  } else {
    if (mode !== 'ROUND' && mode !== 'HALF_EVEN') return undefined;
    inputs = ['x', 'scale', 'zero', 'bits'];
    writeQuant(write, number('signed', 1) !== 0, number('narrow', 0) !== 0);
  }
  const attributes = [...node.attributes.keys()].toSorted();
  const values = attributes.map((name) => `${name}=${JSON.stringify(node.attributes.get(name))}`);
  return {
    name: [node.opType, ...values].join(' '),
    domain: node.domain,
    overload: '',
    inputs,
    outputs: ['y'],
    attributes,
    defaults: new Map(),
    nodes: write.nodes,
    opsets: new Map([['', opset]]),
  };
}

/** (round(clamp(x / scale + zero, low, high)) − zero) · scale */
function writeQuant(write: FunctionWriter, isSigned: boolean, isNarrow: boolean): void {
  const scalar = (value: number): string => write.constant('FLOAT', [], Float32Array.of(value));
  const steps = isSigned ? write.node('Sub', ['bits', scalar(1)]) : 'bits';
  const size = write.node('Pow', [scalar(2), steps]);
  const high = write.node('Sub', [size, scalar(isNarrow && !isSigned ? 2 : 1)]);
  const low = isSigned ? write.node('Add', [write.node('Neg', [size]), scalar(isNarrow ? 1 : 0)]) : scalar(0);
  const shifted = write.node('Add', [write.node('Div', ['x', 'scale']), 'zero']);
  const clamped = write.node('Min', [write.node('Max', [shifted, low]), high]);
  const back = write.node('Sub', [write.node('Round', [clamped]), 'zero']);
  write.node('Mul', [back, 'scale'], {}, 'y');
}

/** +scale where x ≥ 0, else −scale. */
function writeBipolar(write: FunctionWriter): void {
  const zero = write.constant('FLOAT', [], Float32Array.of(0));
  const isUp = write.node('Or', [write.node('Greater', ['x', zero]), write.node('Equal', ['x', zero])]);
  write.node('Where', [isUp, 'scale', write.node('Neg', ['scale'])], {}, 'y');
}
