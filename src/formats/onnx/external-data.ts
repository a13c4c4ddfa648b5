import { statSync } from 'node:fs';
import onnxProto from 'onnx-proto';
import { BnnqError } from '../../errors.ts';
import { readFileRange } from '../file.ts';
import { pathInside } from '../path-inside.ts';
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

/**
 * Reads external data from files below the model's folder, by ranges. A location may not leave the folder, neither by
 * its text nor by a symbolic link: a model is data from a stranger, and may not choose which files are read.
 * @param directory the model's folder, absent for a model that did not come from a file
 */
export function externalFiles(directory: string | undefined): ExternalReader {
  return ({ location, offset, length }, needed, where) => {
    if (directory === undefined)
      throw new BnnqError(
        'not-found',
        `${where}: its data is in the file "${location}", and the model's folder is not known`,
      );
    const path = pathInside(directory, location, `${where}: external data`);
    if (length !== undefined && length !== needed)
      throw new BnnqError(
        'malformed',
        `${where}: its external data has ${length} bytes, its shape needs ${needed}`,
      );
    const { size } = statSync(path);
    if (offset + needed > size)
      throw new BnnqError(
        'malformed',
        `${where}: external data file "${location}" has ${size} bytes, bytes ${offset} to ${offset + needed} are needed`,
      );
    return () => {
      const bytes = readFileRange(path, offset, needed);
      if (bytes.length !== needed)
        throw new BnnqError(
          'malformed',
          `${where}: external data file "${location}" became shorter while it was read`,
        );
      return bytes;
    };
  };
}
