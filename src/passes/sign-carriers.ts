import type { Attribute, Dim, Node } from '../ir/graph.ts';
import {
  integerValues,
  numberAttribute,
  numbersAttribute,
  scalarValue,
  textAttribute,
} from './constant-values.ts';
import { FUSED_DOMAIN } from './fused.ts';
import type { GraphEditor } from './graph-editor.ts';
import { type Move, moveAttributes } from './sign-moves.ts';
import type { ShapeOf } from './sign-sources.ts';

/** A value that is known to be signs. */
export interface SignValue {
  /** Whether channels and positions are one axis, channels first; a layer alone can read that. */
  readonly isFlat: boolean;
}

/** How an output of a node follows from maps of its inputs. */
export interface Carried extends SignValue {
  /** The inputs whose maps are needed. */
  readonly inputs: readonly string[];
  /** Of the operator on maps; absent where the map of the input is that of the output. */
  readonly operator?: { readonly opType: string; readonly attributes: ReadonlyMap<string, Attribute> };
  /** Nodes between the inputs and the one that gives the output, which can go where nothing else reads them. */
  readonly between?: readonly Node[];
}

/** What carrying works on. */
export interface CarrierContext {
  readonly editor: GraphEditor;
  readonly shapeOf: ShapeOf;
  readonly known: ReadonlyMap<string, SignValue>;
}

type Carry = (node: Node, context: CarrierContext) => (Carried | undefined)[];

/** What a node does to signs, an entry for each output; undefined where that is nothing that maps can do. */
export function carriedBy(node: Node, context: CarrierContext): (Carried | undefined)[] {
  if (node.domain !== '') return [];
  return CARRIERS[node.opType]?.(node, context) ?? [];
}

/** The channels of a value [N, channels…] or [N, channels…, H, W], all of them known numbers. */
export function channelDims(shape: readonly Dim[] | undefined): number[] | undefined {
  if (shape === undefined || shape.length < 2 || shape.length === 3) return undefined;
  const dims = shape.length === 2 ? shape.slice(1) : shape.slice(1, -2);
  return dims.every((dim) => typeof dim === 'number') ? (dims as number[]) : undefined;
}

function sizeOf(dims: readonly number[]): number {
  return dims.reduce((a, b) => a * b, 1);
}

/** Channels of a known value that is not flat. */
function channelsIn(name: string, { known, shapeOf }: CarrierContext): number[] | undefined {
  return known.get(name)?.isFlat === false ? channelDims(shapeOf(name)) : undefined;
}

const pool: Carry = (node, { known }) => {
  const [x = ''] = node.inputs;
  const pads = numbersAttribute(node, 'pads') ?? [];
  const isPlain =
    (node.outputs[1] ?? '') === '' &&
    numbersAttribute(node, 'kernel_shape')?.length === 2 &&
    !pads.some((pad) => pad < 0);
  if (!isPlain || known.get(x)?.isFlat !== false) return [];
  return [{ inputs: [x], isFlat: false, operator: { opType: 'SignPool', attributes: node.attributes } }];
};

/** A view that leaves the channels together, in their order. */
const view: Carry = (node, { known, shapeOf }) => {
  const [x = ''] = node.inputs;
  const value = known.get(x);
  if (value === undefined) return [];
  const [from, to] = [shapeOf(x), shapeOf(node.outputs[0]!)];
  const isPoint = from?.length === 2 || from?.slice(-2).every((dim) => dim === 1) === true;
  const flat = [{ inputs: [x], isFlat: value.isFlat || !isPoint }];
  if (node.opType === 'Flatten') return numberAttribute(node, 'axis', 1) === 1 ? flat : [];
  if (from === undefined || to === undefined) return [];
  if (to.length === 2) {
    const rest = from.slice(1);
    const isAll = rest.every((dim) => typeof dim === 'number') && sizeOf(rest as number[]) === to[1];
    return isAll ? flat : [];
  }
  const [before, after] = [channelDims(from), channelDims(to)];
  if (value.isFlat || before === undefined || after === undefined || sizeOf(before) !== sizeOf(after))
    return [];
  const space = from.length === 2 ? [1, 1] : from.slice(-2);
  const keepsSpace = to.slice(-2).every((dim, i) => typeof dim === 'number' && dim === space[i]);
  return keepsSpace ? [{ inputs: [x], isFlat: false }] : [];
};

/** An output made of channels of maps. */
function moved(inputs: readonly string[], channels: readonly number[], moves: readonly Move[]): Carried {
  const operator = { opType: 'SignMove', attributes: moveAttributes(channels, moves) };
  return { inputs, isFlat: false, operator };
}

const concat: Carry = (node, context) => {
  const all = node.inputs.map((name) => channelsIn(name, context));
  const rank = context.shapeOf(node.inputs[0] ?? '')?.length ?? 0;
  const axis = numberAttribute(node, 'axis', 1);
  if (all.length === 0 || all.some((dims) => dims === undefined) || (axis !== 1 && axis + rank !== 1))
    return [];
  const channels = all.map((dims) => sizeOf(dims!));
  return [
    moved(
      node.inputs,
      channels,
      channels.map((length, input) => ({ input, from: 0, length })),
    ),
  ];
};

