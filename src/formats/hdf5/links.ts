import { type Cursor, textOf } from './cursor.ts';
import { readLocalHeap } from './heaps.ts';
import { MESSAGE, type Message } from './object-header.ts';
import type { Storage } from './storage.ts';

/** Where a name of a group leads: to an object of this file, or somewhere that is not followed. */
export type Link =
  | { readonly address: number }
  | { readonly refused: 'soft link' | 'external link' | 'user-defined link' };

/** Kinds of nodes of a version 1 B-tree. */
const GROUP_NODE = 0;

/** The links of a group by name, in the order of the file; undefined where the object is none. */
export function readLinks(file: Storage, messages: readonly Message[]): Map<string, Link> | undefined {
  let links: Map<string, Link> | undefined;
  for (const { type, body } of messages) {
    if (type === MESSAGE.symbolTable) links = readSymbolTable(file, body);
    else if (type === MESSAGE.linkInfo) {
      links ??= new Map();
      checkNotDense(file, body);
    } else if (type === MESSAGE.link) {
      links ??= new Map();
      const [name, link] = readLink(body);
      links.set(name, link);
    }
  }
  return links;
}

/** A group of the older form: a B-tree of tables of names. Source: HDF5 File Format Specification 3.0, sections III.A to III.C. */
function readSymbolTable(file: Storage, body: Cursor): Map<string, Link> {
  const tree = body.address();
  const heapAddress = body.address();
  const links = new Map<string, Link>();
  if (tree === undefined || heapAddress === undefined) return links;
  const names = readLocalHeap(file, heapAddress);
  const nameAt = (offset: number): string => {
    if (offset >= names.bytes.length)
      throw names.malformed(`has ${names.bytes.length} bytes, a name is said to be at ${offset}`);
    return textOf(names.bytes.subarray(offset));
  };
  const readTable = (address: number): void => {
    const head = file.open(address, 8, 'table of links');
    head.signature('SNOD');
    head.version(1);
    head.skip(1);
    const count = head.u16();
    file.spend(count);
    const entries = file.open(address + 8, count * 40, 'table of links');
    for (let i = 0; i < count; i++) {
      const name = nameAt(entries.length());
      const object = entries.address();
      const isSoft = entries.u32() === 2;
      entries.skip(20);
      if (isSoft) links.set(name, { refused: 'soft link' });
      else if (object === undefined) throw entries.malformed(`has no object for ${JSON.stringify(name)}`);
      else links.set(name, { address: object });
    }
  };
  walkTree(file, tree, GROUP_NODE, 8, (_key, child) => readTable(child));
  return links;
}

/**
 * Calls `visit` for the leaves of a version 1 B-tree with the key before each. Levels must fall by one from node to
 * node, so that a tree that leads back into itself ends.
 */
export function walkTree(
  file: Storage,
  address: number,
  kind: number,
  keyBytes: number,
  visit: (key: Cursor, child: number) => void,
  expectedLevel?: number,
): void {
  const head = file.open(address, 24, 'B-tree node');
  head.signature('TREE');
  const found = head.u8();
  if (found !== kind) throw head.malformed(`is of kind ${found}, expected ${kind}`);
  const level = head.u8();
  if (expectedLevel !== undefined && level !== expectedLevel)
    throw head.malformed(`is at level ${level}, expected ${expectedLevel}`);
  const count = head.u16();
  file.spend(count + 1);
  const entries = file.open(address + 24, count * (keyBytes + 8), 'B-tree node');
  for (let i = 0; i < count; i++) {
    const key = entries.at;
    entries.skip(keyBytes);
    const child = entries.address();
    if (child === undefined) throw entries.malformed('has a child that is nowhere');
    if (level > 0) walkTree(file, child, kind, keyBytes, visit, level - 1);
    else {
      const after = entries.at;
      entries.at = key;
      visit(entries, child);
      entries.at = after;
    }
  }
}

/** A group of the newer form keeps its links in its header, or beyond eight in a heap of their own. */
function checkNotDense(file: Storage, body: Cursor): void {
  body.version(0);
  body.skip(body.u8() & 1 ? 8 : 0);
  if (body.address() !== undefined)
    throw file.unsupported('links are stored in the dense form of HDF5 1.8; rewrite the file with h5repack');
}

/** A link message. Source: section IV.A.2.g. */
function readLink(body: Cursor): [string, Link] {
  body.version(1);
  const flags = body.u8();
  const kind = flags & 0x08 ? body.u8() : 0;
  if (flags & 0x04) body.skip(8);
  if (flags & 0x10) body.skip(1);
  const name = textOf(body.take(body.uint(2 ** (flags & 3))));
  if (kind !== 0)
    return [
      name,
      { refused: kind === 1 ? 'soft link' : kind === 64 ? 'external link' : 'user-defined link' },
    ];
  const address = body.address();
  if (address === undefined) throw body.malformed(`has no object for ${JSON.stringify(name)}`);
  return [name, { address }];
}
