import type { Dim } from '../../ir/graph.ts';
import { numberAttribute, numbersAttribute } from '../constant-values.ts';
import {
  axisIn,
  broadcastDims,
  dimsOfRank,
  type Fact,
  fact,
  type Infer,
  type InferCall,
  numbersIn,
  product,
} from './fact.ts';

/** A list that is an attribute in old operator sets and an input in new ones; undefined where it is not known. */
function listOf({ node, inputs }: InferCall, name: string, input: number): readonly number[] | undefined {
  return numbersAttribute(node, name) ?? numbersIn(inputs[input]);
}

const unknown = (x: Fact | undefined): Fact[] => [fact(x?.dtype, undefined)];

const reshape: Infer = ({ node, inputs: [x, target] }) => {
  const wanted = target?.content;
  if (wanted === undefined) return [fact(x?.dtype, dimsOfRank(target?.shape?.[0]))];
  const zeroIsZero = numberAttribute(node, 'allowzero', 0) === 1;
  const shape = wanted.map((dim, i): Dim => (dim === 0 && !zeroIsZero ? (x?.shape?.[i] ?? null) : dim));
  const free = shape.indexOf(-1);
  if (free >= 0) shape[free] = remainder(x?.shape, shape.toSpliced(free, 1));
  return [fact(x?.dtype, shape, x?.content)];
};

/** What -1 stands for: the size divided by the other dimensions; symbols that are on both sides cancel out. */
function remainder(from: readonly Dim[] | undefined, others: readonly Dim[]): Dim {
  if (from === undefined) return null;
  const open = from.filter((dim) => typeof dim !== 'number');
  for (const dim of others) {
    if (typeof dim === 'number') continue;
    const at = dim === null ? -1 : open.indexOf(dim);
    if (at < 0) return null;
    open.splice(at, 1);
  }
  const numbers = (dims: readonly Dim[]) => product(dims.filter((dim) => typeof dim === 'number'))!;
  const ratio = numbers(from) / numbers(others);
  if (open.length === 0) return Number.isFinite(ratio) ? ratio : null;
  return open.length === 1 && ratio === 1 ? open[0]! : null;
}

const flatten: Infer = ({ node, inputs: [x] }) => {
  if (x?.shape === undefined) return [fact(x?.dtype, [null, null])];
  const axis = numberAttribute(node, 'axis', 1);
  const at = axis < 0 ? axis + x.shape.length : axis;
  const part = (dims: readonly Dim[]): Dim => (dims.length === 1 ? dims[0]! : product(dims));
  return [fact(x.dtype, [part(x.shape.slice(0, at)), part(x.shape.slice(at))])];
};

const transpose: Infer = ({ node, inputs: [x] }) => {
  if (x?.shape === undefined) return unknown(x);
  const perm = numbersAttribute(node, 'perm') ?? x.shape.map((_, i) => x.shape!.length - 1 - i);
  return [
    fact(
      x.dtype,
      perm.map((axis) => x.shape![axis] ?? null),
      x.shape.length < 2 ? x.content : undefined,
    ),
  ];
};

const squeeze: Infer = (call) => {
  const [x] = call.inputs;
  const { shape } = x ?? {};
  if (shape === undefined) return unknown(x);
  const given = call.node.inputs[1] || call.node.attributes.has('axes') ? listOf(call, 'axes', 1) : [];
  if (given === undefined) return unknown(x);
  const axes = given.map((axis) => axisIn(axis, shape.length));
  if (given.length === 0 && shape.some((dim) => typeof dim !== 'number')) return unknown(x);
  const left = shape.filter((dim, axis) => (given.length === 0 ? dim !== 1 : !axes.includes(axis)));
  return [fact(x?.dtype, left, x?.content)];
};

const unsqueeze: Infer = (call) => {
  const [x] = call.inputs;
  const given = listOf(call, 'axes', 1);
  if (x?.shape === undefined || given === undefined) return unknown(x);
  const rank = x.shape.length + given.length;
  if (dimsOfRank(rank) === undefined) return unknown(x);
  const axes = given.map((axis) => axisIn(axis, rank));
  const rest = [...x.shape];
  return [
    fact(
      x.dtype,
      Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : (rest.shift() ?? null))),
      x.content,
    ),
  ];
};

const concat: Infer = ({ node, inputs }) => {
  const [first] = inputs;
  const shapes = inputs.map((input) => input.shape);
  const rank = shapes.find((shape) => shape !== undefined)?.length;
  const axis = rank === undefined ? undefined : axisIn(numberAttribute(node, 'axis', 1), rank);
  if (rank === undefined || axis === undefined) return unknown(first);
  const shape = Array.from({ length: rank }, (_, i): Dim => {
    const dims = shapes.map((one) => one?.[i] ?? null);
    if (i === axis) return dims.length === 1 ? dims[0]! : dims.reduce<Dim>(add, 0);
    return dims.find((dim) => typeof dim === 'number') ?? dims[0]!;
  });
  const contents = inputs.map((input) => input.content);
  const joined =
    rank === 1 && !contents.includes(undefined) ? contents.flatMap((content) => [...content!]) : undefined;
  return [fact(first?.dtype, shape, joined)];
};

function add(a: Dim, b: Dim): Dim {
  return typeof a === 'number' && typeof b === 'number' ? a + b : null;
}

const split: Infer = (call) => {
  const { node, inputs } = call;
  const [x] = inputs;
  const axis = x?.shape && axisIn(numberAttribute(node, 'axis', 0), x.shape.length);
  if (x?.shape === undefined || axis === undefined) return node.outputs.map(() => unknown(x)[0]!);
  const size = x.shape[axis] ?? null;
  const given = listOf(call, 'split', 1);
  const count = node.outputs.length;
  const part = typeof size === 'number' ? Math.ceil(size / count) : null;
  return node.outputs.map((_, i) => {
    const even = part === null ? null : Math.max(0, Math.min(part, (size as number) - i * part));
    const known = node.inputs[1] && given === undefined ? null : (given?.[i] ?? even);
    return fact(x.dtype, x.shape!.with(axis, known));
  });
};

