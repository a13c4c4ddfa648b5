import { BnnqError, messageOf } from '../../errors.ts';
import type { Pixels } from '../datasets/dataset.ts';
import { decodeJpeg } from './jpeg.ts';
import { MAX_IMAGE_BYTES } from './limits.ts';
import { decodePng } from './png.ts';

/**
 * Decodes a JPEG or PNG image, told apart by content, to 8 bits a channel, grey or RGB. The pixels equal those of
 * libjpeg-turbo and Pillow. Alpha is dropped (the colours stay as stored, nothing is blended), 16-bit samples keep their
 * high byte, embedded profiles and the EXIF orientation are not applied: as Pillow's convert('RGB') and TensorFlow's decoders do.
 * @param bytes the whole file
 * @param name what messages call it
 * @throws malformed (naming the file), unsupported (CMYK, other formats), limit
 */
export async function decodeImage(bytes: Uint8Array, name: string): Promise<Pixels> {
  if (bytes.length > MAX_IMAGE_BYTES)
    throw new BnnqError(
      'limit',
      `image "${name}" has ${bytes.length} bytes, at most ${MAX_IMAGE_BYTES} are read`,
      { file: name },
    );
  try {
    if (bytes[0] === 0xff && bytes[1] === 0xd8) return await decodeJpeg(bytes);
    if (bytes[0] === 0x89 && bytes[1] === 0x50) return decodePng(bytes);
  } catch (thrown) {
    const code = thrown instanceof BnnqError ? thrown.code : 'malformed';
    throw new BnnqError(code, `image "${name}": ${messageOf(thrown)}`, { file: name }, thrown);
  }
  const start = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  throw new BnnqError(
    'malformed',
    `image "${name}" is neither JPEG nor PNG: ${bytes.length} bytes${bytes.length > 0 ? ` that begin with ${start}` : ''}`,
    { file: name },
  );
}
