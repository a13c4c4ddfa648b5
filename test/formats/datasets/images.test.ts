import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { encode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../../src/formats/images/decode-image.ts';
import { decodeImageFile } from '../../../src/formats/images/decode-image-file.ts';
import { sharedData } from '../../shared-data.ts';

const FOLDER = new URL('../../fixtures/images/', import.meta.url);
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, FOLDER)));
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const EXPECTED = JSON.parse(readFileSync(new URL('expected.json', FOLDER), 'utf8')) as Record<
  string,
  { width: number; height: number; channels: number; sha256: string }
>;

describe('decodeImage', () => {
  it.each(Object.keys(EXPECTED))('gives the pixels of %s that Pillow gives', async (name) => {
    const { pixels, ...size } = await decodeImage(bytesOf(name), name);
    const { width, height, channels, sha256: hash } = EXPECTED[name]!;
    expect(size).toEqual({ width, height, channels });
    expect(sha256(pixels)).toBe(hash);
  });

  it('covers every image of the fixture folder but the CMYK one', () => {
    const images = readdirSync(FOLDER).filter((name) => /\.(jpg|png)$/.test(name));
    expect(images.filter((name) => !(name in EXPECTED))).toEqual(['cmyk.jpg']);
  });

  it('keeps the high byte of 16-bit PNGs, as Pillow does', async () => {
    const data = Uint16Array.of(0x0000, 0x00ff, 0x0100, 0x80ff, 0xfffe, 0x1234);
    for (const interlace of ['null', 'Adam7'] as const) {
      const png = encode({ width: 2, height: 1, channels: 3, depth: 16, data }, { interlace });
      expect((await decodeImage(png, 'deep.png')).pixels).toEqual(Uint8Array.of(0, 0, 1, 0x80, 0xff, 0x12));
    }
  });

  it('undoes interlacing', async () => {
    const { pixels, width, height } = await decodeImage(bytesOf('rgb.png'), 'rgb.png');
    const png = encode({ width, height, channels: 3, depth: 8, data: pixels }, { interlace: 'Adam7' });
    expect((await decodeImage(png, 'interlaced.png')).pixels).toEqual(pixels);
  });

  it('leaves no ImageData behind', async () => {
    await decodeImage(bytesOf('grey.jpg'), 'grey.jpg');
    expect('ImageData' in globalThis).toBe(false);
  });

  it('decodes the next image after a corrupt one', async () => {
    const jpeg = bytesOf('ycc420.jpg');
    await expect(decodeImage(jpeg.subarray(0, 200), 'a.jpg')).rejects.toThrow();
    expect(sha256((await decodeImage(jpeg, 'b.jpg')).pixels)).toBe(EXPECTED['ycc420.jpg']!.sha256);
  });

  const jpeg = bytesOf('ycc444.jpg');
  const png = bytesOf('rgb.png');
  it.each([
    ['an empty file', new Uint8Array(0), 'malformed', /neither JPEG nor PNG: 0 bytes$/],
    ['a foreign file', new TextEncoder().encode('GIF89a'), 'malformed', /begin with 47 49 46 38/],
    ['a JPEG cut in its header', jpeg.subarray(0, 100), 'malformed', /no frame header in its 100 bytes/],
    [
      'a JPEG cut in its pixels',
      jpeg.subarray(0, jpeg.length >> 1),
      'malformed',
      /Premature end .*truncated/,
    ],
    ['a JPEG without its last marker', jpeg.subarray(0, jpeg.length - 2), 'malformed', /truncated/],
    ['a CMYK JPEG', bytesOf('cmyk.jpg'), 'unsupported', /CMYK/],
    [
      'a JPEG that claims 65500 × 65500',
      patched(jpeg, jpegSizeAt(jpeg), [0xff, 0xdc, 0xff, 0xdc]),
      'limit',
      /65500 × 65500/,
    ],
    [
      'a PNG cut in its pixels',
      png.subarray(0, 900),
      'malformed',
      /IDAT chunk ends at byte \d+, the file has 900/,
    ],
    ['a PNG without IEND', png.subarray(0, png.length - 12), 'malformed', /without an IEND/],
    ['a PNG with a flipped bit', patched(png, 700, [png[700]! ^ 4]), 'malformed', /(unpacked|CRC)/],
    [
      'a PNG that claims more rows',
      patched(png, 22, [1]),
      'malformed',
      /unpack to \d+ bytes, its size needs \d+/,
    ],
    ['a PNG that claims 2^31 rows', patched(png, 20, [0x80]), 'limit', /at most/],
    ['a PNG of no width', patched(png, 16, [0, 0, 0, 0]), 'malformed', /0 × 38/],
  ])('refuses %s by a sentence that names the file', async (_, bytes, code, message) => {
    await expect(decodeImage(bytes, 'folder/a.img')).rejects.toThrow(
      expect.objectContaining({
        code,
        message: expect.stringMatching(message),
        at: { file: 'folder/a.img' },
      }),
    );
    await expect(decodeImage(bytes, 'folder/a.img')).rejects.toThrow('folder/a.img');
  });

  it('says that a file is missing', async () => {
    await expect(decodeImageFile('no/such.png')).rejects.toThrow(
      expect.objectContaining({ code: 'not-found' }),
    );
  });

  const val800 = sharedData('imagenet/val800/');
  it.skipIf(val800 === undefined)(
    'gives the pixels of Pillow for ImageNet pictures (needs ../shared/data)',
    async () => {
      const names = readdirSync(val800!)
        .filter((name) => name.endsWith('.JPEG'))
        .sort()
        .slice(0, 100);
      const hash = createHash('sha256');
      for (const name of names) hash.update((await decodeImageFile(val800! + name)).pixels);
      // python: hashlib over Image.open(name).convert('RGB').tobytes() of the same files, Pillow 13.0.0
      expect(hash.digest('hex')).toBe('9487310a3d29019f48851767f355d7372ed645fe39305a21524f030cb8e98642');
    },
  );
});

function patched(bytes: Uint8Array, at: number, values: readonly number[]): Uint8Array {
  const copy = bytes.slice();
  copy.set(values, at);
  return copy;
}

/** Height and width of the frame header. */
function jpegSizeAt(bytes: Uint8Array): number {
  for (let i = 0; ; i++) if (bytes[i] === 0xff && bytes[i + 1] === 0xc0) return i + 5;
}
