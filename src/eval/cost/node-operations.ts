import type { Node } from '../../ir/graph.ts';
import { isQuantDomain } from '../../ir/quant-domains.ts';
import {
  numberAttribute,
  numbersAttribute,
  scalarValue,
  textAttribute,
} from '../../passes/constant-values.ts';
import { type Operations, type Work, workOn } from './operations.ts';
import { isInPlace, type Structure } from './structure.ts';

/**
 * Functions without an instruction of their own, as additions and multiplications of floats. A reciprocal by three steps of Newton's
 * method (x ← x·(2 − a·x)) and a multiplication; a root by three steps for 1/√a (x ← x·(1.5 − ½a·x·x)) and a multiplication; exp and log by
 * a reduction of the argument in two steps, a polynomial of degree 5 or 6 and a change of the exponent.
 */
const DIVIDE: Work = { multiply: 7, add: 3 };
const ROOT: Work = { multiply: 10, add: 3 };
const EXP: Work = { multiply: 8, add: 8 };
/** Tanh and the error function, too. */
export const SIGMOID: Required<Work> = sum(EXP, { add: 1 }, DIVIDE);

function sum(...parts: readonly Work[]): Required<Work> {
  const total = (field: keyof Work): number => parts.reduce((all, part) => all + (part[field] ?? 0), 0);
  return { add: total('add'), multiply: total('multiply'), compare: total('compare'), logic: total('logic') };
}

const ADD: Work = { add: 1 };
const MULTIPLY: Work = { multiply: 1 };
const COMPARE: Work = { compare: 1 };
const LOGIC: Work = { logic: 1 };
const NOTHING: Work = {};

/** What an element of the output takes; the operators of which each element depends on the one in its place. */
const ELEMENTWISE: Readonly<Record<string, Work>> = {
  ...{
    Add: ADD,
    Sub: ADD,
    Neg: LOGIC,
    Abs: LOGIC,
    Mul: MULTIPLY,
    Div: DIVIDE,
    Reciprocal: DIVIDE,
    Sqrt: ROOT,
  },
  ...{ Exp: EXP, Log: EXP, Sin: EXP, Cos: EXP, Tanh: SIGMOID, Sigmoid: SIGMOID, Erf: SIGMOID },
  ...{ Softplus: sum(EXP, EXP, ADD), Softsign: sum(ADD, LOGIC, DIVIDE), Pow: sum(EXP, EXP, MULTIPLY) },
  ...{ Relu: COMPARE, Clip: { compare: 2 }, Max: COMPARE, Min: COMPARE, Sign: COMPARE },
  ...{ LeakyRelu: sum(COMPARE, MULTIPLY), PRelu: sum(COMPARE, MULTIPLY), ThresholdedRelu: COMPARE },
  ...{ Elu: sum(COMPARE, EXP, ADD, MULTIPLY), Selu: sum(COMPARE, EXP, ADD, { multiply: 2 }) },
  ...{ Celu: sum(COMPARE, EXP, ADD, { multiply: 2 }), HardSigmoid: sum(MULTIPLY, ADD, { compare: 2 }) },
  ...{ HardSwish: sum({ multiply: 2 }, ADD, { compare: 2 }), Gelu: sum(SIGMOID, ADD, { multiply: 3 }) },
  ...{ Swish: sum(SIGMOID, MULTIPLY), Mish: sum(EXP, EXP, ADD, SIGMOID, MULTIPLY) },
  ...{
    Tan: EXP,
    Sinh: SIGMOID,
    Cosh: SIGMOID,
    Asin: EXP,
    Acos: EXP,
    Atan: EXP,
    Asinh: EXP,
    Acosh: EXP,
    Atanh: EXP,
  },
  ...{
    Sum: ADD,
    Mean: sum(ADD, MULTIPLY),
    Mod: DIVIDE,
    Shrink: sum(ADD, COMPARE),
    IsNaN: COMPARE,
    IsInf: COMPARE,
  },
  ...{ BitShift: LOGIC, BitwiseNot: LOGIC, CastLike: NOTHING },
  ...{ Floor: ADD, Ceil: ADD, Round: ADD, Cast: NOTHING, Where: LOGIC },
  ...{ Equal: COMPARE, Greater: COMPARE, Less: COMPARE, GreaterOrEqual: COMPARE, LessOrEqual: COMPARE },
  ...{
    And: LOGIC,
    Or: LOGIC,
    Xor: LOGIC,
    Not: LOGIC,
    BitwiseAnd: LOGIC,
    BitwiseOr: LOGIC,
    BitwiseXor: LOGIC,
  },
  // scale and shift of a channel are worked out before
  BatchNormalization: sum(MULTIPLY, ADD),
  // to the grid, its zero point, and both ends of the range
  QuantizeLinear: sum(MULTIPLY, ADD, { compare: 2 }),
  DequantizeLinear: sum(ADD, MULTIPLY),
};

