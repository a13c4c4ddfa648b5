import { Cursor } from './cursor.ts';
import type { Storage } from './storage.ts';

/** Header messages that are read here. Source: HDF5 File Format Specification 3.0, section IV.A.2. */
export const MESSAGE = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  oldFill: 0x04,
  fill: 0x05,
  link: 0x06,
  externalFiles: 0x07,
  layout: 0x08,
  filters: 0x0b,
  attribute: 0x0c,
  continuation: 0x10,
  symbolTable: 0x11,
  attributeInfo: 0x15,
} as const;

export interface Message {
  readonly type: number;
  readonly body: Cursor;
}

const SHARED = 0x02;

/** Parts of one header. Each is begun when the last one is full; h5py makes a few. */
const MAX_BLOCKS = 1024;

/** A header of version 1 begins so: version, reserved, number of messages, references, size, padding. */
const PREFIX_BYTES = 16;

/** The prefix of version 2 is at most: signature, version, flags, four times, two phase values, eight bytes of size. */
const MAX_PREFIX_BYTES = 4 + 1 + 1 + 16 + 4 + 8;

/** Everything that the header of an object at `address` says, in the order of the file. @throws malformed, unsupported, limit */
export function readObjectHeader(file: Storage, address: number): Message[] {
  const start = file.openUpTo(address, MAX_PREFIX_BYTES, 'object header');
  return start.bytes[0] === 1 ? readVersion1(file, address) : readVersion2(file, address, start);
}

function readVersion1(file: Storage, address: number): Message[] {
  const prefix = file.open(address, PREFIX_BYTES, 'object header');
  prefix.skip(2);
  const count = prefix.u16();
  prefix.skip(4);
  const blocks = [file.open(address + PREFIX_BYTES, prefix.u32(), 'object header')];
  const messages: Message[] = [];
  let seen = 0;
  // The count covers messages of all blocks; gaps at the end of a block are NIL messages.
  for (const block of blocks)
    while (seen < count && block.left >= 8) {
      seen++;
      const type = block.u16();
      const size = block.u16();
      const flags = block.u8();
      block.skip(3);
      const body = block.take(size);
      accept(file, block.what, type, flags, body, messages, (at, length) =>
        addBlock(blocks, file.open(at, length, 'continued object header')),
      );
    }
  return messages;
}

function readVersion2(file: Storage, address: number, prefix: Cursor): Message[] {
  prefix.signature('OHDR');
  prefix.version(2);
  const flags = prefix.u8();
  if (flags & 0x20) prefix.skip(16);
  if (flags & 0x10) prefix.skip(4);
  const size = prefix.uint(2 ** (flags & 3));
  const tracksOrder = (flags & 0x04) !== 0;
  const headBytes = 4 + (tracksOrder ? 2 : 0);
  const blocks = [file.open(address + prefix.at, size, 'object header')];
  const messages: Message[] = [];
  for (const block of blocks)
    while (block.left >= headBytes) {
      const type = block.u8();
      const length = block.u16();
      const messageFlags = block.u8();
      if (tracksOrder) block.skip(2);
      const body = block.take(length);
      accept(file, block.what, type, messageFlags, body, messages, (at, bytes) => {
        const next = file.open(at, bytes, 'continued object header');
        next.signature('OCHK');
        addBlock(blocks, new Cursor(next.take(Math.max(0, next.left - 4)), next.what)); // without the checksum
      });
    }
  return messages;
}

function addBlock(blocks: Cursor[], block: Cursor): void {
  if (blocks.length >= MAX_BLOCKS)
    throw block.malformed(`is part ${MAX_BLOCKS} of a header: it leads back into itself`);
  blocks.push(block);
}

function accept(
  file: Storage,
  what: string,
  type: number,
  flags: number,
  bytes: Uint8Array,
  messages: Message[],
  follow: (address: number, length: number) => void,
): void {
  file.spend(1);
  const body = new Cursor(bytes, what);
  if (type === MESSAGE.continuation) {
    const address = body.address();
    if (address === undefined) throw body.malformed('is continued nowhere');
    follow(address, body.length());
  } else if (flags & SHARED && (type === MESSAGE.dataspace || type === MESSAGE.datatype))
    throw file.unsupported(
      'a type or shape is stored apart from its dataset; rewrite the file with h5repack',
    );
  else messages.push({ type, body });
}
