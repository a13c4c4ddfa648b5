import { BnnqError } from '../../errors.ts';

/** Axes of a walk at most; neighbours that can be are joined first. */
export const MAX_RANK = 6;

/** Axes without those of one element, neighbours joined where both arrays walk on from one to the next. */
export function joinAxes(
  dims: readonly number[],
  a: readonly number[],
  b: readonly number[],
): [number[], number[], number[]] {
  const joined: [number[], number[], number[]] = [[], [], []];
  dims.forEach((dim, axis) => {
    if (dim === 1) return;
    const last = joined[0].length - 1;
    const [p, q] = [a[axis]! * dim, b[axis]! * dim];
    if (last >= 0 && joined[1][last] === p && joined[2][last] === q) {
      joined[0][last]! *= dim;
      joined[1][last] = a[axis]!;
      joined[2][last] = b[axis]!;
      return;
    }
    joined[0].push(dim);
    joined[1].push(a[axis]!);
    joined[2].push(b[axis]!);
  });
  if (joined[0].length === 0) return [[1], [1], [1]];
  if (joined[0].length > MAX_RANK)
    throw new BnnqError('unsupported', `c: a walk over [${dims}], at most ${MAX_RANK} axes are possible`);
  return joined;
}
