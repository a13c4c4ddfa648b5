import { sizeOf } from '../tensor/tensor.ts';
import type { RowLayout } from './quantized-tensor.ts';

/** Axes of a layout cut into factors: `axes[i]` are the numbers of the factors that axis i of the split has. */
interface Factors {
  readonly sizes: readonly number[];
  readonly axes: readonly (readonly number[])[];
}

/** The factors that both lists of dimensions (of the same product) are products of neighbours of; undefined where there are none. */
function commonFactors(a: readonly number[], b: readonly number[]): [Factors, Factors] | undefined {
  const sizes: number[] = [];
  const taken: [number[][], number[][]] = [a.map(() => []), b.map(() => [])];
  const left: [number, number] = [1, 1];
  const at: [number, number] = [-1, -1];
  const lists = [a, b] as const;
  for (;;) {
    for (const side of [0, 1] as const)
      while (left[side] === 1 && at[side] < lists[side].length - 1) left[side] = lists[side][++at[side]]!;
    if (left[0] === 1 && left[1] === 1) break;
    const factor = Math.min(left[0], left[1]);
    if (left[0] % factor !== 0 || left[1] % factor !== 0 || factor === 1) return undefined;
    for (const side of [0, 1] as const) {
      taken[side][at[side]]!.push(sizes.length);
      left[side] /= factor;
    }
    sizes.push(factor);
  }
  return [
    { sizes, axes: taken[0] },
    { sizes, axes: taken[1] },
  ];
}

/** The same rows with axes of length 1 left out and neighbours joined wherever they stay neighbours: one way to say it. */
export function simplestLayout(layout: RowLayout): RowLayout {
  const dims = layout.perm.map((axis) => layout.split[axis]!);
  const kept = layout.perm.map((axis, i) => ({ axis, isRow: i < layout.rowAxes, size: dims[i]! }));
  const runs: { axis: number; size: number; isRow: boolean; last: number }[] = [];
  const isOne = (axis: number): boolean => layout.split[axis] === 1;
  const next = (axis: number): number => {
    let following = axis + 1;
    while (following < layout.split.length && isOne(following)) following++;
    return following;
  };
  for (const { axis, isRow, size } of kept) {
    if (size === 1) continue;
    const run = runs.at(-1);
    if (run !== undefined && run.isRow === isRow && next(run.last) === axis) {
      run.size *= size;
      run.last = axis;
    } else runs.push({ axis, size, isRow, last: axis });
  }
  const bySource = [...runs].sort((a, b) => a.axis - b.axis);
  return {
    split: bySource.map(({ size }) => size),
    perm: runs.map((run) => bySource.indexOf(run)),
    rowAxes: runs.filter(({ isRow }) => isRow).length,
  };
}

/** Whether two layouts put the same elements into the same rows and columns. */
export function sameRows(a: RowLayout, b: RowLayout): boolean {
  return JSON.stringify(simplestLayout(a)) === JSON.stringify(simplestLayout(b));
}

/**
 * The layout, for the elements of a tensor before it is transposed, of the rows that `layout` gives to the transposed one.
 * @param shape of the tensor before
 * @param perm as in ONNX: axis i of the transposed tensor is axis perm[i] of the one before
 * @returns undefined where rows cut through axes in a way that no split can say
 */
export function layoutBeforeTranspose(
  layout: RowLayout,
  shape: readonly number[],
  perm: readonly number[],
): RowLayout | undefined {
  if (sizeOf(shape) === 0 || sizeOf(layout.split) !== sizeOf(shape)) return undefined;
  const factors = commonFactors(
    perm.map((axis) => shape[axis]!),
    layout.split,
  );
  if (factors === undefined) return undefined;
  const [transposed, rows] = factors;
  // Factors are numbered as they lie in the transposed tensor; this is their order in the one before.
  const order = shape.flatMap((_, axis) => [...transposed.axes[perm.indexOf(axis)]!]);
  const ordered = layout.perm.map((axis) => rows.axes[axis]!);
  return simplestLayout({
    split: order.map((factor) => transposed.sizes[factor]!),
    perm: ordered.flat().map((factor) => order.indexOf(factor)),
    rowAxes: ordered.slice(0, layout.rowAxes).flat().length,
  });
}
