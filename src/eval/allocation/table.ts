import type { QuantizeOptions, QuantizeSettings } from '../../quantizers/options.ts';
import type { Report } from '../types.ts';

/** A way to discretize a weight, every setting of it said. */
export type Candidate = QuantizeOptions;

/** What discretizing one layer in one way costs. */
export interface SensitivityCell {
  /**
   * How far the network's outputs move, a mean over the images; Infinity where an output is no longer finite. Not what
   * several layers cost together: see `Allocation`.
   */
  readonly loss: number;
  /** Bytes of codes and levels in a packed file. */
  readonly codeBytes: number;
  readonly levelBytes: number;
  /** Set where the weight is of so few bits already that it keeps its values; the loss is 0. */
  readonly kept?: true;
  /** Set where the network was not run: the loss follows from those of the layer's other candidates, see `toMeasure`. */
  readonly estimated?: true;
}

/** One weight of the network and what each candidate costs it. */
export interface LayerSensitivity {
  readonly name: string;
  readonly node: string;
  readonly opType: string;
  readonly shape: readonly number[];
  /** Number of weights. */
  readonly count: number;
  /** By candidate; null where the weight would stay as it is in the source. */
  readonly cells: readonly (SensitivityCell | null)[];
}

/** Losses of layers discretized one at a time, all others in float. Plain data. */
export interface SensitivityTable {
  readonly schema: 'bnn-quantize/sensitivity@1';
  /**
   * `kl`: mean KL(float ‖ discretized) of the outputs' softmax, nats. `mse`: mean squared difference of the outputs
   * relative to the variance of the float ones, for networks whose output is no vector of classes, or that are sure of
   * nearly all answers, so that probabilities hardly tell anything.
   */
  readonly measure: 'kl' | 'mse';
  /** Values of the network that are compared. */
  readonly outputs: readonly string[];
  readonly images: number;
  /** Of the images and what was done to them; see CalibrationBatches. */
  readonly fingerprint: string;
  readonly candidates: readonly Candidate[];
  /** In the order of the network. */
  readonly layers: readonly LayerSensitivity[];
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  readonly seconds: number;
}

/** One candidate for all layers, and what choosing layer by layer makes of the same size. */
export interface UniformChoice {
  /** Place in the table's candidates. */
  readonly candidate: number;
  /** Bytes of codes and levels; the same in bits, a weight. */
  readonly payloadBytes: number;
  readonly bitsPerWeight: number;
  /** Summed over the layers. */
  readonly loss: number;
  /** The least summed loss of any choice that is no larger. */
  readonly allocatedLoss: number;
}

/** A table with where it came from and what it allows. Plain data: `sensitivity --json` prints it. */
export interface SensitivityReport extends SensitivityTable {
  readonly tool: Report['tool'];
  readonly command: readonly string[] | null;
  readonly created: string;
  readonly model: Report['model'];
  readonly dataset: Pick<Report['dataset'], 'spec' | 'count' | 'fingerprint' | 'preprocess'>;
  /** By candidate. */
  readonly uniform: readonly UniformChoice[];
  /** Least summed losses from the smallest size to the largest, by bits a weight. */
  readonly frontier: readonly { readonly bitsPerWeight: number; readonly loss: number }[];
}

/** What one layer was given. */
export interface AllocatedLayer {
  readonly name: string;
  readonly count: number;
  /** Place in the table's candidates. */
  readonly candidate: number;
  readonly loss: number;
  /** Bytes of codes and levels. */
  readonly bytes: number;
}

/**
 * A candidate for every layer. The loss is the sum of the layers' own: an estimate, for errors of several layers meet in
 * the network. They add up well while they are small, from 3 bits on; at 1 and 2 bits the sum is off by a factor, though
 * it still tells the layers that matter from those that do not.
 */
export interface Allocation {
  /** Settings of each layer, complete, as `quantize` takes them: `{ ...common, perLayer }`. */
  readonly perLayer: ReadonlyMap<string, Partial<QuantizeSettings>>;
  /** The candidate that most weights have; for `quantize`, which wants settings for all of them. */
  readonly common: Candidate;
  readonly layers: readonly AllocatedLayer[];
  readonly loss: number;
  /** Bytes of codes and levels. */
  readonly payloadBytes: number;
  /** The same in bits, a weight. */
  readonly bitsPerWeight: number;
  /** Whether it keeps the budget; where nothing does, it is the nearest to it. */
  readonly met: boolean;
}
