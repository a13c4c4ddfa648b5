import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { allocate, allocateUniformly } from '../../../src/eval/allocation/allocate.ts';
import { candidatesOf } from '../../../src/eval/allocation/candidates.ts';
import { allocateToSize, packedSizeOf } from '../../../src/eval/allocation/fit-to-size.ts';
import { measureSensitivity } from '../../../src/eval/allocation/measure-sensitivity.ts';
import type { Allocation, SensitivityTable } from '../../../src/eval/allocation/table.ts';
import { openBatches } from '../../../src/eval/calibration/batches.ts';
import { encodePacked, recordedOptions } from '../../../src/eval/save.ts';
import { readModelBytes } from '../../../src/formats/read-model.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { quantizeModel } from '../../../src/quantizers/quantize-model.ts';
import { tinyModel } from '../../cli/tiny-model.ts';

/** Widths and schemes that make the JSON of the file longer and shorter; one weight keeps its one bit. */
const { candidates } = candidatesOf({
  schemes: ['linear', 'exp', 'ternary', 'codebook'],
  bits: [1, 2, 3, 4, 6],
  granularities: ['channel', 'group:8'],
});
const OPTIONS = {
  options: recordedOptions({ method: 'rtn', fit: 'correlation', levels: 'geometric', zero: false }),
};
let model: Model;
let table: SensitivityTable;

beforeAll(async () => {
  model = await readModelBytes(
    tinyModel((weights) =>
      weights.map((weight) =>
        weight.name === 'conv2.weight'
          ? { ...weight, values: weight.values.map((value) => (value < 0 ? -0.25 : 0.25)) }
          : weight,
      ),
    ),
  );
  const pictures = {
    spec: 'test',
    count: 6,
    labels: undefined,
    classNames: undefined,
    fingerprint: 'test',
    nameOf: String,
    sample: (index: number) => ({
      kind: 'values' as const,
      values: Float32Array.from({ length: 64 }, (_, i) => ((i * (index + 3)) % 17) / 17),
    }),
  };
  table = await measureSensitivity(model, await openBatches(model, pictures), candidates);
});

/** Bytes of the file that quantize makes of an allocation. */
function fileBytes({ perLayer }: Allocation): number {
  return encodePacked(quantizeModel(model, { scheme: 'exp', bits: 4, perLayer }).model, OPTIONS).length;
}

describe('packedSizeOf', () => {
  it('tells the exact size of the file before anything is discretized', () => {
    expect(table.layers[1]!.cells[0]).toMatchObject({ kept: true });
    const uniform = candidates.map((_, candidate) => allocateUniformly(table, candidate));
    const mixed = [1, 2.5, 4, 7].map((bitsPerWeight) => allocate(table, { bitsPerWeight }));
    for (const allocation of [...uniform, ...mixed]) {
      const size = packedSizeOf(model, table, allocation, OPTIONS);
      expect(size.total).toBe(fileBytes(allocation));
      expect(size.codes + size.levels).toBe(allocation.payloadBytes);
    }
  });

  it('refuses a table of another model', () => {
    const other = { ...table, layers: table.layers.map((layer) => ({ ...layer, name: `x${layer.name}` })) };
    const allocation = allocate(other, { bitsPerWeight: 4 });
    expect(() => packedSizeOf(model, other, allocation)).toThrow(
      'the table has the weight "xconv1.weight", which the model does not discretize',
    );
    const wrong = allocate(table, { bitsPerWeight: 4 });
    const layers = wrong.layers.map((layer) => ({ ...layer, bytes: layer.bytes + 1 }));
    expect(() => packedSizeOf(model, table, { ...wrong, layers })).toThrow(
      /the table says \d+ bytes of codes and levels/,
    );
  });
});

describe('allocateToSize', () => {
  it('keeps to any size of the whole file that can be kept, to the byte, no worse than any uniform choice that does', () => {
    const [least, most] = [
      packedSizeOf(model, table, allocate(table, { payloadBytes: 0 }), OPTIONS).total,
      packedSizeOf(model, table, allocate(table, { bitsPerWeight: 32 }), OPTIONS).total,
    ];
    const uniform = candidates.map((_, candidate) => {
      const allocation = allocateUniformly(table, candidate);
      return { ...allocation, packed: packedSizeOf(model, table, allocation, OPTIONS) };
    });
    fc.assert(
      fc.property(fc.integer({ min: least - 20, max: most + 20 }), (bytes) => {
        const found = allocateToSize(model, table, bytes, OPTIONS);
        expect(found.packed.total).toBe(fileBytes(found));
        if (bytes >= least) expect(found.met).toBe(true);
        expect(found.packed.total <= bytes).toBe(found.met);
        for (const { packed, loss } of uniform)
          if (packed.total <= bytes) expect(found.loss).toBeLessThanOrEqual(loss);
      }),
      { seed: 6, numRuns: 40 },
    );
  });

  it('gives the smallest file, unmet, when none is small enough', () => {
    const found = allocateToSize(model, table, 100, OPTIONS);
    expect(found.met).toBe(false);
    expect(found.payloadBytes).toBe(allocate(table, { payloadBytes: 0 }).payloadBytes);
  });
});
