import type { Kernels } from './contract.ts';
import { createReferenceKernels } from './reference.ts';
import { createSimdKernels } from './simd.ts';
import { isWasmSupported } from './wasm/instance.ts';

/** `auto` is `simd` where the engine has WebAssembly SIMD, else `reference`; the results are the same bits. */
export type KernelChoice = 'reference' | 'simd' | 'auto';

/** A new set of kernels with a heap of its own. Throws Error when `simd` is asked for and not supported. */
export function createKernels(choice: KernelChoice = 'auto'): Kernels {
  if (choice === 'reference') return createReferenceKernels();
  if (isWasmSupported()) return createSimdKernels();
  if (choice === 'simd') throw new Error('kernels: this engine has no WebAssembly SIMD');
  return createReferenceKernels();
}
