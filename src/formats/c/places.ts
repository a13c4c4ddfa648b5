import type { Place } from './program.ts';

export function plus(offset: number): string {
  return offset === 0 ? '' : ` + ${offset}`;
}

function placed(place: Place, macro: string): string {
  return place.at === 'arena' ? `${macro}(${place.offset})` : place.at;
}

export const floats = (place: Place): string => placed(place, 'FLOATS');
export const bytes = (place: Place): string => placed(place, 'BYTES');
export const words = (place: Place): string => placed(place, 'WORDS');
export const fixed = (place: Place): string => placed(place, 'FIXED');

/** The kernel that copies elements, and how their places are written. */
export function copyOf(elementBytes: 1 | 4, isFixed: boolean): readonly [string, (place: Place) => string] {
  if (elementBytes === 1) return ['copy_u8', bytes];
  return isFixed ? ['copy_i32', fixed] : ['copy_f32', floats];
}
