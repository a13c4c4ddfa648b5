import type { Attribute, Node } from '../../../ir/graph.ts';
import type { LevelRule } from '../../../ir/levels.ts';
import { planesOf } from '../../../ir/quantized-tensor.ts';
import { MICROSOFT_DOMAIN } from '../export/domains.ts';
import { codesFrom, pairs } from './integer-weight.ts';
import type { ExportedGraph, MadeWeight } from './made-weight.ts';

/**
 * The weight of a MatMulNBits, as `blockProducts` writes it, and the products that read it, MatMul or (with a bias, or where rows come
 * first) Gemm; undefined for another node.
 */
export function blockWeightAt(node: Node, graph: ExportedGraph): MadeWeight | undefined {
  if (node.opType !== 'MatMulNBits' || node.domain !== MICROSOFT_DOMAIN) return undefined;
  const [, codes, scale] = node.inputs.map(graph.constant);
  const name = /^(.+)\.codes(?:\.\d+)?$/.exec(codes?.name ?? '')?.[1];
  if (name === undefined || codes?.dtype !== 'UINT8' || scale?.dtype !== 'FLOAT') return undefined;
  const number = (key: string): number => {
    const attribute = node.attributes.get(key);
    return attribute?.type === 'INT' ? attribute.value : 0;
  };
  const [columns, rows, bits, block] = ['K', 'N', 'bits', 'block_size'].map(number) as [
    number,
    number,
    number,
    number,
  ];
  const users = graph.consumers(codes.name);
  const operands = node.inputs.slice(1, 4).join();
  if (![2, 4, 8].includes(bits) || users.some(({ inputs }) => inputs.slice(1, 4).join() !== operands))
    return undefined;
  const count = Math.ceil(columns / block);
  const stride = (block * bits) / 8;
  if (`${codes.shape}` !== `${[rows, count, stride]}` || scale.shape.join() !== `${[rows, count]}`)
    return undefined;
  const scales = scale.read().data as Float32Array;
  const [zeroName = ''] = node.inputs.slice(3);
  const zeros = graph.constant(zeroName)?.read().data as Uint8Array | undefined;
  const made = zeroName === '' ? undefined : graph.producer(zeroName);
  const rule: LevelRule = zeroName === '' ? 'linear-zero' : zeros === undefined ? 'linear' : 'affine';
  if (rule === 'linear' && made?.opType !== 'ConstantOfShape') return undefined;
  const rowBytes = Math.ceil((count * bits) / 8);
  if (zeros !== undefined && zeros.length !== rows * rowBytes) return undefined;
  const at = (bytes: Uint8Array, start: number, i: number): number =>
    (bytes[start + Math.floor((i * bits) / 8)]! >> ((i * bits) % 8)) & (2 ** bits - 1);
  const params =
    zeros === undefined
      ? scales
      : pairs(scales, (i) => at(zeros, Math.floor(i / count) * rowBytes, i % count));
  const { layout = { split: [columns, rows], perm: [1, 0], rowAxes: 1 } } = graph.noteOf(name);
  const isTransposed = `${layout.perm}` === '0,1';
  const shape = isTransposed ? [rows, columns] : [columns, rows];
  const read = (): Uint8Array | undefined => {
    const packed = codes.read().data as Uint8Array;
    const half = rule === 'affine' ? 0 : 2 ** (bits - 1);
    const whole = new Int16Array(rows * columns);
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) whole[r * columns + c] = at(packed, r * count * stride, c) - half;
    return codesFrom(rule === 'affine' ? Uint8Array.from(whole) : Int8Array.from(whole), rule, bits);
  };
  return {
    ...{ name, rule, bits, dtype: 'FLOAT', params },
    nodes: made === undefined || graph.consumers(zeroName).length > users.length ? [] : [made],
    ...{ shape, filled: count * block },
    transposed: { split: shape, perm: isTransposed ? [0, 1] : [1, 0] },
    planesIn: () => {
      const own = read();
      return own && planesOf(own, bits);
    },
    readers: new Map(users.map((user) => [user, productOf(user, name, isTransposed)])),
  };
}

/** The product that a MatMulNBits took the place of, or one that computes the same. */
function productOf(node: Node, weight: string, isTransposed: boolean): Node {
  const [x = '', , , , , bias = ''] = node.inputs;
  const one: Attribute = { type: 'INT', value: 1 };
  const isMatMul = bias === '' && !isTransposed;
  return {
    ...{ name: node.name, domain: '', outputs: node.outputs, opType: isMatMul ? 'MatMul' : 'Gemm' },
    inputs: bias === '' ? [x, weight] : [x, weight, bias],
    attributes: isTransposed ? new Map([['transB', one]]) : new Map(),
  };
}
