import type { Repair } from '../quantizers/calibrate/repair.ts';
import type { CostSummary } from './cost/types.ts';

export type { Dataset, Pixels, Sample } from '../formats/datasets/dataset.ts';
export type {
  Candidate,
  LayerSensitivity,
  SensitivityCell,
  SensitivityReport,
  SensitivityTable,
  UniformChoice,
} from './allocation/table.ts';
export type { CostSummary, Energy, OperationCount, OperationKind, Part, Traffic } from './cost/types.ts';

/**
 * From pixels to what the network is fed, in this order: resize, crop, size, then for every pixel p of the network's
 * channel c: (p × scale − mean[c]) ÷ std[c]. In float32: the product is rounded to float32, then the difference, then
 * the quotient, as NumPy and PyTorch do it; `scale` itself is float64, mean and std are rounded to float32.
 */
export interface Preprocess {
  /** Name of the preset that it is: torch, tf, caffe, unit or raw. */
  readonly preset?: string;
  /** Shorter side is resized to this (bilinear, antialiased), the other in proportion, rounded down. Absent: no resize. */
  readonly resize?: number;
  /** Centre crop [height, width]; offset (size − crop) / 2 rounded down. Absent: to the network's input size, unless `size` is there. */
  readonly crop?: readonly [number, number];
  /** Then resized to exactly this [height, width], whatever that does to proportions. Absent: no second resize. */
  readonly size?: readonly [number, number];
  readonly channelOrder: 'rgb' | 'bgr';
  readonly scale: number;
  /** In the network's order of channels; one number stands for all of them. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Added to a label to get the index of the output: 1 where class 0 is background. */
  readonly labelOffset: number;
}

/** Rates in percent, intervals Wilson 95 %. Without labels the accuracy fields are null. Without a float model to compare with, agreement and the rest are null. */
export interface Scores {
  readonly count: number;
  /**
   * Share of images for which no value is larger than the label's: of classes that share the largest value each is right.
   * An image with a NaN among its values, or with nothing but equal ones, is wrong.
   */
  readonly top1: number | null;
  /** Null, too, where the network gives class indices only. */
  readonly top5: number | null;
  readonly top1Interval: readonly [number, number] | null;
  readonly top5Interval: readonly [number, number] | null;
  /** Share of images with the float model's answer. */
  readonly agreement: number | null;
  /** Mean KL(float ‖ quantized) of the softmax outputs, nats. */
  readonly klDivergence: number | null;
  /** 10·log10(Σ float² / Σ (float − quantized)²) over all logits (or probabilities), decibels; null, too, where nothing differs. */
  readonly logitSnrDb: number | null;
  /** Images counted as right whose label shares the largest value with another class; absent when there are none. */
  readonly tied?: number;
  /** Images with an infinity or a NaN among their values, left out of klDivergence and logitSnrDb; absent when there are none. */
  readonly notFinite?: number;
  /** Time that the runs took (decoding included), summed over threads. */
  readonly seconds: number;
}

/** ρ and MSE of one discretized layer. */
export interface LayerFit {
  readonly name: string;
  readonly scheme: string;
  readonly bits: number;
  readonly granularity: string;
  readonly count: number;
  readonly correlation: number;
  readonly mse: number;
  /** Of a calibrated layer: the loss of its outputs against that of the nearest levels, and what should be known. */
  readonly lossRatio?: number;
  readonly notes?: readonly string[];
}

/** What a sweep tries. */
export interface PointSettings {
  readonly scheme: string;
  readonly bits: number;
  readonly granularity: string;
  readonly method: string;
  readonly fit: string;
  readonly levels: string;
  readonly zero: boolean;
  /** Of scheme binary; absent for `joint`, the default. */
  readonly bases?: string;
  /** What is done behind layers; absent for nothing. */
  readonly repairs?: readonly Repair[];
  /** Of method gptq; absent where it was found for each layer. */
  readonly ridge?: number;
  /** Bits of the inputs of layers, and how their range was found; absent for float. */
  readonly actBits?: number;
  readonly actRange?: string;
}

/** Images that weights or activations were fitted to. */
export interface ReportCalibration {
  readonly spec: string;
  readonly count: number;
  readonly fingerprint: string;
  readonly seed: number;
}

export interface SweepPoint extends PointSettings, Scores {
  /** Correlation ρ over all discretized weights together. */
  readonly correlation: number;
  readonly packedBytes: number;
  readonly packed: {
    readonly codes: number;
    readonly levels: number;
    readonly other: number;
    readonly graph: number;
    readonly header: number;
  };
  readonly bitsPerWeight: number;
  /** Entropy of the codes in bits a weight: what no coder of single codes goes below. Absent in reports of older versions, as the next two. */
  readonly entropyBits?: number;
  /** The file with codes compressed (`quantize --compress`). */
  readonly compressedBytes?: number;
  /** The file of `export --to onnx`; null where the model cannot be written so. */
  readonly onnxBytes?: number | null;
  readonly layers: readonly LayerFit[];
  /** Operations, memory traffic and energy of one sample; absent where shapes are not known. */
  readonly cost?: CostSummary;
}

/** Scores of the float network itself. */
export type FloatScores = Omit<Scores, 'agreement' | 'klDivergence' | 'logitSnrDb'> &
  Pick<SweepPoint, 'cost'>;

/** A point that could not be scored, and why. */
export interface FailedPoint extends PointSettings {
  readonly message: string;
}

/** `report.json`, schema bnn-quantize/report@1. */
export interface Report {
  readonly schema: 'bnn-quantize/report@1';
  readonly tool: { readonly name: 'bnn-quantize'; readonly version: string };
  readonly command: readonly string[] | null;
  readonly created: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly platform: string;
    readonly node: string;
  };
  readonly model: {
    readonly file: string;
    readonly sha256: string;
    readonly byteLength: number;
    readonly format: string;
    readonly parameters: number;
    readonly quantizedWeights: number;
    readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  };
  readonly dataset: {
    readonly spec: string;
    readonly count: number;
    readonly fingerprint: string;
    readonly labelled: boolean;
    /** Classes that the network tells apart (values of its output an image); guessing scores 100 / classes percent. */
    readonly classes?: number | null;
    readonly preprocess: Preprocess | null;
  };
  /** Absent where no point needed images. */
  readonly calibration?: ReportCalibration;
  readonly float: FloatScores;
  readonly points: readonly SweepPoint[];
  /** Points that could not be scored; absent when there are none. */
  readonly failures?: readonly FailedPoint[];
}
