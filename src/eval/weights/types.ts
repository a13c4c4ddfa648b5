/** How many weights of a layer lie where, in units of the RMS of the weights that share a level table. */
export interface WeightHistogram {
  /** Ends of the range that is cut into bins of equal width. */
  readonly from: number;
  readonly to: number;
  /** By bin, ascending; the lower end of a bin belongs to it. */
  readonly counts: readonly number[];
  /** Weights below and above the range. */
  readonly below: number;
  readonly above: number;
}

/** The float weights of one layer. */
export interface LayerHistograms {
  readonly name: string;
  readonly count: number;
  /** Root of the mean square of all its weights. */
  readonly rms: number;
  /**
   * By granularity, for it says which weights share a table. A table is fitted to its own weights, so levels can be drawn
   * over the weights of all tables only where each is measured by its own RMS. Tables of zeros alone are left out.
   */
  readonly histograms: Readonly<Record<string, WeightHistogram>>;
}

/** The levels of a layer at one point, in the units of its histogram for the layer's granularity. */
export interface LayerLevels {
  /** Ascending: the median over the tables (over some of them where there are many) of each level ÷ RMS of the float weights of its table. */
  readonly inRms: readonly number[];
  /** How many different ones there are; where that is more than `inRms` has, those are spread evenly over their ranks, both ends included. */
  readonly count: number;
}
