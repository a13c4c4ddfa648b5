import { BnnqError } from '../../errors.ts';
import type { CCodedRows, CRows, CTail, Operand } from '../../formats/c/program.ts';
import type { Node } from '../../ir/graph.ts';
import type { WeightRows } from '../../kernels/contract.ts';
import { MOST_FIXED } from '../../kernels/integer/fixed-contract.ts';
import { isWinograd } from '../../kernels/winograd/rule.ts';
import { ADDEND, THRESHOLDS, X_SCALE } from '../../passes/fused.ts';
import { broadcast, broadcastShape } from '../../runtime/broadcast.ts';
import type { Call } from '../../runtime/call.ts';
import { ConstantTensor } from '../../runtime/constants.ts';
import * as binary from '../../runtime/ops/binary/layer.ts';
import { geometryOf } from '../../runtime/ops/convolution.ts';
import { epilogueOf, isWholeTail, type Tail, tailOf } from '../../runtime/ops/epilogue.ts';
import { gridOf } from '../../runtime/ops/integer/codes.ts';
import * as integer from '../../runtime/ops/integer/layer.ts';
import { integerLevels } from '../../runtime/ops/integer/levels.ts';
import { sameShape } from '../../runtime/shapes.ts';
import { rowsOfColumns, rowsOfFirstAxis } from '../../runtime/weight-rows.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import { addFixed } from './fixed.ts';
import type { Lowering, Slot } from './lowering.ts';

type Trunk = NonNullable<integer.LayerPlan['trunk']>;

/** Writes the steps of a node. */
export type Lower = (to: Lowering, node: Node, call: Call) => void;

/** A Conv over floats, its tail that of ONNX (a bias) or of the fused operator. */
const conv =
  (tail: (call: Call) => Tail): Lower =>
  (to, node, call) => {
    const x = to.floats(node.inputs[0]!);
    const weight = constantWeight(call);
    const { conv2d: window, shape } = geometryOf(call, x.shape, weight.shape);
    if (window === undefined)
      throw new BnnqError('unsupported', 'a convolution over more than two axes, or one that crops');
    const weights = withRule(weight, rowsOfFirstAxis(weight));
    withTail(to, node, tail(call), shape, window.outChannels, (y, own, addend) =>
      to.emit({
        op: 'conv',
        isWinograd: isWinograd(window),
        node: node.name,
        x: x.slot,
        y,
        window,
        weights,
        tail: own,
        addend,
      }),
    );
  };

const linear =
  (tail: (call: Call) => Tail, isRowsOf: (call: Call) => boolean): Lower =>
  (to, node, call) => {
    const x = to.floats(node.inputs[0]!);
    const weight = constantWeight(call);
    const isRows = isRowsOf(call);
    const [rows, columns] = (isRows ? weight.shape : weight.shape.toReversed()) as [number, number];
    if (weight.shape.length !== 2 || x.shape.at(-1) !== columns)
      throw new BnnqError('unsupported', `a product of [${x.shape}] and a weight of [${weight.shape}]`);
    const shape = x.shape.with(-1, rows);
    const weights = withRule(weight, isRows ? rowsOfFirstAxis(weight) : rowsOfColumns(weight));
    const batch = sizeOf(x.shape) / columns;
    withTail(to, node, tail(call), shape, rows, (y, own, addend) =>
      to.emit({
        ...{ op: 'linear', node: node.name, x: x.slot, y, batch, rows, columns },
        ...{ weights, tail: own, addend },
      }),
    );
  };

function constantWeight(call: Call): ConstantTensor {
  const weight = call.input(1);
  if (weight instanceof ConstantTensor) return weight;
  throw new BnnqError('unsupported', 'weights that are computed');
}

/** Rows with what their levels are made of, where that is a and q of a geometric sequence. */
function withRule({ initializer: { quantized } }: ConstantTensor, rows: WeightRows): CRows {
  const isGeometric = quantized?.rule === 'geometric' || quantized?.rule === 'geometric-zero';
  if (rows.kind !== 'coded' || !isGeometric) return rows;
  return { ...rows, geometric: { params: quantized.params, hasZero: quantized.rule === 'geometric-zero' } };
}

