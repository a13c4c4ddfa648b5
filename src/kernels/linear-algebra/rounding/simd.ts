import type { Workspace } from '../../wasm/workspace.ts';
import type { Descent, DescentOptions, RowProblem } from '../contract.ts';
import { clearedRows, loadMatrix, takeMatrix, withBlocks } from '../matrices.ts';
import { checkPlaces, checkRows } from './check.ts';
import { HeapLists } from './heap-lists.ts';
import { DEFAULT_TOLERANCE } from './reference.ts';

/** Rows that are in the heap at a time: enough to make the packing of the matrix cheap. */
const ROWS = 256;
const PANEL_BYTES = 64 * 64 * 8;

/** As `roundRowsReference`. */
export function roundRowsSimd(
  workspace: Workspace,
  problem: RowProblem,
  upper: Float64Array,
  places: Uint8Array,
  order?: Uint32Array,
): Float64Array {
  checkRows(problem, upper, places, order);
  const { rows, columns: n, weights, lists } = problem;
  const visits = order ?? ascending(n);
  const losses = new Float64Array(rows);
  withBlocks(workspace, (take) => {
    const { heap, exports } = workspace;
    const most = Math.min(rows, ROWS);
    const u = takeMatrix(take, n, n);
    const w = takeMatrix(take, most, n);
    const heapLists = new HeapLists(workspace, take, lists, most);
    const offsets = take(n * 4);
    const placesAt = take(most * n);
    const lossesAt = take(most * 8);
    const panels = take(PANEL_BYTES);
    loadMatrix(workspace, u, upper);
    const offsetOf = listOffsets(heapLists, problem);
    new Uint32Array(heap.buffer, offsets, n).set(visits.map((column) => offsetOf[column]));
    for (let first = 0; first < rows; first += ROWS) {
      const count = Math.min(ROWS, rows - first);
      const values = clearedRows(workspace, w, count);
      for (let i = 0; i < count; i++) {
        const from = (first + i) * n;
        for (let p = 0; p < n; p++) values[(i * w.stride) / 8 + p] = weights[from + visits[p]];
      }
      heapLists.load(first, count);
      exports.roundRows(
        w.address,
        w.stride,
        count,
        n,
        u.address,
        u.stride,
        offsets,
        heapLists.address,
        heapLists.rowBytes,
        heapLists.size,
        placesAt,
        lossesAt,
        panels,
      );
      const found = new Uint8Array(heap.buffer, placesAt, count * n);
      for (let i = 0; i < count; i++) {
        for (let p = 0; p < n; p++) places[(first + i) * n + visits[p]] = found[i * n + p];
      }
      losses.set(new Float64Array(heap.buffer, lossesAt, count), first);
    }
  });
  return losses;
}

/** As `descendRowsReference`. */
export function descendRowsSimd(
  workspace: Workspace,
  problem: RowProblem,
  hessian: Float64Array,
  places: Uint8Array,
  { sweeps, tolerance = DEFAULT_TOLERANCE, order }: DescentOptions,
): Descent {
  checkRows(problem, hessian, places, order);
  checkPlaces(problem, places);
  const { rows, columns: n, weights, lists } = problem;
  const visits = order ?? ascending(n);
  const losses = new Float64Array(rows);
  const decreases = new Float64Array(rows);
  let changes = 0;
  withBlocks(workspace, (take) => {
    const { heap, exports } = workspace;
    const most = Math.min(rows, ROWS);
    const h = takeMatrix(take, n, n);
    const [w, v, g] = [takeMatrix(take, most, n), takeMatrix(take, most, n), takeMatrix(take, most, n)];
    const heapLists = new HeapLists(workspace, take, lists, most);
    const diagonal = take(n * 8);
    const orderAt = take(n * 4);
    const offsets = take(n * 4);
    const placesAt = take(most * n);
    const lossesAt = take(most * 8);
    const decreasesAt = take(most * 8);
    const panels = take(PANEL_BYTES);
    loadMatrix(workspace, h, hessian);
    new Float64Array(heap.buffer, diagonal, n).set(
      Float64Array.from({ length: n }, (_, j) => hessian[j * n + j]),
    );
    new Uint32Array(heap.buffer, orderAt, n).set(visits);
    new Uint32Array(heap.buffer, offsets, n).set(listOffsets(heapLists, problem));
    for (let first = 0; first < rows; first += ROWS) {
      const count = Math.min(ROWS, rows - first);
      loadMatrix(workspace, w, weights.subarray(first * n), count);
      clearedRows(workspace, v, count);
      clearedRows(workspace, g, count);
      heapLists.load(first, count);
      const own = places.subarray(first * n, (first + count) * n);
      new Uint8Array(heap.buffer, placesAt, own.length).set(own);
      changes += exports.descendRows(
        w.address,
        v.address,
        g.address,
        w.stride,
        count,
        n,
        h.address,
        h.stride,
        diagonal,
        orderAt,
        offsets,
        heapLists.address,
        heapLists.rowBytes,
        heapLists.size,
        placesAt,
        sweeps,
        tolerance,
        lossesAt,
        decreasesAt,
        panels,
      );
      own.set(new Uint8Array(heap.buffer, placesAt, own.length));
      losses.set(new Float64Array(heap.buffer, lossesAt, count), first);
      decreases.set(new Float64Array(heap.buffer, decreasesAt, count), first);
    }
  });
  return { changes, losses, decreases };
}

/** Bytes from the first list of a row to that of each column. */
function listOffsets(heapLists: HeapLists, { columns, lists }: RowProblem): Uint32Array {
  return Uint32Array.from({ length: columns }, (_, j) => (lists.listOf?.[j] ?? 0) * heapLists.listBytes);
}

function ascending(length: number): Uint32Array {
  return Uint32Array.from({ length }, (_, j) => j);
}
