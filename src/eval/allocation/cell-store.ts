import { createHash } from 'node:crypto';
import type { Model } from '../../ir/graph.ts';
import { VERSION } from '../../version.ts';
import { Journal } from '../journal.ts';
import type { Candidate, SensitivityCell } from './table.ts';

/** What is known of one candidate for one layer; a sentence where the layer stays as it is. */
export type KnownCell = KnownLoss | string;

export interface KnownLoss extends Omit<SensitivityCell, 'loss' | 'estimated'> {
  /** How far the outputs of the layer move; absent where that is not known. */
  readonly error?: number | undefined;
  /** How far those of the network move; absent where it was not run. */
  readonly loss?: number;
}

/**
 * Measured cells of sensitivity tables, in a file: a table of the same network, images and way of discretizing takes from it
 * what it has, so that a second target, or one that was interrupted, measures only what is missing.
 */
export class CellStore {
  readonly #journal: Journal;
  readonly #identity: readonly unknown[];
  #reused = 0;

  /**
   * @param path of the file; it is made, or added to
   * @param way everything that a cell depends on besides model, candidate and the images that it is measured on, as plain data
   */
  constructor(path: string, model: Model, way: object) {
    this.#journal = new Journal(path);
    this.#identity = [VERSION, model.source.sha256 ?? null, way];
  }

  /** Cells that were taken from the file. */
  get reused(): number {
    return this.#reused;
  }

  /** @param images that cells are measured on, and how, as plain data */
  of(images: object): CellsOfTable {
    const key = (layer: string, candidate: Candidate): string =>
      createHash('sha256')
        .update(JSON.stringify([...this.#identity, images, candidate, layer]))
        .digest('hex');
    return {
      get: (layer, candidate) => {
        const found = this.#journal.get(key(layer, candidate)) as StoredCell | undefined;
        if (found === undefined) return undefined;
        this.#reused++;
        if (typeof found === 'string') return found;
        const { loss, ...rest } = found;
        return loss === undefined ? rest : { ...rest, loss: loss ?? Number.POSITIVE_INFINITY };
      },
      put: (layer, candidate, cell) => this.#journal.append(key(layer, candidate), cell),
    };
  }

  close(): void {
    this.#journal.close();
  }
}

/** The cells of one table. */
export interface CellsOfTable {
  get(layer: string, candidate: Candidate): KnownCell | undefined;
  /** Takes the place of what was known before. */
  put(layer: string, candidate: Candidate, cell: KnownCell): void;
}

/** As it stands in the file. JSON has no Infinity: null stands for it. */
type StoredCell = string | (Omit<KnownLoss, 'loss'> & { readonly loss?: number | null });
