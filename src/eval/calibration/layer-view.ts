import type { Node } from '../../ir/graph.ts';
import type { Kernels } from '../../kernels/contract.ts';
import { numberAttribute } from '../../passes/constant-values.ts';
import { Call } from '../../runtime/call.ts';
import { limitedMemory } from '../../runtime/memory.ts';
import { geometryOf } from '../../runtime/ops/convolution.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/**
 * The inputs of a layer's rows and what it gives for them, read at chosen output positions: how a convolution or matrix
 * product looks as y = W·x.
 */
export interface LayerView {
  readonly groups: number;
  /** Columns of a row, and rows, of all groups together. */
  readonly columns: number;
  readonly rows: number;
  /** Output positions of a tensor of inputs. */
  positions(x: Tensor): number;
  /**
   * Writes x at one position: element k of group g to into[(g·columns + k)·stride + at].
   */
  readInput(x: Tensor, position: number, into: Float32Array, stride: number, at: number): void;
  /** Writes y at one position: row r to into[r·stride + at]. */
  readOutput(y: Tensor, position: number, into: Float32Array, stride: number, at: number): void;
}

/** How the node's weight [rows, columns] meets its inputs; undefined for operators that are not looked into. */
export function layerView(
  node: Node,
  weightShape: readonly number[],
  kernels: Kernels,
): LayerView | undefined {
  if (node.opType === 'Conv' && node.domain === '') return convolutionView(node, weightShape, kernels);
  if (weightShape.length !== 2) return undefined;
  const transposed = (name: string): boolean => numberAttribute(node, name, 0) !== 0;
  if (node.opType === 'Gemm' && !transposed('transA')) {
    const [a, b] = weightShape as [number, number];
    const alpha = numberAttribute(node, 'alpha', 1);
    return transposed('transB') ? matrixView(a, b, alpha) : matrixView(b, a, alpha);
  }
  return node.opType === 'MatMul' ? matrixView(weightShape[1]!, weightShape[0]!) : undefined;
}

/** @param alpha of a Gemm: as y = W·x it sees alpha times its inputs */
function matrixView(rows: number, columns: number, alpha = 1): LayerView {
  return {
    groups: 1,
    columns,
    rows,
    positions: (x) => x.data.length / columns,
    readInput(x, position, into, stride, at) {
      const data = x.data as Float32Array;
      for (let k = 0; k < columns; k++) into[k * stride + at] = alpha * data[position * columns + k]!;
    },
    readOutput(y, position, into, stride, at) {
      const data = y.data as Float32Array;
      for (let r = 0; r < rows; r++) into[r * stride + at] = data[position * rows + r]!;
    },
  };
}

function convolutionView(node: Node, w: readonly number[], kernels: Kernels): LayerView | undefined {
  if (w.length < 3 || w.length > 4) return undefined;
  const call = new Call(node, 1, kernels, limitedMemory(0));
  const groups = call.int('group', 1);
  const [rows, groupChannels, ...kernel] = w as [number, number, ...number[]];
  const [kernelHeight, kernelWidth] = kernel.length === 1 ? [1, kernel[0]!] : (kernel as [number, number]);
  const columns = groupChannels * kernelHeight * kernelWidth;
  let shapeOf: readonly number[] = [];
  let geometry: ReturnType<typeof geometryOf>['conv2d'];
  const geometryFor = (x: Tensor) => {
    if (x.shape !== shapeOf) {
      shapeOf = x.shape;
      geometry = geometryOf(call, x.shape, w).conv2d;
    }
    return geometry!;
  };
  return {
    groups,
    columns,
    rows,
    positions(x) {
      const { batch, outHeight, outWidth } = geometryFor(x);
      return batch * outHeight * outWidth;
    },
    readInput(x, position, into, stride, at) {
      const g = geometryFor(x);
      const data = x.data as Float32Array;
      const plane = g.outHeight * g.outWidth;
      const image = Math.floor(position / plane);
      const top = Math.floor((position % plane) / g.outWidth) * g.strideHeight - g.padTop;
      const left = (position % g.outWidth) * g.strideWidth - g.padLeft;
      let k = at;
      for (let channel = 0; channel < g.inChannels; channel++) {
        const base = (image * g.inChannels + channel) * g.inHeight * g.inWidth;
        for (let i = 0, row = top; i < kernelHeight; i++, row += g.dilationHeight) {
          const inside = row >= 0 && row < g.inHeight;
          for (let j = 0, column = left; j < kernelWidth; j++, column += g.dilationWidth, k += stride)
            into[k] =
              inside && column >= 0 && column < g.inWidth ? data[base + row * g.inWidth + column]! : 0;
        }
      }
    },
    readOutput(y, position, into, stride, at) {
      const data = y.data as Float32Array;
      const plane = data.length / (y.shape[0]! * rows);
      const image = Math.floor(position / plane);
      const base = image * rows * plane + (position % plane);
      for (let r = 0; r < rows; r++) into[r * stride + at] = data[base + r * plane]!;
    },
  };
}
