import onnxProto from 'onnx-proto';
import { BnnqError } from '../../errors.ts';
import { decodeLeaf, type Span } from './wire.ts';

/** Where a tensor says that its elements are, outside the file. */
export interface ExternalData {
  readonly location: string;
  readonly offset: number;
  readonly length?: number;
}

/**
 * Finds external data while a model is read: checks that `needed` bytes are there and gives the function that fetches
 * them later. Throws a BnnqError whose message starts with `where`.
 */
export type ExternalReader = (data: ExternalData, needed: number, where: string) => () => Uint8Array;

/** The key-value pairs of `external_data`. Source: onnx.proto3, comment on TensorProto.external_data. */
export function readExternalEntries(entries: readonly Span[], where: string): ExternalData {
  const pairs = new Map<string, string>();
  for (const entry of entries) {
    const { key, value } = decodeLeaf(entry, 'an entry of external_data', (reader) =>
      onnxProto.onnx.StringStringEntryProto.decode(reader),
    );
    pairs.set(key, value);
  }
  const location = pairs.get('location');
  if (location === undefined) throw new BnnqError('malformed', `${where}: its external data has no location`);
  const offset = wholeNumber(pairs, 'offset', where) ?? 0;
  const length = wholeNumber(pairs, 'length', where);
  return { location, offset, ...(length === undefined ? {} : { length }) };
}

function wholeNumber(pairs: ReadonlyMap<string, string>, key: string, where: string): number | undefined {
  const text = pairs.get(key);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new BnnqError(
      'malformed',
      `${where}: the ${key} of its external data is "${text}", expected a whole number`,
    );
  return value;
}

/** For a model that nobody knows the surroundings of. @throws not-found */
export const noExternalData: ExternalReader = ({ location }, _needed, where) => {
  throw new BnnqError(
    'not-found',
    `${where}: its data is in the file "${location}", and the model's folder is not known`,
  );
};

/** Throws where a tensor declares another length than its shape needs, or `available` bytes are not enough for it. */
export function checkExternalRange(
  { location, offset, length }: ExternalData,
  needed: number,
  available: number,
  where: string,
): void {
  if (length !== undefined && length !== needed)
    throw new BnnqError(
      'malformed',
      `${where}: its external data has ${length} bytes, its shape needs ${needed}`,
    );
  if (offset + needed > available)
    throw new BnnqError(
      'malformed',
      `${where}: external data file "${location}" has ${available} bytes, bytes ${offset} to ${offset + needed} are needed`,
    );
}

/** External data out of files that are in memory, by their location. @throws not-found, malformed */
export function externalBytes(files: ReadonlyMap<string, Uint8Array>): ExternalReader {
  return (data, needed, where) => {
    const bytes = files.get(data.location);
    if (bytes === undefined)
      throw new BnnqError(
        'not-found',
        `${where}: its data is in the file "${data.location}", which was not given`,
      );
    checkExternalRange(data, needed, bytes.length, where);
    return () => bytes.subarray(data.offset, data.offset + needed);
  };
}
