import type { Gram, LinearAlgebra } from '../../kernels/linear-algebra/contract.ts';
import type { LayerMoments } from '../../quantizers/calibrate/moments.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { LayerView } from './layer-view.ts';

/** Positions that are multiplied at a time. */
const CHUNK = 256;
/** Columns beyond which a layer has a matrix for every block of so many. */
export const MOST_COLUMNS = 2048;

/** Sums up the moments of one layer over batches of its inputs and outputs. */
export class MomentCollector {
  readonly #view: LayerView;
  readonly #blockEnds: number[] = [];
  /** The chosen positions of x [groups, columns, CHUNK] and y [rows, CHUNK]. */
  readonly #x: Float32Array;
  readonly #y: Float32Array;
  #filled = 0;
  #samples = 0;
  readonly #inputSum: Float64Array;
  readonly #outputSum: Float64Array;
  readonly #outputEnergy: Float64Array;
  readonly #inputs: Gram[] = [];
  /** By group; none where there are several blocks. */
  readonly #cross: Gram[] = [];

  constructor(view: LayerView, algebra: LinearAlgebra) {
    const { groups, columns, rows } = view;
    const blocks = Math.ceil(columns / MOST_COLUMNS);
    for (let b = 1; b <= blocks; b++) this.#blockEnds.push(Math.floor((b * columns) / blocks));
    this.#view = view;
    this.#x = new Float32Array(groups * columns * CHUNK);
    this.#y = new Float32Array(rows * CHUNK);
    this.#inputSum = new Float64Array(groups * columns);
    this.#outputSum = new Float64Array(rows);
    this.#outputEnergy = new Float64Array(rows);
    for (let g = 0; g < groups; g++) {
      for (const [from, to] of this.#blocks()) this.#inputs.push(algebra.gram(to - from));
      if (blocks === 1) this.#cross.push(algebra.gram(rows / groups, columns));
    }
  }

  #blocks(): [number, number][] {
    return this.#blockEnds.map((end, b) => [this.#blockEnds[b - 1] ?? 0, end]);
  }

