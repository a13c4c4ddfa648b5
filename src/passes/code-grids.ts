import type { Attribute, Initializer, Node } from '../ir/graph.ts';
import { isQuantDomain } from '../ir/quant-domains.ts';
import { sizeOf } from '../tensor/tensor.ts';
import { numberAttribute, scalarValue, textAttribute } from './constant-values.ts';
import type { GraphEditor } from './graph-editor.ts';

/** What codes stand for, as attributes: one scale and one zero, and whether the quotient is what is rounded (see `CodeGrid`). */
export type Grid = Readonly<Record<'scale' | 'zero' | 'high' | 'quotient', Attribute>>;

/** A value that is rounded to codes of at most 8 bits. */
export interface Rounding {
  /** What is rounded. */
  readonly input: string;
  /** `dynamic`: 8 bits, scale and zero from the values of the run. */
  readonly grid: Grid | 'dynamic';
  /** The node that makes codes, where another makes floats of these. */
  readonly coder: Node | undefined;
}

const WHOLE_BITS = 8;
const WHOLE_HIGH = 2 ** WHOLE_BITS - 1;

/**
 * How the node's output is rounded: by a Quant, by QuantizeLinear and DequantizeLinear with one constant scale and zero point,
 * or by DynamicQuantizeLinear and DequantizeLinear. Undefined where it is not, or not to such a grid.
 */
export function roundingOf(editor: GraphEditor, node: Node): Rounding | undefined {
  if (isQuantDomain(node.domain)) {
    const grid = gridOfQuant(editor, node);
    return grid && { input: node.inputs[0]!, grid, coder: undefined };
  }
  if (node.domain !== '' || node.opType !== 'DequantizeLinear') return undefined;
  const [codes = ''] = node.inputs;
  const coder = editor.producer(codes);
  if (coder?.domain !== '' || numberAttribute(node, 'output_dtype', 0) !== 0) return undefined;
  const input = coder.inputs[0]!;
  if (coder.opType === 'DynamicQuantizeLinear') {
    const isWhole = coder.outputs.length === 3 && coder.outputs.every((name, i) => name === node.inputs[i]);
    return isWhole ? { input, grid: 'dynamic', coder } : undefined;
  }
  if (coder.opType !== 'QuantizeLinear') return undefined;
  const [made, read] = [gridOfPair(editor, coder), gridOfPair(editor, node)];
  const isOne =
    made !== undefined && made.scale.value === read?.scale.value && made.zero.value === read.zero.value;
  return isOne ? { input, grid: made, coder } : undefined;
}

/** What the codes of a Quant stand for: one scale, one zero, at most 8 bits, ties to even. Signed integers count from the lowest. */
function gridOfQuant(editor: GraphEditor, node: Node): Grid | undefined {
  if (node.opType !== 'Quant' && node.opType !== 'IntQuant') return undefined;
  const [scale, zero, bits] = [1, 2, 3].map((place) => scalarConstant(editor, node.inputs[place]));
  if (scale === undefined || zero === undefined || bits === undefined) return undefined;
  const isPlain = ['ROUND', 'HALF_EVEN'].includes(
    textAttribute(node, 'rounding_mode', 'ROUND').toUpperCase(),
  );
  const isSigned = numberAttribute(node, 'signed', 1) !== 0;
  const narrow = numberAttribute(node, 'narrow', 0) !== 0 ? 1 : 0;
  if (!isPlain || !Number.isInteger(bits) || bits < (isSigned ? 2 : 1) || bits > WHOLE_BITS) return undefined;
  const lowest = isSigned ? narrow - 2 ** (bits - 1) : 0;
  return gridWith(scale, zero - lowest, 2 ** bits - 1 - narrow, 0);
}

/** The one value of a constant without axes, which leaves the shape of what it scales. */
function scalarConstant(editor: GraphEditor, name: string | undefined): number | undefined {
  const constant = editor.constant(name);
  return constant?.shape.length === 0 ? scalarValue(constant) : undefined;
}

/** That of a QuantizeLinear or DequantizeLinear: one FLOAT scale, a zero point of UINT8 or INT8 or none. INT8 counts from −128. */
function gridOfPair(editor: GraphEditor, node: Node): Grid | undefined {
  const [, scaleName, zeroName = ''] = node.inputs;
  if (['output_dtype', 'precision'].some((name) => numberAttribute(node, name, 0) !== 0)) return undefined;
  const scale = editor.constant(scaleName);
  if (scale?.dtype !== 'FLOAT') return undefined;
  const step = scalarValue(scale);
  const zero = zeroName === '' ? 0 : zeroPoint(editor.constant(zeroName));
  return step === undefined || zero === undefined ? undefined : gridWith(step, zero, WHOLE_HIGH, 1);
}

function zeroPoint(constant: Initializer | undefined): number | undefined {
  if (constant === undefined || sizeOf(constant.shape) !== 1) return undefined;
  if (constant.dtype !== 'UINT8' && constant.dtype !== 'INT8') return undefined;
  const value = Number(constant.read().data[0]);
  return constant.dtype === 'INT8' ? value + 128 : value;
}

function gridWith(scale: number, zero: number, high: number, quotient: 0 | 1): Grid | undefined {
  if (!(scale > 0 && Number.isFinite(scale)) || !Number.isInteger(zero) || zero < 0 || zero > high)
    return undefined;
  const whole = (value: number): Attribute => ({ type: 'INT', value });
  return {
    scale: { type: 'FLOAT', value: scale },
    zero: whole(zero),
    high: whole(high),
    quotient: whole(quotient),
  };
}
