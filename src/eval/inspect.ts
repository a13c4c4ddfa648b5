import { statSync } from 'node:fs';
import type { CSize } from '../formats/c/write-c.ts';
import { readFileBytes } from '../formats/file.ts';
import { notConverted } from '../formats/keras/not-converted.ts';
import { MAX_MODEL_BYTES } from '../formats/limits.ts';
import { onnxContainerOf } from '../formats/onnx/container.ts';
import { type OnnxFileSize, onnxFileSize } from '../formats/onnx/file-size.ts';
import { CODES_TENSOR, GRAPH_TENSOR, LEVELS_TENSOR } from '../formats/packed/format.ts';
import type { PackedContainer, PackedSize } from '../formats/packed/pack.ts';
import { type ReadModelOptions, readModel } from '../formats/read-model.ts';
import { decodeSafetensors } from '../formats/safetensors.ts';
import { codeEntropy } from '../ir/code-entropy.ts';
import type { Model, Value } from '../ir/graph.ts';
import { nodeName } from '../ir/print.ts';
import { payloadBytes, tableCount } from '../ir/quantized-tensor.ts';
import { allNodes } from '../ir/traverse.ts';
import { type ActivationBits, activationBits } from '../passes/activation-bits.ts';
import { countMacs } from '../passes/count-macs.ts';
import { inferShapes, singleSampleShapes } from '../passes/infer-shapes.ts';
import { layerInputs } from '../quantizers/activations/layer-inputs.ts';
import { findLowBit } from '../quantizers/plan/low-bit-weights.ts';
import { type PlannedWeight, planWeights } from '../quantizers/plan/plan-weights.ts';
import type { SkippedWeight } from '../quantizers/plan/weight-uses.ts';
import { unsupportedOperators, withMissingFunctions } from '../runtime/operator-support.ts';
import type { DataType } from '../tensor/dtype.ts';
import { parameterCount } from './describe-model.ts';
import { type FormRefusal, type FormSize, formSizes } from './form-sizes.ts';
import { measureC } from './measure-c.ts';
import { measureMemory, type SampleMemory } from './measure-memory.ts';

/** A weight of Conv, Gemm and the like. */
export interface InspectedWeight {
  /** Of the value that would be discretized, and of the initializer that it comes from. */
  readonly name: string;
  readonly source: string;
  readonly node: string;
  readonly opType: string;
  readonly shape: readonly number[];
  readonly dtype: DataType;
  readonly count: number;
  /** Output channels, and weights of each. */
  readonly rows: number;
  readonly columns: number;
  readonly byteLength: number;
  /** What the layer multiplies it with, where that has few values. */
  readonly input: ActivationBits | null;
}

/** A weight whose values take few bits already: binary and k-bit networks, and weights of integers. */
export interface InspectedLowBit {
  readonly name: string;
  readonly source: string;
  readonly node: string;
  readonly opType: string;
  readonly shape: readonly number[];
  readonly count: number;
  /** `binary` ±a, `ternary` −a, 0, +a, `affine` whole numbers times a scale, `codebook` few values of any kind. */
  readonly kind: string;
  readonly bits: number;
  /** What shares one scale: `tensor`, `channel` or `group:N`. */
  readonly granularity: string;
  /** Operator that makes its values from the initializer's; null where they are the same. */
  readonly maker: string | null;
  /** Whether `quantize` keeps it whatever is asked for; else it does from `bits` bits on. */
  readonly always: boolean;
  /** What the layer multiplies it with, where that has few values, too. */
  readonly input: ActivationBits | null;
}

/** A discretized weight. */
export interface InspectedCodes {
  readonly name: string;
  readonly shape: readonly number[];
  readonly count: number;
  readonly scheme: string;
  readonly bits: number;
  readonly granularity: string;
  /** Level tables. */
  readonly tables: number;
  /** In the file, where it has them compressed; else of the bit-planes. */
  readonly codeBytes: number;
  readonly levelBytes: number;
  /** Entropy of its codes, bits a weight. */
  readonly entropyBits: number;
  readonly compressed: boolean;
  /** What the layer multiplies it with, where that has few values, too. */
  readonly input: ActivationBits | null;
}

export interface InspectedOperator {
  /** '' is ai.onnx. */
  readonly domain: string;
  readonly opType: string;
  /** Nodes, those of subgraphs and of called functions included. */
  readonly count: number;
  /** Whether it can be executed here. */
  readonly supported: boolean;
}