/** The output of a layer; an addend that has to be repeated is added, and the clamp done, in steps of their own, as the runtime does. */
function withTail(
  to: Lowering,
  node: Node,
  tail: Tail,
  shape: readonly number[],
  channels: number,
  emit: (y: Slot, tail: CTail, addend: Operand | undefined) => void,
): void {
  const name = node.inputs[4] ?? '';
  const isWhole = isWholeTail(tail, shape);
  const own = epilogueOf(tail, channels, isWhole);
  const y = isWhole ? inPlaceOfAddend(to, node, shape) : to.floatSlot(shape);
  const { scale, bias, low, high } = own;
  emit(y, { scale, bias, low, high }, isWhole && tail.addend !== undefined ? to.operand(name) : undefined);
  let [last, lastShape] = [y, shape];
  if (!isWhole) {
    const b = tail.addend!.shape;
    lastShape = broadcastShape(shape, b);
    last = to.floatSlot(lastShape);
    const { dims, strides } = broadcast(lastShape, [shape, b]);
    const common = { node: node.name, y: last } as const;
    to.emit({ op: 'binary', name: 'add', a: y, b: to.operand(name), dims, strides, ...common });
    if (tail.low !== undefined || tail.high !== undefined) {
      const { low: alpha = Number.NEGATIVE_INFINITY, high: beta = Number.POSITIVE_INFINITY } = tail;
      to.emit({ op: 'unary', name: 'clip', x: last, count: sizeOf(lastShape), alpha, beta, ...common });
    }
  }
  to.define(node.outputs[0]!, 'floats', lastShape, last);
}

/** The memory of the addend, where nothing reads it any more: an element of it is read just before that of the output is written. */
function inPlaceOfAddend(to: Lowering, node: Node, shape: readonly number[]): Slot {
  const [x = '', , , , addend = ''] = node.inputs;
  const isOther = addend !== '' && to.values.get(addend)?.slot !== to.values.get(x)?.slot;
  return isOther ? to.inPlace(node, addend, shape) : to.floatSlot(shape);
}

/** A layer on codes. */
const integerLayer =
  (shapeOf: integer.ShapeOf): Lower =>
  (to, node, call) => {
    const x = to.value(node.inputs[0]!);
    const given = gridOf(call, 'x_');
    const { shape } = shapeOf(call, x.shape, call.input(1).shape);
    // Of codes whose zero is a value of the run the reach is 255, as of these: gridOf says 0 to 255.
    const reach = Math.max(given.zero, given.high - given.zero);
    const coded = integer.codedRowsOf(call);
    const levels = integerLevels(coded, shape.outChannels, integer.columnsOf(shape), reach);
    const plan = integer.planOf(call, levels.units, shapeOf(call, x.shape, call.input(1).shape), given);
    const weights: CCodedRows = { ...coded, ...levels.rows, kind: 'coded' };
    const { alpha } = plan;
    const common = { op: 'integerConv', node: node.name, x: x.slot, window: shape } as const;
    const [gridScale, gridZero] = [X_SCALE, X_SCALE + 1].map(
      (i) => to.values.get(node.inputs[i] ?? '')?.slot,
    );
    const layer = { ...common, zero: given.zero, weights, gridScale, gridZero };
    const { outHeight, outWidth, outChannels } = shape;
    const pixels = outHeight * outWidth;
    const mapShape = [1, outHeight, outWidth, outChannels];
    const [output] = node.outputs as [string];
    if (plan.trunk !== undefined) {
      toFixed(to, node, mapShape, plan.trunk, (y, finish, addend) =>
        to.emit({ ...layer, y, addend, finish: { kind: 'fixed', ...finish } }),
      );
      return;
    }
    if (plan.fixed !== undefined) {
      const y = to.mapSlot('codes', pixels, outChannels);
      to.emit({ ...layer, y, finish: { kind: 'codes', ...plan.fixed } });
      to.define(output, 'codes', mapShape, y, outChannels);
      return;
    }
    withTail(to, node, tailOf(call), plan.outputShape, outChannels, (y, tail, addend) =>
      to.emit({
        ...{ ...layer, y, addend },
        finish:
          alpha === undefined
            ? { kind: 'run', units: plan.units, ...tail }
            : { kind: 'floats', alpha, ...tail },
      }),
    );
    if (!call.hasAttribute('y_scale')) return;
    const floats = to.floats(output);
    const y = to.mapSlot('codes', pixels, outChannels);
    const grid = { channels: outChannels, pixels, ...gridOf(call, 'y_') };
    to.emit({ op: 'codes', node: node.name, x: floats.slot, y, ...grid });
    floats.slot.pending = 0;
    to.define(output, 'codes', mapShape, y, outChannels);
  };

