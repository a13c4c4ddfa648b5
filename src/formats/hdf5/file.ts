import { BnnqError } from '../../errors.ts';
import { type ByteSource, pagedSource } from '../byte-source.ts';
import { MAX_GROUP_DEPTH } from '../limits.ts';
import { type Attribute, attributeTexts, readAttributes } from './attributes.ts';
import type { Cursor } from './cursor.ts';
import { type Hdf5Dataset, readDataset } from './dataset.ts';
import { GlobalHeaps } from './heaps.ts';
import { type Link, readLinks } from './links.ts';
import { readObjectHeader } from './object-header.ts';
import { Storage } from './storage.ts';

const HDF5_SIGNATURE = '\x89HDF\r\n\x1a\n';

/** The superblock of every version is at most this long. */
const MAX_SUPERBLOCK_BYTES = 104;

/**
 * Opens an HDF5 file for reading: the forms that h5py writes by default, which are those of HDF5 1.0 to 1.8. Only hard
 * links within the file are followed.
 * Source: HDF5 File Format Specification 3.0, support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
 * @param what the file, for messages
 * @returns the root group
 * @throws malformed, unsupported, limit: at once, or later when what is damaged is looked at
 */
export function openHdf5(source: ByteSource, what: string): Hdf5Group {
  const file = new Storage(pagedSource(source), what);
  const root = readSuperblock(file, file.openUpTo(0, MAX_SUPERBLOCK_BYTES, 'superblock'));
  return groupAt({ file, heaps: new GlobalHeaps(file), groups: new Map() }, [], root);
}

function readSuperblock(file: Storage, head: Cursor): number {
  head.signature(HDF5_SIGNATURE);
  const version = head.version(0, 1, 2, 3);
  if (version < 2) head.skip(4);
  const [offsets, lengths] = [head.u8(), head.u8()];
  if (offsets !== 8 || lengths !== 8)
    throw file.unsupported(`addresses have ${offsets} bytes and lengths ${lengths}, expected 8`);
  head.skip(version < 2 ? 9 : 1);
  if (version < 2) head.skip(version === 1 ? 4 : 0);
  const base = head.address();
  if (base !== 0) throw file.unsupported(`its addresses begin at byte ${base}, expected 0`);
  head.skip(8);
  const end = head.address();
  if (end !== undefined && end > file.source.length)
    throw file.malformed(`is cut off: it says that it has ${end} bytes, ${file.source.length} are there`);
  head.skip(version < 2 ? 8 + 8 : 0);
  const root = head.address();
  if (root === undefined) throw file.malformed('has no root group');
  return root;
}

interface Opened {
  readonly file: Storage;
  readonly heaps: GlobalHeaps;
  /** Paths of the groups met so far by their addresses: each may be reached by one way only, or paths could go on for ever. */
  readonly groups: Map<number, string>;
}

/** A group: named attributes, and names that lead to other groups and to datasets. Objects are read when asked for, once. */
export interface Hdf5Group {
  readonly kind: 'group';
  /** Names from the root on, joined by slashes; empty for the root. */
  readonly path: string;
  /** Names in the order of the file. */
  readonly names: readonly string[];
  /**
   * The object of that name, or of a path of names; undefined where there is none.
   * @throws malformed, unsupported (a soft or external link), limit
   */
  get(path: string): Hdf5Group | Hdf5Dataset | undefined;
  /** The texts of an attribute; undefined where there is none, or not of text. */
  texts(name: string): readonly string[] | undefined;
}

function groupAt(opened: Opened, names: readonly string[], address: number): Hdf5Group {
  const found = objectAt(opened, names, address);
  if (found.kind === 'group') return found;
  throw opened.file.malformed(`${JSON.stringify(found.path)} is a dataset, expected a group`);
}

function objectAt(opened: Opened, names: readonly string[], address: number): Hdf5Group | Hdf5Dataset {
  const { file, heaps, groups } = opened;
  const path = names.join('/');
  const other = groups.get(address);
  if (other !== undefined)
    throw file.malformed(
      `groups ${JSON.stringify(other)} and ${JSON.stringify(path)} are one and the same: links run in a circle, or there are two to it`,
    );
  if (names.length > MAX_GROUP_DEPTH)
    throw new BnnqError('limit', `hdf5: ${file.what} has more than ${MAX_GROUP_DEPTH} levels of groups`);
  const messages = readObjectHeader(file, address);
  const attributes = readAttributes(file, messages);
  const texts = (name: string): string[] | undefined => {
    const attribute: Attribute | undefined = attributes.get(name);
    return attribute && attributeTexts(file, heaps, attribute);
  };
  const links = readLinks(file, messages);
  if (links === undefined)
    return readDataset(file, path, messages, attributes, texts('dtype')?.[0] === 'bfloat16');
  groups.set(address, path);
  const children = new Map<string, Hdf5Group | Hdf5Dataset>();
  const child = (name: string): Hdf5Group | Hdf5Dataset | undefined => {
    const link = links.get(name);
    if (link === undefined) return undefined;
    const inner = [...names, name];
    const object = children.get(name) ?? objectAt(opened, inner, followed(file, inner, link));
    children.set(name, object);
    return object;
  };
  return {
    kind: 'group',
    path,
    names: [...links.keys()],
    texts,
    get(wanted) {
      let at: Hdf5Group | Hdf5Dataset | undefined;
      for (const name of wanted.split('/').filter((part) => part !== '')) {
        if (at !== undefined && at.kind === 'dataset') return undefined;
        at = at === undefined ? child(name) : at.get(name);
        if (at === undefined) return undefined;
      }
      return at;
    },
  };
}

function followed(file: Storage, names: readonly string[], link: Link): number {
  if ('address' in link) return link.address;
  throw file.unsupported(
    `${JSON.stringify(names.join('/'))} is ${link.refused === 'external link' ? 'an' : 'a'} ${link.refused}; only what is in the file itself is read`,
  );
}

/** All datasets below a group, in the order of the file. @throws as `get` */
export function* datasetsOf(group: Hdf5Group): Generator<Hdf5Dataset> {
  for (const name of group.names) {
    const object = group.get(name);
    if (object?.kind === 'dataset') yield object;
    else if (object !== undefined) yield* datasetsOf(object);
  }
}
