/*
 * The only mutable static memory. Instances of the binary that compute in one shared memory share its static data too, so
 * each is given a place of its own (`placeThread`): globals belong to the instance, memory does not.
 */

/** Bytes of a thread's place; the same number in instance.ts. */
const THREAD_BYTES: i32 = 1024;

/** The place of an instance that nobody has moved. */
let place: usize = memory.data(THREAD_BYTES, 16);

/** Moves the static memory of this instance to THREAD_BYTES bytes from `at` on, aligned to 16. */
export function placeThread(at: usize): void {
  place = at;
}

// The parts of a place. None keeps anything from call to call.

/** 128 bytes: a tile of 4 × 8 floats (multiply). */
// @ts-ignore: decorator
@inline
export function tilePlace(): usize {
  return place;
}

/** 32 bytes: the addresses of 8 pixels (packPatches). */
// @ts-ignore: decorator
@inline
export function basesPlace(): usize {
  return place + 128;
}

/** 16 bytes: the last floats of an array, too few for a vector (unaryVector). */
// @ts-ignore: decorator
@inline
export function tailPlace(): usize {
  return place + 160;
}

/** 128 bytes: 4 rows of 32 codes (decodePanels). */
// @ts-ignore: decorator
@inline
export function codesPlace(): usize {
  return place + 176;
}

/** 512 bytes: 4 rows of 32 floats (decodePanels). */
// @ts-ignore: decorator
@inline
export function floatsPlace(): usize {
  return place + 304;
}
