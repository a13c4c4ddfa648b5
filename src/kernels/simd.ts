import type { Kernels, PreparedWeights } from './contract.ts';
import { conv2dSimd } from './conv2d/simd.ts';
import { depthwiseSimd, isDepthwise } from './depthwise/simd.ts';
import { affineSimd, binarySimd } from './elementwise/binary-simd.ts';
import { unarySimd } from './elementwise/unary-simd.ts';
import { PanelWeights } from './gemm/panels.ts';
import { linearSimd } from './linear/simd.ts';
import { matmulSimd } from './matmul/simd.ts';
import { averagePool2dSimd, maxPool2dSimd } from './pool/simd.ts';
import { softmaxSimd } from './softmax/simd.ts';
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
    unary: (name, x, y, alpha, beta) => unarySimd(workspace, name, x, y, alpha, beta),
    binary: (...rest) => binarySimd(workspace, ...rest),
    affine: (...rest) => affineSimd(workspace, ...rest),
    maxPool2d: (x, y, shape) => maxPool2dSimd(workspace, x, y, shape),
    averagePool2d: (...rest) => averagePool2dSimd(workspace, ...rest),
    softmax: (...rest) => softmaxSimd(workspace, ...rest),
    dispose: () => workspace.dispose(),
  };
}

function ownPanels(weights: PreparedWeights): PanelWeights {
  if (weights instanceof PanelWeights) return weights;
  throw new TypeError('kernels: these weights were prepared by another set of kernels');
}
