import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RowLayout, rowOrder, rowsAndColumns } from '../../src/ir/quantized-tensor.ts';
import { layoutBeforeTranspose, sameRows, simplestLayout } from '../../src/ir/row-layout.ts';
import { sizeOf } from '../../src/tensor/tensor.ts';

/** Position in the tensor of every element in row order. */
function positions(layout: RowLayout): number[] {
  const order = rowOrder(layout);
  return Array.from({ length: sizeOf(layout.split) }, (_, i) => order?.[i] ?? i);
}

const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
const permOf = (rank: number) =>
  fc.shuffledSubarray([...Array(rank).keys()], { minLength: rank, maxLength: rank });
const layouts = sizes.chain((split) =>
  fc.record({
    split: fc.constant(split),
    perm: permOf(split.length),
    rowAxes: fc.integer({ min: 0, max: split.length }),
  }),
);

describe('the simplest layout', () => {
  it('has the same rows, columns and order of elements', () => {
    fc.assert(
      fc.property(layouts, (layout) => {
        const simple = simplestLayout(layout);
        expect(rowsAndColumns(simple)).toEqual(rowsAndColumns(layout));
        expect(positions(simple)).toEqual(positions(layout));
      }),
    );
  });
  it('is the same for every way to say the same rows', () => {
    expect(simplestLayout({ split: [8, 3, 1, 1], perm: [0, 1, 2, 3], rowAxes: 1 })).toEqual({
      split: [8, 3],
      perm: [0, 1],
      rowAxes: 1,
    });
    const dense = { split: [12, 5], perm: [1, 0], rowAxes: 1 };
    expect(sameRows(dense, { split: [3, 4, 5], perm: [2, 0, 1], rowAxes: 1 })).toBe(true);
    expect(sameRows(dense, { split: [12, 5], perm: [0, 1], rowAxes: 1 })).toBe(false);
  });
});

describe('the layout before a transposition', () => {
  it('puts the same elements into the same rows and columns', () => {
    const cases = sizes.chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        perm: permOf(shape.length),
        pick: fc.nat(),
        reverse: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(cases, ({ shape, perm, pick, reverse }) => {
        const to = perm.map((axis) => shape[axis]!);
        const cut = pick % (to.length + 1);
        // Rows of the transposed tensor: its leading axes, or its trailing ones.
        const axes = [...to.keys()];
        const layout = reverse
          ? { split: to, perm: [...axes.slice(cut), ...axes.slice(0, cut)], rowAxes: to.length - cut }
          : { split: to, perm: axes, rowAxes: cut };
        const before = layoutBeforeTranspose(layout, shape, perm)!;
        const transposed = positions({ split: shape, perm, rowAxes: 1 });
        expect(positions(before)).toEqual(positions(layout).map((at) => transposed[at]));
        expect(rowsAndColumns(before)).toEqual(rowsAndColumns(layout));
      }),
    );
  });
  it('follows a split that cuts an axis, as that of a transposed convolution in groups', () => {
    const layout = { split: [2, 3, 4], perm: [0, 2, 1], rowAxes: 2 }; // [6,4] in two groups
    const before = layoutBeforeTranspose(layout, [4, 6], [1, 0])!;
    const transposed = positions({ split: [4, 6], perm: [1, 0], rowAxes: 1 });
    expect(positions(before)).toEqual(positions(layout).map((at) => transposed[at]));
  });
  it('is none where rows and axes have no common factors', () => {
    expect(
      layoutBeforeTranspose({ split: [3, 4], perm: [0, 1], rowAxes: 1 }, [6, 2], [1, 0]),
    ).toBeUndefined();
    expect(layoutBeforeTranspose({ split: [0], perm: [0], rowAxes: 1 }, [0], [0])).toBeUndefined();
  });
});
