import { BnnqError } from '../errors.ts';

/** Jobs that are finished together: those of one point. Made with `begun: false`; whoever takes its first job sets it. */
export interface Unit {
  begun: boolean;
}

/** A job that waits for its turn. */
export interface Waiting<J, R> {
  readonly job: J;
  readonly unit: Unit;
  resolve(result: R): void;
  reject(error: unknown): void;
}

/**
 * Jobs in the order in which they came, except that those of a unit that has begun go before those of others: so there
 * are never more units in work than there are takers, and few are to be finished when an interruption comes.
 */
export class JobQueue<J, R> {
  readonly #waiting: Waiting<J, R>[] = [];
  #refuses: 'none' | 'new' | 'all' = 'none';

  add(job: J, unit: Unit = { begun: false }): Promise<R> {
    return new Promise((resolve, reject) => {
      if (this.#refuses === 'all' || (this.#refuses === 'new' && !unit.begun)) {
        reject(interrupted());
        return;
      }
      const others = unit.begun ? this.#waiting.findIndex((waiting) => !waiting.unit.begun) : -1;
      const place = others < 0 ? this.#waiting.length : others;
      this.#waiting.splice(place, 0, { job, unit, resolve, reject });
    });
  }

  /** The next job, its unit begun. */
  take(): Waiting<J, R> | undefined {
    const next = this.#waiting.shift();
    if (next !== undefined) next.unit.begun = true;
    return next;
  }

  /** Jobs fail with `interrupted`, those that wait and those to come: of units that have not begun, or all. */
  refuse(which: 'new' | 'all'): void {
    if (this.#refuses !== 'all') this.#refuses = which;
    const kept = this.#waiting.filter(({ unit }) => which === 'new' && unit.begun);
    const refused = this.#waiting.filter((waiting) => !kept.includes(waiting));
    this.#waiting.splice(0, Infinity, ...kept);
    for (const { reject } of refused) reject(interrupted());
  }
}

function interrupted(): BnnqError {
  return new BnnqError('interrupted', 'interrupted');
}
