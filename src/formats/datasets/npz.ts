import { BnnqError } from '../../errors.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { memorySource } from '../byte-source.ts';
import { readFileBytes } from '../file.ts';
import { readNpy } from '../npy/npy.ts';
import { unzipMember, type ZipMember, zipMembers } from '../zip.ts';
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
  const archive = memorySource(readFileBytes(path, MAX_DATASET_BYTES));
  const members = zipMembers(archive, `npz: "${path}"`);
  const find = (names: readonly string[]): ZipMember | undefined =>
    names.flatMap((name) => members.filter((member) => member.name === `${name}.npy`))[0];
  const inputs = find(INPUT_NAMES);
  if (inputs === undefined)
    throw new BnnqError(
      'dataset',
      `npz: "${path}" has the arrays ${members.map(({ name }) => name.replace(/\.npy$/, '')).join(', ') || '(none)'}, expected inputs under ${INPUT_NAMES.join(', ')} and labels under ${LABEL_NAMES.join(', ')}`,
      { file: path },
    );
  const read = (member: ZipMember): { tensor: Tensor; bytes: Uint8Array } => {
    const bytes = unzipMember(archive, member, MAX_DATASET_BYTES, `npz: "${path}"`);
    return { tensor: readNpy(bytes, `npz: "${path}" ${member.name}`), bytes };
  };
  const x = read(inputs);
  const labelled = find(LABEL_NAMES);
  const y = labelled && read(labelled);
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
    files: [path],
    ...arraySamples(x.tensor, `npz: "${path}" ${inputs.name}`),
  };
}
