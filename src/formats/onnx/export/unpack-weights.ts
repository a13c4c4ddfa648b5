import { isInRowOrder, type QuantizedTensor, tableCount } from '../../../ir/quantized-tensor.ts';
import { packBits, planeBytes, unpackBits } from '../../../tensor/bits.ts';
import { floats } from '../../../tensor/tensor.ts';
import { UNPACK_DOMAIN, unpackFunctions, unpackName } from './unpack-function.ts';
import type { Step, WeightParts } from './weight-parts.ts';

/**
 * Adds what makes a weight of its bit-planes and level parameters under its old name.
 * @param opset of the operators of the standard, from `UNPACK_OPSET` on
 */
export function unpackWeight(parts: WeightParts, name: string, weight: QuantizedTensor, opset: number): void {
  const q = withWholeGroups(weight);
  const kind = { rule: q.rule, bits: q.bits, dtype: q.dtype };
  const opType = unpackName(kind);
  if (!parts.functions.has(opType))
    for (const body of unpackFunctions(kind, opset)) parts.functions.set(body.name, body);
  const tables = tableCount(q);
  const codes = parts.constant('codes', {
    dtype: 'UINT8',
    shape: [q.bits, planeBytes(q.rows * q.columns), 1],
    data: q.planes,
  });
  const params = parts.constant('levels', floats([tables, q.params.length / tables], q.params));
  const steps = stepsFrom(q, weight);
  const inputs = [codes, params, parts.ints(steps.shape)];
  parts.make(name, { opType, domain: UNPACK_DOMAIN, inputs }, steps.rest);
}

/**
 * What makes a weight of its elements in row order.
 * @param q the weight with its rows filled up to whole groups
 * @returns the shape to begin with, and the steps from there
 */
export function stepsFrom(
  q: QuantizedTensor,
  weight: QuantizedTensor,
): { readonly shape: readonly number[]; readonly rest: readonly Step[] } {
  const { split, perm } = weight.layout;
  const isWhole = q.columns === weight.columns;
  const isOrdered = isInRowOrder(weight.layout);
  if (isWhole && isOrdered) return { shape: weight.shape, rest: [] };
  const rest: Step[] = [];
  const permuted = perm.map((axis) => split[axis]!);
  if (!isWhole) {
    rest.push({ opType: 'Slice', inputs: [[0], [weight.columns], [1]], attributes: {} });
    rest.push(reshapeTo(isOrdered ? weight.shape : permuted));
  }
  if (!isOrdered) {
    const inverse = split.map((_, axis) => perm.indexOf(axis));
    rest.push({ opType: 'Transpose', inputs: [], attributes: { perm: { type: 'INTS', value: inverse } } });
    if (`${split}` !== `${weight.shape}`) rest.push(reshapeTo(weight.shape));
  }
  return { shape: isWhole ? permuted : [q.rows, q.columns], rest };
}

export function reshapeTo(shape: readonly number[]): Step {
  return { opType: 'Reshape', inputs: [shape], attributes: {} };
}

/** The same weight with rows filled up to whole groups: every table then has as many codes. */
export function withWholeGroups(q: QuantizedTensor): QuantizedTensor {
  const isWhole = q.columns <= q.groupSize || q.columns % q.groupSize === 0;
  if (!q.granularity.startsWith('group:') || isWhole) return q;
  const columns = Math.ceil(q.columns / q.groupSize) * q.groupSize;
  const codes = new Uint8Array(q.rows * columns);
  for (let r = 0; r < q.rows; r++)
    codes.set(unpackBits(q.planes, q.bits, q.rows * q.columns, r * q.columns, q.columns), r * columns);
  return { ...q, columns, shape: [q.rows, columns], planes: packBits(codes, q.bits) };
}
