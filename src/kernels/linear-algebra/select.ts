import type { KernelChoice } from '../select.ts';
import { isWasmSupported } from '../wasm/instance.ts';
import type { LinearAlgebra } from './contract.ts';
import { createReferenceLinearAlgebra } from './reference.ts';
import { createSimdLinearAlgebra } from './simd.ts';

/** A new set with a heap of its own. Throws Error when `simd` is asked for and not supported. */
export function createLinearAlgebra(choice: KernelChoice = 'auto'): LinearAlgebra {
  if (choice === 'reference') return createReferenceLinearAlgebra();
  if (isWasmSupported()) return createSimdLinearAlgebra();
  if (choice === 'simd') throw new Error('linear algebra: this engine has no WebAssembly SIMD');
  return createReferenceLinearAlgebra();
}
