import { binarySimd as binaryKernels } from './binary/simd.ts';
import type { Kernels, PreparedWeights } from './contract.ts';
import { conv2dSimd } from './conv2d/simd.ts';
import { depthwiseSimd, isDepthwise } from './depthwise/simd.ts';
import { affineSimd, binarySimd } from './elementwise/binary-simd.ts';
import { unarySimd } from './elementwise/unary-simd.ts';
import { PanelWeights } from './gemm/panels.ts';
import { integerSimd } from './integer/simd.ts';
import { checkBroadcast, checkConv2d, checkLinear, checkMatmul, checkPool, checkUnary } from './lengths.ts';
import { linearSimd } from './linear/simd.ts';
import { matmulSimd } from './matmul/simd.ts';
import { averagePool2dSimd, maxPool2dSimd } from './pool/simd.ts';
import { softmaxSimd } from './softmax/simd.ts';
import { Workspace, type WorkspaceOptions } from './wasm/workspace.ts';
import { isWinograd } from './winograd/rule.ts';
import { winogradSimd } from './winograd/simd.ts';

/** The fast set of kernels: WebAssembly SIMD128, the same bits as the reference, for any number of threads. */
export function createSimdKernels(options: WorkspaceOptions = {}): Kernels {
  const workspace = new Workspace(options);
  return {
    ...binaryKernels(workspace),
    ...integerSimd(workspace),
    name: 'simd',
    threads: workspace.threads,
    heap: workspace.heap,
    prepareConv2d(rows, shape) {
      const { inChannels, outChannels, kernelHeight, kernelWidth, groups } = shape;
      const columns = (inChannels / groups) * kernelHeight * kernelWidth;
      return new PanelWeights(workspace, rows, outChannels, columns, isDepthwise(shape) ? 1 : groups);
    },
    conv2d(x, weights, y, shape, epilogue) {
      checkConv2d(x, weights, y, shape, epilogue);
      const run = isDepthwise(shape) ? depthwiseSimd : isWinograd(shape) ? winogradSimd : conv2dSimd;
      run(workspace, x, ownPanels(weights), y, shape, epilogue);
    },
    prepareLinear: (rows, rowCount, columnCount) => new PanelWeights(workspace, rows, rowCount, columnCount),
    linear(x, weights, y, batch, epilogue) {
      checkLinear(x, weights, y, batch, epilogue);
      linearSimd(workspace, x, ownPanels(weights), y, batch, epilogue);
    },
    matmul(a, b, y, m, k, n) {
      checkMatmul(a, b, y, m, k, n);
      matmulSimd(workspace, a, b, y, m, k, n);
    },
    unary(name, x, y, alpha, beta) {
      checkUnary(x, y);
      unarySimd(workspace, name, x, y, alpha, beta);
    },
    binary(name, a, b, y, outer, channels, inner, swapped) {
      checkBroadcast(name, a, y, [b], outer, channels, inner);
      binarySimd(workspace, name, a, b, y, outer, channels, inner, swapped);
    },
    affine(x, scale, shift, y, outer, channels, inner, low, high) {
      checkBroadcast('affine', x, y, [scale, shift], outer, channels, inner);
      affineSimd(workspace, x, scale, shift, y, outer, channels, inner, low, high);
    },
    maxPool2d(x, y, shape) {
      checkPool('maxPool2d', x, y, shape);
      maxPool2dSimd(workspace, x, y, shape);
    },
    averagePool2d(x, y, shape, countPadding, padBottom, padRight) {
      checkPool('averagePool2d', x, y, shape);
      averagePool2dSimd(workspace, x, y, shape, countPadding, padBottom, padRight);
    },
    softmax(x, y, outer, length, inner, log) {
      checkBroadcast('softmax', x, y, [], outer, length, inner);
      softmaxSimd(workspace, x, y, outer, length, inner, log);
    },
    dispose: () => workspace.dispose(),
  };
}

function ownPanels(weights: PreparedWeights): PanelWeights {
  if (weights instanceof PanelWeights) return weights;
  throw new TypeError('kernels: these weights were prepared by another set of kernels');
}
