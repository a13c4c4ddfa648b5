import type { Dim } from '../../../ir/graph.ts';
import { type LayerCall, type LayerConverter, printArgument } from '../layer-call.ts';
import { broadcastShape } from '../operands.ts';
import type { KerasTensor } from '../tensor.ts';
import { flagParameter, operandOf, parameter } from './operation-arguments.ts';
import { permuted } from './reshape.ts';

/** Letters of an Einsum: one an axis, no ellipsis, the axes of the result said. */
const SUBSCRIPTS = /^[a-zA-Z]+(,[a-zA-Z]+)*->[a-zA-Z]*$/;

/** The product of matrices in the last two axes. */
const matmul: LayerConverter = (call) => {
  const flags = ['adjoint_a', 'adjoint_b', 'a_is_sparse', 'b_is_sparse'];
  if (flags.some((flag) => flagParameter(call, 99, flag)))
    throw call.unsupported('a product of adjoint or sparse matrices');
  const x = matrices(call, operandOf(call, 0, 'x1', 'a'), flagParameter(call, 2, 'transpose_a'));
  const y = matrices(call, operandOf(call, 1, 'x2', 'b'), flagParameter(call, 3, 'transpose_b'));
  const [rank, other] = [x.shape!.length, y.shape!.length];
  if (rank !== other && Math.min(rank, other) !== 2)
    throw call.unsupported('a product of tensors of different ranks');
  const leads = [x, y].map((one) => one.shape!.slice(0, -2));
  const lead = (rank === other ? broadcastShape(leads) : leads[rank > other ? 0 : 1])!;
  const shape = [...lead, x.shape!.at(-2)!, y.shape!.at(-1)!];
  return x.with({ value: call.node('MatMul', [x.value, y.value]), shape, mask: undefined });
};

/** An operand in Keras order, its last two axes changed where the call says so. */
function matrices(call: LayerCall, given: KerasTensor, isTransposed: boolean): KerasTensor {
  const x = call.float(given);
  const rank = x.shape?.length ?? 0;
  if (rank < 2) throw call.unsupported('a product of tensors that are no matrices');
  if (!isTransposed) return call.kerasOrder(x);
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  return call.kerasOrder(permuted(call.kerasOrder(x), [...axes.slice(0, -2), rank - 1, rank - 2]));
}

const einsum: LayerConverter = (call) => {
  const stated = parameter(call, 99, 'subscripts', 'equation') ?? parameter(call, 0);
  const equation = typeof stated === 'string' ? stated.replaceAll(' ', '') : '';
  if (!SUBSCRIPTS.test(equation)) throw call.unsupported(`the equation ${printArgument(stated)}`);
  const first = typeof call.args[0] === 'string' ? 1 : 0;
  const given = call.args.slice(first).map((_, i) => operandOf(call, first + i));
  const operands = given.map((x) => call.kerasOrder(call.float(x)));
  const [terms = '', result = ''] = equation.split('->');
  const sizes = new Map<string, Dim>();
  const letters = terms.split(',');
  if (letters.length !== operands.length || letters.some((term, i) => term.length !== operands[i]!.rank))
    throw call.unsupported(`the equation ${equation} for ${operands.length} tensors`);
  letters.forEach((term, i) => {
    [...term].forEach((letter, axis) => {
      const size = operands[i]!.shape![axis]!;
      if (typeof sizes.get(letter) !== 'number') sizes.set(letter, size);
    });
  });
  const shape = [...result].map((letter) => sizes.get(letter) ?? null);
  const value = call.node(
    'Einsum',
    operands.map((x) => x.value),
    { equation },
  );
  return operands[0]!.with({ value, shape, order: undefined, mask: undefined });
};

export const PRODUCTS: Readonly<Record<string, LayerConverter>> = { matmul, einsum };
