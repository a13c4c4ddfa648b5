import type { PreparedWeights } from '../../../kernels/contract.ts';
import type { Tensor } from '../../../tensor/tensor.ts';
import type { Call } from '../../call.ts';
import { ConstantTensor } from '../../constants.ts';
import { rowsOfStack } from '../../weight-rows.ts';
import type { Floats } from './layer.ts';

/** y [samples, rows] = x [samples, columns] times the rows of a weight, plus a bias a row. */
export type Product = (x: Floats, y: Floats, samples: number) => void;

/**
 * Products with rows of the weights W and R of a node. Rows of a constant are laid out once, its codes staying codes;
 * those of a computed operand are freed by `dispose`.
 */
export class Products {
  readonly #call: Call;
  readonly #temporary: PreparedWeights[] = [];

  constructor(call: Call) {
    this.#call = call;
  }

  /** The product with rows `start` to `end` of one direction of a weight [directions, rows, columns]. */
  of(weight: Tensor, direction: number, start: number, end: number, bias?: Floats): Product {
    const [, rows = 0, columns = 0] = weight.shape;
    const first = direction * rows + start;
    const count = end - start;
    if (weight.dtype !== 'FLOAT')
      return multiplyDouble(
        (weight.data as Float64Array).subarray(first * columns, (first + count) * columns),
        count,
        columns,
        bias,
      );
    const { kernels } = this.#call;
    const make = (): PreparedWeights =>
      kernels.prepareLinear(rowsOfStack(weight, first, first + count), count, columns);
    let weights: PreparedWeights;
    if (weight instanceof ConstantTensor) weights = weight.prepare(`stack/${first}-${first + count}`, make);
    else {
      weights = make();
      this.#temporary.push(weights);
    }
    const epilogue = { bias: bias as Float32Array | undefined };
    return (x, y, samples) => {
      if (samples > 0 && count > 0)
        kernels.linear(x as Float32Array, weights, y as Float32Array, samples, epilogue);
    };
  }

  dispose(): void {
    for (const weights of this.#temporary) weights.release();
  }
}

function multiplyDouble(
  weights: Float64Array,
  rows: number,
  columns: number,
  bias: Floats | undefined,
): Product {
  return (x, y, samples) => {
    for (let n = 0, at = 0; n < samples; n++)
      for (let r = 0; r < rows; r++, at++) {
        let sum = 0;
        for (let k = 0; k < columns; k++) sum += weights[r * columns + k]! * x[n * columns + k]!;
        y[at] = sum + (bias?.[r] ?? 0);
      }
  };
}
