import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { payloadBytes, type QuantizedTensor } from '../../ir/quantized-tensor.ts';
import { fileError, readPart } from '../file.ts';

/** Codes that stay in memory: those of a network of 128 million weights at four bits. */
const MAX_RESIDENT_CODES: number = 2 ** 26;

/**
 * Keeps the codes of discretized weights, in memory as long as they are few, then in a temporary file that has no name,
 * so that it is gone with the process. Weights in the file are read again whenever their planes are asked for.
 *
 * ```ts
 * const spool = new CodeSpool('.');
 * const { model: packed } = quantize(model, { scheme: 'exp', bits: 4, keep: (weight) => spool.keep(weight) });
 * await writePacked(packed, 'model.bnnq');
 * spool.dispose();
 * ```
 */
export class CodeSpool {
  readonly #path: string;
  readonly #maxResidentBytes: number;
  #residentBytes = 0;
  #fd: number | undefined;
  #fileBytes = 0;

  /** @param folder where the temporary file is made; one on a disk, or nothing is won */
  constructor(folder: string, maxResidentBytes: number = MAX_RESIDENT_CODES) {
    this.#path = join(folder, `.bnnq-${randomBytes(6).toString('hex')}.tmp`);
    this.#maxResidentBytes = maxResidentBytes;
  }

  /**
   * The same weight, its codes in memory or in the file.
   * @throws io (disk full)
   */
  keep(quantized: QuantizedTensor): QuantizedTensor {
    const { codes } = payloadBytes(quantized);
    if (this.#residentBytes + codes <= this.#maxResidentBytes) {
      this.#residentBytes += codes;
      return quantized;
    }
    const { planes, ...rest } = quantized;
    const offset = this.#fileBytes;
    const fd = this.#write(planes, offset);
    this.#fileBytes += codes;
    return {
      ...rest,
      get planes() {
        return readPart(fd, offset, codes);
      },
    };
  }

  #write(planes: Uint8Array, offset: number): number {
    try {
      if (this.#fd === undefined) {
        this.#fd = openSync(this.#path, 'wx+');
        rmSync(this.#path);
      }
      for (let done = 0; done < planes.length; )
        done += writeSync(this.#fd, planes, done, planes.length - done, offset + done);
      return this.#fd;
    } catch (thrown) {
      throw fileError('write', this.#path, thrown);
    }
  }

  /** Gives the file back; weights in it cannot be read any more. */
  dispose(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