/** Fixed-point values of a layer; an addend of another shape is added in a step of its own, as the runtime does. */
function toFixed(
  to: Lowering,
  node: Node,
  shape: readonly number[],
  finish: Trunk,
  emit: (y: Slot, finish: Trunk, addend: Slot | undefined) => void,
): void {
  const name = node.inputs[ADDEND] ?? '';
  const addend = name === '' ? undefined : to.value(name);
  if (addend === undefined || sameShape(addend.shape, shape)) {
    const y = inPlaceOfAddend(to, node, shape);
    emit(y, finish, addend?.slot);
    to.define(node.outputs[0]!, 'fixed', shape, y, shape[3]);
    return;
  }
  const { low, high } = finish;
  const y = to.floatSlot(shape);
  emit(y, { ...finish, low: -MOST_FIXED, high: MOST_FIXED }, undefined);
  const sum = { kind: 'fixed', shape, channels: shape[3] ?? 1, slot: y } as const;
  addFixed(to, node, to.floatSlot(broadcastShape(shape, addend.shape)), [sum, addend], low, high);
}

/** A layer on signs. */
const binaryLayer =
  (shapeOf: binary.ShapeOf): Lower =>
  (to, node, call) => {
    const x = to.value(node.inputs[0]!);
    const { negative, sizes } = binary.signRows(call);
    const isTotal = call.int('signs', 0) === 1;
    const wantsSigns = call.hasAttribute('signs');
    const geometry = shapeOf(call, x.shape, call.input(1).shape);
    if (geometry.shape.groups !== 1) throw new BnnqError('unsupported', 'signs in groups of channels');
    const bounds = wantsSigns ? boundsOf(call.optional(THRESHOLDS), geometry.shape.outChannels) : undefined;
    const rule = { zero: isTotal, thresholds: call.optional(THRESHOLDS) };
    const plan = binary.planOf(call, sizes, geometry, wantsSigns ? rule : undefined);
    const { shape: window, thresholds, outputShape, alpha } = plan;
    const layer = { op: 'binaryConv', node: node.name, x: x.slot, window, negative } as const;
    const { outHeight, outWidth, outChannels } = window;
    const pixels = outHeight * outWidth;
    const [output] = node.outputs as [string];
    const defineMap = (y: Slot): void =>
      to.define(output, 'signs', signShape(outHeight, outWidth, outChannels), y, outChannels);
    if (thresholds !== undefined) {
      const y = to.mapSlot('signs', pixels, outChannels);
      to.emit({ ...layer, y, finish: { kind: 'signs', ...thresholds } });
      defineMap(y);
      return;
    }
    withTail(to, node, tailOf(call), outputShape, outChannels, (y, tail) =>
      to.emit({ ...layer, y, finish: { kind: 'floats', alpha, ...tail } }),
    );
    if (!wantsSigns) return;
    const floats = to.floats(output);
    const y = to.mapSlot('signs', pixels, outChannels);
    to.emit({
      ...{ op: 'signs', node: node.name, x: floats.slot, y },
      ...{ channels: outChannels, pixels, isTotal, thresholds: bounds },
    });
    floats.slot.pending = 0;
    defineMap(y);
  };

/** The shape that the runtime gives a map of signs: bytes of whole words of 64 channels. */
export function signShape(height: number, width: number, channels: number): number[] {
  return [1, height, width, Math.ceil(channels / 64) * 8];
}

/** Height and width of the positions behind channels. */
function positionsOf(shape: readonly number[]): readonly [number, number] {
  const rest = shape.slice(2);
  return rest.length === 2 ? (rest as [number, number]) : [sizeOf(rest), 1];
}

const codes: Lower = (to, node, call) => {
  const x = to.floats(node.inputs[0]!);
  const channels = x.shape[1] ?? 1;
  const [height, width] = positionsOf(x.shape);
  const y = to.mapSlot('codes', height * width, channels);
  const grid = gridOf(call);
  to.emit({ op: 'codes', node: node.name, x: x.slot, y, channels, pixels: height * width, ...grid });
  to.define(node.outputs[0]!, 'codes', [1, height, width, channels], y, channels);
};

