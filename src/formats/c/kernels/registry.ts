import { ELEMENTS } from './elements.ts';
import { FIXED } from './fixed.ts';
import { FLOAT_LAYERS } from './float-layers.ts';
import { INTEGERS } from './integers.ts';
import type { CKernel } from './kernel.ts';
import { POOLS } from './pools.ts';
import { ROWS } from './rows.ts';
import { SIGNS } from './signs.ts';
import { STRUCTS } from './structs.ts';

/** In the order in which they are written, so that each comes behind what it needs. */
export const C_KERNELS: ReadonlyMap<string, CKernel> = new Map(
  [STRUCTS, ROWS, FLOAT_LAYERS, POOLS, ELEMENTS, INTEGERS, FIXED, SIGNS].flatMap((family) =>
    Object.entries(family),
  ),
);

/** The named kernels and all that they need. */
export function neededKernels(names: Iterable<string>): Set<string> {
  const wanted = new Set<string>();
  const add = (name: string): void => {
    if (wanted.has(name)) return;
    wanted.add(name);
    for (const need of C_KERNELS.get(name)!.needs) add(need);
  };
  for (const name of names) add(name);
  return wanted;
}

/** The text of the named kernels and all that they need. */
export function kernelText(names: Iterable<string>): string {
  const wanted = neededKernels(names);
  return [...C_KERNELS].flatMap(([name, { text }]) => (wanted.has(name) ? [text] : [])).join('');
}
