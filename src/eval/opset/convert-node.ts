import type { Attribute, Node, ValueType } from '../../ir/graph.ts';
import type { DataType } from '../../tensor/dtype.ts';
import { numberToFloat16 } from '../../tensor/float16.ts';
import { floats, type Tensor } from '../../tensor/tensor.ts';

/** What the conversion of a node takes from the model around it. */
export interface ConversionContext {
  /** Type and shape of a value of the main graph, as far as they are known. */
  readonly typeOf: (name: string) => ValueType | undefined;
  /** Adds a constant to the graph. @returns its name */
  readonly constant: (tensor: Tensor) => string;
  readonly isUsed: (name: string) => boolean;
  /** A name that nothing in the model has. */
  readonly free: (wanted: string) => string;
}

/** A node in the words of a newer operator set; undefined where that set has none for it. */
type Convert = (node: Node, context: ConversionContext) => readonly Node[] | undefined;

/** INT64 numbers that were an attribute become an input at that place, and stay absent where the attribute was. */
const intsToInput =
  (attribute: string, place: number): Convert =>
  (node, { constant }) => {
    const given = node.attributes.get(attribute);
    if (given === undefined) return [node];
    const values = given.type === 'INTS' ? given.value : given.type === 'INT' ? [given.value] : undefined;
    if (values === undefined || node.inputs.length > place) return undefined;
    return [withInput(without(node, attribute), place, constant(int64s(values)))];
  };

const dropping =
  (attribute: string, isPlain: (value: Attribute) => boolean = () => true): Convert =>
  (node) => {
    const value = node.attributes.get(attribute);
    return value === undefined || isPlain(value) ? [without(node, attribute)] : undefined;
  };

/** Numbers that were attributes become scalars of the type of the first input. */
function scalarInput(
  node: Node,
  attribute: string,
  place: number,
  { constant, typeOf }: ConversionContext,
): Node | undefined {
  const given = node.attributes.get(attribute);
  if (given === undefined) return node;
  const tensor =
    given.type === 'FLOAT' ? scalarOf(typeOf(node.inputs[0] ?? '')?.dtype, given.value) : undefined;
  return tensor && withInput(without(node, attribute), place, constant(tensor));
}

const clip: Convert = (node, context) => {
  const low = scalarInput(node, 'min', 1, context);
  const both = low && scalarInput(low, 'max', 2, context);
  return both && [both];
};

/** A value of 0 is what an absent input says. */
const pad: Convert = (node, context) => {
  const [padded] = intsToInput('pads', 1)(node, context) ?? [];
  const value = node.attributes.get('value');
  if (padded === undefined || value === undefined || value.value === 0)
    return padded && [without(padded, 'value')];
  const filled = scalarInput(padded, 'value', 2, context);
  return filled && [filled];
};

const slice: Convert = (node, { constant }) => {
  const ints = (name: string): readonly number[] | undefined => {
    const value = node.attributes.get(name);
    return value?.type === 'INTS' ? value.value : undefined;
  };
  const [starts, ends] = [ints('starts'), ints('ends')];
  if (starts === undefined || ends === undefined) return undefined;
  const axes = ints('axes') ?? starts.map((_, axis) => axis);
  const inputs = [node.inputs[0]!, ...[starts, ends, axes].map((values) => constant(int64s(values)))];
  return [{ ...without(node, 'starts', 'ends', 'axes'), inputs }];
};

/** Scales of Upsample 7 are numbers of the node. */
const upsampleScales: Convert = (node, { constant }) => {
  const scales = node.attributes.get('scales');
  if (scales?.type !== 'FLOATS') return undefined;
  return [withInput(without(node, 'scales'), 1, constant(floats([scales.value.length], scales.value)))];
};

/** Resize 10 has the coordinates that Resize 11 calls asymmetric, and takes the floor of them. */
const resize: Convert = (node, { constant }) => {
  const [x = '', scales = ''] = node.inputs;
  const attributes = new Map(node.attributes);
  attributes.set('coordinate_transformation_mode', text('asymmetric'));
  attributes.set('nearest_mode', text('floor'));
  return [{ ...node, inputs: [x, constant(floats([0], [])), scales], attributes }];
};

/**
 * Before set 13 the axes from `axis` (default 1) on are one; from there on `axis` (default the last) is the only one. The same
 * where no axis behind it is longer than 1; else flattened before and reshaped after.
 */
const softmax: Convert = (node, { typeOf, free }) => {
  const given = node.attributes.get('axis');
  const axis = given?.type === 'INT' ? given.value : 1;
  const [x = ''] = node.inputs;
  const shape = typeOf(x)?.shape;
  const rank = shape?.length;
  const last = axis === -1 || (rank !== undefined && (axis < 0 ? axis + rank : axis) === rank - 1);
  const behind = rank === undefined ? undefined : shape!.slice((axis < 0 ? axis + rank : axis) + 1);
  const along = (value: number): ReadonlyMap<string, Attribute> =>
    new Map(node.attributes).set('axis', { type: 'INT', value });
  if (last || behind?.every((dim) => dim === 1) === true) return [{ ...node, attributes: along(axis) }];
  const [y = ''] = node.outputs;
  const [flat, soft, dims] = ['flat', 'soft', 'dims'].map((kind) => free(`${y}.${kind}`)) as [
    string,
    string,
    string,
  ];
  const plain = { name: '', domain: '', attributes: new Map<string, Attribute>() };
  const flatten: Attribute = { type: 'INT', value: axis };
  return [
    { ...plain, opType: 'Flatten', inputs: [x], outputs: [flat], attributes: new Map([['axis', flatten]]) },
    { ...node, inputs: [flat], outputs: [soft], attributes: along(-1) },
    { ...plain, opType: 'Shape', inputs: [x], outputs: [dims] },
    { ...plain, opType: 'Reshape', inputs: [soft, dims], outputs: [y] },
  ];
};

