import { constantInitializer } from '../../../ir/constant-initializer.ts';
import type { Attribute, Graph, Node } from '../../../ir/graph.ts';
import {
  codesOf,
  isInRowOrder,
  type QuantizedTensor,
  type RowLayout,
  tableCount,
} from '../../../ir/quantized-tensor.ts';
import { consumersOf } from '../../../ir/traverse.ts';
import { floats } from '../../../tensor/tensor.ts';
import { MICROSOFT_DOMAIN } from './domains.ts';
import { inRowsOf } from './unpack-notes.ts';
import type { WeightParts } from './weight-parts.ts';

/** Blocks that the operator takes: powers of 2 from 16 on (onnxruntime/docs/ContribOperators.md); its kernels know these. */
const BLOCK_SIZES: ReadonlySet<number> = new Set([16, 32, 64, 128, 256]);

/**
 * Takes matrix products by weights of equal steps in blocks to `MatMulNBits`, which multiplies by codes of 2, 4 and 8 bits as they
 * are. Levels between whole multiples of Δ have a zero point of half a step, FLOAT, made by a node; 8 bits have whole ones only.
 * @param weights those of the main graph, by name; all nodes that use one must be such products
 * @returns the nodes that take the place of the products, by these, and the weights that are not needed any more, with the
 * layout that a reader takes them to have
 */
export function blockProducts(
  graph: Graph,
  weights: ReadonlyMap<string, QuantizedTensor>,
  parts: WeightParts,
): { readonly nodes: ReadonlyMap<Node, readonly Node[]>; readonly written: ReadonlyMap<string, RowLayout> } {
  const consumers = consumersOf(graph.nodes);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const nodes = new Map<Node, readonly Node[]>();
  const written = new Map<string, RowLayout>();
  for (const [name, weight] of weights) {
    const users = consumers.get(name) ?? [];
    if (users.length === 0 || outputs.has(name)) continue;
    if (!users.every((node) => isProduct(node, name, weight, graph))) continue;
    const operands = operandsOf(name, weight, parts);
    if (operands === undefined) continue;
    written.set(name, inRowsOf([weight.columns, weight.rows], 1));
    for (const node of users) nodes.set(node, [productBy(node, weight, operands)]);
  }
  return { nodes, written };
}

/** Whether a node gives x · Wᵀ (+ a bias for each row), with rows as the weight has them. */
function isProduct(node: Node, name: string, weight: QuantizedTensor, graph: Graph): boolean {
  const { shape, layout, dtype } = weight;
  if (node.domain !== '' || node.inputs[1] !== name || dtype !== 'FLOAT' || shape.length !== 2) return false;
  if (node.inputs.filter((input) => input === name).length !== 1) return false;
  if (`${layout.split}` !== `${shape}` || layout.rowAxes !== 1) return false;
  const isTransposed = isInRowOrder(layout);
  if (node.opType === 'MatMul') return !isTransposed;
  if (node.opType !== 'Gemm') return false;
  const number = (key: string, otherwise: number): number => {
    const attribute = node.attributes.get(key);
    return attribute?.type === 'INT' || attribute?.type === 'FLOAT' ? attribute.value : otherwise;
  };
  if (number('alpha', 1) !== 1 || number('beta', 1) !== 1 || number('transA', 0) !== 0) return false;
  if ((number('transB', 0) !== 0) !== isTransposed) return false;
  const bias = node.inputs[2] ?? '';
  return bias === '' || `${graph.initializers.get(bias)?.shape}` === `${weight.rows}`;
}

/** Names of the operands after x, and the size of a block. */
interface Operands {
  readonly inputs: readonly string[];
  readonly blockSize: number;
}

