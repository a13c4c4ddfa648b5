import { BnnqError } from '../errors.ts';
import { constantInitializer } from '../ir/constant-initializer.ts';
import type { Attribute, Initializer, Model, Node } from '../ir/graph.ts';
import { allNodes } from '../ir/traverse.ts';
import { floats, type Tensor } from '../tensor/tensor.ts';

/** Equal steps: x becomes (q − zero)·scale for the nearest q of 0 … 2^bits − 1. The zero is whole, so that 0 is a level. */
export interface UniformRule {
  readonly kind: 'uniform';
  readonly bits: number;
  /** A float32 above 0. */
  readonly scale: number;
  /** A whole number from 0 to 2^bits − 1. */
  readonly zero: number;
}

/**
 * One bit: x becomes `high` where x ≥ `thresholds`, else `low`; a value for each channel, or one for all. What a
 * convolution pads with stays plain zeros, which is none of the two levels.
 */
export interface ThresholdRule {
  readonly kind: 'threshold';
  readonly thresholds: Float32Array;
  readonly low: Float32Array;
  readonly high: Float32Array;
  /** Shape of the three, which broadcasts to that of the value: [1,C,1,1], [1,C] or []. */
  readonly shape: readonly number[];
}

/** Equal steps of 8 bits over what the values of the run span: all of them together, whatever the batch. */
export interface DynamicRule {
  readonly kind: 'dynamic';
}

export type ActivationRule = UniformRule | ThresholdRule | DynamicRule;

/** A value, the operands of layers that read it, and what they shall read in its place. */
export interface ActivationQuant {
  readonly value: string;
  readonly layers: readonly { readonly node: Node; readonly input: number }[];
  readonly rule: ActivationRule;
}

/** Where Quant and BipolarQuant are defined. */
const DOMAIN = 'qonnx.custom_op.general';

/** The first operator set with DynamicQuantizeLinear. */
const DYNAMIC_OPSET = 11;

/**
 * A copy of the model in which layers read rounded values: Quant for equal steps, DynamicQuantizeLinear → DequantizeLinear for
 * those of the run; for one bit Sub (threshold) →
 * BipolarQuant (half the distance of the levels) → Add (their centre). x − t is never rounded to the other side of 0, so
 * x ≥ t is exactly what decides, and x = t gives the upper level. Other readers of a value, such as the sum of a residual
 * block, go on to read it as it is. A value is rounded once for all its layers.
 * @throws internal for nodes that are not in the main graph; unsupported for ranges of the run in a model of an operator set before 11
 */
export function insertActivationQuant(model: Model, quants: readonly ActivationQuant[]): Model {
  if (quants.length === 0) return model;
  const { graph } = model;
  if (quants.some(({ rule }) => rule.kind === 'dynamic')) expectDynamicOpset(model);
  const free = nameMaker(model);
  const initializers = new Map(graph.initializers);
  const constant = (name: string, tensor: Tensor): string => {
    const initializer: Initializer = constantInitializer(free(name), tensor);
    initializers.set(initializer.name, initializer);
    return initializer.name;
  };
  /** New nodes by the one that they come before, and new inputs by node. */
  const before = new Map<Node, Node[]>();
  const rewired = new Map<Node, string[]>();
  const position = new Map(graph.nodes.map((node, i) => [node, i]));
  for (const { value, layers, rule } of quants) {
    const places = layers.map(({ node }) => position.get(node) ?? -1);
    if (places.length === 0 || places.some((place) => place < 0))
      throw new BnnqError('internal', `value "${value}": a layer that reads it is not in the graph`, {
        tensor: value,
      });
    const first = graph.nodes[Math.min(...places)]!;
    const result =
      rule.kind === 'dynamic' ? dynamic(value, free) : chain(stepsOf(value, rule, constant), value, free);
    before.set(first, [...(before.get(first) ?? []), ...result.nodes]);
    for (const { node, input } of layers) {
      const inputs = rewired.get(node) ?? [...node.inputs];
      inputs[input] = result.output;
      rewired.set(node, inputs);
    }
  }
  const nodes = graph.nodes.flatMap((node) => {
    const inputs = rewired.get(node);
    return [...(before.get(node) ?? []), inputs === undefined ? node : { ...node, inputs }];
  });
  const opsets = new Map(model.opsets);
  if (quants.some(({ rule }) => rule.kind !== 'dynamic') && !opsets.has(DOMAIN)) opsets.set(DOMAIN, 1);
  return { ...model, opsets, graph: { ...graph, nodes, initializers } };
}

