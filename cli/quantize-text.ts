import {
  type ActivationFit,
  type Candidate,
  candidateName,
  type LayerCalibration,
  type LayerReport,
  lossText,
  measureName,
  type ScoreResult,
  type SkippedWeight,
} from '../src/index.ts';
import { dropText, type Reached } from './allocate.ts';
import type { Goal } from './allocation-options.ts';
import type { Gate } from './gates.ts';
import { scoreLines } from './score-text.ts';
import { coloursFor } from './terminal/colour.ts';
import { fixed, formatBytes, grouped, plural, printable, shape } from './terminal/format.ts';
import { outputWidth } from './terminal/output.ts';
import { pairs, table } from './terminal/table.ts';

/** What quantizing to one file gave; `--json` prints it as it is. */
export interface QuantizeResult {
  readonly file: string;
  /** `auto` and null where they were chosen by layer. */
  readonly scheme: string;
  readonly bits: number | null;
  readonly granularity: string;
  readonly fit: string;
  readonly levels: string;
  readonly bases: string;
  readonly zero: boolean;
  readonly method: string;
  readonly repairs: readonly string[];
  readonly ridge?: number;
  readonly actBits?: number;
  readonly actRange?: string;
  /** What scheme and bits of each layer were chosen for, and how near the file comes. */
  readonly target: Reached | null;
  /** Images that were calibrated with. */
  readonly calibration: { readonly spec: string; readonly count: number; readonly seed: number } | null;
  readonly activations: readonly ActivationFit[];
  readonly source: { readonly file: string; readonly byteLength: number | null };
  readonly weights: number;
  readonly packedBytes: number;
  readonly packed: PackedParts;
  readonly bitsPerWeight: number;
  /** Entropy of the codes, bits a weight. */
  readonly entropyBits: number;
  /** Whether codes are stored compressed where that is smaller. */
  readonly compressed: boolean;
  /** How many times smaller than the source. */
  readonly ratio: number | null;
  readonly layers: readonly ResultLayer[];
  readonly skipped: readonly SkippedWeight[];
  /** Layers of a Keras model that have no operators here. */
  readonly notConverted: readonly string[];
  readonly scores: ScoreResult | null;
  readonly gates: readonly Gate[];
}

type ResultLayer = LayerReport & {
  readonly shape: readonly number[];
  readonly calibration: LayerCalibration | null;
};

interface PackedParts {
  readonly codes: number;
  readonly levels: number;
  readonly other: number;
  readonly graph: number;
  readonly header: number;
}

/** The layers, the file and the accuracy, for a person. */
export function quantizeText(result: QuantizeResult, quiet: boolean): string {
  const { bold } = coloursFor(process.stdout);
  const parts = [
    ...(quiet
      ? []
      : [
          layerTable(result),
          ...keptNote(result),
          ...howText(result),
          ...layerNotes(result),
          ...skippedText(result.skipped),
          ...notConvertedText(result.notConverted),
        ]),
    `${fileLine(result, bold)}\n${sizeText(result.packed, result.packedBytes, result.weights, result.entropyBits)}`,
    ...(result.scores === null ? [] : [accuracyText(result.scores)]),
  ];
  return parts.join('\n\n');
}

/** Layers of a Keras model that have no operators here; nothing where there are none. */
export function notConvertedText(layers: readonly string[]): string[] {
  if (layers.length === 0) return [];
  const lines = layers.map((line) => `  ${printable(line)}`);
  return [['not converted, so the model cannot be run; everything else is there:', ...lines].join('\n')];
}

/**
 * What each byte of a packed file is for.
 * @param entropy of the codes, bits a weight, where it is known
 */
