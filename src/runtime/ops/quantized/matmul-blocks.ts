import { BnnqError } from '../../../errors.ts';
import { sizeOf, type Tensor } from '../../../tensor/tensor.ts';
import type { Call, Operator } from '../../call.ts';
import { shapeText } from '../../shapes.ts';
import { matmulOf } from '../linear.ts';
import type { OperatorTable } from '../operator-table.ts';

/** Attributes of the node: a matrix [N,K] whose rows are cut into blocks of successive elements. */
interface Blocks {
  readonly n: number;
  readonly k: number;
  readonly bits: number;
  readonly size: number;
  /** Blocks of a row. */
  readonly count: number;
}

function blocksOf(call: Call): Blocks {
  const [n, k, bits] = [call.int('N', 0), call.int('K', 0), call.int('bits', 4)];
  const size = call.int('block_size', 0);
  if (![n, k, size].every((value) => Number.isInteger(value) && value > 0))
    throw new BnnqError('malformed', `N ${n}, K ${k} and block_size ${size} are not all above 0`);
  if (bits !== 2 && bits !== 4 && bits !== 8) throw new BnnqError('unsupported', `codes of ${bits} bits`);
  if ((size * bits) % 8 !== 0) throw new BnnqError('unsupported', `blocks of ${size} codes of ${bits} bits`);
  return { n, k, bits, size, count: Math.ceil(k / size) };
}

function expectSize(tensor: Tensor, size: number, name: string): void {
  if (sizeOf(tensor.shape) !== size)
    throw new BnnqError('mismatch', `${name} ${shapeText(tensor.shape)} where ${size} elements are needed`);
}

/** Zero point of each block: packed like the codes, every row from a new byte on, or numbers; in the middle where absent. */
function zerosOf(
  { n, bits, count }: Blocks,
  zeros: Tensor | undefined,
): (row: number, block: number) => number {
  if (zeros === undefined) return () => 2 ** (bits - 1);
  if (zeros.dtype === 'FLOAT') {
    expectSize(zeros, n * count, 'zero points');
    const data = zeros.data as Float32Array;
    return (row, block) => data[row * count + block]!;
  }
  if (zeros.dtype !== 'UINT8') throw new BnnqError('unsupported', `zero points of type ${zeros.dtype}`);
  const rowBytes = Math.ceil((count * bits) / 8);
  expectSize(zeros, n * rowBytes, 'zero points');
  const data = zeros.data as Uint8Array;
  return (row, block) => codeAt(data, row * rowBytes, block, bits);
}

/** Code `index` after a byte; the first is in the lowest bits. */
function codeAt(bytes: Uint8Array, start: number, index: number, bits: number): number {
  const at = index * bits;
  return (bytes[start + (at >> 3)]! >> (at & 7)) & (2 ** bits - 1);
}

/** The transpose [K,N] of the matrix: (code − zero) · scale. */
function matrixOf(call: Call, blocks: Blocks): Tensor {
  const { n, k, bits, size, count } = blocks;
  const codes = call.input(1);
  const scales = call.input(2);
  if (codes.dtype !== 'UINT8' || scales.dtype !== 'FLOAT')
    throw new BnnqError('unsupported', `codes of type ${codes.dtype} with scales of type ${scales.dtype}`);
  const blockBytes = (size * bits) / 8;
  expectSize(codes, n * count * blockBytes, 'codes');
  expectSize(scales, n * count, 'scales');
  const zeroAt = zerosOf(blocks, call.optional(3));
  const [bytes, factors] = [codes.data as Uint8Array, scales.data as Float32Array];
  const data = new Float32Array(k * n);
  for (let row = 0; row < n; row++)
    for (let i = 0; i < k; i++) {
      const block = Math.floor(i / size);
      const code = codeAt(bytes, (row * count + block) * blockBytes, i % size, bits);
      data[i * n + row] = (code - zeroAt(row, block)) * factors[row * count + block]!;
    }
  return { dtype: 'FLOAT', shape: [k, n], data };
}

/**
 * Inputs A [...,K], B [N, blocks, bytes], scales, zero points, g_idx, bias: A · B′ + bias, computed in float32 whatever
 * `accuracy_level` allows. Domain com.microsoft; source: onnxruntime, docs/ContribOperators.md.
 */
const matMulNBits: Operator = (call) => {
  const blocks = blocksOf(call);
  if (call.optional(4) !== undefined) throw new BnnqError('unsupported', 'an order of groups (g_idx)');
  const a = call.input(0);
  if (a.dtype !== 'FLOAT') throw new BnnqError('unsupported', `MatMulNBits of type ${a.dtype}`);
  if (a.shape.at(-1) !== blocks.k)
    throw new BnnqError('mismatch', `cannot multiply ${shapeText(a.shape)} by [${blocks.k},${blocks.n}]`);
  const bias = call.optional(5);
  if (bias !== undefined) expectSize(bias, blocks.n, 'a bias');
  const y = matmulOf(call, a, matrixOf(call, blocks));
  if (bias !== undefined) {
    const [data, shift] = [y.data as Float32Array, bias.data as Float32Array];
    for (let i = 0; i < data.length; i++) data[i]! += shift[i % blocks.n]!;
  }
  return y;
};

export const BLOCK_PRODUCTS: OperatorTable = { MatMulNBits: { 1: matMulNBits } };
