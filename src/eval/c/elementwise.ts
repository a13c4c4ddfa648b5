import { BnnqError } from '../../errors.ts';
import type { BinaryFunction, UnaryFunction } from '../../formats/c/program.ts';
import type { Node } from '../../ir/graph.ts';
import { affineOfBatchNorm } from '../../passes/batch-norm.ts';
import { integerRange } from '../../passes/quant-arithmetic.ts';
import { broadcast, broadcastShape } from '../../runtime/broadcast.ts';
import type { Call } from '../../runtime/call.ts';
import { sectionsOf } from '../../runtime/ops/softmax.ts';
import { numberOf, numbersOf, sameShape, sizeBetween } from '../../runtime/shapes.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import type { Lower } from './layers.ts';
import type { Lowering } from './lowering.ts';

type Parameters = (call: Call) => readonly [alpha: number, beta: number];

const unary =
  (name: UnaryFunction, parameters: Parameters = () => [0, 0]): Lower =>
  (to, node, call) => {
    const x = to.floats(node.inputs[0]!);
    const [alpha, beta] = parameters(call).map(Math.fround) as [number, number];
    const y = to.inPlace(node, node.inputs[0]!, x.shape);
    to.emit({ op: 'unary', node: node.name, name, x: x.slot, y, count: sizeOf(x.shape), alpha, beta });
    to.define(node.outputs[0]!, 'floats', x.shape, y);
  };

const clipBounds: Parameters = (call) => {
  const [low, high] = [call.optional(1), call.optional(2)];
  if (call.opset < 11)
    return [call.float('min', Number.NEGATIVE_INFINITY), call.float('max', Number.POSITIVE_INFINITY)];
  return [
    low === undefined ? Number.NEGATIVE_INFINITY : numberOf(low),
    high === undefined ? Number.POSITIVE_INFINITY : numberOf(high),
  ];
};

const binary =
  (name: BinaryFunction): Lower =>
  (to, node) => {
    const [first, ...others] = node.inputs as [string, ...string[]];
    const [output] = node.outputs as [string];
    const shapes = node.inputs.map((input) => to.tensor(input).shape);
    const shape = broadcastShape(...shapes);
    const full = node.inputs.findIndex((input, i) => !to.isConstant(input) && sameShape(shapes[i]!, shape));
    const isPair = others.length === 1;
    const y = isPair && full >= 0 ? to.inPlace(node, node.inputs[full]!, shape) : to.floatSlot(shape);
    if (others.length === 0) throw new BnnqError('unsupported', 'one operand alone');
    others.forEach((other, i) => {
      const a = i === 0 ? to.operand(first) : y;
      const { dims, strides } = broadcast(shape, [i === 0 ? shapes[0]! : shape, shapes[i + 1]!]);
      to.emit({ op: 'binary', node: node.name, name, a, b: to.operand(other), y, dims, strides });
    });
    to.define(output, 'floats', shape, y);
  };

function affine(to: Lowering, node: Node, scale: Float32Array, shift: Float32Array, bounds: object): void {
  const x = to.floats(node.inputs[0]!);
  const [outer = 1, channels = 1] = x.shape;
  if (scale.length !== channels)
    throw new BnnqError('unsupported', `${scale.length} scales for ${channels} channels`);
  const y = to.inPlace(node, node.inputs[0]!, x.shape);
  const inner = sizeBetween(x.shape, 2, x.shape.length);
  const layout = { outer, channels, inner };
  to.emit({ op: 'affine', node: node.name, x: x.slot, y, ...layout, scale, shift, ...bounds });
  to.define(node.outputs[0]!, 'floats', x.shape, y);
}

const fusedAffine: Lower = (to, node, call) => {
  const [scale, shift] = [1, 2].map((i) => call.input(i).data as Float32Array) as [
    Float32Array,
    Float32Array,
  ];
  affine(to, node, scale, shift, {
    low: call.hasAttribute('low') ? call.float('low', 0) : undefined,
    high: call.hasAttribute('high') ? call.float('high', 0) : undefined,
  });
};

const batchNormalization: Lower = (to, node, call) => {
  const isPlain = call.int('training_mode', 0) === 0 && call.int('spatial', 1) === 1;
  if (!isPlain || node.outputs.filter((name) => name !== '').length !== 1)
    throw new BnnqError('unsupported', 'a BatchNormalization that trains, or that is not by channel');
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map((i) => call.input(i).data as Float32Array);
  const { scale, shift } = affineOfBatchNorm(gamma!, beta!, mean!, variance!, call.float('epsilon', 1e-5));
  affine(to, node, Float32Array.from(scale), Float32Array.from(shift), {});
};

const softmax: Lower = (to, node, call) => {
  const x = to.floats(node.inputs[0]!);
  const { outer, length, inner } = sectionsOf(call, call.input(0));
  const y = to.inPlace(node, node.inputs[0]!, x.shape);
  to.emit({ op: 'softmax', node: node.name, x: x.slot, y, outer, length, inner });
  to.define(node.outputs[0]!, 'floats', x.shape, y);
};

/** Quant with one scale, zero point and width, ties to even. */
const quant: Lower = (to, node, call) => {
  const x = to.floats(node.inputs[0]!);
  const parameters = [1, 2, 3].map((i) => numbersOf(call.input(i)));
  const mode = call.text('rounding_mode', 'ROUND').toUpperCase();
  const [[scale = 1], [zero = 0], [bits = 8]] = parameters as [number[], number[], number[]];
  const range = integerRange(bits, call.int('signed', 1) !== 0, call.int('narrow', 0) !== 0);
  const { low, high, isBipolar } = range;
  const isPlain = (mode === 'ROUND' || mode === 'HALF_EVEN') && !isBipolar && bits <= 16;
  const isWhole = Number.isInteger(zero) && Math.abs(zero) < 2 ** 22;
  if (!isPlain || !isWhole || parameters.some(({ length }) => length !== 1))
    throw new BnnqError(
      'unsupported',
      `${node.opType} with other than one scale and whole zero point of at most 16 bits, ties to even`,
    );
  const y = to.inPlace(node, node.inputs[0]!, x.shape);
  const count = sizeOf(x.shape);
  to.emit({ op: 'quant', node: node.name, x: x.slot, y, count, scale, zero, low, high });
  to.define(node.outputs[0]!, 'floats', x.shape, y);
};

/** Operators that work element by element, or on rows of elements. */
export const ELEMENTWISE: Readonly<Record<string, Lower>> = {
  Relu: unary('clip', () => [0, Number.POSITIVE_INFINITY]),
  Clip: unary('clip', clipBounds),
  LeakyRelu: unary('leakyRelu', (call) => [call.float('alpha', 0.01), 0]),
  HardSigmoid: unary('hardSigmoid', (call) => [call.float('alpha', 0.2), call.float('beta', 0.5)]),
  HardSwish: unary('hardSwish', () => [1 / 6, 0.5]),
  Sigmoid: unary('sigmoid'),
  Tanh: unary('tanh'),
  Exp: unary('exp'),
  Neg: unary('neg'),
  Abs: unary('abs'),
  Sign: unary('sign'),
  Add: binary('add'),
  Sub: binary('sub'),
  Mul: binary('mul'),
  Div: binary('div'),
  Max: binary('max'),
  Min: binary('min'),
  Sum: binary('add'),
  BatchNormalization: batchNormalization,
  Softmax: softmax,
  'bnnq::Affine': fusedAffine,
  'quant::BipolarQuant': unary('bipolar', (call) => [numberOf(call.input(1)), 0]),
  'quant::Quant': quant,
  'quant::IntQuant': quant,
};
