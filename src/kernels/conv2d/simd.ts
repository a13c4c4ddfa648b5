import type { Conv2dShape, Epilogue } from '../contract.ts';
import { DECODER_SPILL, type PanelWeights } from '../gemm/panels.ts';
import { blockPixels, type Product, planProduct, productNanoseconds, runProduct } from '../gemm/product.ts';
import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';

/** Nanoseconds to copy a float of the input between zeros, about. */
const PAD_NS = 0.4;

/**
 * Convolution as a product of weight panels and panels of patches, blocked over pixels. Without padding the patches are
 * read from x itself, with padding from a zero-padded copy of the images of the block.
 */
export function conv2dSimd(
  workspace: Workspace,
  x: Float32Array,
  weights: PanelWeights,
  y: Float32Array,
  shape: Conv2dShape,
  epilogue: Epilogue,
): void {
  const { batch, inChannels, inHeight, inWidth, outChannels, outWidth, groups } = shape;
  const { kernelHeight, kernelWidth, strideHeight, strideWidth, dilationHeight, dilationWidth } = shape;
  const plane = shape.outHeight * outWidth;
  const { columns, groupRows, isCoded } = weights;
  if (plane * batch === 0 || outChannels === 0) return;

  const { paddedHeight, paddedWidth } = paddedSize(shape);
  const isPadded = paddedHeight !== inHeight || paddedWidth !== inWidth;
  const pitch = isPadded ? paddedWidth : inWidth;
  const inPlane = pitch * (isPadded ? paddedHeight : inHeight);
  const imageBytes = inPlane * inChannels * 4;

  const pixels = plane * batch;
  const product: Product = { groups, rows: groupRows, columns, pixels, isCoded, decoderSpill: DECODER_SPILL };
  // Images that are worked on together, a block for each part of the work.
  const together = blockPixels(columns, isCoded) * workspace.parts(productNanoseconds(product));
  const images = Math.min(batch, Math.max(1, Math.floor(together / plane)));
  const plan = planProduct(workspace, product, images * plane);

  const offsetsBytes = alignedBytes(columns * 4);
  const paddedBytes = isPadded ? imageBytes * images : 0;
  const { low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY } = epilogue;

  workspace.call(
    y,
    [x, epilogue.scale, epilogue.bias, epilogue.addend],
    offsetsBytes + plan.sharedBytes + paddedBytes,
    (yAt, offsets, [xAt, scale, bias, addend]) => {
      const shared = offsets + offsetsBytes;
      const padded = shared + plan.sharedBytes;
      const table = new Int32Array(workspace.heap.buffer, offsets, columns);
      let k = 0;
      for (let c = 0; c < inChannels / groups; c++) {
        for (let ky = 0; ky < kernelHeight; ky++) {
          for (let kx = 0; kx < kernelWidth; kx++) {
            table[k++] = 4 * (c * inPlane + ky * dilationHeight * pitch + kx * dilationWidth);
          }
        }
      }
      const outImageBytes = outChannels * plane * 4;
      for (let n = 0; n < batch; n += images) {
        const some = Math.min(images, batch - n);
        const given = xAt! + n * inChannels * inHeight * inWidth * 4;
        if (isPadded) {
          const planes = some * inChannels;
          workspace.run(
            workspace.ranges(planes, { nanoseconds: planes * inPlane * PAD_NS }).map(({ from, to }) => {
              const source = given + from * inHeight * inWidth * 4;
              return [
                [
                  'padPlanes',
                  source,
                  to - from,
                  inHeight,
                  inWidth,
                  padded + from * inPlane * 4,
                  shape.padTop,
                  shape.padLeft,
                  paddedHeight,
                  paddedWidth,
                ],
              ];
            }),
          );
        }
        const source = isPadded ? padded : given;
        runProduct(workspace, plan, shared, some * plane, {
          pack: (group, first, count, patches) => [
            'packPatches',
            source + group * (inChannels / groups) * inPlane * 4,
            offsets,
            columns,
            patches,
            first,
            count,
            outWidth,
            plane,
            strideHeight * pitch * 4,
            strideWidth * 4,
            imageBytes,
          ],
          decode: (group, row, rows, decoded) => weights.decodeCall(group, row, rows, decoded),
          multiply: (group, row, rows, decoded, patches, first, count) => {
            const channel = group * groupRows + row;
            const at = (n * outChannels + channel) * plane * 4;
            return [
              'multiply',
              weights.panelsAt(group, row, decoded),
              rows,
              columns,
              patches,
              first,
              count,
              yAt + at,
              plane,
              outImageBytes,
              scale! && scale! + channel * 4,
              bias! && bias! + channel * 4,
              addend! && addend! + at,
              low,
              high,
            ];
          },
        });
      }
    },
    plan.ownBytes,
  );
}

/** Size of the input with the padding that the windows reach; never less than the input. */
export function paddedSize(shape: Conv2dShape): { paddedHeight: number; paddedWidth: number } {
  const reach = (out: number, stride: number, kernel: number, dilation: number): number =>
    (out - 1) * stride + (kernel - 1) * dilation + 1;
  const { padTop, padLeft, inHeight, inWidth } = shape;
  return {
    paddedHeight: Math.max(
      inHeight + padTop,
      reach(shape.outHeight, shape.strideHeight, shape.kernelHeight, shape.dilationHeight),
    ),
    paddedWidth: Math.max(
      inWidth + padLeft,
      reach(shape.outWidth, shape.strideWidth, shape.kernelWidth, shape.dilationWidth),
    ),
  };
}
