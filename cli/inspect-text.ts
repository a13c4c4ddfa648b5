import type { ModelInspection } from '../src/index.ts';
import { formsText } from './forms-text.ts';
import { keptText, notConvertedText, sizeText } from './quantize-text.ts';
import { coloursFor } from './terminal/colour.ts';
import { formatBytes, grouped, plural, printable, shape } from './terminal/format.ts';
import { outputWidth } from './terminal/output.ts';
import { pairs, table } from './terminal/table.ts';

type ValueType = Omit<ModelInspection['inputs'][number], 'name'>;

/** What `inspect` prints: the facts, the operators, the weights, and of a packed file the bytes. */
export function inspectText(model: ModelInspection): string {
  const parts = [facts(model), operators(model), ...notConvertedText(model.notConverted)];
  if (model.discretized.length > 0) parts.push(discretized(model));
  if (model.weights.length > 0) parts.push(weights(model));
  if (model.lowBit.length > 0) parts.push(lowBit(model));
  const done = new Set(model.discretized.map(({ name }) => name));
  const skipped = model.skipped.filter(({ name }) => !done.has(name));
  if (skipped.length > 0)
    parts.push(
      [
        `${model.packed === null ? 'would stay as they are' : 'stayed as they were'}: ${plural(skipped.length, 'tensor')}`,
        ...skipped.map(({ name, reason }) => `  ${printable(name)}: ${printable(reason)}`),
      ].join('\n'),
    );
  if (model.packed !== null) {
    const { total, ...packed } = model.packed;
    const count = model.discretized.reduce((sum, one) => sum + one.count, 0);
    const { bold } = coloursFor(process.stdout);
    parts.push(
      `${bold('on disk')}  ${formatBytes(total)} (${grouped(total)} bytes)${smaller(model, total)}\n${sizeText(packed, total, count, entropyOf(model))}`,
    );
  }
  if (model.onDisk !== null && model.onDisk.codes > 0)
    parts.push(onDiskText(model.onDisk, codedWeights(model)));
  if (model.sizes !== undefined) parts.push(formsText(model.sizes, model));
  return parts.join('\n\n');
}

/** Entropy of all codes, bits a weight. */
function entropyOf({ discretized: weights }: ModelInspection): number {
  const count = weights.reduce((sum, one) => sum + one.count, 0);
  return weights.reduce((sum, one) => sum + one.count * one.entropyBits, 0) / Math.max(1, count);
}

/** Elements whose codes the file holds. */
function codedWeights({ discretized, lowBit }: ModelInspection): number {
  const ints = lowBit.filter(({ maker }) => maker === 'DequantizeLinear');
  return [...discretized, ...ints].reduce((sum, { count }) => sum + count, 0);
}

/** What the bytes of an ONNX file are for. */
export function onDiskText(
  { total, ...size }: NonNullable<ModelInspection['onDisk']>,
  weights: number,
): string {
  const { bold } = coloursFor(process.stdout);
  const parts = sizeText({ ...size, header: 0 }, total, weights);
  return `${bold('on disk')}  ${formatBytes(total)} (${grouped(total)} bytes)\n${parts}`;
}

function facts(model: ModelInspection): string {
  const values = (list: ModelInspection['inputs']): string =>
    list.length === 0 ? 'none' : list.map((value) => `${value.name} ${typeText(value)}`).join('; ');
  const opsets = Object.entries(model.opsets).map(
    ([domain, version]) => `${domain === '' ? 'ai.onnx' : domain} ${version}`,
  );
  const { source } = model;
  return pairs([
    [
      'file',
      `${model.file ?? '(memory)'}${model.fileBytes === null ? '' : `, ${formatBytes(model.fileBytes)}`}`,
    ],
    [
      'format',
      `${model.format}, IR ${model.irVersion}, operators of ${opsets.join(', ')}${model.producer === '' ? '' : `, producer ${model.producer}`}`,
    ],
    ...(model.packed === null || source.file === null
      ? []
      : [
          [
            'made from',
            `${source.file}${source.byteLength === null ? '' : `, ${formatBytes(source.byteLength)}`}`,
          ] as const,
        ]),
    ['inputs', values(model.inputs)],
    ['outputs', values(model.outputs)],
    ['parameters', grouped(model.parameters)],
    ['MACs', macsText(model)],
    ...(model.memory === undefined ? [] : [['memory', memoryText(model.memory)] as const]),
    ...(model.c === undefined ? [] : [['as C', cText(model.c)] as const]),
    ...(typeof model.memory === 'object' ? [['layers', layersText(model.memory.layers)] as const] : []),
  ]);
}

