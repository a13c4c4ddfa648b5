import type { Kernels } from './contract.ts';
import { createReferenceKernels } from './reference.ts';
import { createSimdKernels } from './simd.ts';
import { isWasmSupported } from './wasm/instance.ts';

/** `auto` is `simd` where the engine has WebAssembly SIMD, else `reference`; the results are the same bits. */
export type KernelChoice = 'reference' | 'simd' | 'auto';

export interface KernelOptions {
  /**
   * How many threads one call may use, the caller's among them; 1 when absent. More need a SharedArrayBuffer, and workers that live until
   * `dispose`. The reference computes in one.
   */
  readonly threads?: number;
}

/** Threads at most; more than processors have at present. */
export const MAX_THREADS = 256;

/**
 * A new set of kernels with a heap of its own.
 * @throws Error when `simd` is asked for and not supported, or threads are not; RangeError for a number of threads that is none
 */
export function createKernels(choice: KernelChoice = 'auto', options: KernelOptions = {}): Kernels {
  const { threads = 1 } = options;
  if (!(Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS))
    throw new RangeError(`kernels: expected 1 to ${MAX_THREADS} threads, got ${threads}`);
  if (choice === 'reference') return createReferenceKernels();
  if (isWasmSupported()) return createSimdKernels({ threads });
  if (choice === 'simd') throw new Error('kernels: this engine has no WebAssembly SIMD');
  return createReferenceKernels();
}
