import type { Kernels, PreparedWeights } from './contract.ts';
import { conv2dReference } from './conv2d/reference.ts';
import { affineReference } from './elementwise/affine-reference.ts';
import { binaryReference } from './elementwise/binary-reference.ts';
import { unaryReference } from './elementwise/unary-reference.ts';
import { createMemory, LinearHeap } from './heap.ts';
import { linearReference } from './linear/reference.ts';
import { matmulReference } from './matmul/reference.ts';
import { averagePool2dReference, maxPool2dReference } from './pool/reference.ts';
import { HeapRows } from './rows.ts';
import { softmaxReference } from './softmax/reference.ts';

/** The readable set of kernels: loops that define every result. Slow, and kept for ever. */
export function createReferenceKernels(): Kernels {
  const heap = new LinearHeap(createMemory(1 << 20));
  return {
    name: 'reference',
    heap,
    prepareConv2d(rows, shape) {
      const { inChannels, outChannels, kernelHeight, kernelWidth, groups } = shape;
      return new HeapRows(heap, rows, outChannels, (inChannels / groups) * kernelHeight * kernelWidth);
    },
    conv2d(x, weights, y, shape, epilogue) {
      conv2dReference(x, ownRows(weights), y, shape, epilogue);
    },
    prepareLinear: (rows, rowCount, columnCount) => new HeapRows(heap, rows, rowCount, columnCount),
    linear(x, weights, y, batch, epilogue) {
      linearReference(x, ownRows(weights), y, batch, epilogue);
    },
    matmul: matmulReference,
    unary: unaryReference,
    binary: binaryReference,
    affine: affineReference,
    maxPool2d: maxPool2dReference,
    averagePool2d: averagePool2dReference,
    softmax: softmaxReference,
    dispose: () => heap.clear(),
  };
}

function ownRows(weights: PreparedWeights): HeapRows {
  if (weights instanceof HeapRows) return weights;
  throw new TypeError('kernels: these weights were prepared by another set of kernels');
}
