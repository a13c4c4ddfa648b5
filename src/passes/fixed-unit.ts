import type { Node } from '../ir/graph.ts';
import { levelsOf } from '../ir/quantized-tensor.ts';
import type { Grid } from './code-grids.ts';
import { floatValues, numberAttribute } from './constant-values.ts';
import type { Trunk } from './fuse-fixed.ts';
import { BIAS, SCALE } from './fused.ts';
import type { GraphEditor } from './graph-editor.ts';

/** Units to the smallest step of codes that a trunk ends in, as many as there is room for: from 2^MOST_FINE down to 2^LEAST_FINE. */
const MOST_FINE = 12;
const LEAST_FINE = 10;
/** The largest range of codes takes this many units at most, so that sums can leave it by 16 times before they are cut off at 2³⁰. */
const MOST_RANGE = 2 ** 26;
/** A level of a weight times a step of the codes that it meets is fewer units than this: no multiplier needs more than 31 bits. */
const MOST_PRODUCT = 2 ** 28;

/**
 * The unit of a trunk's fixed-point values, a power of two: 2^−12 of the smallest step of the codes that it ends in, or what
 * is still less, unless the range of others would not fit.
 *
 * @returns undefined where no unit is fine and wide enough, or a constant is not finite: floats say that better
 */
export function fixedUnit(editor: GraphEditor, { nodes, ends }: Trunk): number | undefined {
  if (ends.length === 0) return undefined;
  const begins = nodes.flatMap(({ role }) => (role.kind === 'quant' ? [role.grid] : []));
  const step = Math.min(...ends.map((grid) => numberOf(grid, 'scale')));
  const range = Math.max(...[...ends, ...begins].map(rangeOf));
  let unit = powerAtMost(step / 2 ** MOST_FINE);
  while (range / unit > MOST_RANGE) unit *= 2;
  if (!(unit > 0 && unit * 2 ** LEAST_FINE <= step)) return undefined;
  const most = unit * MOST_PRODUCT;
  const fits = nodes.every(({ node, role }) => role.kind !== 'layer' || largestProduct(editor, node) < most);
  return fits ? unit : undefined;
}

function numberOf(grid: Grid, name: keyof Grid): number {
  return Number(grid[name].value);
}

function rangeOf(grid: Grid): number {
  const [zero, high] = [numberOf(grid, 'zero'), numberOf(grid, 'high')];
  return numberOf(grid, 'scale') * Math.max(zero, high - zero);
}

/** The largest level times the step of the codes that a layer reads, behind its scale; NaN or infinite where a constant is. */
function largestProduct(editor: GraphEditor, { inputs, ...layer }: Node): number {
  const largest = (values: ArrayLike<number>): number =>
    Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const [scale, bias] = [SCALE, BIAS].map((place) => floatValues(editor.constant(inputs[place])));
  const levels = levelsOf(editor.constant(inputs[1])!.quantized!);
  if (!Number.isFinite(largest(bias ?? []))) return Number.NaN;
  return largest(levels) * numberAttribute({ inputs, ...layer }, 'x_scale', 1) * largest(scale ?? [1]);
}

/** Multiplied and divided by two alone: the same on every machine. */
function powerAtMost(value: number): number {
  let power = 1;
  while (power > value && power > 0) power /= 2;
  while (power * 2 <= value && power < Number.MAX_VALUE) power *= 2;
  return power;
}
