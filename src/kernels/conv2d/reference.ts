import type { Conv2dShape, Epilogue } from '../contract.ts';
import { applyEpilogue } from '../epilogue.ts';
import type { HeapRows } from '../rows.ts';

/**
 * The definition of a convolution: a dot product over k = (channel of the group, kernel row, kernel column), ascending,
 * in float32. A tap in the padding adds w·0.
 */
export function conv2dReference(
  x: Float32Array,
  weights: HeapRows,
  y: Float32Array,
  shape: Conv2dShape,
  epilogue: Epilogue,
): void {
  const { batch, inChannels, inHeight, inWidth, outChannels, outHeight, outWidth, groups } = shape;
  const { kernelHeight, kernelWidth } = shape;
  const groupIn = inChannels / groups;
  const groupOut = outChannels / groups;
  const scratch = new Float32Array(weights.columns);
  for (let c = 0; c < outChannels; c++) {
    const row = weights.row(c, scratch);
    const firstIn = Math.floor(c / groupOut) * groupIn;
    for (let n = 0; n < batch; n++) {
      for (let oy = 0; oy < outHeight; oy++) {
        for (let ox = 0; ox < outWidth; ox++) {
          let sum = 0;
          let k = 0;
          for (let i = 0; i < groupIn; i++) {
            const plane = (n * inChannels + firstIn + i) * inHeight;
            for (let ky = 0; ky < kernelHeight; ky++) {
              const iy = oy * shape.strideHeight - shape.padTop + ky * shape.dilationHeight;
              for (let kx = 0; kx < kernelWidth; kx++) {
                const ix = ox * shape.strideWidth - shape.padLeft + kx * shape.dilationWidth;
                const inside = iy >= 0 && iy < inHeight && ix >= 0 && ix < inWidth;
                const value = inside ? x[(plane + iy) * inWidth + ix] : 0;
                sum = Math.fround(sum + Math.fround(row[k++] * value));
              }
            }
          }
          const at = ((n * outChannels + c) * outHeight + oy) * outWidth + ox;
          y[at] = applyEpilogue(sum, epilogue, c, at);
        }
      }
    }
  }
}
