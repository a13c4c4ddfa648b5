import type { Conv2dShape, Epilogue, PreparedWeights } from './contract.ts';

/*
 * Checks of what a kernel is handed. The fast set writes to addresses, so a length that does not fit the shape would
 * overwrite somebody else's numbers; both sets refuse it alike.
 */

/** Throws RangeError when an array is shorter than it has to be; one that is left out is fine. */
function expectLength(kernel: string, name: string, array: Float32Array | undefined, needed: number): void {
  if (array !== undefined && array.length < needed) {
    throw new RangeError(`${kernel}: ${name} has ${array.length} elements, the shape needs ${needed}`);
  }
}

export function checkConv2d(
  x: Float32Array,
  weights: PreparedWeights,
  y: Float32Array,
  shape: Conv2dShape,
  epilogue: Epilogue,
): void {
  const { outChannels, inChannels, groups, kernelHeight, kernelWidth } = shape;
  if (inChannels % groups !== 0 || outChannels % groups !== 0) {
    throw new RangeError(
      `conv2d: ${inChannels} and ${outChannels} channels do not divide into ${groups} groups`,
    );
  }
  checkWeights('conv2d', weights, outChannels, (inChannels / groups) * kernelHeight * kernelWidth);
  checkPlanes('conv2d', x, y, shape, outChannels);
  checkEpilogue('conv2d', epilogue, outChannels, outLength(shape, outChannels));
}

export function checkPool(kernel: string, x: Float32Array, y: Float32Array, shape: Conv2dShape): void {
  checkPlanes(kernel, x, y, shape, shape.inChannels);
}

export function checkLinear(
  x: Float32Array,
  weights: PreparedWeights,
  y: Float32Array,
  batch: number,
  epilogue: Epilogue,
): void {
  expectLength('linear', 'x', x, batch * weights.columns);
  expectLength('linear', 'y', y, batch * weights.rows);
  checkEpilogue('linear', epilogue, weights.rows, batch * weights.rows);
}

export function checkMatmul(
  a: Float32Array,
  b: Float32Array,
  y: Float32Array,
  m: number,
  k: number,
  n: number,
): void {
  expectLength('matmul', 'a', a, m * k);
  expectLength('matmul', 'b', b, k * n);
  expectLength('matmul', 'y', y, m * n);
}

export function checkUnary(x: Float32Array, y: Float32Array): void {
  expectLength('unary', 'y', y, x.length);
}

/** Of x and y [outer, channels, inner] with arrays [channels]. */
export function checkBroadcast(
  kernel: string,
  x: Float32Array,
  y: Float32Array,
  perChannel: readonly Float32Array[],
  outer: number,
  channels: number,
  inner: number,
): void {
  expectLength(kernel, 'the input', x, outer * channels * inner);
  expectLength(kernel, 'the output', y, outer * channels * inner);
  for (const array of perChannel) expectLength(kernel, 'an array of channels', array, channels);
}

function checkWeights(kernel: string, weights: PreparedWeights, rows: number, columns: number): void {
  if (weights.rows === rows && weights.columns === columns) return;
  throw new RangeError(
    `${kernel}: weights were prepared as ${weights.rows} × ${weights.columns}, the shape needs ${rows} × ${columns}`,
  );
}

function checkPlanes(
  kernel: string,
  x: Float32Array,
  y: Float32Array,
  shape: Conv2dShape,
  outChannels: number,
): void {
  const { padTop, padLeft } = shape;
  if (padTop < 0 || padLeft < 0) {
    throw new RangeError(`${kernel}: expected padding of 0 or more, got ${padTop} and ${padLeft}`);
  }
  expectLength(kernel, 'x', x, shape.batch * shape.inChannels * shape.inHeight * shape.inWidth);
  expectLength(kernel, 'y', y, outLength(shape, outChannels));
}

function outLength(shape: Conv2dShape, channels: number): number {
  return shape.batch * channels * shape.outHeight * shape.outWidth;
}

function checkEpilogue(kernel: string, epilogue: Epilogue, channels: number, length: number): void {
  expectLength(kernel, 'scale', epilogue.scale, channels);
  expectLength(kernel, 'bias', epilogue.bias, channels);
  expectLength(kernel, 'addend', epilogue.addend, length);
}
