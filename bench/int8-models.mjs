/**
 * The peers' int8 models, made of the float ONNX file without any tool of theirs: QuantizeLinear and DequantizeLinear around
 * every operator that onnxruntime has an integer kernel for (uint8 activations with a range for each tensor, int8 weights
 * symmetric by channel, int32 biases), which it fuses into QLinearConv, QGemm, QLinearAdd and so on. For a fully connected
 * layer also the form with ranges found on the way: DynamicQuantizeLinear, MatMulInteger.
 */
import {
  attributeOf,
  decode,
  dropUnused,
  encode,
  floatsOf,
  foldBatchNorm,
  initializer,
  node,
  outputNamed,
  readersOf,
} from './onnx-graph.mjs';

const [FLOAT, UINT8, INT8, INT32] = [1, 2, 3, 6];
const LAYERS = new Set(['Conv', 'Gemm']);
/** What gives back values that it was given: one range for both sides, and onnxruntime drops the pairs around it. */
const MOVES = new Set(['MaxPool', 'Flatten', 'Reshape', 'Slice', 'Pad', 'Transpose']);
const COMPUTES = new Set([...LAYERS, 'Add', 'GlobalAveragePool', 'Concat', 'Relu', 'Clip']);

/**
 * Runs the float model with all values as outputs.
 * @param feeds `[{name, shape, data}]`, one an image
 * @returns ranges of all values, multiply-adds of Conv and Gemm of one feed
 */
export async function profile(bytes, feeds) {
  const { default: ort } = await import('onnxruntime-node');
  const model = decode(bytes);
  foldBatchNorm(model);
  const { graph } = model;
  const names = graph.node.flatMap(({ output }) => output);
  const outputs = new Set(graph.output.map(({ name }) => name));
  graph.output.push(...names.filter((name) => !outputs.has(name)).map(outputNamed));
  const session = await ort.InferenceSession.create(encode(model), {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 3,
  });
  const ranges = new Map();
  const dims = new Map();
  for (const { name, shape, data } of feeds) {
    const values = await session.run({ [name]: new ort.Tensor('float32', data, shape) });
    for (const [value, tensor] of [[name, { data, dims: shape }], ...Object.entries(values)]) {
      if (!(tensor.data instanceof Float32Array)) continue;
      let [low, high] = ranges.get(value) ?? [0, 0];
      for (const x of tensor.data) {
        if (x < low) low = x;
        if (x > high) high = x;
      }
      ranges.set(value, [low, high]);
      dims.set(value, tensor.dims);
    }
  }
  await session.release();
  const weights = new Map(graph.initializer.map((one) => [one.name, one.dims.map(Number)]));
  const elements = (shape) => shape.reduce((a, b) => a * b, 1);
  let macs = 0;
  for (const { opType, input, output } of graph.node)
    if (LAYERS.has(opType))
      macs +=
        (elements(dims.get(output[0])) * elements(weights.get(input[1]))) / weightRows(weights.get(input[1]));
  return { ranges, macs };
}

/** Rows of a weight are its output channels: Conv [rows, …], Gemm with transB [rows, columns]. */
function weightRows([rows]) {
  return rows;
}

