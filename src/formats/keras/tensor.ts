import type { Dim } from '../../ir/graph.ts';
import type { DataType } from '../../tensor/dtype.ts';

/** Axes of a tensor; those of real networks have up to six. */
export const MAX_AXES = 16;

/** The name of the batch dimension. */
export const BATCH = 'N';

/** Axes of a flattened feature map that lie in another order than Keras flattens them in. */
export interface Scramble {
  /** Sizes of the axes that were flattened, in Keras order. */
  readonly dims: readonly number[];
  /** Physical axis p of the flattened part is its Keras axis order[p]. */
  readonly order: readonly number[];
}

/**
 * A tensor of the Keras model in the graph. `shape` is what Keras says; how it lies in memory is `order` and `scramble`,
 * which layers pass on as long as they can instead of transposing (docs/decisions/0008).
 */
export interface TensorFields {
  /** Name of the value in the graph. */
  readonly value: string;
  readonly dtype: DataType;
  /** In Keras order, the batch first; undefined where even the rank is unknown: behind an unknown layer. */
  readonly shape?: readonly Dim[] | undefined;
  /** Physical axis p is Keras axis order[p]; undefined where it lies as Keras has it. */
  readonly order?: readonly number[] | undefined;
  /** Set when the last axis is a flattened feature map whose elements lie in another order; then `order` is undefined. */
  readonly scramble?: Scramble | undefined;
  /** BOOL [batch, time], true where a step counts; undefined where all do. */
  readonly mask?: string | undefined;
}

export class KerasTensor implements TensorFields {
  readonly value: string;
  readonly dtype: DataType;
  readonly shape: readonly Dim[] | undefined;
  readonly order: readonly number[] | undefined;
  readonly scramble: Scramble | undefined;
  readonly mask: string | undefined;

  constructor(fields: TensorFields) {
    this.value = fields.value;
    this.dtype = fields.dtype;
    this.shape = fields.shape;
    this.order = isKerasOrder(fields.order) ? undefined : fields.order;
    this.scramble = isKerasOrder(fields.scramble?.order) ? undefined : fields.scramble;
    this.mask = fields.mask;
  }

  get rank(): number | undefined {
    return this.shape?.length;
  }

  /** A copy with some fields changed. */
  with(changed: Partial<TensorFields>): KerasTensor {
    return new KerasTensor({
      value: this.value,
      dtype: this.dtype,
      shape: this.shape,
      order: this.order,
      scramble: this.scramble,
      mask: this.mask,
      ...changed,
    });
  }

  /** The shape as it lies in memory. */
  get physicalShape(): readonly Dim[] | undefined {
    const { shape, order } = this;
    return order === undefined ? shape : shape && order.map((axis) => shape[axis]!);
  }

  /** Where a Keras axis (counted from the front) lies in memory. */
  physicalAxis(axis: number): number {
    return this.order === undefined ? axis : this.order.indexOf(axis);
  }
}

function isKerasOrder(order: readonly number[] | undefined): boolean {
  return order === undefined || order.every((axis, i) => axis === i);
}

/** The order in which channels come right after the batch: [0,3,1,2] for four axes of a channels-last tensor. */
export function channelsFirst(rank: number, format: DataFormat): readonly number[] {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  if (format === 'channels_first' || rank < 3) return axes;
  return [0, rank - 1, ...axes.slice(1, -1)];
}

export type DataFormat = 'channels_last' | 'channels_first';

/** Whether two tensors lie in memory alike. */
export function lieAlike(a: KerasTensor, b: KerasTensor): boolean {
  return JSON.stringify([a.order, a.scramble]) === JSON.stringify([b.order, b.scramble]);
}