/** What is in a model. */
export interface ModelInspection {
  /** Path, where it was read from one. */
  readonly file: string | null;
  readonly format: string;
  /** Bytes of the file; null for a model in memory. */
  readonly fileBytes: number | null;
  /** For a packed model: what it was made from. */
  readonly source: {
    readonly file: string | null;
    readonly byteLength: number | null;
    readonly sha256: string | null;
  };
  readonly producer: string;
  readonly irVersion: number;
  readonly opsets: Readonly<Record<string, number>>;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly operators: readonly InspectedOperator[];
  /** Elements of all floating-point initializers, discretized ones included. */
  readonly parameters: number;
  /** Multiplications of convolutions and matrix products for one sample; null where no shape is known. */
  readonly macs: number | null;
  /** Nodes of them that are not counted: their shapes are not known, or a branch or a loop runs them or not. */
  readonly uncounted: number;
  /** Weights that `quantize` would discretize, and those that it would not, with the reason. */
  readonly weights: readonly InspectedWeight[];
  readonly skipped: readonly SkippedWeight[];
  /** Layers of a Keras model that have no operators here, with place and reason: the model cannot be run. */
  readonly notConverted: readonly string[];
  /** Weights of few bits; those that `quantize` would always keep are not among `weights`. */
  readonly lowBit: readonly InspectedLowBit[];
  /** Weights that are discretized already. */
  readonly discretized: readonly InspectedCodes[];
  /** Bytes of a packed file on disk, all of them counted; null for other files. */
  readonly packed: PackedSize | null;
  /** Bytes of an ONNX file; null for other files, and where constants are outside of it. */
  readonly onDisk: OnnxFileSize | null;
  /** What the model takes in every form that it can leave in, a sentence where it cannot; absent unless asked for. */
  readonly sizes?: readonly (FormSize | FormRefusal)[];
  /** What running one sample takes; absent unless asked for. */
  readonly memory?: SampleMemory;
  /** What the network takes as C on a device (`export --to c`), a sentence where it cannot be written; absent unless asked for. */
  readonly c?: CSize | string;
}

export interface InspectOptions extends ReadModelOptions {
  /** Run one sample, and tell what that takes in memory. */
  readonly memory?: boolean;
  /** Make every form that the model can leave in, in memory, and tell what its bytes are for. */
  readonly sizes?: boolean;
}

/** What is in a model: of a path also what its file is made of. @throws as `readModel` */
export async function inspectModel(
  source: string | Model,
  options: InspectOptions = {},
): Promise<ModelInspection> {
  const model = typeof source === 'string' ? await readModel(source, options) : source;
  const { graph } = model;
  const path = typeof source === 'string' ? source : null;
  const { chosen, skipped } = planWeights(model);
  const lowBit = lowBitOf(model, chosen);
  const kept = new Set(lowBit.flatMap(({ name, always }) => (always ? [name] : [])));
  const inputs = inputBits(model);
  const { format, file = null, byteLength = null, sha256 = null } = model.source;
  return {
    file: path,
    format,
    fileBytes: path === null ? null : statSync(path).size,
    source: { file, byteLength, sha256 },
    producer: model.producer,
    irVersion: model.irVersion,
    opsets: Object.fromEntries(model.opsets),
    inputs: graph.inputs,
    outputs: graph.outputs,
    operators: operatorsOf(model),
    parameters: parameterCount(model),
    ...macsOf(model),
    weights: chosen.flatMap(({ name, source, node, opType, rows, columns, count, shape, dtype, chain }) => {
      const { byteLength: bytes } = chain.initializer;
      if (kept.has(name)) return [];
      const input = inputs.get(name) ?? null;
      return [{ name, source, node, opType, shape, dtype, count, rows, columns, byteLength: bytes, input }];
    }),
    skipped,
    notConverted: notConverted(model),
    lowBit,
    discretized: discretizedOf(model, inputs),
    packed: path !== null && format === 'packed' ? bytesOnDisk(path) : null,
    onDisk: path !== null && format === 'onnx' ? (onnxFileSize(model, statSync(path).size) ?? null) : null,
    ...(options.sizes === true && { sizes: formSizes(model) }),
    ...(options.memory === true && { memory: measureMemory(model), c: measureC(model) }),
  };
}

/** What weights are multiplied with, where that has few values, by the weight's name. */
function inputBits(model: Model): Map<string, ActivationBits> {
  const bitsOf = activationBits(model);
  const found = new Map<string, ActivationBits>();
  for (const { value, layers } of layerInputs(model).chosen) {
    const bits = bitsOf(value);
    if (bits !== undefined) for (const { weight } of layers) found.set(weight, bits);
  }
  return found;
}

