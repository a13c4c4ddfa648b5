import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileError } from '../../formats/file.ts';
import type { PointSettings } from '../types.ts';

/** Name of the folder in that of the report. */
const FOLDER = 'models';

/**
 * The packed files of a sweep's calibrated points: kept beside the report where there is one, so that an interrupted sweep
 * need not calibrate again and the models are at hand; else in a temporary folder.
 */
export class CalibratedModels {
  readonly #out: string | undefined;
  #folder: string | undefined;

  /** @param out folder of the report */
  constructor(out: string | undefined) {
    this.#out = out;
  }

  /** Path for the model of a point, which says what it is; the folder is made. @throws io */
  fileOf({ scheme, bits, method, actBits }: PointSettings, key: string): string {
    const name = [
      `${scheme}${bits}`,
      method,
      ...(actBits === undefined ? [] : [`a${actBits}`]),
      key.slice(0, 8),
    ];
    return join(this.#made(), `${name.join('.')}.bnnq`);
  }

  #made(): string {
    if (this.#folder !== undefined) return this.#folder;
    if (this.#out === undefined) this.#folder = mkdtempSync(join(tmpdir(), 'bnn-quantize-'));
    else {
      this.#folder = join(this.#out, FOLDER);
      try {
        mkdirSync(this.#folder, { recursive: true });
      } catch (thrown) {
        throw fileError('write', this.#folder, thrown);
      }
    }
    return this.#folder;
  }

  /** Removes what is only temporary. */
  dispose(): void {
    if (this.#out === undefined && this.#folder !== undefined)
      rmSync(this.#folder, { recursive: true, force: true });
  }
}
