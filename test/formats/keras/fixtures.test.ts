import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BnnqError } from '../../../src/errors.ts';
import { notConverted } from '../../../src/formats/keras/not-converted.ts';
import { readModel, readModelBytes } from '../../../src/formats/read-model.ts';
import type { Model } from '../../../src/ir/graph.ts';
import { readGolden, relativeError, runInOrder } from './golden.ts';

const ROOT = fileURLToPath(new URL('../../fixtures/keras/', import.meta.url));

/** Largest relative error that issue and documentation promise. */
const TOLERANCE = 1e-4;

/** Fixtures that cannot be run, with the word that the refusal must hold. */
const REFUSED: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(join(ROOT, 'refused.json'), 'utf8'),
);

/** Folders made by Keras 3, by Keras 2 and by Larq on Keras 2. A case dropped in is a test. */
const KINDS = ['v3', 'v2', 'larq'];

for (const kind of KINDS) {
  const folder = join(ROOT, kind);
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.gz'))
    .sort();
  describe(`Keras fixtures of ${kind}`, () => {
    it.each(files)('%s gives what Keras gives', async (file) => {
      const name = file.replace(/\..*$/, '');
      const model = await open(folder, file);
      const refusal = REFUSED[`${kind}/${name}`];
      const { inputs, outputs } = readGolden(join(folder, `${name}.npz`));
      if (refusal !== undefined) {
        expect(notConverted(model).join('\n')).toContain(refusal);
        expect(() => runInOrder(model, inputs)).toThrow(BnnqError);
        return;
      }
      expect(notConverted(model)).toEqual([]);
      const made = runInOrder(model, inputs);
      expect(made.map(({ shape }) => shape)).toEqual(outputs.map(({ shape }) => shape));
      const errors = made.map((tensor, i) => relativeError(tensor, outputs[i]!));
      expect(
        errors.filter((error) => !(error <= TOLERANCE)),
        `relative errors ${errors}`,
      ).toEqual([]);
    });
  });
}

/** Reads a gzipped model; weights alone have their architecture in JSON beside them. */
async function open(folder: string, file: string): Promise<Model> {
  const bytes = gunzipSync(readFileSync(join(folder, file)));
  if (!file.endsWith('.weights.h5.gz')) return readModelBytes(new Uint8Array(bytes), { file });
  const directory = mkdtempSync(join(tmpdir(), 'bnnq-'));
  try {
    const path = join(directory, 'model.weights.h5');
    writeFileSync(path, bytes);
    const architecture = join(folder, file.replace('.weights.h5.gz', '.json'));
    return await readModel(path, { architecture });
  } finally {
    rmSync(directory, { recursive: true });
  }
}
