import type { LevelRule } from '../ir/levels.ts';
import type { QuantizeOptions } from './options.ts';
import type { TableValues } from './table-values.ts';

/** `correlation`: greatest correlation of original and discretized weights, that is least squares. `max-range`: levels span ±max|w|. */
export type Fit = 'correlation' | 'max-range';

/** How the levels of `exp` come about: a·q^j, or the means of the cells max·q^j. */
export type LevelKind = 'geometric' | 'cells';

/**
 * How the bases of `binary` are found: one after the other, or together; or one basis around the mean of its weights, m ± α,
 * which IR-Net (Qin and others 2020) takes off before the sign.
 */
export type BasesKind = 'greedy' | 'joint' | 'centred';

/** What a fit is asked for; a scheme looks at the choices that it declares. */
export interface FitOptions {
  readonly bits: number;
  readonly fit: Fit;
  readonly levels: LevelKind;
  readonly zero: boolean;
  readonly bases: BasesKind;
  /** The one table of a whole weight: there are tens of them in a network, not thousands, so a fit may take its time. */
  readonly single?: boolean;
}

/** What a fit finds for one level table, in float64; the parameters are stored as float32. */
export interface FittedTable {
  /** Parameters of the level rule. */
  readonly params: ArrayLike<number>;
  /** For schemes whose codes follow cells of their own. Without them each weight takes the nearest level. */
  readonly cells?: Cells;
}

/** Cells of the magnitudes: which codes they have. A magnitude on a bound lies in the upper cell. */
export interface Cells {
  /** Ascending; one less than there are cells. */
  readonly bounds: Float64Array;
  /** Codes of the cells for weights ≥ 0 and for weights < 0. */
  readonly plus: Uint8Array;
  readonly minus: Uint8Array;
}

/** A way to choose 2^bits levels: one file, and one line in registry.ts. */
export interface Scheme {
  readonly name: string;
  /** One line for the help. */
  readonly summary: string;
  readonly bits: { readonly from: number; readonly to: number };
  readonly fits: readonly Fit[];
  /** Options beyond bits and fit that mean something to it. */
  readonly choices: readonly ('zero' | 'levels' | 'bases')[];
  /** What is wrong with options that are in order one by one; a sentence each. */
  problems?(options: FitOptions): string[];
  /** For a scheme that stands for a choice of others: their options, the best of which is taken for each weight. */
  candidates?(options: QuantizeOptions): readonly QuantizeOptions[];
  /** Besides these, ways that take more bytes, for who weighs these against losses. */
  largerCandidates?(options: QuantizeOptions): readonly QuantizeOptions[];
  rule(options: FitOptions): LevelRule;
  /** Parameters of the rule that make the scheme what it is: levels that are fitted to calibration data keep them. */
  readonly fixedParams?: readonly number[];
  /** Fits one level table; the values are not all zero. */
  fit(values: TableValues, options: FitOptions): FittedTable;
}
