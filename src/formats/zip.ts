import { type UnzipFileInfo, unzipSync } from 'fflate';
import { BnnqError, messageOf } from '../errors.ts';

/** Names and lengths of the members of a zip archive. `where` begins the message. @throws malformed */
export function zipMembers(archive: Uint8Array, where: string): UnzipFileInfo[] {
  const members: UnzipFileInfo[] = [];
  unzip(archive, where, (member) => {
    members.push(member);
    return false;
  });
  return members;
}

/** The bytes of one member. @throws malformed, limit (longer than `maxBytes`, as it declares itself) */
export function unzipMember(
  archive: Uint8Array,
  member: UnzipFileInfo,
  maxBytes: number,
  where: string,
): Uint8Array {
  const { name, originalSize } = member;
  if (originalSize > maxBytes)
    throw new BnnqError(
      'limit',
      `${where}: member "${name}" has ${originalSize} bytes, at most ${maxBytes} are read`,
    );
  const bytes = unzip(archive, where, (candidate) => candidate.name === name)[name];
  if (bytes?.length !== originalSize)
    throw new BnnqError(
      'malformed',
      `${where}: member "${name}" unpacks to ${bytes?.length ?? 0} bytes, its header says ${originalSize}`,
    );
  return bytes;
}

function unzip(
  archive: Uint8Array,
  where: string,
  filter: (member: UnzipFileInfo) => boolean,
): Record<string, Uint8Array> {
  try {
    return unzipSync(archive, { filter });
  } catch (thrown) {
    throw new BnnqError('malformed', `${where}: not a readable zip file: ${messageOf(thrown)}`, {}, thrown);
  }
}
