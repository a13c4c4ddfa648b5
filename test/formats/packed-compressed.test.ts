import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeBytesLength, fromCodeBytes, toCodeBytes } from '../../src/formats/packed/code-bytes.ts';
import type { PackedContainer } from '../../src/formats/packed/pack.ts';
import { encodePacked, packedSize } from '../../src/formats/packed/write.ts';
import { readModel, readModelBytes } from '../../src/formats/read-model.ts';
import { decodeSafetensors } from '../../src/formats/safetensors.ts';
import { meanCodeEntropy } from '../../src/ir/code-entropy.ts';
import { type Model, withInitializers } from '../../src/ir/graph.ts';
import { quantizedInitializer } from '../../src/ir/quantized-initializer.ts';
import { codesOf, payloadBytes, planesOf, type QuantizedTensor } from '../../src/ir/quantized-tensor.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { sharedData } from '../shared-data.ts';
import { quantizeNaively } from './naive-quantize.ts';
import { bytesOf, modelBytes } from './onnx-bytes.ts';

const plain = { toolVersion: '1' };
const compressed = { toolVersion: '1', compress: true };
const hash = { verify: false, file: 'm.bnnq' };

function weightsOf(model: Model): QuantizedTensor[] {
  return [...model.graph.initializers.values()].flatMap(({ quantized }) => quantized ?? []);
}

/** Matrices of 32 rows with these codes, named w, w1, w2 … */
async function withCodes(bits: number, ...lists: Uint8Array[]): Promise<Model> {
  const initializer = lists.map((codes, i) => ({
    name: i === 0 ? 'w' : `w${i}`,
    dims: [32, codes.length / 32],
    dataType: 1,
    rawData: bytesOf(new Float32Array(codes.length)),
  }));
  const node = initializer.map(({ name }) => ({
    opType: 'Gemm',
    input: ['x', name],
    output: [name.replace('w', 'y')],
  }));
  const model = quantizeNaively(await readModelBytes(modelBytes({ node, initializer })), bits);
  const coded = weightsOf(model).map((quantized, i) => {
    const { name } = initializer[i]!;
    const planes = planesOf(lists[i]!, bits);
    return [name, quantizedInitializer(name, { ...quantized, planes })] as const;
  });
  return withInitializers(model, new Map(coded));
}

/** Codes of which low ones are far more frequent. */
function skewed(bits: number, count: number): Uint8Array {
  let state = 7;
  return Uint8Array.from({ length: count }, () => {
    state = (state * 48271) % 2147483647;
    return Math.floor((state / 2147483647) ** 4 * 2 ** bits);
  });
}

/** Codes that are all equally frequent, in an order without repetitions. */
function even(bits: number, count: number): Uint8Array {
  let state = 7;
  return Uint8Array.from({ length: count }, () => {
    state = (state * 48271) % 2147483647;
    return Math.floor((state / 2147483647) * 2 ** bits);
  });
}

describe('codes in bytes', () => {
  it('are the same codes again, for every width and count', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.uint8Array({ maxLength: 40 }), (bits, numbers) => {
        const codes = numbers.map((n) => n % 2 ** bits);
        const bytes = toCodeBytes(codes, bits);
        expect(bytes.length).toBe(codeBytesLength(codes.length, bits));
        expect(fromCodeBytes(bytes, bits, codes.length)).toEqual(codes);
      }),
    );
  });

  it('begin in the lowest bits, two of 3 bits a byte', () => {
    expect(toCodeBytes(Uint8Array.of(1, 2, 7), 3)).toEqual(Uint8Array.of(1 | (2 << 3), 7));
  });

  it('are none where a bit beyond them is set', () => {
    expect(fromCodeBytes(Uint8Array.of(64), 3, 2)).toBeUndefined();
    expect(fromCodeBytes(Uint8Array.of(8), 3, 1)).toBeUndefined();
    expect(fromCodeBytes(Uint8Array.of(32), 5, 1)).toBeUndefined();
  });
});

