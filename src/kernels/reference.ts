import { BINARY_REFERENCE } from './binary/reference.ts';
import type { Kernels, PreparedWeights } from './contract.ts';
import { conv2dReference } from './conv2d/reference.ts';
import { affineReference } from './elementwise/affine-reference.ts';
import { binaryReference } from './elementwise/binary-reference.ts';
import { unaryReference } from './elementwise/unary-reference.ts';
import { createMemory, LinearHeap } from './heap.ts';
import { INTEGER_REFERENCE } from './integer/reference.ts';
import { checkBroadcast, checkConv2d, checkLinear, checkMatmul, checkPool, checkUnary } from './lengths.ts';
import { linearReference } from './linear/reference.ts';
import { matmulReference } from './matmul/reference.ts';
import { averagePool2dReference, maxPool2dReference } from './pool/reference.ts';
import { HeapRows } from './rows.ts';
import { softmaxReference } from './softmax/reference.ts';
import { winogradReference } from './winograd/reference.ts';
import { isWinograd } from './winograd/rule.ts';

/** The readable set of kernels: loops that define every result. Slow, and kept for ever. */
export function createReferenceKernels(): Kernels {
  const heap = new LinearHeap(createMemory(1 << 20));
  return {
    ...BINARY_REFERENCE,
    ...INTEGER_REFERENCE,
    name: 'reference',
    threads: 1,
    heap,
    prepareConv2d(rows, shape) {
      const { inChannels, outChannels, kernelHeight, kernelWidth, groups } = shape;
      return new HeapRows(heap, rows, outChannels, (inChannels / groups) * kernelHeight * kernelWidth);
    },
    conv2d(x, weights, y, shape, epilogue) {
      checkConv2d(x, weights, y, shape, epilogue);
      const run = isWinograd(shape) ? winogradReference : conv2dReference;
      run(x, ownRows(weights), y, shape, epilogue);
    },
    prepareLinear: (rows, rowCount, columnCount) => new HeapRows(heap, rows, rowCount, columnCount),
    linear(x, weights, y, batch, epilogue) {
      checkLinear(x, weights, y, batch, epilogue);
      linearReference(x, ownRows(weights), y, batch, epilogue);
    },
    matmul(a, b, y, m, k, n) {
      checkMatmul(a, b, y, m, k, n);
      matmulReference(a, b, y, m, k, n);
    },
    unary(name, x, y, alpha, beta) {
      checkUnary(x, y);
      unaryReference(name, x, y, alpha, beta);
    },
    binary(name, a, b, y, outer, channels, inner, swapped) {
      checkBroadcast(name, a, y, [b], outer, channels, inner);
      binaryReference(name, a, b, y, outer, channels, inner, swapped);
    },
    affine(x, scale, shift, y, outer, channels, inner, low, high) {
      checkBroadcast('affine', x, y, [scale, shift], outer, channels, inner);
      affineReference(x, scale, shift, y, outer, channels, inner, low, high);
    },
    maxPool2d(x, y, shape) {
      checkPool('maxPool2d', x, y, shape);
      maxPool2dReference(x, y, shape);
    },
    averagePool2d(x, y, shape, countPadding, padBottom, padRight) {
      checkPool('averagePool2d', x, y, shape);
      averagePool2dReference(x, y, shape, countPadding, padBottom, padRight);
    },
    softmax(x, y, outer, length, inner, log) {
      checkBroadcast('softmax', x, y, [], outer, length, inner);
      softmaxReference(x, y, outer, length, inner, log);
    },
    dispose: () => heap.clear(),
  };
}

function ownRows(weights: PreparedWeights): HeapRows {
  if (weights instanceof HeapRows) return weights;
  throw new TypeError('kernels: these weights were prepared by another set of kernels');
}