/** Larger weights are float ones for all that a quick look can tell: reading them takes seconds. */
const LARGEST_LOOKED_AT = 2 ** 26;

function lowBitOf(model: Model, chosen: readonly PlannedWeight[]): InspectedLowBit[] {
  const bitsOf = activationBits(model);
  const byName = new Map(model.graph.nodes.map((node) => [nodeName(node), node]));
  return [...findLowBit(model, chosen, LARGEST_LOOKED_AT)].map(
    ({ planned, kind, bits, granularity, always }) => {
      const { name, source, node, opType, shape, count, maker } = planned;
      const operands = byName.get(node)?.inputs.slice(0, 2) ?? [];
      const input = operands
        .map(bitsOf)
        .find((found, i) => found !== undefined && !isWeight(operands[i]!, planned));
      return {
        name,
        source,
        node,
        opType,
        shape,
        count,
        kind,
        bits,
        granularity,
        maker,
        always,
        input: input ?? null,
      };
    },
  );
}

/** Whether an operand of a weight's node is the weight. */
function isWeight(operand: string, { name, chain }: PlannedWeight): boolean {
  return operand === name || chain.views.some(({ node }) => node.outputs[0] === operand);
}

const MULTIPLYING = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul']);

function macsOf(model: Model): Pick<ModelInspection, 'macs' | 'uncounted'> {
  const whole = withMissingFunctions(model);
  const counts = countMacs(whole, inferShapes(whole, singleSampleShapes(whole)));
  const all = [...allNodes(whole.graph.nodes)];
  const nodes = all.filter(({ domain, opType }) => domain === '' && MULTIPLYING.has(opType));
  const uncounted = nodes.filter((node) => !counts.has(node)).length;
  const macs =
    counts.size === 0 && uncounted > 0 ? null : [...counts.values()].reduce((sum, n) => sum + n, 0);
  return { macs, uncounted };
}

function operatorsOf(model: Model): InspectedOperator[] {
  const key = (domain: string, opType: string): string => `${domain}\n${opType}`;
  const missing = new Set(unsupportedOperators(model).map(({ domain, opType }) => key(domain, opType)));
  const counts = new Map<string, number>();
  for (const { domain, opType } of allNodes(withMissingFunctions(model).graph.nodes))
    counts.set(key(domain, opType), (counts.get(key(domain, opType)) ?? 0) + 1);
  return [...counts]
    .map(([name, count]) => {
      const [domain = '', opType = ''] = name.split('\n');
      return { domain, opType, count, supported: !missing.has(name) };
    })
    .toSorted((a, b) => b.count - a.count || (a.opType < b.opType ? -1 : 1));
}

function discretizedOf(model: Model, inputs: ReadonlyMap<string, ActivationBits>): InspectedCodes[] {
  const { deflated } = (onnxContainerOf(model) ?? {}) as Partial<PackedContainer>;
  return [...model.graph.initializers.values()].flatMap(({ name, shape, quantized }) => {
    if (quantized === undefined) return [];
    const { codes, levels } = payloadBytes(quantized);
    const { scheme, bits, granularity, rows, columns } = quantized;
    const tables = tableCount(quantized);
    return [
      {
        name,
        shape,
        count: rows * columns,
        scheme,
        bits,
        granularity,
        tables,
        codeBytes: deflated?.get(name) ?? codes,
        levelBytes: levels,
        entropyBits: codeEntropy(quantized),
        compressed: deflated?.has(name) ?? false,
        input: inputs.get(name) ?? null,
      },
    ];
  });
}

/** What the bytes of a packed file are for, read from the file and not computed from the model. */
function bytesOnDisk(path: string): PackedSize {
  const bytes = readFileBytes(path, MAX_MODEL_BYTES);
  const { tensors, data } = decodeSafetensors(bytes, `"${path}"`);
  const sizeOf = (name: string): number => {
    const entry = tensors.get(name);
    return entry === undefined ? 0 : entry.end - entry.start;
  };
  const [codes, levels, graph] = [sizeOf(CODES_TENSOR), sizeOf(LEVELS_TENSOR), sizeOf(GRAPH_TENSOR)];
  return {
    codes,
    levels,
    other: data.length - codes - levels - graph,
    graph,
    header: bytes.length - data.length,
    total: bytes.length,
  };
}
