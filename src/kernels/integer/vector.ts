import { alignedBytes } from '../heap.ts';
import type { KernelCall } from '../threads/team.ts';
import type { Workspace } from '../wasm/workspace.ts';
import type { SumFinish } from './contract.ts';
import { roundedRows } from './conv2d.ts';
import { finisher } from './finish.ts';
import type { VectorLevels } from './vector-levels.ts';

/** Nanoseconds that a weight takes one thread, about; one in planes, for each of its bits. */
const WEIGHT_NS = { planes: 0.015, steps: 0.05, nibbles: 0.09, bytes: 0.5 } as const;
/** Parts begin at multiples of this many rows, which lie side by side in planes. */
const ROWS = 16;

/** A fully connected layer applied to `count` vectors of codes, one after the other. */
export function integerVectorsSimd(
  workspace: Workspace,
  codes: Uint8Array,
  zero: number,
  weights: VectorLevels,
  count: number,
  finish: SumFinish,
): void {
  const { rows, columns, evenRows, kind, bits } = weights;
  if (count * rows === 0) return;
  const line = Math.max(roundedRows(rows), evenRows) * 4;
  const sumBytes = alignedBytes(line);
  const finishing = finisher(workspace, finish, rows, line, 1);
  const valueBytes = alignedBytes(weights.units * 64 + 16);
  const codeBytes = alignedBytes(columns + 16);
  const nanoseconds = rows * columns * WEIGHT_NS[kind] * (kind === 'planes' ? bits : 1);
  workspace.call(
    finish.y,
    [codes, ...finishing.arrays],
    sumBytes + finishing.scratchBytes + valueBytes + codeBytes,
    (y, sums, [from, ...arrays]) => {
      const finishScratch = sums + sumBytes;
      const values = finishScratch + finishing.scratchBytes;
      finishing.prepare(finishScratch);
      for (let n = 0; n < count; n++) {
        const vector = from! + n * columns;
        const multiply =
          kind === 'planes'
            ? byPlanes(workspace, weights, vector, zero, values, values + valueBytes, sums)
            : byValues(workspace, weights, vector, zero, values);
        workspace.run(
          workspace.ranges(rows, { nanoseconds, step: ROWS }).map(({ from: row, to: last }) => {
            const even = (last === rows ? evenRows : last) - row;
            const own = sums + row * 4;
            const end = finishing.call(own, row, last - row, n, 0, 1, y, finishScratch, arrays);
            return [multiply(row, even, own), end];
          }),
        );
      }
    },
  );
}

/** The call that makes the sums of `rows` rows from `row` on. */
type MultiplyCall = (row: number, rows: number, sums: number) => KernelCall;

/** Σ level·(code − zero) = Σ_b step[b] · Σ bit·code + base · Σ code − zero · Σ level. */
function byPlanes(
  workspace: Workspace,
  weights: VectorLevels,
  vector: number,
  zero: number,
  tables: number,
  padded: number,
  allSums: number,
): MultiplyCall {
  const { columns, units, evenRows, bases, bits, codesAt, tablesAt } = weights;
  const { buffer } = workspace.heap;
  const own = new Uint8Array(buffer, padded, units * 8);
  own.set(new Uint8Array(buffer, vector, columns));
  own.fill(0, columns);
  let total = 0;
  for (let i = 0; i < columns; i++) total += own[i];
  const start = new Int32Array(buffer, allSums, evenRows);
  for (let r = 0; r < weights.rows; r++) start[r] = bases[r] * total - zero * weights.sums[r];
  workspace.exports.tablesOfCodes(padded, units, tables);
  return (row, rows, sums) => {
    const [planes, steps] = [codesAt + row * bits * units, tablesAt + row * 4];
    return ['multiplyPlanes', planes, bits, rows, evenRows, units, tables, steps, sums];
  };
}

/** Values are codes less zero, so that sums are what is wanted. */
function byValues(
  workspace: Workspace,
  weights: VectorLevels,
  vector: number,
  zero: number,
  values: number,
): MultiplyCall {
  const { kind, columns, units, evenRows, tableBytes, codesAt, tablesAt } = weights;
  const { buffer } = workspace.heap;
  const codes = new Uint8Array(buffer, vector, columns);
  const own = new Int16Array(buffer, values, units * 32);
  let total = 0;
  for (let i = 0; i < columns; i++) {
    own[i] = codes[i] - zero;
    total += own[i];
  }
  own.fill(0, columns);
  return (row, rows, sums) => {
    const nibbles = codesAt + row * units * 16;
    const tables = tablesAt + row * tableBytes;
    if (kind === 'nibbles')
      return ['multiplyNibbles', nibbles, rows, units, tables, tableBytes, values, sums];
    if (kind === 'bytes') {
      const bytes = codesAt + row * units * 32;
      return ['multiplyBytes', bytes, rows, units * 32, tables, tableBytes, values, sums];
    }
    const steps = tablesAt + row * 4;
    return ['multiplySteps', nibbles, rows, units, steps, steps + evenRows * 4, values, total, sums];
  };
}
