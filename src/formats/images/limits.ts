import { BnnqError } from '../../errors.ts';

/** Pixels of one image: a 67-megapixel picture takes 200 MB as RGB, far more than any network is fed. */
export const MAX_IMAGE_PIXELS: number = 2 ** 26;
/** Bytes of one image file: four a pixel of the largest. */
export const MAX_IMAGE_BYTES: number = 2 ** 28;

/** Called with the size that a header claims, before anything of that size is allocated. @throws limit, malformed */
export function checkImageSize(width: number, height: number): void {
  if (width === 0 || height === 0) throw new BnnqError('malformed', `its size is ${width} × ${height}`);
  if (width * height > MAX_IMAGE_PIXELS)
    throw new BnnqError(
      'limit',
      `its size is ${width} × ${height} pixels, at most ${MAX_IMAGE_PIXELS} are decoded`,
    );
}