/** A node whose first input and output are still to be named. */
type Step = Omit<Node, 'outputs'>;
type AddConstant = (name: string, tensor: Tensor) => string;

function stepsOf(value: string, rule: UniformRule | ThresholdRule, constant: AddConstant): Step[] {
  return rule.kind === 'uniform' ? uniform(value, rule, constant) : threshold(value, rule, constant);
}

function uniform(value: string, { bits, scale, zero }: UniformRule, constant: AddConstant): Step[] {
  const scalar = (name: string, number: number): string => constant(`${value}_${name}`, floats([], [number]));
  const parameters = [scalar('scale', scale), scalar('zero_point', zero), scalar('bit_width', bits)];
  const attributes = new Map<string, Attribute>([
    ['signed', { type: 'INT', value: 0 }],
    ['narrow', { type: 'INT', value: 0 }],
    ['rounding_mode', { type: 'STRING', value: 'ROUND' }],
  ]);
  return [{ name: `${value}_quant`, opType: 'Quant', domain: DOMAIN, inputs: parameters, attributes }];
}

function threshold(
  value: string,
  { thresholds, low, high, shape }: ThresholdRule,
  constant: AddConstant,
): Step[] {
  const add = (name: string, values: Float32Array): string =>
    constant(`${value}_${name}`, floats(shape, values));
  const half = low.map((level, c) => (high[c]! - level) / 2);
  const centre = low.map((level, c) => (high[c]! + level) / 2);
  const step = (opType: string, domain: string, parameter: string): Step => ({
    name: `${value}_${opType.toLowerCase()}`,
    opType,
    domain,
    inputs: [parameter],
    attributes: new Map(),
  });
  return [
    step('Sub', '', add('threshold', thresholds)),
    step('BipolarQuant', DOMAIN, add('half_width', half)),
    step('Add', '', add('centre', centre)),
  ];
}

/** The steps one after the other, from the value on. */
function chain(
  steps: readonly Step[],
  value: string,
  free: (name: string) => string,
): { nodes: Node[]; output: string } {
  let output = value;
  const nodes = steps.map((step) => {
    const inputs = [output, ...step.inputs];
    output = free(`${value}_quantized`);
    return { ...step, name: free(step.name), inputs, outputs: [output] };
  });
  return { nodes, output };
}

/** Codes, scale and zero point, and what they stand for. */
function dynamic(value: string, free: (name: string) => string): { nodes: Node[]; output: string } {
  const coded = ['codes', 'scale', 'zero_point'].map((name) => free(`${value}_${name}`));
  const output = free(`${value}_quantized`);
  const node = (opType: string, inputs: readonly string[], outputs: readonly string[]): Node => ({
    ...{ name: free(`${value}_${opType.toLowerCase()}`), opType, domain: '', inputs, outputs },
    attributes: new Map(),
  });
  const nodes = [node('DynamicQuantizeLinear', [value], coded), node('DequantizeLinear', coded, [output])];
  return { nodes, output };
}

function expectDynamicOpset({ opsets }: Model): void {
  const opset = opsets.get('') ?? opsets.get('ai.onnx') ?? 0;
  if (opset < DYNAMIC_OPSET)
    throw new BnnqError(
      'unsupported',
      `ranges of the run are found by DynamicQuantizeLinear, which ONNX has from operator set ${DYNAMIC_OPSET} on; the model is of operator set ${opset}`,
    );
}

/** Gives names that neither a value nor a node has, in the graph or in one inside of it. */
function nameMaker({ graph }: Model): (wanted: string) => string {
  const taken = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  for (const name of graph.initializers.keys()) taken.add(name);
  for (const node of allNodes(graph.nodes))
    for (const name of [node.name, ...node.inputs, ...node.outputs]) taken.add(name);
  return (wanted) => {
    let name = wanted;
    for (let i = 2; taken.has(name); i++) name = `${wanted}_${i}`;
    taken.add(name);
    return name;
  };
}
