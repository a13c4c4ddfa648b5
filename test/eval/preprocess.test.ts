import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkPreprocess } from '../../src/eval/check-preprocess.ts';
import { imageInputOf, valueDimsOf } from '../../src/eval/input.ts';
import { channelTables, pictureFeeder, valueFeeder, withChannels } from '../../src/eval/preprocess.ts';
import { PRESETS } from '../../src/eval/presets.ts';
import { readPreprocess } from '../../src/eval/read-preprocess.ts';
import { resizeBilinear } from '../../src/eval/resize.ts';
import type { Pixels, Preprocess } from '../../src/eval/types.ts';
import { decodeImage } from '../../src/formats/images/decode-image.ts';
import { float16ToNumber } from '../../src/tensor/float16.ts';

const FOLDER = new URL('../fixtures/images/', import.meta.url);
const EXPECTED = JSON.parse(readFileSync(new URL('expected.json', FOLDER), 'utf8')) as Record<
  string,
  { luma?: string; resized: Record<string, string> }
>;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const picture = (name: string): Promise<Pixels> => decodeImage(readFileSync(new URL(name, FOLDER)), name);
const folder = mkdtempSync(join(tmpdir(), 'bnnq-preprocess-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('resizeBilinear', () => {
  const cases = Object.entries(EXPECTED).flatMap(([name, { resized }]) =>
    Object.entries(resized).map(([size, hash]) => [name, size, hash] as const),
  );
  it.each(cases)('makes of %s in size %s the pixels that Pillow makes', async (name, size, hash) => {
    const [width = 0, height = 0] = size.split('x').map(Number);
    const resized = resizeBilinear(await picture(name), width, height);
    expect([resized.width, resized.height]).toEqual([width, height]);
    expect(sha256(resized.pixels)).toBe(hash);
  });
});

describe('withChannels', () => {
  it('makes grey of RGB as Pillow does', async () => {
    expect(sha256(withChannels(await picture('rgb.png'), 1).pixels)).toBe(EXPECTED['rgb.png']!.luma);
  });
  it('repeats grey three times', () => {
    const grey: Pixels = { pixels: Uint8Array.of(1, 2), width: 2, height: 1, channels: 1 };
    expect(withChannels(grey, 3)).toEqual({
      pixels: Uint8Array.of(1, 1, 1, 2, 2, 2),
      width: 2,
      height: 1,
      channels: 3,
    });
  });
});

describe('channelTables', () => {
  const float32 = (numbers: number[]): Float32Array => Float32Array.from(numbers);
  it('divides by 255 and by 127.5 as float32 division does', () => {
    const [unit] = channelTables(PRESETS.unit!, 1, 'FLOAT');
    expect(unit).toEqual(float32(Array.from({ length: 256 }, (_, p) => p / 255)));
    const [tf] = channelTables(PRESETS.tf!, 1, 'FLOAT');
    expect(tf).toEqual(float32(Array.from({ length: 256 }, (_, p) => Math.fround(p / 127.5) - 1)));
  });

  it('gives the values that NumPy gives for torch', () => {
    const tables = channelTables(PRESETS.torch!, 3, 'FLOAT');
    // numpy 2.4: x = np.uint8([0, 1, 128, 255]).astype('f4') / np.float32(255); (x - mean.astype('f4')) / std.astype('f4')
    const numpy = [
      [-2.1179039478302, -2.1007792949676514, 0.07406462728977203, 2.248908281326294],
      [-2.0357141494750977, -2.018207311630249, 0.20518219470977783, 2.4285714626312256],
      [-1.804444432258606, -1.7870151996612549, 0.4264925718307495, 2.640000104904175],
    ];
    for (let channel = 0; channel < 3; channel++)
      expect([0, 1, 128, 255].map((p) => tables[channel]![p])).toEqual([...float32(numpy[channel]!)]);
  });

  it('takes the mean of caffe in the order blue, green, red', () => {
    const firsts = channelTables(PRESETS.caffe!, 3, 'FLOAT').map((table) => table[0]);
    expect(firsts).toEqual([-104, -117, -123]);
  });

  it('gives float16 patterns for a float16 input', () => {
    const [table] = channelTables(PRESETS.unit!, 1, 'FLOAT16');
    expect(float16ToNumber(Number(table![255]))).toBe(1);
    expect(float16ToNumber(Number(table![1]))).toBeCloseTo(1 / 255, 5);
  });

  it('refuses three means for one channel', () => {
    expect(() => channelTables(PRESETS.torch!, 1, 'FLOAT')).toThrow(
      '"torch": "mean" has 3 numbers, the network has 1 channel',
    );
  });
});