/** Operators of QONNX and FINN that round. */
const ROUNDING: Readonly<Record<string, Work>> = {
  Quant: sum(MULTIPLY, ADD, { compare: 2 }),
  IntQuant: sum(MULTIPLY, ADD, { compare: 2 }),
  Trunc: sum(MULTIPLY, ADD, { compare: 2 }),
  FloatQuant: sum(MULTIPLY, ADD, { compare: 2 }),
  BipolarQuant: COMPARE,
  MultiThreshold: COMPARE,
};

export const SOFTMAX: Work = sum(COMPARE, { add: 2 }, EXP, MULTIPLY);

/** What an element of the output takes of operators that normalize rows: moments, a scale, a shift. */
const NORMALIZING: Readonly<Record<string, Work>> = {
  Softmax: SOFTMAX,
  Hardmax: COMPARE,
  RotaryEmbedding: { add: 1, multiply: 2 },
  // the range of all elements first
  DynamicQuantizeLinear: { add: 1, multiply: 1, compare: 4 },
  LogSoftmax: sum(COMPARE, { add: 3 }, EXP),
  LayerNormalization: { add: 4, multiply: 3 },
  InstanceNormalization: { add: 4, multiply: 3 },
  GroupNormalization: { add: 4, multiply: 3 },
  MeanVarianceNormalization: { add: 3, multiply: 2 },
  RMSNormalization: { add: 1, multiply: 3 },
  LpNormalization: { add: 1, multiply: 2 },
};

/** What an element of the input takes of operators that reduce, and then one of the output. */
const REDUCING: Readonly<Record<string, readonly [input: Work, output: Work]>> = {
  ...{ GlobalAveragePool: [ADD, MULTIPLY], GlobalMaxPool: [COMPARE, NOTHING], ArgMax: [COMPARE, NOTHING] },
  ...{
    ReduceMean: [ADD, MULTIPLY],
    ReduceSum: [ADD, NOTHING],
    ReduceMax: [COMPARE, NOTHING],
    ArgMin: [COMPARE, NOTHING],
  },
  ...{
    ReduceMin: [COMPARE, NOTHING],
    ReduceProd: [MULTIPLY, NOTHING],
    ReduceSumSquare: [sum(MULTIPLY, ADD), NOTHING],
  },
  ...{ ReduceL1: [sum(LOGIC, ADD), NOTHING], ReduceL2: [sum(MULTIPLY, ADD), ROOT], TopK: [COMPARE, NOTHING] },
  CumSum: [ADD, NOTHING],
  CumProd: [MULTIPLY, NOTHING],
  ReduceLogSum: [ADD, EXP],
  ReduceLogSumExp: [sum(EXP, ADD), EXP],
};

/** Operators that move elements and compute nothing. */
const MOVING: ReadonlySet<string> = new Set(
  'Transpose Pad Concat Split Slice Gather GatherElements GatherND ScatterElements ScatterND Expand Tile DepthToSpace SpaceToDepth Shape Size ConstantOfShape ReverseSequence Compress OneHot Range Trilu CenterCropPad EyeLike'.split(
    ' ',
  ),
);

/** Whether a node can take its operand as it comes: element i of the output needs element i of the operand. */
export function isElementwise({ domain, opType }: Node): boolean {
  return isQuantDomain(domain) ? opType in ROUNDING : domain === '' && opType in ELEMENTWISE;
}

