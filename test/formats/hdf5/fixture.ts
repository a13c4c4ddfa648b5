import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { memorySource } from '../../../src/formats/byte-source.ts';
import type { Hdf5Dataset } from '../../../src/formats/hdf5/dataset.ts';
import { datasetsOf, type Hdf5Group, openHdf5 } from '../../../src/formats/hdf5/file.ts';
import { bfloat16ToNumber, float16ToNumber } from '../../../src/tensor/float16.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';

/** A file of test/fixtures/hdf5, unpacked. */
export function fixture(name: string): Uint8Array {
  const packed = readFileSync(new URL(`../../fixtures/hdf5/${name}.h5.gz`, import.meta.url));
  return new Uint8Array(gunzipSync(packed));
}

export function open(bytes: Uint8Array): Hdf5Group {
  return openHdf5(memorySource(bytes), '"x.h5"');
}

export function dataset(root: Hdf5Group, path: string): Hdf5Dataset {
  const found = root.get(path);
  if (found?.kind !== 'dataset') throw new Error(`no dataset ${path}`);
  return found;
}

/** Opens a file and reads everything in it. */
export function readAll(bytes: Uint8Array): void {
  for (const found of datasetsOf(open(bytes))) if (found.dtype !== undefined) found.read();
}

/** The elements as numbers. */
export function numbers({ dtype, data }: Tensor): number[] {
  const of = dtype === 'FLOAT16' ? float16ToNumber : dtype === 'BFLOAT16' ? bfloat16ToNumber : Number;
  return Array.from(data as ArrayLike<number>, of);
}

/** The offset of the n-th place where a file has that text. */
export function placeOf(bytes: Uint8Array, text: string, n = 0): number {
  let at = -1;
  for (let i = 0; i <= n; i++)
    at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(text, at + 1, 'latin1');
  if (at < 0) throw new Error(`no ${text}`);
  return at;
}
