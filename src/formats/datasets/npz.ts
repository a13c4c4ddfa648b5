import { statSync } from 'node:fs';
import { BnnqError } from '../../errors.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { fileError } from '../file.ts';
import { readNpy } from '../npy/npy.ts';
import { readZipDirectory, readZipMember, type ZipMember } from '../npy/zip.ts';
import { arraySamples } from './array-samples.ts';
import type { Dataset } from './dataset.ts';
import { checkLabelCount, hashOf, labelsOf, MAX_DATASET_BYTES } from './source.ts';

/** Names of the arrays of inputs and labels; the first that the file has counts. Keras' own sets use x_test and y_test. */
const INPUT_NAMES = ['x', 'x_test', 'images', 'data', 'arr_0'];
const LABEL_NAMES = ['y', 'y_test', 'labels', 'arr_1'];

/**
 * `npz:<file>`: inputs [N,…] under `x` (or x_test, images, data, arr_0) and labels [N] or [N,1] under `y` (or y_test,
 * labels, arr_1; may be absent), of any numeric type. Bytes shaped like images are pixels, all else is values.
 */
export function openNpz(path: string, spec: string): Dataset {
  const members = readZipDirectory(path, fileBytes(path));
  const find = (names: readonly string[]): ZipMember | undefined =>
    names.flatMap((name) => members.filter((member) => member.name === `${name}.npy`))[0];
  const inputs = find(INPUT_NAMES);
  if (inputs === undefined)
    throw new BnnqError(
      'dataset',
      `npz: "${path}" has the arrays ${members.map(({ name }) => name.replace(/\.npy$/, '')).join(', ') || '(none)'}, expected inputs under ${INPUT_NAMES.join(', ')} and labels under ${LABEL_NAMES.join(', ')}`,
      { file: path },
    );
  const x = readMember(path, inputs);
  const labelled = find(LABEL_NAMES);
  const y = labelled && readMember(path, labelled);
  const count = x.tensor.shape[0] ?? 0;
  if (y !== undefined) {
    const where = `npz: "${path}" ${labelled!.name}`;
    const [labels = 0, ...rest] = y.tensor.shape;
    if (y.tensor.shape.length === 0 || rest.some((dim) => dim !== 1))
      throw new BnnqError(
        'dataset',
        `${where} has shape [${y.tensor.shape.join(',')}], expected class indices [${count}]`,
        {
          file: path,
        },
      );
    checkLabelCount(labels, count, where);
  }
  return {
    spec,
    count,
    labels: y && labelsOf(y.tensor.data as ArrayLike<number>, `npz: "${path}" ${labelled!.name}`),
    classNames: undefined,
    fingerprint: hashOf(x.bytes, y?.bytes ?? ''),
    ...arraySamples(x.tensor, `npz: "${path}" ${inputs.name}`),
  };
}

function readMember(path: string, member: ZipMember): { tensor: Tensor; bytes: Uint8Array } {
  const bytes = readZipMember(path, member, MAX_DATASET_BYTES);
  return { tensor: readNpy(bytes, `npz: "${path}" ${member.name}`), bytes };
}

function fileBytes(path: string): number {
  try {
    return statSync(path).size;
  } catch (thrown) {
    throw fileError('read', path, thrown);
  }
}
