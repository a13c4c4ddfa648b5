import { statSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { BnnqError, messageOf } from '../../errors.ts';
import { byteLengthOf, type DataType } from '../../tensor/dtype.ts';
import { sizeOf, type Tensor } from '../../tensor/tensor.ts';
import { readFileBytes } from '../file.ts';
import { FREE_EXPANSION_BYTES, MAX_EXPANSION } from '../limits.ts';
import { elementsOf } from '../npy/elements.ts';
import { arraySamples } from './array-samples.ts';
import type { Dataset } from './dataset.ts';
import { checkLabelCount, hashOf, labelsOf, MAX_DATASET_BYTES } from './source.ts';

/*
 * The IDX files of MNIST (yann.lecun.com/exdb/mnist): two zero bytes, type, number of dimensions, the dimensions as
 * big-endian uint32, then the elements, big-endian, row-major.
 */

const TYPES: Readonly<Record<number, DataType>> = {
  8: 'UINT8',
  9: 'INT8',
  11: 'INT16',
  12: 'INT32',
  13: 'FLOAT',
  14: 'DOUBLE',
};

/**
 * `idx:<images>,<labels>`, plain or gzipped; without `,<labels>` there are no labels. Bytes of [N,H,W] (or with a
 * channel axis) are pixels, anything else is values.
 */
export function openIdx(path: string, spec: string): Dataset {
  const [imagesPath, labelsPath] = splitPaths(path);
  const images = readIdx(imagesPath);
  const count = images.tensor.shape[0] ?? 0;
  const labels = labelsPath === undefined ? undefined : readIdx(labelsPath);
  if (labels !== undefined && labels.tensor.shape.length !== 1)
    throw new BnnqError(
      'dataset',
      `idx: labels "${labelsPath}" have shape [${labels.tensor.shape.join(',')}], expected one dimension`,
      { file: labelsPath! },
    );
  if (labels !== undefined)
    checkLabelCount(labels.tensor.shape[0]!, count, `idx: "${labelsPath}" for "${imagesPath}"`);
  return {
    spec,
    count,
    labels: labels && labelsOf(labels.tensor.data as ArrayLike<number>, `idx: "${labelsPath}"`),
    classNames: undefined,
    fingerprint: hashOf(images.bytes, labels?.bytes ?? ''),
    files: labelsPath === undefined ? [imagesPath] : [imagesPath, labelsPath],
    ...arraySamples(images.tensor, `idx: "${imagesPath}"`),
  };
}

/** A path may hold commas itself: all of it when there is such a file, else what is before and after the last one. */
function splitPaths(path: string): [string, string | undefined] {
  const comma = path.lastIndexOf(',');
  if (comma < 0 || statSync(path, { throwIfNoEntry: false }) !== undefined) return [path, undefined];
  return [path.slice(0, comma), path.slice(comma + 1)];
}

function readIdx(path: string): { tensor: Tensor; bytes: Uint8Array } {
  const bytes = unzipped(readFileBytes(path, MAX_DATASET_BYTES), path);
  const bad = (what: string): BnnqError =>
    new BnnqError('malformed', `idx: "${path}" ${what}`, { file: path });
  const dtype = TYPES[bytes[2] ?? 0];
  const rank = bytes[3] ?? 0;
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || dtype === undefined || rank === 0)
    throw bad(
      `is not an IDX file: ${bytes.length} bytes that begin with ${[...bytes.subarray(0, 4)].join(' ')}`,
    );
  const start = 4 + 4 * rank;
  if (bytes.length < start) throw bad(`has ${bytes.length} bytes, ${rank} dimensions need ${start}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const needed = byteLengthOf(dtype, sizeOf(shape));
  if (bytes.length - start !== needed)
    throw new BnnqError(
      'dataset',
      `idx: "${path}" has ${bytes.length - start} bytes of elements, shape [${shape.join(',')}] of ${dtype} needs ${needed}`,
      { file: path, offset: start },
    );
  return { tensor: { dtype, shape, data: elementsOf(bytes.subarray(start), dtype, 'big') }, bytes };
}

function unzipped(bytes: Uint8Array, path: string): Uint8Array {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const most = Math.min(MAX_DATASET_BYTES, Math.max(FREE_EXPANSION_BYTES, MAX_EXPANSION * bytes.length));
  try {
    return gunzipSync(bytes, { maxOutputLength: most });
  } catch (thrown) {
    const tooLong = (thrown as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw new BnnqError(
      tooLong ? 'limit' : 'malformed',
      tooLong
        ? `idx: "${path}" unpacks from ${bytes.length} to more than ${most} bytes`
        : `idx: "${path}" cannot be unpacked: ${messageOf(thrown)}`,
      { file: path },
      thrown,
    );
  }
}
