import type { Conv2dShape } from '../contract.ts';

/** Calls `visit` with the input offset of every real element of every window, and `finish` after each window. */
function forEachWindow(
  shape: Conv2dShape,
  visit: (offset: number) => void,
  finish: (at: number, oy: number, ox: number) => void,
): void {
  const { batch, inChannels, inHeight, inWidth, outHeight, outWidth, kernelHeight, kernelWidth } = shape;
  let at = 0;
  for (let plane = 0; plane < batch * inChannels; plane++) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ox = 0; ox < outWidth; ox++) {
        for (let ky = 0; ky < kernelHeight; ky++) {
          const iy = oy * shape.strideHeight - shape.padTop + ky * shape.dilationHeight;
          if (iy < 0 || iy >= inHeight) continue;
          for (let kx = 0; kx < kernelWidth; kx++) {
            const ix = ox * shape.strideWidth - shape.padLeft + kx * shape.dilationWidth;
            if (ix >= 0 && ix < inWidth) visit((plane * inHeight + iy) * inWidth + ix);
          }
        }
        finish(at++, oy, ox);
      }
    }
  }
}

/** The definition of max pooling: the largest real element of each window; NaN propagates, −0 < +0. */
export function maxPool2dReference(x: Float32Array, y: Float32Array, shape: Conv2dShape): void {
  let largest = Number.NEGATIVE_INFINITY;
  forEachWindow(
    shape,
    (offset) => {
      largest = Math.max(largest, x[offset]);
    },
    (at) => {
      y[at] = largest;
      largest = Number.NEGATIVE_INFINITY;
    },
  );
}

/** The definition of average pooling: the float32 sum in row-major order, divided by the number of real elements or of padded ones. */
export function averagePool2dReference(
  x: Float32Array,
  y: Float32Array,
  shape: Conv2dShape,
  countPadding: boolean,
  padBottom: number,
  padRight: number,
): void {
  const { inHeight, inWidth, kernelHeight, kernelWidth } = shape;
  let sum = 0;
  forEachWindow(
    shape,
    (offset) => {
      sum = Math.fround(sum + x[offset]);
    },
    (at, oy, ox) => {
      const top = oy * shape.strideHeight - shape.padTop;
      const left = ox * shape.strideWidth - shape.padLeft;
      const rows = countPadding
        ? tapsWithin(top, kernelHeight, shape.dilationHeight, -shape.padTop, inHeight + padBottom)
        : tapsWithin(top, kernelHeight, shape.dilationHeight, 0, inHeight);
      const columns = countPadding
        ? tapsWithin(left, kernelWidth, shape.dilationWidth, -shape.padLeft, inWidth + padRight)
        : tapsWithin(left, kernelWidth, shape.dilationWidth, 0, inWidth);
      y[at] = sum / (rows * columns);
      sum = 0;
    },
  );
}

/** How many of start, start + dilation, … (`taps` of them) lie in low … high − 1. */
export function tapsWithin(start: number, taps: number, dilation: number, low: number, high: number): number {
  let count = 0;
  for (let t = 0; t < taps; t++) {
    const at = start + t * dilation;
    if (at >= low && at < high) count++;
  }
  return count;
}
