import type { Kernels } from '../../../src/kernels/contract.ts';
import type { Random } from './random.ts';

/** One call of a kernel on fixed inputs, runnable by any set. */
export interface Case {
  /** The sizes, for the message of a failure. */
  readonly what: string;
  run(kernels: Kernels): Float32Array;
}

/** A kernel of the contract and the cases that every set must agree on. */
export interface Operation {
  readonly name: keyof Kernels;
  cases(random: Random): Generator<Case>;
}

/** Sizes around the widths of vectors, panels, bytes and words, where things go wrong. */
export const SIZES = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129] as const;
