import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  BnnqError,
  type CSize,
  type CSources,
  exportC,
  type Model,
  writeFileAtomically,
} from '../src/index.ts';
import { noteGrowth } from './growth.ts';
import { formatBytes, grouped, printable } from './terminal/format.ts';

/** What was written; `--json` prints it as it is. */
export interface CExport extends CSize {
  readonly model: string;
  readonly folder: string;
  readonly to: 'c';
  readonly files: readonly string[];
}

/** Refuses before anything is read: a folder that is there is left alone unless forced, a file always. */
export function checkFolder(folder: string, force: boolean): void {
  if (!existsSync(folder)) return;
  if (!statSync(folder).isDirectory())
    throw new BnnqError('io', `cannot write "${folder}": it is a file, a folder is needed`, { file: folder });
  if (!force)
    throw new BnnqError('exists', `"${folder}" exists already; its files are overwritten only with --force`, {
      file: folder,
    });
}

/** Writes the C sources of a model into a folder. @param name prefix of files and functions */
export function exportCFolder(
  path: string,
  model: Model,
  folder: string,
  name: string | undefined,
  quiet: boolean,
): CExport {
  const sources = exportC(model, { name });
  // What the device holds; the text of it is larger than any file of bytes.
  noteGrowth(folder, flashBytes(sources.size), model, quiet);
  writeFolder(folder, sources);
  return { model: path, folder, to: 'c', files: [...sources.files.keys()], ...sources.size };
}

/** Bytes that a device has to hold for it: constants, and code by estimate. */
export function flashBytes({ arrayBytes, structBytes, codeBytes }: CSize): number {
  return arrayBytes + structBytes + codeBytes;
}

export function cExportText(written: CExport): string {
  const { arrayBytes, structBytes, codeBytes, arenaBytes, bufferBytes, inputBytes, outputBytes } = written;
  const flash = `flash ${bytesText(arrayBytes + structBytes)} of constants, about ${formatBytes(codeBytes)} of code`;
  const ram = `RAM ${bytesText(arenaBytes + bufferBytes)}: values ${grouped(arenaBytes)}, a row of weights and a line ${grouped(bufferBytes)}`;
  const caller = `the caller holds ${grouped(inputBytes)} in and ${grouped(outputBytes)} out`;
  return `${printable(written.folder)}  ${written.files.join(', ')}\n${flash}\n${ram}; ${caller}`;
}

function bytesText(bytes: number): string {
  return `${formatBytes(bytes)} (${grouped(bytes)} bytes)`;
}

/** A new folder comes into being with all its files, under its name at last; into one that is there they go one by one. */
function writeFolder(folder: string, { files }: CSources): void {
  const write = (into: string): void => {
    for (const [name, text] of files) writeFileAtomically(join(into, name), [text], { force: true });
  };
  if (existsSync(folder)) {
    write(folder);
    return;
  }
  try {
    mkdirSync(dirname(folder), { recursive: true });
    // What mkdtemp makes is for its owner alone; the folder within has the usual rights.
    const temporary = mkdtempSync(join(dirname(folder), `.${basename(folder)}-`));
    try {
      const made = join(temporary, 'sources');
      mkdirSync(made);
      write(made);
      renameSync(made, folder);
      rmSync(temporary, { recursive: true, force: true });
    } catch (thrown) {
      rmSync(temporary, { recursive: true, force: true });
      throw thrown;
    }
  } catch (thrown) {
    if (thrown instanceof BnnqError) throw thrown;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new BnnqError('io', `cannot write "${folder}": ${reason}`, { file: folder }, thrown);
  }
}