export function sizeText(packed: PackedParts, total: number, weights: number, entropy?: number): string {
  const share = (bytes: number): string => `${((100 * bytes) / total).toFixed(1).padStart(5)} %`;
  const line = (name: string, bytes: number, note: string): [string, string][] =>
    bytes === 0
      ? []
      : [[`  ${name}`, `${grouped(bytes).padStart(grouped(total).length)}  ${share(bytes)}  ${note}`]];
  return pairs([
    ...line(
      'codes',
      packed.codes,
      weights === 0
        ? ''
        : `${((8 * packed.codes) / weights).toFixed(2)} bits a weight${entropy === undefined ? '' : `, their entropy is ${entropy.toFixed(2)}`}`,
    ),
    ...line(
      'levels',
      packed.levels,
      weights === 0 ? '' : `${((8 * packed.levels) / weights).toFixed(2)} bits a weight`,
    ),
    ...line('other', packed.other, 'tensors that stay as they were'),
    ...line('graph', packed.graph, 'operators, names, small tensors such as biases'),
    ...line('header', packed.header, 'index of the file'),
  ]);
}

/** What `--dry-run` says. */
export function planText(
  path: string,
  plans: readonly string[],
  weights: readonly {
    readonly name: string;
    readonly count: number;
    readonly shape: readonly number[];
    /** Bits of its values where these are few already, and whether it is kept whatever is asked for. */
    readonly bits: number | null;
    readonly always: boolean;
  }[],
  skipped: readonly SkippedWeight[],
): string {
  const total = weights.reduce((sum, { count }) => sum + count, 0);
  const rows = weights.map(({ name, count, shape: dims, bits, always }) => [
    name,
    shape(dims),
    grouped(count),
    ...(bits === null ? [] : [keptText(bits, always)]),
  ]);
  const keeps = weights.filter(({ always }) => always);
  const columns = [
    { head: 'weight', align: 'left', shrinks: true },
    { head: 'shape', align: 'left' },
    { head: 'count' },
    ...(weights.some(({ bits }) => bits !== null) ? [{ head: 'values', align: 'left' } as const] : []),
  ] as const;
  return [
    table(columns, rows, outputWidth(), coloursFor(process.stdout).bold),
    ...skippedText(skipped),
    `${printable(path)}: ${plural(weights.length, 'tensor')} of ${grouped(total)} weights would be ${
      keeps.length === 0 ? 'discretized' : `packed, ${keeps.length} of them as they are`
    }`,
    `${plans.join('\n')}\nnothing was written (--dry-run)`,
  ].join('\n\n');
}

/** What would be written with settings for all weights. */
export function widthsPlanText(plan: {
  readonly file: string;
  readonly scheme: string;
  readonly bits: number;
  readonly granularity: string;
  readonly codeBytes: number;
}): string {
  const { file, scheme, bits, granularity, codeBytes } = plan;
  return `would write ${printable(file)}: ${scheme}, ${plural(bits, 'bit')}, ${granularity}; codes of ${formatBytes(codeBytes)}`;
}

/** What would be measured, and chosen for which goal. */
export function goalPlanText(
  plan: {
    readonly file: string;
    readonly goal: Goal;
    readonly candidates: readonly Candidate[];
    readonly left: readonly string[];
  },
  layers: number,
  calib: string,
): string {
  const { file, goal, candidates, left } = plan;
  return [
    ...left.map((note) => `left out: ${note}`),
    `would measure ${plural(layers, 'tensor')} with ${plural(candidates.length, 'candidate')} each on images of ${printable(calib)}:`,
    ...wrapped(candidates.map(candidateName), 78).map((line) => `  ${line}`),
    `would choose by layer for --${goal.option} ${goal.option === 'target-size' ? `${grouped(goal.limit)} bytes` : goal.limit}`,
    `would write ${printable(file)}`,
  ].join('\n');
}

/** Names with commas, in lines of at most so many columns. */
function wrapped(names: readonly string[], width: number): string[] {
  const lines = [''];
  for (const [i, name] of names.entries()) {
    const item = i === names.length - 1 ? name : `${name},`;
    const line = lines.at(-1)!;
    if (line === '') lines[lines.length - 1] = item;
    else if (line.length + 1 + item.length <= width) lines[lines.length - 1] = `${line} ${item}`;
    else lines.push(item);
  }
  return lines;
}

