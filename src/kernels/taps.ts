import type { Conv2dShape } from './contract.ts';

/** Every tap of a window that lies inside image n, with the pixel under it, counted through all images. */
export function eachTap(
  shape: Conv2dShape,
  n: number,
  oy: number,
  ox: number,
  visit: (pixel: number, tap: number) => void,
): void {
  const { inHeight, inWidth, kernelHeight, kernelWidth, padTop, padLeft } = shape;
  for (let ky = 0; ky < kernelHeight; ky++)
    for (let kx = 0; kx < kernelWidth; kx++) {
      const h = oy * shape.strideHeight - padTop + ky * shape.dilationHeight;
      const w = ox * shape.strideWidth - padLeft + kx * shape.dilationWidth;
      if (h >= 0 && h < inHeight && w >= 0 && w < inWidth)
        visit((n * inHeight + h) * inWidth + w, ky * kernelWidth + kx);
    }
}
