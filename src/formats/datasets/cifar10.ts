import { BnnqError, throwIfAny } from '../../errors.ts';
import { readFileBytes } from '../file.ts';
import type { Dataset, Sample } from './dataset.ts';
import { hashOf, MAX_DATASET_BYTES } from './source.ts';

/** A label, then 1,024 red, 1,024 green and 1,024 blue pixels, row by row: www.cs.toronto.edu/~kriz/cifar.html */
const RECORD_BYTES = 3073;
const SIDE = 32;
const PLANE = SIDE * SIDE;

const CLASS_NAMES = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
] as const;

/** CIFAR-10, binary version. @throws dataset (wrong size, label above 9), not-found, io */
export function openCifar10(path: string, spec: string): Dataset {
  const bytes = readFileBytes(path, MAX_DATASET_BYTES);
  const count = Math.floor(bytes.length / RECORD_BYTES);
  if (bytes.length % RECORD_BYTES !== 0)
    throw new BnnqError(
      'dataset',
      `cifar10: "${path}" has ${bytes.length} bytes; ${count} records of ${RECORD_BYTES} bytes (label and 32 × 32 × 3 pixels) take ${count * RECORD_BYTES}`,
      { file: path },
    );
  const labels = Int32Array.from({ length: count }, (_, i) => bytes[i * RECORD_BYTES]!);
  const problems: BnnqError[] = [];
  labels.forEach((label, i) => {
    if (label >= CLASS_NAMES.length && problems.length < 10)
      problems.push(
        new BnnqError(
          'dataset',
          `cifar10: "${path}" record ${i}: label ${label}, expected 0 to ${CLASS_NAMES.length - 1}`,
          {
            file: path,
            offset: i * RECORD_BYTES,
          },
        ),
      );
  });
  throwIfAny(problems);
  return {
    spec,
    count,
    labels,
    classNames: CLASS_NAMES,
    fingerprint: hashOf(bytes),
    files: [path],
    nameOf: (index) => `record ${index}`,
    sample: (index) => imageOf(bytes.subarray(index * RECORD_BYTES + 1, (index + 1) * RECORD_BYTES)),
  };
}

function imageOf(planes: Uint8Array): Sample {
  const pixels = new Uint8Array(3 * PLANE);
  for (let i = 0; i < PLANE; i++)
    for (let channel = 0; channel < 3; channel++) pixels[3 * i + channel] = planes[channel * PLANE + i]!;
  return { kind: 'pixels', pixels, width: SIDE, height: SIDE, channels: 3 };
}
