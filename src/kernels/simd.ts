import type { Kernels, PreparedWeights } from './contract.ts';
import { conv2dSimd } from './conv2d/simd.ts';
import { depthwiseSimd, isDepthwise } from './depthwise/simd.ts';
import { affineReference } from './elementwise/affine-reference.ts';
import { binaryReference } from './elementwise/binary-reference.ts';
import { unaryReference } from './elementwise/unary-reference.ts';
import { PanelWeights } from './gemm/panels.ts';
import { linearSimd } from './linear/simd.ts';
import { matmulSimd } from './matmul/simd.ts';
import { averagePool2dReference, maxPool2dReference } from './pool/reference.ts';
import { softmaxReference } from './softmax/reference.ts';
import { Workspace } from './wasm/workspace.ts';

/** The fast set of kernels: WebAssembly SIMD128, the same bits as the reference. */
export function createSimdKernels(): Kernels {
  const workspace = new Workspace();
  return {
    name: 'simd',
    heap: workspace.heap,
    prepareConv2d(rows, shape) {
      const { inChannels, outChannels, kernelHeight, kernelWidth, groups } = shape;
      const columns = (inChannels / groups) * kernelHeight * kernelWidth;
      return new PanelWeights(workspace, rows, outChannels, columns, isDepthwise(shape) ? 1 : groups);
    },
    conv2d(x, weights, y, shape, epilogue) {
      const run = isDepthwise(shape) ? depthwiseSimd : conv2dSimd;
      run(workspace, x, ownPanels(weights), y, shape, epilogue);
    },
    prepareLinear: (rows, rowCount, columnCount) => new PanelWeights(workspace, rows, rowCount, columnCount),
    linear(x, weights, y, batch, epilogue) {
      linearSimd(workspace, x, ownPanels(weights), y, batch, epilogue);
    },
    matmul: (a, b, y, m, k, n) => matmulSimd(workspace, a, b, y, m, k, n),
    unary: unaryReference,
    binary: binaryReference,
    affine: affineReference,
    maxPool2d: maxPool2dReference,
    averagePool2d: averagePool2dReference,
    softmax: softmaxReference,
    dispose: () => workspace.dispose(),
  };
}

function ownPanels(weights: PreparedWeights): PanelWeights {
  if (weights instanceof PanelWeights) return weights;
  throw new TypeError('kernels: these weights were prepared by another set of kernels');
}