describe('a compressed packed file', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('of %i bits reads as what was written, and is smaller', async (bits) => {
    const model = await withCodes(bits, skewed(bits, 32 * 331));
    const bytes = encodePacked(model, compressed);
    const back = await readModelBytes(bytes);
    expect(codesOf(weightsOf(back)[0]!)).toEqual(codesOf(weightsOf(model)[0]!));
    expect(bytes.length).toBeLessThan(encodePacked(model, plain).length);
    expect(Buffer.compare(encodePacked(back, compressed), bytes)).toBe(0);
    expect(Buffer.compare(encodePacked(back, plain), encodePacked(model, plain))).toBe(0);
    expect(packedSize(model, compressed).total).toBe(bytes.length);
  });

  it('comes within 4 % of the entropy of its codes where these are independent', async () => {
    for (const bits of [2, 3, 4, 6, 8]) {
      const model = await withCodes(bits, skewed(bits, 32 * 2000));
      const stored = (8 * packedSize(model, compressed).codes) / (32 * 2000);
      const entropy = meanCodeEntropy(model);
      expect(stored, `${bits} bits`).toBeGreaterThan(entropy * 0.99);
      expect(stored, `${bits} bits`).toBeLessThan(entropy * 1.04);
    }
  });

  it('says format 2, which programs that know format 1 alone refuse', async () => {
    const model = await withCodes(4, skewed(4, 6400));
    const { metadata } = decodeSafetensors(encodePacked(model, compressed), 'it');
    expect(metadata.get('bnnq')).toBe('2');
  });

  it('is the plain file, byte for byte, where no weight is smaller compressed', async () => {
    for (const bits of [1, 3, 4, 8]) {
      const model = await withCodes(bits, even(bits, 32 * 64));
      expect(Buffer.compare(encodePacked(model, compressed), encodePacked(model, plain))).toBe(0);
    }
    const tiny = await withCodes(2, skewed(2, 32));
    expect(Buffer.compare(encodePacked(tiny, compressed), encodePacked(tiny, plain))).toBe(0);
  });

  it('has the weights as planes that would be larger compressed, beside others', async () => {
    const model = await withCodes(4, even(4, 640), skewed(4, 6400), even(4, 320));
    const back = await readModelBytes(encodePacked(model, compressed));
    expect([...(back.source.container as PackedContainer).deflated!.keys()]).toEqual(['w1']);
    expect(weightsOf(back).map(codesOf)).toEqual(weightsOf(model).map(codesOf));
  });

  it.skipIf(!sharedData('models/cifar10_resnet20.onnx'))(
    'of a real network is never larger, reads as the same codes, and has known bytes (needs ../shared/data)',
    async () => {
      const source = await readModel(sharedData('models/cifar10_resnet20.onnx')!);
      for (const [scheme, bits] of [
        ['binary', 1],
        ['ternary', 2],
        ['exp', 3],
        ['linear', 5],
        ['codebook', 8],
      ] as const) {
        const { model } = quantizeModel(source, { scheme, bits });
        const bytes = encodePacked(model, compressed);
        expect(bytes.length).toBeLessThan(encodePacked(model, plain).length);
        const back = await readModelBytes(bytes);
        expect(weightsOf(back).map(codesOf)).toEqual(weightsOf(model).map(codesOf));
        for (const q of weightsOf(back)) expect(q.planes.length).toBe(payloadBytes(q).codes);
      }
    },
  );
});

describe('a damaged compressed file is refused with a sentence that names the weight:', () => {
  /** The file, where its codes begin, and how many bytes they have. */
  async function file(bits = 4) {
    const bytes = Buffer.from(encodePacked(await withCodes(bits, skewed(bits, 6400)), compressed));
    const data = 8 + Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.toString('utf8', 8, data));
    const [start, end] = header.__codes__.data_offsets;
    return { bytes, at: data + start, length: end - start };
  }
  const replaced = (bytes: Buffer, from: string, to: string): Buffer => {
    const text = bytes.toString('latin1');
    expect(text.split(from).length).toBe(2);
    return Buffer.from(text.replace(from, to), 'latin1');
  };

  it('a stream that is no DEFLATE', async () => {
    const { bytes, at } = await file();
    bytes[at] = 7;
    await expect(readModelBytes(bytes, hash)).rejects.toThrow(
      /^packed: "m.bnnq": weight "w": its codes cannot be unpacked: /,
    );
  });

  it('a stream that ends too early', async () => {
    const { bytes, at, length } = await file();
    bytes.fill(0, at + Math.floor(length / 2), at + length);
    await expect(readModelBytes(bytes, hash)).rejects.toThrow(/weight "w"|the codes of "w"/);
  });

  it('lengths that say less or more than there is', async () => {
    const { bytes, length } = await file();
    const said = `"deflated":${length}`;
    for (const other of [length - 1, length + 1])
      await expect(
        readModelBytes(replaced(bytes, said, `"deflated":${other}`), hash),
        String(other),
      ).rejects.toThrow(/bytes of codes and|cannot be unpacked|compressed from/);
  });

  it('a length that is none', async () => {
    const { bytes, length } = await file();
    const said = `"deflated":${length}`;
    const none = `"deflated":${'0'.padEnd(String(length).length)}`;
    await expect(readModelBytes(replaced(bytes, said, none), hash)).rejects.toThrow(
      'packed: "m.bnnq" has the weight "w" with 0 bytes of compressed codes',
    );
  });

  it('more codes than so few bytes can hold, before anything is unpacked', async () => {
    const { bytes, length } = await file();
    const said = `"deflated":${length}`;
    const few = `"deflated":${'9'.padEnd(String(length).length)}`;
    await expect(readModelBytes(replaced(bytes, said, few), hash)).rejects.toThrow(
      'packed: "m.bnnq" has the codes of "w" in 9 compressed bytes, 6400 codes of 4 bits need 400 at least',
    );
  });

  it('codes of more bits than they have', async () => {
    const wide = await file(6);
    await expect(readModelBytes(replaced(wide.bytes, '"bits":"6"', '"bits":"5"'), hash)).rejects.toThrow(
      'packed: "m.bnnq" has the codes of "w" with values of more than 5 bits',
    );
  });

  it('compressed codes in a file of format 1', async () => {
    const { bytes } = await file();
    await expect(readModelBytes(replaced(bytes, '"bnnq":"2"', '"bnnq":"1"'), hash)).rejects.toThrow(
      'packed: "m.bnnq" has the codes of "w" compressed, which format 1 does not have',
    );
  });

  it('a format that is not known', async () => {
    const { bytes } = await file();
    await expect(readModelBytes(replaced(bytes, '"bnnq":"2"', '"bnnq":"3"'), hash)).rejects.toThrow(
      'packed: "m.bnnq" has packed format 3, formats 1 and 2 are read',
    );
  });
});