/** What was chosen from, how near the goal the file comes, and what the layers' own losses promise. */
function targetLines(reached: Reached): [name: string, value: string][] {
  const { met, predictedLoss, networkLoss, uniform, measure, images, candidates } = reached;
  const among = `${plural(candidates.length, 'candidate')} for each layer, measured on ${plural(images, 'image')}`;
  return [
    ['chosen from', among],
    ['predicted', `${lossText(predictedLoss)}, losses of layers summed (${measureName(measure)})`],
    ...(networkLoss === null ? [] : [['measured', measuredText(networkLoss, uniform)] as [string, string]]),
    ['target', `${met ? 'met' : 'NOT met'}: ${goalText(reached)}`],
  ];
}

/** The loss of the whole network, where the sum is too large to tell it. */
function measuredText(networkLoss: number, uniform: Candidate | null): string {
  const best =
    uniform === null
      ? 'less than with one setting for all'
      : `least with one for all, ${candidateName(uniform)}`;
  return `${lossText(networkLoss)} for the whole network, ${best}`;
}

/** What stderr says about a goal that is not met; empty where it is. */
export function missedText(reached: Reached | null, file: string): string {
  if (reached === null || reached.met) return '';
  return `bnn-quantize: target not met by ${printable(file)}: ${goalText(reached)}; this is the nearest\n`;
}

function goalText({ option, limit, value, by }: Reached): string {
  if (option === 'target-size') return `${grouped(value)} bytes, --target-size allows ${grouped(limit)}`;
  if (option === 'target-bits') return `${value.toFixed(2)} bits a weight, --target-bits allows ${limit}`;
  return `${dropText(by, value)}, --max-drop allows ${limit}`;
}

/** `1 bit, kept as it is`: what becomes of a weight whose values take few bits. */
export function keptText(bits: number, always: boolean): string {
  return `${plural(bits, 'bit')}, ${always ? 'kept as it is' : `kept where ${bits} or more are asked for`}`;
}

function layerTable({ layers, weights, compressed }: QuantizeResult): string {
  const isCalibrated = layers.some(({ calibration }) => (calibration?.lossRatio ?? null) !== null);
  const columns = [
    { head: 'weight', align: 'left', shrinks: true },
    { head: 'shape', align: 'left' },
    { head: 'scheme', align: 'left' },
    { head: 'bits' },
    { head: 'ρ' },
    { head: 'SNR dB' },
    ...(isCalibrated ? [{ head: 'loss' } as const] : []),
    { head: compressed ? 'bytes, plain' : 'bytes' },
  ] as const;
  const rows = layers.map((layer) => [
    layer.name,
    shape(layer.shape),
    layer.kept ? `${layer.scheme}, kept` : layer.scheme,
    String(layer.bits),
    layer.correlation.toFixed(5),
    fixed(layer.snrDb, 1),
    ...(isCalibrated ? [ratioText(layer)] : []),
    grouped(layer.codeBytes + layer.levelBytes),
  ]);
  const energy = layers.reduce((sum, layer) => sum + layer.energy, 0);
  const error = layers.reduce((sum, layer) => sum + layer.mse * layer.count, 0);
  rows.push([
    plural(layers.length, 'tensor'),
    plural(weights, 'weight'),
    ...['', '', ''],
    error === 0 ? '–' : (10 * Math.log10(energy / error)).toFixed(1),
    ...(isCalibrated ? [''] : []),
    grouped(layers.reduce((sum, layer) => sum + layer.codeBytes + layer.levelBytes, 0)),
  ]);
  return table(columns, rows, outputWidth(), coloursFor(process.stdout).bold);
}

/** Squared error of the layer's outputs against that of rounding to the nearest levels. */
function ratioText({ calibration }: ResultLayer): string {
  const ratio = calibration?.lossRatio ?? null;
  return ratio === null ? '–' : `×${ratio.toFixed(2)}`;
}

