import { crc32, inflateRawSync } from 'node:zlib';
import { BnnqError, messageOf } from '../../errors.ts';
import { readFileRange } from '../file.ts';

/*
 * Just enough of zip (PKWARE APPNOTE 6.3) to read the members of .npz files by ranges: stored and deflated members,
 * zip64, CRC-32 checked. No encryption, no split archives.
 */

const END_BYTES = 22;
const END64_BYTES = 56;
const LOCATOR_BYTES = 20;
/** The comment behind the end record is at most 65,535 bytes long. */
const MAX_TAIL = END_BYTES + LOCATOR_BYTES + 65_535;
/** Bytes of a directory: a dataset has a handful of members of less than 100 bytes each. */
const MAX_DIRECTORY_BYTES = 16 * 2 ** 20;

export interface ZipMember {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packedLength: number;
  readonly length: number;
  /** Offset of the local header in the file. */
  readonly offset: number;
}

/** Members of a zip file, as its central directory has them. @throws malformed, limit */
export function readZipDirectory(path: string, fileBytes: number): ZipMember[] {
  const tailStart = Math.max(0, fileBytes - MAX_TAIL);
  const tail = readFileRange(path, tailStart, fileBytes - tailStart);
  const view = viewOf(tail);
  let end = tail.length - END_BYTES;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw bad(path, `not a zip file: no end record in its ${fileBytes} bytes`);
  let count = view.getUint16(end + 10, true);
  let length = view.getUint32(end + 12, true);
  let offset = view.getUint32(end + 16, true);
  const locator = end - LOCATOR_BYTES;
  if (locator >= 0 && view.getUint32(locator, true) === 0x07064b50) {
    const end64 = readFileRange(path, numberAt(view, locator + 8), END64_BYTES);
    if (end64.length < END64_BYTES || viewOf(end64).getUint32(0, true) !== 0x06064b50)
      throw bad(path, 'its zip64 end record is missing');
    count = numberAt(viewOf(end64), 32);
    length = numberAt(viewOf(end64), 40);
    offset = numberAt(viewOf(end64), 48);
  }
  if (length > MAX_DIRECTORY_BYTES)
    throw new BnnqError(
      'limit',
      `${path}: zip directory of ${length} bytes, at most ${MAX_DIRECTORY_BYTES} are read`,
      {
        file: path,
      },
    );
  if (offset + length > fileBytes)
    throw bad(path, `zip directory of bytes ${offset} to ${offset + length}, the file has ${fileBytes}`);
  const directory = readFileRange(path, offset, length);
  const members: ZipMember[] = [];
  for (let at = 0; members.length < count; ) {
    const member = readEntry(directory, at);
    if (member === undefined)
      throw bad(path, `zip directory ends after ${members.length} members, the end record says ${count}`);
    const { name, packedLength } = member.entry;
    if (member.entry.offset + packedLength > fileBytes)
      throw bad(
        path,
        `member "${name}" of ${packedLength} bytes runs over the end of the file (${fileBytes} bytes)`,
      );
    members.push(member.entry);
    at = member.next;
  }
  return members;
}

function readEntry(bytes: Uint8Array, at: number): { entry: ZipMember; next: number } | undefined {
  const view = viewOf(bytes);
  if (at + 46 > bytes.length || view.getUint32(at, true) !== 0x02014b50) return undefined;
  const nameEnd = at + 46 + view.getUint16(at + 28, true);
  const extraEnd = nameEnd + view.getUint16(at + 30, true);
  const next = extraEnd + view.getUint16(at + 32, true);
  if (next > bytes.length) return undefined;
  let packedLength = view.getUint32(at + 20, true);
  let length = view.getUint32(at + 24, true);
  let offset = view.getUint32(at + 42, true);
  for (let field = nameEnd; field + 4 <= extraEnd; ) {
    const fieldEnd = field + 4 + view.getUint16(field + 2, true);
    if (view.getUint16(field, true) === 1) {
      // Zip64: 64-bit values of just those fields that are all ones, in this order.
      let position = field + 4;
      const take = (old: number): number => {
        if (old !== 0xffffffff || position + 8 > Math.min(fieldEnd, extraEnd)) return old;
        position += 8;
        return numberAt(view, position - 8);
      };
      length = take(length);
      packedLength = take(packedLength);
      offset = take(offset);
    }
    field = fieldEnd;
  }
  const name = new TextDecoder().decode(bytes.subarray(at + 46, nameEnd));
  const method = view.getUint16(at + 10, true);
  return { entry: { name, method, crc: view.getUint32(at + 16, true), packedLength, length, offset }, next };
}

/** The bytes of one member. @throws malformed (CRC, length), unsupported (method), limit (longer than `maxBytes`) */
export function readZipMember(path: string, member: ZipMember, maxBytes: number): Uint8Array {
  const where = `${path}: member "${member.name}"`;
  if (member.length > maxBytes || member.packedLength > maxBytes)
    throw new BnnqError('limit', `${where} has ${member.length} bytes, at most ${maxBytes} are read`, {
      file: path,
    });
  const local = readFileRange(path, member.offset, 30);
  if (local.length < 30 || viewOf(local).getUint32(0, true) !== 0x04034b50)
    throw bad(path, `member "${member.name}" has no local header at byte ${member.offset}`);
  const start = member.offset + 30 + viewOf(local).getUint16(26, true) + viewOf(local).getUint16(28, true);
  const packed = readFileRange(path, start, member.packedLength);
  if (packed.length < member.packedLength)
    throw bad(
      path,
      `member "${member.name}" has ${packed.length} bytes, its header says ${member.packedLength}`,
    );
  const bytes = unpack(packed, member, where);
  if (bytes.length !== member.length)
    throw bad(
      path,
      `member "${member.name}" unpacks to ${bytes.length} bytes, its header says ${member.length}`,
    );
  if (crc32(bytes) !== member.crc)
    throw bad(path, `member "${member.name}" is damaged: its CRC-32 does not match`);
  return bytes;
}

function unpack(packed: Uint8Array, member: ZipMember, where: string): Uint8Array {
  if (member.method === 0) return packed;
  if (member.method !== 8)
    throw new BnnqError(
      'unsupported',
      `${where} is packed by method ${member.method}; only stored (0) and deflate (8) are read`,
    );
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, member.length) });
  } catch (thrown) {
    throw new BnnqError('malformed', `${where} cannot be unpacked: ${messageOf(thrown)}`, {}, thrown);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function numberAt(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function bad(path: string, what: string): BnnqError {
  return new BnnqError('malformed', `${path}: ${what}`, { file: path });
}
