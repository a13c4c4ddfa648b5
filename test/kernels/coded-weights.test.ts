import { describe, expect, it } from 'vitest';
import type { Conv2dShape, Kernels, WeightRows } from '../../src/kernels/contract.ts';
import { arrangePlanes, codeWords } from '../../src/kernels/decode/planes.ts';
import { createReferenceKernels } from '../../src/kernels/reference.ts';
import { createSimdKernels } from '../../src/kernels/simd.ts';
import { expectSameBits } from './support/bits.ts';
import { Random } from './support/random.ts';
import { codedRows, dequantized, type Granularity } from './support/weights.ts';

const SETS: readonly [name: string, create: () => Kernels][] = [
  ['reference', createReferenceKernels],
  ['simd', createSimdKernels],
];
const GRANULARITIES: readonly Granularity[] = ['tensor', 'channel', 32, 64, 27, 1];

const CONVOLUTION: Conv2dShape = {
  ...{ batch: 2, inChannels: 15, outChannels: 10, inHeight: 6, inWidth: 7, outHeight: 6, outWidth: 7 },
  ...{ kernelHeight: 3, kernelWidth: 3, strideHeight: 1, strideWidth: 1, dilationHeight: 1 },
  ...{ dilationWidth: 1, padTop: 1, padLeft: 1, groups: 1 },
};
const DEPTHWISE: Conv2dShape = { ...CONVOLUTION, outChannels: 15, groups: 15 };
const GROUPED: Conv2dShape = { ...CONVOLUTION, outChannels: 21, groups: 3 };

describe('coded weights', () => {
  for (const [name, create] of SETS) {
    for (let bits = 1; bits <= 8; bits++) {
      it(`of ${bits} bits give the bits of the floats that they stand for: ${name}`, () => {
        const random = new Random(bits);
        const kernels = create();
        for (const granularity of GRANULARITIES) {
          for (const shape of [CONVOLUTION, DEPTHWISE, GROUPED]) {
            const columns = (shape.inChannels / shape.groups) * 9;
            const rows = codedRows(random, shape.outChannels, columns, bits, granularity);
            const x = random.floats(shape.batch * shape.inChannels * 42);
            const run = (weights: WeightRows): Float32Array => {
              const y = new Float32Array(shape.batch * shape.outChannels * 42);
              const prepared = kernels.prepareConv2d(weights, shape);
              kernels.conv2d(x, prepared, y, shape, {});
              prepared.release();
              return y;
            };
            const floats = dequantized(rows, shape.outChannels, columns);
            expectSameBits(run(rows), run(floats), `${granularity}, ${shape.groups} groups`);
          }
        }
        expect(kernels.heap.usedBytes).toBeLessThan(200_000);
      });
    }
  }

  it('are read bit by bit in the documented order: one weight of 1 among zeros', () => {
    const [rowCount, columns] = [5, 70];
    const rowBytes = 9;
    for (const [name, create] of SETS) {
      const kernels = create();
      for (let at = 0; at < rowCount * columns; at++) {
        const [r, c] = [Math.floor(at / columns), at % columns];
        const planes = new Uint8Array(rowCount * rowBytes);
        planes[r * rowBytes + (c >> 3)] = 1 << (c & 7);
        const levels = Float32Array.of(0, 1);
        const weights = kernels.prepareLinear(
          { kind: 'coded', bits: 1, planes, rowBytes, levels, tableStride: 0, groupSize: columns },
          rowCount,
          columns,
        );
        const y = new Float32Array(rowCount);
        kernels.linear(
          Float32Array.from({ length: columns }, (_, i) => i + 1),
          weights,
          y,
          1,
          {},
        );
        weights.release();
        const expected = new Float32Array(rowCount);
        expected[r] = c + 1;
        expectSameBits(y, expected, `${name}, row ${r}, column ${c}`);
      }
    }
  });

  it('keep every bit when the planes are arranged for the decoder', () => {
    const random = new Random(3);
    const [rowCount, columns, bits] = [6, 75, 3];
    const rows = codedRows(random, rowCount, columns, bits, 'channel');
    const words = new Uint32Array(codeWords(rowCount, columns, bits));
    arrangePlanes(rows, rowCount, columns, 0, rowCount, words);
    const groups = 3;
    for (let r = 0; r < rowCount; r++) {
      for (let c = 0; c < groups * 32; c++) {
        for (let b = 0; b < bits; b++) {
          const byte = rows.planes[(b * rowCount + r) * rows.rowBytes + (c >> 3)] ?? 0;
          const expected = c < columns ? (byte >> (c & 7)) & 1 : 0;
          const word = words[(((r >> 2) * groups + (c >> 5)) * 4 + (r & 3)) * bits + b]!;
          // Bit j of the n-th four of columns is bit n of byte j.
          const place = 8 * (c & 3) + ((c & 31) >> 2);
          expect((word >>> place) & 1).toBe(expected);
        }
      }
    }
  });

  it('stay k bits a weight in the heap, plus levels, before and after they were used', () => {
    const random = new Random(4);
    const shape: Conv2dShape = {
      ...{ batch: 1, inChannels: 160, outChannels: 320, inHeight: 3, inWidth: 3, outHeight: 3, outWidth: 3 },
      ...{ kernelHeight: 1, kernelWidth: 1, strideHeight: 1, strideWidth: 1, dilationHeight: 1 },
      ...{ dilationWidth: 1, padTop: 0, padLeft: 0, groups: 1 },
    };
    for (const [name, create] of SETS) {
      for (let bits = 1; bits <= 8; bits++) {
        const kernels = create();
        const rows = codedRows(random, 320, 160, bits, 'tensor');
        const weights = kernels.prepareConv2d({ ...rows, rowBytes: 20 }, shape);
        const exact = (320 * 160 * bits) / 8 + 4 * 2 ** bits;
        expect(weights.byteLength, `${name}, ${bits} bits`).toBe(exact);
        const held = kernels.heap.usedBytes;
        expect(held).toBeLessThanOrEqual(exact + 192);
        kernels.conv2d(random.floats(160 * 9), weights, new Float32Array(320 * 9), shape, {});
        // A float copy would be 204,800 bytes; scratch holds a block of rows and the patches.
        expect(kernels.heap.usedBytes - held, `${name}, ${bits} bits, scratch`).toBeLessThan(140_000);
        weights.release();
      }
    }
  });

  it('are refused when their arrays are too short or their bits are out of range', () => {
    for (const [, create] of SETS) {
      const kernels = create();
      const rows = codedRows(new Random(1), 4, 10, 3, 'channel');
      const prepare = (change: object): (() => void) => {
        return () => kernels.prepareLinear({ ...rows, ...change }, 4, 10);
      };
      expect(prepare({ bits: 9 })).toThrow(/1 to 8 bits, got 9/);
      expect(prepare({ rowBytes: 1 })).toThrow(/1 bytes a row do not hold 10 codes/);
      expect(prepare({ planes: new Uint8Array(5) })).toThrow(/planes, got 5/);
      expect(prepare({ levels: new Float32Array(7) })).toThrow(/at least 32 levels, got 7/);
      expect(() => kernels.prepareLinear({ kind: 'float', values: new Float32Array(39) }, 4, 10)).toThrow(
        /at least 40 values, got 39/,
      );
    }
  });
});
