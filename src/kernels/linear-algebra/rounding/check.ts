import { checkMatrix } from '../check.ts';
import type { LevelLists, RowProblem } from '../contract.ts';
import { listStart } from './levels.ts';

/** Throws RangeError unless the arrays fit together, the lists ascend and the order holds each column once. */
export function checkRows(
  { rows, columns, weights, lists }: RowProblem,
  matrix: Float64Array,
  places: Uint8Array,
  order: Uint32Array | undefined,
): void {
  checkMatrix('weights', weights, rows, columns);
  checkMatrix('places', places, rows, columns);
  checkMatrix('matrix', matrix, columns, columns);
  checkLists(lists, rows, columns);
  if (order === undefined) return;
  checkMatrix('order', order, 1, columns);
  const seen = new Uint8Array(columns);
  for (const column of order) {
    if (column >= columns || seen[column] === 1) {
      throw new RangeError(
        `linear algebra: expected each of ${columns} columns once in the order, got ${column}`,
      );
    }
    seen[column] = 1;
  }
}

function checkLists({ levels, size, stride, listOf }: LevelLists, rows: number, columns: number): void {
  if (!(Number.isInteger(size) && size >= 1 && size <= 256)) {
    throw new RangeError(`linear algebra: expected 1 to 256 levels in a list, got ${size}`);
  }
  let lists = 1;
  if (listOf !== undefined) {
    checkMatrix('listOf', listOf, 1, columns);
    for (const list of listOf) lists = Math.max(lists, list + 1);
  }
  const needed = rows === 0 ? 0 : (stride * (rows - 1) + lists) * size;
  if (!(stride >= 0 && levels.length >= needed)) {
    throw new RangeError(`linear algebra: levels has ${levels.length} elements, expected at least ${needed}`);
  }
  for (let i = 0; i < levels.length; i++) {
    const least = i % size === 0 ? Number.NEGATIVE_INFINITY : levels[i - 1];
    if (!(levels[i] >= least && levels[i] !== Number.NEGATIVE_INFINITY)) {
      throw new RangeError(`linear algebra: expected ascending levels, got ${levels[i]} at ${i}`);
    }
    if (i % size === 0 && levels[i] === Number.POSITIVE_INFINITY) {
      throw new RangeError(`linear algebra: expected a level in every list, got none at ${i}`);
    }
  }
}

/** Throws RangeError unless every place has a level. */
export function checkPlaces({ columns, lists }: RowProblem, places: Uint8Array): void {
  for (let i = 0; i < places.length; i++) {
    const at = listStart(lists, Math.floor(i / columns), i % columns);
    if (!(places[i] < lists.size && lists.levels[at + places[i]] < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`linear algebra: expected places that have a level, got ${places[i]} at ${i}`);
    }
  }
}