const slice: Infer = (call) => {
  const [x] = call.inputs;
  const starts = listOf(call, 'starts', 1);
  const ends = listOf(call, 'ends', 2);
  if (x?.shape === undefined) return unknown(x);
  const nothing = x.shape.map(() => null);
  if (starts === undefined || ends === undefined) return [fact(x.dtype, nothing)];
  const axes =
    call.node.inputs[3] || call.node.attributes.has('axes')
      ? listOf(call, 'axes', 3)
      : starts.map((_, i) => i);
  const steps = call.node.inputs[4] ? numbersIn(call.inputs[4]) : starts.map(() => 1);
  if (axes === undefined || steps === undefined) return [fact(x.dtype, nothing)];
  const shape: Dim[] = [...x.shape];
  let content = x.content;
  axes.forEach((given, i) => {
    const axis = axisIn(given, shape.length);
    const size = axis === undefined ? null : shape[axis]!;
    if (axis === undefined) return;
    const picked = typeof size === 'number' ? range(size, starts[i]!, ends[i]!, steps[i] ?? 1) : undefined;
    const whole = starts[i] === 0 && ends[i]! >= 2 ** 31 - 1 && (steps[i] ?? 1) === 1;
    shape[axis] = picked?.length ?? (whole ? size : null);
    if (shape.length === 1) content = content && picked?.map((at) => content![at] ?? null);
  });
  return [fact(x.dtype, shape, shape.length === 1 ? content : undefined)];
};

/** The positions that a slice takes of an axis of `size`. Source: onnx.ai/onnx/operators/onnx__Slice.html. */
function range(
  size: number,
  start: number,
  end: number,
  step: number,
): { length: number; map: number[]['map'] } {
  const clamp = (at: number, low: number, high: number) =>
    Math.min(Math.max(at < 0 ? at + size : at, low), high);
  const [from, to] =
    step > 0
      ? [clamp(start, 0, size), clamp(end, 0, size)]
      : [clamp(start, 0, size - 1), clamp(end, -1, size - 1)];
  const length = Math.max(0, Math.ceil((to - from) / step));
  return { length, map: (visit) => Array.from({ length }, (_, i) => from + i * step).map(visit) };
}

const gather: Infer = ({ node, inputs: [x, indices] }) => {
  const axis = x?.shape && axisIn(numberAttribute(node, 'axis', 0), x.shape.length);
  if (x?.shape === undefined || axis === undefined || indices?.shape === undefined) return unknown(x);
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const picked = x.shape.length === 1 ? numbersIn(indices)?.map((i) => x.content?.at(i) ?? null) : undefined;
  return [fact(x.dtype, shape, x.content && picked)];
};

const gatherND: Infer = ({ node, inputs: [x, indices] }) => {
  const last = indices?.shape?.at(-1);
  if (x?.shape === undefined || typeof last !== 'number') return unknown(x);
  const batch = numberAttribute(node, 'batch_dims', 0);
  return [fact(x.dtype, [...indices!.shape!.slice(0, -1), ...x.shape.slice(batch + last)])];
};

const expand: Infer = ({ inputs: [x, target] }) => [fact(x?.dtype, broadcastDims(x?.shape, target?.content))];

const tile: Infer = ({ inputs: [x, repeats] }) => [
  fact(
    x?.dtype,
    x?.shape?.map((dim, i) => {
      const times = repeats?.content?.[i];
      return times === 1 ? dim : typeof dim === 'number' && typeof times === 'number' ? dim * times : null;
    }),
  ),
];

const pad: Infer = (call) => {
  const [x] = call.inputs;
  const pads = listOf(call, 'pads', 1);
  const { shape } = x ?? {};
  if (shape === undefined) return unknown(x);
  const axes = call.node.inputs[3] ? numbersIn(call.inputs[3]) : shape.map((_, i) => i);
  if (pads === undefined || axes === undefined)
    return [
      fact(
        x?.dtype,
        shape.map(() => null),
      ),
    ];
  const padded: Dim[] = [...shape];
  axes.forEach((given, i) => {
    const axis = axisIn(given, shape.length);
    const both = (pads[i] ?? 0) + (pads[i + axes.length] ?? 0);
    if (axis !== undefined && both !== 0) padded[axis] = add(shape[axis]!, both);
  });
  return [fact(x?.dtype, padded)];
};

const blocks =
  (outward: boolean): Infer =>
  ({ node, inputs: [x] }) => {
    const size = numberAttribute(node, 'blocksize', 1);
    const scale = (dim: Dim, factor: number): Dim => (typeof dim === 'number' ? dim * factor : null);
    const [n, c, h, w] = x?.shape ?? [];
    if (n === undefined || c === undefined || h === undefined || w === undefined) return unknown(x);
    const step = outward ? size : 1 / size;
    return [fact(x?.dtype, [n, scale(c, 1 / (step * step)), scale(h, step), scale(w, step)])];
  };

export const MOVEMENT: Readonly<Record<string, Infer>> = {
  Reshape: reshape,
  Flatten: flatten,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Concat: concat,
  Split: split,
  Slice: slice,
  Gather: gather,
  GatherElements: ({ inputs: [x, indices] }) => [fact(x?.dtype, indices?.shape)],
  GatherND: gatherND,
  Expand: expand,
  Tile: tile,
  Pad: pad,
  DepthToSpace: blocks(true),
  SpaceToDepth: blocks(false),
};