/** How calibration and the choice by layer went, a line each. */
function howText({ calibration, layers, repairs, activations, actBits, target }: QuantizeResult): string[] {
  const rounded: [string, string][] =
    actBits === undefined ? [] : [['activations', activationText(activations, actBits)]];
  if (calibration === null) return rounded.length === 0 ? [] : [pairs(rounded)];
  const calibrated = layers.filter((layer) => layer.calibration !== null && layer.calibration.samples > 0);
  const all = calibrated.length === layers.length;
  return [
    pairs([
      ['calibrated', `on ${plural(calibration.count, 'image')} of ${calibration.spec}`],
      ...(all ? [] : [['', `${calibrated.length} of ${plural(layers.length, 'layer')}`] as const]),
      ...(repairs.length === 0 ? [] : [['repaired', repairs.join(', ')] as const]),
      ...rounded,
      ...(target === null ? [] : targetLines(target)),
    ]),
  ];
}

/** `9 inputs of layers in 4 bits, the first in more`, or `… in 8 bits, of the range that each run has`. */
function activationText(activations: readonly ActivationFit[], actBits: number): string {
  const wider = activations.filter(({ bits }) => bits !== actBits).length;
  const inputs = `${plural(activations.length, 'input')} of layers in ${plural(actBits, 'bit')}`;
  if (activations.some(({ kind }) => kind === 'dynamic')) return `${inputs}, of the range that each run has`;
  return wider === 0 ? inputs : `${inputs}, ${wider === 1 ? 'the first' : `${wider} of them`} in more`;
}

/** What should be known about single layers. */
function layerNotes({ layers }: QuantizeResult): string[] {
  const notes = layers.flatMap(({ name, calibration }) =>
    (calibration?.notes ?? []).map((note) => `  ${printable(name)}: ${printable(note)}`),
  );
  if (notes.length === 0) return [];
  const more = notes.length > 10 ? [`  and ${notes.length - 10} more, see --json`] : [];
  return [['remarks', ...notes.slice(0, 10), ...more].join('\n')];
}

/** What "kept" in the table means. */
function keptNote({ layers }: QuantizeResult): string[] {
  const kept = layers.filter((layer) => layer.kept).length;
  if (kept === 0) return [];
  const what =
    kept === layers.length ? 'nothing was discretized: every weight' : `kept: ${plural(kept, 'tensor')} that`;
  return [`${what} had values of few bits already, which are stored as they are, bit for bit`];
}

function skippedText(skipped: readonly SkippedWeight[]): string[] {
  if (skipped.length === 0) return [];
  const shown = skipped.slice(0, 10).map(({ name, reason }) => `  ${printable(name)}: ${printable(reason)}`);
  const more = skipped.length > shown.length ? [`  and ${skipped.length - shown.length} more`] : [];
  return [[`left as they are: ${plural(skipped.length, 'tensor')}`, ...shown, ...more].join('\n')];
}

/** The file, its size, and how much smaller it is: a line of its own where the terminal is too narrow for both. */
function fileLine(
  { file, packedBytes, ratio, source }: QuantizeResult,
  bold: (text: string) => string,
): string {
  const name = printable(file);
  const size = `${formatBytes(packedBytes)} (${grouped(packedBytes)} bytes)`;
  if (ratio === null || source.byteLength === null) return `${bold(name)}  ${size}`;
  const times = ratio >= 1 ? `${ratio.toFixed(2)}× smaller than` : `${(1 / ratio).toFixed(2)}× LARGER than`;
  const compared = `${times} ${printable(source.file)} (${formatBytes(source.byteLength)})`;
  const width = outputWidth();
  const narrow = width > 0 && name.length + size.length + compared.length + 4 > width;
  return `${bold(name)}  ${size},${narrow ? '\n  ' : ' '}${compared}`;
}

function accuracyText(scores: ScoreResult): string {
  const on = `${grouped(scores.count)} ${scores.dataset.labelled ? 'labelled ' : ''}samples of ${scores.dataset.spec}`;
  return pairs([['data', on], ...scoreLines(scores)]);
}