/** Codes, scales and zero points of a weight; undefined where they cannot be said. */
function operandsOf(name: string, q: QuantizedTensor, parts: WeightParts): Operands | undefined {
  const { rule, bits, rows, columns } = q;
  const blockSize = q.granularity === 'tensor' ? 0 : Math.min(q.groupSize, columns);
  const count = Math.ceil(columns / (blockSize || 1));
  const isKnown = rule === 'linear' || rule === 'linear-zero' || rule === 'affine';
  if (!isKnown || (bits !== 2 && bits !== 4 && bits !== 8) || !BLOCK_SIZES.has(blockSize)) return undefined;
  if (tableCount(q) !== rows * count || (rule === 'linear' && bits === 8)) return undefined;
  const zeros = rule === 'affine' ? q.params.filter((_, i) => i % 2 === 1) : undefined;
  if (zeros?.some((zero) => !Number.isInteger(zero) || zero < 0 || zero >= 2 ** bits)) return undefined;
  const half = 2 ** (bits - 1);
  const codes = codesOf(q);
  // The operator has codes from 0 on; half of them lie below the zero point.
  const shifted =
    rule === 'affine'
      ? codes
      : codes.map((code) =>
          code < half ? half + code : rule === 'linear' ? 2 * half - 1 - code : 2 * half - code,
        );
  const perByte = 8 / bits;
  const packed = new Uint8Array((rows * count * blockSize) / perByte);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      const at = r * count * blockSize + c;
      packed[Math.floor(at / perByte)]! |= shifted[r * columns + c]! << (bits * (at % perByte));
    }
  const shape = [rows, count, blockSize / perByte];
  // The name says whose codes these are.
  const inputs = [parts.free(`${name}.codes`)];
  parts.named(inputs[0]!, { dtype: 'UINT8', shape, data: packed });
  const scales = rule === 'affine' ? q.params.filter((_, i) => i % 2 === 0) : q.params;
  inputs.push(parts.constant('levels', floats([rows, count], scales)));
  if (rule === 'linear') inputs.push(halfPoints(parts, [rows, count], half - 0.5));
  else if (zeros !== undefined) inputs.push(zeroPoints(parts, [rows, count], zeros, bits));
  else inputs.push('');
  return { inputs, blockSize };
}

/** A node that makes the same zero point for all blocks: a runtime does that once, and it takes nothing on disk. */
function halfPoints(parts: WeightParts, shape: readonly number[], value: number): string {
  const name = parts.free(`zeros.${parts.nodes.length}`);
  const tensor = constantInitializer('', floats([1], [value]));
  parts.nodes.push({
    ...{ name: '', opType: 'ConstantOfShape', domain: '', inputs: [parts.ints(shape)], outputs: [name] },
    attributes: new Map([['value', { type: 'TENSOR', value: tensor }]]),
  });
  return name;
}

/** Zero points packed like the codes, every row from a new byte on. */
function zeroPoints(
  parts: WeightParts,
  [rows, count]: readonly [number, number],
  zeros: Float32Array,
  bits: number,
): string {
  const rowBytes = Math.ceil((count * bits) / 8);
  const data = new Uint8Array(rows * rowBytes);
  for (let r = 0; r < rows; r++)
    for (let b = 0; b < count; b++)
      data[r * rowBytes + ((b * bits) >> 3)]! |= zeros[r * count + b]! << ((b * bits) & 7);
  return parts.constant('zeros', { dtype: 'UINT8', shape: [rows, rowBytes], data });
}

/** The node that takes the place of a product. */
function productBy(node: Node, { rows, columns, bits }: QuantizedTensor, operands: Operands): Node {
  const int = (value: number): Attribute => ({ type: 'INT', value });
  const bias = node.inputs[2] ?? '';
  const inputs = [node.inputs[0]!, ...operands.inputs, ...(bias === '' ? [] : ['', bias])];
  while (inputs.at(-1) === '') inputs.pop();
  const attributes = { K: int(columns), N: int(rows), bits: int(bits), block_size: int(operands.blockSize) };
  return {
    ...{ name: node.name, opType: 'MatMulNBits', domain: MICROSOFT_DOMAIN, inputs, outputs: node.outputs },
    attributes: new Map(Object.entries(attributes)),
  };
}