/** `FLOAT [N,3,32,32]`, `sequence of INT64 [?]`. */
function typeText({ dtype, shape: dims, container }: ValueType): string {
  if (container !== undefined) return `${container.kind} of ${typeText(container.element)}`;
  return `${dtype ?? '?'} ${dims === undefined ? '[?]' : shape(dims)}`;
}

/** Multiplications with accumulation for one sample. */
function macsText({ macs, uncounted }: ModelInspection): string {
  if (macs === null) return '– (shapes are not known)';
  const rest = uncounted === 0 ? '' : `, without ${plural(uncounted, 'node')} of unknown shape`;
  return `${grouped(macs)} a sample${rest}`;
}

type LayerCounts = Exclude<NonNullable<ModelInspection['memory']>, string>['layers'];

/** What one sample takes, and how near that is to what no plan can do without. */
function memoryText(memory: NonNullable<ModelInspection['memory']>): string {
  if (typeof memory === 'string') return `– (${printable(memory)})`;
  const { activationBytes, aliveBytes, weightBytes } = memory;
  const ratio =
    aliveBytes === 0 ? '' : `, ${(activationBytes / aliveBytes).toFixed(2)}× of what is alive at once`;
  return `activations ${formatBytes(activationBytes)}${ratio}; weights ${formatBytes(weightBytes)}; for one sample`;
}

/** What `export --to c` would take on a device. */
function cText(c: NonNullable<ModelInspection['c']>): string {
  if (typeof c === 'string') return `– (${printable(c)})`;
  const flash = formatBytes(c.arrayBytes + c.structBytes);
  return `flash ${flash} and about ${formatBytes(c.codeBytes)} of code, RAM ${formatBytes(c.arenaBytes + c.bufferBytes)}`;
}

/** What the layers compute with. */
function layersText({ signs, integers, floats }: LayerCounts): string {
  const parts = [
    [signs, 'on sign maps'],
    [integers, 'on integers'],
    [floats, 'on floats'],
  ] as const;
  return parts.flatMap(([count, how]) => (count === 0 ? [] : [`${count} ${how}`])).join(', ') || 'none';
}

function operators(model: ModelInspection): string {
  const names = model.operators.map(({ domain, opType, count, supported }) => {
    const name = domain === '' ? opType : `${domain}::${opType}`;
    return `${count}× ${printable(name)}${supported ? '' : ' (cannot be run here)'}`;
  });
  const total = model.operators.reduce((sum, { count }) => sum + count, 0);
  return `${coloursFor(process.stdout).bold(plural(total, 'node'))}  ${names.join(', ')}`;
}

function weights(model: ModelInspection): string {
  const rows = model.weights.map((one) => [
    one.name,
    one.opType,
    shape(one.shape),
    one.dtype,
    grouped(one.count),
    formatBytes(one.byteLength),
  ]);
  const count = model.weights.reduce((sum, one) => sum + one.count, 0);
  const share = (100 * count) / Math.max(1, model.parameters);
  rows.push([
    plural(rows.length, 'tensor'),
    '',
    share > 100 ? '' : `${share.toFixed(1)} % of all`, // integers are not among the parameters
    '',
    grouped(count),
    formatBytes(model.weights.reduce((sum, one) => sum + one.byteLength, 0)),
  ]);
  const columns = [
    { head: 'weight to discretize', align: 'left', shrinks: true },
    { head: 'of', align: 'left' },
    { head: 'shape', align: 'left' },
    { head: 'type', align: 'left' },
    { head: 'count' },
    { head: 'size' },
  ] as const;
  return table(columns, rows, outputWidth(), coloursFor(process.stdout).bold);
}

