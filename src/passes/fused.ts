import type { Attribute, Initializer, Node } from '../ir/graph.ts';
import { numberAttribute, withAttributes } from './constant-values.ts';
import type { GraphEditor } from './graph-editor.ts';

/**
 * Operators of the domain `bnnq`: what the passes make of a layer and what follows it, for the runtime alone. They are
 * never written to a file.
 *
 * | operator | inputs                             | value                                                       |
 * | -------- | ---------------------------------- | ----------------------------------------------------------- |
 * | Conv     | X, W, scale?, bias?, addend?       | clamp(conv(X, W)·scale[c] + bias[c] + addend), c = axis 1    |
 * | Linear   | X, W, scale?, bias?, addend?       | clamp(X·W′·scale[c] + bias[c] + addend), c = the last axis   |
 * | Affine   | X, scale, shift                    | clamp(X·scale[c] + shift[c]), c = axis 1                     |
 * | Signs    | X, thresholds?                     | the signs of X, or of X − thresholds[c], as a map; what has none keeps all of X float, as −1, 0 and 1. Attribute `zero`: 1 where 0 counts as +1 |
 * | BinaryConv, BinaryLinear | as Conv and Linear, X a map or floats, thresholds? | the same; with `signs` (0 or 1, as `zero`) the signs of that, as Signs gives them |
 * | SignPool | X                                  | MaxPool of a map or floats                                  |
 * | SignCombine | A, B                            | `how`: product (xor), larger (and) or smaller (or) of two signs; `table`: of floats, see sign-tables.ts |
 * | SignMove | X…                                 | channels of maps; `runs`: [input, first channel, length] in order |
 * | SignPad  | X                                  | pixels around an image (`pads` top, left, bottom, right), those of its edge (`edge` 1) or +1 |
 * | SignFloats | X                                | the signs as floats [N, `dims`, H, W], without H and W where `space` is 0 |
 * | Codes    | X                                  | codes of X as a map, of the grid that the attributes `scale`, `zero`, `high`, `quotient` (1: the quotient is rounded) name; see kernels/integer/contract.ts |
 * | DynamicCodes | X                              | codes of X as a map, and scale and zero as DynamicQuantizeLinear chooses them |
 * | IntegerConv, IntegerLinear | as Conv and Linear, X codes of `x_scale`, `x_zero`, `x_high`, or with x_scale and x_zero as inputs behind the addend | the same; with `y_scale`, `y_zero`, `y_high`, `y_quotient` the codes of that, as Codes gives them; with `y_unit` fixed-point values, as is the addend |
 * | Fixed… | X | on fixed-point values: FixedCodes (`unit`, and `scale`, `zero`, `high`) codes of these; FixedOfCodes these of codes; FixedAdd X, addend? clamp(X + addend), `low` and `high` in `unit`s; FixedPool MaxPool, or with `average` AveragePool, with `global` over the whole image |
 * | CodePool | X, codes                           | MaxPool of codes                                            |
 *
 * A *map* of signs is a UINT8 tensor [N, H, W, bytes of the channels] (kernels/binary/contract.ts), one of codes a
 * UINT8 tensor [N, H, W, C] (kernels/integer/contract.ts); H·W is 1 for a matrix. Fixed-point values are an INT32 tensor
 * [N, H, W, C] (kernels/integer/fixed-contract.ts). Thresholds of signs are [slices·C] or one for
 * all; with several slices the map has slices·C channels. What is made of floats instead of a map of signs is [N, C, H, W].
 *
 * Attributes: those of the ONNX operator (for Linear `transB`: W is [N,K] with 1, [K,N] with 0), and `low` and `high`
 * of the clamp. Every step is rounded to float32, in this order: what the fused operator gives is the definition. The
 * weights themselves are not touched, so that codes stay codes and the quantizer's view of a layer stays the trained
 * one. An addend that is not of the output's shape is broadcast.
 */
export const FUSED_DOMAIN = 'bnnq';

export type FusedNode = Node & { readonly domain: typeof FUSED_DOMAIN };

/** Positions of the inputs of Conv and Linear. */
export const SCALE = 2;
export const BIAS = 3;
export const ADDEND = 4;
/** Of layers on codes whose scale and zero are values of the run; the zero follows. */
export const X_SCALE = 5;
/** Of a binary layer that gives signs. */
export const THRESHOLDS = 5;

/** Types that are computed as FLOAT; the fused operators know no other. */
const FLOAT_TYPES: ReadonlySet<string> = new Set(['FLOAT', 'FLOAT16', 'BFLOAT16']);

/**
 * The node as one of the operators above: as it is, or translated from a Conv, Gemm or MatMul whose weight is constant.
 * Undefined where that cannot be said without knowing shapes or types that are not constants.
 */
export function asFused(editor: GraphEditor, node: Node): Node | undefined {
  if (node.domain === FUSED_DOMAIN) return node;
  const [x = '', w = '', c = ''] = node.inputs;
  const weight = editor.constant(w);
  if (node.domain !== '' || weight === undefined || !FLOAT_TYPES.has(weight.dtype)) return undefined;
  if (node.opType === 'Conv') return fused(node, 'Conv', [x, w, '', c, ''], node.attributes);
  if (weight.shape.length !== 2) return undefined;
  if (node.opType === 'MatMul') return fused(node, 'Linear', [x, w, '', '', ''], new Map());
  if (node.opType !== 'Gemm' || !isPlainGemm(editor, node, weight)) return undefined;
  const transB = numberAttribute(node, 'transB', 0);
  return fused(node, 'Linear', [x, w, '', c, ''], new Map([['transB', { type: 'INT', value: transB }]]));
}

/** Whether a Gemm is X·W′ + C with C one constant value a column. */
function isPlainGemm(editor: GraphEditor, node: Node, weight: Initializer): boolean {
  if (numberAttribute(node, 'transA', 0) !== 0 || numberAttribute(node, 'alpha', 1) !== 1) return false;
  const c = node.inputs[2] ?? '';
  if (c === '') return true;
  const columns = weight.shape[numberAttribute(node, 'transB', 0) === 0 ? 1 : 0]!;
  const bias = editor.constant(c);
  const isRow = bias?.shape.at(-1) === columns && bias.shape.slice(0, -1).every((dim) => dim === 1);
  return isRow && numberAttribute(node, 'beta', 1) === 1;
}

function fused(
  node: Node,
  opType: string,
  inputs: readonly string[],
  attributes: ReadonlyMap<string, Attribute>,
): Node {
  return { ...node, domain: FUSED_DOMAIN, opType, inputs, attributes };
}

/** Whether more can be added behind the sum: no addend and no clamp yet. */
export function isOpen(node: Node): boolean {
  return (node.inputs[ADDEND] ?? '') === '' && !isClamped(node);
}

export function isClamped(node: Node): boolean {
  return node.attributes.has('low') || node.attributes.has('high');
}

/** The node with a clamp. */
export function withClamp(node: Node, low: number, high: number): Node {
  return {
    ...node,
    attributes: withAttributes(node.attributes, {
      low: { type: 'FLOAT', value: low },
      high: { type: 'FLOAT', value: high },
    }),
  };
}

/** Number of output channels of a Conv or Linear whose weight is constant. */
export function outputChannels(editor: GraphEditor, node: Node): number | undefined {
  const weight = editor.constant(node.inputs[1]);
  if (weight === undefined) return undefined;
  if (node.opType === 'Conv') return weight.shape[0];
  return weight.shape[numberAttribute(node, 'transB', 0) === 0 ? 1 : 0];
}
