import { type QuantizedTensor, type RowLayout, rowOrder, tableCount } from '../../../ir/quantized-tensor.ts';
import { floats, type Tensor } from '../../../tensor/tensor.ts';
import { inRowsOf, saidBySteps } from './unpack-notes.ts';
import { reshapeTo, stepsFrom } from './unpack-weights.ts';
import type { Step } from './weight-parts.ts';

/** How the elements of a weight lie in the file where each level table has a scale. */
export interface Place {
  readonly shape: readonly number[];
  /** Whether that is the shape of the weight. */
  readonly isOwnShape: boolean;
  /** The axis along which tables are numbered. */
  readonly axis: number;
  /** For each element of the weight its place in row order; absent where they are in row order. */
  readonly order?: Uint32Array;
  readonly rest: readonly Step[];
}

/**
 * In the shape of the weight where tables are numbered by one of its axes, as tools expect it; else a row for each table,
 * and then the steps from there.
 */
export function placeOf(q: QuantizedTensor, weight: QuantizedTensor): Place {
  const { layout, shape, granularity } = weight;
  const isOwnShape = `${layout.split}` === `${shape}` && !granularity.startsWith('group:');
  if (isOwnShape && (layout.rowAxes === 1 || granularity === 'tensor')) {
    const order = rowOrder(layout);
    return {
      shape,
      isOwnShape,
      axis: layout.perm[0] ?? 0,
      ...(order === undefined ? {} : { order }),
      rest: [],
    };
  }
  const tables = tableCount(q);
  const steps = stepsFrom(q, weight);
  return {
    shape: [tables, (q.rows * q.columns) / tables],
    isOwnShape: false,
    axis: 0,
    rest: [reshapeTo(steps.shape), ...steps.rest],
  };
}

/** The layout that a reader takes the weight to have. @param hasAxis whether scales follow an axis of it */
export function saidBy(place: Place, weight: QuantizedTensor, hasAxis: boolean): RowLayout {
  return place.isOwnShape ? inRowsOf(weight.shape, hasAxis ? place.axis : 0) : saidBySteps(weight);
}

/** Numbers for each table in a shape that spreads along the axis of the tables. */
export function alongTables(place: Place, values: Float32Array): Tensor {
  const shape =
    values.length === 1 ? [] : place.shape.map((_, axis) => (axis === place.axis ? values.length : 1));
  return floats(shape, values);
}

/** Elements in the order of the weight. */
export function reordered<T extends Int8Array | Uint8Array | Float32Array>(values: T, order: Uint32Array): T {
  const result = values.slice() as T;
  for (let i = 0; i < order.length; i++) result[order[i]!] = values[i]!;
  return result;
}
