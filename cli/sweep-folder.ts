import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  BnnqError,
  type MeasuredSensitivity,
  type Report,
  reportFiles,
  VERSION,
  writeFileAtomically,
} from '../src/index.ts';

/** What a folder says about the sweep in it. */
const FILE = 'sweep.json';

/** What makes two sweeps the same: the bytes of model and data, and all settings that a result depends on. */
export interface SweepIdentity {
  readonly model: string;
  readonly data: string;
  readonly settings: object;
}

interface SweepFolder {
  /** Whether it holds this very sweep, finished or not. */
  readonly isSame: boolean;
  claim(): void;
}

/**
 * The report of the same sweep, where it is finished: all points, by this version, with these losses of the layers. The other files of the report are made again from
 * it where they are missing or not what follows from it; `report.json` itself is left as it is.
 */
export function finishedReport(
  folder: string,
  isSame: boolean,
  points: number,
  sensitivity: MeasuredSensitivity | undefined,
): Report | undefined {
  const text = isSame ? readIfThere(join(folder, 'report.json')) : undefined;
  if (text === undefined) return undefined;
  let report: Report;
  let files: Map<string, string>;
  try {
    report = JSON.parse(text) as Report;
    files = reportFiles(report);
  } catch {
    return undefined;
  }
  const isWhole =
    report.points.length === points &&
    report.tool.version === VERSION &&
    sameJson(JSON.stringify(report.sensitivity ?? null), JSON.stringify(sensitivity ?? null));
  // What is written differently than it would be is not ours, or was damaged.
  if (!isWhole || files.get('report.json') !== text) return undefined;
  for (const [name, content] of files)
    if (readIfThere(join(folder, name)) !== content)
      writeFileAtomically(join(folder, name), [content], { force: true });
  return report;
}

/**
 * The output folder of a sweep. It may be missing, or hold an earlier run of the same sweep, which then goes on; one
 * with the report of another sweep is refused unless forced (finished points that fit are used all the same).
 * `claim` writes down whose folder it is, and removes what a killed run left half-written; call it when the sweep has
 * begun, so that a sweep that never does leaves nothing behind.
 * @throws exists
 */
export function openSweepFolder(folder: string, force: boolean, identity: SweepIdentity): SweepFolder {
  const path = join(folder, FILE);
  const own = `${JSON.stringify(identity, null, 2)}\n`;
  const found = readIfThere(path);
  const same = found !== undefined && sameJson(found, own);
  const taken = found !== undefined || existsSync(join(folder, 'report.json'));
  if (taken && !same && !force)
    throw new BnnqError(
      'exists',
      `"${folder}" holds another sweep (${difference(found, identity)}); take another folder, or --force to replace its report`,
      { file: path },
    );
  let claimed = false;
  return {
    isSame: same,
    claim() {
      if (claimed) return;
      if (same) removeTemporaryFiles(folder);
      else writeFileAtomically(path, [own], { force: true });
      claimed = true;
    },
  };
}

/** What an earlier run was writing when it was killed; see `writeFileAtomically`. */
function removeTemporaryFiles(folder: string): void {
  for (const inside of [folder, join(folder, 'models')]) {
    const names = existsSync(inside) ? readdirSync(inside) : [];
    for (const name of names.filter((one) => /^\.bnnq-[0-9a-f]+\.tmp$/.test(one)))
      rmSync(join(inside, name), { force: true });
  }
}

function difference(found: string | undefined, identity: SweepIdentity): string {
  let other: Partial<SweepIdentity> = {};
  try {
    other = JSON.parse(found ?? '{}') as Partial<SweepIdentity>;
  } catch {
    // not ours
  }
  if (other.model === undefined || other.data === undefined) return 'of unknown origin';
  const parts = [
    ...(other.model === identity.model ? [] : ['another model']),
    ...(other.data === identity.data ? [] : ['other data']),
  ];
  return parts.length > 0 ? parts.join(', ') : 'other settings';
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (
      (thrown as NodeJS.ErrnoException).code === 'ENOENT' ||
      (thrown as NodeJS.ErrnoException).code === 'ENOTDIR'
    )
      return undefined;
    throw thrown;
  }
}

function sameJson(a: string, b: string): boolean {
  try {
    return isDeepStrictEqual(JSON.parse(a), JSON.parse(b));
  } catch {
    return false;
  }
}