describe('pictureFeeder', () => {
  // Red is the column, green the row, blue 200.
  const gradient = (width: number, height: number): Pixels & { kind: 'pixels' } => ({
    kind: 'pixels',
    width,
    height,
    channels: 3,
    pixels: Uint8Array.from({ length: width * height * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3);
      return [pixel % width, Math.floor(pixel / width), 200][i % 3]!;
    }),
  });
  const raw = PRESETS.raw!;
  function feed(
    preprocess: Preprocess,
    layout: 'nchw' | 'nhwc',
    sample: Pixels & { kind: 'pixels' },
  ): number[] {
    const feeder = pictureFeeder(
      preprocess,
      { layout, channels: 3, height: 2, width: 2, dims: layout === 'nchw' ? [3, 2, 2] : [2, 2, 3] },
      'FLOAT',
    );
    const data = new Float32Array(2 * feeder.elements);
    feeder.write(feeder.pack(sample, 'a.png'), data, feeder.elements);
    expect(data.subarray(0, feeder.elements).every((value) => value === 0)).toBe(true);
    return [...data.subarray(feeder.elements)];
  }

  it('crops the centre, offsets rounded down, and lays channels out as the network wants', () => {
    const sample = gradient(5, 7);
    expect(feed(raw, 'nchw', sample)).toEqual([1, 2, 1, 2, 2, 2, 3, 3, 200, 200, 200, 200]);
    expect(feed(raw, 'nhwc', sample)).toEqual([1, 2, 200, 2, 2, 200, 1, 3, 200, 2, 3, 200]);
    expect(feed({ ...raw, channelOrder: 'bgr' }, 'nhwc', sample)).toEqual([
      200, 2, 1, 200, 2, 2, 200, 3, 1, 200, 3, 2,
    ]);
  });

  it('resizes the shorter side first, and to the given size last', () => {
    const sample = gradient(8, 4);
    const resized = resizeBilinear(sample, 4, 2);
    const cropped = feed({ ...raw, resize: 2 }, 'nhwc', sample);
    expect(cropped).toEqual([...resized.pixels.subarray(3, 9), ...resized.pixels.subarray(15, 21)]);
    expect(feed({ ...raw, size: [2, 2] }, 'nhwc', sample)).toEqual([...resizeBilinear(sample, 2, 2).pixels]);
    const both = resizeBilinear({ ...sample, ...cropOf(sample, 4, 4) }, 2, 2);
    expect(feed({ ...raw, crop: [4, 4], size: [2, 2] }, 'nhwc', sample)).toEqual([...both.pixels]);
  });

  it('proposes to resize a picture that is too small for the crop', () => {
    expect(() => feed(raw, 'nchw', gradient(1, 7))).toThrow(
      'a.png: 7 × 1 pixels (height × width) are too few for a crop of 2 × 2: give "resize"',
    );
  });

  it('says both sizes where the preprocessing makes something else than the network takes', () => {
    expect(() => feed({ ...raw, crop: [3, 2] }, 'nchw', gradient(5, 5))).toThrow(
      '3 × 2 (height × width), the network takes 2 × 2',
    );
  });

  function cropOf(image: Pixels, height: number, width: number): Pixels {
    const feeder = pictureFeeder(
      raw,
      { layout: 'nhwc', channels: 3, height, width, dims: [height, width, 3] },
      'UINT8',
    );
    return { pixels: feeder.pack({ kind: 'pixels', ...image }, ''), height, width, channels: 3 };
  }
});

