import { alignedBytes } from '../heap.ts';
import type { Workspace } from '../wasm/workspace.ts';
import type { CodeFinish, PlaneFinish } from './contract.ts';
import { roundedRows } from './conv2d.ts';
import { finisher } from './finish.ts';
import type { VectorLevels } from './vector-levels.ts';

/** A fully connected layer applied to `count` vectors of codes, one after the other. */
export function integerVectorsSimd(
  workspace: Workspace,
  codes: Uint8Array,
  zero: number,
  weights: VectorLevels,
  count: number,
  finish: CodeFinish | PlaneFinish,
): void {
  const { rows, columns, evenRows } = weights;
  if (count * rows === 0) return;
  const line = Math.max(roundedRows(rows), evenRows) * 4;
  const sumBytes = alignedBytes(line);
  const finishing = finisher(workspace, finish, rows, line, 1);
  const valueBytes = alignedBytes(weights.units * 64 + 16);
  const codeBytes = alignedBytes(columns + 16);
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
        if (weights.kind === 'planes')
          byPlanes(workspace, weights, vector, zero, values, values + valueBytes, sums);
        else byValues(workspace, weights, vector, zero, values, sums);
        finishing.run(sums, 0, rows, n, 0, 1, y, finishScratch, arrays);
      }
    },
  );
}

/** Σ level·(code − zero) = Σ_b step[b] · Σ bit·code + base · Σ code − zero · Σ level. */
function byPlanes(
  workspace: Workspace,
  weights: VectorLevels,
  vector: number,
  zero: number,
  tables: number,
  padded: number,
  sums: number,
): void {
  const { columns, units, evenRows, rows, bases } = weights;
  const { buffer } = workspace.heap;
  const own = new Uint8Array(buffer, padded, units * 8);
  own.set(new Uint8Array(buffer, vector, columns));
  own.fill(0, columns);
  let total = 0;
  for (let i = 0; i < columns; i++) total += own[i];
  const start = new Int32Array(buffer, sums, evenRows);
  for (let r = 0; r < rows; r++) start[r] = bases[r] * total - zero * weights.sums[r];
  workspace.exports.tablesOfCodes(padded, units, tables);
  workspace.exports.multiplyPlanes(
    weights.codesAt,
    weights.bits,
    evenRows,
    units,
    tables,
    weights.tablesAt,
    sums,
  );
}

/** Values are codes less zero, so that sums are what is wanted. */
function byValues(
  workspace: Workspace,
  weights: VectorLevels,
  vector: number,
  zero: number,
  values: number,
  sums: number,
): void {
  const { columns, units, evenRows, tableBytes, codesAt, tablesAt } = weights;
  const { exports } = workspace;
  const { buffer } = workspace.heap;
  const codes = new Uint8Array(buffer, vector, columns);
  const own = new Int16Array(buffer, values, units * 32);
  let total = 0;
  for (let i = 0; i < columns; i++) {
    own[i] = codes[i] - zero;
    total += own[i];
  }
  own.fill(0, columns);
  if (weights.kind === 'nibbles')
    exports.multiplyNibbles(codesAt, evenRows, units, tablesAt, tableBytes, values, sums);
  else if (weights.kind === 'bytes')
    exports.multiplyBytes(codesAt, evenRows, units * 32, tablesAt, tableBytes, values, sums);
  else {
    const bases = tablesAt + evenRows * 4;
    exports.multiplySteps(codesAt, evenRows, units, tablesAt, bases, values, total, sums);
  }
}
