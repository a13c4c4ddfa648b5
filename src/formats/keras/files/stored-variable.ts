import { BnnqError } from '../../../errors.ts';
import type { Initializer } from '../../../ir/graph.ts';
import type { Hdf5Dataset } from '../../hdf5/dataset.ts';

/** A dataset of an HDF5 file as a weight, read when it is asked for. @throws unsupported where it holds no numbers */
export function variableOf(dataset: Hdf5Dataset, name: string): Initializer {
  const { dtype, shape, byteLength } = dataset;
  if (dtype === undefined)
    throw new BnnqError('unsupported', `keras: weight "${name}" has elements that are no numbers`, {
      tensor: name,
    });
  return { name, dtype, shape, byteLength, read: () => dataset.read() };
}

/** Whether a stored shape is the one asked for; −1 stands for any size. */
export function fits(stored: readonly number[], asked: readonly number[]): boolean {
  return stored.length === asked.length && asked.every((size, i) => size < 0 || size === stored[i]);
}

/** The variable, if its shape is the one asked for. @throws malformed */
export function checked(variable: Initializer, asked: readonly number[]): Initializer {
  if (fits(variable.shape, asked)) return variable;
  const wanted = asked.map((size) => (size < 0 ? 'any' : size)).join(',');
  throw new BnnqError(
    'malformed',
    `keras: weight "${variable.name}" has the shape [${variable.shape.join(',')}], its layer needs [${wanted}]`,
    { tensor: variable.name },
  );
}
