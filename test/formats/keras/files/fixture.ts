import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { KerasSource, VariableRef } from '../../../../src/formats/keras/contract.ts';

/** A file of test/fixtures/keras/containers, unpacked where it is gzipped. */
export function fixture(name: string): Uint8Array {
  const at = (file: string) =>
    readFileSync(new URL(`../../../fixtures/keras/containers/${file}`, import.meta.url));
  return name.endsWith('.h5') || /^v\d\.keras$/.test(name)
    ? new Uint8Array(gunzipSync(at(`${name}.gz`)))
    : at(name);
}

/** Puts files in a new folder and returns its path. */
export function folderOf(files: Readonly<Record<string, Uint8Array | string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'bnnq-keras-'));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  return folder;
}

export interface Expected extends VariableRef {
  readonly shape: readonly number[];
}

/** The variables of the network of make_containers.py. Number k holds k, k + 1/64, … */
export const VARIABLES: readonly Expected[] = JSON.parse(Buffer.from(fixture('expected.json')).toString());

/** For each variable the number that the file has in it, undefined where it is not found. */
export function numbersFound(
  { weights }: KerasSource,
  variables: readonly Expected[] = VARIABLES,
): (number | undefined)[] {
  return variables.map((expected) => {
    const found = weights.find(expected, expected.shape);
    if (found === undefined) return undefined;
    const data = [...(found.read().data as Float32Array)];
    const first = data[0]!;
    return data.every((value, i) => value === first + i / 64) ? first : Number.NaN;
  });
}
