import { Workspace } from '../wasm/workspace.ts';
import type { LinearAlgebra } from './contract.ts';
import { SimdGram } from './gram/simd.ts';

/** The fast set. Needs WebAssembly with 128-bit SIMD. */
export function createSimdLinearAlgebra(): LinearAlgebra {
  const workspace = new Workspace();
  return {
    name: 'simd',
    gram: (rowsA, rowsB) => new SimdGram(workspace, rowsA, rowsB),
    dispose: () => workspace.dispose(),
  };
}