/** Channels put in another order by turning axes among them: the middle of a channel shuffle. */
const transpose: Carry = (node, context) => {
  const [x = ''] = node.inputs;
  const dims = channelsIn(x, context);
  const perm = numbersAttribute(node, 'perm');
  if (dims === undefined || perm === undefined || perm.length !== dims.length + 2 + 1) return [];
  const rank = perm.length;
  if (perm[0] !== 0 || perm[rank - 2] !== rank - 2 || perm[rank - 1] !== rank - 1) return [];
  const strides = dims.map((_, i) => sizeOf(dims.slice(i + 1)));
  const order = perm.slice(1, -2).map((axis) => axis - 1);
  let channels = [0];
  for (const axis of order)
    channels = channels.flatMap((first) =>
      Array.from({ length: dims[axis]! }, (_, i) => first + i * strides[axis]!),
    );
  return [
    moved(
      [x],
      [sizeOf(dims)],
      channels.map((from) => ({ input: 0, from, length: 1 })),
    ),
  ];
};

/** Entries of the first of the channel axes. */
function entries(x: string, dims: readonly number[], chosen: readonly number[]): Carried {
  const length = sizeOf(dims.slice(1));
  return moved(
    [x],
    [sizeOf(dims)],
    chosen.map((i) => ({ input: 0, from: i * length, length })),
  );
}

const slice: Carry = (node, context) => {
  const [x = '', startsName, endsName, axesName, stepsName = ''] = node.inputs;
  const dims = channelsIn(x, context);
  const operand = (attribute: string, name: string | undefined): readonly number[] | undefined =>
    numbersAttribute(node, attribute) ?? integerValues(context.editor.constant(name));
  const [starts, ends, axes] = [
    operand('starts', startsName),
    operand('ends', endsName),
    operand('axes', axesName),
  ];
  const steps = stepsName === '' ? [1] : operand('steps', stepsName);
  if (dims === undefined || starts?.length !== 1 || ends?.length !== 1 || axes?.length !== 1) return [];
  const rank = context.shapeOf(x)!.length;
  if ((axes[0] !== 1 && axes[0]! + rank !== 1) || steps?.[0] !== 1) return [];
  const [size = 0] = dims;
  const clamped = (at: number): number => Math.min(Math.max(at < 0 ? at + size : at, 0), size);
  const [start, end] = [clamped(starts[0]!), clamped(ends[0]!)];
  if (end <= start) return [];
  return [
    entries(
      x,
      dims,
      Array.from({ length: end - start }, (_, i) => start + i),
    ),
  ];
};

const split: Carry = (node, context) => {
  const [x = ''] = node.inputs;
  const dims = channelsIn(x, context);
  const rank = context.shapeOf(x)?.length ?? 0;
  const axis = numberAttribute(node, 'axis', 0);
  if (dims === undefined || (axis !== 1 && axis + rank !== 1)) return [];
  const sizes = node.outputs.map((name) => context.shapeOf(name)?.[1]);
  if (sizes.some((size) => typeof size !== 'number')) return [];
  let start = 0;
  return sizes.map((size) => {
    const first = start;
    start += size as number;
    return entries(
      x,
      dims,
      Array.from({ length: size as number }, (_, i) => first + i),
    );
  });
};

const gather: Carry = (node, context) => {
  const [x = '', indices] = node.inputs;
  const dims = channelsIn(x, context);
  const chosen = integerValues(context.editor.constant(indices));
  const rank = context.shapeOf(x)?.length ?? 0;
  const axis = numberAttribute(node, 'axis', 0);
  if (dims === undefined || chosen === undefined || (axis !== 1 && axis + rank !== 1)) return [];
  const [size = 0] = dims;
  const inside = chosen.map((i) => (i < 0 ? i + size : i));
  if (inside.length === 0 || inside.some((i) => i < 0 || i >= size)) return [];
  if (channelDims(context.shapeOf(node.outputs[0]!)) === undefined) return [];
  return [entries(x, dims, inside)];
};

/** Pixels around the image: those of the edge, or the constant 1. */
const pad: Carry = (node, { editor, shapeOf, known }) => {
  const [x = '', padsName = '', valueName = ''] = node.inputs;
  const mode = textAttribute(node, 'mode', 'constant');
  const pads = padsName === '' ? numbersAttribute(node, 'pads') : integerValues(editor.constant(padsName));
  const value =
    valueName === '' ? numberAttribute(node, 'value', 0) : scalarValue(editor.constant(valueName));
  const rank = shapeOf(x)?.length;
  const isKnown = mode === 'edge' || (mode === 'constant' && value === 1);
  if (!isKnown || rank === undefined || rank < 4 || known.get(x)?.isFlat !== false) return [];
  if (pads?.length !== 2 * rank || (node.inputs[3] ?? '') !== '' || pads.some((count) => count < 0))
    return [];
  if (pads.some((count, i) => count > 0 && i % rank < rank - 2)) return [];
  const own = [pads[rank - 2]!, pads[rank - 1]!, pads[2 * rank - 2]!, pads[2 * rank - 1]!];
  const attributes = new Map<string, Attribute>([
    ['pads', { type: 'INTS', value: own }],
    ['edge', { type: 'INT', value: mode === 'edge' ? 1 : 0 }],
  ]);
  return [{ inputs: [x], isFlat: false, operator: { opType: 'SignPad', attributes } }];
};

const CARRIERS: Readonly<Record<string, Carry>> = {
  MaxPool: pool,
  Flatten: view,
  Reshape: view,
  Squeeze: view,
  Unsqueeze: view,
  Concat: concat,
  Transpose: transpose,
  Slice: slice,
  Split: split,
  Gather: gather,
  Pad: pad,
};

/** The node that carries maps to an output. */
export function carrierNode(node: Node, carried: Carried, maps: readonly string[], output: string): Node {
  const { opType, attributes } = carried.operator!;
  return { ...node, domain: FUSED_DOMAIN, opType, attributes, inputs: maps, outputs: [output] };
}
