import { BnnqError } from '../errors.ts';
import { type ByteSource, memorySource, partOfSource, wholeSource } from './byte-source.ts';
import { crc32 } from './crc32.ts';
import { inflate } from './inflate.ts';
import { FREE_EXPANSION_BYTES, MAX_EXPANSION, MAX_ZIP_MEMBERS } from './limits.ts';

/** A file of a zip archive. */
export interface ZipMember {
  readonly name: string;
  /** Bytes when unpacked, as the archive declares. */
  readonly length: number;
  /** Whether it is compressed; else it can be read by parts. */
  readonly isPacked: boolean;
  readonly packedLength: number;
  readonly crc32: number;
  /** Where its local header is. */
  readonly offset: number;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64_LOCATOR = 0x07064b50;
const END64 = 0x06064b50;

const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const END64_BYTES = 56;
/** The comment that follows the end record, which has to be looked for. */
const MAX_COMMENT_BYTES = 65_535;
/** Stands for "see the zip64 field". */
const IN_ZIP64 = 0xffffffff;

const STORED = 0;
const DEFLATED = 8;
const CHECK_BYTES = 2 ** 22;

/**
 * Lists the members of a zip archive, folders left out. Nothing is ever unpacked to a path; a name that would lead out of
 * a folder is refused all the same, as no tool of good faith writes it.
 * Source: APPNOTE.TXT 6.3.10 of PKWARE.
 * @param where begins the messages
 * @throws malformed, unsupported (encrypted, another compression), limit
 */
export function zipMembers(archive: ByteSource, where: string): ZipMember[] {
  const refuse = (text: string): BnnqError =>
    new BnnqError('malformed', `${where}: not a readable zip file: ${text}`);
  const { start, length, count } = findDirectory(archive, refuse);
  if (count > MAX_ZIP_MEMBERS)
    throw new BnnqError(
      'limit',
      `${where}: the zip file has ${count} members, at most ${MAX_ZIP_MEMBERS} are read`,
    );
  const view = viewOf(archive, start, length, refuse);
  const members: ZipMember[] = [];
  const names = new Set<string>();
  let packed = 0;
  for (let i = 0, at = 0; i < count; i++) {
    if (at + CENTRAL_BYTES > length || view.getUint32(at, true) !== CENTRAL)
      throw refuse(`its list of members is damaged at number ${i + 1} of ${count}`);
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) =>
      view.getUint16(at + field, true),
    );
    const end = at + CENTRAL_BYTES + nameBytes! + extraBytes! + commentBytes!;
    if (end > length) throw refuse(`its list of members is cut off at number ${i + 1} of ${count}`);
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at + CENTRAL_BYTES, nameBytes);
    const name = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
    checkName(name, names, refuse);
    const extra = new DataView(view.buffer, view.byteOffset + at + CENTRAL_BYTES + nameBytes!, extraBytes);
    const sizes = [24, 20, 42].map((field) => view.getUint32(at + field, true));
    const [unpacked, packedLength, offset] = withZip64(sizes, extra, refuse);
    const method = view.getUint16(at + 10, true);
    const about = `${where}: member "${name}"`;
    if (view.getUint16(at + 8, true) & 1) throw new BnnqError('unsupported', `${about} is encrypted`);
    if (method !== STORED && method !== DEFLATED)
      throw new BnnqError('unsupported', `${about} is compressed by method ${method}, expected deflate`);
    if (method === STORED && unpacked !== packedLength)
      throw refuse(`member "${name}" is stored in ${packedLength} bytes and has ${unpacked}`);
    packed += packedLength!;
    if (packed > archive.length) throw refuse(`its members have more bytes than the file: they overlap`);
    if (!name.endsWith('/'))
      members.push({
        name,
        length: unpacked!,
        isPacked: method === DEFLATED,
        packedLength: packedLength!,
        crc32: view.getUint32(at + 16, true),
        offset: offset!,
      });
    at = end;
  }
  return members;
}

/**
 * The bytes of a member: by parts from the archive where it is stored as it is, else unpacked into memory.
 * @param verify compare its checksum
 * @throws malformed, limit (longer than `maxBytes`, or packed as only bombs are)
 */
export function openZipMember(
  archive: ByteSource,
  member: ZipMember,
  maxBytes: number,
  where: string,
  verify = true,
): ByteSource {
  const { name, length, packedLength } = member;
  const about = `${where}: member "${name}"`;
  if (length > maxBytes)
    throw new BnnqError('limit', `${about} has ${length} bytes, at most ${maxBytes} are read`);
  const stored = partOfSource(archive, dataStart(archive, member, about), packedLength);
  const opened = member.isPacked ? memorySource(unpack(stored, length, about)) : stored;
  if (verify && checksumOf(opened) !== member.crc32)
    throw new BnnqError(
      'malformed',
      `${about} is damaged: its checksum is not the one that the archive gives`,
    );
  return opened;
}

/** The whole bytes of a member. */
export function unzipMember(
  archive: ByteSource,
  member: ZipMember,
  maxBytes: number,
  where: string,
): Uint8Array {
  return wholeSource(openZipMember(archive, member, maxBytes, where), maxBytes, where);
}

type Refuse = (text: string) => BnnqError;

