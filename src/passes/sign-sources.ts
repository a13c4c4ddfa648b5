import type { Dim, Initializer, Node } from '../ir/graph.ts';
import { isQuantDomain } from '../ir/quant-domains.ts';
import {
  floatValues,
  integerValues,
  numberAttribute,
  numbersAttribute,
  scalarValue,
} from './constant-values.ts';
import type { GraphEditor } from './graph-editor.ts';

/** A node that gives signs, as a comparison of an earlier value. */
export interface SignSource {
  /** The value [N, C, …] whose signs they are. */
  readonly input: string;
  /** Whether 0, or what is at its threshold, counts as +1; else it gives 0. */
  readonly zero: 0 | 1;
  /** What values are compared with: one, [C] or [slices·C]; absent where it is 0. */
  readonly thresholds?: Float32Array | undefined;
  /** Nodes between the value and the signs, the last first: they can go where nothing else reads them. */
  readonly between: readonly Node[];
}

/** Operators that may give signs. */
export const SIGN_OPERATORS: ReadonlySet<string> = new Set([
  'Sign',
  'BipolarQuant',
  'Where',
  'MultiThreshold',
]);

/** The shape of a value as far as it is known. */
export type ShapeOf = (name: string) => readonly Dim[] | undefined;

/**
 * A Sign, a BipolarQuant of scale 1, Where(x ≥ 0, 1, −1), which is the sign of Larq, or a MultiThreshold of one threshold between −1
 * and 1. A constant that is added before is a threshold: of x + c and x − c no rounding changes the sign, for the result is 0 for
 * equal sizes alone (gradual underflow), and rounding is monotone.
 */
export function signSource(editor: GraphEditor, shapeOf: ShapeOf, node: Node): SignSource | undefined {
  if (node.opType === 'MultiThreshold' && isQuantDomain(node.domain))
    return multiThreshold(editor, shapeOf, node);
  const plain = plainSign(editor, node);
  return plain && behindShift(editor, shapeOf, plain);
}

function plainSign(editor: GraphEditor, { domain, opType, inputs }: Node): SignSource | undefined {
  const [x = '', y = '', z = ''] = inputs;
  const isConstant = (name: string, value: number): boolean => scalarValue(editor.constant(name)) === value;
  if (opType === 'Sign' && domain === '') return { input: x, zero: 0, between: [] };
  if (opType === 'BipolarQuant' && isQuantDomain(domain))
    return isConstant(y, 1) ? { input: x, zero: 1, between: [] } : undefined;
  if (opType !== 'Where' || domain !== '' || !isConstant(y, 1) || !isConstant(z, -1)) return undefined;
  const compare = editor.producer(x);
  if (compare?.opType !== 'GreaterOrEqual' || compare.domain !== '') return undefined;
  const [value = '', bound = ''] = compare.inputs;
  return isConstant(bound, 0) ? { input: value, zero: 1, between: [compare] } : undefined;
}

/** −1 below the threshold of the channel, else 1. The channel is axis 1 of [N,C] and, but for NHWC, of [N,C,H,W]. */
function multiThreshold(editor: GraphEditor, shapeOf: ShapeOf, node: Node): SignSource | undefined {
  const [x = '', t = ''] = node.inputs;
  const constant = editor.constant(t);
  const thresholds = constant?.shape.at(-1) === 1 ? floatsOfConstant(constant) : undefined;
  const [scale, bias] = [numberAttribute(node, 'out_scale', 1), numberAttribute(node, 'out_bias', 0)];
  if (thresholds === undefined || constant?.shape.length !== 2 || bias !== -1 || scale !== 2)
    return undefined;
  const rank = shapeOf(x)?.length;
  const layout = node.attributes.get('data_layout');
  const isFirst = rank === 2 || (rank === 4 && (layout === undefined || layout.value === 'NCHW'));
  if (thresholds.length > 1 && !isFirst) return undefined;
  return { input: x, zero: 1, thresholds, between: [] };
}

/** The comparison of what a constant is added to. */
function behindShift(editor: GraphEditor, shapeOf: ShapeOf, source: SignSource): SignSource {
  const shift = editor.producer(source.input);
  if (shift === undefined || shift.domain !== '' || (shift.opType !== 'Add' && shift.opType !== 'Sub'))
    return source;
  const [left = '', right = ''] = shift.inputs;
  const isRight = editor.constant(right) !== undefined;
  if (!isRight && (shift.opType === 'Sub' || editor.constant(left) === undefined)) return source;
  const constant = editor.constant(isRight ? right : left)!;
  const values = floatsOfConstant(constant);
  if (values === undefined) return source;
  const thresholds = shift.opType === 'Sub' ? values : values.map((value) => -value);
  const input = isRight ? left : right;
  const shape = shapeOf(input);
  const between = [...source.between, shift];
  if (isPerChannel(constant, shape)) return { ...source, input, thresholds, between };
  const sliced = slicesOf(editor, shapeOf, input, constant.shape, thresholds);
  return sliced === undefined
    ? source
    : { ...source, ...sliced, between: [...between, editor.producer(input)!] };
}

/** One value, or one for each channel of axis 1, that leaves the shape as it is. */
function isPerChannel(constant: Initializer, shape: readonly Dim[] | undefined): boolean {
  const size = constant.shape.reduce((a, b) => a * b, 1);
  if (size === 1 && constant.shape.length <= (shape?.length ?? 1)) return true;
  if (shape === undefined || constant.shape.length > shape.length) return false;
  const lead = shape.length - constant.shape.length;
  return constant.shape.every((dim, i) => dim === 1 || (i + lead === 1 && dim === shape[1]));
}

/** [N, C, H, W] seen as [N, 1, C, H, W], to which [1, k, 1 or C, 1, 1] is added: k slices of the same values, each with its thresholds. */
function slicesOf(
  editor: GraphEditor,
  shapeOf: ShapeOf,
  unsqueezed: string,
  dims: readonly number[],
  values: Float32Array,
): Pick<SignSource, 'input' | 'thresholds'> | undefined {
  const view = editor.producer(unsqueezed);
  if (view?.opType !== 'Unsqueeze' || view.domain !== '') return undefined;
  const axes = numbersAttribute(view, 'axes') ?? integerValues(editor.constant(view.inputs[1]));
  const [input = ''] = view.inputs;
  const shape = shapeOf(input);
  const channels = shape?.[1];
  if (shape?.length !== 4 || typeof channels !== 'number' || axes?.length !== 1 || axes[0] !== 1)
    return undefined;
  const [n = 1, slices = 1, own = 1, h = 1, w = 1] = [...new Array<number>(5 - dims.length).fill(1), ...dims];
  if (dims.length > 5 || n !== 1 || h !== 1 || w !== 1 || (own !== 1 && own !== channels)) return undefined;
  const thresholds = Float32Array.from({ length: slices * channels }, (_, i) => {
    const slice = Math.floor(i / channels);
    return values[own === 1 ? slice : i]!;
  });
  return { input, thresholds };
}

/** Finite float32 values of a constant. */
function floatsOfConstant(constant: Initializer | undefined): Float32Array | undefined {
  const values = constant?.dtype === 'FLOAT' ? floatValues(constant) : undefined;
  return values?.every(Number.isFinite) ? Float32Array.from(values) : undefined;
}