/** The operations of a node that is no layer; undefined where its operator is not known, or a shape is missing. */
export function nodeOperations(structure: Structure, node: Node): Operations[] | undefined {
  if (isInPlace(node)) return [];
  const { opType, domain } = node;
  const [input = '', output = ''] = [dataInput(structure, node), node.outputs[0]];
  const [read, made] = [structure.countOf(input), structure.countOf(output)];
  if (made === undefined) return undefined;
  const { bits, integer } = structure.widthOf(opType === 'Where' ? output : input);
  const held = { bits, integer };
  if (isQuantDomain(domain)) {
    const work = ROUNDING[opType];
    const levels = opType === 'MultiThreshold' ? (structure.shapeOf(node.inputs[1] ?? '')?.[1] ?? 1) : 1;
    return work && workOn(work, held, made * Number(levels));
  }
  if (domain !== '') return undefined;
  if (MOVING.has(opType) || (opType === 'DequantizeLinear' && isForLayers(structure, output))) return [];
  const perElement =
    byConstant(structure, node) ?? ELEMENTWISE[opType] ?? NORMALIZING[opType] ?? resizing(node);
  if (perElement !== undefined) {
    const operands = /^(Max|Min|Sum|Mean)$/.test(opType) ? node.inputs.length - 1 : 1;
    return workOn(perElement, computedType(structure, node, held), made * operands);
  }
  const reducing = REDUCING[opType];
  if (reducing !== undefined)
    return read === undefined
      ? undefined
      : [...workOn(reducing[0], held, read), ...workOn(reducing[1], held, made)];
  const window = (numbersAttribute(node, 'kernel_shape') ?? []).reduce((a, b) => a * b, 1);
  if (opType === 'MaxPool') return workOn(COMPARE, held, made * (window - 1));
  if (opType === 'AveragePool') return workOn({ add: window - 1, multiply: 1 }, held, made);
  if (opType === 'LRN')
    return workOn(sum({ add: numberAttribute(node, 'size', 1), multiply: 3 }, EXP, EXP), held, made);
  return undefined;
}

/** Whether only layers read a value: they multiply the codes, and their sums with the scale. */
function isForLayers(structure: Structure, name: string): boolean {
  return structure.readersOf(name).every((reader) => structure.macs.has(reader));
}

/** The first operand that is no constant. */
function dataInput(structure: Structure, { inputs }: Node): string | undefined {
  return inputs.find((name) => !structure.isConstant(name)) ?? inputs[0];
}

/** Sums and products of rounded values with their scales are floats; whole numbers of the graph stay what they are. */
function computedType(
  structure: Structure,
  { opType, outputs }: Node,
  held: { bits: number; integer: boolean },
) {
  if (opType === 'DequantizeLinear') return { bits: 32, integer: false };
  const made = structure.widthOf(outputs[0] ?? '');
  const isArithmetic =
    !/^(Relu|Clip|Max|Min|Sign|Equal|Greater|Less|GreaterOrEqual|LessOrEqual|Where|Abs|Neg)$/.test(opType);
  return isArithmetic && !made.integer
    ? { bits: Math.max(made.bits, held.integer ? 0 : held.bits), integer: false }
    : held;
}

/** A constant divisor is multiplied with as its reciprocal, and small powers are products and roots. */
function byConstant(structure: Structure, { opType, inputs }: Node): Work | undefined {
  const constant = structure.constant(inputs[1] ?? '');
  if (constant === undefined) return undefined;
  if (opType === 'Div') return MULTIPLY;
  const exponent = opType === 'Pow' ? scalarValue(constant) : undefined;
  if (exponent === 0.5) return ROOT;
  return exponent === 2 || exponent === 3 ? { multiply: exponent - 1 } : undefined;
}

/** Interpolation between four neighbours; the nearest one is only copied. */
function resizing(node: Node): Work | undefined {
  if (node.opType !== 'Resize' && node.opType !== 'Upsample') return undefined;
  return textAttribute(node, 'mode', 'nearest') === 'nearest' ? NOTHING : { multiply: 4, add: 3 };
}
