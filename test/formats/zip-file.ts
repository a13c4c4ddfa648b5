import { crc32 } from 'node:zlib';

/** A member of an archive that is made by hand, sound or not. */
export interface Member {
  readonly name: string;
  readonly bytes?: Uint8Array | string;
  /** Bytes as deflated, instead of `bytes` stored as they are. */
  readonly packed?: Uint8Array;
  /** What the archive says instead of what is true. */
  readonly length?: number;
  readonly crc32?: number;
  readonly flags?: number;
  readonly method?: number;
  readonly offset?: number;
  /** List the member and leave its bytes out. */
  readonly isListedOnly?: boolean;
  /** Keep the sizes in the field of zip64. */
  readonly zip64?: boolean;
  readonly extra?: Uint8Array;
}

const LIST_FIELDS = 46;

/** A zip archive of these members (APPNOTE.TXT of PKWARE, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16). */
export function zipOf(members: readonly Member[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const list: Uint8Array[] = [];
  const lengthOf = (all: readonly Uint8Array[]) => all.reduce((sum, { length }) => sum + length, 0);
  for (const member of members) {
    const name = Buffer.from(member.name);
    const stored = member.packed ?? Buffer.from(member.bytes ?? '');
    const length = member.length ?? stored.length;
    const offset = member.offset ?? lengthOf(parts);
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt16LE(member.flags ?? 0, 2);
    head.writeUInt16LE(member.method ?? (member.packed ? 8 : 0), 4);
    head.writeUInt32LE(member.crc32 ?? crc32(stored), 10);
    head.writeUInt32LE(stored.length, 14);
    head.writeUInt32LE(length, 18);
    head.writeUInt16LE(name.length, 22);
    if (!member.isListedOnly) parts.push(Buffer.from('PK\x03\x04'), head, name, stored);
    const wide = Buffer.alloc(member.zip64 ? 28 : 0);
    if (member.zip64) {
      wide.writeUInt16LE(1, 0);
      wide.writeUInt16LE(24, 2);
      writeWide(wide, 4, [length, stored.length, offset]);
    }
    const extra = member.extra ?? wide;
    const entry = Buffer.alloc(LIST_FIELDS);
    entry.write('PK\x01\x02');
    head.copy(entry, 6, 0, 24);
    entry.writeUInt16LE(extra.length, 30);
    entry.writeUInt32LE(offset, 42);
    if (member.zip64) for (const field of [20, 24, 42]) entry.writeUInt32LE(0xffffffff, field);
    list.push(entry, name, extra);
  }
  const start = lengthOf(parts);
  const wide = members.some(({ zip64 }) => zip64);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(wide ? 0xffff : members.length, 10);
  end.writeUInt32LE(lengthOf(list), 12);
  end.writeUInt32LE(wide ? 0xffffffff : start, 16);
  const end64 = Buffer.alloc(wide ? 76 : 0);
  if (wide) {
    end64.write('PK\x06\x06');
    writeWide(end64, 24, [members.length, members.length, lengthOf(list), start]);
    end64.write('PK\x06\x07', 56);
    end64.writeBigUInt64LE(BigInt(start + lengthOf(list)), 64);
  }
  return Buffer.concat([...parts, ...list, end64, end]);
}

function writeWide(into: Buffer, start: number, values: readonly number[]): void {
  for (const [i, value] of values.entries()) into.writeBigUInt64LE(BigInt(value), start + 8 * i);
}
