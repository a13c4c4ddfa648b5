import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { BnnqError } from '../../../src/errors.ts';
import { openDataset } from '../../../src/formats/datasets/open-dataset.ts';
import { decodeImage } from '../../../src/formats/images/decode-image.ts';
import { readNpy } from '../../../src/formats/npy/npy.ts';

const folder = mkdtempSync(join(tmpdir(), 'bnnq-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true }));
const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/${name}`, import.meta.url)));

/** Some bytes overwritten, and perhaps the end cut off or something put behind it. */
function damaged(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
  return fc
    .tuple(
      fc.array(change, { maxLength: 4 }),
      fc.option(fc.nat(bytes.length)),
      fc.uint8Array({ maxLength: 8 }),
    )
    .map(([changes, length, tail]) => {
      const copy = new Uint8Array([...bytes, ...tail]);
      for (const [at, value] of changes) copy[at] = value;
      return length === null ? copy : copy.subarray(0, length);
    });
}

/** Reading succeeds, or fails by a sentence of ours; nothing else is thrown, and nothing hangs. */
async function survives(read: () => unknown): Promise<void> {
  try {
    await read();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(BnnqError);
    expect((thrown as BnnqError).code).not.toBe('internal');
  }
}

async function readAll(kind: string, bytes: Uint8Array): Promise<void> {
  const path = join(folder, kind);
  writeFileSync(path, bytes);
  const dataset = await openDataset(`${kind}:${path}`);
  for (let i = 0; i < Math.min(3, dataset.count); i++) await dataset.sample(i);
}

const IDX = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8);

describe('damaged files are read or refused by a sentence', () => {
  const cases: [string, Uint8Array, (bytes: Uint8Array) => unknown][] = [
    ...['ycc420.jpg', 'progressive.jpg', 'grey.jpg', 'rgb.png', 'palette4.png', 'grey1.png'].map(
      (name): [string, Uint8Array, (bytes: Uint8Array) => unknown] => [
        name,
        fixture(`images/${name}`),
        (bytes) => decodeImage(bytes, name),
      ],
    ),
    ['f4-fortran.npy', fixture('npy/f4-fortran.npy'), (bytes) => readNpy(bytes, 'a.npy')],
    ['images-stored.npz', fixture('npy/images-stored.npz'), (bytes) => readAll('npz', bytes)],
    ['images-deflated.npz', fixture('npy/images-deflated.npz'), (bytes) => readAll('npz', bytes)],
    ['an IDX file', IDX, (bytes) => readAll('idx', bytes)],
    ['a gzipped IDX file', new Uint8Array(gzipSync(IDX)), (bytes) => readAll('idx', bytes)],
    [
      'a CSV file',
      new TextEncoder().encode('file,label\n"a ""b"".png",1\nc.png,2\n'),
      (bytes) => readAll('csv', bytes),
    ],
  ];
  it.each(cases)('%s', async (_, bytes, read) => {
    await fc.assert(
      fc.asyncProperty(damaged(bytes), (copy) => survives(() => read(copy))),
      { numRuns: 300, seed: 1 },
    );
  });
});
