import type { Initializer, Node } from '../ir/graph.ts';
import { isQuantDomain } from '../ir/quant-domains.ts';
import { rowOrder } from '../ir/quantized-tensor.ts';
import { DATA_TYPES, type DataType } from '../tensor/dtype.ts';
import { bfloat16ToNumber, float16ToNumber } from '../tensor/float16.ts';
import { sizeOf } from '../tensor/tensor.ts';
import { numberAttribute, textAttribute } from './constant-values.ts';
import { bipolarQuant, dequantize, integerRange, intQuant, roundingOf } from './quant-arithmetic.ts';

/** Elements in float32, row-major. */
export interface Floats {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/**
 * What is known of elements that are whole numbers times a scale: element i is (code + low − zero)·scale, codes of `bits`
 * bits. Scale and zero are one for all elements or one each.
 */
export interface Grid {
  readonly bits: number;
  readonly low: number;
  readonly scale: Float32Array;
  readonly zero: Float32Array;
  /** Successive elements that may share a scale, where that is said. */
  readonly block?: number;
}

/** Elements that a node makes of constants; `grid` where the node is one that rounds to a grid. */
export interface Computed extends Floats {
  readonly grid?: Grid;
}

type Compute = (
  node: Node,
  x: Floats,
  operands: readonly (Initializer | undefined)[],
) => Computed | undefined;

const SMALL_INTEGERS: ReadonlySet<DataType> = new Set([
  'INT8',
  'UINT8',
  'INT16',
  'UINT16',
  'INT4',
  'UINT4',
  'INT2',
  'UINT2',
  'BOOL',
]);

/** The type number of FLOAT in an attribute. */
const FLOAT = DATA_TYPES.FLOAT.number;

const arithmetic =
  (f: (x: number, y: number) => number): Compute =>
  (_, x, [, operand]) => {
    const y = floatsOf(operand);
    const at = y && indexInto(y.shape, x.shape);
    return y && at && { shape: x.shape, data: x.data.map((value, i) => f(value, y.data[at(i)]!)) };
  };

const quant: Compute = (node, x, [, scaleOf, zeroOf, bitsOf]) => {
  const [scale, zero, bits] = [scaleOf, zeroOf, bitsOf].map((operand) => floatsOf(operand));
  if (scale === undefined || zero === undefined || bits?.data.length !== 1) return undefined;
  const [s, z] = [scale, zero].map(({ shape }) => indexInto(shape, x.shape));
  if (s === undefined || z === undefined) return undefined;
  const width = bits.data[0]!;
  const signed = numberAttribute(node, 'signed', 1) !== 0;
  const range = integerRange(width, signed, numberAttribute(node, 'narrow', 0) !== 0);
  const round = roundingOf(textAttribute(node, 'rounding_mode', 'ROUND'));
  const data = x.data.map((value, i) => intQuant(value, scale.data[s(i)]!, zero.data[z(i)]!, range, round));
  const grid = { bits: width, low: range.low, scale: expanded(scale, s, x), zero: expanded(zero, z, x) };
  return { shape: x.shape, data, ...(width <= 8 && !range.isBipolar ? { grid } : {}) };
};

const bipolar: Compute = (_, x, [, scaleOf]) => {
  const scale = floatsOf(scaleOf);
  const at = scale && indexInto(scale.shape, x.shape);
  return (
    scale && at && { shape: x.shape, data: x.data.map((value, i) => bipolarQuant(value, scale.data[at(i)]!)) }
  );
};

const dequantizeLinear: Compute = (node, x, [from, scaleOf, zeroOf]) => {
  const scale = floatsOf(scaleOf);
  const zero = zeroOf === undefined ? undefined : floatsOf(zeroOf);
  if (scale === undefined || from === undefined || (zeroOf !== undefined && zero === undefined))
    return undefined;
  const at = scaleIndex(node, scale.shape, x.shape);
  if (at === undefined || (zero !== undefined && sizeOf(zero.shape) !== sizeOf(scale.shape)))
    return undefined;
  const zeroAt = (i: number): number => zero?.data[at(i)] ?? 0;
  const data = x.data.map((q, i) => dequantize(q, scale.data[at(i)]!, zeroAt(i)));
  const type = zeroOf?.dtype ?? from.dtype;
  const { bits } = DATA_TYPES[type];
  const block = numberAttribute(node, 'block_size', 0);
  const grid = {
    bits,
    low: type.startsWith('U') || type === 'BOOL' ? 0 : -(2 ** (bits - 1)),
    scale: expanded(scale, at, x),
    zero: zero === undefined ? new Float32Array(1) : expanded(zero, at, x),
    ...(block > 0 && { block }),
  };
  return { shape: x.shape, data, ...(bits <= 8 ? { grid } : {}) };
};

/** saturate(round(x ÷ scale) + zero), the quotient in float32, ties to even. */
const quantizeLinear: Compute = (node, x, [, scaleOf, zeroOf]) => {
  const scale = floatsOf(scaleOf);
  const zero = zeroOf === undefined ? undefined : floatsOf(zeroOf);
  const type = quantizedType(node, zeroOf);
  if (scale === undefined || type === undefined || (zeroOf !== undefined && zero === undefined))
    return undefined;
  const at = scaleIndex(node, scale.shape, x.shape);
  if (at === undefined || (zero !== undefined && sizeOf(zero.shape) !== sizeOf(scale.shape)))
    return undefined;
  const { bits } = DATA_TYPES[type];
  const least = type.startsWith('U') ? 0 : -(2 ** (bits - 1));
  const round = roundingOf('ROUND');
  const data = x.data.map((value, i) => {
    const code = round(Math.fround(value / scale.data[at(i)]!)) + (zero?.data[at(i)] ?? 0);
    return Math.min(least + 2 ** bits - 1, Math.max(least, code));
  });
  return { shape: x.shape, data };
};

/** Type of the codes that a QuantizeLinear makes; undefined where they are not small integers. */
function quantizedType(node: Node, zero: Initializer | undefined): DataType | undefined {
  const isPlain = zero !== undefined || numberAttribute(node, 'output_dtype', 0) === 0;
  const type = zero?.dtype ?? 'UINT8';
  return isPlain && numberAttribute(node, 'precision', FLOAT) === FLOAT && SMALL_INTEGERS.has(type)
    ? type
    : undefined;
}

/** Between the two operands, or attributes as before opset 11. */
const clip: Compute = (node, x, [, lowest, highest]) => {
  const [low, high] = [lowest, highest].map((bound) => (bound === undefined ? undefined : floatsOf(bound)));
  if ((lowest && low?.data.length !== 1) || (highest && high?.data.length !== 1)) return undefined;
  const least = low?.data[0] ?? numberAttribute(node, 'min', Number.NEGATIVE_INFINITY);
  const most = high?.data[0] ?? numberAttribute(node, 'max', Number.POSITIVE_INFINITY);
  return { shape: x.shape, data: x.data.map((value) => Math.min(most, Math.max(least, value))) };
};

/** Where the scale of an element is: one for all, one a position of the axis, or one a block of positions. */
function scaleIndex(
  node: Node,
  scale: readonly number[],
  x: readonly number[],
): ((i: number) => number) | undefined {
  if (sizeOf(scale) === 1) return () => 0;
  const given = numberAttribute(node, 'axis', 1);
  const axis = given < 0 ? given + x.length : given;
  const length = x[axis];
  if (length === undefined) return undefined;
  const block = numberAttribute(node, 'block_size', 0);
  const inner = sizeOf(x.slice(axis + 1));
  if (block === 0)
    return scale.length === 1 && scale[0] === length ? (i) => Math.floor(i / inner) % length : undefined;
  const blocks = Math.ceil(length / block);
  if (scale.join() !== x.with(axis, blocks).join()) return undefined;
  return (i) => {
    const position = Math.floor(i / inner) % length;
    return (Math.floor(i / (inner * length)) * blocks + Math.floor(position / block)) * inner + (i % inner);
  };
}

/** Operators on one operand and constants, by the name of the domain and the operator. */
const STANDARD: Readonly<Record<string, Compute>> = {
  Cast: (_, x) => x,
  Sign: (_, x) => ({ shape: x.shape, data: x.data.map(Math.sign) }),
  Add: arithmetic((x, y) => x + y),
  Sub: arithmetic((x, y) => x - y),
  Mul: arithmetic((x, y) => x * y),
  Div: arithmetic((x, y) => x / y),
  Clip: clip,
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
};

const QONNX: Readonly<Record<string, Compute>> = { Quant: quant, IntQuant: quant, BipolarQuant: bipolar };

/** onnxruntime's quantizer writes these for types that the operator set of the model does not have yet. */
const MICROSOFT: Readonly<Record<string, Compute>> = {
  QuantizeLinear: quantizeLinear,
  DequantizeLinear: dequantizeLinear,
};

function tableOf(domain: string): Readonly<Record<string, Compute>> {
  if (domain === '') return STANDARD;
  if (domain === 'com.microsoft') return MICROSOFT;
  return isQuantDomain(domain) ? QONNX : {};
}

function computeOf(node: Node): Compute | undefined {
  const table = tableOf(node.domain);
  return Object.hasOwn(table, node.opType) ? table[node.opType] : undefined;
}

/** Whether the node is one that `compute` knows, by its name alone. */
export function isComputable(node: Node): boolean {
  return computeOf(node) !== undefined;
}

/** Type of what the node makes of an operand of that type; undefined where it is not computed here. */
export function computedType(
  node: Node,
  type: DataType,
  operands: readonly (Initializer | undefined)[],
): DataType | undefined {
  if (node.opType === 'Cast') {
    const known =
      type === 'DOUBLE' || type.endsWith('FLOAT16') || type === 'FLOAT' || SMALL_INTEGERS.has(type);
    return known && numberAttribute(node, 'to', 0) === FLOAT ? 'FLOAT' : undefined;
  }
  if (node.opType === 'Clip') return type === 'FLOAT' || SMALL_INTEGERS.has(type) ? type : undefined;
  if (node.opType === 'QuantizeLinear')
    return type === 'FLOAT' && operands[1]?.dtype === 'FLOAT' ? quantizedType(node, operands[2]) : undefined;
  if (node.opType === 'DequantizeLinear')
    return SMALL_INTEGERS.has(type) && operands[1]?.dtype === 'FLOAT' ? 'FLOAT' : undefined;
  return type === 'FLOAT' ? 'FLOAT' : undefined;
}

/**
 * What the node makes of an operand, with the arithmetic of the runtime's operators; undefined where shapes or
 * attributes are beyond what is computed here.
 * @param operands all inputs of the node that are constants; the first may be missing
 */
export function compute(
  node: Node,
  x: Floats,
  operands: readonly (Initializer | undefined)[],
): Computed | undefined {
  return computeOf(node)?.(node, x, operands);
}

/** The elements of a constant as float32; undefined where that is not exact (but for DOUBLE, which is rounded). */
export function floatsOf(constant: Initializer | undefined): Floats | undefined {
  if (constant === undefined) return undefined;
  const { dtype, shape } = constant;
  const { data } = constant.read();
  if (dtype === 'FLOAT') return { shape, data: data as Float32Array };
  if (dtype === 'DOUBLE' || SMALL_INTEGERS.has(dtype))
    return { shape, data: Float32Array.from(data as Float64Array) };
  if (dtype === 'INT32' || dtype === 'INT64')
    return { shape, data: Float32Array.from(data as Int32Array, Number) };
  if (dtype === 'FLOAT16') return { shape, data: Float32Array.from(data as Uint16Array, float16ToNumber) };
  if (dtype === 'BFLOAT16') return { shape, data: Float32Array.from(data as Uint16Array, bfloat16ToNumber) };
  return undefined;
}

/** Transposed elements. */
export function transposedFloats({ shape, data }: Floats, perm: readonly number[]): Floats {
  const to = perm.map((axis) => shape[axis]!);
  const order = rowOrder({ split: shape, perm, rowAxes: 1 });
  return { shape: to, data: order === undefined ? data : Float32Array.from(order, (at) => data[at]!) };
}

/** Element of a tensor of `shape` that broadcasts to element i of `to`; undefined where it does not, or would enlarge it. */
function indexInto(shape: readonly number[], to: readonly number[]): ((i: number) => number) | undefined {
  const own = [...shape];
  while (own.length > to.length && own[0] === 1) own.shift();
  if (own.length > to.length) return undefined;
  const padded = [...new Array<number>(to.length - own.length).fill(1), ...own];
  if (padded.some((dim, axis) => dim !== 1 && dim !== to[axis])) return undefined;
  const axes = padded.flatMap((dim, axis) => (dim === 1 ? [] : [axis]));
  if (axes.length === 0) return () => 0;
  const steps = axes.map((axis) => ({
    inner: sizeOf(to.slice(axis + 1)),
    dim: to[axis]!,
    stride: sizeOf(padded.slice(axis + 1)),
  }));
  return (i) => {
    let at = 0;
    for (const { inner, dim, stride } of steps) at += (Math.floor(i / inner) % dim) * stride;
    return at;
  };
}

/** One value for all elements of x, or one each. */
function expanded(values: Floats, at: (i: number) => number, x: Floats): Float32Array {
  if (values.data.length === 1) return values.data;
  return Float32Array.from(x.data, (_, i) => values.data[at(i)]!);
}
