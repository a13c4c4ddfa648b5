import type { Dim } from '../../ir/graph.ts';
import { dataTypeOf } from '../../tensor/dtype.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import { numberAttribute, numbersAttribute, textAttribute } from '../constant-values.ts';
import { axisIn, dimsOfRank, fact, factOf, type Infer, MAX_CONTENT, numbersIn, product } from './fact.ts';

const shapeOf: Infer = ({ node, inputs: [x] }) => {
  if (x?.shape === undefined) return [fact('INT64', [null])];
  const start = numberAttribute(node, 'start', 0);
  const end = node.attributes.has('end') ? numberAttribute(node, 'end', 0) : x.shape.length;
  const dims = x.shape.slice(start, end);
  return [fact('INT64', [dims.length], dims)];
};

const constantOfShape: Infer = ({ node, inputs: [target] }) => {
  const value = node.attributes.get('value');
  const filled = value?.type === 'TENSOR' ? factOf(value.value) : fact('FLOAT', [1], [0]);
  const dims = numbersIn(target);
  const size = dims?.every((dim) => Number.isInteger(dim) && dim >= 0) ? sizeOf(dims) : undefined;
  const element = filled.content?.[0] ?? null;
  const content = size !== undefined && size <= MAX_CONTENT ? new Array<Dim>(size).fill(element) : undefined;
  return [fact(filled.dtype, target?.content ?? dimsOfRank(target?.shape?.[0]), content)];
};

const range: Infer = ({ inputs: [start, limit, delta] }) => {
  const [from, to, step] = [start, limit, delta].map((input) => numbersIn(input)?.[0]);
  if (from === undefined || to === undefined || !step) return [fact(start?.dtype, [null])];
  const length = Math.max(0, Math.ceil((to - from) / step));
  const content = length <= MAX_CONTENT ? Array.from({ length }, (_, i) => from + i * step) : undefined;
  return [fact(start?.dtype, [length], content)];
};

const oneHot: Infer = ({ node, inputs: [indices, depth, values] }) => {
  if (indices?.shape === undefined) return [fact(values?.dtype, undefined)];
  const rank = indices.shape.length + 1;
  const axis = axisIn(numberAttribute(node, 'axis', -1), rank) ?? rank - 1;
  return [fact(values?.dtype, indices.shape.toSpliced(axis, 0, numbersIn(depth)?.[0] ?? null))];
};

/** Source: onnx.ai/onnx/operators/onnx__Resize.html: sizes, or floor(input × scale). */
const resize: Infer = ({ node, inputs, opset }) => {
  const [x] = inputs;
  const { shape } = x ?? {};
  if (shape === undefined) return [fact(x?.dtype, undefined)];
  const [scalesAt, sizesAt] = opset < 11 || node.opType === 'Upsample' ? [1, 3] : [2, 3];
  const axes = numbersAttribute(node, 'axes') ?? shape.map((_, i) => i);
  const sizes = inputs[sizesAt]?.content;
  const floats = node.attributes.get('scales');
  const scales = floats?.type === 'FLOATS' ? floats.value : numbersIn(inputs[scalesAt]);
  const policy = textAttribute(node, 'keep_aspect_ratio_policy', 'stretch');
  const common =
    policy === 'stretch' ? undefined : commonScale(shape, axes, numbersIn(inputs[sizesAt]), policy);
  const resized: Dim[] = [...shape];
  axes.forEach((given, i) => {
    const axis = axisIn(given, shape.length);
    if (axis === undefined) return;
    const [size, scale] = [shape[axis]!, scales?.[i]];
    if (node.inputs[sizesAt] && policy === 'stretch') resized[axis] = sizes?.[i] ?? null;
    else if (node.inputs[sizesAt])
      resized[axis] = common === undefined ? null : Math.floor(common * (size as number) + 0.5);
    else if (scale !== 1) resized[axis] = typeof size === 'number' && scale ? Math.floor(size * scale) : null;
  });
  return [fact(x?.dtype, resized)];
};

/** The one scale by which all axes come as near to their sizes as they may; undefined where one is not known. */
function commonScale(
  shape: readonly Dim[],
  axes: readonly number[],
  sizes: readonly number[] | undefined,
  policy: string,
): number | undefined {
  const ratios = axes.map((given, i) => {
    const axis = axisIn(given, shape.length);
    const size = axis === undefined ? null : shape[axis]!;
    return typeof size === 'number' ? (sizes?.[i] ?? Number.NaN) / size : Number.NaN;
  });
  if (!ratios.every(Number.isFinite)) return undefined;
  return policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
}

const constant: Infer = ({ node }) => {
  for (const [name, attribute] of node.attributes) {
    if (attribute.type === 'TENSOR') return [factOf(attribute.value)];
    if (name === 'value_int' && attribute.type === 'INT') return [fact('INT64', [], [attribute.value])];
    if (name === 'value_float' && attribute.type === 'FLOAT') return [fact('FLOAT', [], [attribute.value])];
    if (name === 'value_string') return [fact('STRING', [])];
    const list = attribute.type === 'INTS' || attribute.type === 'FLOATS' ? attribute.value : undefined;
    if (name === 'value_ints' && list) return [fact('INT64', [list.length], list)];
    if (name === 'value_floats' && list) return [fact('FLOAT', [list.length], list)];
    if (name === 'value_strings' && attribute.type === 'STRINGS')
      return [fact('STRING', [attribute.value.length])];
  }
  return [];
};

const like =
  (fallback: 'FLOAT'): Infer =>
  ({ node, inputs: [x] }) => [
    fact(dataTypeOf(numberAttribute(node, 'dtype', 0)) ?? x?.dtype ?? fallback, x?.shape),
  ];

const random: Infer = ({ node }) => [
  fact(dataTypeOf(numberAttribute(node, 'dtype', 1)), numbersAttribute(node, 'shape')),
];

export const GENERATION: Readonly<Record<string, Infer>> = {
  Shape: shapeOf,
  Size: ({ inputs: [x] }) => [fact('INT64', [], x?.shape && [product(x.shape)])],
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  OneHot: oneHot,
  NonZero: ({ inputs: [x] }) => [fact('INT64', [x?.shape?.length ?? null, null])],
  EyeLike: like('FLOAT'),
  RandomNormalLike: like('FLOAT'),
  RandomUniformLike: like('FLOAT'),
  RandomNormal: random,
  RandomUniform: random,
  Resize: resize,
  Upsample: resize,
};
