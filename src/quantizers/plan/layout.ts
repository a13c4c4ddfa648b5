import type { Node } from '../../ir/graph.ts';
import type { RowLayout } from '../../ir/quantized-tensor.ts';

/** Which input of a node is its weight, and which of its elements make up the output channels; or why it has none. */
export type WeightPlace = {
  readonly input: number;
  readonly layout: (shape: readonly number[]) => RowLayout | string;
};

/**
 * The inputs of a node that are weights where they are constant.
 *
 * | operator      | weight                     | rows                                    |
 * | ------------- | -------------------------- | --------------------------------------- |
 * | Conv          | [M, C/G, h, w]             | M                                       |
 * | ConvTranspose | [C, M/G, h, w]             | (g, m): M outputs in order of groups    |
 * | Gemm B        | [N, K] if transB, [K, N]   | N                                       |
 * | MatMul B      | [..., K, N] or [K]         | (..., n)                                |
 * | MatMul A      | [..., M, K] or [K]         | (..., m)                                |
 * | FusedConv,    | of com.microsoft           | as those of Conv and MatMul, the last   |
 * | FusedMatMul   |                            | axes exchanged where transA, transB say |
 * | RNN, GRU and  | W [D, gates·H, I] and      | (d, n): gates·H of every direction      |
 * | LSTM          | R [D, gates·H, H]          |                                         |
 */
export function weightPlaces(node: Node): readonly WeightPlace[] {
  if (node.domain === 'com.microsoft') return fusedPlaces(node);
  if (node.domain !== '' && node.domain !== 'ai.onnx') return [];
  switch (node.opType) {
    case 'Conv':
    case 'CausalConvWithState':
      return [{ input: 1, layout: convolution }];
    case 'ConvTranspose':
      return [{ input: 1, layout: (shape) => transposedConvolution(shape, integer(node, 'group', 1)) }];
    case 'Gemm':
      return [
        { input: 1, layout: (shape) => gemm(shape, integer(node, 'transB', 0) !== 0) },
        { input: 0, layout: () => 'the constant is the left operand A of a Gemm, which is kept as it is' },
      ];
    case 'MatMul':
      return [
        { input: 1, layout: matMulRight },
        { input: 0, layout: matMulLeft },
      ];
    case 'RNN':
    case 'GRU':
    case 'LSTM':
      return [
        { input: 1, layout: stackedMatrices },
        { input: 2, layout: stackedMatrices },
      ];
    default:
      return [];
  }
}

/** Weights of what onnxruntime's optimizer fuses. */
function fusedPlaces(node: Node): readonly WeightPlace[] {
  if (node.opType === 'FusedConv') return [{ input: 1, layout: convolution }];
  if (node.opType !== 'FusedMatMul') return [];
  if (integer(node, 'transBatchA', 0) !== 0 || integer(node, 'transBatchB', 0) !== 0) return [];
  return [
    { input: 1, layout: integer(node, 'transB', 0) === 0 ? matMulRight : matMulLeft },
    { input: 0, layout: integer(node, 'transA', 0) === 0 ? matMulLeft : matMulRight },
  ];
}

/** An INT attribute, or its default. */
function integer(node: Node, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.type === 'INT' ? attribute.value : otherwise;
}

function rankProblem(shape: readonly number[]): string {
  return `a weight of shape [${shape.join(',')}] has too few axes for the operator`;
}

function convolution(shape: readonly number[]): RowLayout | string {
  return shape.length < 3 ? rankProblem(shape) : firstAxis(shape);
}

/** Rows along the first axis. */
function firstAxis(shape: readonly number[]): RowLayout {
  return { split: shape, perm: shape.map((_, axis) => axis), rowAxes: 1 };
}

function transposedConvolution(shape: readonly number[], groups: number): RowLayout | string {
  if (shape.length < 3) return rankProblem(shape);
  const [channels, perGroup, ...kernel] = shape as [number, number, ...number[]];
  if (groups < 1 || channels % groups !== 0) return `${channels} input channels do not make ${groups} groups`;
  const split = [groups, channels / groups, perGroup, ...kernel];
  return { split, perm: [0, 2, 1, ...kernel.map((_, i) => 3 + i)], rowAxes: 2 };
}

function gemm(shape: readonly number[], transposed: boolean): RowLayout | string {
  if (shape.length !== 2) return rankProblem(shape);
  return transposed ? firstAxis(shape) : { split: shape, perm: [1, 0], rowAxes: 1 };
}

function matMulRight(shape: readonly number[]): RowLayout | string {
  if (shape.length === 0) return rankProblem(shape);
  if (shape.length === 1) return oneRow(shape);
  const last = shape.length - 1;
  return {
    split: shape,
    perm: [...shape.keys()].map((axis) => (axis < last - 1 ? axis : 2 * last - 1 - axis)),
    rowAxes: last,
  };
}

function matMulLeft(shape: readonly number[]): RowLayout | string {
  if (shape.length === 0) return rankProblem(shape);
  if (shape.length === 1) return oneRow(shape);
  return { split: shape, perm: [...shape.keys()], rowAxes: shape.length - 1 };
}

function stackedMatrices(shape: readonly number[]): RowLayout | string {
  if (shape.length < 3) return rankProblem(shape);
  return { split: shape, perm: [...shape.keys()], rowAxes: 2 };
}

function oneRow([length]: readonly number[]): RowLayout {
  return { split: [1, length!], perm: [0, 1], rowAxes: 1 };
}
