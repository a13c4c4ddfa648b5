import type { LevelLists } from '../contract.ts';

/**
 * Values are compared with thresholds by ≥. A negative threshold on which the lower level is to be taken is moved up by
 * this factor, a step or two of float64.
 */
const TIE_TO_LOWER = 1 - Number.EPSILON;

/** From which value on the higher of two neighbouring levels is taken; never (NaN) where there is no higher one. */
export function threshold(low: number, high: number): number {
  if (high === Number.POSITIVE_INFINITY) return Number.NaN;
  const middle = (low + high) / 2;
  return Math.abs(high) >= Math.abs(low) ? middle : middle * TIE_TO_LOWER;
}

/** The place of the level nearest to a value, in the list that starts at `at`; 0 for NaN. */
export function nearestPlace({ levels, size }: LevelLists, at: number, value: number): number {
  let place = 0;
  while (place + 1 < size && value >= threshold(levels[at + place], levels[at + place + 1])) place++;
  return place;
}

/** Where the list of a column of a row starts. */
export function listStart({ size, stride, listOf }: LevelLists, row: number, column: number): number {
  return (stride * row + (listOf === undefined ? 0 : listOf[column])) * size;
}
