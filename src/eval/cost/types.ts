/** What a bit of energy is spent on, by the width of the numbers: 1 bit, 2 to 8 bits, or more (float32, float16, wide integers). */
export type Part = 'binary' | 'lowBit' | 'float';

export const PARTS: readonly Part[] = ['binary', 'lowBit', 'float'];

/** `popcount`: one bit added to a count; `look-up`: a level of a table; the others as they are called. */
export type OperationKind =
  | 'xnor'
  | 'popcount'
  | 'logic'
  | 'add'
  | 'multiply'
  | 'shift'
  | 'compare'
  | 'look-up'
  | 'float-add'
  | 'float-multiply';

/** Microjoules, by what takes them. */
export interface Energy {
  readonly compute: number;
  /** On-chip memory. */
  readonly sram: number;
  /** Off-chip memory. */
  readonly dram: number;
  readonly total: number;
}

/** Some operations of one kind and width, a sample. */
export interface OperationCount {
  readonly kind: OperationKind;
  /** Bits of the operands: `32`, of two factors `4×8`. */
  readonly width: string;
  readonly part: Part;
  readonly count: number;
  /** Microjoules of all of them. */
  readonly energy: number;
}

/** Bytes moved for one sample. */
export interface Traffic {
  /** Weights, levels, biases and other constants, read once. */
  readonly weights: number;
  /** Activations in off-chip memory: inputs and outputs of the network, and what on-chip memory has no room for. */
  readonly dram: number;
  /** Activations in on-chip memory, read and written. */
  readonly sram: number;
}

/**
 * What one sample costs by the model of docs/cost.md: arithmetic and memory in a 45 nm process. An estimate to compare settings with,
 * not the measurement of a device.
 */
export interface CostSummary {
  /** Multiplications with accumulation of layers, of any width. */
  readonly macs: number;
  readonly energy: Energy;
  readonly parts: Readonly<Record<Part, Energy>>;
  /** Percent of the energy. */
  readonly shares: Readonly<Record<Part, number>>;
  readonly operations: readonly OperationCount[];
  readonly traffic: Traffic;
  /** Bytes of activations that are kept at the same time at most. */
  readonly peakBytes: number;
  /** Bytes of on-chip memory that this is computed for. */
  readonly sramBytes: number;
  /** Operators that nothing is counted for, with the reason; absent where there are none. */
  readonly uncounted?: readonly string[];
}