const dynamicCodes: Lower = (to, node) => {
  const x = to.floats(node.inputs[0]!);
  const channels = x.shape[1] ?? 1;
  const [height, width] = positionsOf(x.shape);
  const y = to.mapSlot('codes', height * width, channels);
  const [gridScale, gridZero] = [to.floatSlot([]), to.floatSlot([])];
  const grid = { channels, pixels: height * width, gridScale, gridZero };
  to.emit({ op: 'dynamicCodes', node: node.name, x: x.slot, y, ...grid });
  const [codes, scale, zero] = node.outputs as [string, string, string];
  to.define(codes, 'codes', [1, height, width, channels], y, channels);
  to.define(scale, 'floats', [], gridScale);
  to.define(zero, 'fixed', [], gridZero);
};

/** One threshold a channel. */
function boundsOf(thresholds: Tensor | undefined, channels: number): Float32Array | undefined {
  if (thresholds === undefined) return undefined;
  const values = thresholds.data as Float32Array;
  if (values.length === 1) return new Float32Array(channels).fill(values[0]!);
  if (values.length !== channels) throw new BnnqError('unsupported', 'signs by several thresholds a channel');
  return Float32Array.from(values);
}

/** Signs as floats: [N, dims, H, W], or without H and W. */
const signFloats: Lower = (to, node, call) => {
  const x = to.value(node.inputs[0]!);
  const [, height = 1, width = 1] = x.shape;
  const dims = call.ints('dims') ?? [x.channels];
  const shape = [1, ...dims, ...(call.int('space', 1) === 0 ? [] : [height, width])];
  const y = to.floatSlot(shape);
  const common = { channels: x.channels, pixels: height * width };
  to.emit({ op: 'signFloats', node: node.name, x: x.slot, y, ...common });
  to.define(node.outputs[0]!, 'floats', shape, y);
};

const signs: Lower = (to, node, call) => {
  const x = to.floats(node.inputs[0]!);
  const channels = x.shape[1] ?? 1;
  const [height, width] = positionsOf(x.shape);
  const y = to.mapSlot('signs', height * width, channels);
  const isTotal = call.int('zero', 0) === 1;
  const thresholds = boundsOf(call.optional(1), channels);
  const layer = to.takeBack(x.slot);
  if (layer !== undefined) to.emit({ ...layer, op: 'convSigns', y, isTotal, thresholds });
  else {
    const pixels = height * width;
    to.emit({ op: 'signs', node: node.name, x: x.slot, y, channels, pixels, isTotal, thresholds });
  }
  to.define(node.outputs[0]!, 'signs', signShape(height, width, channels), y, channels);
};

const bias = (call: Call): Tail => ({ bias: call.optional(2) });

/** X·W′ + C with C one value a column. */
const gemm: Lower = (to, node, call) => {
  const isRows = call.int('transB', 0) !== 0;
  const columns = call.input(1).shape[isRows ? 0 : 1]!;
  const c = call.optional(2);
  const isBias = c === undefined || (sizeOf(c.shape) === columns && c.shape.at(-1) === columns);
  const isPlain = call.int('transA', 0) === 0 && call.float('alpha', 1) === 1;
  if (
    !isPlain ||
    !isBias ||
    (c !== undefined && (call.float('beta', 1) !== 1 || !(c instanceof ConstantTensor)))
  )
    throw new BnnqError('unsupported', 'a Gemm that is not X·W′ + C with C one constant value a column');
  linear(bias, () => isRows)(to, node, call);
};

const transB = (call: Call): boolean => call.int('transB', 0) !== 0;

/** Layers by domain and operator. */
export const LAYERS: Readonly<Record<string, Lower>> = {
  Conv: conv(bias),
  Gemm: gemm,
  MatMul: linear(
    () => ({}),
    () => false,
  ),
  'bnnq::Conv': conv(tailOf),
  'bnnq::Linear': linear(tailOf, transB),
  'bnnq::Codes': codes,
  'bnnq::DynamicCodes': dynamicCodes,
  'bnnq::Signs': signs,
  'bnnq::SignFloats': signFloats,
  'bnnq::IntegerConv': integerLayer(integer.overImage),
  'bnnq::IntegerLinear': integerLayer(integer.overAll),
  'bnnq::BinaryConv': binaryLayer(binary.overImage),
  'bnnq::BinaryLinear': binaryLayer(binary.overAll),
};