describe('valueFeeder', () => {
  it('feeds values as they are and refuses another number of them', () => {
    const feeder = valueFeeder([2], 'DOUBLE');
    const data = new Float64Array(2);
    feeder.write(feeder.pack({ kind: 'values', values: Float32Array.of(1.5, -2) }, 'image 0'), data, 0);
    expect([...data]).toEqual([1.5, -2]);
    expect(() => feeder.pack({ kind: 'values', values: new Float32Array(3) }, 'image 7')).toThrow(
      'image 7: expected 2 values, got 3',
    );
  });

  it('finds the one dimension that the input leaves open, or says that the numbers do not fit', () => {
    expect(valueDimsOf({ name: 'x', shape: ['N', 640] }, 640)).toEqual([640]);
    expect(valueDimsOf({ name: 'x', shape: ['N', 30, 'T', 4] }, 240)).toEqual([30, 2, 4]);
    expect(valueDimsOf({ name: 'x' }, 7)).toEqual([7]);
    expect(() => valueDimsOf({ name: 'x', shape: ['N', 5] }, 2)).toThrow(
      'shape [N,5], the dataset has 2 values a sample',
    );
    expect(() => valueDimsOf({ name: 'x', shape: ['N', 'a', 'b'] }, 2)).toThrow('shape [N,a,b]');
  });
});

describe('imageInputOf', () => {
  const rgb = { width: 9, height: 8, channels: 3 };
  const grey = { width: 9, height: 8, channels: 1 };
  it.each([
    [['N', 3, 32, 30], rgb, { layout: 'nchw', channels: 3, height: 32, width: 30, dims: [3, 32, 30] }],
    [[1, 224, 200, 3], rgb, { layout: 'nhwc', channels: 3, height: 224, width: 200, dims: [224, 200, 3] }],
    [['N', 1, 28, 28], rgb, { layout: 'nchw', channels: 1, height: 28, width: 28, dims: [1, 28, 28] }],
    [[null, null, 28, 28], grey, { layout: 'nchw', channels: 1, height: 28, width: 28, dims: [1, 28, 28] }],
    [['N', 28, 27], grey, { layout: 'flat', channels: 1, height: 28, width: 27, dims: [28, 27] }],
    [['N', 72], grey, { layout: 'flat', channels: 1, height: 8, width: 9, dims: [72] }],
  ] as const)('sees a picture in %j', (shape, sample, expected) => {
    expect(imageInputOf({ name: 'x', shape }, {}, sample)).toEqual(expected);
  });

  it('takes unknown sizes from the preprocessing, or says so', () => {
    const input = { name: 'x', shape: ['N', 3, 'h', 'w'] };
    expect(imageInputOf(input, { crop: [320, 300] }, rgb)).toMatchObject({ height: 320, width: 300 });
    expect(() => imageInputOf(input, {}, rgb)).toThrow(
      'input "x" has the shape [N,3,h,w] of no fixed size: give "crop"',
    );
  });

  it('refuses what is no picture', () => {
    expect(() => imageInputOf({ name: 'x', shape: ['N', 640] }, {}, rgb)).toThrow(
      'input "x" has the shape [N,640], pictures of 9 × 8 × 3 are fed as [N,C,H,W]',
    );
    expect(() => imageInputOf({ name: 'x' }, {}, rgb)).toThrow('the shape []');
  });
});

describe('readPreprocess', () => {
  it('knows the presets', () => {
    for (const name of ['torch', 'tf', 'caffe', 'unit', 'raw'])
      expect(readPreprocess(name).preset).toBe(name);
    expect(() => readPreprocess('imagenet')).toThrow(
      'preprocessing "imagenet": expected a JSON file or one of torch, tf',
    );
    expect(() => readPreprocess('constructor')).toThrow('expected a JSON file');
  });

  it('reads a JSON file, what is absent from a preset', () => {
    const path = join(folder, 'p.json');
    writeFileSync(path, JSON.stringify({ preset: 'tf', resize: 256, crop: 224, labelOffset: 1 }));
    const { preset: _, ...tf } = PRESETS.tf!;
    expect(readPreprocess(path)).toEqual({ ...tf, resize: 256, crop: [224, 224], labelOffset: 1 });
    writeFileSync(path, '{');
    expect(() => readPreprocess(path)).toThrow('is not JSON');
    expect(() => readPreprocess(join(folder, 'none.json'))).toThrow(
      expect.objectContaining({ code: 'not-found' }),
    );
  });

  it('names everything that is wrong at once', () => {
    const wrong = {
      preset: 'x',
      resize: 0,
      crop: [1],
      channelOrder: 'rbg',
      scale: 'big',
      mean: [1, 2],
      std: [0],
      labelOffset: 0.5,
      sizes: 3,
    };
    let message = '';
    try {
      checkPreprocess(wrong, 'p.json');
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message.split('\n')[0]).toBe('preprocessing "p.json": 9 problems:');
    for (const field of Object.keys(wrong)) expect(message).toContain(`"${field}"`);
  });
});