/** @param ranges as `profile` gives them */
export function qdqModel(bytes, ranges) {
  const model = decode(bytes);
  foldBatchNorm(model);
  const { graph } = model;
  const constants = new Map(graph.initializer.map((one) => [one.name, one]));
  const readers = readersOf(graph);
  const maker = new Map(graph.node.flatMap((one) => one.output.map((name) => [name, one])));
  const outputs = new Set(graph.output.map(({ name }) => name));
  /** An activation function behind a layer goes into the range of its output, so nothing is rounded in between. */
  const isInner = (value) => {
    const next = readers.get(value) ?? [];
    return (
      !outputs.has(value) &&
      next.length === 1 &&
      ['Relu', 'Clip'].includes(next[0].opType) &&
      ['Conv', 'Gemm', 'Add'].includes(maker.get(value)?.opType)
    );
  };
  const isRounded = (value) =>
    ranges.has(value) &&
    !isInner(value) &&
    (isInteger(maker.get(value)) || (readers.get(value) ?? []).some(isInteger));
  const rules = new Map();
  const ruleOf = (value) => {
    if (!rules.has(value)) {
      const made = maker.get(value);
      rules.set(
        value,
        MOVES.has(made?.opType) ? ruleOf(made.input[0]) : activationRule(ranges.get(value), made?.opType),
      );
    }
    return rules.get(value);
  };

  const nodes = [];
  const quantized = new Set();
  const constant = (name, type, dims, values) => {
    graph.initializer.push(initializer(name, type, dims, values));
    return name;
  };
  /** The rounded float that readers of a value get; graph outputs keep their name for it. */
  const rounded = (value) => (outputs.has(value) ? value : `${value}/dequantized`);
  const round = (value, from) => {
    const { scale, zero } = ruleOf(value);
    const parameters = [
      constant(`${value}/scale`, FLOAT, [], Float32Array.of(scale)),
      constant(`${value}/zero`, UINT8, [], Uint8Array.of(zero)),
    ];
    nodes.push(
      node('QuantizeLinear', [from, ...parameters], [`${value}/codes`]),
      node('DequantizeLinear', [`${value}/codes`, ...parameters], [rounded(value)]),
    );
    quantized.add(value);
  };
  for (const { name } of graph.input) if (isRounded(name)) round(name, name);
  for (const one of graph.node) {
    const layer = LAYERS.has(one.opType);
    const inputs = one.input.map((name) => (quantized.has(name) ? rounded(name) : name));
    if (layer) {
      const weight = constants.get(inputs[1]);
      const { codes, scales } = weightCodes(floatsOf(weight), weightRows(weight.dims.map(Number)));
      const { scale } = ruleOf(one.input[0]);
      const name = `${one.output[0]}/w`;
      const byRow = [{ name: 'axis', type: 2, i: 0 }];
      const rows = [scales.length];
      nodes.push(
        node(
          'DequantizeLinear',
          [
            constant(`${name}/codes`, INT8, weight.dims, codes),
            constant(`${name}/scale`, FLOAT, rows, scales),
            constant(`${name}/zero`, INT8, rows, new Int8Array(scales.length)),
          ],
          [name],
          byRow,
        ),
      );
      inputs[1] = name;
      if (inputs[2]) {
        const steps = scales.map((w) => w * scale);
        const bias = Int32Array.from(floatsOf(constants.get(inputs[2])), (b, c) => Math.round(b / steps[c]));
        const biasName = `${one.output[0]}/b`;
        nodes.push(
          node(
            'DequantizeLinear',
            [
              constant(`${biasName}/codes`, INT32, rows, bias),
              constant(`${biasName}/scale`, FLOAT, rows, steps),
              constant(`${biasName}/zero`, INT32, rows, new Int32Array(scales.length)),
            ],
            [biasName],
            byRow,
          ),
        );
        inputs[2] = biasName;
      }
    }
    const [output] = one.output;
    const isEnd = isRounded(output);
    nodes.push({ ...one, input: inputs, output: isEnd ? [`${output}/float`] : one.output });
    if (isEnd) round(output, `${output}/float`);
  }
  graph.node = nodes;
  dropUnused(graph);
  return encode(model);
}

function isInteger(one) {
  return one !== undefined && (COMPUTES.has(one.opType) || MOVES.has(one.opType));
}

/** uint8 codes of a range with 0 in it; those of signs are exact. */
function activationRule([low, high], opType) {
  if (opType === 'Sign') return { scale: 1 / 127, zero: 128 };
  // A hair less than the range: only then is a Clip to it, which the codes make superfluous, left out by onnxruntime.
  const scale = Math.fround(((high - low) / 255 || 1) * (1 - 2 ** -20));
  return { scale, zero: Math.round(-low / scale) };
}

/** Symmetric int8 codes, one scale a row. */
function weightCodes(weights, rows) {
  const columns = weights.length / rows;
  const codes = new Int8Array(weights.length);
  const scales = new Float32Array(rows);
  for (let r = 0; r < rows; r++) {
    let most = 0;
    for (let i = r * columns; i < (r + 1) * columns; i++) most = Math.max(most, Math.abs(weights[i]));
    scales[r] = most / 127 || 1;
    for (let i = r * columns; i < (r + 1) * columns; i++) codes[i] = Math.round(weights[i] / scales[r]);
  }
  return { codes, scales };
}

/** A model of one Gemm (transB) with its input's range found in every run. */
export function dynamicModel(bytes) {
  const model = decode(bytes);
  const { graph } = model;
  const [gemm] = graph.node;
  if (graph.node.length !== 1 || gemm.opType !== 'Gemm' || attributeOf(gemm, 'transB', 0) !== 1)
    throw new Error('bench: expected a model of one Gemm with transB');
  const constants = new Map(graph.initializer.map((one) => [one.name, one]));
  const weight = constants.get(gemm.input[1]);
  const [rows, columns] = weight.dims.map(Number);
  const { codes, scales } = weightCodes(floatsOf(weight), rows);
  const turned = new Int8Array(codes.length);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) turned[c * rows + r] = codes[r * columns + c];
  graph.initializer = [
    constants.get(gemm.input[2]),
    initializer('codes', INT8, [columns, rows], turned),
    initializer('scales', FLOAT, [rows], scales),
    initializer('zeros', INT8, [rows], new Int8Array(rows)),
  ];
  graph.node = [
    node('DynamicQuantizeLinear', [gemm.input[0]], ['x', 'x/scale', 'x/zero']),
    node('MatMulInteger', ['x', 'codes', 'x/zero', 'zeros'], ['sums']),
    node('Cast', ['sums'], ['sums/float'], [{ name: 'to', type: 2, i: FLOAT }]),
    node('Mul', ['x/scale', 'scales'], ['steps']),
    node('Mul', ['sums/float', 'steps'], ['products']),
    node('Add', ['products', gemm.input[2]], [gemm.output[0]]),
  ];
  return encode(model);
}
