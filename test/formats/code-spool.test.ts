import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CodeSpool } from '../../src/formats/packed/code-spool.ts';
import { encodePacked } from '../../src/formats/packed/write.ts';
import { quantizeModel } from '../../src/quantizers/quantize-model.ts';
import { modelOf, node, weight } from '../quantizers/model-builder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bnnq-spool-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const model = modelOf(
  [node('MatMul', ['x', 'w0'], 'h'), node('MatMul', ['h', 'w1'], 'g'), node('MatMul', ['g', 'w2'], 'y')],
  [weight('w0', [16, 16]), weight('w1', [16, 24]), weight('w2', [24, 8])],
);
const settings = { scheme: 'exp', bits: 3 } as const;
const packed = (from: typeof model) => encodePacked(from, { toolVersion: 'test' });

describe('codes on disk', () => {
  it.each([
    ['all of them', 0],
    ['those beyond the limit', 100],
    ['none of them', 1e6],
  ])('give the very same packed file: %s', (_, limit) => {
    const spool = new CodeSpool(folder, limit);
    const kept = quantizeModel(model, { ...settings, keep: (quantized) => spool.keep(quantized) });
    expect(packed(kept.model)).toEqual(packed(quantizeModel(model, settings).model));
    spool.dispose();
  });

  it('are read anew whenever they are asked for, and lie in a file without a name', () => {
    const spool = new CodeSpool(folder, 0);
    const kept = quantizeModel(model, { ...settings, keep: (quantized) => spool.keep(quantized) });
    const { quantized } = kept.model.graph.initializers.get('w1')!;
    expect(quantized!.planes).not.toBe(quantized!.planes);
    expect(quantized!.planes).toEqual(quantized!.planes);
    expect(readdirSync(folder)).toEqual([]);
    spool.dispose();
  });

  it('say so in a sentence where the folder is missing', () => {
    const spool = new CodeSpool(join(folder, 'nowhere'), 0);
    expect(() => quantizeModel(model, { ...settings, keep: (quantized) => spool.keep(quantized) })).toThrow(
      /^cannot write ".*": no such file$/,
    );
  });
});
