import { candidatesOf } from '../../../src/eval/allocation/candidates.ts';
import type { SensitivityTable } from '../../../src/eval/allocation/table.ts';

/** A table made by hand: losses and bytes by layer and candidate; widths from 1 on, as many as the first layer has. */
export function tableOf(
  layers: readonly (readonly (readonly [bytes: number, loss: number] | null)[])[],
  count = 100,
): SensitivityTable {
  const widths = (layers[0] ?? []).map((_, i) => i + 1);
  return {
    schema: 'bnn-quantize/sensitivity@1',
    measure: 'kl',
    outputs: ['y'],
    images: 8,
    fingerprint: 'test',
    candidates: candidatesOf({ schemes: ['linear'], bits: widths }).candidates,
    layers: layers.map((cells, i) => ({
      name: `w${i}`,
      node: `node${i}`,
      opType: 'Conv',
      shape: [count],
      count,
      cells: cells.map((cell) => cell && { loss: cell[1], codeBytes: cell[0], levelBytes: 0 }),
    })),
    skipped: [],
    seconds: 0,
  };
}