  /** Takes the chosen positions of a batch. */
  add(x: Tensor, y: Tensor, positions: Iterable<number>): void {
    for (const position of positions) {
      this.#view.readInput(x, position, this.#x, CHUNK, this.#filled);
      this.#view.readOutput(y, position, this.#y, CHUNK, this.#filled);
      if (++this.#filled === CHUNK) this.#flush();
    }
  }

  #flush(): void {
    const { groups, columns, rows } = this.#view;
    const n = this.#filled;
    if (n === 0) return;
    this.#samples += n;
    this.#filled = 0;
    for (const buffer of n < CHUNK ? [this.#x, this.#y] : [])
      for (let row = 0; row < buffer.length; row += CHUNK) buffer.fill(0, row + n, row + CHUNK);
    addSums(this.#x, this.#inputSum);
    addSums(this.#y, this.#outputSum, this.#outputEnergy);
    const perGroup = rows / groups;
    for (let g = 0; g < groups; g++) {
      const x = this.#x.subarray(g * columns * CHUNK, (g + 1) * columns * CHUNK);
      for (const [b, [from, to]] of this.#blocks().entries())
        this.#inputs[g * this.#blockEnds.length + b]!.add(x.subarray(from * CHUNK, to * CHUNK), CHUNK);
      const y = this.#y.subarray(g * perGroup * CHUNK, (g + 1) * perGroup * CHUNK);
      this.#cross[g]?.add(y, CHUNK, x);
    }
  }

  /** What everything that was added sums up to. */
  sums(): MomentSums {
    this.#flush();
    const { groups, columns, rows } = this.#view;
    return {
      ...{ rows, columns, groups, blockEnds: this.#blockEnds, samples: this.#samples },
      inputSum: this.#inputSum,
      outputSum: this.#outputSum,
      outputEnergy: this.#outputEnergy,
      inputs: this.#inputs.map((gram) => gram.result()),
      cross: this.#cross.map((gram) => gram.result()),
    };
  }

  dispose(): void {
    for (const gram of [...this.#inputs, ...this.#cross]) gram.dispose();
  }
}

/** Sums over positions; Σ x·xᵀ by group and block, Σ y·xᵀ by group, none where there are several blocks. */
export interface MomentSums
  extends Pick<LayerMoments, 'rows' | 'columns' | 'groups' | 'blockEnds' | 'samples' | 'inputs'> {
  readonly inputSum: Float64Array;
  readonly outputSum: Float64Array;
  readonly outputEnergy: Float64Array;
  readonly cross: readonly Float64Array[];
}

/** The sums of two sets of positions of a layer together. */
export function together(a: MomentSums, b: MomentSums): MomentSums {
  const add = (x: Float64Array, y: Float64Array): Float64Array => x.map((value, i) => value + y[i]!);
  return {
    ...a,
    samples: a.samples + b.samples,
    inputSum: add(a.inputSum, b.inputSum),
    outputSum: add(a.outputSum, b.outputSum),
    outputEnergy: add(a.outputEnergy, b.outputEnergy),
    inputs: a.inputs.map((matrix, i) => add(matrix, b.inputs[i]!)),
    cross: a.cross.map((matrix, i) => add(matrix, b.cross[i]!)),
  };
}

/**
 * The moments that follow from sums.
 * @param centred see LayerMoments
 * @param bias of the layer, by row; undefined where it is not known
 */
export function momentsOf(sums: MomentSums, centred: boolean, bias: Float64Array | undefined): LayerMoments {
  const { rows, columns, groups, blockEnds } = sums;
  const samples = Math.max(1, sums.samples);
  const mean = (values: Float64Array): Float64Array => values.map((sum) => sum / samples);
  const inputMean = mean(sums.inputSum);
  const outputMean = mean(sums.outputSum);
  const outputVariance = mean(sums.outputEnergy);
  const inputs = sums.inputs.map(mean);
  // About 0 the bias is in y and not in what weights can make of x.
  const constant = centred ? outputMean : bias;
  const isKnown = sums.cross.length > 0 && constant !== undefined;
  const cross = new Float64Array(isKnown ? rows * columns : 0);
  const perGroup = rows / groups;
  for (let g = 0; g < groups && isKnown; g++) {
    const own = cross.subarray(g * perGroup * columns, (g + 1) * perGroup * columns);
    own.set(mean(sums.cross[g]!));
    subtractProduct(
      own,
      constant.subarray(g * perGroup, (g + 1) * perGroup),
      inputMean.subarray(g * columns, (g + 1) * columns),
    );
  }
  if (centred) {
    inputs.forEach((matrix, i) => {
      const b = i % blockEnds.length;
      const first = Math.floor(i / blockEnds.length) * columns;
      const part = inputMean.subarray(first + (blockEnds[b - 1] ?? 0), first + blockEnds[b]!);
      subtractProduct(matrix, part, part);
    });
    for (let r = 0; r < rows; r++)
      outputVariance[r] = Math.max(0, outputVariance[r]! - outputMean[r]! * outputMean[r]!);
  }
  return {
    ...{ rows, columns, groups, samples: sums.samples, centred, blockEnds },
    ...{ inputMean, inputs, cross, outputMean, outputVariance },
  };
}

/** matrix[i, j] −= a[i]·b[j]. */
function subtractProduct(matrix: Float64Array, a: Float64Array, b: Float64Array): void {
  for (let i = 0, at = 0; i < a.length; i++)
    for (let j = 0; j < b.length; j++, at++) matrix[at]! -= a[i]! * b[j]!;
}

/** Adds the values of each row of a buffer to its sum, and their squares. */
function addSums(buffer: Float32Array, sums: Float64Array, energies?: Float64Array): void {
  for (let row = 0; row < sums.length; row++) {
    let sum = 0;
    let energy = 0;
    for (let i = row * CHUNK; i < (row + 1) * CHUNK; i++) {
      const value = buffer[i]!;
      sum += value;
      energy += value * value;
    }
    sums[row]! += sum;
    if (energies !== undefined) energies[row]! += energy;
  }
}