function viewOf(archive: ByteSource, start: number, length: number, refuse: Refuse): DataView {
  if (!Number.isSafeInteger(start + length) || start + length > archive.length)
    throw refuse(`bytes ${start} to ${start + length} are needed, it has ${archive.length}`);
  const bytes = archive.read(start, length);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Where the list of members is: the end record says so, and where its fields are too narrow, that of zip64. */
function findDirectory(
  archive: ByteSource,
  refuse: Refuse,
): { start: number; length: number; count: number } {
  const tailBytes = Math.min(archive.length, END_BYTES + MAX_COMMENT_BYTES);
  const tailStart = archive.length - tailBytes;
  const tail = viewOf(archive, tailStart, tailBytes, refuse);
  let at = tailBytes - END_BYTES;
  while (at >= 0 && tail.getUint32(at, true) !== END) at--;
  if (at < 0) throw refuse('it has no end record; it is cut off');
  const [count, length, start] = [
    tail.getUint16(at + 10, true),
    tail.getUint32(at + 12, true),
    tail.getUint32(at + 16, true),
  ];
  if (count !== 0xffff && length !== IN_ZIP64 && start !== IN_ZIP64) return { start, length, count };
  const locatorAt = tailStart + at - LOCATOR_BYTES;
  if (locatorAt < 0) throw refuse('its zip64 record is missing');
  const locator = viewOf(archive, locatorAt, LOCATOR_BYTES, refuse);
  if (locator.getUint32(0, true) !== END64_LOCATOR) return { start, length, count };
  const end = viewOf(archive, wide(locator, 8, refuse), END64_BYTES, refuse);
  if (end.getUint32(0, true) !== END64) throw refuse('its zip64 record is damaged');
  return { start: wide(end, 48, refuse), length: wide(end, 40, refuse), count: wide(end, 32, refuse) };
}

function wide(view: DataView, at: number, refuse: Refuse): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw refuse(`it holds the length ${value}`);
  return Number(value);
}

/** Replaces the sizes that are said to be in the zip64 field, in its order: unpacked, packed, offset. */
function withZip64(sizes: readonly number[], extra: DataView, refuse: Refuse): number[] {
  if (!sizes.includes(IN_ZIP64)) return [...sizes];
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const length = extra.getUint16(at + 2, true);
    if (extra.getUint16(at, true) === 1) {
      let next = at + 4;
      return sizes.map((size) => {
        if (size !== IN_ZIP64) return size;
        if (next + 8 > Math.min(at + 4 + length, extra.byteLength)) throw refuse('a zip64 field is cut off');
        next += 8;
        return wide(extra, next - 8, refuse);
      });
    }
    at += 4 + length;
  }
  throw refuse('a zip64 field is missing');
}

function checkName(name: string, names: Set<string>, refuse: Refuse): void {
  const parts = name.split(/[/\\]/);
  if (
    name === '' ||
    name.includes('\0') ||
    parts[0] === '' ||
    parts.includes('..') ||
    /^[A-Za-z]:/.test(name)
  )
    throw refuse(`the name of member ${JSON.stringify(name)} leads out of the archive`);
  if (names.has(name)) throw refuse(`member "${name}" is there twice`);
  names.add(name);
}

/** Where the bytes of a member begin: behind its local header, whose name must be that of the list. */
function dataStart(archive: ByteSource, { name, offset, packedLength }: ZipMember, about: string): number {
  const refuse: Refuse = (text) => new BnnqError('malformed', `${about}: ${text}`);
  const header = viewOf(archive, offset, LOCAL_BYTES, refuse);
  if (header.getUint32(0, true) !== LOCAL) throw refuse(`there is no header at byte ${offset}`);
  const nameBytes = header.getUint16(26, true);
  const own = viewOf(archive, offset + LOCAL_BYTES, nameBytes, refuse);
  if (new TextDecoder('utf-8', { ignoreBOM: true }).decode(own) !== name)
    throw refuse(`the header at byte ${offset} is that of another member`);
  const start = offset + LOCAL_BYTES + nameBytes + header.getUint16(28, true);
  if (start + packedLength > archive.length)
    throw refuse(`it ends at byte ${start + packedLength}, the archive at ${archive.length}`);
  return start;
}

/** The bytes of a compressed member, if it is as long as it declares. */
function unpack(stored: ByteSource, length: number, about: string): Uint8Array {
  if (length > Math.max(FREE_EXPANSION_BYTES, MAX_EXPANSION * stored.length))
    throw new BnnqError(
      'limit',
      `${about} unpacks from ${stored.length} to ${length} bytes, at most ${MAX_EXPANSION} times as many are read`,
    );
  const bytes = inflate('raw', stored.read(0, stored.length), length, about);
  if (bytes?.length !== length)
    throw new BnnqError(
      'malformed',
      `${about} unpacks to ${bytes === undefined ? 'more bytes' : `${bytes.length} bytes`}, its header says ${length}`,
    );
  return bytes;
}

function checksumOf(source: ByteSource): number {
  let sum = 0;
  for (let at = 0; at < source.length; at += CHECK_BYTES)
    sum = crc32(source.read(at, Math.min(CHECK_BYTES, source.length - at)), sum);
  return sum;
}
