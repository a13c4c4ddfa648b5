import { describe, expect, it } from 'vitest';
import type { Conv2dShape } from '../../src/kernels/contract.ts';
import { isSerial } from '../../src/kernels/integer/choose-serial.ts';
import type { IntegerUse } from '../../src/kernels/integer/contract.ts';
import { integerConv2dSimd } from '../../src/kernels/integer/conv2d.ts';
import { planDirect } from '../../src/kernels/integer/direct.ts';
import { HeapLevels } from '../../src/kernels/integer/heap-levels.ts';
import { SerialLevels } from '../../src/kernels/integer/serial-levels.ts';
import { isWinograd, planWinograd } from '../../src/kernels/integer/winograd.ts';
import { createReferenceKernels } from '../../src/kernels/reference.ts';
import { Workspace } from '../../src/kernels/wasm/workspace.ts';
import { fewBitLayers } from './operations/few-bits.ts';
import { expectSameBits } from './support/bits.ts';
import { Random } from './support/random.ts';

/** The sums as floats: below 2²⁴, or rounded alike. */
function sumsOf({ batch, outHeight, outWidth, outChannels }: Conv2dShape): {
  readonly kind: 'floats';
  readonly y: Float32Array;
  readonly alpha: Float32Array;
} {
  return {
    kind: 'floats',
    y: new Float32Array(batch * outHeight * outWidth * outChannels).fill(Number.NaN),
    alpha: new Float32Array(outChannels).fill(1),
  };
}

describe('the ways to the sums of an integer layer', () => {
  it('all lead to the sums of the reference, whichever the rule would take', () => {
    const reference = createReferenceKernels();
    const workspace = new Workspace();
    let counted = 0;
    let tiled = 0;
    for (const { what, rows, shape, codes, zero, high } of fewBitLayers(new Random(31))) {
      const expected = sumsOf(shape);
      reference.integerConv2d(codes, zero, reference.prepareInteger(rows, shape), shape, expected);
      const serial = new SerialLevels(workspace, rows, shape, high);
      // Twice, and with another zero between: coefficients are those of the zero that is asked for.
      const counts = sumsOf(shape);
      integerConv2dSimd(workspace, codes, high - zero, serial, shape, counts);
      integerConv2dSimd(workspace, codes, zero, serial, shape, counts);
      expectSameBits(counts.y, expected.y, `bits counted: ${what}`);
      counted++;
      serial.release();
      const levels = new HeapLevels(workspace, rows, shape);
      const products = sumsOf(shape);
      integerConv2dSimd(workspace, codes, zero, levels, shape, products, (own) =>
        planDirect(workspace, levels, own, zero),
      );
      expectSameBits(products.y, expected.y, `direct: ${what}`);
      if (isWinograd(shape)) {
        const tiles = sumsOf(shape);
        integerConv2dSimd(workspace, codes, zero, levels, shape, tiles, (own) =>
          planWinograd(workspace, levels, own, zero),
        );
        expectSameBits(tiles.y, expected.y, `Winograd: ${what}`);
        tiled++;
      }
      levels.release();
    }
    expect(counted).toBeGreaterThan(200);
    expect(tiled).toBeGreaterThan(0);
  });

  it('refuse codes beyond what weights were prepared for', () => {
    const shape = {
      ...{
        batch: 1,
        inChannels: 2,
        outChannels: 1,
        groups: 1,
        inHeight: 1,
        inWidth: 1,
        outHeight: 1,
        outWidth: 1,
      },
      ...{
        kernelHeight: 1,
        kernelWidth: 1,
        strideHeight: 1,
        strideWidth: 1,
        dilationHeight: 1,
        dilationWidth: 1,
      },
      ...{ padTop: 0, padLeft: 0 },
    };
    const rows = {
      bits: 1,
      planes: new Uint8Array([1]),
      rowBytes: 1,
      levels: new Int16Array([1, -1]),
      tableStride: 0,
    } as const;
    const reference = createReferenceKernels();
    const weights = reference.prepareInteger(rows, shape, 'images', 3);
    expect(() => reference.integerConv2d(new Uint8Array([4, 0]), 0, weights, shape, sumsOf(shape))).toThrow(
      'a code of 4, for weights prepared for 3',
    );
    const workspace = new Workspace();
    const serial = new SerialLevels(workspace, rows, shape, 3);
    expect(() =>
      integerConv2dSimd(workspace, new Uint8Array([1, 0]), 4, serial, shape, sumsOf(shape)),
    ).toThrow('zero is 4, and codes have 2 bits');
    const four = { ...rows, bits: 2, planes: new Uint8Array([1, 1]), levels: new Int16Array([0, 1, 3, 7]) };
    expect(() => new SerialLevels(workspace, four, shape, 3)).toThrow('levels that are sums over bits');
  });

  it('hold weights at their bits, rows in whole words, besides four numbers a row', () => {
    const shape = { inChannels: 128, outChannels: 64, kernelHeight: 3, kernelWidth: 3, groups: 1 };
    const rows = {
      bits: 2,
      planes: new Uint8Array(2 * 64 * 144),
      rowBytes: 144,
      levels: new Int16Array([0, 5, 0, -5]),
      tableStride: 0,
    } as const;
    const weights = new SerialLevels(new Workspace(), rows, shape, 3);
    expect(weights.byteLength).toBe(2 * 64 * 144 + 4 * 4 * 64);
  });

  it('are chosen by bits, columns and rows', () => {
    const choose = (
      bits: number,
      high: number,
      kernel: number,
      channels: number,
      outChannels = 64,
      use: IntegerUse = 'images',
      threads = 1,
    ): boolean =>
      isSerial(
        {
          bits,
          planes: new Uint8Array(0),
          rowBytes: 0,
          levels: Int16Array.from({ length: 1 << bits }, (_, code) => 2 * code),
          tableStride: 0,
        },
        { inChannels: channels, outChannels, kernelHeight: kernel, kernelWidth: kernel, groups: 1 },
        use,
        high,
        threads,
      );
    // Bits of a weight, largest code, columns from which on bits are counted.
    for (const [bits, high, least] of [
      [1, 1, 64],
      [2, 1, 128],
      [1, 2, 128],
      [1, 7, 256],
      [2, 3, 512],
      [4, 1, 512],
    ] as const) {
      expect(choose(bits, high, 1, least)).toBe(true);
      expect(choose(bits, high, 1, least - 1)).toBe(false);
      expect(choose(bits, high, 1, least, 15)).toBe(false);
    }
    expect(choose(2, 4, 1, 4096)).toBe(false);
    // Winograd's algorithm is faster for a product of 3, and where channels do not fit it there is none.
    expect(choose(1, 3, 3, 64)).toBe(true);
    expect(choose(1, 7, 3, 64)).toBe(false);
    expect(choose(1, 7, 3, 65)).toBe(true);
    // Tables of subset sums hold codes of many bits whole, and divide the rows of one vector over threads.
    expect(choose(1, 3, 1, 64, 8, 'vector')).toBe(true);
    expect(choose(1, 7, 1, 64, 8, 'vector')).toBe(false);
    expect(choose(2, 3, 1, 64, 8, 'vector')).toBe(true);
    expect(choose(2, 3, 1, 64, 8, 'vector', 2)).toBe(false);
  });
});