/** What a layer multiplies its weight with. */
function inputText(input: ModelInspection['lowBit'][number]['input']): string {
  return input === null ? 'float' : `${plural(input.bits, 'bit')} (${input.by})`;
}

/** Words for the values of a weight of few bits. */
const KINDS: Readonly<Record<string, string>> = {
  binary: 'binary',
  ternary: 'ternary',
  affine: 'whole numbers times a scale',
  codebook: 'few values',
};

function lowBit(model: ModelInspection): string {
  const rows = model.lowBit.map((one) => [
    one.name,
    one.opType,
    shape(one.shape),
    grouped(one.count),
    one.maker ?? '–',
    inputText(one.input),
    `${KINDS[one.kind] ?? one.kind}: ${keptText(one.bits, one.always)}`,
  ]);
  const columns = [
    { head: 'weight of few bits', align: 'left', shrinks: true },
    { head: 'of', align: 'left' },
    { head: 'shape', align: 'left' },
    { head: 'count' },
    { head: 'made by', align: 'left' },
    { head: 'input', align: 'left' },
    { head: 'values', align: 'left' },
  ] as const;
  return table(columns, rows, outputWidth(), coloursFor(process.stdout).bold);
}

function discretized(model: ModelInspection): string {
  const showsInput = model.discretized.some(({ input }) => input !== null);
  const isCompressed = model.discretized.some(({ compressed }) => compressed);
  const stored = (bytes: number, count: number): string[] =>
    isCompressed ? [((8 * bytes) / Math.max(1, count)).toFixed(2)] : [];
  const rows = model.discretized.map((one) => [
    one.name,
    shape(one.shape),
    one.scheme,
    String(one.bits),
    one.entropyBits.toFixed(2),
    ...stored(one.codeBytes, one.count),
    one.granularity,
    grouped(one.tables),
    grouped(one.codeBytes),
    grouped(one.levelBytes),
    ...(showsInput ? [inputText(one.input)] : []),
  ]);
  const sum = (value: (one: ModelInspection['discretized'][number]) => number): number =>
    model.discretized.reduce((total, one) => total + value(one), 0);
  const [count, codes] = [sum((one) => one.count), sum((one) => one.codeBytes)];
  rows.push([
    plural(rows.length, 'tensor'),
    plural(count, 'weight'),
    '',
    '',
    entropyOf(model).toFixed(2),
    ...stored(codes, count),
    '',
    grouped(sum((one) => one.tables)),
    grouped(codes),
    grouped(sum((one) => one.levelBytes)),
    ...(showsInput ? [''] : []),
  ]);
  const columns = [
    { head: 'discretized weight', align: 'left', shrinks: true },
    { head: 'shape', align: 'left' },
    { head: 'scheme', align: 'left' },
    { head: 'bits' },
    { head: 'entropy' },
    ...(isCompressed ? [{ head: 'stored' } as const] : []),
    { head: 'granularity', align: 'left' },
    { head: 'tables' },
    { head: 'codes' },
    { head: 'levels' },
    ...(showsInput ? [{ head: 'input', align: 'left' } as const] : []),
  ] as const;
  return table(columns, rows, outputWidth(), coloursFor(process.stdout).bold);
}

function smaller({ source }: ModelInspection, total: number): string {
  return source.byteLength === null
    ? ''
    : `, ${(source.byteLength / total).toFixed(2)}× smaller than the source`;
}