/** A Split into equal parts says how many there are. */
const split: Convert = (node) => {
  if (node.inputs.length > 1 || node.attributes.has('num_outputs')) return [node];
  const count: Attribute = { type: 'INT', value: node.outputs.length };
  return [{ ...node, attributes: new Map(node.attributes).set('num_outputs', count) }];
};

/** What an operator did without the attribute, said by it. */
const stating =
  (attribute: string, value: Attribute): Convert =>
  (node) => [
    node.attributes.has(attribute)
      ? node
      : { ...node, attributes: new Map(node.attributes).set(attribute, value) },
  ];

/** The axis of DFT, 1 where it was not said, is a scalar. */
const fourierAxis: Convert = (node, { constant }) => {
  const axis = node.attributes.get('axis')?.value ?? 1;
  if (typeof axis !== 'number') return undefined;
  return [withInput(without(node, 'axis'), 2, constant({ ...int64s([axis]), shape: [] } as Tensor))];
};

/** Statistics that training gives and nothing reads have no place after set 13. */
const batchNormalization: Convert = (node, { isUsed }) => {
  const [y = '', ...others] = node.outputs;
  return others.some(isUsed) ? undefined : [{ ...node, outputs: [y] }];
};

const gridSample: Convert = (node) => {
  const mode = node.attributes.get('mode')?.value ?? 'bilinear';
  const names: Readonly<Record<string, string>> = {
    bilinear: 'linear',
    bicubic: 'cubic',
    nearest: 'nearest',
  };
  const name = typeof mode === 'string' && Object.hasOwn(names, mode) ? names[mode] : undefined;
  return name === undefined
    ? undefined
    : [{ ...node, attributes: new Map(node.attributes).set('mode', text(name)) }];
};

const renamed =
  (opType: string): Convert =>
  (node) => [{ ...node, opType }];

const axesOfReduction = intsToInput('axes', 1);

/**
 * Operators by the set that came to say them in other words. Source: the operators' histories in ONNX 1.23. What is not here
 * either means the same or cannot be said in the newer set (see `meansTheSame`).
 */
const CONVERSIONS: Readonly<Record<string, Readonly<Record<number, Convert>>>> = {
  BatchNormalization: { 9: dropping('spatial', ({ value }) => value === 1), 14: batchNormalization },
  Clip: { 11: clip },
  DFT: { 20: fourierAxis },
  Dropout: { 12: dropping('ratio') },
  GridSample: { 20: gridSample },
  Hardmax: { 13: softmax },
  LogSoftmax: { 13: softmax },
  Pad: { 11: pad },
  Resize: { 11: resize },
  RoiAlign: { 16: stating('coordinate_transformation_mode', text('output_half_pixel')) },
  Scatter: { 11: renamed('ScatterElements') },
  Slice: { 10: slice },
  Softmax: { 13: softmax },
  Split: { 13: intsToInput('split', 1), 18: split },
  Squeeze: { 13: intsToInput('axes', 1) },
  TopK: { 10: intsToInput('k', 1) },
  Unsqueeze: { 13: intsToInput('axes', 1) },
  Upsample: { 9: upsampleScales, 10: renamed('Resize') },
  ReduceSum: { 13: axesOfReduction },
  ...Object.fromEntries(
    ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'SumSquare'].map((kind) => [
      `Reduce${kind}`,
      { 18: axesOfReduction },
    ]),
  ),
};

/** How an operator is said in the set of that version, where that differs from the set before. */
export function conversionOf(opType: string, version: number): Convert | undefined {
  return Object.hasOwn(CONVERSIONS, opType) ? CONVERSIONS[opType]![version] : undefined;
}

function text(value: string): Attribute {
  return { type: 'STRING', value };
}

function int64s(values: readonly number[]): Tensor {
  // 2^63 is what INT64_MAX, "to the end", was rounded to when it was read.
  const data = BigInt64Array.from(values, (value) => (value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(value)));
  return { dtype: 'INT64', shape: [values.length], data };
}

function scalarOf(dtype: DataType | undefined, value: number): Tensor | undefined {
  if (dtype === 'FLOAT') return { dtype, shape: [], data: Float32Array.of(value) };
  if (dtype === 'DOUBLE') return { dtype, shape: [], data: Float64Array.of(value) };
  if (dtype === 'FLOAT16') return { dtype, shape: [], data: Uint16Array.of(numberToFloat16(value)) };
  return undefined;
}

function without(node: Node, ...names: readonly string[]): Node {
  const attributes = new Map(node.attributes);
  for (const name of names) attributes.delete(name);
  return { ...node, attributes };
}

function withInput(node: Node, place: number, name: string): Node {
  const inputs = [...node.inputs];
  while (inputs.length < place) inputs.push('');
  inputs[place] = name;
  return { ...node, inputs };
}
